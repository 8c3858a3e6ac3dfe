//! It dies at the narrow places.

use std::ops::RangeInclusive;

use rivet_testing::{Project, Protocol, TestDatabase};

use crate::ledger::{Multiset, Run};
use crate::stores::lake::Lake;
use crate::stores::rows::{Rows, lines_of};
use crate::support::{Outcome, run_command};

rivet_testing::on_every_store!(
    a_full_run_is_there_as_a_whole_or_not_at_all,
    an_upload_in_pieces_is_not_left_open,
    a_chunk_that_is_there_is_not_read_again,
    a_position_advances_with_its_run,
    what_nobody_claims_stays,
);

/// What a start that is left alone must find behind processes that died.
struct Left {
    /// Runs of the dead that count.
    counted: usize,
    /// Chunks that need not be read again.
    resumed: RangeInclusive<u64>,
    /// What is said of the last of the dead.
    news: &'static str,
}

/// Ends one process after the other, each at its own place, then starts one that is left alone. Returns what that one
/// did, and the runs that are committed then.
#[track_caller]
fn die_at(lake: &Lake, folder: &Project, prefix: &str, places: &[&str], left: &Left) -> (Outcome, Vec<Run>) {
    lake.fetch(folder, prefix);
    let before = crate::ledger::committed(folder).len();
    for place in places {
        let ended = lake.command(folder, &["run"]).env("FAILPOINTS", place).run();
        assert_eq!(ended.code(), None, "`{place}` was not reached: {}", ended.stderr);
    }
    let last = run_command(lake.command(folder, &["run", "--json", "--no-progress"]));
    last.finished.assert_code(0);
    let said = &last.finished.stderr;
    assert!(said.contains(left.news), "{places:?}: `{}` is missing in: {said}", left.news);
    let resumed = last.export(0)["chunks_resumed"].as_u64().expect("the report says it");
    assert!(left.resumed.contains(&resumed), "{places:?}: {resumed} chunks were not read again: {said}");
    let runs = lake.audit(folder, prefix);
    assert_eq!(runs.len() - before, left.counted + 1, "{places:?}: {said}");
    (last, runs)
}

fn a_full_run_is_there_as_a_whole_or_not_at_all(protocol: Protocol) {
    let (lake, source) = (Lake::create(protocol), Rows::create(40_000, 32));
    let keys = "name: rows, table: rows, format: csv, max_file_size: 1MiB, tuning: { batch_size: 5000 }";
    for (places, counted, news) in [
        (&["run_begun=return"][..], 0, "was cut off; it had left no file"),
        (&["part_staged=return"], 0, "was cut off; removed the 1 file that it had left"),
        // Both are removed at once: one of them may be left.
        (&["parts_published=return", "part_removed=return"], 0, "was cut off; "),
        (&["chunk_checkpointed=return", "run_discarded=return"], 0, "was cut off; it had left no file"),
        (&["manifest_created=return", "latest_replaced=return"], 1, "had ended well when its process died"),
        (&["manifest_committed=return"], 1, "had ended well when its process died"),
    ] {
        let prefix = lake.fresh_prefix();
        let folder = lake.project(&source.database, keys, &prefix);
        let (_, runs) = die_at(&lake, &folder, &prefix, places, &Left { counted, resumed: 0..=0, news });
        for run in &runs {
            assert!(run.parts.len() > 1, "the narrow places lie between several parts: {run:?}");
            source.judge(run);
        }
    }
}

/// Parts of 20 MB.
fn an_upload_in_pieces_is_not_left_open(protocol: Protocol) {
    let (lake, source) = (Lake::create(protocol), Rows::create(40_000, 500));
    let prefix = lake.fresh_prefix();
    let keys = "name: rows, table: rows, format: csv, compression: none";
    let folder = lake.project(&source.database, keys, &prefix);
    for (place, news) in [
        ("upload_begun=return", "was cut off; it had left no file"),
        ("pieces_sent=return", "was cut off; it had left no file"),
        ("part_staged=return", "was cut off; removed the 1 file that it had left"),
    ] {
        let left = Left { counted: 0, resumed: 0..=0, news };
        let (_, runs) = die_at(&lake, &folder, &prefix, &[place], &left);
        source.judge(runs.last().expect("a run is committed"));
    }
}

