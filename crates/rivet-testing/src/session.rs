use std::fmt;
use std::path::Path;

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, Statement};

/// One connection to a database, for plain synchronous tests.
///
/// It has a runtime of its own, so that it must not be used inside of another one.
pub struct Session {
    // Dropped first, so that the connection ends before the runtime that serves it.
    client: Client,
    runtime: Runtime,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// Connects, without TLS.
    #[track_caller]
    pub fn connect(url: &str) -> Self {
        Self::try_connect(url).unwrap_or_else(|error| panic!("no connection to the test server: {error}"))
    }

    /// Connects, without TLS, or says why not.
    pub fn try_connect(url: &str) -> Result<Self, tokio_postgres::Error> {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime needs nothing but memory");
        let (client, connection) = runtime.block_on(tokio_postgres::connect(url, NoTls))?;
        // Its error reaches every later call on the client.
        let _task = runtime.spawn(connection);
        Ok(Self { client, runtime })
    }

    /// Runs statements, separated by semicolons, and gives nothing back.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.try_execute(sql).unwrap_or_else(|error| panic!("{}: {sql}", describe(&error)));
    }

    /// Runs statements and says what went wrong.
    pub fn try_execute(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.runtime.block_on(self.client.batch_execute(sql))
    }

    /// Returns the rows of a query, each value in the server's own text form.
    #[track_caller]
    pub fn query_text(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let messages = self
            .runtime
            .block_on(self.client.simple_query(sql))
            .unwrap_or_else(|error| panic!("{}: {sql}", describe(&error)));
        messages
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => {
                    Some((0..row.len()).map(|column| row.get(column).map(ToOwned::to_owned)).collect())
                }
                _ => None,
            })
            .collect()
    }

    /// Returns the one value of a query of one row and one column; empty for NULL.
    #[track_caller]
    pub fn query_value(&self, sql: &str) -> String {
        let mut rows = self.query_text(sql);
        assert_eq!(rows.len(), 1, "one row expected of: {sql}");
        rows.remove(0).remove(0).unwrap_or_default()
    }

    /// Asks the server what a query would give.
    #[track_caller]
    pub(crate) fn prepare(&self, sql: &str) -> Statement {
        self.runtime.block_on(self.client.prepare(sql)).unwrap_or_else(|error| panic!("{}: {sql}", describe(&error)))
    }

    /// Streams what a `COPY ... TO STDOUT` sends into a file.
    #[track_caller]
    pub(crate) fn copy_out(&self, copy: &str, path: &Path) {
        self.runtime.block_on(async {
            let stream =
                self.client.copy_out(copy).await.unwrap_or_else(|error| panic!("{}: {copy}", describe(&error)));
            let mut stream = std::pin::pin!(stream);
            let mut file = tokio::fs::File::create(path).await.expect("a test may write into its own folder");
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.unwrap_or_else(|error| panic!("{}: {copy}", describe(&error)));
                file.write_all(&chunk).await.expect("a test may write into its own folder");
            }
            file.flush().await.expect("a test may write into its own folder");
        });
    }
}

/// The server's own message: the driver's `Display` says no more than that there is one.
fn describe(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)
}
