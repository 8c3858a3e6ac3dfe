//! The life of one run of one export, in the order that `docs/durability.md` describes.

mod commit;
mod prepare;
mod read;
mod run;

pub(crate) use run::{ExportRun, Shared};
