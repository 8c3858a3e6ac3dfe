use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use mysql_async::Error;
use rivet_model::Relation;
use rivet_source::{Scan, ScanLimits, ScanSpec, ScanSummary, SourceError, SourceErrorKind};

use crate::decode::RowDecoder;
use crate::dialect::{self, Statement};
use crate::link::Link;
use crate::pace::Walk;
use crate::raw::{Rows, Stop};
use crate::session::{Session, out_of_time, patience};
use crate::types::{Class, class};
use crate::wire::ResultColumn;

/// How long a server that was asked to stop is waited for.
const CANCEL_PATIENCE: Duration = Duration::from_secs(10);

/// The rows of a range, decoded as they come: one statement, or one after the other along the primary key.
///
/// The protocol has no count of rows that were sent. Its packets are numbered, and the last one says that it is the
/// last: rows that went missing on the way would break either.
pub(crate) struct MysqlScan {
    link: Arc<Link>,
    spec: ScanSpec,
    limits: ScanLimits,
    schema: SchemaRef,
    decoder: RowDecoder,
    /// The statement that runs, or will.
    statement: Statement,
    /// What is left to read behind it, where the range is read in several statements.
    walk: Option<Walk>,
    stage: Stage,
    summary: ScanSummary,
    /// When the statement that runs began.
    started: Option<Instant>,
    /// Rows that earlier statements gave.
    rows_before: u64,
}

enum Stage {
    /// In a transaction, nothing sent.
    Ready(Box<Session>),
    /// A statement was sent.
    Reading(Box<Session>),
    /// The connection is with the reader again, or closed.
    Ended,
}

impl MysqlScan {
    /// Prepares to read a range.
    pub(crate) fn new(link: Arc<Link>, spec: &ScanSpec, limits: &ScanLimits) -> Result<Self, SourceError> {
        Ok(Self {
            link,
            schema: spec.schema(),
            decoder: RowDecoder::new(spec, limits),
            statement: dialect::select(spec)?,
            spec: spec.clone(),
            limits: limits.clone(),
            walk: None,
            stage: Stage::Ended,
            summary: ScanSummary::default(),
            started: None,
            rows_before: 0,
        })
    }

    /// Reads over a session that is in its transaction.
    pub(crate) fn over(mut self, session: Box<Session>) -> Self {
        self.stage = Stage::Ready(session);
        self
    }

    /// Plans how to read, and sends the first statement.
    async fn begin(&mut self) -> Result<(), SourceError> {
        let Stage::Ready(session) = &mut self.stage else { return Ok(()) };
        (self.statement, self.walk) = Walk::first(session, &self.spec, &self.limits).await?;
        self.send().await
    }

    /// Sends the statement.
    async fn send(&mut self) -> Result<(), SourceError> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Ended) {
            // From here on it has to be stopped.
            Stage::Ready(session) | Stage::Reading(session) => Stage::Reading(session),
            Stage::Ended => return Ok(()),
        };
        self.summary.statements += 1;
        self.started = Some(Instant::now());
        let patience = self.patience();
        let Stage::Reading(session) = &mut self.stage else { return Ok(()) };
        match tokio::time::timeout(patience, session.start(&self.statement.sql)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.server_error(error)),
            Err(_elapsed) => return Err(self.silence().await),
        }
        let Stage::Reading(session) = &self.stage else { return Ok(()) };
        if !is_as_described(&self.spec, &self.statement, &session.columns()) {
            self.cancel().await;
            let message = format!("the {} has other columns than when the run began", self.spec.relation);
            return Err(SourceError::new(SourceErrorKind::Conflict, message)
                .with_help("Somebody changed a table meanwhile: run the same command again."));
        }
        Ok(())
    }

    /// Takes the counters over from the decoder.
    fn count(&mut self) {
        self.summary.rows = self.decoder.rows();
        self.summary.wire_bytes = self.decoder.wire_bytes();
        self.summary.nulled = self.decoder.nulled();
    }

    /// Goes on after the server's last word on a statement. Returns whether it was the last one.
    async fn complete(&mut self) -> Result<bool, SourceError> {
        self.count();
        let elapsed = self.stop_clock();
        let rows = self.summary.rows - self.rows_before;
        self.rows_before = self.summary.rows;
        let mut last = None;
        if let Stage::Reading(session) = &mut self.stage {
            last = session.take_last();
            session.finish().await?;
        }
        if let (Some(walk), Some(last)) = (&mut self.walk, last) {
            let last = walk.key_of(&last)?;
            if walk.step(rows, elapsed, last) {
                self.statement = walk.statement()?;
                self.send().await?;
                return Ok(false);
            }
        }
        if let Stage::Reading(session) = std::mem::replace(&mut self.stage, Stage::Ended) {
            self.link.settle(session, &self.limits).await?;
        }
        Ok(true)
    }

    /// Returns how long the statement took that ran.
    fn stop_clock(&mut self) -> Duration {
        let elapsed = self.started.take().map(|started| started.elapsed()).unwrap_or_default();
        self.summary.statement_elapsed = self.summary.statement_elapsed.max(elapsed);
        elapsed
    }

    /// How long the next answer may take.
    fn patience(&self) -> Duration {
        let elapsed = self.started.map(|started| started.elapsed()).unwrap_or_default();
        patience(self.limits.statement_timeout, elapsed)
    }

    /// The server should have ended the statement by now, and nothing came.
    async fn silence(&mut self) -> SourceError {
        let place = match &self.stage {
            Stage::Ready(session) | Stage::Reading(session) => session.settings().to_string(),
            Stage::Ended => "the server".to_owned(),
        };
        self.cancel().await;
        let limit = self.limits.statement_timeout.as_secs();
        let message = format!("{place} went silent: no answer, though the statement's {limit} s are over");
        SourceError::new(SourceErrorKind::ConnectionLost, message)
            .with_help("Check the network between here and the server, then run the same command again.")
    }

    /// The server's error, with its place in the query, and told apart where one number means two things.
    fn server_error(&mut self, error: Error) -> SourceError {
        self.count();
        let elapsed = self.stop_clock();
        let Stage::Reading(session) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            return SourceError::new(SourceErrorKind::Protocol, "an answer came without a question");
        };
        let explained = session.explain_in(error, &self.statement, &self.spec.relation);
        out_of_time(explained, elapsed, self.limits.statement_timeout)
    }
}

