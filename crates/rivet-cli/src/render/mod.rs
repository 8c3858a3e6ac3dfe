//! What the engine says, as text: for a terminal, for a pipe, as JSON.

pub(crate) mod check;
pub(crate) mod doctor;
mod error;
mod json;
pub(crate) mod log;
pub(crate) mod metrics;
mod news;
pub(crate) mod plan;
mod position;
mod printer;
mod progress;
mod progress_line;
mod quantity;
#[cfg(test)]
pub(crate) mod sample;
mod screen;
mod summary;
mod text;
pub(crate) mod types;

pub(crate) use json::{Problem, RunDocument};
pub(crate) use log::LogFormat;
pub(crate) use position::{Position, Range};
pub(crate) use printer::{Printer, reader_is_gone};
pub(crate) use progress::{Progress, ProgressStyle};
pub(crate) use quantity::number;
pub(crate) use screen::Screen;
pub(crate) use summary::Summary;
pub(crate) use text::{document, field, moment, plain_table, plan_fields, table_text, word};
