//! Chunks, cursors and windows: which rows are read, and what is remembered.

use rivet_core::{EngineError, ExportReport};
use rivet_history::StateStore as _;
use rivet_model::{Consistency, RunStatus, Scalar};
use rivet_writer::{LocalStore, Manifest, PartStore as _};

use crate::support::{Fault, Faulty, World};

const CHUNKED: &str = ", mode: chunked, chunk_column: id, chunk_size: 1000";
const INCREMENTAL: &str = ", mode: incremental, cursor_column: id";

async fn manifest(world: &World, report: &ExportReport) -> Manifest {
    let store = LocalStore::new(world.folder.path().join("out")).unwrap();
    store.manifest(&report.export, report.run_id.unwrap()).await.unwrap().unwrap()
}

async fn position(world: &World) -> Option<Vec<Scalar>> {
    world.state.cursor(&"t".parse().unwrap()).await.unwrap().map(|cursor| cursor.position.values)
}

#[tokio::test]
async fn chunks_make_up_the_table() {
    for more in ["", ", parallel: 3", ", parallel: 3, consistency: snapshot"] {
        let world = World::new();
        let report = world.run(Faulty::sound(10_000), &format!("{CHUNKED}{more}")).await;
        assert_eq!((report.status, report.rows), (RunStatus::Committed, 10_000), "{more}");
        let manifest = manifest(&world, &report).await;
        assert_eq!(manifest.chunk_count, report.chunks);
        assert!((8..=12).contains(&report.chunks), "{}", report.chunks);
        let rows: Vec<u64> = manifest.chunks.iter().map(|chunk| chunk.rows_read).collect();
        assert_eq!(rows.iter().sum::<u64>(), 10_000, "{rows:?}");
        assert_eq!(manifest.consistency == Consistency::Chunk, !more.contains("snapshot"), "{more}");
        assert_eq!((world.parts(), world.has_staging()), (rows.len(), false));
    }
}

#[tokio::test]
async fn one_moment_comes_before_several_workers() {
    let world = World::new();
    let more = format!("{CHUNKED}, parallel: 3, consistency: snapshot");
    let report = world.run(Faulty::sound(10_000).lone(), &more).await;
    assert_eq!((report.status, report.rows), (RunStatus::Committed, 10_000));
    let held = manifest(&world, &report).await.consistency;
    assert!(matches!(held, Consistency::Snapshot { .. }), "{held:?}");
    let notes = world.heard();
    assert!(notes.iter().any(|note| note.contains("one worker reads all chunks")), "{notes:?}");
}

#[tokio::test]
async fn a_chunk_that_fails_is_read_again_by_itself() {
    let world = World::new();
    let tuning = ", tuning: { batch_size: 100, max_retries: 2, retry_backoff_ms: 1 }";
    let report = world.run(Faulty::new(10_000, Fault::Lost, 2), &format!("{CHUNKED}{tuning}")).await;
    assert_eq!((report.status, report.rows, report.retries), (RunStatus::Committed, 10_000, 2));
    assert_eq!(world.parts(), report.chunks as usize);
}

#[tokio::test]
async fn rows_of_chunks_are_judged_together() {
    let world = World::new();
    let report = world.run(Faulty::sound(10_000), &format!("{CHUNKED}, quality: {{ row_count_min: 10001 }}")).await;
    let error = report.error.unwrap();
    assert!(matches!(&*error, EngineError::Quality { .. }), "{error}");
    assert_eq!((world.parts(), world.has_staging()), (0, false));
    assert!(world.state.unfinished().await.unwrap().is_empty(), "what is judged bad does not go on");
}

