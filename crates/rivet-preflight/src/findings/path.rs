//! How the rows are reached.

use super::{Facts, FindingRule, Note};
use crate::number::{about_rows, things};
use crate::reach::Reach;
use crate::relation::RelationKind;
use crate::{FindingCode, Severity, Strategy, Verdict};

pub(super) const NO_USABLE_INDEX: FindingRule = FindingRule {
    code: FindingCode::NoUsableIndex,
    when: "no index finds the rows that an incremental, a chunked or a time-window export wants: critical where that \
           is unsafe, else a warning",
    find: |facts| {
        let evidence = &facts.evidence;
        let found = evidence.reach == Reach::Scan && evidence.request.selects_by_key();
        let reader = match evidence.request.strategy {
            Strategy::Full | Strategy::Incremental => "each run reads".to_owned(),
            Strategy::Chunked(plan) => format!("each of {} reads", things(plan.count.into(), "chunk")),
            Strategy::TimeWindow { days } => format!("for the last {} a run reads", things(days.into(), "day")),
        };
        let rows = about_rows(evidence.scanned_rows);
        let message = format!("no index finds rows by {}: {reader} the whole relation, {rows}", evidence.key_name());
        found.then(|| Note::new(severity(facts), message, create_index(facts)))
    },
};

pub(super) const SCAN_PER_CHUNK: FindingRule = FindingRule {
    code: FindingCode::ScanPerChunk,
    when: "each of 2 chunks or more reads the whole relation, with or without an index that could serve, unless it has \
           one and up to 100 k rows: critical where that is unsafe, else a warning",
    find: |facts| {
        let evidence = &facts.evidence;
        let chunks = u64::from(evidence.request.chunk_count());
        if chunks < 2 || !matches!(evidence.reach, Reach::Scan | Reach::ScanDespiteIndex) {
            return None;
        }
        let read = about_rows(evidence.scanned_rows.map(|rows| rows.saturating_mul(chunks)));
        let message =
            format!("{read} are read to export {}: each of {chunks} chunks reads all", about_rows(evidence.rows));
        let help = "Use fewer chunks, a `chunk_column` that an index begins with and whose order is the order on disk, \
                    or `mode: full`.";
        Some(Note::new(severity(facts), message, help))
    },
};

pub(super) const INDEX_NOT_USED: FindingRule = FindingRule {
    code: FindingCode::IndexNotUsed,
    when: "there is an index on the key, and the plan does not enter it: for information where a scan is as good",
    find: |facts| {
        let evidence = &facts.evidence;
        let is_well = evidence.reach == Reach::Index;
        let rows = about_rows(evidence.scanned_rows);
        let key = evidence.request.key_column()?;
        let index = match evidence.answers.index_on(key.name.as_str()) {
            Some(index) => format!("the index `{}`", index.name),
            None => "an index".to_owned(),
        };
        let message = format!("{index} begins with `{}`, but the planner reads all of {rows}", key.name);
        let help = match (is_well, evidence.kind) {
            (true, _) => "Leave it so: for few rows, or for most of them, a scan is the cheaper way.",
            (false, RelationKind::Query) => {
                "Write the query so that a condition on this column reaches its table: without aggregates, `DISTINCT` \
                 or `LIMIT` around it."
            }
            (false, _) => "Analyze the table, and compare the size of a chunk with that of the table.",
        };
        let severity = if is_well { Severity::Info } else { severity(facts) };
        evidence.leaves_index_aside().then(|| Note::new(severity, message, help))
    },
};

pub(super) const SORTS_RESULT: FindingRule = FindingRule {
    code: FindingCode::SortsResult,
    when: "the plan sorts the whole result before its first row comes",
    find: |facts| {
        let evidence = &facts.evidence;
        let message = format!("the source sorts {} before the first of them comes", about_rows(evidence.rows));
        let help = match evidence.kind {
            RelationKind::Query => "Remove `ORDER BY` from the query, or create an index in its order.",
            _ => "Create an index in the order that is asked for.",
        };
        evidence.sorts_result().then(|| Note::warning(message, help))
    },
};

/// As grave as the verdict that comes of it.
fn severity(facts: &Facts<'_>) -> Severity {
    if facts.verdict == Verdict::Unsafe { Severity::Critical } else { Severity::Warning }
}

fn create_index(facts: &Facts<'_>) -> String {
    let evidence = &facts.evidence;
    let key = evidence.key_name();
    let index = match evidence.kind {
        RelationKind::Query | RelationKind::View => {
            format!("Make a condition on {key} reach an index of the table that it is taken from")
        }
        _ => format!("Create an index that begins with {key}"),
    };
    match evidence.request.strategy {
        Strategy::Chunked(_) => format!("{index}, or remove `chunk_column`, so that the table's own key is used."),
        Strategy::Full | Strategy::Incremental | Strategy::TimeWindow { .. } => {
            format!("{index}, or use `mode: full`, which reads everything on purpose.")
        }
    }
}
