//! Splits: what they say, and what they refuse.

use rivet_model::{KeyBound, RowRange, Scalar};
use rivet_source::{KeyRequest, ScanLimits, ScanSpec, Source, SourceErrorKind, Split, SplitBy, SplitRequest, Tiebreak};
use rivet_testing::Family;

use crate::harness::{NUMBERS, Server, key, keyed, query, request, run, split, table, tiled};

fn lowers(split: &Split) -> Vec<Option<Scalar>> {
    let lower = |range: &RowRange| match range {
        RowRange::Key { lower, .. } => lower.as_ref().map(|bound| bound.values[0].clone()),
        RowRange::All | RowRange::NullKey | RowRange::Pages { .. } => None,
    };
    split.pieces.iter().map(|piece| lower(&piece.range)).collect()
}

async fn refused(source: &dyn Source, spec: &ScanSpec, by: SplitBy) -> String {
    let request = SplitRequest { by, within: RowRange::All };
    let error = source.split(spec, &request, &ScanLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Config, "{error}");
    format!("{error}: {}", error.help_text().unwrap_or_default())
}

fn days_are_whole_and_begin_with_the_first_row(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE seen (id bigint PRIMARY KEY, day date, at datetime, tz timestamp NULL, KEY (tz));
                 INSERT INTO seen SELECT n, '2026-01-30' + INTERVAL n DIV 10 DAY, '2026-01-30 18:00' + INTERVAL n * 3 HOUR,
                     '2026-01-31 00:30' + INTERVAL n * 3 HOUR FROM k WHERE n < 100;
                 INSERT INTO seen VALUES (100, NULL, NULL, NULL);
                 SET sql_mode = ''; INSERT INTO seen VALUES (101, '0000-00-00', '0000-00-00', NULL)"
            ),
        )
        .await;
        let source = server.source();
        let check = async |column: &str, days: u32, expected: &[&str]| {
            let spec = keyed(source.as_ref(), table("seen"), key(&[column], Tiebreak::OwnKey)).await;
            let found = split(source.as_ref(), &spec, SplitBy::Days(days), RowRange::All).await;
            let cuts: Vec<_> = lowers(&found).into_iter().flatten().map(|value| value.to_string()).collect();
            assert_eq!(cuts, expected, "{column}");
            assert_eq!(found.pieces.len(), cuts.len() + 2, "the first one and the one of NULLs");
            tiled(&server, &spec, &found).await;
        };
        check("day", 4, &["2026-02-03", "2026-02-07"]).await;
        check("at", 5, &["2026-02-04 00:00:00", "2026-02-09 00:00:00"]).await;
        check("tz", 5, &["2026-02-05 00:00:00+00", "2026-02-10 00:00:00+00"]).await;
        check("tz", 60, &[]).await;

        let spec = keyed(source.as_ref(), table("seen"), key(&["at"], Tiebreak::None)).await;
        let bound = |text: &str| KeyBound::including(vec![Scalar::Timestamp(text.to_owned())]);
        let lower = Some(bound("2026-02-01 06:00:00"));
        let within = RowRange::Key { lower: lower.clone(), upper: Some(bound("2026-02-03 06:00:00")) };
        let found = split(source.as_ref(), &spec, SplitBy::Days(1), within).await;
        assert_eq!(
            lowers(&found)[1..],
            ["2026-02-02 00:00:00", "2026-02-03 00:00:00"].map(|text| Some(Scalar::Timestamp(text.to_owned())))
        );
        assert!(matches!(&found.pieces[0].range, RowRange::Key { lower: first, .. } if *first == lower));

        let spec = keyed(source.as_ref(), table("seen"), KeyRequest::default()).await;
        let said = refused(source.as_ref(), &spec, SplitBy::Days(1)).await;
        assert!(said.starts_with("column `id` is bigint") && said.contains("which has no days"), "{said}");
        assert!(said.contains("chunk_column"), "{said}");
    });
}

fn a_column_that_stands_in_has_days_too(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE t (id bigint PRIMARY KEY, upd datetime, made datetime);
                 INSERT INTO t SELECT n, IF(n % 2 = 0, '2026-03-01' + INTERVAL n HOUR, NULL), '2026-02-27' + INTERVAL n HOUR
                     FROM k WHERE n BETWEEN 1 AND 100; INSERT INTO t (id) VALUES (101)"
            ),
        )
        .await;
        let source = server.source();
        let request = KeyRequest { fallback: Some("made".parse().unwrap()), ..key(&["upd"], Tiebreak::OwnKey) };
        let spec = keyed(source.as_ref(), table("t"), request).await;
        for by in [SplitBy::Days(2), SplitBy::Count(4), SplitBy::Rows { rows: 30, exact: true }] {
            let found = split(source.as_ref(), &spec, by, RowRange::All).await;
            assert!(found.pieces.len() > 3, "{by:?}");
            let rows = tiled(&server, &spec, &found).await;
            assert_eq!(rows.last().unwrap(), &[101], "the row without either");
        }
    });
}