#[tokio::test]
async fn a_cursor_moves_with_each_run_and_no_row_comes_twice() {
    let world = World::new();
    let first = world.run(Faulty::sound(100), INCREMENTAL).await;
    assert_eq!((first.status, first.rows, first.cursor_before), (RunStatus::Committed, 100, None));
    assert_eq!(position(&world).await.unwrap(), [Scalar::Int(99)]);
    let second = world.run(Faulty::sound(130), INCREMENTAL).await;
    assert_eq!((second.status, second.rows), (RunStatus::Committed, 30));
    assert_eq!(second.cursor_before, first.cursor_after);
    let manifest = manifest(&world, &second).await;
    assert_eq!(manifest.cursor_after.unwrap()["values"][0]["value"], 129);
    let third = world.run(Faulty::sound(130), INCREMENTAL).await;
    assert_eq!((third.status, third.rows, third.statements), (RunStatus::Committed, 0, 0));
    assert_eq!(third.cursor_after, second.cursor_after);
    let skipped = world.run(Faulty::sound(130), &format!("{INCREMENTAL}, skip_empty: true")).await;
    assert_eq!(skipped.status, RunStatus::Skipped);
    assert_eq!(position(&world).await.unwrap(), [Scalar::Int(129)]);
}

#[tokio::test]
async fn a_run_that_has_nothing_to_read_is_judged_as_well() {
    let world = World::new();
    let more = format!("{INCREMENTAL}, quality: {{ row_count_min: 1 }}");
    assert_eq!(world.run(Faulty::sound(100), &more).await.status, RunStatus::Committed);
    let report = world.run(Faulty::sound(100), &more).await;
    let error = report.error.unwrap();
    assert!(matches!(&*error, EngineError::Quality { .. }), "{error}");
    assert_eq!(world.parts(), 1);
}

#[tokio::test]
async fn a_run_that_fails_does_not_move_the_cursor() {
    let world = World::new();
    let more = format!("{INCREMENTAL}, quality: {{ row_count_max: 10 }}");
    assert_eq!(world.run(Faulty::sound(100), &more).await.status, RunStatus::Failed);
    assert_eq!(position(&world).await, None);
    assert_eq!(world.run(Faulty::sound(100), INCREMENTAL).await.rows, 100);
}

#[tokio::test]
async fn a_cursor_of_other_columns_is_refused() {
    let world = World::new();
    world.run(Faulty::sound(100), INCREMENTAL).await;
    let report = world.run(Faulty::sound(100), ", mode: incremental, cursor_column: label, cursor_nulls: skip").await;
    let error = report.error.unwrap();
    assert!(matches!(&*error, EngineError::CursorChanged { .. }), "{error}");
    assert_eq!(position(&world).await.unwrap(), [Scalar::Int(99)]);
}

/// Every other row of the table has no label.
#[tokio::test]
async fn rows_without_a_cursor_are_refused_left_out_or_taken_once() {
    let by_label = ", mode: incremental, cursor_column: label";
    let world = World::new();
    let report = world.run(Faulty::sound(100), by_label).await;
    let error = report.error.unwrap();
    assert!(matches!(&*error, EngineError::NullCursors { rows: 50, .. }), "{error}");
    assert_eq!(world.parts(), 0);

    let report = World::new().run(Faulty::sound(100), &format!("{by_label}, cursor_nulls: skip")).await;
    assert_eq!((report.status, report.rows), (RunStatus::Committed, 50));

    let world = World::new();
    let taken = format!("{by_label}, cursor_nulls: first_run");
    assert_eq!(world.run(Faulty::sound(100), &taken).await.rows, 100);
    assert_eq!(world.run(Faulty::sound(100), &taken).await.rows, 0);
}

/// The twin's numbers have no clock: a position counts once it was seen a lag ago.
#[tokio::test]
async fn a_lag_holds_numbers_back_by_what_earlier_runs_have_seen() {
    let world = World::new();
    let lagging = format!("{INCREMENTAL}, cursor_lag: 1h");
    assert_eq!(world.run(Faulty::sound(100), &lagging).await.rows, 0);
    assert!(world.heard().iter().any(|note| note.starts_with("`cursor_lag`")), "{:?}", world.heard());
    assert_eq!(position(&world).await, None);
    // A lag so short that the sighting above is old enough.
    let lagging = format!("{INCREMENTAL}, cursor_lag: 1s");
    tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
    assert_eq!(world.run(Faulty::sound(130), &lagging).await.rows, 100);
    assert_eq!(position(&world).await.unwrap(), [Scalar::Int(99)]);
}
