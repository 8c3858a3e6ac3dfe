//! Inspectors: what preflight asks, and what happens where there is no answer.

use std::time::Duration;

use rivet_model::{KeyBound, Relation, RowRange, Scalar};

use super::table::{GROUPED, LARGE, group};
use super::{LIMITS, cursor, described, keyed, own_key};
use crate::{Hold, Inspector, Probe, ScanSpec, Source, SplitBy, SplitRequest, WatermarkRequest};

/// More than enough for any of the questions.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn check(source: &dyn Source) {
    let mut inspector = source.inspector(PATIENCE).await.expect("an inspector");
    let inspector = inspector.as_mut();
    statements_are_explained(source, inspector).await;
    the_index_of_a_key_is_known(source, inspector).await;
    the_ends_of_a_key_are_known(source, inspector).await;
    a_relation_without_a_key_has_statistics_too(source, inspector).await;
    probes_are_kept_until_they_are_taken(source, inspector).await;
    a_question_that_failed_is_the_only_one(source, inspector).await;
    what_planning_asks_is_recorded(source).await;
    let another = source.inspector(PATIENCE).await.expect("a second inspector");
    another.close().await;
}

fn between(lower: i64, upper: i64) -> RowRange {
    RowRange::Key {
        lower: Some(KeyBound::including(vec![Scalar::Int(lower)])),
        upper: Some(KeyBound::excluding(vec![Scalar::Int(upper)])),
    }
}

async fn statements_are_explained(source: &dyn Source, inspector: &mut dyn Inspector) {
    let spec = keyed(source, "large", own_key()).await.spec;
    let mut statements = Vec::new();
    for range in [RowRange::All, between(10, 20), RowRange::Key { lower: None, upper: None }] {
        let spec = spec.with_range(range);
        let explained = inspector.explain(&spec, &LIMITS).await.expect("an explanation");
        assert!(explained.estimated_rows.is_some(), "an estimate of {:?}", spec.range);
        assert!(explained.row_bytes.is_some_and(|bytes| bytes > 0.0), "rows have a width");
        assert!(!explained.accesses.is_empty(), "the table is read in some way");
        assert!(!explained.sorts_result, "nobody asked for an order");
        let again = inspector.explain(&spec, &LIMITS).await.expect("the same explanation");
        assert_eq!(again.statement, explained.statement, "one range has one statement");
        statements.push(explained.statement);
    }
    assert!(!statements[0].is_empty() && statements[0] != statements[1], "another range has another statement");
}

async fn the_index_of_a_key_is_known(source: &dyn Source, inspector: &mut dyn Inspector) {
    for table in ["large", "empty", "grouped"] {
        let spec = keyed(source, table, own_key()).await.spec;
        let found = inspector.statistics(&spec).await.expect("statistics");
        assert_eq!(found.kind, "table");
        let whole = |index: &&crate::IndexFacts| index.usable && index.unique && !index.partial;
        let mut indexes = found.indexes.iter().filter(whole);
        assert!(indexes.any(|index| index.columns == ["id"]), "the index of the key of `{table}`: {:?}", found.indexes);
        let columns: Vec<_> = found.columns.iter().map(|(name, column)| (name.as_str(), column.nullable)).collect();
        assert_eq!(columns, [("id", false)], "what is known of the key");
    }
    let spec = keyed(source, "grouped", cursor("grp", Some("id"))).await.spec;
    let found = inspector.statistics(&spec).await.expect("statistics");
    let columns: Vec<_> = found.columns.iter().map(|(name, column)| (name.as_str(), column.nullable)).collect();
    assert_eq!(columns, [("grp", true), ("id", false)], "the fallback is one of them");
}

async fn the_ends_of_a_key_are_known(source: &dyn Source, inspector: &mut dyn Inspector) {
    let mut check = async |table: &str, key, ends: Option<(i64, i64)>| {
        let spec = keyed(source, table, key).await.spec;
        let found = inspector.statistics(&spec).await.expect("statistics");
        let column = &found.columns[&spec.key[0].name];
        let (lowest, highest) = ends.map(|(low, high)| (Scalar::Int(low), Scalar::Int(high))).unzip();
        assert_eq!((&column.lowest, &column.highest), (&lowest, &highest), "`{table}`");
    };
    check("large", own_key(), Some((1, LARGE))).await;
    check("one", own_key(), Some((1, 1))).await;
    check("empty", own_key(), None).await;
    let groups = || (1..=GROUPED).filter_map(group);
    check("grouped", cursor("grp", None), groups().min().zip(groups().max())).await;
    check("no_group", cursor("grp", None), None).await;
}

async fn a_relation_without_a_key_has_statistics_too(source: &dyn Source, inspector: &mut dyn Inspector) {
    let spec = described(source, "large").await.spec;
    let found = inspector.statistics(&spec).await.expect("statistics");
    assert!(found.columns.is_empty() && !found.indexes.is_empty(), "{found:?}");
}

async fn probes_are_kept_until_they_are_taken(source: &dyn Source, inspector: &mut dyn Inspector) {
    let spec = keyed(source, "large", own_key()).await.spec;
    inspector.take_probes();
    let statement = inspector.explain(&spec, &LIMITS).await.expect("an explanation").statement;
    inspector.statistics(&spec).await.expect("statistics");
    inspector.vitals().await.expect("how the server is doing");
    let probes = inspector.take_probes();
    assert!(probes.len() >= 3, "one statement for each question: {probes:?}");
    assert!(probes[0].statement.contains(&statement), "in the order in which they were sent");
    for probe in &probes {
        assert!(!probe.purpose.is_empty() && !probe.statement.is_empty() && probe.error.is_none(), "{probe:?}");
    }
    assert!(inspector.take_probes().is_empty(), "they were taken");
}

async fn a_question_that_failed_is_the_only_one(source: &dyn Source, inspector: &mut dyn Inspector) {
    let spec = keyed(source, "large", own_key()).await.spec;
    let nowhere = Relation::Table("nowhere_to_be_found".parse().expect("a table name"));
    let missing = ScanSpec { relation: nowhere, ..spec.clone() };
    inspector.take_probes();
    inspector.explain(&missing, &LIMITS).await.expect_err("there is no such table");
    inspector.statistics(&missing).await.expect_err("there is no such table");
    let probes = inspector.take_probes();
    assert!(probes.len() >= 2, "what failed was sent all the same: {probes:?}");
    assert!(probes[0].error.is_some(), "the record says why it failed");
    inspector.explain(&spec, &LIMITS).await.expect("an explanation, after a question that failed");
    inspector.statistics(&spec).await.expect("statistics, after a question that failed");
    inspector.vitals().await.expect("how the server is doing, after a question that failed");
}

async fn what_planning_asks_is_recorded(source: &dyn Source) {
    let check = |probes: &[Probe]| {
        assert!(!probes.is_empty(), "nothing is known without a question");
        for probe in probes {
            assert!(!probe.purpose.is_empty() && !probe.statement.is_empty() && probe.error.is_none(), "{probe:?}");
        }
        assert!(probes.iter().any(|probe| probe.statement.contains("large")), "one is about the relation: {probes:?}");
    };
    let described = keyed(source, "large", own_key()).await;
    check(&described.probes);
    let request = SplitRequest { by: SplitBy::Count(3), within: RowRange::All };
    check(&source.split(&described.spec, &request, &LIMITS).await.expect("a split").probes);
    let request = WatermarkRequest { after: None, hold: Hold::Nothing, count_nulls: true };
    check(&source.watermark(&described.spec, &request, &LIMITS).await.expect("a watermark").probes);
}
