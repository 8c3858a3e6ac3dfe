//! Splits: the chunks that a run begins with, how they change, and who goes on with them.

use std::sync::Arc;

use rivet_model::{Chunk, ChunkId, PlanRecord, ProcessRecord, ReadView, RowRange, RunId, RunRecord, RunStatus};
use uuid::Uuid;

use super::{sample_checkpoint, sample_chunks, sample_cursor_run, sample_end, sample_run, stored};
use crate::{HistoryError, StateStore};

pub(super) async fn check<F>(fresh: &(impl Fn() -> F + Send + Sync))
where
    F: Future<Output = Arc<dyn StateStore>> + Send,
{
    a_record_comes_back_as_it_began(fresh().await).await;
    chunks_have_ids_of_their_own(fresh().await).await;
    only_chunks_of_the_split_are_done(fresh().await).await;
    another_process_goes_on(fresh().await).await;
    what_is_forced_later_is_added(fresh().await).await;
    a_split_is_replaced(fresh().await).await;
    what_is_done_stays_in_the_split(fresh().await).await;
    a_run_without_a_split_gets_one(fresh().await).await;
    only_a_running_run_goes_on(fresh().await).await;
}

async fn begun_with(store: &dyn StateStore, chunks: Vec<Chunk>) -> RunRecord {
    let run = RunRecord { chunks, view: ReadView::PerScan, ..sample_run("orders") };
    store.begin(&run).await.expect("a new run begins");
    run
}

fn other_process() -> ProcessRecord {
    ProcessRecord { pid: 4_000_000_000, host: "another".to_owned() }
}

fn invalid(result: Result<(), HistoryError>) {
    let error = result.expect_err("not a split of this run");
    assert!(matches!(error, HistoryError::InvalidRecord { .. }), "{error}");
}

async fn a_record_comes_back_as_it_began(store: Arc<dyn StateStore>) {
    // The order of the chunks is the caller's.
    let mut turned = sample_chunks(5);
    turned.reverse();
    turned[0].estimated_rows = None;
    turned[2].range = RowRange::Pages { partition: None, from: u64::MAX, to: None };
    let mut runs = vec![
        RunRecord { chunks: turned, view: ReadView::PerScan, ..sample_run("orders") },
        sample_cursor_run("orders", None, None),
        sample_cursor_run("orders", Some(i64::MIN), Some(7)),
    ];
    for run in &runs {
        store.begin(run).await.expect("begins");
        assert_eq!(stored(&*store, run.run_id).await, *run);
    }
    runs.sort_by_key(|run| run.run_id);
    assert_eq!(store.unfinished().await.expect("reads"), runs);
    runs.reverse();
    assert_eq!(store.runs(&runs[0].export, 9).await.expect("reads"), runs);
}

async fn chunks_have_ids_of_their_own(store: Arc<dyn StateStore>) {
    let twice = [sample_chunks(2), sample_chunks(1)].concat();
    let run = RunRecord { chunks: twice.clone(), ..sample_run("orders") };
    invalid(store.begin(&run).await);
    assert_eq!(store.run(run.run_id).await.expect("reads"), None);

    let run = begun_with(&*store, sample_chunks(2)).await;
    invalid(store.resplit(run.run_id, &twice).await);
    assert_eq!(stored(&*store, run.run_id).await, run);
}

async fn only_chunks_of_the_split_are_done(store: Arc<dyn StateStore>) {
    let run = begun_with(&*store, sample_chunks(2)).await.run_id;
    let error = store.checkpoint(run, &sample_checkpoint(2)).await.expect_err("no such chunk");
    assert!(matches!(error, HistoryError::UnknownChunk { chunk: ChunkId(2), .. }), "{error}");
    for chunk in [1, 0, 1] {
        store.checkpoint(run, &sample_checkpoint(chunk)).await.expect("a chunk of the split");
    }
    assert_eq!(stored(&*store, run).await.checkpoints, [sample_checkpoint(0), sample_checkpoint(1)]);
}

async fn another_process_goes_on(store: Arc<dyn StateStore>) {
    let mut run = begun_with(&*store, sample_chunks(3)).await;
    store.checkpoint(run.run_id, &sample_checkpoint(1)).await.expect("keeps");
    run.checkpoints = vec![sample_checkpoint(1)];
    run.process = other_process();
    for _again in 0..2 {
        assert_eq!(store.resume(run.run_id, &other_process(), &[]).await.expect("a running run goes on"), run);
    }
    assert_eq!(stored(&*store, run.run_id).await, run);
    assert_eq!(run.remaining().map(|chunk| chunk.id.0).collect::<Vec<_>>(), [0, 2]);
    store.checkpoint(run.run_id, &sample_checkpoint(0)).await.expect("and takes checkpoints");
}

