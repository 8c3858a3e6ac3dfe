//! How much is read.

use super::{Facts, FindingRule, Note};
use crate::number::{about_rows, size};
use crate::verdict::MANY_ROWS;
use crate::{FindingCode, Strategy};

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// Bytes from which a person should know of them.
const LARGE_BYTES: f64 = GIB;

/// Rows and bytes from which a primary should rather be spared: the limits of the highest cost class.
const VERY_LARGE_ROWS: u64 = 50_000_000;
const VERY_LARGE_BYTES: f64 = 50.0 * GIB;

pub(super) const LARGE_RESULT: FindingRule = FindingRule {
    code: FindingCode::LargeResult,
    when: "1 GiB or more will be read",
    find: |facts| {
        let bytes = facts.evidence.bytes().filter(|bytes| *bytes >= LARGE_BYTES)?;
        let message = format!("about {} will be read, {}", size(bytes), about_rows(facts.evidence.rows));
        Some(Note::info(message, "Leave out columns that nobody needs with `exclude`, and choose a quiet hour."))
    },
};

pub(super) const COULD_BE_CHUNKED: FindingRule = FindingRule {
    code: FindingCode::CouldBeChunked,
    when: "a full export of 10 M rows or more of a relation that has a unique key",
    find: |facts| {
        let evidence = &facts.evidence;
        let many = evidence.rows.is_some_and(|rows| rows >= MANY_ROWS);
        let found = evidence.request.strategy == Strategy::Full && many && has_key(facts);
        let message = format!("{} are read in one piece: after a failure it begins again", about_rows(evidence.rows));
        let help = "Use `mode: chunked`, which goes on where it stopped and can read with several connections.";
        found.then(|| Note::info(message, help))
    },
};

pub(super) const LARGE_READ_ON_PRIMARY: FindingRule = FindingRule {
    code: FindingCode::LargeReadOnPrimary,
    when: "50 M rows or 50 GiB and more will be read, and the server is no replica",
    find: |facts| {
        let evidence = &facts.evidence;
        let many = evidence.rows.is_some_and(|rows| rows >= VERY_LARGE_ROWS);
        let large = many || evidence.bytes().is_some_and(|bytes| bytes >= VERY_LARGE_BYTES);
        let is_primary = evidence.request.server.as_ref().is_some_and(|server| !server.replica);
        let bytes = evidence.bytes().map(|bytes| format!(", {}", size(bytes))).unwrap_or_default();
        let message = format!("a primary is to send {}{bytes}", about_rows(evidence.rows));
        (large && is_primary).then(|| Note::info(message, "Read from a replica, where there is one."))
    },
};

/// Returns whether a key tells the rows of the relation apart.
fn has_key(facts: &Facts<'_>) -> bool {
    let indexes = facts.evidence.answers.statistics().map_or(&[][..], |statistics| &statistics.indexes);
    let unique = indexes.iter().any(|index| index.unique && index.usable && !index.partial);
    unique || !facts.evidence.request.spec.key_columns.is_empty()
}
