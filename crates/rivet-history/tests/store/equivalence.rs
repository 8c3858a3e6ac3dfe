//! Any sequence of calls gives the same answers from both stores.

use miette::Diagnostic as _;
use proptest::prelude::*;
use rivet_history::{HistoryError, MemoryStore, RedbStore, RunEnd, StateStore, conformance};
use rivet_model::{ChunkCheckpoint, ExportName, RunRecord, RunStatus};
use tempfile::tempdir;

/// One call; runs and exports are meant by their place in a short list, so that calls meet often.
#[derive(Debug, Clone)]
enum Call {
    Begin(usize),
    Checkpoint { run: usize, chunk: u32, rows: u64 },
    Finish { run: usize, status: RunStatus },
    Run(usize),
    Unfinished,
    Runs { export: usize, last: usize },
    Reopen,
}

const EXPORTS: [&str; 3] = ["orders", "orders2", "Bestellungen/ж"];
const RUNS: usize = 4;

fn call() -> impl Strategy<Value = Call> {
    let status = prop_oneof![
        Just(RunStatus::Running),
        Just(RunStatus::Committed),
        Just(RunStatus::Skipped),
        Just(RunStatus::Failed),
        Just(RunStatus::Interrupted),
        Just(RunStatus::Abandoned),
    ];
    prop_oneof![
        4 => (0..RUNS).prop_map(Call::Begin),
        6 => (0..RUNS, 0..3_u32, 0..2_u64).prop_map(|(run, chunk, rows)| Call::Checkpoint { run, chunk, rows }),
        2 => (0..RUNS, status).prop_map(|(run, status)| Call::Finish { run, status }),
        2 => (0..RUNS).prop_map(Call::Run),
        2 => Just(Call::Unfinished),
        2 => (0..EXPORTS.len(), 0..4_usize).prop_map(|(export, last)| Call::Runs { export, last }),
        1 => Just(Call::Reopen),
    ]
}

/// What a call gives, in a form that can be compared: records, or the code and the words of the error.
type Answer = Result<Vec<RunRecord>, String>;

fn none((): ()) -> Vec<RunRecord> {
    Vec::new()
}

fn words(error: &HistoryError) -> String {
    format!("{}: {error}", error.code().unwrap())
}

async fn answer(store: &dyn StateStore, runs: &[RunRecord], call: &Call) -> Answer {
    let result = match call {
        Call::Begin(run) => store.begin(&runs[*run]).await.map(none),
        Call::Checkpoint { run, chunk, rows } => {
            let checkpoint = ChunkCheckpoint { rows: *rows, ..conformance::sample_checkpoint(*chunk) };
            store.checkpoint(runs[*run].run_id, &checkpoint).await.map(none)
        }
        Call::Finish { run, status } => {
            store.finish(runs[*run].run_id, RunEnd::new(*status, runs[*run].started_at)).await.map(none)
        }
        Call::Run(run) => store.run(runs[*run].run_id).await.map(|run| run.into_iter().collect()),
        Call::Unfinished => store.unfinished().await,
        Call::Runs { export, last } => {
            let export: ExportName = EXPORTS[*export].parse().unwrap();
            store.runs(&export, *last).await
        }
        Call::Reopen => Ok(Vec::new()),
    };
    result.map_err(|error| words(&error))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_answer_alike(calls in proptest::collection::vec(call(), 1..40)) {
        let runs: Vec<_> = (0..RUNS).map(|at| conformance::sample_run(EXPORTS[at % EXPORTS.len()])).collect();
        let folder = tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let memory = MemoryStore::new();
        let mut file = RedbStore::open(&path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for call in &calls {
            if matches!(call, Call::Reopen) {
                drop(file);
                file = RedbStore::open(&path).unwrap();
            }
            let expected = runtime.block_on(answer(&memory, &runs, call));
            prop_assert_eq!(runtime.block_on(answer(&file, &runs, call)), expected, "{:?}", call);
        }
    }
}
