use std::time::{Duration, Instant};

use rivet_model::Relation;
use rivet_source::{Probe, SourceError};

use crate::dialect::Statement;
use crate::session::{Session, TextRow};

/// Sends statements of our own, and returns their rows.
pub(crate) trait Ask: Send {
    /// Sends a statement that asks catalogs. `purpose` says in a few words what for.
    fn ask(
        &mut self,
        purpose: &'static str,
        sql: &str,
    ) -> impl Future<Output = Result<Vec<TextRow>, SourceError>> + Send;
}

/// What was sent so far, in order.
#[derive(Debug, Default)]
pub(crate) struct Record(Vec<Probe>);

impl Record {
    /// Adds a statement that was sent at this moment, and what came of it.
    pub(crate) fn add(
        &mut self,
        purpose: &str,
        statement: &str,
        begun: Instant,
        answer: &Result<Vec<TextRow>, SourceError>,
    ) {
        self.0.push(Probe {
            purpose: purpose.to_owned(),
            statement: statement.to_owned(),
            times: 1,
            milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            rows: answer.as_ref().map_or(0, |rows| rows.len() as u64),
            error: answer.as_ref().err().map(ToString::to_string),
        });
    }

    /// Returns it, and begins anew.
    pub(crate) fn take(&mut self) -> Vec<Probe> {
        std::mem::take(&mut self.0)
    }
}

/// A session in a transaction, whose questions are recorded.
#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    /// For what is no question: what begins a transaction and what ends it.
    pub(crate) session: &'a mut Session,
    record: Record,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(session: &'a mut Session) -> Self {
        Self { session, record: Record::default() }
    }

    /// As [`Session::query_of_user`].
    pub(crate) async fn ask_of_user(
        &mut self,
        purpose: &'static str,
        statement: &Statement,
        relation: &Relation,
        statement_timeout: Duration,
    ) -> Result<Vec<TextRow>, SourceError> {
        let begun = Instant::now();
        let answer = self.session.query_of_user(statement, relation, statement_timeout).await;
        self.record.add(purpose, &statement.sql, begun, &answer);
        answer
    }

    /// Returns what was sent, and ends the recording.
    pub(crate) fn finish(mut self) -> Vec<Probe> {
        self.record.take()
    }
}

impl Ask for Recorder<'_> {
    async fn ask(&mut self, purpose: &'static str, sql: &str) -> Result<Vec<TextRow>, SourceError> {
        let begun = Instant::now();
        let answer = self.session.query(sql).await;
        self.record.add(purpose, sql, begun, &answer);
        answer
    }
}

/// A scan is what was planned, and records nothing.
impl Ask for Session {
    async fn ask(&mut self, _purpose: &'static str, sql: &str) -> Result<Vec<TextRow>, SourceError> {
        self.query(sql).await
    }
}
