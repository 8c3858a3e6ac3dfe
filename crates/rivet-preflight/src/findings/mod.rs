//! What there is to say of a run, as a table of rules.

mod failure;
mod key;
mod limits;
mod path;
mod relation;
mod server;
mod size;

use std::cmp::Reverse;
use std::fmt::Write as _;

use crate::evidence::Evidence;
use crate::sparse::Spread;
use crate::{Advice, CursorQuality, Finding, FindingCode, Severity, StatisticsState, Verdict};

/// What rules look at: the evidence, and what was judged of it.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) evidence: Evidence<'a>,
    pub(crate) verdict: Verdict,
    pub(crate) cursor: CursorQuality,
    pub(crate) spread: Option<Spread>,
    pub(crate) statistics: StatisticsState,
    pub(crate) advice: Advice,
}

/// A finding that does not know its code yet.
#[derive(Debug)]
pub(crate) struct Note {
    severity: Severity,
    message: String,
    help: String,
}

impl Note {
    fn new(severity: Severity, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity, message: message.into(), help: help.into() }
    }

    fn info(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Severity::Info, message, help)
    }

    fn warning(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message, help)
    }
}

/// One line of the table of findings.
#[derive(Debug, Clone, Copy)]
pub struct FindingRule {
    /// What it is about.
    pub code: FindingCode,
    /// When it is given.
    pub when: &'static str,
    find: fn(&Facts<'_>) -> Option<Note>,
}

/// Everything that preflight can find.
pub const FINDING_RULES: &[FindingRule] = &[
    failure::EXPLAIN,
    failure::STATISTICS,
    failure::VITALS,
    path::NO_USABLE_INDEX,
    path::SCAN_PER_CHUNK,
    path::INDEX_NOT_USED,
    path::SORTS_RESULT,
    key::SPARSE_RANGE,
    key::WEAK_CURSOR,
    key::NULL_KEY,
    key::KEY_NOT_UNIQUE,
    key::BOUNDS_NOT_OBSERVED,
    key::WEAK_CORRELATION,
    relation::STATISTICS_MISSING,
    relation::STATISTICS_STALE,
    size::LARGE_RESULT,
    size::COULD_BE_CHUNKED,
    relation::VIEW,
    relation::MATERIALIZED_VIEW,
    relation::PARTITIONED_TABLE,
    relation::FOREIGN_TABLE,
    relation::UNLOGGED_TABLE,
    server::REPLICA,
    server::REPLICA_LAG,
    size::LARGE_READ_ON_PRIMARY,
    server::POOLER,
    server::LONG_TRANSACTION,
    server::LONG_HISTORY,
    limits::CONNECTION_HEADROOM,
    limits::PROFILE_ABOVE_ADVICE,
    limits::PARALLELISM_ABOVE_ADVICE,
];

/// Finds everything there is to say: the gravest first, and in the order of the table where two are alike.
pub(crate) fn find(facts: &Facts<'_>) -> Vec<Finding> {
    let finding = |rule: &FindingRule| {
        let Note { severity, message, help } = (rule.find)(facts)?;
        Some(Finding { code: rule.code, severity, message, help })
    };
    let mut findings: Vec<_> = FINDING_RULES.iter().filter_map(finding).collect();
    findings.sort_by_key(|finding| Reverse(finding.severity));
    findings
}

/// Renders [`FINDING_RULES`] as a Markdown table.
pub fn findings_table() -> String {
    let mut table = "| finding | when |\n|---|---|\n".to_owned();
    for FindingRule { code, when, .. } in FINDING_RULES {
        writeln!(table, "| `{code}` | {when} |").expect("a string takes every write");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_rule_in_the_order_of_the_codes() {
        let codes: Vec<_> = FINDING_RULES.iter().map(|rule| rule.code).collect();
        assert_eq!(codes, FindingCode::ALL);
    }
}
