use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rivet_model::{ErrorRecord, ExportName, PartRecord, RunId};
use rivet_source::ServerInfo;
use serde::Serialize;

use crate::ExportReport;

/// Something that happened in the engine. The only way in which it speaks.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// When, by the machine's clock.
    pub at: Timestamp,
    /// Since [`Engine::run`](crate::Engine::run) was called, by a clock that never jumps.
    #[serde(rename = "elapsed_ms", serialize_with = "crate::report::milliseconds")]
    pub elapsed: Duration,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A call of [`Engine::run`](crate::Engine::run) begins.
    Started {
        /// The exports that it will run, in the order of the configuration.
        exports: Vec<ExportName>,
        /// How many run at once.
        parallel: usize,
    },
    /// The source said who it is.
    Connected {
        /// What it said.
        server: ServerInfo,
    },
    /// What an earlier process had left behind was dealt with.
    Settled {
        /// Whose run it was.
        export: ExportName,
        /// Which run.
        run_id: RunId,
        /// What was done.
        settlement: Settlement,
    },
    /// A run that an earlier process had left goes on: its chunks that are done are not read again. Comes before the
    /// [`EventKind::ExportStarted`] of the run.
    Resumed {
        /// Whose run it is.
        export: ExportName,
        /// Which run.
        run_id: RunId,
        /// Chunks that are done.
        chunks_done: u32,
        /// Chunks in all.
        chunks: u32,
    },
    /// An export begins.
    ExportStarted {
        /// Which.
        export: ExportName,
        /// Its run.
        run_id: RunId,
        /// Where it writes, without secrets.
        destination: String,
        /// The number of chunks in all.
        chunks: u32,
        /// Rows that the source's planner expects, where it says: an estimate, to show how far a run is.
        estimated_rows: Option<u64>,
    },
    /// Something a person should know about an export, before it reads.
    Note {
        /// Which export.
        export: ExportName,
        /// One sentence.
        note: String,
    },
    /// The source's columns are not those of the last committed run, whatever the configuration says about that. Where it
    /// says that a person is told, a [`EventKind::Note`] follows.
    SchemaChanged {
        /// Whose.
        export: ExportName,
        /// The run that found it.
        run_id: RunId,
        /// One sentence for each difference.
        changes: Vec<String>,
    },
    /// An export does what it should, and not as well as it should.
    Degraded {
        /// Whose.
        export: ExportName,
        /// Why, as one sentence.
        reason: String,
    },
    /// An export has moved on. Sent several times a second at most.
    Progress {
        /// Which.
        export: ExportName,
        /// Rows written so far, by this attempt and by chunks that are done.
        rows: u64,
        /// Bytes written so far, an estimate while a part is open.
        bytes: u64,
        /// Chunks that are done.
        chunks_done: u32,
        /// Chunks in all.
        chunks: u32,
    },
    /// A part is durable. It is not visible before the run commits.
    PartFinished {
        /// Whose.
        export: ExportName,
        /// Which.
        part: PartRecord,
    },
    /// An attempt failed and another one will be made.
    Retrying {
        /// Whose.
        export: ExportName,
        /// The number of the attempt that failed, from 1.
        attempt: u32,
        /// How many there will be at most.
        max_attempts: u32,
        /// How long the engine waits before the next one.
        #[serde(rename = "wait_ms", serialize_with = "crate::report::milliseconds")]
        wait: Duration,
        /// Why.
        error: ErrorRecord,
    },
    /// An export has ended, in whatever way.
    ExportFinished {
        /// How.
        report: Box<ExportReport>,
    },
}

/// What became of a run that an earlier process had left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Settlement {
    /// Its manifest was there: it counts, and its state was advanced.
    RolledForward,
    /// Its manifest was not there: what it had written was removed.
    Removed {
        /// Files removed.
        files: usize,
    },
}

/// Receives every [`Event`], in order for each export, on the engine's own threads: it should return soon.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Takes an event.
    fn event(&self, event: &Event);
}
