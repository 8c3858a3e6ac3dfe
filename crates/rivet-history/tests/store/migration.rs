//! Files of older versions: they open, tell what they told, and take what is new.

use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase as _, TableDefinition};
use rivet_history::{RedbStore, StateStore as _, conformance};
use rivet_model::{CursorState, ReadView, RunRecord, RunStatus};
use tempfile::{TempDir, tempdir};

const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");

/// A run that was committed and one that was running when its process died, as version 1 wrote them.
const RUNS: [(u128, &str); 2] = [
    (
        0x0190_d0a0_0000_7000_8000_0000_0000_0001,
        r#"{"run_id":"0190d0a0-0000-7000-8000-000000000001","export":"orders","fingerprint":"0f0f","status":"committed",
            "started_at":"2026-07-01T12:00:00Z","finished_at":"2026-07-01T12:01:00Z",
            "destination":{"kind":"local","root":"/data/out"},"process":{"pid":7,"host":"db1"},"checkpoints":[],
            "metrics":{"rows":3,"parts":1,"bytes":99,"duration_ms":60000,"retries":0,"longest_statement_ms":59000},
            "error":null}"#,
    ),
    (
        0x0190_d0a0_0000_7000_8000_0000_0000_0002,
        r#"{"run_id":"0190d0a0-0000-7000-8000-000000000002","export":"orders","fingerprint":"0f0f","status":"running",
            "started_at":"2026-07-01T13:00:00Z","finished_at":null,
            "destination":{"kind":"local","root":"/data/out"},"process":{"pid":8,"host":"db1"},"checkpoints":[],
            "metrics":null,"error":null}"#,
    ),
];

const CHECKPOINT: &str = r#"{"chunk":0,"parts":[{"name":"orders-00000-000.parquet","rows":3,"bytes":99,"sha256":"ab"}],
    "rows":3,"consistency":{"held":"snapshot","position":"0/1"},"statement_ms":59000}"#;

/// Makes a file as version 1 made it: the same tables, keys and values.
fn version_1() -> (TempDir, PathBuf) {
    const RUNS_TABLE: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("runs");
    const CHECKPOINTS: TableDefinition<'_, (u128, u32), &[u8]> = TableDefinition::new("checkpoints");
    const RUNS_BY_EXPORT: TableDefinition<'_, (&str, u128), ()> = TableDefinition::new("runs_by_export");
    const UNFINISHED: TableDefinition<'_, u128, ()> = TableDefinition::new("unfinished");

    let folder = tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert("format_version", "1").unwrap();
        meta.insert("created_by", "0.1.0").unwrap();
        let mut runs = transaction.open_table(RUNS_TABLE).unwrap();
        let mut by_export = transaction.open_table(RUNS_BY_EXPORT).unwrap();
        for (key, json) in RUNS {
            runs.insert(key, json.as_bytes()).unwrap();
            by_export.insert(("orders", key), ()).unwrap();
        }
        transaction.open_table(CHECKPOINTS).unwrap().insert((RUNS[0].0, 0), CHECKPOINT.as_bytes()).unwrap();
        transaction.open_table(UNFINISHED).unwrap().insert(RUNS[1].0, ()).unwrap();
    }
    transaction.commit().unwrap();
    (folder, path)
}

fn meta(path: &Path, key: &str) -> String {
    let database = Database::open(path).unwrap();
    let meta = database.begin_read().unwrap().open_table(META).unwrap();
    meta.get(key).unwrap().unwrap().value().to_owned()
}

fn parsed((_, json): (u128, &str)) -> RunRecord {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn a_file_of_version_1_tells_what_it_told() {
    let (_folder, path) = version_1();
    for _opening in 0..2 {
        let store = RedbStore::open(&path).unwrap();
        let committed = RunRecord { checkpoints: vec![serde_json::from_str(CHECKPOINT).unwrap()], ..parsed(RUNS[0]) };
        let running = parsed(RUNS[1]);
        assert_eq!((running.chunks.len(), running.view, &running.cursor), (0, ReadView::Shared, &None));
        assert_eq!(store.cursor(&running.export).await.unwrap(), None);
        assert_eq!(store.runs(&running.export, 9).await.unwrap(), [running.clone(), committed]);
        assert_eq!(store.unfinished().await.unwrap(), [running]);
    }
    assert_eq!(meta(&path, "format_version"), "2");
    assert_eq!(meta(&path, "created_by"), "0.1.0", "who made the file stays known");
}

#[tokio::test]
async fn a_file_of_version_1_takes_what_is_new() {
    let (_folder, path) = version_1();
    let store = RedbStore::open(&path).unwrap();
    // What the older process has left is settled as it would have been.
    let left = parsed(RUNS[1]).run_id;
    store.checkpoint(left, &conformance::sample_checkpoint(0)).await.unwrap();
    store.finish(left, conformance::sample_end(RunStatus::Abandoned)).await.unwrap();
    assert!(store.unfinished().await.unwrap().is_empty());

    let run = conformance::sample_cursor_run("orders", None, Some(10));
    store.begin(&run).await.unwrap();
    store.resplit(run.run_id, &conformance::sample_chunks(3)).await.unwrap();
    let end = conformance::sample_end(RunStatus::Committed);
    store.finish(run.run_id, end.clone()).await.unwrap();
    drop(store);

    let store = RedbStore::open(&path).unwrap();
    let stands = store.cursor(&run.export).await.unwrap();
    let position = conformance::sample_position(10);
    assert_eq!(
        stands,
        Some(CursorState { position, source: run.source, run_id: run.run_id, advanced_at: end.finished_at })
    );
    assert_eq!(store.run(run.run_id).await.unwrap().unwrap().chunks, conformance::sample_chunks(3));
}