fn a_split_of_too_many_pieces_is_refused(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE few (id bigint PRIMARY KEY, day date);
                 INSERT INTO few SELECT a.n * 1000 + b.n, '2026-01-01' - INTERVAL (a.n * 1000 + b.n) * 4 DAY
                     FROM k a, k b WHERE a.n < 120; ANALYZE TABLE few"
            ),
        )
        .await;
        let source = server.source();
        let spec = keyed(source.as_ref(), table("few"), KeyRequest::default()).await;
        let said = refused(source.as_ref(), &spec, SplitBy::Rows { rows: 1, exact: true }).await;
        assert!(said.contains("100000 are the most") && said.contains("Raise `chunk_size`"), "{said}");
        let days = keyed(source.as_ref(), table("few"), key(&["day"], Tiebreak::None)).await;
        let said = refused(source.as_ref(), &days, SplitBy::Days(2)).await;
        assert!(said.contains("`chunk_by_days`"), "{said}");
        for by in [SplitBy::Rows { rows: 0, exact: false }, SplitBy::Count(0), SplitBy::Days(0), SplitBy::Bytes(0)] {
            refused(source.as_ref(), &spec, by).await;
        }
        let found = split(source.as_ref(), &spec, SplitBy::Rows { rows: 2, exact: true }, RowRange::All).await;
        assert_eq!(found.pieces.len(), 60_000);
    });
}

fn rows_without_a_key_are_not_cut(family: Family) {
    run(async {
        let server =
            Server::with(family, "CREATE TABLE bare (id bigint, pad text); CREATE VIEW seen AS SELECT * FROM bare")
                .await;
        let source = server.source();
        for relation in [table("bare"), table("seen"), query("SELECT * FROM bare")] {
            let spec = source.describe(&request(relation)).await.unwrap().spec;
            let said = refused(source.as_ref(), &spec, SplitBy::Count(3)).await;
            assert!(said.contains("has no key to cut it by") && said.contains("`chunk_by_key`"), "{said}");
        }
    });
}

fn bytes_are_those_of_the_columns_that_are_read(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE t (id bigint PRIMARY KEY, pad text);
                 INSERT INTO t SELECT a.n * 1000 + b.n, REPEAT('x', 100) FROM k a, k b WHERE a.n < 10; ANALYZE TABLE t"
            ),
        )
        .await;
        let source = server.source();
        let mut spec = keyed(source.as_ref(), table("t"), KeyRequest::default()).await;
        let pieces = async |spec: &ScanSpec| {
            split(source.as_ref(), spec, SplitBy::Bytes(108_000), RowRange::All).await.pieces.len()
        };
        assert_eq!(pieces(&spec).await, 10);
        spec.columns.truncate(1);
        assert_eq!(pieces(&spec).await, 1);
    });
}

/// Queries and views, whichever way the server runs them.
fn a_query_is_cut_by_what_it_gives(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE t (id bigint PRIMARY KEY, grp int, pad varchar(200));
                 INSERT INTO t SELECT a.n * 1000 + b.n, (a.n * 1000 + b.n) % 7, REPEAT('x', 100) FROM k a, k b WHERE a.n < 250;
                 ANALYZE TABLE t; CREATE VIEW merged AS SELECT * FROM t WHERE grp < 6;
                 CREATE VIEW grouped AS SELECT id, MAX(grp) AS grp FROM t WHERE id < 60000 GROUP BY id"
            ),
        )
        .await;
        let source = server.source();
        for (relation, pieces) in [
            (query("SELECT id * 2 AS id FROM t WHERE grp = 3"), 4..=5),
            (query("SELECT id FROM t -- all of them\n"), 22..=28),
            (query("SELECT id, pad FROM t WHERE id >= 100000"), 13..=17),
            (query("SELECT a.n * 1000 + b.n AS id FROM k a, k b WHERE a.n < 50"), 5..=6),
            (table("merged"), 19..=24),
            (table("grouped"), 6..=6),
        ] {
            let spec = keyed(source.as_ref(), relation.clone(), key(&["id"], Tiebreak::None)).await;
            let by = SplitBy::Rows { rows: 10_000, exact: false };
            let found = split(source.as_ref(), &spec, by, RowRange::All).await;
            let sizes: Vec<_> = tiled(&server, &spec, &found).await.iter().map(Vec::len).collect();
            let (nulls, sizes) = sizes.split_last().unwrap();
            assert!(*nulls == 0 && pieces.contains(&sizes.len()), "{relation}: {sizes:?} {:?}", found.notes);
            let mut sorted = sizes.to_vec();
            sorted.sort_unstable();
            assert!(sizes.iter().all(|size| *size < 2 * sorted[sorted.len() / 2]), "{relation}: {sizes:?}");
        }
        let wrong = query("SELECT 9223372036854775807 + id AS id FROM t");
        let spec = keyed(source.as_ref(), wrong, key(&["id"], Tiebreak::None)).await;
        let request = SplitRequest { by: SplitBy::Count(2), within: RowRange::All };
        let error = source.split(&spec, &request, &ScanLimits::default()).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Value, "{error}");
    });
}

/// The limit of a scan's statements is that of a split's.
fn a_split_ends_in_its_time(family: Family) {
    run(async {
        let server = Server::with(family, NUMBERS).await;
        let source = server.source();
        let slow = query("SELECT a.n + SLEEP(0.01) AS id FROM k a");
        let spec = keyed(source.as_ref(), slow, key(&["id"], Tiebreak::None)).await;
        let request = SplitRequest { by: SplitBy::Count(2), within: RowRange::All };
        let limits = ScanLimits { statement_timeout: std::time::Duration::from_millis(300), ..ScanLimits::default() };
        let error = source.split(&spec, &request, &limits).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::StatementTimeout, "{error}");
        server.no_session().await;
    });
}

rivet_testing::on_both_families!(
    days_are_whole_and_begin_with_the_first_row,
    a_column_that_stands_in_has_days_too,
    a_split_of_too_many_pieces_is_refused,
    rows_without_a_key_are_not_cut,
    bytes_are_those_of_the_columns_that_are_read,
    a_query_is_cut_by_what_it_gives,
    a_split_ends_in_its_time,
);