async fn what_is_forced_later_is_added(store: Arc<dyn StateStore>) {
    let plan = PlanRecord { plan_id: Uuid::nil(), forced: vec!["one".to_owned()] };
    let mut run = RunRecord { plan: Some(plan), chunks: sample_chunks(2), ..sample_run("orders") };
    store.begin(&run).await.expect("begins");
    let forced = ["one".to_owned(), "two".to_owned()];
    if let Some(plan) = &mut run.plan {
        plan.forced = forced.to_vec();
    }
    for _again in 0..2 {
        assert_eq!(store.resume(run.run_id, &run.process, &forced).await.expect("goes on"), run);
    }
    assert_eq!(stored(&*store, run.run_id).await, run);
}

async fn a_split_is_replaced(store: Arc<dyn StateStore>) {
    let mut run = begun_with(&*store, sample_chunks(3)).await;
    let other = begun_with(&*store, sample_chunks(3)).await;
    store.checkpoint(run.run_id, &sample_checkpoint(1)).await.expect("keeps");
    run.checkpoints = vec![sample_checkpoint(1)];
    // Chunk 0 becomes two with new ids, in its place; chunk 2 gets other rows.
    let piece = |id: u32, range: RowRange| Chunk { id: ChunkId(id), range, estimated_rows: None };
    let [_, done, last] = <[Chunk; 3]>::try_from(run.chunks.clone()).expect("three chunks");
    let pages = |from, to| RowRange::Pages { partition: None, from, to: Some(to) };
    run.chunks = vec![piece(7, pages(0, 1)), piece(3, pages(1, 2)), done, Chunk { estimated_rows: Some(0), ..last }];
    for _again in 0..2 {
        store.resplit(run.run_id, &run.chunks).await.expect("another split");
        assert_eq!(stored(&*store, run.run_id).await, run);
    }
    let error = store.checkpoint(run.run_id, &sample_checkpoint(0)).await.expect_err("it is no more");
    assert!(matches!(error, HistoryError::UnknownChunk { .. }), "{error}");
    store.checkpoint(run.run_id, &sample_checkpoint(7)).await.expect("a chunk of the new split");
    assert_eq!(stored(&*store, other.run_id).await, other, "another run is not touched");
}

async fn what_is_done_stays_in_the_split(store: Arc<dyn StateStore>) {
    let run = begun_with(&*store, sample_chunks(3)).await;
    store.checkpoint(run.run_id, &sample_checkpoint(1)).await.expect("keeps");
    let before = stored(&*store, run.run_id).await;
    let mut changed = run.chunks.clone();
    changed[1].range = RowRange::NullKey;
    invalid(store.resplit(run.run_id, &changed).await);
    changed.remove(1);
    invalid(store.resplit(run.run_id, &changed).await);
    invalid(store.resplit(run.run_id, &[]).await);
    assert_eq!(stored(&*store, run.run_id).await, before);
}

async fn a_run_without_a_split_gets_one(store: Arc<dyn StateStore>) {
    let run = begun_with(&*store, Vec::new()).await.run_id;
    invalid(store.resplit(run, &[]).await);
    store.checkpoint(run, &sample_checkpoint(9)).await.expect("any chunk, without a split");
    invalid(store.resplit(run, &sample_chunks(9)).await);
    store.resplit(run, &sample_chunks(10)).await.expect("what is done is in it");
    let record = stored(&*store, run).await;
    assert_eq!((record.chunks, record.checkpoints), (sample_chunks(10), vec![sample_checkpoint(9)]));
}

async fn only_a_running_run_goes_on(store: Arc<dyn StateStore>) {
    let unknown = RunId::generate();
    let error = store.resume(unknown, &other_process(), &[]).await.expect_err("no such run");
    assert!(matches!(error, HistoryError::UnknownRun { run } if run == unknown), "{error}");
    let error = store.resplit(unknown, &sample_chunks(1)).await.expect_err("no such run");
    assert!(matches!(error, HistoryError::UnknownRun { run } if run == unknown), "{error}");

    let run = begun_with(&*store, sample_chunks(1)).await.run_id;
    store.finish(run, sample_end(RunStatus::Failed)).await.expect("ends");
    let before = stored(&*store, run).await;
    let error = store.resume(run, &other_process(), &[]).await.expect_err("it has ended");
    assert!(matches!(error, HistoryError::NotRunning { status: RunStatus::Failed, .. }), "{error}");
    let error = store.resplit(run, &sample_chunks(2)).await.expect_err("it has ended");
    assert!(matches!(error, HistoryError::NotRunning { status: RunStatus::Failed, .. }), "{error}");
    assert_eq!(stored(&*store, run).await, before);
}
