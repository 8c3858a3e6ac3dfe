//! Runs of many chunks: each call takes as long as what it does, not as long as the run is large.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rivet_history::{MemoryStore, RedbStore, StateStore, conformance};
use rivet_model::{ChunkId, ReadView, RunRecord, RunStatus};
use tempfile::tempdir;

const CHUNKS: u32 = 100_000;

/// Far above what it takes, even for a build without optimization on a busy machine; a call that grows with the
/// square of the chunks would take hours.
const PATIENCE: Duration = Duration::from_mins(2);

async fn check(store: Arc<dyn StateStore>) {
    let begin = Instant::now();
    let chunks = conformance::sample_chunks(CHUNKS);
    let mut run = RunRecord { chunks, view: ReadView::PerScan, ..conformance::sample_run("orders") };
    store.begin(&run).await.unwrap();
    let (begun, checkpoints) = (begin.elapsed(), Instant::now());
    for chunk in (0..CHUNKS).step_by(1_000) {
        store.checkpoint(run.run_id, &conformance::sample_checkpoint(chunk)).await.unwrap();
        run.checkpoints.push(conformance::sample_checkpoint(chunk));
    }
    // A hundred small transactions: were the split written or read each time, they would take a hundred times as long.
    let took = checkpoints.elapsed();
    assert!(took < 30 * begun, "{store}: begun in {begun:?}, a hundred checkpoints in {took:?}");
    assert_eq!(store.unfinished().await.unwrap(), std::slice::from_ref(&run));
    // One chunk becomes two, in its place, so that all behind it move.
    let mut halves = [run.chunks[1].clone(), run.chunks[1].clone()];
    halves[1].id = ChunkId(CHUNKS);
    run.chunks.splice(1..2, halves);
    store.resplit(run.run_id, &run.chunks).await.unwrap();
    assert_eq!(store.resume(run.run_id, &run.process, &[]).await.unwrap(), run);
    store.finish(run.run_id, conformance::sample_end(RunStatus::Committed)).await.unwrap();
    let took = begin.elapsed();
    assert!(took < PATIENCE, "{store}: {took:?}");
}

#[tokio::test]
async fn a_run_may_have_many_chunks() {
    let folder = tempdir().unwrap();
    check(Arc::new(MemoryStore::new())).await;
    check(Arc::new(RedbStore::open(folder.path().join("state.redb")).unwrap())).await;
}
