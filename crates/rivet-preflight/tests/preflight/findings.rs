//! Every finding, where it is given and where it is not.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use rivet_model::Scalar;
use rivet_preflight::{FindingCode, Severity, findings_table};
use rivet_source::AccessPath;

use crate::cases::{Case, cases, of_kind, spread};
use crate::support::{Scenario, access, server};

#[test]
fn each_finding_is_given_when_it_should_be_and_not_otherwise() {
    for Case { code, given, silent } in cases() {
        for (severity, scenario) in given {
            let found = scenario.finding(code).map(|finding| finding.severity);
            assert_eq!(found, Some(severity), "{code} {scenario:#?}");
        }
        for scenario in silent {
            assert_eq!(scenario.finding(code), None, "{code} {scenario:#?}");
        }
    }
}

#[test]
fn each_code_has_a_case() {
    let codes: Vec<_> = cases().into_iter().map(|case| case.code).collect();
    assert_eq!(codes.len(), FindingCode::ALL.len());
    for code in FindingCode::ALL {
        assert!(codes.contains(code), "{code}");
    }
}

#[test]
fn a_calm_run_has_no_finding() {
    for scenario in Scenario::all() {
        assert_eq!(scenario.report().findings, []);
    }
}

#[test]
fn two_thousand_rows_over_fifty_million_keys_are_sparse_and_not_huge() {
    let report = spread(2_000, 50_000_000).report();
    assert_eq!(report.sparse_range, Some(true));
    assert_eq!(report.estimated_rows, Some(2_000));
    let all_keys = spread(2_000, i64::MAX).with(|it| it.key().lowest = Some(Scalar::Int(i64::MIN)));
    assert_eq!(all_keys.report().sparse_range, Some(true));
    let unsigned = spread(2_000, 1).with(|it| it.key().highest = Some(Scalar::Uint(u64::MAX)));
    assert_eq!(unsigned.report().sparse_range, Some(true));
    // Bounds that have changed places since they were written down.
    let upside_down = spread(2_000, -5);
    assert_eq!(upside_down.report().sparse_range, Some(false));
    assert_eq!(Scenario::full().report().sparse_range, None);
}

#[test]
fn the_gravest_come_first() {
    let bad = Scenario::chunked().unindexed().with(|it| {
        it.request.server = Some(server(true, false));
        it.server().replica_lag = Some(Duration::from_mins(5));
        it.catalog().analyzed_at = Some(Timestamp::UNIX_EPOCH);
    });
    let severities: Vec<_> = bad.report().findings.iter().map(|finding| finding.severity).collect();
    assert!(severities.is_sorted_by(|a, b| a >= b), "{severities:?}");
    assert!(severities.contains(&Severity::Critical) && severities.contains(&Severity::Info));
}

#[test]
fn messages_and_help_are_in_the_form_of_the_house() {
    for Case { code, given, .. } in cases() {
        for (_, scenario) in given {
            let finding = scenario.finding(code).unwrap();
            assert!(!finding.message.ends_with('.') && !finding.message.contains("  "), "{}", finding.message);
            let first = finding.message.chars().next().unwrap();
            let is_product = finding.message.starts_with("PostgreSQL");
            assert!(!first.is_uppercase() || is_product, "{}", finding.message);
            assert!(finding.help.ends_with('.') && !finding.help.contains("  "), "{}", finding.help);
            assert!(finding.help.chars().next().unwrap().is_uppercase(), "{}", finding.help);
        }
    }
}

