//! Runs that go on where an earlier one was stopped.

use rivet_core::RunOptions;
use rivet_history::StateStore as _;
use rivet_model::RunStatus;

use crate::support::{Fault, Faulty, World};

/// Several batches in each of ten chunks, read one after the other; a chunk is tried once.
const CHUNKED: &str =
    ", mode: chunked, chunk_column: id, chunk_size: 1000, tuning: { batch_size: 100, max_retries: 0 }";

/// Runs into a fault after some chunks are done.
async fn stopped(world: &World, more: &str, fault: Fault) -> rivet_core::ExportReport {
    let report = world.run(Faulty::new(10_000, fault, 1).after(45), &format!("{CHUNKED}{more}")).await;
    assert_ne!(report.status, RunStatus::Committed);
    assert_eq!(world.parts(), 0, "nothing is visible");
    report
}

#[tokio::test]
async fn chunks_that_are_done_are_not_read_again() {
    for fault in [Fault::Lost, Fault::Denied, Fault::Cancel] {
        let world = World::new();
        let first = stopped(&world, "", fault).await;
        let open = world.state.unfinished().await.unwrap();
        assert_eq!(open.len(), 1, "{fault:?}");
        let second = world.run(Faulty::sound(10_000), CHUNKED).await;
        assert_eq!((second.status, second.rows, second.run_id), (RunStatus::Committed, 10_000, first.run_id));
        assert_eq!(second.chunks_resumed as usize, open[0].checkpoints.len());
        assert!(second.chunks_resumed >= 3, "{fault:?}: {}", second.chunks_resumed);
        assert_eq!((world.parts(), world.has_staging()), (second.chunks as usize, false));
    }
}

#[tokio::test]
async fn what_would_be_read_otherwise_begins_again() {
    let world = World::new();
    let first = stopped(&world, "", Fault::Lost).await;
    let second = world.run(Faulty::sound(10_000), &format!("{CHUNKED}, exclude: [label]")).await;
    assert_eq!((second.status, second.rows, second.chunks_resumed), (RunStatus::Committed, 10_000, 0));
    assert_ne!(second.run_id, first.run_id);
    assert_eq!((world.parts(), world.has_staging()), (second.chunks as usize, false));
    let given_up = world.state.run(first.run_id.unwrap()).await.unwrap().unwrap();
    assert_eq!(given_up.status, RunStatus::Abandoned);
}

#[tokio::test]
async fn nobody_goes_on_who_was_not_asked_to() {
    for more in [", resume: never", ", consistency: snapshot"] {
        let world = World::new();
        stopped(&world, more, Fault::Lost).await;
        assert!(world.state.unfinished().await.unwrap().is_empty(), "{more}");
        assert!(!world.has_staging(), "{more}");
        let second = world.run(Faulty::sound(10_000), &format!("{CHUNKED}{more}")).await;
        assert_eq!((second.status, second.chunks_resumed), (RunStatus::Committed, 0), "{more}");
    }
}

#[tokio::test]
async fn quality_counts_rows_of_both_processes() {
    let world = World::new();
    let rules = ", quality: { row_count_min: 10000, row_count_max: 10000, null_ratio_max: { label: 0.5 } }";
    stopped(&world, rules, Fault::Lost).await;
    let second = world.run(Faulty::sound(10_000), &format!("{CHUNKED}{rules}")).await;
    assert_eq!(second.status, RunStatus::Committed, "{:?}", second.error);
    assert!(second.chunks_resumed > 0);
}

#[tokio::test]
async fn the_flag_asks_for_what_the_configuration_does_not() {
    let world = World::new();
    let more = format!("{CHUNKED}, resume: auto");
    let first = world.run(Faulty::new(10_000, Fault::Lost, 1).after(45), &more).await;
    let options = RunOptions { resume: true, ..RunOptions::default() };
    let never = format!("{CHUNKED}, resume: never");
    let second = world.try_run(Faulty::sound(10_000), &never, options).await.unwrap().exports.remove(0);
    assert_eq!((second.status, second.run_id), (RunStatus::Committed, first.run_id));
    assert!(second.chunks_resumed > 0);
}
