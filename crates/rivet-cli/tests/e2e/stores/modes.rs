//! Every mode, and what decides where its files go.

use rivet_testing::{Protocol, TestDatabase};
use serde_json::Value;

use super::lake::Lake;
use super::rows::{Rows, lines_of};
use crate::ledger::{Multiset, Run};
use crate::support::{project, run_command};

rivet_testing::on_every_store!(
    full_in_files_of_a_size,
    a_large_part_arrives_in_pieces,
    chunked_by_two_workers,
    incremental_from_position_to_position,
    the_last_days,
    nothing_where_there_are_no_rows,
    every_run_has_a_place_of_its_own,
);

fn full_in_files_of_a_size(protocol: Protocol) {
    let (lake, source) = (Lake::create(protocol), Rows::create(40_000, 32));
    let keys = "table: rows, max_file_size: 1MiB, tuning: { batch_size: 5000 }";
    // The schema is part of the table's name where the configuration has it.
    let prefix = "raw/{table}/{export}";
    let exports = [
        lake.export(&format!("name: as_csv, format: csv, {keys}"), prefix),
        lake.export(&format!("name: as_parquet, format: parquet, compression: none, {keys}"), prefix),
        lake.export(&format!("name: as_gzip, format: csv, compression: gzip, {keys}"), prefix),
    ];
    let folder = project(&source.database, &exports.each_ref().map(String::as_str));
    let command = lake.command(&folder, &["run", "--json", "--parallel-exports", "2", "--validate"]);
    let outcome = run_command(command);
    outcome.finished.assert_code(0);
    for (at, (name, suffix)) in [("as_csv", "csv"), ("as_parquet", "parquet"), ("as_gzip", "csv.gz")].iter().enumerate()
    {
        assert_eq!(outcome.export(at)["validated"], true, "{}", outcome.report);
        lake.fetch(&folder, &format!("raw/rows/{name}"));
        let runs = crate::ledger::committed(&folder);
        assert_eq!((runs.len(), runs[0].rows), (1, 40_000), "{runs:?}");
        assert_eq!(folder.files("out", suffix), runs[0].parts);
        assert!(runs[0].parts.len() > 1 || *name == "as_gzip", "{runs:?}");
        if *name == "as_csv" {
            source.judge(&runs[0]);
        }
    }
    lake.assert_no_upload();
}

fn a_large_part_arrives_in_pieces(protocol: Protocol) {
    let (lake, source) = (Lake::behind_a_proxy(protocol), Rows::create(40_000, 500));
    // The bucket itself is the place.
    let folder = lake.project(&source.database, "name: rows, table: rows, format: csv, compression: none", "");
    lake.run_well(&folder);
    let runs = lake.audit(&folder, "");
    source.judge(&runs[0]);
    assert_eq!(runs[0].parts.len(), 1);
    let word = if protocol == Protocol::Azure { "comp=block&" } else { "partNumber=" };
    let pieces = lake.network().requests().iter().filter(|request| request.contains(word)).count();
    assert_eq!(pieces, 3, "20 MB in pieces of 8 MiB");
}

fn chunked_by_two_workers(protocol: Protocol) {
    let (lake, source) = (Lake::create(protocol), Rows::create(30_000, 32));
    let keys = "name: rows, table: rows, format: csv, mode: chunked, chunk_column: id, chunk_count: 6, parallel: 2";
    let folder = lake.project(&source.database, keys, "raw");
    let outcome = lake.run_well(&folder);
    assert_eq!(outcome.export(0)["chunks"], 6);
    let runs = lake.audit(&folder, "raw");
    source.judge(&runs[0]);
    assert_eq!(runs[0].parts.len(), 6);
    // A second run adds its own, and changes nothing of the first.
    lake.run_well(&folder);
    let both = lake.audit(&folder, "raw");
    assert_eq!(both[..1], runs[..]);
    source.judge(&both[1]);
}

