use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use rivet_model::{ConnectionSettings, Relation};
use rivet_source::{SourceError, SourceErrorKind, StatementSpan};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryStream};

use crate::connect::Connector;
use crate::dialect::Statement;
use crate::error::{from_postgres, position};
use crate::tap::TapHandle;

type Driving = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// How long an answer to a statement that asks catalogs or settings is waited for. The server gives up describing after 30 seconds, see
/// `LIMITS` in `describe`, and everything else takes it moments.
const PATIENCE: Duration = Duration::from_secs(35);

/// How much longer than `statement_timeout` an answer is waited for: the server ends the statement by itself, unless
/// its words do not reach us.
const SILENCE_PATIENCE: Duration = Duration::from_secs(5);

/// How long the next answer to a statement may take that has run for so long.
pub(crate) fn patience(statement_timeout: Duration, elapsed: Duration) -> Duration {
    if statement_timeout.is_zero() {
        return Duration::MAX;
    }
    statement_timeout.saturating_sub(elapsed) + SILENCE_PATIENCE
}

/// One row of a simple query: every value in its text form.
pub(crate) type TextRow = Vec<Option<String>>;

fn text_row(message: &SimpleQueryMessage) -> Result<Option<TextRow>, SourceError> {
    let SimpleQueryMessage::Row(row) = message else { return Ok(None) };
    let values = (0..row.len()).map(|column| row.try_get(column).map(|value| value.map(ToOwned::to_owned)));
    // A database without an encoding may hold any bytes.
    values.collect::<Result<_, _>>().map(Some).map_err(|_not_text: tokio_postgres::Error| {
        SourceError::new(SourceErrorKind::Value, "the server sent a text that is not UTF-8")
            .with_help("Name a key whose values are text in UTF-8, or numbers, days or UUIDs.")
    })
}

/// One connection, driven by whoever awaits its answers: no task of its own, no thread to wake.
///
/// Everything goes through the simple protocol: no prepared statement is left behind on a pooled server
/// connection, and none of another client is in the way.
pub(crate) struct Session {
    connector: Connector,
    client: Client,
    /// Behind a lock that nobody waits for: it makes the session shareable where the future is not. Absent once it
    /// has ended: what waits for an answer learns that there is none when the future is dropped.
    driving: Mutex<Option<Driving>>,
    tap: TapHandle,
    /// Why the connection has ended, until somebody has been told.
    ended: Option<Result<(), tokio_postgres::Error>>,
    /// Whether an answer did not come in time: what would come now belongs to an earlier question.
    silent: bool,
}

impl Session {
    pub(crate) fn new(connector: Connector, client: Client, driving: Driving, tap: TapHandle) -> Self {
        Self { connector, client, driving: Mutex::new(Some(driving)), tap, ended: None, silent: false }
    }

    pub(crate) fn settings(&self) -> &ConnectionSettings {
        self.connector.settings()
    }

    pub(crate) fn tap(&self) -> &TapHandle {
        &self.tap
    }

    /// Returns whether the connection is there still, as far as that shows without a question.
    pub(crate) async fn lives(&mut self) -> bool {
        // Until then the runtime has not looked at what came in meanwhile.
        tokio::task::yield_now().await;
        std::future::poll_fn(|cx| {
            self.drive(cx);
            Poll::Ready(())
        })
        .await;
        !self.silent && self.driving.get_mut().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Moves bytes both ways as far as they go now.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        let driving = self.driving.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(future) = driving
            && let Poll::Ready(result) = future.as_mut().poll(cx)
        {
            *driving = None;
            self.ended = Some(result);
        }
    }

    /// Sends statements and returns the rows of all of them.
    pub(crate) async fn query(&mut self, sql: &str) -> Result<Vec<TextRow>, SourceError> {
        let rows = async {
            let mut answers = self.start(sql).await?;
            let mut rows = Vec::new();
            while let Some(message) = self.next_message(&mut answers).await? {
                rows.extend(text_row(&message)?);
            }
            Ok(rows)
        };
        match tokio::time::timeout(PATIENCE, rows).await {
            Ok(rows) => rows,
            Err(_elapsed) => Err(self.silence(PATIENCE)),
        }
    }

