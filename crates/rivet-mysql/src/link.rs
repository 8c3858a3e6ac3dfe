use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rivet_source::{ScanLimits, SourceError, SourceErrorKind};

use crate::connect::Connector;
use crate::dialect;
use crate::server::Server;
use crate::session::Session;

/// Which transactions the view of a snapshot holds, once that is known.
pub(crate) type Position = Arc<Mutex<Option<String>>>;

/// What the scans of one reader see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Each its own moment: a transaction for each.
    PerScan,
    /// One moment: the reader's only transaction.
    Own,
}

/// The connection of one reader, which its scans borrow one after the other.
pub(crate) struct Link {
    connector: Connector,
    server: Server,
    view: View,
    position: Position,
    held: Mutex<Held>,
}

/// Where the connection is.
enum Held {
    /// Nowhere: none was made, or none that saw anything.
    None,
    /// Here. The limits are those that the session was given last.
    Idle { session: Box<Session>, limits: Patience, in_transaction: bool },
    /// With a scan, or lost with one.
    Out,
}

/// The limits that a session was given: they may differ between the scans of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Patience {
    statement: Duration,
    lock: Duration,
}

impl From<&ScanLimits> for Patience {
    fn from(limits: &ScanLimits) -> Self {
        Self { statement: limits.statement_timeout, lock: limits.lock_timeout }
    }
}

impl Link {
    pub(crate) fn new(connector: Connector, server: Server, view: View, position: Position) -> Self {
        Self { connector, server, view, position, held: Mutex::new(Held::None) }
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Held {
        std::mem::replace(&mut *self.held(), Held::Out)
    }

    /// Lends the connection, in a transaction that sees what it should.
    pub(crate) async fn borrow(&self, limits: &ScanLimits) -> Result<Box<Session>, SourceError> {
        match (self.take(), self.view) {
            (Held::Idle { session, limits: given, in_transaction: false }, View::PerScan) => {
                match self.begin(session, Some(given), limits).await {
                    // It broke while nobody looked.
                    Err(error) if error.kind() == SourceErrorKind::ConnectionLost => self.connect(limits).await,
                    begun => begun,
                }
            }
            (Held::Idle { session, .. }, View::PerScan) => {
                session.close().await;
                self.connect(limits).await
            }
            (Held::Idle { mut session, limits: given, .. }, View::Own) => {
                if given != limits.into() {
                    session.query(&dialect::patience(self.server.family, limits)).await?;
                }
                Ok(session)
            }
            (Held::Out, View::Own) => Err(view_is_gone()),
            (Held::None, View::Own) => {
                let connected = self.connect(limits).await;
                if connected.is_err() {
                    // Nothing was seen, so that the next attempt may choose its moment.
                    *self.held() = Held::None;
                }
                connected
            }
            (Held::None | Held::Out, View::PerScan) => self.connect(limits).await,
        }
    }

    async fn connect(&self, limits: &ScanLimits) -> Result<Box<Session>, SourceError> {
        let session = Box::new(self.connector.connect_for_rows().await?);
        self.begin(session, None, limits).await
    }

    async fn begin(
        &self,
        mut session: Box<Session>,
        given: Option<Patience>,
        limits: &ScanLimits,
    ) -> Result<Box<Session>, SourceError> {
        if given != Some(limits.into()) {
            session.query(&dialect::patience(self.server.family, limits)).await?;
        }
        if self.view == View::Own && self.server.has_gtids {
            // Asked for before the view is made: it holds these transactions and may hold a few more. The other way
            // round it might lack some.
            let rows = session.query("SELECT @@global.gtid_executed").await?;
            let found = rows.into_iter().flatten().flatten().next().filter(|set| !set.is_empty());
            *self.position.lock().unwrap_or_else(PoisonError::into_inner) = found.map(|set| set.replace('\n', ""));
        }
        session.query(dialect::BEGIN).await?;
        Ok(session)
    }

    /// Takes the connection back from a scan that has read everything.
    pub(crate) async fn settle(&self, mut session: Box<Session>, limits: &ScanLimits) -> Result<(), SourceError> {
        let in_transaction = self.view == View::Own;
        if !in_transaction {
            session.query("COMMIT").await?;
        }
        *self.held() = Held::Idle { session, limits: limits.into(), in_transaction };
        Ok(())
    }

    /// Takes the connection back from a scan that has read nothing.
    pub(crate) fn give_back(&self, session: Box<Session>, limits: &ScanLimits) {
        *self.held() = Held::Idle { session, limits: limits.into(), in_transaction: true };
    }

    /// Ends the connection, where it is here.
    pub(crate) async fn close(&self) -> Result<(), SourceError> {
        if let Held::Idle { session, .. } = self.take() {
            // A transaction that wrote nothing ends with its session.
            session.close().await;
        }
        Ok(())
    }
}

pub(crate) fn view_is_gone() -> SourceError {
    SourceError::new(SourceErrorKind::ConnectionLost, "the read view is gone")
        .with_help("Run the same command again; `consistency: chunk` needs no view that lasts.")
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("connector", &self.connector).field("view", &self.view).finish_non_exhaustive()
    }
}
