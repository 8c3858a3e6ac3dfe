//! A thread of Rivet's own panics: the run says so, and commits nothing that is not whole.

use super::{CHUNKED, assert_chunks, assert_reason, folder, keyed_database};
use crate::support::{Outcome, run, run_command, visible};

#[test]
fn a_thread_that_panics_ends_the_run_with_an_error() {
    let database = keyed_database();
    for (keys, place) in [
        ("table: rows", "part_staged=panic"),
        (CHUNKED, "part_staged=panic"),
        (CHUNKED, "part_staged=4*off->panic"),
        (CHUNKED, "chunk_written=3*off->panic"),
        (CHUNKED, "part_visible=3*off->panic"),
    ] {
        let project = folder(database.url(), &format!("{keys} "), "max_retries: 3, retry_backoff_ms: 10");
        let command = project.command(&["run", "--json"]).env("FAILPOINTS", place);
        let outcome: Outcome = run_command(command);
        outcome.finished.assert_code(1);
        assert_reason(&outcome, "rivet::core::panic");
        let manifests = visible(&project).into_iter().filter(|path| path.extension().is_some_and(|is| is == "json"));
        assert_eq!(manifests.count(), 0, "{keys}, {place}");
        // Whatever was left, the next run deals with.
        let outcome = run(&project);
        if keys == CHUNKED {
            assert_chunks(&project, &outcome);
        } else {
            outcome.finished.assert_code(0);
        }
    }
}
