//! Plans: what they hold, when they are refused, and that what was planned is what runs.

use jiff::{SignedDuration, Timestamp};
use rivet_core::{EngineError, ExportReport, Plan, PlanError};
use rivet_history::StateStore as _;
use rivet_model::{RunRecord, RunStatus, Scalar};
use rivet_priority::{SignalName, Strategy};

use crate::support::{Fault, Faulty, World};

const CHUNKED: &str = ", mode: chunked, chunk_column: id, chunk_size: 1000";
const INCREMENTAL: &str = ", mode: incremental, cursor_column: id";

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// Plans and seals, as of some time ago, and reads the plan back from its file.
async fn plan_of(world: &World, source: Faulty, more: &str, age: SignedDuration) -> Plan {
    let exports = world.plan(source, more).await.unwrap();
    let plan = Plan::seal(exports, vec!["rivet.yaml".into()], &[], Timestamp::now() - age).unwrap();
    let read = Plan::from_json(&plan.to_json()).unwrap();
    assert_eq!(read, plan);
    read
}

async fn planned(world: &World, rows: i64, more: &str) -> Plan {
    plan_of(world, Faulty::sound(rows), more, SignedDuration::ZERO).await
}

async fn apply(world: &World, rows: i64, plan: &Plan) -> ExportReport {
    world.apply(Faulty::sound(rows), plan, false).await.unwrap().exports.remove(0)
}

async fn last_run(world: &World) -> RunRecord {
    world.state.runs(&"t".parse().unwrap(), 1).await.unwrap().remove(0)
}

