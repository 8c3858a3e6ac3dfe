use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use rivet_model::{Compression, Format, PartRecord, RunId};
use rivet_writer::{Discarded, LocalStore, PartStore as _, StoreError};
use tokio::task::JoinSet;

use crate::support::{Local, options, write};

fn batch() -> RecordBatch {
    RecordBatch::try_from_iter([("id", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef)]).unwrap()
}

fn put(local: &Local, run: RunId) -> Vec<PartRecord> {
    let store = Arc::clone(&local.store);
    write(store, run, &[batch()], &options(Format::Csv, Compression::None), false).unwrap()
}

#[tokio::test]
async fn parts_wait_out_of_sight() {
    let (local, run) = (Local::new(), RunId::generate());
    let parts = put(&local, run);
    assert_eq!(local.files(run), [".rivet-staging/RUN/t-RUN-00000-000.csv.part"]);
    local.store.publish(run, &parts).await.unwrap();
    assert_eq!(local.files(run), ["t-RUN-00000-000.csv"]);
    assert_eq!(fs::read_to_string(local.path(&parts[0].name)).unwrap(), "id\n1\n2\n");
}

#[tokio::test]
async fn a_commit_leaves_manifest_pointer_and_mark() {
    let (local, run) = (Local::new(), RunId::generate());
    let parts = put(&local, run);
    // What an attempt left that was repeated with fewer parts.
    fs::write(local.path(&format!(".rivet-staging/{run}/t-{run}-00000-001.csv.part")), "stale").unwrap();
    local.store.publish(run, &parts).await.unwrap();
    let manifest = crate::manifest::of(&local, run, &parts);
    local.store.commit(&manifest).await.unwrap();
    assert_eq!(local.files(run), ["_SUCCESS", "_rivet/t/RUN.json", "_rivet/t/latest.json", "t-RUN-00000-000.csv"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_that_commit_at_the_same_time_do_not_disturb_each_other() {
    for _ in 0..20 {
        let local = Local::new();
        let mut commits = JoinSet::new();
        for _ in 0..8 {
            let run = RunId::generate();
            let parts = put(&local, run);
            let manifest = crate::manifest::of(&local, run, &parts);
            let store = Arc::clone(&local.store);
            commits.spawn(async move {
                store.publish(run, &parts).await?;
                store.commit(&manifest).await
            });
        }
        while let Some(done) = commits.join_next().await {
            done.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_manifest_that_was_half_written_is_removed_with_its_run() {
    let (local, run) = (Local::new(), RunId::generate());
    let parts = put(&local, run);
    local.store.publish(run, &parts).await.unwrap();
    fs::create_dir_all(local.path("_rivet/t")).unwrap();
    fs::write(local.path(&format!("_rivet/t/.{run}.json.tmp")), "{").unwrap();
    assert_eq!(local.store.discard(run, &parts).await.unwrap(), Discarded { staged: 0, visible: 1 });
    assert_eq!(local.files(run), ["_rivet/t/"]);
}

#[tokio::test]
async fn a_run_that_is_settled_late_does_not_become_the_latest() {
    let local = Local::new();
    let (early, late) = (RunId::generate(), RunId::generate());
    for run in [late, early] {
        let parts = put(&local, run);
        local.store.publish(run, &parts).await.unwrap();
        local.store.commit(&crate::manifest::of(&local, run, &parts)).await.unwrap();
    }
    let latest: serde_json::Value =
        serde_json::from_slice(&fs::read(local.path("_rivet/t/latest.json")).unwrap()).unwrap();
    assert_eq!(latest["run_id"], late.to_string());
    assert_eq!(latest["manifest"], format!("_rivet/t/{late}.json"));
}

#[tokio::test]
async fn another_runs_staging_is_untouched() {
    let local = Local::new();
    let (run, stale) = (RunId::generate(), RunId::generate());
    let left = put(&local, stale);
    let parts = put(&local, run);
    assert_eq!(local.store.discard(run, &parts).await.unwrap(), Discarded { staged: 1, visible: 0 });
    assert_eq!(local.files(stale), [".rivet-staging/RUN/t-RUN-00000-000.csv.part"]);
    local.store.publish(stale, &left).await.unwrap();
}

#[tokio::test]
async fn files_of_others_are_never_overwritten_or_removed() {
    let (local, run) = (Local::new(), RunId::generate());
    let parts = put(&local, run);
    fs::write(local.path(&parts[0].name), "somebody else's").unwrap();
    fs::write(local.path("notes.csv"), "mine").unwrap();
    let error = local.store.publish(run, &parts).await.unwrap_err();
    assert!(matches!(error, StoreError::NameTaken { .. }), "{error}");
    assert_eq!(fs::read_to_string(local.path(&parts[0].name)).unwrap(), "somebody else's");
    local.store.discard(run, &[]).await.unwrap();
    assert_eq!(local.files(run), ["notes.csv", "t-RUN-00000-000.csv"]);
}

#[tokio::test]
async fn a_check_leaves_nothing_behind() {
    let local = Local::new();
    let deep = LocalStore::new(local.path("a/b/c")).unwrap();
    deep.check().await.unwrap();
    local.store.check().await.unwrap();
    assert!(fs::read_dir(local.folder.path()).unwrap().next().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_of_one_folder_do_not_disturb_each_other() {
    let local = Local::new();
    let store = Arc::new(LocalStore::new(local.path("a/b")).unwrap());
    let checks = (0..8).map(|_| {
        let store = Arc::clone(&store);
        async move { store.check().await }
    });
    for done in futures_util::future::join_all(checks).await {
        done.unwrap();
    }
}

#[tokio::test]
async fn missing_folders_are_made() {
    let local = Local::new();
    let store = Arc::new(LocalStore::new(local.path("a/b")).unwrap());
    let run = RunId::generate();
    let csv = options(Format::Csv, Compression::None);
    let parts = write(Arc::clone(&store) as Arc<_>, run, &[batch()], &csv, false).unwrap();
    store.publish(run, &parts).await.unwrap();
    assert_eq!(local.files(run), ["a/b/t-RUN-00000-000.csv"]);
}

#[test]
fn the_record_is_absolute() {
    let store = LocalStore::new("relative").unwrap();
    let record = store.record();
    assert_eq!(record.kind, "local");
    assert!(std::path::Path::new(&record.root).is_absolute());
}
