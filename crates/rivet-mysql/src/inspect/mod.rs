//! What preflight asks: the planner about a statement, the catalog about a relation, the server about itself.

mod bounds;
mod catalog;
mod explain;
mod origin;
mod plan;
mod statistics;
mod stored;
mod vitals;
mod width;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use rivet_source::{
    Explanation, Inspector, Probe, RelationStatistics, ScanLimits, ScanSpec, SourceError, SourceErrorKind, Vitals,
};

use crate::connect::Connector;
use crate::dialect;
use crate::server::{Family, Server};
use crate::session::Session;

/// Asks one question after the other over a connection that it keeps. Its session takes reads alone, and each
/// statement is a transaction of its own.
pub(crate) struct MysqlInspector {
    connector: Connector,
    server: Server,
    /// Away while a question is out, so that one whose answer nobody waited for leaves no connection behind.
    session: Option<Session>,
    /// How long a statement, and the wait for a lock, may take. Locks are waited for in whole seconds.
    patience: Duration,
    probes: Vec<Probe>,
}

impl MysqlInspector {
    /// Makes an inspector of a session that has just been opened.
    pub(crate) async fn over(
        connector: Connector,
        server: Server,
        session: Session,
        patience: Duration,
    ) -> Result<Self, SourceError> {
        let mut made = Self { connector, server, session: None, patience, probes: Vec::new() };
        made.session = Some(made.prepared(session).await?);
        Ok(made)
    }

    /// Sets what a session of questions needs.
    async fn prepared(&self, mut session: Session) -> Result<Session, SourceError> {
        let limits =
            ScanLimits { statement_timeout: self.patience, lock_timeout: self.patience, ..ScanLimits::default() };
        session.query(&dialect::patience(self.server.family, &limits)).await?;
        for setting in settings(&self.server) {
            match session.query(setting).await {
                Err(error) if is_lost(error.kind()) => return Err(error),
                // What stands between may know less than the server says that it does. Plans of another version, and
                // numbers of yesterday, are worth having all the same.
                _ => {}
            }
        }
        session.expect_answers_within(self.patience);
        session.record();
        Ok(session)
    }

    /// Takes the session, made again where it broke while nobody looked.
    async fn take(&mut self) -> Result<Session, SourceError> {
        if let Some(mut session) = self.session.take()
            && session.lives().await?
        {
            return Ok(session);
        }
        let session = self.connector.connect().await?;
        self.prepared(session).await
    }

    /// Takes the session back, with what was sent over it, and says what to do about limits that are not the run's.
    fn settle<T>(&mut self, mut session: Session, answer: Result<T, SourceError>) -> Result<T, SourceError> {
        self.probes.extend(session.take_probes());
        if answer.as_ref().err().is_none_or(|error| !is_lost(error.kind())) {
            self.session = Some(session);
        }
        let seconds = self.patience.as_secs_f64();
        answer.map_err(|error| match error.kind() {
            SourceErrorKind::StatementTimeout => error
                .with_help(format!("Plan again when the server is less busy: it did not answer within {seconds} s.")),
            SourceErrorKind::LockTimeout => error.with_help(format!(
                "Plan again when nobody changes the relation's definition: the lock on it was waited for {seconds} s."
            )),
            _ => error,
        })
    }
}

/// What sessions of questions are set to, as far as the server has it: the numbers of the catalog as they are, and
/// plans in the form that is known best.
fn settings(server: &Server) -> Vec<&'static str> {
    let has_versions = server.family == Family::Mysql && server.info.version >= 80_300;
    let plans = has_versions.then_some("SET SESSION explain_json_format_version = 1");
    server.live_catalog().into_iter().chain(plans).collect()
}

/// Whether a connection is of no more use after an error.
fn is_lost(kind: SourceErrorKind) -> bool {
    matches!(kind, SourceErrorKind::ConnectionLost | SourceErrorKind::Protocol)
}

#[async_trait]
impl Inspector for MysqlInspector {
    async fn explain(&mut self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Explanation, SourceError> {
        let mut session = self.take().await?;
        let answer = explain::explain(&mut session, spec, limits).await;
        self.settle(session, answer)
    }

    async fn statistics(&mut self, spec: &ScanSpec) -> Result<RelationStatistics, SourceError> {
        let mut session = self.take().await?;
        let answer = statistics::statistics(&mut session, &self.server, spec).await;
        self.settle(session, answer)
    }

    async fn vitals(&mut self) -> Result<Vitals, SourceError> {
        let mut session = self.take().await?;
        let answer = vitals::vitals(&mut session, &self.server).await;
        self.settle(session, answer)
    }

    fn take_probes(&mut self) -> Vec<Probe> {
        std::mem::take(&mut self.probes)
    }

    async fn close(self: Box<Self>) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }
}

impl fmt::Debug for MysqlInspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlInspector").field("connector", &self.connector).finish_non_exhaustive()
    }
}