fn a_chunk_that_is_there_is_not_read_again(protocol: Protocol) {
    let (lake, source) = (Lake::create(protocol), Rows::create(12_000, 32));
    let keys = "name: rows, table: rows, format: csv, mode: chunked, chunk_column: id, chunk_count: 6, parallel: 2";
    for (places, counted, resumed) in [
        (&["part_staged=return"][..], 0, 0..=0),
        // The other worker is somewhere between two places.
        (&["chunk_checkpointed=2*off->return"], 0, 3..=4),
        (&["chunk_checkpointed=1*off->return", "chunk_written=2*off->return"], 0, 4..=6),
        (&["parts_published=return"], 0, 6..=6),
        (&["manifest_created=return"], 1, 0..=0),
    ] {
        let prefix = lake.fresh_prefix();
        let folder = lake.project(&source.database, keys, &prefix);
        let (_, runs) = die_at(&lake, &folder, &prefix, places, &Left { counted, resumed, news: "" });
        for run in &runs {
            source.judge(run);
        }
    }
}

fn a_position_advances_with_its_run(protocol: Protocol) {
    let lake = Lake::create(protocol);
    for (place, counted) in [
        ("part_staged=return", 0),
        ("parts_published=return", 0),
        ("manifest_created=return", 1),
        ("manifest_committed=return", 1),
    ] {
        let database = TestDatabase::create();
        database.execute(
            "CREATE TABLE items (id int PRIMARY KEY, version int NOT NULL, at timestamptz NOT NULL); \
             CREATE INDEX ON items (at, id); \
             INSERT INTO items SELECT i, 1, clock_timestamp() - interval '1 day' FROM generate_series(1, 3000) i",
        );
        let prefix = lake.fresh_prefix();
        let keys = "name: items, table: items, select: [id, version], format: csv, mode: incremental, \
                    cursor_column: at, cursor_lag: 0";
        let folder = lake.project(&database, keys, &prefix);
        // First without a position, then with one.
        let left = Left { counted, resumed: 0..=0, news: "" };
        die_at(&lake, &folder, &prefix, &[place], &left);
        database.execute(
            "INSERT INTO items SELECT i, 1, clock_timestamp() - interval '1 hour' FROM generate_series(3001, 3200) i; \
             UPDATE items SET version = 2, at = clock_timestamp() - interval '1 hour' WHERE id % 7 = 0 AND id <= 3000",
        );
        let (_, runs) = die_at(&lake, &folder, &prefix, &[place], &left);
        // Every version of every row is there once.
        let both = "SELECT id || ',' || version FROM items UNION ALL SELECT id || ',1' FROM items WHERE version = 2";
        let lines: Vec<String> = runs.iter().flat_map(crate::ledger::lines).collect();
        assert_eq!(Multiset::of(lines.iter().map(String::as_str)), lines_of(&database, both), "{place}: {runs:?}");
    }
}

fn what_nobody_claims_stays(protocol: Protocol) {
    let (lake, source) = (Lake::create(protocol), Rows::create(2_000, 32));
    let theirs = ["raw/rows-0.csv", "raw/rows-00000000-0000-7000-8000-000000000000-00000-000.csv", "raw/sub/rows.csv"];
    for name in theirs {
        lake.bucket.put(name, "1,one\n");
    }
    let folder = lake.project(&source.database, "name: rows, table: rows, format: csv", "raw");
    for place in ["parts_published=return", "manifest_created=return"] {
        let ended = lake.command(&folder, &["run"]).env("FAILPOINTS", place).run();
        assert_eq!(ended.code(), None, "`{place}` was not reached: {}", ended.stderr);
    }
    lake.run_well(&folder);
    let objects = lake.bucket.objects();
    assert!(theirs.iter().all(|name| objects.contains_key(*name)), "{objects:?}");
    // Two runs with a part and a manifest each; the pointer and the mark.
    assert_eq!(objects.len(), theirs.len() + 2 * 2 + 2, "{objects:?}");
    lake.assert_no_upload();
}
