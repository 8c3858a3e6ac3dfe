//! Plans: what would be run and what it would cost, sealed into a document, and run from there.

mod ahead;
mod apply;
mod canonical;
mod choice;
mod document;
mod error;
mod inspectors;
mod planned;
mod planner;
mod question;
mod signals;

pub(crate) use ahead::PATIENCE;
pub use ahead::PlanOptions;
pub use apply::ApplyOptions;
pub use choice::Choice;
pub use document::Plan;
pub use error::PlanError;
pub use planned::{Cause, Computed, PlannedExport, ResolvedPlan};
pub use signals::history;
