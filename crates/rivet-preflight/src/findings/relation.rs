//! What is read, and how well the source knows it.

use super::{Facts, FindingRule, Note};
use crate::number::count;
use crate::relation::RelationKind;
use crate::{FindingCode, StatisticsState, Strategy};

pub(super) const STATISTICS_MISSING: FindingRule = FindingRule {
    code: FindingCode::StatisticsMissing,
    when: "the source answers, and has no number of rows and no analysis: a warning for what it stores, for \
           information for a view, a foreign table or a query",
    find: |facts| {
        if facts.evidence.answers.statistics().is_none() || facts.statistics != StatisticsState::Missing {
            return None;
        }
        if facts.evidence.kind.is_stored() {
            let message = "the source has no statistics of the relation: its estimates are guesses";
            Some(Note::warning(message, "Analyze the table, then plan again."))
        } else {
            let message = "the source keeps no statistics of the relation itself";
            Some(Note::info(message, "Analyze the tables underneath: the estimates are as good as their statistics."))
        }
    },
};

pub(super) const STATISTICS_STALE: FindingRule = FindingRule {
    code: FindingCode::StatisticsStale,
    when: "the relation was never analyzed though a number of rows is known, or since then more rows were changed than \
           a tenth of them and 1,000",
    find: |facts| {
        let statistics = facts.evidence.answers.statistics()?;
        let changed = statistics.changed_rows.unwrap_or(0);
        let message = match (statistics.analyzed_at, statistics.estimated_rows) {
            (None, _) => "the relation was never analyzed: nothing is known of the values in it".to_owned(),
            (Some(_), Some(rows)) => {
                format!("{} rows were changed since the last analysis, of {}", count(changed), count(rows))
            }
            (Some(_), None) => format!("{} rows were changed since the last analysis", count(changed)),
        };
        let help = "Analyze the table, then plan again.";
        (facts.statistics == StatisticsState::Stale).then(|| Note::warning(message, help))
    },
};

pub(super) const VIEW: FindingRule = FindingRule {
    code: FindingCode::View,
    when: "the relation is a view",
    find: |facts| {
        of_kind(
            facts,
            RelationKind::View,
            "the relation is a view: what it costs is up to the tables underneath",
            "Read the tables themselves where the view does more than rename them.",
        )
    },
};

pub(super) const MATERIALIZED_VIEW: FindingRule = FindingRule {
    code: FindingCode::MaterializedView,
    when: "the relation is a materialized view",
    find: |facts| {
        of_kind(
            facts,
            RelationKind::MaterializedView,
            "the relation is a materialized view: it shows its last refresh",
            "Refresh it before the run.",
        )
    },
};

pub(super) const PARTITIONED_TABLE: FindingRule = FindingRule {
    code: FindingCode::PartitionedTable,
    when: "the relation is a partitioned table",
    find: |facts| {
        let partitions = facts.evidence.answers.explanation().map_or(0, |plan| plan.accesses.len());
        let message = match partitions {
            0 | 1 => "the relation is a partitioned table".to_owned(),
            many => format!("the relation is a partitioned table: the statement reads {many} of its partitions"),
        };
        let help = match facts.evidence.request.strategy {
            Strategy::Full => "Export single partitions, where only some of them change.",
            Strategy::Incremental | Strategy::Chunked(_) | Strategy::TimeWindow { .. } => {
                "Follow or cut by the column that it is partitioned by, so that partitions can be left out."
            }
        };
        of_kind(facts, RelationKind::PartitionedTable, &message, help)
    },
};

pub(super) const FOREIGN_TABLE: FindingRule = FindingRule {
    code: FindingCode::ForeignTable,
    when: "the relation is a foreign table",
    find: |facts| {
        of_kind(
            facts,
            RelationKind::ForeignTable,
            "the relation is a foreign table: another server reads it, and what that costs can't be seen from here",
            "Export it from the server that stores it.",
        )
    },
};

pub(super) const UNLOGGED_TABLE: FindingRule = FindingRule {
    code: FindingCode::UnloggedTable,
    when: "the relation is an unlogged table",
    find: |facts| {
        of_kind(
            facts,
            RelationKind::UnloggedTable,
            "the relation is an unlogged table: it is empty after a crash of the server, and no replica has it",
            "Read it from the primary, and set `quality.row_count_min`, so that an empty one is noticed.",
        )
    },
};

fn of_kind(facts: &Facts<'_>, kind: RelationKind, message: &str, help: &str) -> Option<Note> {
    (facts.evidence.kind == kind).then(|| Note::info(message, help))
}
