//! Files that were cut short or altered: an error, or the whole truth; never a panic, never half of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use miette::Diagnostic as _;
use rivet_history::{HistoryError, RedbStore, StateStore as _, conformance};
use rivet_model::{CursorState, RunRecord, RunStatus};
use tempfile::tempdir;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// Everything that a store can tell.
type History = (Vec<RunRecord>, Vec<Option<CursorState>>);

fn history(path: &Path) -> Result<History, HistoryError> {
    let store = RedbStore::open(path)?;
    let runtime = runtime();
    let (mut runs, mut cursors) = (runtime.block_on(store.unfinished())?, Vec::new());
    for export in ["orders", "customers"] {
        let export = export.parse().unwrap();
        runs.extend(runtime.block_on(store.runs(&export, usize::MAX))?);
        cursors.push(runtime.block_on(store.cursor(&export))?);
    }
    Ok((runs, cursors))
}

struct Sample {
    bytes: Vec<u8>,
    history: History,
}

/// A store with enough in it for pages of every kind.
fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let folder = tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let runtime = runtime();
        for at in 0..12 {
            let store = RedbStore::open(&path).unwrap();
            let run = conformance::sample_cursor_run(if at % 3 == 0 { "customers" } else { "orders" }, None, Some(at));
            let run = RunRecord { chunks: conformance::sample_chunks(8), ..run };
            runtime.block_on(store.begin(&run)).unwrap();
            for chunk in 0..8 {
                runtime.block_on(store.checkpoint(run.run_id, &conformance::sample_checkpoint(chunk))).unwrap();
            }
            if at % 4 != 3 {
                runtime.block_on(store.finish(run.run_id, conformance::sample_end(RunStatus::Committed))).unwrap();
            }
        }
        let history = history(&path).unwrap();
        Sample { bytes: fs::read(&path).unwrap(), history }
    })
}

/// Opens altered bytes and returns how it went.
fn judge(bytes: &[u8], what: &str) -> &'static str {
    let folder = tempdir().unwrap();
    let path: PathBuf = folder.path().join("state.redb");
    fs::write(&path, bytes).unwrap();
    match history(&path) {
        Ok(runs) => {
            assert_eq!(runs, sample().history, "{what}: opened, and tells something else");
            "whole"
        }
        Err(error) => {
            assert!(error.to_string().contains("state.redb"), "{what}: {error}");
            let code = error.code().unwrap().to_string();
            assert!(["rivet::history::damaged", "rivet::history::not_a_store"].contains(&&*code), "{what}: {error:?}");
            assert!(path.exists());
            "refused"
        }
    }
}

#[test]
fn a_file_cut_short_is_refused() {
    let bytes = &sample().bytes;
    let lengths = (0..bytes.len()).step_by(509).chain(0..320).chain((0..bytes.len()).step_by(4_096));
    for length in lengths {
        judge(&bytes[..length], &format!("{length} of {} bytes", bytes.len()));
    }
}

#[test]
fn an_altered_file_is_refused_or_whole() {
    let bytes = &sample().bytes;
    let mut refused = 0;
    let places = (0..512).chain((512..bytes.len()).step_by(331));
    for (count, at) in places.enumerate() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (count % 8);
        if judge(&altered, &format!("byte {at}, bit {}", count % 8)) == "refused" {
            refused += 1;
        }
    }
    assert!(refused > 0, "no change was ever noticed");
}

#[test]
fn lost_pages_are_refused_or_were_not_needed() {
    let bytes = &sample().bytes;
    for page in 1..bytes.len() / 4_096 {
        let mut altered = bytes.clone();
        altered[page * 4_096..(page + 1) * 4_096].fill(0);
        judge(&altered, &format!("page {page} of zeros"));
    }
}

#[test]
fn a_file_with_more_behind_it_is_refused_or_whole() {
    let mut bytes = sample().bytes.clone();
    bytes.extend([0xAA; 10_000]);
    judge(&bytes, "10,000 bytes more");
}