fn incremental_from_position_to_position(protocol: Protocol) {
    let lake = Lake::create(protocol);
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE items (id int PRIMARY KEY, word text, at timestamptz); \
         CREATE INDEX ON items (at, id); \
         INSERT INTO items SELECT i, md5(i::text), now() - interval '1 day' FROM generate_series(1, 5000) i",
    );
    let keys = "name: items, table: items, select: [id, word], format: csv, skip_empty: true, mode: incremental, \
                cursor_column: at";
    let folder = lake.project(&database, keys, "raw");
    lake.run_well(&folder);
    database.execute("UPDATE items SET word = 'changed', at = now() - interval '1 hour' WHERE id % 10 = 0");
    lake.run_well(&folder);
    let changed = lines_of(&database, "SELECT id || ',' || word FROM items WHERE word = 'changed'");
    let judge = |runs: &[Run]| {
        assert_eq!(runs.iter().map(|run| run.rows).collect::<Vec<_>>(), [5_000, 500]);
        assert_eq!(Multiset::of_csv(&runs[1]), changed);
    };
    judge(&lake.audit(&folder, "raw"));
    // Nothing has come since: no file either.
    let outcome = lake.run_well(&folder);
    assert_eq!(outcome.export(0)["status"], "skipped");
    judge(&lake.audit(&folder, "raw"));
}

fn the_last_days(protocol: Protocol) {
    let lake = Lake::create(protocol);
    let database = TestDatabase::create();
    // Nothing lies near the beginning of the window: the test may run over midnight.
    database.execute(
        "CREATE TABLE events AS SELECT i AS id, md5(i::text) AS word, \
             now() - CASE i % 3 WHEN 0 THEN interval '40 days' ELSE interval '2 days' END AS at \
         FROM generate_series(1, 3000) i",
    );
    let keys = "name: events, table: events, select: [id, word], format: csv, mode: time_window, time_column: at, \
                days_window: 7";
    let folder = lake.project(&database, keys, "raw/{date}");
    let outcome = lake.run_well(&folder);
    let place = outcome.export(0)["destination"].as_str().expect("the report names the place").to_owned();
    let date = place.rsplit('/').next().expect("a place has parts").to_owned();
    let runs = lake.audit(&folder, &format!("raw/{date}"));
    let expected = lines_of(&database, "SELECT id || ',' || word FROM events WHERE id % 3 <> 0");
    assert_eq!(Multiset::of_csv(&runs[0]), expected, "{runs:?}");
}

fn nothing_where_there_are_no_rows(protocol: Protocol) {
    let lake = Lake::create(protocol);
    let database = TestDatabase::create();
    database.execute("CREATE TABLE nothing (id int PRIMARY KEY)");
    let keys = "name: nothing, table: nothing, format: csv";
    let folder = lake.project(&database, &format!("{keys}, skip_empty: true"), "raw");
    assert_eq!(lake.run_well(&folder).export(0)["status"], "skipped");
    lake.assert_empty();
    // What is not to be skipped says what its columns are.
    let folder = lake.project(&database, keys, "raw");
    assert_eq!(lake.run_well(&folder).export(0)["status"], "committed");
    let runs = lake.audit(&folder, "raw");
    assert_eq!((runs.len(), runs[0].rows), (1, 0));
}

fn every_run_has_a_place_of_its_own(protocol: Protocol) {
    let (lake, source) = (Lake::create(protocol), Rows::create(2_000, 32));
    lake.bucket.put("raw/theirs.csv", "1,one\n");
    let folder = lake.project(&source.database, "name: rows, table: rows, format: csv", "raw/run={run_id}");
    for _ in 0..2 {
        let outcome = lake.run_well(&folder);
        let run = outcome.export(0)["run_id"].as_str().map(ToOwned::to_owned);
        lake.fetch(&folder, &format!("raw/run={}", run.expect("the report names the run")));
        let runs = crate::ledger::committed(&folder);
        assert_eq!((runs.len(), Value::from(runs[0].id.as_str())), (1, outcome.export(0)["run_id"].clone()));
        source.judge(&runs[0]);
    }
    let objects = lake.bucket.objects();
    // Of each run a part, a manifest, the pointer and the mark.
    assert_eq!(objects.len(), 2 * 4 + 1, "{objects:?}");
    assert!(objects.contains_key("raw/theirs.csv"));
}
