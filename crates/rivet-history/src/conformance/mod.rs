//! The suite that every state store passes, and the sample records that it is made of.
//!
//! A store's own tests call [`suite`] with something that makes an empty store; it panics where the store breaks the
//! contract of [`StateStore`].

mod chunk;
mod cursor;
mod life;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rivet_model::{
    Chunk, ChunkCheckpoint, ChunkId, Consistency, CursorPosition, CursorRecord, CursorSighting, DestinationRecord,
    ErrorRecord, ExportName, Fingerprint, KeyBound, PartRecord, PartitionKind, PartitionScalar, PartitionValue,
    ReadView, Retry, RowRange, RunId, RunMetrics, RunRecord, RunStatus, Scalar,
};

use crate::{RunEnd, StateStore, this_process};

/// Runs every case, each on a store of its own that `fresh` makes.
///
/// # Panics
///
/// Where the store does not do what the contract says.
pub async fn suite<F>(fresh: impl Fn() -> F + Send + Sync)
where
    F: Future<Output = Arc<dyn StateStore>> + Send,
{
    life::check(&fresh).await;
    chunk::check(&fresh).await;
    cursor::check(&fresh).await;
}

/// Makes the record of a run that begins now.
///
/// # Panics
///
/// Where the name is not one of an export.
pub fn sample_run(export: &str) -> RunRecord {
    RunRecord {
        run_id: RunId::generate(),
        export: sample_name(export),
        fingerprint: Fingerprint("0f".repeat(32)),
        source: Some("7123456789/shop".to_owned()),
        status: RunStatus::Running,
        started_at: Timestamp::now(),
        finished_at: None,
        destination: DestinationRecord { kind: "local".to_owned(), root: "/data/out".to_owned() },
        process: this_process(),
        chunks: Vec::new(),
        view: ReadView::Shared,
        cursor: None,
        plan: None,
        checkpoints: Vec::new(),
        metrics: None,
        error: None,
    }
}

/// Makes the checkpoint of a chunk with one part, every field of it filled.
pub fn sample_checkpoint(chunk: u32) -> ChunkCheckpoint {
    ChunkCheckpoint {
        chunk: ChunkId(chunk),
        parts: vec![PartRecord {
            name: format!("orders-{chunk:05}-000.parquet"),
            rows: 1_000 + u64::from(chunk),
            bytes: u64::MAX,
            sha256: "ab".repeat(32),
            partition: vec![PartitionValue {
                key: "country".parse().expect("this is a name"),
                kind: PartitionKind::Int,
                value: Some(PartitionScalar::Uint(u64::MAX)),
            }],
        }],
        rows: 1_000 + u64::from(chunk),
        nulled: BTreeMap::from([("geändert am".to_owned(), 3)]),
        consistency: Consistency::Snapshot { position: Some("16/B374D848".to_owned()) },
        statement_ms: 1_234,
        null_counts: BTreeMap::from([("geändert am".to_owned(), 4)]),
    }
}

/// Makes a split of so many chunks, by an integer key and with NULLs as the last of them.
pub fn sample_chunks(count: u32) -> Vec<Chunk> {
    let bound = |id: u32| KeyBound { values: vec![Scalar::Int(i64::from(id) * 1_000)], inclusive: true };
    let range = |id: u32| match id {
        last if last + 1 == count => RowRange::NullKey,
        0 => RowRange::Key { lower: None, upper: Some(KeyBound { inclusive: false, ..bound(1) }) },
        id => RowRange::Key { lower: Some(bound(id)), upper: Some(KeyBound { inclusive: false, ..bound(id + 1) }) },
    };
    let chunk = |id| Chunk { id: ChunkId(id), range: range(id), estimated_rows: Some(1_000) };
    (0..count).map(chunk).collect()
}

/// Makes a position of a cursor of two columns.
///
/// # Panics
///
/// Never: its columns are well named.
pub fn sample_position(id: i64) -> CursorPosition {
    let name = |text: &str| text.parse().expect("the suite names its columns well");
    CursorPosition {
        columns: vec![name("geändert am"), name("id")],
        values: vec![Scalar::TimestampTz("2026-01-31 12:00:00.5+00".to_owned()), Scalar::Int(id)],
    }
}

/// Makes the record of a run that follows a cursor from one position to another.
///
/// # Panics
///
/// Where the name is not one of an export.
pub fn sample_cursor_run(export: &str, before: Option<i64>, watermark: Option<i64>) -> RunRecord {
    let cursor = CursorRecord {
        before: before.map(sample_position),
        watermark: watermark.map(sample_position),
        seen: Some(CursorSighting { at: Timestamp::UNIX_EPOCH, position: sample_position(i64::MAX) }),
        awaited: Some(CursorSighting { at: Timestamp::UNIX_EPOCH, position: sample_position(0) }),
    };
    RunRecord { chunks: sample_chunks(1), cursor: Some(cursor), ..sample_run(export) }
}

/// Makes an end with this status, every field of it filled.
pub fn sample_end(status: RunStatus) -> RunEnd {
    let metrics = RunMetrics {
        rows: 3_003,
        parts: 3,
        bytes: 99_999,
        duration_ms: 61_000,
        retries: 1,
        longest_statement_ms: 59_000,
    };
    let error = ErrorRecord {
        code: "rivet::source::connect".to_owned(),
        message: "no connection to `db:5432`".to_owned(),
        retry: Retry::Backoff,
    };
    RunEnd::new(status, Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_800_000_000))
        .with_metrics(metrics)
        .with_error(error)
}

fn sample_name(export: &str) -> ExportName {
    export.parse().expect("the suite names its exports well")
}

/// The record that a store must give after `end`.
fn ended(mut run: RunRecord, end: RunEnd) -> RunRecord {
    run.status = end.status;
    run.finished_at = Some(end.finished_at);
    run.metrics = end.metrics;
    run.error = end.error;
    run
}

fn ids(runs: &[RunRecord]) -> Vec<RunId> {
    runs.iter().map(|run| run.run_id).collect()
}

async fn begun(store: &dyn StateStore, export: &str) -> RunRecord {
    let run = sample_run(export);
    store.begin(&run).await.expect("a new run begins");
    run
}

async fn stored(store: &dyn StateStore, run: RunId) -> RunRecord {
    store.run(run).await.expect("a run can be read").expect("the run is known")
}
