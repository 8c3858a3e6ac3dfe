//! What the engine says, as text: for a terminal, for a pipe, as JSON.

mod error;
mod json;
pub(crate) mod log;
mod printer;
mod progress;
mod quantity;
#[cfg(test)]
pub(crate) mod sample;
mod screen;
mod summary;

pub(crate) use json::RunDocument;
pub(crate) use log::LogFormat;
pub(crate) use printer::{Printer, reader_is_gone};
pub(crate) use progress::Progress;
pub(crate) use screen::Screen;
pub(crate) use summary::Summary;