    /// Sends a statement that may hold the user's own text, that of a relation, and points into that text where the
    /// server complains. Its answer may take as long as the limits of its transaction say.
    pub(crate) async fn query_of_user<'a>(
        &mut self,
        statement: &Statement,
        relation: impl Into<Option<&'a Relation>>,
        statement_timeout: Duration,
    ) -> Result<Vec<TextRow>, SourceError> {
        let relation = relation.into();
        let patience = patience(statement_timeout, Duration::ZERO);
        let asking = async {
            let mut answers = self.start(&statement.sql).await?;
            let mut rows = Vec::new();
            loop {
                let next = std::future::poll_fn(|cx| {
                    self.drive(cx);
                    answers.poll_next_unpin(cx)
                });
                match next.await {
                    None => return Ok(rows),
                    Some(Ok(message)) => rows.extend(text_row(&message)?),
                    Some(Err(error)) => {
                        return Err(match relation {
                            Some(relation) => self.explain_in(error, statement, relation),
                            None => self.explain(error),
                        });
                    }
                }
            }
        };
        match tokio::time::timeout(patience, asking).await {
            Ok(answered) => answered,
            Err(_elapsed) => Err(self.silence(patience)),
        }
    }

    fn silence(&mut self, patience: Duration) -> SourceError {
        self.silent = true;
        let message = format!("{} went silent: no answer within {} s", self.settings(), patience.as_secs());
        SourceError::new(SourceErrorKind::ConnectionLost, message)
            .with_help("Check the network between here and the server, then run the same command again.")
    }

    /// As [`Self::explain`], with the place in the user's query.
    pub(crate) fn explain_in(
        &mut self,
        error: tokio_postgres::Error,
        statement: &Statement,
        relation: &Relation,
    ) -> SourceError {
        let position = position(&error);
        let explained = self.explain(error);
        let Relation::Query(query) = relation else { return explained };
        match position.and_then(|position| statement.in_query(position, query)) {
            Some(offset) => {
                let span = StatementSpan { statement: query.clone(), offset };
                let help = match (explained.help_text(), explained.kind()) {
                    (Some(help), _) => help.to_owned(),
                    (None, SourceErrorKind::Statement) => {
                        "Correct the export's query at the mark: one SELECT, VALUES, TABLE or WITH statement."
                            .to_owned()
                    }
                    (None, _) => "Correct the export's query at the mark.".to_owned(),
                };
                explained.with_span(span).with_help(help)
            }
            None => explained,
        }
    }

    /// Sends statements without waiting for an answer.
    pub(crate) async fn start(&mut self, sql: &str) -> Result<Pin<Box<SimpleQueryStream>>, SourceError> {
        if self.silent {
            return Err(self.silence(PATIENCE));
        }
        match self.client.simple_query_raw(sql).await {
            Ok(answers) => Ok(Box::pin(answers)),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Waits for the next message of an answer.
    pub(crate) async fn next_message(
        &mut self,
        answers: &mut Pin<Box<SimpleQueryStream>>,
    ) -> Result<Option<SimpleQueryMessage>, SourceError> {
        let next = std::future::poll_fn(|cx| {
            self.drive(cx);
            answers.poll_next_unpin(cx)
        });
        next.await.transpose().map_err(|error| self.explain(error))
    }

    /// The connection's own error says more than the "closed" that a request gets.
    pub(crate) fn explain(&mut self, error: tokio_postgres::Error) -> SourceError {
        if error.is_closed() {
            return match self.ended.take() {
                Some(Err(cause)) => from_postgres(cause, self.connector.settings()),
                _ => SourceError::new(SourceErrorKind::ConnectionLost, "the server closed the connection"),
            };
        }
        from_postgres(error, self.connector.settings())
    }

    /// Asks the server to stop what this session runs. The answer still has to be read.
    pub(crate) async fn cancel(&self) -> Result<(), SourceError> {
        self.connector.cancel(&self.client.cancel_token()).await
    }

    /// Says good-bye and waits until the server has heard it.
    pub(crate) async fn close(self) {
        drop(self.client);
        let driving = self.driving.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(driving) = driving {
            // An error while parting changes nothing: all answers are in.
            let _parted = driving.await;
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("connector", &self.connector).finish_non_exhaustive()
    }
}
