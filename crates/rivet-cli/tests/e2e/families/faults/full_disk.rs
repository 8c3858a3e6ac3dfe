//! A disk without room, which takes root on Linux to be had: what `full_disk` in a name says.

use std::fs;

use rivet_testing::{Family, small_disk};

use super::{OURS, words};
use crate::faults::{assert_chunks, assert_reason};
use crate::support::{project_with, run};

/// Wide rows do not fit the disk of 16 MiB, narrow ones do.
fn a_part_that_does_not_fit_leaves_nothing(family: Family) {
    let database = words(family);
    let place = small_disk().join(database.name());
    let source = format!("type: mysql, url: {:?}, environment: local, tuning: {{ max_retries: 5 }}", database.url());
    let to = |query: &str, path: &str| {
        let keys = format!("name: rows, query: {query:?}, format: csv, compression: none");
        project_with(&source, &[&format!("{keys}, destination: {{ type: local, path: {path:?} }}")])
    };
    let path = place.display().to_string();
    let project = to("SELECT id, repeat(word, 30) AS word FROM words", &path);
    let outcome = run(&project);
    outcome.finished.assert_code(1);
    assert_reason(&outcome, "rivet::writer::full");
    assert!(outcome.report["errors"][0]["message"].to_string().contains(&path), "{}", outcome.report);
    assert_eq!(outcome.export(0)["retries"], 0);
    let left = fs::read_dir(&place).into_iter().flatten().flatten().count();
    assert_eq!(left, 0, "something is left in {path}");
    assert_eq!(database.query_value(&format!("SELECT count(*) {OURS}")), "0", "the server still works for us");

    let fits = to("SELECT id, word FROM words", "out");
    std::os::unix::fs::symlink(&place, fits.path("out")).expect("a test may write into its own folder");
    assert_chunks(&fits, &run(&fits));
    fs::remove_dir_all(&place).expect("a test may remove what it wrote");
}

rivet_testing::on_both_families!(a_part_that_does_not_fit_leaves_nothing);
