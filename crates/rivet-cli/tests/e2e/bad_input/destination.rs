use insta::assert_snapshot;
use rivet_testing::TestDatabase;

use super::{refused, steady};
use crate::support::project;

/// An export of what does not exist: that the destination is wrong is found out before the source is asked.
fn to(path: &str) -> String {
    format!("name: orders, table: no_such_table, destination: {{ type: local, path: {path:?} }}")
}

#[test]
fn a_folder_below_a_file() {
    let database = TestDatabase::create();
    let project = project(&database, &[&to("notes.txt/orders")]);
    project.write("notes.txt", "mine");
    let folder = project.path("").display().to_string();
    assert_snapshot!(steady(&refused(&project, 1), &[(&folder, "FOLDER/")]), @"
    rivet::writer::not_a_folder

      × export `orders`: cannot create the folder `FOLDER/notes.txt/orders`: a part of this path is a file, not a folder
      ╰─▶ Not a directory (os error 20)
      help: Choose a folder as the destination's `path`, or move the file away.
    ");
    let notes = std::fs::read_to_string(project.path("notes.txt")).expect("it was written above");
    assert_eq!(notes, "mine");
}

#[test]
fn a_file_in_place_of_a_folder() {
    let database = TestDatabase::create();
    let project = project(&database, &[&to("notes.txt")]);
    project.write("notes.txt", "mine");
    let folder = project.path("").display().to_string();
    assert_snapshot!(steady(&refused(&project, 1), &[(&folder, "FOLDER/")]), @"
    rivet::writer::not_a_folder

      × export `orders`: cannot create the folder `FOLDER/notes.txt`: a part of this path is a file, not a folder
      ╰─▶ not a directory
      help: Choose a folder as the destination's `path`, or move the file away.
    ");
}

#[test]
fn a_folder_that_nobody_may_make() {
    let database = TestDatabase::create();
    // Even root makes no folders in there; why not, each system says in its own way.
    for path in ["/sys/kernel/rivet", "/proc/rivet"] {
        let error = refused(&project(&database, &[&to(path)]), 1);
        assert!(error.starts_with("rivet::writer::"), "{error}");
        assert!(error.contains(&format!("create the folder `{path}`")), "{error}");
        assert!(error.contains("choose another destination"), "{error}");
    }
}
