//! The engine: it runs exports, commits them, and says what happens.
//!
//! It never prints, reads the environment or calls exit. It is given named source factories, a state store and
//! observers, and gives back a report.

mod destination;
mod doctor;
mod drift;
mod engine;
mod error;
mod event;
mod export;
mod failpoint;
mod fingerprint;
mod landing;
mod mask;
mod memory;
mod pipeline;
mod plan;
mod progress;
mod quality;
mod report;
mod retry;
mod runnable;
mod settle;
mod shape;
mod throttle;
mod worker;

pub use destination::DestinationFactory;
pub use doctor::{CheckOutcome, CheckStep, CheckedPlace, Checkup, DoctorOptions, DoctorReport};
pub use engine::{Engine, EngineBuilder, RunOptions};
pub use error::EngineError;
pub use event::{Event, EventKind, Observer, Settlement};
pub use plan::{
    ApplyOptions, Cause, Choice, Computed, Plan, PlanError, PlanOptions, PlannedExport, ResolvedPlan, history,
};
pub use report::{ExportReport, RunReport};
