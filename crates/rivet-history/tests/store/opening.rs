//! Folders, locks, versions and paths.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use miette::Diagnostic as _;
use redb::{Database, TableDefinition};
use rivet_history::{HistoryError, RedbStore, StateStore, conformance, this_process};
use rivet_model::{Retry, RunStatus};
use tempfile::{TempDir, tempdir};

/// A folder of its own and the place of a store in it, whose folder does not exist yet.
fn place() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("project/.rivet/state.redb");
    (folder, path)
}

fn refused(path: &Path) -> HistoryError {
    RedbStore::open(path).expect_err("the file is not to be opened")
}

fn code(error: &HistoryError) -> String {
    error.code().unwrap().to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn it_passes_the_conformance_suite() {
    let folder = tempdir().unwrap();
    let count = AtomicU32::new(0);
    conformance::suite(|| async {
        let name = format!("{}.redb", count.fetch_add(1, Ordering::Relaxed));
        Arc::new(RedbStore::open(folder.path().join(name)).unwrap()) as Arc<dyn StateStore>
    })
    .await;
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let (_folder, path) = place();
    let (committed, left) = (conformance::sample_run("orders"), conformance::sample_run("orders"));
    {
        let store = RedbStore::open(&path).unwrap();
        store.begin(&committed).await.unwrap();
        store.checkpoint(committed.run_id, &conformance::sample_checkpoint(0)).await.unwrap();
        store.finish(committed.run_id, conformance::sample_end(RunStatus::Committed)).await.unwrap();
        store.begin(&left).await.unwrap();
        store.checkpoint(left.run_id, &conformance::sample_checkpoint(1)).await.unwrap();
    }
    let store = RedbStore::open(&path).unwrap();
    let runs = store.runs(&left.export, 9).await.unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1].status, RunStatus::Committed);
    assert_eq!(runs[1].checkpoints, [conformance::sample_checkpoint(0)]);
    assert_eq!(runs[1].metrics, conformance::sample_end(RunStatus::Committed).metrics);
    // What was not finished is found by the next process, with what it had done.
    let unfinished = store.unfinished().await.unwrap();
    assert_eq!(unfinished, [runs[0].clone()]);
    assert_eq!(unfinished[0].run_id, left.run_id);
    assert_eq!(unfinished[0].checkpoints, [conformance::sample_checkpoint(1)]);
}

#[test]
fn a_new_store_lies_in_a_folder_of_its_own() {
    let (_folder, path) = place();
    let folder = path.parent().unwrap();
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(names(folder), [".gitignore", "state.redb", "state.redb.holder"]);
    assert_eq!(fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder), 0o700);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&path.with_extension("redb.holder")), 0o600);
    }
    drop(store);
    assert_eq!(names(folder), [".gitignore", "state.redb"]);
}

#[test]
fn a_folder_that_was_there_stays_as_it_is() {
    let folder = tempdir().unwrap();
    let store = RedbStore::open(folder.path().join("my.redb")).unwrap();
    assert_eq!(store.to_string(), format!("state store `{}`", folder.path().join("my.redb").display()));
    assert_eq!(names(folder.path()), ["my.redb", "my.redb.holder"]);
}

#[test]
fn a_second_opening_names_the_holder() {
    let (_folder, path) = place();
    let store = RedbStore::open(&path).unwrap();
    let error = refused(&path);
    assert_eq!(code(&error), "rivet::history::locked");
    assert_eq!(error.retry(), Retry::Backoff);
    let (me, text) = (this_process(), error.to_string());
    assert!(text.contains(&format!("`{}`", path.display())), "{text}");
    assert!(text.contains(&format!("process {} on host `{}` since 2", me.pid, me.host)), "{text}");
    assert!(error.help().unwrap().to_string().starts_with("Wait until that process ends"));

    // The note is for people: without it, or with half of it, the lock still holds.
    let note = path.with_extension("redb.holder");
    fs::write(&note, "{\"pid\": 1").unwrap();
    assert!(refused(&path).to_string().ends_with("is in use by an unknown process"));
    drop(store);
    assert!(!note.exists());
    RedbStore::open(&path).unwrap();
}

