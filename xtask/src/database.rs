//! A connection for tasks, which are not asynchronous.

use std::thread::{self, JoinHandle};

use bytes::Bytes;
use futures_util::SinkExt as _;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::{interrupt, process};

/// How many chunks of rows wait for the server: enough to keep it busy, little to hold.
const WAITING_CHUNKS: usize = 8;

/// Rows to load, as chunks of CSV.
pub(crate) type Chunks = Box<dyn Iterator<Item = Bytes> + Send>;

/// A connection to PostgreSQL.
#[derive(Debug)]
pub(crate) struct Database {
    // Dropped first, so that the connection ends before the runtime that serves it.
    client: Client,
    runtime: Runtime,
}

impl Database {
    /// Connects, without TLS.
    pub(crate) fn connect(url: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().into_diagnostic()?;
        let connected = runtime.block_on(tokio_postgres::connect(url, NoTls));
        let (client, connection) = connected.into_diagnostic().wrap_err("no connection to PostgreSQL")?;
        // Its error reaches every later call on the client.
        let _task = runtime.spawn(connection);
        Ok(Self { client, runtime })
    }

    /// Runs statements, separated by semicolons.
    pub(crate) fn execute(&self, sql: &str) -> Result<()> {
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(|error| explain(&error))
    }

    /// Returns the first value of the first row, as text.
    pub(crate) fn value(&self, sql: &str) -> Result<String> {
        let messages = self.runtime.block_on(self.client.simple_query(sql)).map_err(|error| explain(&error))?;
        let value = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
            _ => None,
        });
        process::expected(value, "one value")
    }

    /// Sends chunks to a `COPY ... FROM STDIN`, made on a thread of their own, and returns the number of rows.
    pub(crate) fn copy_in(&self, copy: &str, chunks: Chunks) -> Result<u64> {
        let mut waiting = WaitingChunks::make(chunks);
        let mut receiver = waiting.receiver();
        let copied = self.runtime.block_on(async {
            let sink = self.client.copy_in(copy).await?;
            let mut sink = std::pin::pin!(sink);
            while let Some(chunk) = receiver.recv().await {
                sink.feed(chunk).await?;
            }
            sink.finish().await
        });
        drop(receiver);
        waiting.end()?;
        copied.map_err(|error| explain(&error))
    }
}

/// Chunks that a thread makes while a server takes those before.
#[derive(Debug)]
pub(crate) struct WaitingChunks {
    receiver: Option<mpsc::Receiver<Bytes>>,
    maker: JoinHandle<()>,
}

impl WaitingChunks {
    /// Begins to make them. An interrupt ends them early.
    pub(crate) fn make(chunks: Chunks) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
        let maker = thread::spawn(move || {
            for chunk in chunks {
                if interrupt::happened() || sender.blocking_send(chunk).is_err() {
                    return;
                }
            }
        });
        Self { receiver: Some(receiver), maker }
    }

    /// Hands out the end at which they arrive, once.
    pub(crate) fn receiver(&mut self) -> mpsc::Receiver<Bytes> {
        self.receiver.take().expect("it is asked for once")
    }

    /// Waits for the thread, whose receiver is gone by now, and fails where not all of them were made.
    pub(crate) fn end(self) -> Result<()> {
        self.maker.join().map_err(|_panic| miette!("the rows could not be made"))?;
        interrupt::check()
    }
}

/// Connects, asks for one value, and goes.
pub(crate) fn query_value(url: &str, sql: &str) -> Result<String> {
    Database::connect(url)?.value(sql)
}

/// The server's own message: the driver's `Display` says no more than that there is one.
fn explain(error: &tokio_postgres::Error) -> miette::Report {
    match error.as_db_error() {
        Some(said) => miette!("{}: {}", said.code().code(), said.message()),
        None => miette!("{error}"),
    }
}
