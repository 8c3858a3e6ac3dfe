use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rivet_model::{ConnectionSettings, ReadView, SourceKind};
use rivet_source::{
    DescribeRequest, Description, Inspector, ScanLimits, ScanSpec, ServerInfo, Snapshot, Source, SourceError,
    SourceFactory, Split, SplitRequest, Watermark, WatermarkRequest,
};
use tokio::sync::OnceCell;

use crate::connect::Connector;
use crate::describe::describe;
use crate::inspect::MysqlInspector;
use crate::server::{Server, identify};
use crate::session::Session;
use crate::snapshot::MysqlSnapshot;
use crate::{split, watermark};

/// Makes MySQL and MariaDB sources.
#[derive(Debug, Clone, Copy, Default)]
pub struct MysqlFactory;

impl SourceFactory for MysqlFactory {
    fn kind(&self) -> SourceKind {
        SourceKind::Mysql
    }

    fn open(&self, settings: &ConnectionSettings) -> Result<Arc<dyn Source>, SourceError> {
        Ok(Arc::new(MysqlSource { connector: Connector::new(settings, true)?, server: Arc::default() }))
    }
}

/// Makes sources whose rows come by the library alone, as they do from servers whose handshake Rivet does not speak.
/// They take more of the client's time, and differ in nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub struct MysqlLibraryFactory;

impl SourceFactory for MysqlLibraryFactory {
    fn kind(&self) -> SourceKind {
        SourceKind::Mysql
    }

    fn open(&self, settings: &ConnectionSettings) -> Result<Arc<dyn Source>, SourceError> {
        Ok(Arc::new(MysqlSource { connector: Connector::new(settings, false)?, server: Arc::default() }))
    }
}

/// A MySQL or MariaDB server.
#[derive(Debug)]
pub(crate) struct MysqlSource {
    connector: Connector,
    server: Arc<OnceCell<Server>>,
}

impl MysqlSource {
    /// Opens a session and makes sure that the server is known.
    async fn session(&self) -> Result<(Session, &Server), SourceError> {
        let mut session = self.connector.connect().await?;
        let server = match self.server.get() {
            Some(server) => server,
            None => {
                let found = identify(&mut session).await?;
                self.server.get_or_init(|| std::future::ready(found)).await
            }
        };
        if let Some(setting) = server.live_catalog() {
            // What stands between may not know it. Older numbers are worth having all the same.
            let _set = session.query(setting).await;
        }
        Ok((session, server))
    }
}

#[async_trait]
impl Source for MysqlSource {
    async fn server(&self) -> Result<ServerInfo, SourceError> {
        let (session, server) = self.session().await?;
        session.close().await;
        Ok(server.info.clone())
    }

    async fn describe(&self, request: &DescribeRequest) -> Result<Description, SourceError> {
        let (mut session, server) = self.session().await?;
        let description = describe(&mut session, server, request).await?;
        session.close().await;
        Ok(description)
    }

    async fn split(&self, spec: &ScanSpec, request: &SplitRequest, limits: &ScanLimits) -> Result<Split, SourceError> {
        let (mut session, server) = self.session().await?;
        let made = split::split(&mut session, server, spec, request, limits).await?;
        session.close().await;
        Ok(made)
    }

    async fn watermark(
        &self,
        spec: &ScanSpec,
        request: &WatermarkRequest,
        limits: &ScanLimits,
    ) -> Result<Watermark, SourceError> {
        let (mut session, server) = self.session().await?;
        let found = watermark::watermark(&mut session, server, spec, request, limits).await?;
        session.close().await;
        Ok(found)
    }

    async fn inspector(&self, patience: Duration) -> Result<Box<dyn Inspector>, SourceError> {
        let (session, server) = self.session().await?;
        Ok(Box::new(MysqlInspector::over(self.connector.clone(), server.clone(), session, patience).await?))
    }

    async fn open_snapshot(
        &self,
        view: ReadView,
        workers: usize,
        _limits: &ScanLimits,
    ) -> Result<Box<dyn Snapshot>, SourceError> {
        let server = if let Some(server) = self.server.get() {
            server
        } else {
            let (session, server) = self.session().await?;
            session.close().await;
            server
        };
        Ok(Box::new(MysqlSnapshot::new(self.connector.clone(), server.clone(), view, workers)))
    }
}

impl fmt::Display for MysqlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connector.settings().fmt(f)
    }
}
