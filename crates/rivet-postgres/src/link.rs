use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rivet_source::{ScanLimits, SourceError, SourceErrorKind};

use crate::connect::Connector;
use crate::dialect;
use crate::server::{POSITION, Server};
use crate::session::Session;

/// Where the view of a snapshot stands in the write-ahead log, once that is known.
pub(crate) type Position = Arc<Mutex<Option<String>>>;

/// What the scans of one reader see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum View {
    /// Each its own moment: a transaction for each.
    PerScan,
    /// One moment: the reader's only transaction.
    Own,
    /// The moment of a transaction that another connection has exported.
    Exported(String),
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
    /// Here. A transaction is open for as long as its limits are known.
    Idle { session: Box<Session>, transaction: Option<Patience> },
    /// With a scan, or lost with one.
    Out,
}

/// The limits that a transaction was given: they may differ between the scans of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
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
        match (self.take(), &self.view) {
            (Held::Idle { session, transaction: None }, View::PerScan) => match self.begin(session, limits).await {
                // It broke while nobody looked.
                Err(error) if error.kind() == SourceErrorKind::ConnectionLost => self.connect(limits).await,
                begun => begun,
            },
            (Held::Idle { session, transaction: Some(_) }, View::PerScan) => {
                session.close().await;
                self.connect(limits).await
            }
            (Held::Idle { mut session, transaction }, View::Own | View::Exported(_)) => {
                if transaction != Some(limits.into()) {
                    session.query(&dialect::patience(limits)).await?;
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
            (Held::None | Held::Out, View::PerScan | View::Exported(_)) => self.connect(limits).await,
        }
    }

    async fn connect(&self, limits: &ScanLimits) -> Result<Box<Session>, SourceError> {
        let session = Box::new(self.connector.connect().await?);
        self.begin(session, limits).await
    }

    async fn begin(&self, mut session: Box<Session>, limits: &ScanLimits) -> Result<Box<Session>, SourceError> {
        let exported = match &self.view {
            View::Exported(snapshot) => Some(snapshot.as_str()),
            View::PerScan | View::Own => None,
        };
        let begun = session.query(&dialect::begin(exported, true, limits)).await;
        begun.map_err(|error| match error.sqlstate() {
            // The transaction that exported the view has ended.
            Some("22023") if exported.is_some() => view_is_gone().with_source(error),
            _ => error,
        })?;
        if self.view == View::Own {
            ask_position(&mut session, &self.server, &self.position).await?;
        }
        if self.server.has_raw_text {
            // The server would end the scan at the first text that is not UTF-8, without a word on where it is.
            session.query("SET LOCAL client_encoding = 'SQL_ASCII'").await?;
        }
        Ok(session)
    }

    /// Takes the connection back from a scan that has read everything.
    pub(crate) async fn settle(&self, mut session: Box<Session>, limits: &ScanLimits) -> Result<(), SourceError> {
        let transaction = if self.view == View::PerScan {
            session.query("COMMIT").await?;
            None
        } else {
            Some(limits.into())
        };
        *self.held() = Held::Idle { session, transaction };
        Ok(())
    }

    /// Takes the connection back from a scan that has read nothing.
    pub(crate) fn give_back(&self, session: Box<Session>, limits: &ScanLimits) {
        *self.held() = Held::Idle { session, transaction: Some(limits.into()) };
    }

    /// Ends the connection, where it is here.
    pub(crate) async fn close(&self) -> Result<(), SourceError> {
        let Held::Idle { mut session, transaction } = self.take() else { return Ok(()) };
        if transaction.is_some() {
            // The server has confirmed every row; how a transaction ends that wrote nothing changes none of them.
            let _ended = session.query("COMMIT").await;
        }
        session.close().await;
        Ok(())
    }
}

pub(crate) fn view_is_gone() -> SourceError {
    SourceError::new(SourceErrorKind::ConnectionLost, "the read view is gone")
        .with_help("Run the same command again; `consistency: chunk` needs no view that lasts.")
}

/// Asks where the view of the session's transaction stands, where the role may know.
pub(crate) async fn ask_position(
    session: &mut Session,
    server: &Server,
    position: &Position,
) -> Result<(), SourceError> {
    if server.tells_position {
        let found = session.query(POSITION).await?.into_iter().flatten().flatten().next();
        *position.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }
    Ok(())
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("connector", &self.connector).field("view", &self.view).finish_non_exhaustive()
    }
}
