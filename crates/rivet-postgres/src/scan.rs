use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures_util::StreamExt as _;
use rivet_source::{ReadAs, Scan, ScanLimits, ScanSpec, ScanSummary, SourceError, SourceErrorKind};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryStream};

use crate::decode::{DecodeError, RowDecoder};
use crate::dialect::{self, Statement};
use crate::link::Link;
use crate::pace::Walk;
use crate::session::{Session, patience};

/// How long a server that was asked to stop is waited for before the connection is cut.
const CANCEL_PATIENCE: Duration = Duration::from_secs(10);

/// The rows of a range, decoded as they come: one COPY, or one after the other over the pages of a table.
pub(crate) struct PostgresScan {
    link: Arc<Link>,
    spec: ScanSpec,
    limits: ScanLimits,
    schema: SchemaRef,
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
    /// A COPY runs.
    Copying(Box<Copying>),
    /// The connection is with the reader again, or closed.
    Ended,
}

struct Copying {
    session: Box<Session>,
    answers: Pin<Box<SimpleQueryStream>>,
    /// What the server's command tag says it sent.
    sent_rows: Option<u64>,
    /// Whether another statement follows.
    more: bool,
}

/// What a COPY gives next.
enum Progress {
    Batch(RecordBatch),
    Fault(DecodeError),
    Answer(Option<Result<SimpleQueryMessage, tokio_postgres::Error>>),
}

impl Copying {
    /// Moves bytes until there is a batch, a fault or an answer.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        if let Some(progress) = self.take() {
            return Poll::Ready(progress);
        }
        self.session.drive(cx);
        if let Some(progress) = self.take() {
            return Poll::Ready(progress);
        }
        // The copy response itself was taken out of the stream; nothing but tags is left.
        self.answers.poll_next_unpin(cx).map(Progress::Answer)
    }

    fn take(&self) -> Option<Progress> {
        let mut state = self.session.tap().lock();
        state.take_batch().map(Progress::Batch).or_else(|| state.take_fault().map(Progress::Fault))
    }
}

