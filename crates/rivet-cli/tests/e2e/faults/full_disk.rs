//! Disks that are full or read-only. These tests mount, which needs root on Linux: what `full_disk` in a name says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rivet_model::RunStatus;
use rivet_testing::{FaultProxy, Project, TestDatabase, small_disk};
use tempfile::TempDir;

use super::state::assert_untouched;
use super::{assert_ids, assert_reason, database, folder, keyed_database};
use crate::ledger::{committed, recorded_parts, statuses};
use crate::support::{Outcome, project_with, run};

/// A disk in memory, unmounted when dropped.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn mount(options: &str) -> Self {
        let folder = TempDir::with_prefix("rivet-disk-").expect("the system's temporary folder can be written");
        mount(&["-t", "tmpfs", "-o", options, "tmpfs"], folder.path());
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}

#[track_caller]
fn mount(arguments: &[&str], at: &Path) {
    let output = Command::new("mount").args(arguments).arg(at).output().expect("Linux has `mount`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A folder with an export of a query as plain CSV to a place.
fn csv_to(url: &str, query: &str, place: &Path) -> Project {
    let source = format!("type: postgres, url: {url:?}, environment: local, tuning: {{ max_retries: 5 }}");
    let export = format!("name: rows, query: {query:?}, format: csv, compression: none");
    project_with(
        &source,
        &[&format!("{export}, destination: {{ type: local, path: {:?} }}", place.display().to_string())],
    )
}

fn numbers(count: u32) -> String {
    format!("SELECT i AS id, md5(i::text) AS word FROM generate_series(1, {count}) i")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Fails the test unless a run ended since this place had no room, was tried once, and left nothing there.
#[track_caller]
fn assert_full(project: &Project, outcome: &Outcome, place: &Path, what: &str) {
    outcome.finished.assert_code(1);
    assert_reason(outcome, "rivet::writer::full");
    let message = outcome.report["errors"][0]["message"].to_string();
    assert!(message.contains(&place.display().to_string()) && message.contains(what), "{message}");
    assert_eq!(outcome.export(0)["retries"], 0);
    assert_eq!(files_below(place), Vec::<PathBuf>::new(), "{message}");
    assert_eq!(statuses(project)["rows"].values().last(), Some(&RunStatus::Failed));
}

#[test]
fn a_part_that_does_not_fit_leaves_nothing() {
    let database = TestDatabase::create();
    let place = small_disk().join("part");
    let project = csv_to(database.url(), &numbers(1_000_000), &place);
    assert_full(&project, &run(&project), &place, ".csv");

    // The room is there again.
    let fits = csv_to(database.url(), &numbers(100_000), &place);
    run(&fits).finished.assert_code(0);
    fs::remove_dir_all(&place).expect("a test may remove what it wrote");
}

#[test]
fn a_manifest_that_does_not_fit_leaves_nothing() {
    let database = TestDatabase::create();
    let disk = Disk::mount("size=4m");
    let place = disk.path().join("out");
    let project = csv_to(database.url(), &numbers(20_000), &place);
    run(&project).finished.assert_code(0);
    let pages = |path: &PathBuf| fs::metadata(path).expect("it was listed a moment ago").len().div_ceil(4096);
    let part = files_below(&place)
        .iter()
        .filter(|path| path.extension().is_some_and(|is| is == "csv"))
        .map(pages)
        .sum::<u64>();
    fs::remove_dir_all(&place).expect("a test may remove what it wrote");
    // Room for the same part again, and for nothing else.
    let ballast = usize::try_from(4 * 1024 * 1024 - part * 4096).expect("a small number");
    fs::write(disk.path().join("ballast"), vec![0; ballast]).expect("the disk has room");
    assert_full(&project, &run(&project), &place, "_rivet/rows/");
}

/// The rows take 4 MB: a disk of 3 MB takes some of the ten chunks.
#[test]
fn chunks_that_fit_are_kept_until_there_is_room_for_the_rest() {
    let (database, disk) = (keyed_database(), Disk::mount("size=3m"));
    let project = folder(database.url(), super::CHUNKED, "max_retries: 5");
    let link = project.path("out");
    std::os::unix::fs::symlink(disk.path(), &link).expect("a test may write into its own folder");
    let check = |kept: &mut usize| {
        let outcome = run(&project);
        outcome.finished.assert_code(1);
        assert_reason(&outcome, "rivet::writer::full");
        assert_eq!(outcome.export(0)["retries"], 0);
        let now = recorded_parts(&project).len();
        assert!(now >= *kept && (2..10).contains(&now), "{now} chunks are kept of {kept}");
        *kept = now;
        let seen = files_below(disk.path()).into_iter().filter(|path| path.extension().is_some_and(|is| is == "csv"));
        assert_eq!(seen.count(), 0, "a part of a run is visible");
    };
    let mut kept = 0;
    check(&mut kept);
    // What has no room yet is tried again, and what was kept stays.
    check(&mut kept);
    mount(&["-o", "remount,size=16m"], disk.path());
    let outcome = run(&project);
    outcome.finished.assert_code(0);
    assert_eq!(outcome.export(0)["chunks_resumed"], kept);
    let runs = committed(&project);
    assert_eq!(runs.len(), 1);
    assert_ids(&runs[0], 100_000);
    assert_eq!(statuses(&project)["rows"].values().copied().collect::<Vec<_>>(), [RunStatus::Committed]);
}

#[test]
fn a_disk_without_any_room_is_seen_before_the_rows_are_read() {
    let (database, disk) = (database(), Disk::mount("size=64k"));
    drop(fs::write(disk.path().join("ballast"), vec![0; 64 * 1024]));
    let project = csv_to(database.url(), "SELECT * FROM nowhere", &disk.path().join("out"));
    let outcome = run(&project);
    outcome.finished.assert_code(1);
    assert_reason(&outcome, "rivet::writer::full");
}

#[test]
fn a_disk_that_is_read_only_is_no_destination() {
    let (database, disk) = (database(), Disk::mount("ro,size=64k"));
    let project = csv_to(database.url(), "SELECT * FROM nowhere", disk.path());
    let outcome = run(&project);
    outcome.finished.assert_code(1);
    assert_reason(&outcome, "rivet::writer::read_only");
}

#[test]
fn a_state_file_that_is_read_only_stops_the_run_before_the_source_is_touched() {
    let (database, disk) = (database(), Disk::mount("size=1m"));
    let proxy = FaultProxy::start(database.url());
    // First a store that has been made but may not be written, then a folder in which none can be made.
    let project = folder(&proxy.url(database.url()), "table: rows", "");
    let state = disk.path().join("state.redb");
    let command = || project.command(&["run"]).env("RIVET_STATE__PATH", &state.display().to_string());
    drop(rivet_history::RedbStore::open(&state).expect("the disk has room"));
    mount(&["-o", "remount,ro"], disk.path());
    assert_untouched(&project, &proxy, command(), "rivet::history::not_writable");
    mount(&["-o", "remount,rw"], disk.path());
    fs::remove_file(&state).expect("a test may remove what it wrote");
    mount(&["-o", "remount,ro"], disk.path());
    assert_untouched(&project, &proxy, command(), "rivet::history::not_writable");
}
