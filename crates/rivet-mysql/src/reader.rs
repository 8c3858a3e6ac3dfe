use std::sync::Arc;

use async_trait::async_trait;
use rivet_source::{Reader, Scan, ScanLimits, ScanSpec, SourceError};

use crate::link::Link;
use crate::scan::MysqlScan;

/// One connection, lent to one scan after the other.
#[derive(Debug)]
pub(crate) struct MysqlReader {
    link: Arc<Link>,
}

impl MysqlReader {
    pub(crate) fn new(link: Link) -> Self {
        Self { link: Arc::new(link) }
    }
}

#[async_trait]
impl Reader for MysqlReader {
    async fn scan(&mut self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Box<dyn Scan>, SourceError> {
        // A range that can't be written is refused before the connection is asked for.
        let scan = MysqlScan::new(Arc::clone(&self.link), spec, limits)?;
        let session = self.link.borrow(limits).await?;
        Ok(Box::new(scan.over(session)))
    }

    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        self.link.close().await
    }
}
