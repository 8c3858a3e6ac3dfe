//! The life of a run: it begins, takes checkpoints, and ends once.

use std::collections::BTreeMap;
use std::sync::Arc;

use rivet_model::{ChunkCheckpoint, ChunkId, Consistency, RunId, RunRecord, RunStatus};

use super::{begun, ended, ids, sample_checkpoint, sample_end, sample_name, sample_run, stored};
use crate::{HistoryError, RunEnd, StateStore};

pub(super) async fn check<F>(fresh: &(impl Fn() -> F + Send + Sync))
where
    F: Future<Output = Arc<dyn StateStore>> + Send,
{
    an_empty_store_answers_nothing(fresh().await).await;
    a_run_lives_from_begin_to_finish(fresh().await).await;
    a_begun_id_is_taken(fresh().await).await;
    only_a_beginning_begins(fresh().await).await;
    a_checkpoint_is_kept_once(fresh().await).await;
    only_a_running_run_takes_checkpoints(fresh().await).await;
    a_run_ends_once(fresh().await).await;
    every_end_ends(fresh().await).await;
    unfinished_runs_come_oldest_first(fresh().await).await;
    runs_of_an_export_come_newest_first(fresh().await).await;
    one_of_two_beginnings_wins(fresh().await).await;
    checkpoints_may_be_written_at_once(fresh().await).await;
}

async fn an_empty_store_answers_nothing(store: Arc<dyn StateStore>) {
    let run = RunId::generate();
    assert_eq!(store.run(run).await.expect("reads"), None);
    assert_eq!(store.unfinished().await.expect("reads"), []);
    assert_eq!(store.runs(&sample_name("orders"), 10).await.expect("reads"), []);
    let error = store.checkpoint(run, &sample_checkpoint(0)).await.expect_err("no run, no checkpoint");
    assert!(matches!(error, HistoryError::UnknownRun { run: named } if named == run), "{error}");
    let error = store.finish(run, sample_end(RunStatus::Failed)).await.expect_err("no run, no end");
    assert!(matches!(error, HistoryError::UnknownRun { run: named } if named == run), "{error}");
    assert!(!store.to_string().is_empty(), "a store has a name");
}

async fn a_run_lives_from_begin_to_finish(store: Arc<dyn StateStore>) {
    let mut run = begun(&*store, "orders").await;
    assert_eq!(stored(&*store, run.run_id).await, run);
    // Chunks end in any order and are kept in that of their ids.
    for chunk in [2, 0, 1] {
        store.checkpoint(run.run_id, &sample_checkpoint(chunk)).await.expect("a new checkpoint is kept");
    }
    run.checkpoints = (0..3).map(sample_checkpoint).collect();
    assert_eq!(stored(&*store, run.run_id).await, run);
    assert_eq!(store.unfinished().await.expect("reads"), [run.clone()]);

    store.finish(run.run_id, sample_end(RunStatus::Committed)).await.expect("a running run ends");
    let run = ended(run, sample_end(RunStatus::Committed));
    assert_eq!(stored(&*store, run.run_id).await, run);
    assert_eq!(store.unfinished().await.expect("reads"), []);
    assert_eq!(store.runs(&run.export, 1).await.expect("reads"), [run]);
}

async fn a_begun_id_is_taken(store: Arc<dyn StateStore>) {
    let run = begun(&*store, "orders").await;
    let other = RunRecord { export: sample_name("customers"), ..run.clone() };
    for again in [&run, &other] {
        let error = store.begin(again).await.expect_err("an id begins once");
        assert!(matches!(error, HistoryError::RunExists { run: named } if named == run.run_id), "{error}");
    }
    assert_eq!(stored(&*store, run.run_id).await, run);
    assert_eq!(store.runs(&other.export, 9).await.expect("reads"), [], "a refused run leaves nothing");

    store.finish(run.run_id, sample_end(RunStatus::Abandoned)).await.expect("ends");
    store.begin(&run).await.expect_err("an id that has ended does not begin again");
}

async fn only_a_beginning_begins(store: Arc<dyn StateStore>) {
    let run = sample_run("orders");
    let ended = ended(run.clone(), sample_end(RunStatus::Committed));
    for invalid in [
        RunRecord { status: RunStatus::Committed, ..run.clone() },
        RunRecord { checkpoints: vec![sample_checkpoint(0)], ..run.clone() },
        RunRecord { finished_at: ended.finished_at, ..run.clone() },
        RunRecord { metrics: ended.metrics, ..run.clone() },
        RunRecord { error: ended.error, ..run.clone() },
    ] {
        let error = store.begin(&invalid).await.expect_err("not a beginning");
        assert!(matches!(error, HistoryError::InvalidRecord { .. }), "{error}");
    }
    assert_eq!(store.run(run.run_id).await.expect("reads"), None);
}

async fn a_checkpoint_is_kept_once(store: Arc<dyn StateStore>) {
    let run = begun(&*store, "orders").await;
    let empty = ChunkCheckpoint {
        chunk: ChunkId(u32::MAX),
        parts: Vec::new(),
        rows: 0,
        nulled: BTreeMap::new(),
        consistency: Consistency::Chunk,
        statement_ms: 0,
        null_counts: BTreeMap::new(),
    };
    for _attempt in 0..2 {
        store.checkpoint(run.run_id, &sample_checkpoint(0)).await.expect("an equal checkpoint is fine");
        store.checkpoint(run.run_id, &empty).await.expect("a chunk may be without rows");
    }
    let other = ChunkCheckpoint { statement_ms: 1, ..sample_checkpoint(0) };
    let error = store.checkpoint(run.run_id, &other).await.expect_err("a chunk is done once");
    assert!(matches!(error, HistoryError::CheckpointDiffers { chunk: ChunkId(0), .. }), "{error}");
    assert_eq!(stored(&*store, run.run_id).await.checkpoints, [sample_checkpoint(0), empty]);
}

