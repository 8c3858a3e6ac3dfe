//! Verdicts, findings and advice over scripted answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod advice;
mod cases;
mod cursor;
mod failures;
mod findings;
mod properties;
mod report;
mod support;
mod verdicts;
