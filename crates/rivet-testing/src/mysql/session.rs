use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable as _;
use mysql_async::{Column, Conn, Error, Opts, OptsBuilder, Row, Value};
use tokio::runtime::{Builder, Handle, Runtime};

/// What makes a server's text forms the same everywhere, and the same as an export's.
const STEADY: &str = "SET NAMES utf8mb4, time_zone = '+00:00'";

/// What MySQL answers to whoever asks for its sessions or transactions while one of them runs a statement with a letter
/// of four bytes in it. It passes.
const UNLISTABLE: u16 = 3854;

/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection to a MySQL or MariaDB, for plain synchronous tests. Its zone is UTC, its character set utf8mb4.
///
/// It has a runtime of its own, so that it must not be used inside of another one.
pub struct MysqlSession {
    // An option, since closing takes it.
    connection: Mutex<Option<Conn>>,
    runtime: Runtime,
}

impl fmt::Debug for MysqlSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MysqlSession")
    }
}

impl MysqlSession {
    /// Connects by TCP, without TLS.
    #[track_caller]
    pub fn connect(url: &str) -> Self {
        Self::try_connect(url).unwrap_or_else(|error| panic!("no connection to the test server: {error}"))
    }

    /// Connects by TCP, without TLS, or says why not.
    pub fn try_connect(url: &str) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime needs nothing but memory");
        // The path of the socket that a server names may lead to another server, where this one is in a container.
        let options = OptsBuilder::from_opts(Opts::from_url(url)?).prefer_socket(false).setup(vec![STEADY]);
        let connection = runtime.block_on(Conn::new(options))?;
        Ok(Self { connection: Mutex::new(Some(connection)), runtime })
    }

    /// Returns the number by which `KILL` and the list of processes know the connection.
    pub fn id(&self) -> u32 {
        self.with(|_, connection| connection.id())
    }

    /// Runs statements, separated by semicolons, and gives nothing back.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.try_execute(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// Runs statements and says what went wrong.
    pub fn try_execute(&self, sql: &str) -> Result<(), Error> {
        self.with(|runtime, connection| runtime.block_on(connection.query_drop(sql)))
    }

    /// Returns the rows of a query, each value in the server's own text form; what is no UTF-8 is replaced.
    #[track_caller]
    pub fn query_text(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let mut rows = Vec::new();
        let mut keep = |row: Vec<Option<Vec<u8>>>| {
            rows.push(
                row.iter().map(|value| value.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into())).collect(),
            );
        };
        self.each_row(sql, &mut keep);
        rows
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
    pub(crate) fn columns(&self, sql: &str) -> Vec<Column> {
        self.with(|runtime, connection| runtime.block_on(connection.prep(sql)))
            .unwrap_or_else(|error| panic!("{error}: {sql}"))
            .columns()
            .to_vec()
    }

    /// Streams the rows of a query, as the server's text protocol has them.
    #[track_caller]
    pub(crate) fn each_row(&self, sql: &str, row: &mut dyn FnMut(Vec<Option<Vec<u8>>>)) {
        let begun = Instant::now();
        let mut read = |runtime: &Runtime, connection: &mut Conn| {
            runtime.block_on(async {
                let mut result = connection.query_iter(sql).await?;
                while let Some(next) = result.next().await? {
                    row(text(next));
                }
                result.drop_result().await
            })
        };
        loop {
            match self.with(&mut read) {
                Ok(()) => return,
                // The list is made before its first row is sent.
                Err(Error::Server(error)) if error.code == UNLISTABLE && begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(error) => panic!("{error}: {sql}"),
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&Runtime, &mut Conn) -> T) -> T {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        act(&self.runtime, connection.as_mut().expect("it is taken by drop alone"))
    }
}

impl Drop for MysqlSession {
    fn drop(&mut self) {
        let connection = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A test that fails must say why it did: nothing here may panic.
        if let Some(connection) = connection.filter(|_| !std::thread::panicking() && Handle::try_current().is_err()) {
            let closing = async { tokio::time::timeout(Duration::from_secs(2), connection.disconnect()).await };
            // The server may be gone, which is as good.
            drop(self.runtime.block_on(closing));
        }
    }
}

fn text(row: Row) -> Vec<Option<Vec<u8>>> {
    let value = |value| match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(bytes),
        other => unreachable!("the text protocol has no {other:?}"),
    };
    row.unwrap().into_iter().map(value).collect()
}
