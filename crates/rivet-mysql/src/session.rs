use std::fmt;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable as _;
use mysql_async::{BinaryProtocol, Column, Conn, DriverError, Error, QueryResult, Row};
use rivet_model::{ConnectionSettings, Relation};
use rivet_source::{Probe, SourceError, SourceErrorKind, StatementSpan};

use crate::connect::Connector;
use crate::decode::RowDecoder;
use crate::dialect::Statement;
use crate::error::{from_mysql, placeholders, position};
use crate::raw::{RawConnection, Rows, Stop};
use crate::wire::{self, AnyRow, ResultColumn};

/// How long an answer to a statement that asks catalogs or settings is waited for: the server takes moments for it.
const PATIENCE: Duration = Duration::from_secs(35);

/// How much longer than the statement's own limit an answer is waited for: the server ends the statement by itself,
/// unless its words do not reach us.
const SILENCE_PATIENCE: Duration = Duration::from_secs(5);

/// How often the server is asked whether a session has gone.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long the next answer to a statement may take that has run for so long.
pub(crate) fn patience(statement_timeout: Duration, elapsed: Duration) -> Duration {
    if statement_timeout.is_zero() {
        return Duration::MAX;
    }
    statement_timeout.saturating_sub(elapsed) + SILENCE_PATIENCE
}

/// One row of an answer to a question of our own: every value in its text form.
pub(crate) type TextRow = Vec<Option<String>>;

/// What a session goes over.
pub(crate) enum Line {
    /// A connection of the library's.
    Library(Box<Conn>),
    /// One of our own.
    Raw(Box<RawConnection>),
}

/// One connection.
///
/// Rows that a scan reads come by the binary protocol. Questions of our own, to catalogs and settings, go by the text
/// protocol, which needs one turn less.
pub(crate) struct Session {
    connector: Connector,
    /// Taken away when it is cut or closed.
    line: Option<Line>,
    /// The library's statement whose rows are read, to be closed on the server behind them.
    statement: Option<mysql_async::Statement>,
    /// The last row of the library's that came, where it was to be kept.
    last: Option<Row>,
    /// Whether the server runs a statement, or has rows of one that nobody has read.
    busy: bool,
    /// The questions that were asked, for as long as they are to be remembered.
    probes: Option<Vec<Probe>>,
    /// How long an answer to a question is waited for.
    patience: Duration,
}

impl Session {
    pub(crate) fn new(connector: Connector, line: Line) -> Self {
        let line = Some(line);
        Self { connector, line, statement: None, last: None, busy: false, probes: None, patience: PATIENCE }
    }

    /// Waits for answers no longer than the server should take for them by a limit of the session, and a moment more.
    pub(crate) fn expect_answers_within(&mut self, limit: Duration) {
        self.patience = patience(limit, Duration::ZERO).min(PATIENCE);
    }

    /// Whether the connection still stands, as the server says itself.
    pub(crate) async fn lives(&mut self) -> Result<bool, SourceError> {
        self.busy = true;
        let asking = async {
            match self.line()? {
                Line::Library(conn) => conn.ping().await,
                Line::Raw(raw) => raw.ping().await,
            }
        };
        let answered = tokio::time::timeout(SILENCE_PATIENCE, asking).await;
        self.busy = !matches!(answered, Ok(Ok(())));
        match answered {
            Ok(answer) => Ok(answer.is_ok()),
            Err(_elapsed) => Err(self.silence(SILENCE_PATIENCE)),
        }
    }

    /// Begins to remember what is asked.
    pub(crate) fn record(&mut self) {
        self.probes = Some(Vec::new());
    }

