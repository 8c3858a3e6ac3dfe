use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rivet_model::Consistency;
use rivet_source::{Scan, ScanLimits, ScanSpec, Snapshot, SourceError};

use crate::connect::Connector;
use crate::dialect;
use crate::scan::PostgresScan;
use crate::server::{POSITION, Server};
use crate::session::Session;

/// One read view: the transaction of one scan, or one exported by a leader that several scans share.
#[derive(Debug)]
pub(crate) struct PostgresSnapshot {
    connector: Connector,
    server: Server,
    leader: Option<Leader>,
    /// Where the view stood in the write-ahead log, once that is known.
    position: Arc<Mutex<Option<String>>>,
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
        workers: usize,
        limits: &ScanLimits,
    ) -> Result<Self, SourceError> {
        let made = Self { connector, server, leader: None, position: Arc::default() };
        if workers <= 1 {
            return Ok(made);
        }
        let mut session = made.connector.connect().await?;
        session.query(&dialect::begin(None, true, limits)).await?;
        let exported = session.query("SELECT pg_catalog.pg_export_snapshot()").await?;
        let snapshot = exported.into_iter().flatten().flatten().next().unwrap_or_default();
        made.ask_position(&mut session).await?;
        Ok(Self { leader: Some(Leader { session: Some(session).into(), snapshot }), ..made })
    }

    async fn ask_position(&self, session: &mut Session) -> Result<(), SourceError> {
        if self.server.tells_position {
            let found = session.query(POSITION).await?.into_iter().flatten().flatten().next();
            *self.position.lock().unwrap_or_else(PoisonError::into_inner) = found;
        }
        Ok(())
    }
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    fn consistency(&self) -> Consistency {
        Consistency::Snapshot { position: self.position.lock().unwrap_or_else(PoisonError::into_inner).clone() }
    }

    async fn scan(&self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Box<dyn Scan>, SourceError> {
        let mut session = self.connector.connect().await?;
        let shared = self.leader.as_ref().map(|leader| leader.snapshot.as_str());
        session.query(&dialect::begin(shared, true, limits)).await?;
        if shared.is_none() {
            self.ask_position(&mut session).await?;
        }
        if self.server.has_raw_text {
            // The server would end the scan at the first text that is not UTF-8, without a word on where it is.
            session.query("SET LOCAL client_encoding = 'SQL_ASCII'").await?;
        }
        Ok(Box::new(PostgresScan::new(session, spec, limits)))
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