#[test]
fn a_note_of_a_dead_process_is_in_nobodys_way() {
    let (_folder, path) = place();
    drop(RedbStore::open(&path).unwrap());
    let note = path.with_extension("redb.holder");
    fs::write(&note, r#"{"pid":1,"host":"gone","since":"2020-01-01T00:00:00Z"}"#).unwrap();
    let store = RedbStore::open(&path).unwrap();
    assert!(fs::read_to_string(&note).unwrap().contains(&std::process::id().to_string()));
    drop(store);
    assert!(!note.exists());
}

/// This test calls itself in another process, which opens the store that the variable names and is killed there.
#[test]
fn a_killed_holder_leaves_no_lock_and_its_runs() {
    const NAME: &str = "opening::a_killed_holder_leaves_no_lock_and_its_runs";
    const ROLE: &str = "RIVET_HISTORY_TEST_STORE";
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    if let Some(path) = std::env::var_os(ROLE) {
        let store = RedbStore::open(&path).unwrap();
        runtime.block_on(store.begin(&conformance::sample_run("orders"))).unwrap();
        fs::write(Path::new(&path).with_extension("ready"), "").unwrap();
        // Longer than it takes to be killed, and not for ever where the other side has failed.
        std::thread::sleep(std::time::Duration::from_mins(1));
        return;
    }
    let (_folder, path) = place();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(ROLE, &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let ready = path.with_extension("ready");
    while !ready.exists() {
        assert_eq!(child.try_wait().unwrap(), None, "the other process ended early");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let text = refused(&path).to_string();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(text.contains(&format!("process {} on host", child.id())), "{text}");

    let store = RedbStore::open(&path).unwrap();
    assert_eq!(runtime.block_on(store.unfinished()).unwrap().len(), 1);
}

#[test]
fn one_of_many_first_starts_wins() {
    let (_folder, path) = place();
    let start = std::sync::Barrier::new(8);
    let stores: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    RedbStore::open(&path)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (opened, refused): (Vec<_>, Vec<_>) = stores.into_iter().partition(Result::is_ok);
    assert_eq!(opened.len(), 1);
    for error in refused {
        assert_eq!(code(&error.unwrap_err()), "rivet::history::locked");
    }
    assert_eq!(names(path.parent().unwrap()), [".gitignore", "state.redb", "state.redb.holder"]);
}

#[test]
fn a_newer_format_is_refused_and_an_unknown_one_too() {
    const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
    let check = |version: Option<&str>, expected: &str, words: &str| {
        let (_folder, path) = place();
        drop(RedbStore::open(&path).unwrap());
        let database = Database::open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut meta = transaction.open_table(META).unwrap();
            meta.remove("format_version").unwrap();
            if let Some(version) = version {
                meta.insert("format_version", version).unwrap();
            }
        }
        transaction.commit().unwrap();
        drop(database);
        let error = refused(&path);
        assert_eq!(code(&error), format!("rivet::history::{expected}"));
        let text = error.to_string();
        assert!(text.contains(words) && text.contains(&*path.to_string_lossy()), "{text}");
        assert!(!path.with_extension("redb.holder").exists());
    };
    check(Some("7"), "newer_format", "has format version 7, newer than version 2 that this Rivet knows");
    check(Some("0"), "damaged", "it has format version 0, which no Rivet writes");
    check(Some("one"), "damaged", "its format version is not a number");
    check(None, "not_a_store", "it names no format version");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("other.redb");
    drop(Database::create(&path).unwrap());
    let error = refused(&path);
    assert_eq!(code(&error), "rivet::history::not_a_store");

    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<u64, u64>::new("meta")).unwrap().insert(1, 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(refused(&path).to_string().ends_with("it is a redb database of another program"));
}

#[test]
fn other_files_are_refused_and_stay_as_they_are() {
    let folder = tempdir().unwrap();
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = refused(&path);
        assert_eq!(code(&error), format!("rivet::history::{expected}"), "{name}");
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{name} was changed");
        assert!(!folder.path().join(format!("{name}.holder")).exists());
    };
    check("empty", b"", "damaged");
    check("short", b"r", "not_a_store");
    check("rivet.yaml", b"source:\n  type: postgres\n", "not_a_store");
    check("zeros", &vec![0; 100_000], "not_a_store");
    // The mark of redb and nothing behind it.
    check("mark", &[0x72, 0x65, 0x64, 0x62, 0x1A, 0x0A, 0xA9, 0x0D, 0x0A], "damaged");
    assert_eq!(names(folder.path()), ["empty", "mark", "rivet.yaml", "short", "zeros"]);
}

#[test]
fn paths_that_can_be_no_file_are_refused() {
    let folder = tempdir().unwrap();
    let error = refused(folder.path());
    assert_eq!(code(&error), "rivet::history::is_a_folder");
    assert!(error.help().unwrap().to_string().contains("state.redb"));

    fs::write(folder.path().join("file"), "").unwrap();
    for below in ["file/state.redb", "file/deeper/state.redb"] {
        let error = refused(&folder.path().join(below));
        assert!(error.to_string().ends_with("a part of its path is a file"), "{error}");
    }

    #[cfg(unix)]
    {
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(code(&refused(&pipe)), "rivet::history::not_a_store");

        let dangling = folder.path().join("dangling");
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &dangling).unwrap();
        assert_eq!(code(&refused(&dangling)), "rivet::history::storage");
    }
}

#[test]
fn it_works_without_a_runtime_of_tokio() {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let (_folder, path) = place();
    let store = RedbStore::open(path).unwrap();
    let run = conformance::sample_run("orders");
    let mut begin = pin!(store.begin(&run));
    assert!(matches!(begin.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(()))));
}
