use std::ops::RangeInclusive;

use rivet_testing::Project;

use crate::ledger::{Ledger, Run};
use crate::support::{Outcome, run_command};

/// What a start that is left alone must find behind processes that died.
#[derive(Debug)]
pub(crate) struct Left {
    /// Runs of the dead that count.
    pub(crate) counted: usize,
    /// Chunks that need not be read again.
    pub(crate) resumed: RangeInclusive<u64>,
    /// What is said of the last of the dead.
    pub(crate) news: &'static str,
}

/// Ends one process after the other, each at its own place, then starts one that is left alone, with these arguments
/// each. Returns what that one did, and the runs that are committed then.
#[track_caller]
pub(crate) fn die_at(folder: &Project, arguments: &[&str], places: &[&str], left: &Left) -> (Outcome, Vec<Run>) {
    let before = crate::ledger::committed(folder).len();
    for place in places {
        let ended = folder.command(arguments).env("FAILPOINTS", place).run();
        assert_eq!(ended.code(), None, "`{place}` was not reached: {}", ended.stderr);
    }
    let last = run_command(folder.command(arguments).args(&["--json", "--no-progress"]));
    last.finished.assert_code(0);
    let said = &last.finished.stderr;
    assert!(said.contains(left.news), "{places:?}: `{}` is missing in: {said}", left.news);
    let resumed = last.export(0)["chunks_resumed"].as_u64().expect("the report says it");
    assert!(left.resumed.contains(&resumed), "{places:?}: {resumed} chunks were not read again, not {left:?}: {said}");
    let runs = Ledger::default().audit(folder);
    assert_eq!(runs.len() - before, left.counted + 1, "{places:?}: {said}");
    (last, runs)
}