    /// Returns what was asked since the recording began, or since this was asked for.
    pub(crate) fn take_probes(&mut self) -> Vec<Probe> {
        self.probes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn remember<T>(&mut self, purpose: &str, sql: &str, begun: Instant, answer: &Result<Vec<T>, SourceError>) {
        let rows = answer.as_ref().map(Vec::len);
        self.remember_rows(purpose, sql, begun, rows);
    }

    fn remember_rows(&mut self, purpose: &str, sql: &str, begun: Instant, rows: Result<usize, &SourceError>) {
        let Some(probes) = &mut self.probes else { return };
        probes.push(Probe {
            purpose: purpose.to_owned(),
            statement: sql.to_owned(),
            times: 1,
            milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            rows: rows.map_or(0, |rows| rows as u64),
            error: rows.err().map(ToString::to_string),
        });
    }

    /// Asks a question of our own. `purpose` says in a few words what for.
    pub(crate) async fn ask(&mut self, purpose: &str, sql: &str) -> Result<Vec<TextRow>, SourceError> {
        let begun = Instant::now();
        let answer = self.query(sql).await;
        self.remember(purpose, sql, begun, &answer);
        answer
    }

    pub(crate) fn settings(&self) -> &ConnectionSettings {
        self.connector.settings()
    }

    /// The server's number for the connection, as it gave it in its first packet.
    pub(crate) fn id(&self) -> u32 {
        match &self.line {
            Some(Line::Library(conn)) => conn.id(),
            Some(Line::Raw(raw)) => raw.id(),
            None => 0,
        }
    }

    fn line(&mut self) -> Result<&mut Line, Error> {
        self.line.as_mut().ok_or_else(|| DriverError::ConnectionClosed.into())
    }

    fn explain(&self, error: Error) -> SourceError {
        from_mysql(error, self.settings())
    }

    /// Sends a statement of our own, which is no question to remember, and returns its rows.
    pub(crate) async fn query(&mut self, sql: &str) -> Result<Vec<TextRow>, SourceError> {
        match tokio::time::timeout(self.patience, self.send(sql)).await {
            Ok(answered) => answered.map_err(|error| self.explain(error)),
            Err(_elapsed) => Err(self.silence(self.patience)),
        }
    }

    /// Sends a statement that may hold the user's own text, that of a relation, and points into that text where the
    /// server complains.
    pub(crate) async fn ask_of_user(
        &mut self,
        purpose: &str,
        statement: &Statement,
        relation: &Relation,
    ) -> Result<Vec<TextRow>, SourceError> {
        let begun = Instant::now();
        let answer = match tokio::time::timeout(self.patience, self.send(&statement.sql)).await {
            Ok(answered) => answered.map_err(|error| self.explain_in(error, statement, relation)),
            Err(_elapsed) => Err(self.silence(self.patience)),
        };
        self.remember(purpose, &statement.sql, begun, &answer);
        answer
    }

    async fn send(&mut self, sql: &str) -> Result<Vec<TextRow>, Error> {
        self.busy = true;
        let rows = match self.line()? {
            Line::Library(conn) => conn.query::<Row, _>(sql).await.map(|rows| {
                rows.into_iter().map(|row| row.unwrap_raw().into_iter().map(wire::text).collect()).collect()
            }),
            Line::Raw(raw) => raw.query(sql).await,
        };
        // What the server says of a statement ends it; what goes wrong on the way does not.
        self.busy = !matches!(rows, Ok(_) | Err(Error::Server(_)));
        rows
    }

    fn silence(&mut self, patience: Duration) -> SourceError {
        let message = format!("{} went silent: no answer within {} s", self.settings(), patience.as_secs());
        self.cut();
        SourceError::new(SourceErrorKind::ConnectionLost, message)
            .with_help("Check the network between here and the server, then run the same command again.")
    }

    /// Has the server define the columns that a statement would return, without running it.
    pub(crate) async fn describe(
        &mut self,
        purpose: &str,
        statement: &Statement,
        relation: &Relation,
    ) -> Result<Vec<ResultColumn>, SourceError> {
        let begun = Instant::now();
        let answer = self.prepare(statement, relation).await;
        self.remember(purpose, &statement.sql, begun, &answer);
        answer
    }

    async fn prepare(&mut self, statement: &Statement, relation: &Relation) -> Result<Vec<ResultColumn>, SourceError> {
        let patience = self.patience;
        let preparing = async {
            match self.line()? {
                Line::Library(conn) => {
                    let prepared = conn.prep(statement.sql.as_str()).await?;
                    let (columns, parameters) = (prepared.columns().to_vec(), prepared.num_params());
                    conn.close(prepared).await?;
                    Ok::<(Vec<Column>, u16), Error>((columns, parameters))
                }
                Line::Raw(raw) => raw.describe(&statement.sql).await,
            }
        };
        let answered = match tokio::time::timeout(patience, preparing).await {
            Ok(answered) => answered.map_err(|error| self.explain_in(error, statement, relation))?,
            Err(_elapsed) => return Err(self.silence(patience)),
        };
        match answered {
            (columns, 0) => Ok(columns.iter().map(ResultColumn::from).collect()),
            _ => Err(placeholders()),
        }
    }

    /// As [`Self::explain`], with the place in the user's query.
    pub(crate) fn explain_in(&self, error: Error, statement: &Statement, relation: &Relation) -> SourceError {
        let position = position(&error, &statement.sql);
        let explained = self.explain(error);
        let Relation::Query(query) = relation else { return explained };
        match position.and_then(|position| statement.in_query(position, query)) {
            Some(offset) => {
                let span = StatementSpan { statement: query.clone(), offset };
                let help = explained.help_text().unwrap_or("Correct the export's query at the mark.").to_owned();
                explained.with_span(span).with_help(help)
            }
            None => explained,
        }
    }

    /// Asks for rows of a relation, which come by the binary protocol and are given to `each` one by one. The server
    /// may take as long for them as the session's statements may, which is zero for no limit.
    pub(crate) async fn ask_for_rows(
        &mut self,
        purpose: &str,
        statement: &Statement,
        relation: &Relation,
        statement_timeout: Duration,
        each: impl FnMut(&AnyRow) -> Result<(), SourceError> + Send,
    ) -> Result<(), SourceError> {
        let begun = Instant::now();
        let limit = patience(statement_timeout, Duration::ZERO);
        let answer = match tokio::time::timeout(limit, self.rows(statement, relation, each)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(self.silence(limit)),
        };
        let answer = answer.map_err(|error| out_of_time(error, begun.elapsed(), statement_timeout));
        self.remember_rows(purpose, &statement.sql, begun, answer.as_ref().copied());
        answer.map(drop)
    }

    async fn rows(
        &mut self,
        statement: &Statement,
        relation: &Relation,
        mut each: impl FnMut(&AnyRow) -> Result<(), SourceError> + Send,
    ) -> Result<usize, SourceError> {
        self.start(&statement.sql).await.map_err(|error| self.explain_in(error, statement, relation))?;
        let mut count = 0;
        while let Some(row) = self.next_row().await.map_err(|error| self.explain_in(error, statement, relation))? {
            each(&row)?;
            count += 1;
        }
        self.finish().await?;
        Ok(count)
    }

    /// Runs a statement whose rows are read one by one. Returns once the server has begun to answer.
    pub(crate) async fn start(&mut self, sql: &str) -> Result<(), Error> {
        self.busy = true;
        let started = self.try_start(sql).await;
        if matches!(started, Err(Error::Server(_))) {
            self.busy = false;
        }
        started
    }

    async fn try_start(&mut self, sql: &str) -> Result<(), Error> {
        let conn = match self.line()? {
            Line::Library(conn) => conn,
            Line::Raw(raw) => return raw.start(sql).await,
        };
        let prepared = conn.prep(sql).await?;
        // The result is left where it is: every row is asked for by itself.
        let result = conn.exec_iter(&prepared, ()).await.map(drop);
        self.statement = Some(prepared);
        result
    }

    /// Decodes rows of the statement that runs until they make a batch, or it ends. `keep` has the last of them kept,
    /// for [`Self::take_last`].
    pub(crate) async fn read(&mut self, decoder: &mut RowDecoder, keep: bool) -> Result<Rows, Stop> {
        let read = match self.line()? {
            Line::Raw(raw) => raw.read(decoder, keep).await,
            Line::Library(_) => self.read_by_library(decoder, keep).await,
        };
        if matches!(read, Ok(Rows::End) | Err(Stop::Server(Error::Server(_)))) {
            self.busy = false;
        }
        read
    }

    async fn read_by_library(&mut self, decoder: &mut RowDecoder, keep: bool) -> Result<Rows, Stop> {
        let Line::Library(conn) = self.line.as_mut().ok_or(Error::from(DriverError::ConnectionClosed))? else {
            return Ok(Rows::End);
        };
        while let Some(row) = QueryResult::<'_, '_, BinaryProtocol>::new(&mut **conn).next().await? {
            let batch = decoder.push(&row).map_err(Stop::Fault)?;
            if keep {
                self.last = Some(row);
            }
            if let Some(batch) = batch {
                return Ok(Rows::Batch(batch));
            }
        }
        Ok(Rows::End)
    }

    /// Gives the last row that came, where it was to be kept.
    pub(crate) fn take_last(&mut self) -> Option<AnyRow> {
        match &mut self.line {
            Some(Line::Raw(raw)) => raw.take_last().map(AnyRow::Raw),
            _ => self.last.take().map(AnyRow::Library),
        }
    }

    /// The columns of the statement that runs, as the server defines them.
    pub(crate) fn columns(&self) -> Vec<ResultColumn> {
        if let Some(Line::Raw(raw)) = &self.line {
            return raw.columns().iter().map(ResultColumn::from).collect();
        }
        let columns = self.statement.as_ref().map(mysql_async::Statement::columns);
        columns.iter().flat_map(|columns| columns.iter()).map(ResultColumn::from).collect()
    }

    /// Waits for the next row of the statement that runs; `None` once the server has said that there is no more.
    async fn next_row(&mut self) -> Result<Option<AnyRow>, Error> {
        let row = match self.line()? {
            Line::Library(conn) => {
                let row = QueryResult::<'_, '_, BinaryProtocol>::new(&mut **conn).next().await;
                row.map(|row| row.map(AnyRow::Library))
            }
            Line::Raw(raw) => raw.next_row().await.map(|row| row.map(AnyRow::Raw)),
        };
        if matches!(row, Ok(None) | Err(Error::Server(_))) {
            self.busy = false;
        }
        row
    }

    /// Lets the server forget the statement whose rows have been read.
    pub(crate) async fn finish(&mut self) -> Result<(), SourceError> {
        let statement = self.statement.take();
        let closed = match (self.line(), statement) {
            (Ok(Line::Raw(raw)), _) => raw.close_statement().await,
            (Ok(Line::Library(conn)), Some(statement)) => conn.close(statement).await,
            (Ok(Line::Library(_)), None) => Ok(()),
            (Err(error), _) => Err(error),
        };
        closed.map_err(|error| self.explain(error))
    }

    /// Stops what the session runs, over another connection, and waits until the server has ended the session.
    /// What has come of it is not read.
    pub(crate) async fn stop(mut self, look: bool) -> Result<(), SourceError> {
        let (connector, id) = (self.connector.clone(), self.id());
        self.cut();
        let mut other = connector.connect().await?;
        // The list of sessions can't be read while anybody runs a statement with a letter of four bytes in it; to be asked
        // once more does a session that is ending no harm.
        while kill(&mut other, id).await && look {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        other.close().await;
        Ok(())
    }

    /// Closes the socket without a word.
    ///
    /// The library would read all that is left of a result before it parts, in a task of the runtime that it finds
    /// itself in. On a thread without one it does not.
    fn cut(&mut self) {
        self.busy = false;
        let Some(Line::Library(conn)) = self.line.take() else { return };
        let spawned = std::thread::Builder::new().name("rivet-mysql-cut".to_owned()).spawn(move || drop(conn));
        if let Ok(thread) = spawned {
            let _ended = thread.join();
        }
    }

    /// Says good-bye and waits until the server has heard it.
    pub(crate) async fn close(mut self) {
        let parting = async {
            match if self.busy { None } else { self.line.take() } {
                Some(Line::Library(conn)) => conn.disconnect().await,
                Some(Line::Raw(raw)) => raw.quit().await,
                None => Ok(()),
            }
        };
        // An error while parting changes nothing: all answers are in.
        let _parted = tokio::time::timeout(SILENCE_PATIENCE, parting).await;
    }
}

/// A statement that ran out of its time may say that it was cancelled.
pub(crate) fn out_of_time(error: SourceError, elapsed: Duration, limit: Duration) -> SourceError {
    if error.kind() != SourceErrorKind::Cancelled || limit.is_zero() || elapsed < limit {
        return error;
    }
    let message = format!("the statement ran out of its {} s", limit.as_secs());
    SourceError::new(SourceErrorKind::StatementTimeout, message)
        .with_help("Raise `tuning.statement_timeout_s`, or read less at once.")
}

/// Ends a session and what it runs. Returns whether it was still there.
async fn kill(session: &mut Session, id: u32) -> bool {
    // A user may always end sessions of its own: nothing fails here but where there is none.
    session.query(&format!("KILL {id}")).await.is_ok()
}

impl Drop for Session {
    /// A statement that nobody waits for any more is ended on the server too: one that sorts or groups would not see
    /// that its client has gone until it has a row to send.
    fn drop(&mut self) {
        if !self.busy {
            return;
        }
        let (connector, id) = (self.connector.clone(), self.id());
        self.cut();
        // The runtime of the caller may end at any moment. Where no thread is to be had, the closed socket is what
        // is left to tell the server.
        let _detached = std::thread::Builder::new().name("rivet-mysql-kill".to_owned()).spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                if let Ok(mut other) = connector.connect().await {
                    kill(&mut other, id).await;
                    other.close().await;
                }
            });
        });
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = match &self.line {
            Some(Line::Library(_)) => "Library",
            Some(Line::Raw(_)) => "Raw",
            None => "None",
        };
        f.debug_struct("Session").field("connector", &self.connector).field("line", &line).finish_non_exhaustive()
    }
}
