//! Rows that are sorted into folders: which, what is told of them, and what is left of attempts that failed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::TryStreamExt as _;
use object_store::ObjectStore as _;
use rivet_core::{EngineError, ExportReport, RunOptions};
use rivet_history::StateStore as _;
use rivet_model::{PartitionScalar, RunStatus};
use rivet_writer::{LocalStore, Manifest, PartStore as _};

use crate::support::{Fault, Faulty, World};

const LAKE: &str = "{ type: s3, bucket: lake }";

/// `row 0` to `row 9`, by the first digit of the number, and NULL for the odd ones. What names the folders is what is left
/// of a masked column.
const BY_LABEL: &str = ", partition_by: label, mask: { label: { method: truncate, length: 5 } }, tuning: { batch_size: \
    100, max_retries: 2, retry_backoff_ms: 1 }";

const CHUNKED: &str = ", mode: chunked, chunk_column: id, chunk_size: 1000";

fn folder_of(id: i64) -> String {
    let digit = id.to_string().remove(0);
    if id % 2 == 0 { format!("label=row {digit}") } else { "label=__HIVE_DEFAULT_PARTITION__".to_owned() }
}

/// Returns how many of so many rows belong into each folder.
fn expected(rows: i64) -> BTreeMap<String, u64> {
    let mut folders = BTreeMap::new();
    for id in 0..rows {
        *folders.entry(folder_of(id)).or_default() += 1;
    }
    folders
}

async fn manifest(world: &World, report: &ExportReport) -> Manifest {
    let store = LocalStore::new(world.folder.path().join("out")).unwrap();
    store.manifest(&report.export, report.run_id.unwrap()).await.unwrap().unwrap()
}

/// Returns the rows of each folder, as the manifest tells.
fn told(manifest: &Manifest) -> BTreeMap<String, u64> {
    let mut folders = BTreeMap::new();
    for part in &manifest.parts {
        let (folder, _) = part.record.name.rsplit_once('/').unwrap();
        let [value] = part.record.partition.as_slice() else { panic!("one level is expected: {part:?}") };
        let text = match &value.value {
            None => "__HIVE_DEFAULT_PARTITION__",
            Some(PartitionScalar::Text(text)) => text,
            Some(other) => panic!("{other:?} is no text"),
        };
        assert_eq!(folder, format!("{}={text}", value.key));
        *folders.entry(folder.to_owned()).or_default() += part.record.rows;
    }
    folders
}

fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(format!("{}/", path.strip_prefix(root).unwrap().display()));
            walk(&path, root, found);
        } else {
            found.insert(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

/// Returns all parts and folders of parts, whether a manifest lists them or not.
fn there(world: &World) -> BTreeSet<String> {
    let (root, mut found) = (world.folder.path().join("out"), BTreeSet::new());
    walk(&root, &root, &mut found);
    found.retain(|name| !name.starts_with('_'));
    found
}

#[tokio::test]
async fn every_mode_sorts_rows_into_folders() {
    for mode in [
        "",
        CHUNKED,
        ", mode: chunked, chunk_column: id, chunk_size: 700, parallel: 3",
        ", mode: incremental, cursor_column: id",
    ] {
        for format in [", format: csv", ", format: parquet"] {
            let world = World::new();
            let options = RunOptions { validate: true, ..RunOptions::default() };
            let more = format!("{BY_LABEL}{mode}{format}");
            let report = world.try_run(Faulty::sound(3_000), &more, options).await.unwrap().exports.remove(0);
            assert_eq!((report.status, report.rows), (RunStatus::Committed, 3_000), "{mode}: {:?}", report.error);
            assert_eq!(report.validated, Some(true));
            let manifest = manifest(&world, &report).await;
            assert_eq!(told(&manifest), expected(3_000), "{mode}");
            let columns: Vec<&str> = manifest.schema.iter().map(|field| field.name.as_str()).collect();
            assert_eq!((columns, manifest.partition_by.len()), (vec!["id", "label"], 1));
            let listed: BTreeSet<String> = manifest.parts.iter().map(|part| part.record.name.clone()).collect();
            let mut there = there(&world);
            there.retain(|name| !name.ends_with('/'));
            assert_eq!(there, listed, "{mode}: parts are there that no manifest lists, or listed ones are not");
        }
    }
}

#[tokio::test]
async fn a_repeated_attempt_replaces_its_parts() {
    for mode in ["", CHUNKED] {
        let world = World::new();
        let report = world.run(Faulty::new(3_000, Fault::Lost, 2), &format!("{BY_LABEL}{mode}")).await;
        assert_eq!((report.status, report.rows, report.retries), (RunStatus::Committed, 3_000, 2));
        assert_eq!(told(&manifest(&world, &report).await), expected(3_000));
        assert!(!world.has_staging());
    }
}

#[tokio::test]
async fn a_run_that_fails_leaves_neither_part_nor_folder() {
    let world = World::new();
    let rules = ", quality: { row_count_max: 10 }";
    let report = world.run(Faulty::sound(3_000), &format!("{BY_LABEL}{CHUNKED}{rules}")).await;
    assert_eq!((report.status, there(&world)), (RunStatus::Failed, BTreeSet::new()));
}

#[tokio::test]
async fn chunks_that_are_done_are_not_read_again() {
    let world = World::new();
    let more = format!("{BY_LABEL}{CHUNKED}").replace("max_retries: 2", "max_retries: 0");
    let first = world.run(Faulty::new(10_000, Fault::Lost, 1).after(45), &more).await;
    assert_eq!(first.status, RunStatus::Failed);
    let second = world.run(Faulty::sound(10_000), &more).await;
    assert_eq!((second.status, second.run_id), (RunStatus::Committed, first.run_id), "{:?}", second.error);
    assert!(second.chunks_resumed > 0);
    assert_eq!(told(&manifest(&world, &second).await), expected(10_000));

    // Other folders are other files: what was begun is given up.
    let third = world.run(Faulty::new(10_000, Fault::Lost, 1).after(45), &more).await;
    let other = more.replace("partition_by: label", "partition_by: { column: label, as: kind }");
    let fourth = world.run(Faulty::sound(10_000), &other).await;
    assert_eq!((fourth.status, fourth.chunks_resumed), (RunStatus::Committed, 0));
    let given_up = world.state.run(third.run_id.unwrap()).await.unwrap().unwrap();
    assert_eq!(given_up.status, RunStatus::Abandoned);
    let manifest = manifest(&world, &fourth).await;
    assert!(manifest.parts.iter().all(|part| part.record.name.starts_with("kind=")));
}

#[tokio::test]
async fn no_rows_make_no_part() {
    let world = World::new();
    let report = world.run(Faulty::sound(0), BY_LABEL).await;
    assert_eq!((report.status, report.rows), (RunStatus::Committed, 0));
    let manifest = manifest(&world, &report).await;
    assert_eq!((manifest.parts.len(), manifest.schema.len(), there(&world)), (0, 2, BTreeSet::new()));
    let report = world.run(Faulty::sound(0), &format!("{BY_LABEL}, skip_empty: true")).await;
    assert_eq!(report.status, RunStatus::Skipped);
}

#[tokio::test]
async fn what_can_not_name_folders_is_refused_before_a_row_is_read() {
    let check = async |more: &str, expected: &str| {
        let world = World::new();
        let report = world.run(Faulty::new(3_000, Fault::Panic, 1).after(0), more).await;
        let error = report.error.unwrap();
        assert!(matches!(&*error, EngineError::Write(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        let planned = world.plan(Faulty::sound(10), more).await;
        assert!(planned.is_err() || planned.unwrap().iter().any(|export| format!("{export:?}").contains(expected)));
    };
    check(", partition_by: nothing", "`nothing`, which is not read").await;
    check(", partition_by: { column: label, part: day }", "which has no day").await;
    check(", partition_by: [id, label]", "none is left for the files").await;
    check(", partition_by: { column: id, as: LABEL }", "stand for the column `label`").await;
}

/// Returns the names of all parts in the bucket.
async fn in_lake(world: &World) -> BTreeSet<String> {
    let all: Vec<_> = world.bucket.list(Some(&"lake".into())).try_collect().await.unwrap();
    let names = all.iter().filter_map(|object| object.location.as_ref().strip_prefix("lake/"));
    names.filter(|name| name.ends_with(".parquet")).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn buckets_have_folders_too_and_nothing_else_is_left_in_them() {
    let world = World::new();
    for mode in ["", CHUNKED] {
        let config = world.config_to("t", LAKE, &format!("{BY_LABEL}{mode}"));
        let before = in_lake(&world).await;
        // Attempts that fail have parts under their final names, which no manifest lists.
        let report = world.run_config(Faulty::new(3_000, Fault::Lost, 2), &config).await;
        assert_eq!(
            (report.status, report.rows, report.retries),
            (RunStatus::Committed, 3_000, 2),
            "{:?}",
            report.error
        );
        let listed: BTreeSet<String> = report.parts.iter().map(|part| part.name.clone()).collect();
        let fresh: BTreeSet<String> = in_lake(&world).await.difference(&before).cloned().collect();
        assert_eq!(fresh, listed, "{mode}");

        let before = in_lake(&world).await;
        let failed = world.run_config(Faulty::new(3_000, Fault::Denied, 1), &config).await;
        assert_eq!(failed.status, RunStatus::Failed);
        let settled = world.run_config(Faulty::sound(3_000), &config).await;
        assert_eq!(settled.status, RunStatus::Committed);
        let listed: BTreeSet<String> = settled.parts.iter().map(|part| part.name.clone()).collect();
        let fresh: BTreeSet<String> = in_lake(&world).await.difference(&before).cloned().collect();
        assert_eq!(fresh, listed, "{mode}");
    }
}