#[test]
fn findings_read_well() {
    let mut page = String::new();
    for Case { code, given, .. } in cases() {
        for (severity, scenario) in given {
            let finding = scenario.finding(code).unwrap();
            let text = format!("{severity} {code}\n  {}\n  {}\n", finding.message, finding.help);
            if !page.ends_with(&text) {
                page.write_str(&text).unwrap();
            }
        }
    }
    insta::assert_snapshot!(page, @"
    warning rivet::preflight::explain_failed
      the planner could not be asked about the statement, so that nobody knows how it reads: the script refuses it (rivet::source::statement_timeout)
      Plan again when the server is less busy: the question itself is cheap.
    warning rivet::preflight::statistics_failed
      the catalog could not be asked about rows, indexes and columns of the relation: the script refuses it (rivet::source::statement_timeout)
      Plan again when the server is less busy: the question itself is cheap.
    info rivet::preflight::vitals_failed
      the server could not be asked how it is doing: the script refuses it (rivet::source::statement_timeout)
      Plan again when the server is less busy: the question itself is cheap.
    critical rivet::preflight::no_usable_index
      no index finds rows by `id`: each of 4 chunks reads the whole relation, about 200.0 k rows
      Create an index that begins with `id`, or remove `chunk_column`, so that the table's own key is used.
    critical rivet::preflight::no_usable_index
      no index finds rows by `id`: for the last 7 days a run reads the whole relation, about 50.0 M rows
      Create an index that begins with `id`, or use `mode: full`, which reads everything on purpose.
    warning rivet::preflight::no_usable_index
      no index finds rows by `id`: each run reads the whole relation, about 200.0 k rows
      Create an index that begins with `id`, or use `mode: full`, which reads everything on purpose.
    critical rivet::preflight::scan_per_chunk
      about 800.0 k rows are read to export about 200.0 k rows: each of 4 chunks reads all
      Use fewer chunks, a `chunk_column` that an index begins with and whose order is the order on disk, or `mode: full`.
    critical rivet::preflight::scan_per_chunk
      about 8.0 M rows are read to export about 2.0 M rows: each of 4 chunks reads all
      Use fewer chunks, a `chunk_column` that an index begins with and whose order is the order on disk, or `mode: full`.
    warning rivet::preflight::scan_per_chunk
      about 800.0 k rows are read to export about 200.0 k rows: each of 4 chunks reads all
      Use fewer chunks, a `chunk_column` that an index begins with and whose order is the order on disk, or `mode: full`.
    critical rivet::preflight::index_not_used
      the index `id_index` begins with `id`, but the planner reads all of about 2.0 M rows
      Analyze the table, and compare the size of a chunk with that of the table.
    warning rivet::preflight::index_not_used
      the index `id_index` begins with `id`, but the planner reads all of about 200.0 k rows
      Write the query so that a condition on this column reaches its table: without aggregates, `DISTINCT` or `LIMIT` around it.
    info rivet::preflight::index_not_used
      the index `id_index` begins with `id`, but the planner reads all of about 200.0 k rows
      Leave it so: for few rows, or for most of them, a scan is the cheaper way.
    warning rivet::preflight::sorts_result
      the source sorts about 200.0 k rows before the first of them comes
      Remove `ORDER BY` from the query, or create an index in its order.
    warning rivet::preflight::sparse_range
      about 2.0 k rows are spread over 50.0 M values of `id`: of 500 windows of 100.0 k values, most would be empty
      Go by its rows, not by its span: chunks are cut where rows are, and where these are few, `mode: full` does.
    warning rivet::preflight::sparse_range
      about 100.0 k rows are spread over 1.0 M values of `id`: of 11 windows of 100.0 k values, most would be empty
      Go by its rows, not by its span: chunks are cut where rows are, and where these are few, `mode: full` does.
    info rivet::preflight::weak_cursor
      the cursor `id` is `weak_multi_candidate`: rows can share a value, and nothing tells them apart
      Follow a column that an index begins with and that is never NULL, and name a unique `cursor_tiebreak`.
    info rivet::preflight::weak_cursor
      the cursor `id` is `none`: no index finds rows by it; it may be NULL
      Follow a column that an index begins with and that is never NULL, and name a unique `cursor_tiebreak`.
    warning rivet::preflight::null_key
      `id` is NULL in less than 0.1 % of the rows, which no range of it finds
      Fill the column, or let another stand in with `incremental_cursor_mode: coalesce`, or say with `cursor_nulls` what becomes of these rows.
    warning rivet::preflight::null_key
      `id` is NULL in 25.0 % of the rows, which no range of it finds
      Fill the column, or let another stand in with `incremental_cursor_mode: coalesce`, or say with `cursor_nulls` what becomes of these rows.
    info rivet::preflight::null_key
      `id` is NULL in 25.0 % of the rows, which are read by themselves
      Fill the column, where these rows should be found by it as well.
    info rivet::preflight::null_key
      `id` may be NULL, and nobody knows in how many rows
      Declare it NOT NULL where it never is, and analyze the table.
    warning rivet::preflight::key_not_unique
      several rows can have one value of `id`: one that appears after its value was read is missed
      Name unique columns as `cursor_tiebreak`.
    info rivet::preflight::key_not_unique
      several rows can have one value of `id`: no chunk ends between them
      Cut by a unique key, where chunks of one size matter.
    info rivet::preflight::bounds_not_observed
      the smallest and the largest value of `id` are not known
      Analyze the table, or create an index that begins with this column.
    warning rivet::preflight::weak_correlation
      `id` follows the order on disk little (correlation -0.50): about 1.0 M rows are fetched from all over the table
      Cut by a column that grows as rows are added, or use `mode: full`, which reads in the order on disk.
    warning rivet::preflight::weak_correlation
      `id` follows the order on disk little (correlation -0.50): about 1.0 M rows are fetched from all over the table
      Run it more often, so that each run reads less, or keep the table in the order of this column.
    warning rivet::preflight::statistics_missing
      the source has no statistics of the relation: its estimates are guesses
      Analyze the table, then plan again.
    info rivet::preflight::statistics_missing
      the source keeps no statistics of the relation itself
      Analyze the tables underneath: the estimates are as good as their statistics.
    warning rivet::preflight::statistics_stale
      20.0 k rows were changed since the last analysis, of 200.0 k
      Analyze the table, then plan again.
    warning rivet::preflight::statistics_stale
      the relation was never analyzed: nothing is known of the values in it
      Analyze the table, then plan again.
    info rivet::preflight::view
      the relation is a view: what it costs is up to the tables underneath
      Read the tables themselves where the view does more than rename them.
    info rivet::preflight::materialized_view
      the relation is a materialized view: it shows its last refresh
      Refresh it before the run.
    info rivet::preflight::partitioned_table
      the relation is a partitioned table
      Export single partitions, where only some of them change.
    info rivet::preflight::foreign_table
      the relation is a foreign table: another server reads it, and what that costs can't be seen from here
      Export it from the server that stores it.
    info rivet::preflight::unlogged_table
      the relation is an unlogged table: it is empty after a crash of the server, and no replica has it
      Read it from the primary, and set `quality.row_count_min`, so that an empty one is noticed.
    info rivet::preflight::large_result
      about 1.0 GiB will be read, about 2.0 k rows
      Leave out columns that nobody needs with `exclude`, and choose a quiet hour.
    info rivet::preflight::could_be_chunked
      about 10.0 M rows are read in one piece: after a failure it begins again
      Use `mode: chunked`, which goes on where it stopped and can read with several connections.
    info rivet::preflight::large_read_on_primary
      a primary is to send about 50.0 M rows, 4.7 GiB
      Read from a replica, where there is one.
    info rivet::preflight::large_read_on_primary
      a primary is to send about 102.4 k rows, 50.0 GiB
      Read from a replica, where there is one.
    info rivet::preflight::replica
      PostgreSQL 16.2 is a replica
      Keep statements short: a replica may cancel one that is in the way of what its primary sends.
    info rivet::preflight::replica
      PostgreSQL 16.2 is a replica, 5 s behind its primary
      Keep statements short: a replica may cancel one that is in the way of what its primary sends.
    warning rivet::preflight::replica_lag
      the replica is 1 min behind its primary: what was written since is missing
      Wait until the replica has caught up, or read from another one.
    info rivet::preflight::pooler
      a connection pooler stands in front of the server, and its own limits hold as well
      Read from the server itself, where long statements or many connections get into trouble.
    warning rivet::preflight::long_transaction
      a transaction has been open on the server for 1 h
      End it where it was forgotten: it keeps old versions of rows, through which every scan has to go.
    warning rivet::preflight::long_transaction
      a transaction has been open on the server for 2 d 7 h
      End it where it was forgotten, or set `cursor_lag` above its age: what it has written and not yet committed is missed.
    warning rivet::preflight::long_history
      the server keeps the old versions of rows that 1.0 M transactions changed
      End transactions that were forgotten, and choose a quieter hour: a scan has to go through old versions, and one that lasts makes more of them stay.
    critical rivet::preflight::connection_headroom
      9 connections will read, and the server has 8 left of 100
      Set `parallel: 1`, or choose a quieter hour.
    critical rivet::preflight::connection_headroom
      1 connection will read, and the server has 0 left of 100
      Choose a quieter hour, or let the server allow more connections.
    warning rivet::preflight::connection_headroom
      1 connection will read, and the server has 10 left of 100
      Choose a quieter hour, or let the server allow more connections.
    info rivet::preflight::profile_above_advice
      `fast` is asked for, `balanced` is advised: it reads about 200.0 k rows from a server that others may need
      Set `tuning.profile: balanced`.
    info rivet::preflight::parallelism_above_advice
      2 connections are asked for, 1 advised: about 200.0 k rows keep so many busy
      Set `parallel: 1`.
    ");
}

#[test]
fn the_plan_of_a_partitioned_table_counts_its_partitions() {
    let partitioned = of_kind("partitioned table")
        .with(|it| it.plan().accesses = vec![access(AccessPath::SequentialScan, false); 12]);
    let finding = partitioned.finding(FindingCode::PartitionedTable).unwrap();
    assert_eq!(finding.message, "the relation is a partitioned table: the statement reads 12 of its partitions");
}

#[test]
fn the_table_reads_well() {
    insta::assert_snapshot!(findings_table(), @"
    | finding | when |
    |---|---|
    | `rivet::preflight::explain_failed` | the planner could not be asked about the statement of the run |
    | `rivet::preflight::statistics_failed` | the catalog could not be asked about the relation |
    | `rivet::preflight::vitals_failed` | the server could not be asked how it is doing |
    | `rivet::preflight::no_usable_index` | no index finds the rows that an incremental, a chunked or a time-window export wants: critical where that is unsafe, else a warning |
    | `rivet::preflight::scan_per_chunk` | each of 2 chunks or more reads the whole relation, with or without an index that could serve, unless it has one and up to 100 k rows: critical where that is unsafe, else a warning |
    | `rivet::preflight::index_not_used` | there is an index on the key, and the plan does not enter it: for information where a scan is as good |
    | `rivet::preflight::sorts_result` | the plan sorts the whole result before its first row comes |
    | `rivet::preflight::sparse_range` | the integer key of a chunked export has less than 0.1 rows for each value of its span, which makes more than 10 windows of the width of a chunk |
    | `rivet::preflight::weak_cursor` | an incremental export whose cursor is not `strong_monotonic` |
    | `rivet::preflight::null_key` | statistics saw NULLs in the key: a warning where rows without a key would be missed, for information where a fallback or a chunk of their own takes them, or where statistics are silent on a column that allows them |
    | `rivet::preflight::key_not_unique` | no index says that the key tells all rows apart: a warning for an incremental export, for information for a chunked one |
    | `rivet::preflight::bounds_not_observed` | an incremental or chunked export whose key's smallest and largest value are in no index and no statistics |
    | `rivet::preflight::weak_correlation` | 1 M rows or more are read by an index, and the order of its column has little to do with the order on disk (a correlation between -0.5 and 0.5) |
    | `rivet::preflight::statistics_missing` | the source answers, and has no number of rows and no analysis: a warning for what it stores, for information for a view, a foreign table or a query |
    | `rivet::preflight::statistics_stale` | the relation was never analyzed though a number of rows is known, or since then more rows were changed than a tenth of them and 1,000 |
    | `rivet::preflight::large_result` | 1 GiB or more will be read |
    | `rivet::preflight::could_be_chunked` | a full export of 10 M rows or more of a relation that has a unique key |
    | `rivet::preflight::view` | the relation is a view |
    | `rivet::preflight::materialized_view` | the relation is a materialized view |
    | `rivet::preflight::partitioned_table` | the relation is a partitioned table |
    | `rivet::preflight::foreign_table` | the relation is a foreign table |
    | `rivet::preflight::unlogged_table` | the relation is an unlogged table |
    | `rivet::preflight::replica` | the server is a replica |
    | `rivet::preflight::replica_lag` | a replica is a minute or more behind its primary |
    | `rivet::preflight::large_read_on_primary` | 50 M rows or 50 GiB and more will be read, and the server is no replica |
    | `rivet::preflight::pooler` | a connection pooler stands in front of the server |
    | `rivet::preflight::long_transaction` | a transaction on the server has been open for an hour or more |
    | `rivet::preflight::long_history` | the server keeps old versions of rows for 1 M transactions or more (the history list of InnoDB) |
    | `rivet::preflight::connection_headroom` | more connections are asked for than the server has left (critical), or less than a tenth of all would be left (a warning) |
    | `rivet::preflight::profile_above_advice` | the configuration asks for a bolder profile than is advised |
    | `rivet::preflight::parallelism_above_advice` | the configuration asks for more connections than are advised |
    ");
}
