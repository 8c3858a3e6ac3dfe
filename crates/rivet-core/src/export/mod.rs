//! The life of one run of one export, in the order that `docs/durability.md` describes.

mod ahead;
mod attempt;
mod chunked;
mod commit;
mod incremental;
mod plan;
mod planned;
mod prepare;
mod read;
mod resume;
mod run;
mod window;
mod workers;

pub(crate) use ahead::{Foreseen, Reading};
pub(crate) use planned::Planned;
pub(crate) use prepare::describe_request;
pub(crate) use read::limits;
pub(crate) use resume::may_go_on;
pub(crate) use run::{ExportRun, Shared};