impl PostgresScan {
    /// Prepares to read a range.
    pub(crate) fn new(link: Arc<Link>, spec: &ScanSpec, limits: &ScanLimits) -> Result<Self, SourceError> {
        Ok(Self {
            link,
            schema: spec.schema(),
            statement: dialect::copy(spec)?,
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

    async fn start(&mut self, mut session: Box<Session>) -> Result<(), SourceError> {
        let version = self.link.server().info.version;
        self.walk = Walk::of(session.as_mut(), version, &self.spec, &self.limits).await?;
        session.tap().lock().decoder = Some(RowDecoder::new(&self.spec, &self.limits));
        self.send(session).await
    }

    /// Sends the next statement.
    async fn send(&mut self, mut session: Box<Session>) -> Result<(), SourceError> {
        let mut more = false;
        if let Some(walk) = &mut self.walk {
            let (range, follows) = walk.step();
            more = follows;
            self.statement = dialect::copy(&self.spec.with_range(range))?;
        }
        session.tap().lock().more_follows = more;
        self.summary.statements += 1;
        self.started = Some(Instant::now());
        let answers = session.start(&self.statement.sql).await?;
        self.stage = Stage::Copying(Box::new(Copying { session, answers, sent_rows: None, more }));
        Ok(())
    }

    /// Takes the counters over from the decoder.
    fn count(&mut self) {
        let Stage::Copying(copying) = &self.stage else { return };
        let state = copying.session.tap().lock();
        if let Some(decoder) = &state.decoder {
            self.summary.rows = decoder.rows();
            self.summary.wire_bytes = decoder.wire_bytes();
            self.summary.nulled = decoder.nulled();
        }
    }

    /// Goes on after the server's last word on a statement. Returns whether it was the last one.
    async fn complete(&mut self) -> Result<bool, SourceError> {
        self.count();
        let elapsed = self.stop_clock();
        let Stage::Copying(copying) = std::mem::replace(&mut self.stage, Stage::Ended) else { return Ok(true) };
        let Copying { session, answers, sent_rows, more } = *copying;
        drop(answers);
        let decoded = self.summary.rows - self.rows_before;
        if sent_rows != Some(decoded) {
            let sent = sent_rows.map_or_else(|| "an unknown number of".to_owned(), |sent| sent.to_string());
            let message = format!("the server says that it sent {sent} rows, but {decoded} arrived");
            return Err(SourceError::new(SourceErrorKind::Protocol, message));
        }
        self.rows_before = self.summary.rows;
        if more {
            if let Some(walk) = &mut self.walk {
                walk.learn(elapsed);
            }
            self.send(session).await?;
            return Ok(false);
        }
        session.tap().lock().decoder = None;
        self.link.settle(session, &self.limits).await?;
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
            Stage::Copying(copying) => copying.session.settings().to_string(),
            Stage::Ready(_) | Stage::Ended => "the server".to_owned(),
        };
        self.cancel().await;
        let limit = self.limits.statement_timeout.as_secs();
        let message = format!("{place} went silent: no answer, though the statement's {limit} s are over");
        SourceError::new(SourceErrorKind::ConnectionLost, message)
            .with_help("Check the network between here and the server, then run the same command again.")
    }

    /// The server's error, with its place in the query, and told apart where one code means two things.
    fn server_error(&mut self, error: tokio_postgres::Error) -> SourceError {
        self.count();
        let elapsed = self.stop_clock();
        let Stage::Copying(mut copying) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            return SourceError::new(SourceErrorKind::Protocol, "an answer came without a question");
        };
        let explained = copying.session.explain_in(error, &self.statement, &self.spec.relation);
        let limit = self.limits.statement_timeout;
        if explained.kind() == SourceErrorKind::Cancelled && !limit.is_zero() && elapsed >= limit {
            let message = format!("the statement ran out of its {} s", limit.as_secs());
            return SourceError::new(SourceErrorKind::StatementTimeout, message)
                .with_help("Raise `tuning.statement_timeout_s`, or read less at once.");
        }
        match self.cast_columns() {
            // The server says neither the column nor the row.
            cast if explained.kind() == SourceErrorKind::Value && !cast.is_empty() => explained.with_help(format!(
                "The server converts {cast}, as `columns` asks for, and found a value there that does not fit. \
                 Choose another type, for example text."
            )),
            _ => explained,
        }
    }

    /// The columns that the server converts, and to what.
    fn cast_columns(&self) -> String {
        let cast = self.spec.columns.iter().filter_map(|column| match &column.read_as {
            ReadAs::Cast(target) => Some(format!("`{}` to {}", column.name, target.base)),
            _ => None,
        });
        cast.collect::<Vec<_>>().join(", ")
    }
}

#[async_trait]
impl Scan for PostgresScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn next_batch(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        if matches!(self.stage, Stage::Ready(_))
            && let Stage::Ready(session) = std::mem::replace(&mut self.stage, Stage::Ended)
        {
            self.start(session).await?;
        }
        loop {
            let patience = self.patience();
            let Stage::Copying(copying) = &mut self.stage else { return Ok(None) };
            let next = std::future::poll_fn(|cx| copying.poll(cx));
            let Ok(progress) = tokio::time::timeout(patience, next).await else { return Err(self.silence().await) };
            match progress {
                Progress::Batch(batch) => {
                    self.count();
                    return Ok(Some(batch));
                }
                Progress::Fault(fault) => {
                    self.cancel().await;
                    return Err(fault.into());
                }
                Progress::Answer(Some(Ok(SimpleQueryMessage::CommandComplete(rows)))) => copying.sent_rows = Some(rows),
                Progress::Answer(Some(Ok(_))) => {}
                Progress::Answer(Some(Err(error))) => return Err(self.server_error(error)),
                Progress::Answer(None) => {
                    if self.complete().await? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn cancel(&mut self) {
        self.count();
        let _elapsed = self.stop_clock();
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Ended => {}
            Stage::Ready(session) => self.link.give_back(session, &self.limits),
            Stage::Copying(mut copying) => {
                copying.session.tap().lock().discard();
                let stopping = async {
                    // Where the request itself fails, closing the connection below is all that is left.
                    let _asked = copying.session.cancel().await;
                    while let Ok(Some(_)) = copying.session.next_message(&mut copying.answers).await {}
                };
                let stopped = tokio::time::timeout(CANCEL_PATIENCE, stopping).await;
                if stopped.is_ok() {
                    copying.session.close().await;
                }
            }
        }
    }

    fn summary(&self) -> ScanSummary {
        let running = self.started.map(|started| started.elapsed()).unwrap_or_default();
        let elapsed = self.summary.statement_elapsed.max(running);
        ScanSummary { statement_elapsed: elapsed, ..self.summary.clone() }
    }
}

impl fmt::Debug for PostgresScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresScan").field("sql", &self.statement.sql).finish_non_exhaustive()
    }
}

impl Drop for PostgresScan {
    fn drop(&mut self) {
        // A connection in the midst of a COPY is of no use to anybody; closing it ends the statement.
        if let Stage::Ready(session) = std::mem::replace(&mut self.stage, Stage::Ended) {
            self.link.give_back(session, &self.limits);
        }
    }
}