/// Whether the columns that come are those that were described: somebody may have changed the tables meanwhile.
///
/// A query as the user wrote it may ask for all columns that there are, so that their names tell. Where columns are
/// asked for by name, they have to be of the kind that they were; whether their values fit is looked at one by one.
fn is_as_described(spec: &ScanSpec, statement: &Statement, columns: &[ResultColumn]) -> bool {
    match &spec.relation {
        Relation::Query(query) if *query == statement.sql => {
            let expected = spec.columns.iter().map(|column| column.name.as_str());
            columns.iter().map(|column| column.name.as_str()).eq(expected)
        }
        Relation::Query(_) => true,
        Relation::Table(_) => spec.columns.iter().zip(columns).all(|(was, is)| {
            let (kind, now) = (class(&was.source_type), class(&is.source_type));
            // Of these the catalog knows more than the protocol tells.
            let is_refined = matches!(kind, Class::Json | Class::Uuid | Class::Geometry | Class::Vector);
            kind == now || is_refined || was.name.as_str() != is.name
        }),
    }
}

#[async_trait]
impl Scan for MysqlScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn next_batch(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        if matches!(self.stage, Stage::Ready(_)) {
            self.begin().await?;
        }
        loop {
            let patience = self.patience();
            let keep = self.walk.is_some();
            let Stage::Reading(session) = &mut self.stage else { return Ok(None) };
            let reading = session.read(&mut self.decoder, keep);
            let Ok(progress) = tokio::time::timeout(patience, reading).await else { return Err(self.silence().await) };
            match progress {
                Ok(Rows::Batch(batch)) => {
                    self.count();
                    return Ok(Some(batch));
                }
                Ok(Rows::End) => {
                    if !self.complete().await? {
                        continue;
                    }
                    return match self.decoder.finish() {
                        Ok(batch) => Ok(batch),
                        Err(fault) => Err(fault.into()),
                    };
                }
                Err(Stop::Fault(fault)) => {
                    self.cancel().await;
                    return Err(fault.into());
                }
                Err(Stop::Server(error)) => return Err(self.server_error(error)),
            }
        }
    }

    async fn cancel(&mut self) {
        self.count();
        let _elapsed = self.stop_clock();
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Ended => {}
            Stage::Ready(session) => self.link.give_back(session, &self.limits),
            Stage::Reading(session) => {
                // Behind a pooler the server's list of sessions has other numbers than ours.
                let look = !self.link.server().info.pooled;
                // Where the request itself fails, the socket that was closed is all that is left to tell the server.
                let _stopped = tokio::time::timeout(CANCEL_PATIENCE, session.stop(look)).await;
            }
        }
    }

    fn summary(&self) -> ScanSummary {
        let running = self.started.map(|started| started.elapsed()).unwrap_or_default();
        let elapsed = self.summary.statement_elapsed.max(running);
        ScanSummary { statement_elapsed: elapsed, ..self.summary.clone() }
    }
}

impl fmt::Debug for MysqlScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let session = match &self.stage {
            Stage::Ready(session) | Stage::Reading(session) => Some(session),
            Stage::Ended => None,
        };
        let mut shown = f.debug_struct("MysqlScan");
        shown.field("sql", &self.statement.sql).field("session", &session).finish_non_exhaustive()
    }
}

impl Drop for MysqlScan {
    fn drop(&mut self) {
        // A session in the midst of a statement ends with it; its own `Drop` sees to that.
        if let Stage::Ready(session) = std::mem::replace(&mut self.stage, Stage::Ended) {
            self.link.give_back(session, &self.limits);
        }
    }
}