async fn only_a_running_run_takes_checkpoints(store: Arc<dyn StateStore>) {
    let run = begun(&*store, "orders").await.run_id;
    store.checkpoint(run, &sample_checkpoint(0)).await.expect("keeps");
    store.finish(run, sample_end(RunStatus::Interrupted)).await.expect("ends");
    for chunk in [0, 1] {
        let error = store.checkpoint(run, &sample_checkpoint(chunk)).await.expect_err("the run has ended");
        assert!(matches!(error, HistoryError::NotRunning { status: RunStatus::Interrupted, .. }), "{error}");
    }
    assert_eq!(stored(&*store, run).await.checkpoints, [sample_checkpoint(0)]);
}

async fn a_run_ends_once(store: Arc<dyn StateStore>) {
    let run = begun(&*store, "orders").await;
    let first = sample_end(RunStatus::Committed);
    store.finish(run.run_id, first.clone()).await.expect("ends");
    let again = RunEnd { metrics: None, ..first.clone() };
    store.finish(run.run_id, again).await.expect("the same end twice is fine");
    let error = store.finish(run.run_id, sample_end(RunStatus::Failed)).await.expect_err("it has ended otherwise");
    let (status, asked) = (RunStatus::Committed, RunStatus::Failed);
    assert!(
        matches!(error, HistoryError::AlreadyFinished { status: s, asked: a, .. } if (s, a) == (status, asked)),
        "{error}"
    );
    let error = store.finish(run.run_id, sample_end(RunStatus::Running)).await.expect_err("running is no end");
    assert!(matches!(error, HistoryError::InvalidRecord { .. }), "{error}");
    assert_eq!(stored(&*store, run.run_id).await, ended(run, first), "the first end stays");
}

async fn every_end_ends(store: Arc<dyn StateStore>) {
    use RunStatus::{Abandoned, Committed, Failed, Interrupted, Skipped};
    for status in [Committed, Skipped, Failed, Interrupted, Abandoned] {
        let run = begun(&*store, "orders").await;
        let end = RunEnd::new(status, run.started_at);
        store.finish(run.run_id, end.clone()).await.expect("ends");
        assert_eq!(stored(&*store, run.run_id).await, ended(run, end));
    }
    assert_eq!(store.unfinished().await.expect("reads"), []);
}

async fn unfinished_runs_come_oldest_first(store: Arc<dyn StateStore>) {
    let mut runs: Vec<RunRecord> = ["a", "b", "a", "c"].into_iter().map(sample_run).collect();
    runs.sort_by_key(|run| run.run_id);
    for at in [2, 0, 3, 1] {
        store.begin(&runs[at]).await.expect("begins");
    }
    store.finish(runs[1].run_id, sample_end(RunStatus::Failed)).await.expect("ends");
    let expected = [runs[0].run_id, runs[2].run_id, runs[3].run_id];
    assert_eq!(ids(&store.unfinished().await.expect("reads")), expected);
}

async fn runs_of_an_export_come_newest_first(store: Arc<dyn StateStore>) {
    // Names of which one begins the other, with characters that mean something elsewhere.
    let (orders, longer) = (sample_name("orders"), sample_name("orders/2 \"ж"));
    let mut runs: Vec<RunRecord> = (0..5).map(|_| sample_run(orders.as_str())).collect();
    runs.sort_by_key(|run| run.run_id);
    for at in [4, 0, 2, 1, 3] {
        store.begin(&runs[at]).await.expect("begins");
    }
    let other = begun(&*store, longer.as_str()).await;
    store.finish(runs[4].run_id, sample_end(RunStatus::Failed)).await.expect("ends");

    let mut newest_first = ids(&runs);
    newest_first.reverse();
    for last in [0, 1, 3, 5, usize::MAX] {
        let expected = &newest_first[..last.min(5)];
        assert_eq!(ids(&store.runs(&orders, last).await.expect("reads")), expected, "the last {last}");
    }
    assert_eq!(store.runs(&longer, 9).await.expect("reads"), [other]);
}

async fn one_of_two_beginnings_wins(store: Arc<dyn StateStore>) {
    let run = sample_run("orders");
    let (one, two) = tokio::join!(store.begin(&run), store.begin(&run));
    assert_ne!(one.is_ok(), two.is_ok(), "{one:?} and {two:?}");
    assert_eq!(stored(&*store, run.run_id).await, run);
}

async fn checkpoints_may_be_written_at_once(store: Arc<dyn StateStore>) {
    let run = begun(&*store, "orders").await.run_id;
    let (zero, one, two) = (sample_checkpoint(0), sample_checkpoint(1), sample_checkpoint(2));
    let results = tokio::join!(store.checkpoint(run, &two), store.checkpoint(run, &zero), store.checkpoint(run, &one));
    for result in [results.0, results.1, results.2] {
        result.expect("workers do not disturb each other");
    }
    assert_eq!(stored(&*store, run).await.checkpoints, [zero, one, two]);
}
