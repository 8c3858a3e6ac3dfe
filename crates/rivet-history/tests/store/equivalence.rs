//! Any sequence of calls gives the same answers from both stores.

use miette::Diagnostic as _;
use proptest::prelude::*;
use rivet_history::{HistoryError, MemoryStore, RedbStore, RunEnd, StateStore, conformance};
use rivet_model::{
    Chunk, ChunkCheckpoint, ChunkId, CursorState, ExportName, ProcessRecord, RowRange, RunRecord, RunStatus,
};
use tempfile::tempdir;

/// One call; runs and exports are meant by their place in a short list, so that calls meet often.
#[derive(Debug, Clone)]
enum Call {
    Begin(usize),
    Resume { run: usize, pid: u32 },
    Resplit { run: usize, ids: Vec<u32>, pages: u64 },
    Checkpoint { run: usize, chunk: u32, rows: u64 },
    Finish { run: usize, status: RunStatus },
    Run(usize),
    Unfinished,
    Runs { export: usize, last: usize },
    Cursor(usize),
    ForgetCursor(usize),
    Reopen,
}

const EXPORTS: [&str; 3] = ["orders", "orders2", "Bestellungen/ж"];
const RUNS: usize = 5;

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
        1 => (0..RUNS, 0..3_u32).prop_map(|(run, pid)| Call::Resume { run, pid }),
        3 => (0..RUNS, proptest::collection::vec(0..4_u32, 0..4), 0..2_u64)
            .prop_map(|(run, ids, pages)| Call::Resplit { run, ids, pages }),
        6 => (0..RUNS, 0..4_u32, 0..2_u64).prop_map(|(run, chunk, rows)| Call::Checkpoint { run, chunk, rows }),
        2 => (0..RUNS, status).prop_map(|(run, status)| Call::Finish { run, status }),
        2 => (0..RUNS).prop_map(Call::Run),
        2 => Just(Call::Unfinished),
        2 => (0..EXPORTS.len()).prop_map(Call::Cursor),
        1 => (0..EXPORTS.len()).prop_map(Call::ForgetCursor),
        2 => (0..EXPORTS.len(), 0..4_usize).prop_map(|(export, last)| Call::Runs { export, last }),
        1 => Just(Call::Reopen),
    ]
}

/// What a call gives, in a form that can be compared: records or a cursor, or the code and the words of the error.
type Answer = Result<(Vec<RunRecord>, Option<CursorState>), String>;

/// Makes the run at a place: with a split, without one, and with a cursor that it would advance.
fn run_at(at: usize) -> RunRecord {
    let export = EXPORTS[at % EXPORTS.len()];
    match at % 3 {
        0 => conformance::sample_cursor_run(export, None, (at > 0).then_some(1)),
        1 => RunRecord { chunks: conformance::sample_chunks(3), ..conformance::sample_run(export) },
        _ => conformance::sample_run(export),
    }
}

fn chunks(ids: &[u32], pages: u64) -> Vec<Chunk> {
    let sample = conformance::sample_chunks(4);
    let chunk = |id: &u32| match usize::try_from(*id).ok().and_then(|at| sample.get(at)) {
        Some(chunk) if pages == 0 => chunk.clone(),
        _ => {
            let range = RowRange::Pages { partition: None, from: pages, to: None };
            Chunk { id: ChunkId(*id), range, estimated_rows: None }
        }
    };
    ids.iter().map(chunk).collect()
}

fn words(error: &HistoryError) -> String {
    format!("{}: {error}", error.code().unwrap())
}

fn export_at(at: usize) -> ExportName {
    EXPORTS[at].parse().unwrap()
}

async fn answer(store: &dyn StateStore, runs: &[RunRecord], call: &Call) -> Answer {
    let none = |()| (Vec::new(), None);
    let records = |runs| (runs, None);
    let cursor = |cursor| (Vec::new(), cursor);
    let result = match call {
        Call::Begin(run) => store.begin(&runs[*run]).await.map(none),
        Call::Resume { run, pid } => {
            let process = ProcessRecord { pid: *pid, host: "another".to_owned() };
            store.resume(runs[*run].run_id, &process, &[]).await.map(|run| records(vec![run]))
        }
        Call::Resplit { run, ids, pages } => store.resplit(runs[*run].run_id, &chunks(ids, *pages)).await.map(none),
        Call::Checkpoint { run, chunk, rows } => {
            let checkpoint = ChunkCheckpoint { rows: *rows, ..conformance::sample_checkpoint(*chunk) };
            store.checkpoint(runs[*run].run_id, &checkpoint).await.map(none)
        }
        Call::Finish { run, status } => {
            store.finish(runs[*run].run_id, RunEnd::new(*status, runs[*run].started_at)).await.map(none)
        }
        Call::Run(run) => store.run(runs[*run].run_id).await.map(|run| records(run.into_iter().collect())),
        Call::Unfinished => store.unfinished().await.map(records),
        Call::Runs { export, last } => store.runs(&export_at(*export), *last).await.map(records),
        Call::Cursor(export) => store.cursor(&export_at(*export)).await.map(cursor),
        Call::ForgetCursor(export) => store.forget_cursor(&export_at(*export)).await.map(cursor),
        Call::Reopen => Ok(none(())),
    };
    result.map_err(|error| words(&error))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_answer_alike(calls in proptest::collection::vec(call(), 1..60)) {
        let runs: Vec<_> = (0..RUNS).map(run_at).collect();
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
