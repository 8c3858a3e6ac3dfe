use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use rivet_model::{Consistency, ReadView};
use rivet_source::{Reader, ScanLimits, Snapshot, SourceError};

use crate::connect::Connector;
use crate::dialect;
use crate::link::{Link, Position, View, ask_position, view_is_gone};
use crate::reader::PostgresReader;
use crate::server::Server;
use crate::session::Session;

/// What the workers of a run read from: a view that a leader has exported, one reader's own transaction, or nothing
/// in common.
///
/// An exported view keeps the source from removing dead rows for as long as it lasts. Who opens one decides how long
/// that may be; 15 minutes are a good limit.
#[derive(Debug)]
pub(crate) struct PostgresSnapshot {
    connector: Connector,
    server: Server,
    view: ReadView,
    leader: Option<Leader>,
    /// Whether the one reader was made whose transaction is the view.
    taken: AtomicBool,
    position: Position,
}

/// The transaction that keeps an exported snapshot alive.
#[derive(Debug)]
struct Leader {
    /// Taken away when the view is given back.
    session: tokio::sync::Mutex<Option<Session>>,
    snapshot: String,
}

impl PostgresSnapshot {
    /// Exports a snapshot where several workers need it; a single one's transaction is a view of its own.
    pub(crate) async fn open(
        connector: Connector,
        server: Server,
        view: ReadView,
        workers: usize,
        limits: &ScanLimits,
    ) -> Result<Self, SourceError> {
        let taken = AtomicBool::new(false);
        let made = Self { connector, server, view, leader: None, taken, position: Arc::default() };
        if view == ReadView::PerScan || workers <= 1 {
            return Ok(made);
        }
        let mut session = made.connector.connect().await?;
        session.query(&dialect::begin(None, true, limits)).await?;
        let exported = session.query("SELECT pg_catalog.pg_export_snapshot()").await?;
        let snapshot = exported.into_iter().flatten().flatten().next().unwrap_or_default();
        ask_position(&mut session, &made.server, &made.position).await?;
        Ok(Self { leader: Some(Leader { session: Some(session).into(), snapshot }), ..made })
    }

    /// What the next reader sees.
    fn reader_view(&self) -> Result<View, SourceError> {
        match (&self.view, &self.leader) {
            (ReadView::PerScan, _) => Ok(View::PerScan),
            (ReadView::Shared, Some(leader)) => Ok(View::Exported(leader.snapshot.clone())),
            // A second reader would see another moment.
            (ReadView::Shared, None) if self.taken.swap(true, Ordering::Relaxed) => Err(view_is_gone()),
            (ReadView::Shared, None) => Ok(View::Own),
        }
    }
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    fn consistency(&self) -> Consistency {
        match self.view {
            ReadView::PerScan => Consistency::Chunk,
            ReadView::Shared => {
                Consistency::Snapshot { position: self.position.lock().unwrap_or_else(PoisonError::into_inner).clone() }
            }
        }
    }

    async fn reader(&self, _limits: &ScanLimits) -> Result<Box<dyn Reader>, SourceError> {
        let (connector, server) = (self.connector.clone(), self.server.clone());
        let link = Link::new(connector, server, self.reader_view()?, Arc::clone(&self.position));
        Ok(Box::new(PostgresReader::new(link)))
    }

    async fn close(&self) -> Result<(), SourceError> {
        let Some(leader) = &self.leader else { return Ok(()) };
        if let Some(mut session) = leader.session.lock().await.take() {
            session.query("COMMIT").await?;
            session.close().await;
        }
        Ok(())
    }
}