fn refusal(report: &ExportReport) -> &PlanError {
    match report.error.as_deref() {
        Some(EngineError::Plan(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plan_says_what_each_mode_would_read() {
    let world = World::new();
    let check = async |more: &str, strategy, chunks: std::ops::RangeInclusive<u32>| {
        let plan = planned(&world, 10_000, more).await;
        let export = &plan.exports[0];
        assert_eq!((export.strategy, export.error.as_ref()), (strategy, None), "{more}");
        let count = export.computed.chunk_count.unwrap();
        assert!(chunks.contains(&count), "{count} of {more}");
        assert_eq!(export.computed.chunk_ranges.len(), count as usize);
        assert_eq!(export.computed.row_estimate, Some(10_000), "{more}");
        assert_eq!(export.resolved_plan.columns.len(), 2);
        assert!(export.resolved_plan.statement.is_some() && !export.probes.is_empty(), "{more}");
        assert_eq!(plan.prioritization.recommendations.len(), 1);
        assert_eq!(plan.exports[0].signals, plan.prioritization.signals[0]);
        plan
    };
    check("", Strategy::Full, 1..=1).await;
    let chunked = check(CHUNKED, Strategy::Chunked, 8..=12).await;
    assert_eq!(chunked.prioritization.signals[0].chunk_count, chunked.exports[0].computed.chunk_count);
    let incremental = check(INCREMENTAL, Strategy::Incremental, 1..=1).await;
    let cursor = incremental.exports[0].computed.cursor_snapshot.as_ref().unwrap();
    assert_eq!((cursor.before.as_ref(), &cursor.watermark.as_ref().unwrap().values), (None, &vec![Scalar::Int(9_999)]));
    assert!(world.state.unfinished().await.unwrap().is_empty(), "to plan puts nothing on record");
    assert!(!world.folder.path().join("out").exists(), "nor anywhere else");
}

#[tokio::test]
async fn the_same_inputs_give_the_same_plan() {
    let world = World::new();
    let blank = |mut plan: Plan| {
        (plan.plan_id, plan.seal) = (uuid::Uuid::nil(), String::new());
        (plan.created_at, plan.expires_at) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        for probe in plan.exports.iter_mut().flat_map(|export| &mut export.probes) {
            probe.milliseconds = 0;
        }
        plan.to_json()
    };
    let (first, second) = (planned(&world, 5_000, CHUNKED).await, planned(&world, 5_000, CHUNKED).await);
    assert_ne!(first.plan_id, second.plan_id);
    assert_eq!(blank(first), blank(second));
}

#[tokio::test]
async fn a_plan_that_was_touched_is_refused() {
    let plan = planned(&World::new(), 100, CHUNKED).await;
    let text = plan.to_json();
    let refused = |text: &str| Plan::from_json(text).unwrap_err();
    assert!(matches!(refused(&text.replacen("10", "11", 1)), PlanError::BrokenSeal));
    assert!(matches!(
        refused(&text.replacen("\"format_version\": 1", "\"format_version\": 2", 1)),
        PlanError::NewerFormat { found: 2, .. }
    ));
    for other in ["", "{}", "[]", "not json", "{\"format_version\": \"one\"}"] {
        assert!(matches!(refused(other), PlanError::Unreadable { .. }), "{other}");
    }
    // What is not part of its meaning is not part of its seal.
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(Plan::from_json(&value.to_string()).unwrap(), plan);
}

#[tokio::test]
async fn chunks_run_as_they_were_planned() {
    let world = World::new();
    let plan = planned(&world, 10_000, CHUNKED).await;
    let report = apply(&world, 12_000, &plan).await;
    assert_eq!((report.status, report.rows), (RunStatus::Committed, 12_000), "new rows are in the last chunk");
    let run = last_run(&world).await;
    assert_eq!(run.chunks, plan.exports[0].computed.chunk_ranges);
    assert_eq!(run.plan.unwrap().plan_id, plan.plan_id);
    assert_eq!(Some(&run.fingerprint), plan.exports[0].plan_fingerprint.as_ref());
}

#[tokio::test]
async fn a_cursor_ends_where_it_was_planned_to() {
    let world = World::new();
    let plan = planned(&world, 100, INCREMENTAL).await;
    let report = apply(&world, 150, &plan).await;
    assert_eq!((report.status, report.rows), (RunStatus::Committed, 100));
    let next = planned(&world, 150, INCREMENTAL).await;
    assert_eq!(apply(&world, 150, &next).await.rows, 50);
}

#[tokio::test]
async fn a_cursor_that_has_moved_is_not_read_from_again() {
    let world = World::new();
    let plan = planned(&world, 100, INCREMENTAL).await;
    world.run(Faulty::sound(120), INCREMENTAL).await;
    for force in [false, true] {
        let report = world.apply(Faulty::sound(120), &plan, force).await.unwrap().exports.remove(0);
        assert_eq!(
            refusal(&report).to_string(),
            "export `t` has moved since the plan was made: it stood at the start and stands at (119) now"
        );
    }
    assert_eq!(world.parts(), 1);
}

#[tokio::test]
async fn an_old_plan_is_warned_of_and_a_very_old_one_refused() {
    let world = World::new();
    let plan = plan_of(&world, Faulty::sound(10), "", hours(3)).await;
    assert_eq!(apply(&world, 10, &plan).await.status, RunStatus::Committed);
    let warned = |heard: Vec<String>| heard.iter().any(|note| note.starts_with("the plan was made 3 h"));
    assert!(warned(world.heard()));
    let plan = plan_of(&world, Faulty::sound(10), "", hours(30)).await;
    let refused = world.apply(Faulty::sound(10), &plan, false).await.unwrap_err();
    assert!(matches!(refused, EngineError::Plan(PlanError::Expired { .. })), "{refused}");
    let report = world.apply(Faulty::sound(10), &plan, true).await.unwrap().exports.remove(0);
    assert_eq!(report.status, RunStatus::Committed);
    assert_eq!(last_run(&world).await.plan.unwrap().forced, ["applied 30 h after it was made, past its expiry"]);
}

#[tokio::test]
async fn a_plan_that_is_applied_again_goes_on_and_doubles_nothing() {
    let world = World::new();
    let tuning = format!("{CHUNKED}, tuning: {{ max_retries: 0 }}");
    let plan = planned(&world, 10_000, &tuning).await;
    let broken =
        world.apply(Faulty::new(10_000, Fault::Lost, 1).after(4), &plan, false).await.unwrap().exports.remove(0);
    assert_eq!(broken.status, RunStatus::Failed);
    let report = apply(&world, 10_000, &plan).await;
    assert_eq!((report.status, report.rows), (RunStatus::Committed, 10_000));
    assert!(report.chunks_resumed > 0, "chunks that are done are not read again");
    let parts = world.parts();
    assert_eq!(apply(&world, 10_000, &plan).await.status, RunStatus::Skipped);
    assert_eq!(world.parts(), parts);
    let forced = world.apply(Faulty::sound(10_000), &plan, true).await.unwrap().exports.remove(0);
    assert_eq!(forced.status, RunStatus::Committed);
    let record = last_run(&world).await.plan.unwrap();
    assert!(record.forced[0].starts_with("run again, although run "), "{:?}", record.forced);
}

#[tokio::test]
async fn other_columns_than_planned_are_refused() {
    let world = World::new();
    let mut plan = planned(&world, 10, "").await;
    plan.exports[0].resolved_plan.export.exclude = vec!["label".parse().unwrap()];
    let report = apply(&world, 10, &plan).await;
    assert!(matches!(refusal(&report), PlanError::ChangedColumns { .. }));
    assert_eq!(world.parts(), 0);
}

#[tokio::test]
async fn an_export_that_can_t_be_planned_is_in_the_plan_and_is_not_applied() {
    let world = World::new();
    let plan = planned(&world, 10, ", mode: chunked, chunk_column: nothing, chunk_size: 10").await;
    let error = plan.exports[0].error.as_ref().unwrap();
    assert!(error.message.contains("nothing"), "{}", error.message);
    let advice = &plan.prioritization.recommendations[0];
    assert!(advice.recommended_wave > 1 && !advice.confidence.is_full());
    let report = apply(&world, 10, &plan).await;
    assert!(matches!(refusal(&report), PlanError::NotPlanned { .. }));
}

#[tokio::test]
async fn what_a_person_assumes_is_judged_and_marked() {
    let world = World::new();
    let exports = world.plan(Faulty::sound(10), "").await.unwrap();
    let seal = |assume: &str| Plan::seal(exports.clone(), Vec::new(), &[assume.parse().unwrap()], Timestamp::now());
    let plan = seal("t.rows=60000000").unwrap();
    assert_eq!(plan.prioritization.recommendations[0].assumed, [SignalName::EstimatedRows]);
    assert_eq!(plan.exports[0].computed.row_estimate, Some(10), "what was measured stays");
    assert!(matches!(seal("other.rows=1"), Err(PlanError::Assume(_))));
    let twice = exports.iter().chain(&exports).cloned().collect();
    assert!(matches!(Plan::seal(twice, Vec::new(), &[], Timestamp::now()), Err(PlanError::TwoExports { .. })));
}
