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
use crate::session::Session;

/// How long a server that was asked to stop is waited for before the connection is cut.
const CANCEL_PATIENCE: Duration = Duration::from_secs(10);

/// How much longer than `statement_timeout` an answer is waited for: the server ends the statement by itself, unless
/// its words do not reach us.
const SILENCE_PATIENCE: Duration = Duration::from_secs(5);

/// One COPY, decoded as it comes.
pub(crate) struct PostgresScan {
    spec: ScanSpec,
    schema: SchemaRef,
    statement: Statement,
    statement_timeout: Duration,
    stage: Stage,
    /// Waits here until the COPY starts.
    decoder: Option<RowDecoder>,
    summary: ScanSummary,
    started: Option<Instant>,
}

enum Stage {
    /// In a transaction, nothing sent.
    Ready(Box<Session>),
    /// The COPY runs.
    Copying(Box<Copying>),
    /// The connection is closed.
    Ended,
}

struct Copying {
    session: Box<Session>,
    answers: Pin<Box<SimpleQueryStream>>,
    /// What the server's command tag says it sent.
    sent_rows: Option<u64>,
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
    /// Reads over a session that is in its transaction.
    pub(crate) fn new(session: Session, spec: &ScanSpec, limits: &ScanLimits) -> Self {
        Self {
            schema: spec.schema(),
            statement: dialect::copy(spec),
            spec: spec.clone(),
            statement_timeout: limits.statement_timeout,
            stage: Stage::Ready(Box::new(session)),
            decoder: Some(RowDecoder::new(spec, limits)),
            summary: ScanSummary::default(),
            started: None,
        }
    }

    async fn start(&mut self, mut session: Box<Session>) -> Result<(), SourceError> {
        session.tap().lock().decoder = self.decoder.take();
        self.started = Some(Instant::now());
        let answers = session.start(&self.statement.sql).await?;
        self.stage = Stage::Copying(Box::new(Copying { session, answers, sent_rows: None }));
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

    /// Ends after the server's last word.
    async fn complete(&mut self) -> Result<(), SourceError> {
        self.count();
        self.stop_clock();
        let Stage::Copying(mut copying) = std::mem::replace(&mut self.stage, Stage::Ended) else { return Ok(()) };
        let (sent, decoded) = (copying.sent_rows, self.summary.rows);
        if sent != Some(decoded) {
            let sent = sent.map_or_else(|| "an unknown number of".to_owned(), |sent| sent.to_string());
            let message = format!("the server says that it sent {sent} rows, but {decoded} arrived");
            return Err(SourceError::new(SourceErrorKind::Protocol, message));
        }
        copying.session.query("COMMIT").await?;
        copying.session.close().await;
        Ok(())
    }

    fn stop_clock(&mut self) {
        if let Some(started) = self.started.take() {
            self.summary.statement_elapsed = started.elapsed();
        }
    }

    /// How long the next answer may take.
    fn patience(&self) -> Duration {
        if self.statement_timeout.is_zero() {
            return Duration::MAX;
        }
        let elapsed = self.started.map(|started| started.elapsed()).unwrap_or_default();
        self.statement_timeout.saturating_sub(elapsed) + SILENCE_PATIENCE
    }

    /// The server should have ended the statement by now, and nothing came.
    async fn silence(&mut self) -> SourceError {
        let place = match &self.stage {
            Stage::Copying(copying) => copying.session.settings().to_string(),
            Stage::Ready(_) | Stage::Ended => "the server".to_owned(),
        };
        self.cancel().await;
        let limit = self.statement_timeout.as_secs();
        let message = format!("{place} went silent: no answer, though the statement's {limit} s are over");
        SourceError::new(SourceErrorKind::ConnectionLost, message)
            .with_help("Check the network between here and the server, then run the same command again.")
    }

    /// The server's error, with its place in the query, and told apart where one code means two things.
    fn server_error(&mut self, error: tokio_postgres::Error) -> SourceError {
        let elapsed = self.started.map(|started| started.elapsed()).unwrap_or_default();
        self.count();
        self.stop_clock();
        let Stage::Copying(mut copying) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            return SourceError::new(SourceErrorKind::Protocol, "an answer came without a question");
        };
        let explained = copying.session.explain_in(error, &self.statement, &self.spec.relation);
        let limit = self.statement_timeout;
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
                    self.complete().await?;
                    return Ok(None);
                }
            }
        }
    }

    async fn cancel(&mut self) {
        self.count();
        self.stop_clock();
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Ended => {}
            Stage::Ready(session) => session.close().await,
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
        let running = self.started.map(|started| started.elapsed());
        let elapsed = running.unwrap_or(self.summary.statement_elapsed);
        ScanSummary { statement_elapsed: elapsed, ..self.summary.clone() }
    }
}

impl fmt::Debug for PostgresScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresScan").field("sql", &self.statement.sql).finish_non_exhaustive()
    }
}
