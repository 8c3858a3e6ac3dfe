//! Full exports: what is committed, repeated, judged and given up.

use rivet_core::{EngineError, RunOptions};
use rivet_history::StateStore as _;
use rivet_model::RunStatus;
use rivet_writer::{LocalStore, PartStore as _};

use crate::support::{Fault, Faulty, World};

#[tokio::test]
async fn a_run_commits_what_it_read() {
    let world = World::new();
    let report = world.run(Faulty::sound(20_000), "").await;
    assert_eq!((report.status, report.rows, report.retries), (RunStatus::Committed, 20_000, 0));
    assert_eq!((world.parts(), world.has_staging()), (1, false));
    let store = LocalStore::new(world.folder.path().join("out")).unwrap();
    let manifest = store.manifest(&report.export, report.run_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((manifest.rows, manifest.parts.len()), (20_000, 1));
    let record = world.state.run(report.run_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((record.status, record.metrics.unwrap().rows), (RunStatus::Committed, 20_000));
}

#[tokio::test]
async fn a_lost_connection_is_tried_again() {
    let world = World::new();
    let report = world.run(Faulty::new(20_000, Fault::Lost, 2), "").await;
    assert_eq!((report.status, report.rows, report.retries), (RunStatus::Committed, 20_000, 2));
    assert_eq!(world.heard(), ["retry after 1", "retry after 2"]);
    assert_eq!((world.parts(), world.has_staging()), (1, false));
}

#[tokio::test]
async fn attempts_come_to_an_end() {
    let world = World::new();
    let report = world.run(Faulty::new(20_000, Fault::Lost, 3), "").await;
    assert_eq!((report.status, report.rows), (RunStatus::Failed, 0));
    assert_eq!((world.parts(), world.has_staging()), (0, false));
    let record = world.state.run(report.run_id.unwrap()).await.unwrap().unwrap();
    assert_eq!(record.error.unwrap().code, "rivet::source::connection_lost");
}

#[tokio::test]
async fn a_permanent_error_is_not_tried_again() {
    let world = World::new();
    let report = world.run(Faulty::new(20_000, Fault::Denied, 1), "").await;
    assert_eq!(report.status, RunStatus::Failed);
    assert_eq!(world.heard(), Vec::<String>::new());
}

#[tokio::test]
async fn a_panic_fails_its_export_and_nothing_else() {
    let world = World::new();
    let report = world.run(Faulty::new(20_000, Fault::Panic, 1), "").await;
    let error = report.error.unwrap();
    assert!(matches!(&*error, EngineError::Panic { message } if message == "a defect on purpose"), "{error}");
    assert_eq!((world.parts(), world.has_staging()), (0, false));
}

#[tokio::test]
async fn cancelling_leaves_nothing() {
    let world = World::new();
    let report = world.run(Faulty::new(20_000, Fault::Cancel, 1), "").await;
    assert_eq!(report.status, RunStatus::Interrupted);
    assert_eq!((world.parts(), world.has_staging()), (0, false));
    assert!(world.state.unfinished().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_empty_table_gives_one_empty_part_or_none() {
    let world = World::new();
    let report = world.run(Faulty::sound(0), "").await;
    assert_eq!((report.status, report.rows, world.parts()), (RunStatus::Committed, 0, 1));
    let world = World::new();
    let report = world.run(Faulty::sound(0), ", skip_empty: true").await;
    assert_eq!((report.status, world.parts(), world.has_staging()), (RunStatus::Skipped, 0, false));
}

#[tokio::test]
async fn broken_rules_commit_nothing() {
    let world = World::new();
    let report = world.run(Faulty::sound(10), ", quality: { row_count_min: 11 }").await;
    let error = report.error.unwrap();
    assert!(matches!(&*error, EngineError::Quality { .. }), "{error}");
    assert_eq!((world.parts(), world.has_staging()), (0, false));
}

#[tokio::test]
async fn columns_that_changed_are_told_or_refused() {
    let world = World::new();
    assert_eq!(world.run(Faulty::sound(10), "").await.status, RunStatus::Committed);
    assert_eq!(world.run(Faulty::sound(10), ", exclude: [label]").await.status, RunStatus::Committed);
    assert_eq!(world.heard(), ["the columns are not those of the last run: column `label` is gone"]);
    let report = world.run(Faulty::sound(10), ", on_schema_drift: fail").await;
    let error = report.error.unwrap();
    assert!(matches!(&*error, EngineError::SchemaDrift { .. }), "{error}");
    assert_eq!(world.parts(), 2);
}

#[tokio::test]
async fn what_is_not_run_is_refused_before_anything_is_touched() {
    let world = World::new();
    let stream = world.config_to("t", "{ type: stdout }", ", mode: chunked");
    let refused = world.try_run_config(Faulty::sound(1), &stream).await.unwrap_err();
    assert!(matches!(refused, EngineError::NotRun { .. }), "{refused}");
    let options = RunOptions { exports: vec!["no_such".parse().unwrap()], ..RunOptions::default() };
    let refused = world.try_run(Faulty::sound(1), "", options).await.unwrap_err();
    assert!(matches!(refused, EngineError::NoSuchExport { .. }), "{refused}");
    assert!(!world.folder.path().join("out").exists());
}

#[tokio::test]
async fn what_is_passed_over_is_told() {
    let world = World::new();
    let report = world.run(Faulty::sound(10), ", shape_drift_warn_factor: 2").await;
    assert_eq!(report.status, RunStatus::Committed);
    let expected = "`shape_drift_warn_factor` is passed over: this version of Rivet does not know it yet";
    assert_eq!(world.heard(), [expected]);
}

#[tokio::test]
async fn parts_are_read_back_where_that_is_asked_for() {
    let world = World::new();
    let options = RunOptions { validate: true, ..RunOptions::default() };
    let report = world.try_run(Faulty::sound(10), ", max_file_size: 1MiB", options).await.unwrap().exports.remove(0);
    assert_eq!((report.status, report.validated), (RunStatus::Committed, Some(true)));
}
