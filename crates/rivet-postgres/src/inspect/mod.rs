//! What preflight asks: the planner about a statement, the catalog about a relation, the server about itself.

mod bounds;
mod catalog;
mod condition;
mod explain;
mod origin;
mod plan;
mod statistics;
mod vitals;

use std::fmt;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rivet_source::{
    Explanation, Inspector, Probe, RelationStatistics, ScanLimits, ScanSpec, SourceError, SourceErrorKind, Vitals,
};

use crate::connect::Connector;
use crate::dialect::{self, Statement};
use crate::record::{Ask, Record};
use crate::session::{Session, TextRow};

/// Asks one question after the other over a connection that it keeps: a statement each, in a transaction of its own
/// that is sent with it, so that one answer takes one round trip.
pub(crate) struct PostgresInspector {
    connector: Connector,
    /// Away while a question is out, so that one whose answer nobody waited for leaves no connection behind.
    session: Option<Session>,
    version: u32,
    limits: ScanLimits,
    record: Record,
}

/// One statement of a question.
struct Question<'a> {
    /// What it is for, in a few words.
    purpose: &'static str,
    statement: Statement,
    /// Whose text is in it.
    spec: Option<&'a ScanSpec>,
    /// What is set for its transaction alone, each with a semicolon behind it.
    settings: &'static str,
}

impl<'a> Question<'a> {
    /// A question with words of the user's.
    fn of(purpose: &'static str, statement: Statement, spec: &'a ScanSpec) -> Self {
        Self { purpose, statement, spec: Some(spec), settings: "" }
    }

    /// A question to catalogs.
    fn own(purpose: &'static str, sql: impl Into<String>) -> Self {
        Self { purpose, statement: Statement::own(sql), spec: None, settings: "" }
    }
}

impl PostgresInspector {
    pub(crate) fn new(connector: Connector, session: Session, version: u32, patience: Duration) -> Self {
        let limits = ScanLimits { statement_timeout: patience, lock_timeout: patience, ..ScanLimits::default() };
        Self { connector, session: Some(session), version, limits, record: Record::default() }
    }

    /// Sends a statement and keeps a record of it.
    async fn send(&mut self, question: Question<'_>) -> Result<Vec<TextRow>, SourceError> {
        let begun = Instant::now();
        let answer = self.answer(&question).await;
        self.record.add(question.purpose, &question.statement.sql, begun, &answer);
        answer
    }

    async fn answer(&mut self, question: &Question<'_>) -> Result<Vec<TextRow>, SourceError> {
        let mut session = self.connected().await?;
        let begin = dialect::begin(None, false, &self.limits);
        // Compiling a question to the catalog takes longer than answering it.
        let before = format!("{begin}; SET LOCAL jit = off; {}", question.settings);
        let statement = question.statement.clone().within(&before, "; COMMIT");
        let relation = question.spec.map(|spec| &spec.relation);
        let answer = session.query_of_user(&statement, relation, self.limits.statement_timeout).await;
        match &answer {
            Ok(_) => self.session = Some(session),
            Err(error) => self.recover(session, error.kind()).await,
        }
        answer.map_err(|error| self.advised(error))
    }

    /// Returns the connection, or another one where it has ended since the last question.
    async fn connected(&mut self) -> Result<Session, SourceError> {
        if let Some(mut session) = self.session.take()
            && session.lives().await
        {
            return Ok(session);
        }
        self.connector.connect().await
    }

    /// Ends the transaction of a question that failed.
    async fn recover(&mut self, mut session: Session, kind: SourceErrorKind) {
        let lost = matches!(kind, SourceErrorKind::ConnectionLost | SourceErrorKind::Protocol);
        if !lost && session.query("ROLLBACK").await.is_ok() {
            self.session = Some(session);
        }
    }

    /// Says what to do about limits that are not the run's.
    fn advised(&self, error: SourceError) -> SourceError {
        let seconds = self.limits.statement_timeout.as_secs_f64();
        match error.kind() {
            SourceErrorKind::StatementTimeout => error
                .with_help(format!("Plan again when the server is less busy: it did not answer within {seconds} s.")),
            SourceErrorKind::LockTimeout => error.with_help(format!(
                "Plan again when nobody changes the relation's definition: the lock on it was waited for {seconds} s."
            )),
            _ => error,
        }
    }
}

impl Ask for PostgresInspector {
    async fn ask(&mut self, purpose: &'static str, sql: &str) -> Result<Vec<TextRow>, SourceError> {
        self.send(Question::own(purpose, sql)).await
    }
}

#[async_trait]
impl Inspector for PostgresInspector {
    async fn explain(&mut self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Explanation, SourceError> {
        explain::explain(self, spec, limits).await
    }

    async fn statistics(&mut self, spec: &ScanSpec) -> Result<RelationStatistics, SourceError> {
        statistics::statistics(self, spec).await
    }

    async fn vitals(&mut self) -> Result<Vitals, SourceError> {
        vitals::vitals(self).await
    }

    fn take_probes(&mut self) -> Vec<Probe> {
        self.record.take()
    }

    async fn close(self: Box<Self>) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }
}

impl fmt::Debug for PostgresInspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresInspector").field("connector", &self.connector).finish_non_exhaustive()
    }
}
