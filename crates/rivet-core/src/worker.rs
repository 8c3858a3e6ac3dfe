//! A thread that reads chunks, one after the other, over a connection that it keeps.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use rivet_source::{Reader, ScanLimits, Snapshot};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::EngineError;
use crate::pipeline::{self, ReadJob, WasRead};

/// What comes of work on another thread.
pub(crate) type Outcome<T> = oneshot::Receiver<Result<T, EngineError>>;

/// One worker: a thread with a runtime of its own, so that no other thread is woken per buffer, and one reader.
///
/// The thread ends when the worker is dropped; [`Worker::close`] waits for it.
#[derive(Debug)]
pub(crate) struct Worker {
    tasks: Sender<Task>,
    ended: Outcome<()>,
}

#[derive(Debug)]
struct Task {
    job: ReadJob,
    answer: oneshot::Sender<Result<WasRead, EngineError>>,
}

impl Worker {
    /// Starts the thread. Nothing is connected before the first job.
    pub(crate) fn start(snapshot: Arc<dyn Snapshot>, limits: ScanLimits) -> Result<Self, EngineError> {
        let (tasks, received) = channel();
        let ended = on_thread("rivet-read", move || work(snapshot.as_ref(), &limits, &received))?;
        Ok(Self { tasks, ended })
    }

    /// Gives the thread a job; jobs are done one after the other.
    pub(crate) fn read(&self, job: ReadJob) -> Outcome<WasRead> {
        let (answer, outcome) = oneshot::channel();
        // A thread that has ended drops the answer, and that is what the outcome tells.
        drop(self.tasks.send(Task { job, answer }));
        outcome
    }

    /// Ends the reader's connection and the thread.
    pub(crate) async fn close(self) -> Result<(), EngineError> {
        drop(self.tasks);
        finished(self.ended).await
    }
}

/// The thread of a worker.
fn work(snapshot: &dyn Snapshot, limits: &ScanLimits, tasks: &Receiver<Task>) -> Result<(), EngineError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| EngineError::Panic { message: format!("no runtime could be started: {error}") })?;
    let mut reader: Option<Box<dyn Reader>> = None;
    while let Ok(Task { job, answer }) = tasks.recv() {
        let read = catch_unwind(AssertUnwindSafe(|| read(&runtime, snapshot, limits, &mut reader, &job)));
        let read = read.unwrap_or_else(|panic| {
            // Nobody knows what state it is in.
            reader = None;
            Err(panicked(panic.as_ref()))
        });
        drop(job);
        // Nobody waits any more only where the whole run was dropped.
        drop(answer.send(read));
    }
    match reader {
        Some(reader) => runtime.block_on(reader.close()).map_err(EngineError::from),
        None => Ok(()),
    }
}

fn read(
    runtime: &Runtime,
    snapshot: &dyn Snapshot,
    limits: &ScanLimits,
    reader: &mut Option<Box<dyn Reader>>,
    job: &ReadJob,
) -> Result<WasRead, EngineError> {
    runtime.block_on(async {
        if reader.is_none() {
            let opened = tokio::select! {
                biased;
                () = job.stop.cancelled() => return Err(EngineError::Interrupted),
                opened = snapshot.reader(limits) => opened,
            };
            *reader = Some(opened?);
        }
        match reader {
            Some(reader) => pipeline::read(reader.as_mut(), job).await,
            None => Err(EngineError::Interrupted),
        }
    })
}

/// Runs work on a thread of its own. A panic there becomes an error here.
pub(crate) fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<Outcome<T>, EngineError> {
    let (sender, receiver) = oneshot::channel();
    let body = move || {
        let outcome = catch_unwind(AssertUnwindSafe(work));
        let outcome = outcome.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        drop(sender.send(outcome));
    };
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(body);
    spawned.map_err(|error| EngineError::Panic { message: format!("no thread could be started: {error}") })?;
    Ok(receiver)
}

/// Waits for what comes of work on another thread.
pub(crate) async fn finished<T>(outcome: Outcome<T>) -> Result<T, EngineError> {
    outcome
        .await
        .unwrap_or_else(|_closed| Err(EngineError::Panic { message: "a thread ended without a word".to_owned() }))
}

fn panicked(panic: &(dyn Any + Send)) -> EngineError {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    EngineError::Panic { message: text.unwrap_or_else(|| "no message".to_owned()) }
}
