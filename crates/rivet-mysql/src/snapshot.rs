use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use rivet_model::{Consistency, ReadView};
use rivet_source::{Reader, ScanLimits, Snapshot, SourceError};

use crate::connect::Connector;
use crate::link::{Link, Position, View, view_is_gone};
use crate::reader::MysqlReader;
use crate::server::Server;

/// What the workers of a run read from: one reader's own transaction, or nothing in common.
///
/// A view can't be handed from one connection to another here. Making several at one moment takes a lock on all tables
/// of the server, which nobody has asked for.
#[derive(Debug)]
pub(crate) struct MysqlSnapshot {
    connector: Connector,
    server: Server,
    view: View,
    /// Whether the one reader was made whose transaction is the view.
    taken: AtomicBool,
    position: Position,
}

impl MysqlSnapshot {
    pub(crate) fn new(connector: Connector, server: Server, view: ReadView, workers: usize) -> Self {
        let view = if view == ReadView::Shared && workers <= 1 { View::Own } else { View::PerScan };
        Self { connector, server, view, taken: AtomicBool::new(false), position: Arc::default() }
    }
}

#[async_trait]
impl Snapshot for MysqlSnapshot {
    fn consistency(&self) -> Consistency {
        match self.view {
            View::PerScan => Consistency::Chunk,
            View::Own => {
                Consistency::Snapshot { position: self.position.lock().unwrap_or_else(PoisonError::into_inner).clone() }
            }
        }
    }

    async fn reader(&self, _limits: &ScanLimits) -> Result<Box<dyn Reader>, SourceError> {
        // A second reader would see another moment.
        if self.view == View::Own && self.taken.swap(true, Ordering::Relaxed) {
            return Err(view_is_gone());
        }
        let (connector, server) = (self.connector.clone(), self.server.clone());
        Ok(Box::new(MysqlReader::new(Link::new(connector, server, self.view, Arc::clone(&self.position)))))
    }

    async fn close(&self) -> Result<(), SourceError> {
        Ok(())
    }
}
