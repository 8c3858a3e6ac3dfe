//! A connection to MySQL or MariaDB for tasks, which are not asynchronous.

use std::fmt;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{empty, poll_fn};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder, Row, from_value_opt};
use tokio::runtime::{Builder, Runtime};

use crate::database::{Chunks, WaitingChunks};
use crate::process;

/// A connection.
pub(crate) struct Mysql {
    // Dropped first, so that the connection ends before the runtime that serves it.
    connection: Conn,
    runtime: Runtime,
}

impl fmt::Debug for Mysql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mysql")
    }
}

impl Mysql {
    /// Connects by TCP, without TLS.
    pub(crate) fn connect(url: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().into_diagnostic()?;
        // The server's socket may be in another root, and the path that it names belong to another server.
        let options = Opts::from_url(url).into_diagnostic().wrap_err("no address of a MySQL")?;
        let options = OptsBuilder::from_opts(options).prefer_socket(false);
        let connected = runtime.block_on(Conn::new(options));
        let connection = connected.map_err(|error| explain(&error)).wrap_err("no connection to MySQL")?;
        Ok(Self { connection, runtime })
    }

    /// Runs statements, separated by semicolons.
    pub(crate) fn execute(&mut self, sql: &str) -> Result<()> {
        self.runtime.block_on(self.connection.query_drop(sql)).map_err(|error| explain(&error))
    }

    /// Returns the first value of the first row, as text.
    pub(crate) fn value(&mut self, sql: &str) -> Result<String> {
        let row: Option<Row> =
            self.runtime.block_on(self.connection.query_first(sql)).map_err(|error| explain(&error))?;
        let value = row.and_then(|mut row| row.take(0));
        process::expected(value.and_then(|value| from_value_opt(value).ok()), "one value")
    }

    /// Sends chunks to a `LOAD DATA LOCAL INFILE`, made on a thread of their own, and returns the number of rows.
    pub(crate) fn load(&mut self, sql: &str, chunks: Chunks) -> Result<u64> {
        let mut waiting = WaitingChunks::make(chunks);
        let mut receiver = waiting.receiver();
        let stream = poll_fn(move |context| receiver.poll_recv(context).map(|chunk: Option<Bytes>| chunk.map(Ok)));
        self.connection.set_infile_handler(async move { Ok(stream.boxed()) });
        let loaded = self.runtime.block_on(self.connection.query_drop(sql));
        // A statement that was refused has taken no rows: what would send them goes, and with it their maker.
        self.connection.set_infile_handler(async { Ok(empty().boxed()) });
        // Checked first: an interrupt ends the rows early, which the server takes for all of them.
        waiting.end()?;
        loaded.map_err(|error| explain(&error))?;
        Ok(self.connection.affected_rows())
    }
}

/// Connects, asks for one value, and goes.
pub(crate) fn query_value(url: &str, sql: &str) -> Result<String> {
    Mysql::connect(url)?.value(sql)
}

/// The server's own message with its code.
fn explain(error: &mysql_async::Error) -> miette::Report {
    match error {
        mysql_async::Error::Server(said) => miette!("{}: {}", said.code, said.message),
        other => miette!("{other}"),
    }
}
