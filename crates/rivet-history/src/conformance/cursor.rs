//! Cursors: which end of which run advances them.

use std::sync::Arc;

use rivet_model::{CursorState, RunId, RunRecord, RunStatus};

use super::{sample_cursor_run, sample_end, sample_name, sample_position, sample_run};
use crate::{RunEnd, StateStore};

pub(super) async fn check<F>(fresh: &(impl Fn() -> F + Send + Sync))
where
    F: Future<Output = Arc<dyn StateStore>> + Send,
{
    a_committed_run_advances(fresh().await).await;
    no_other_end_advances(fresh().await).await;
    a_run_without_a_row_stays(fresh().await).await;
    an_older_run_that_is_settled_late_stays_behind(fresh().await).await;
    a_clock_that_is_set_back_holds_nothing_up(fresh().await).await;
    a_cursor_is_forgotten(fresh().await).await;
}

async fn cursor(store: &dyn StateStore, export: &str) -> Option<CursorState> {
    store.cursor(&sample_name(export)).await.expect("reads")
}

async fn end(store: &dyn StateStore, run: &RunRecord, status: RunStatus) {
    store.begin(run).await.expect("begins");
    store.finish(run.run_id, sample_end(status)).await.expect("ends");
}

fn at(run: RunId, id: i64) -> CursorState {
    let advanced_at = sample_end(RunStatus::Committed).finished_at;
    CursorState { position: sample_position(id), source: sample_run("any").source, run_id: run, advanced_at }
}

async fn a_committed_run_advances(store: Arc<dyn StateStore>) {
    assert_eq!(cursor(&*store, "orders").await, None, "nothing is known of it");
    let first = sample_cursor_run("orders", None, Some(10));
    store.begin(&first).await.expect("begins");
    assert_eq!(cursor(&*store, "orders").await, None, "a run that runs has advanced nothing");
    store.finish(first.run_id, sample_end(RunStatus::Committed)).await.expect("ends");
    assert_eq!(cursor(&*store, "orders").await, Some(at(first.run_id, 10)));

    let second = sample_cursor_run("orders", Some(10), Some(20));
    end(&*store, &second, RunStatus::Committed).await;
    assert_eq!(cursor(&*store, "orders").await, Some(at(second.run_id, 20)));
    // The same end again changes nothing: not the run, and not the cursor.
    let later = RunEnd::new(RunStatus::Committed, first.started_at);
    store.finish(second.run_id, later).await.expect("the same end twice is fine");
    assert_eq!(cursor(&*store, "orders").await, Some(at(second.run_id, 20)));
    assert_eq!(cursor(&*store, "customers").await, None, "each export has a cursor of its own");
}

async fn no_other_end_advances(store: Arc<dyn StateStore>) {
    use RunStatus::{Abandoned, Failed, Interrupted, Skipped};
    for status in [Skipped, Failed, Interrupted, Abandoned] {
        end(&*store, &sample_cursor_run("orders", None, Some(10)), status).await;
        assert_eq!(cursor(&*store, "orders").await, None, "{status:?}");
    }
}

async fn a_run_without_a_row_stays(store: Arc<dyn StateStore>) {
    end(&*store, &sample_cursor_run("orders", None, None), RunStatus::Committed).await;
    end(&*store, &sample_run("orders"), RunStatus::Committed).await;
    assert_eq!(cursor(&*store, "orders").await, None);
    let run = sample_cursor_run("orders", None, Some(10));
    end(&*store, &run, RunStatus::Committed).await;
    end(&*store, &sample_cursor_run("orders", Some(10), None), RunStatus::Committed).await;
    assert_eq!(cursor(&*store, "orders").await, Some(at(run.run_id, 10)));
}

async fn an_older_run_that_is_settled_late_stays_behind(store: Arc<dyn StateStore>) {
    let mut runs = [sample_cursor_run("orders", None, Some(10)), sample_cursor_run("orders", None, Some(20))];
    let mut ids = runs.each_ref().map(|run| run.run_id);
    ids.sort_unstable();
    for (run, id) in runs.iter_mut().zip(ids) {
        run.run_id = id;
        store.begin(run).await.expect("begins");
    }
    for run in runs.iter().rev() {
        store.finish(run.run_id, sample_end(RunStatus::Committed)).await.expect("ends");
        assert_eq!(cursor(&*store, "orders").await, Some(at(ids[1], 20)));
    }
}

async fn a_clock_that_is_set_back_holds_nothing_up(store: Arc<dyn StateStore>) {
    let (earlier, later) = (RunId::generate(), RunId::generate());
    let (earlier, later) = (earlier.min(later), earlier.max(later));
    let first = RunRecord { run_id: later, ..sample_cursor_run("orders", None, Some(10)) };
    end(&*store, &first, RunStatus::Committed).await;
    let second = RunRecord { run_id: earlier, ..sample_cursor_run("orders", Some(10), Some(20)) };
    end(&*store, &second, RunStatus::Committed).await;
    assert_eq!(cursor(&*store, "orders").await, Some(at(earlier, 20)), "it began where the other had ended");
}

async fn a_cursor_is_forgotten(store: Arc<dyn StateStore>) {
    let (orders, longer) = (sample_name("orders"), sample_name("orders/2 \"ж"));
    assert_eq!(store.forget_cursor(&orders).await.expect("nothing to forget is fine"), None);
    let run = sample_cursor_run(orders.as_str(), None, Some(10));
    let other = sample_cursor_run(longer.as_str(), None, Some(30));
    end(&*store, &run, RunStatus::Committed).await;
    end(&*store, &other, RunStatus::Committed).await;
    assert_eq!(store.forget_cursor(&orders).await.expect("forgets"), Some(at(run.run_id, 10)));
    assert_eq!(store.forget_cursor(&orders).await.expect("nothing is left"), None);
    assert_eq!(cursor(&*store, orders.as_str()).await, None);
    assert_eq!(cursor(&*store, longer.as_str()).await, Some(at(other.run_id, 30)));
    // The next run begins anew.
    let next = sample_cursor_run(orders.as_str(), None, Some(5));
    end(&*store, &next, RunStatus::Committed).await;
    assert_eq!(cursor(&*store, orders.as_str()).await, Some(at(next.run_id, 5)));
}
