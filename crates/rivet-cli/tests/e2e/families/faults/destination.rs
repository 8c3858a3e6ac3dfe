//! Mistakes that are found before the server is asked, and places where nothing can be written.

use rivet_testing::{Family, FaultProxy};

use super::{refused, words};
use crate::families::support::project_at;

const OUT: &str = "destination: { type: local, path: out }";

fn mistakes_in_a_configuration_are_found_before_the_server_is_asked(family: Family) {
    let database = words(family);
    let proxy = FaultProxy::start(database.url());
    let check = |exports: &[&str], reason: &str, texts: &[&str]| {
        refused(&project_at(&proxy.url(database.url()), exports), 2, reason, texts);
    };
    let right = format!("name: rows, table: words, {OUT}");
    check(&[&right.replace("table", "tabel")], "rivet::config::unknown_key", &["`tabel`", "Did you mean `table`?"]);
    check(&[&right, &right], "rivet::config::duplicate_name", &["two exports are named `rows`"]);
    check(&[&right.replace("words", "'${NOT_SET_ANYWHERE}'")], "rivet::config::unset_variable", &["NOT_SET_ANYWHERE"]);
    check(&[&right.replace("path: out", "path: ''")], "rivet::config::invalid_value", &["`path` is empty"]);
    assert_eq!(proxy.connections(), 0);
}

fn a_place_where_nothing_can_be_written(family: Family) {
    let database = words(family);
    let to = |path: &str| {
        let export = format!("name: rows, table: words, destination: {{ type: local, path: {path:?} }}");
        let project = project_at(database.url(), &[&export]);
        project.write("notes.txt", "mine");
        project
    };
    for path in ["notes.txt", "notes.txt/rows"] {
        let project = to(path);
        refused(&project, 1, "rivet::writer::not_a_folder", &["notes.txt", "Choose a folder"]);
        assert_eq!(crate::support::read_text(&project.path("notes.txt")), "mine");
    }
    // Even root makes no folder in there.
    let finished = to("/proc/rivet").command(&["run"]).run();
    finished.assert_code(1);
    assert!(
        finished.stderr.contains("rivet::writer::") && finished.stderr.contains("/proc/rivet"),
        "{}",
        finished.stderr
    );
}

rivet_testing::on_both_families!(
    mistakes_in_a_configuration_are_found_before_the_server_is_asked,
    a_place_where_nothing_can_be_written,
);
