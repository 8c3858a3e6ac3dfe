//! Splits: what they say, and what they refuse.

use rivet_model::{KeyBound, RowRange, Scalar, TableRef};
use rivet_source::{KeyRequest, ScanLimits, Source, SourceErrorKind, Split, SplitBy, SplitRequest, Tiebreak};

use crate::harness::{Server, key, keyed, query, request, split, table, tiled};

fn lowers(split: &Split) -> Vec<Option<Scalar>> {
    let lower = |range: &RowRange| match range {
        RowRange::Key { lower, .. } => lower.as_ref().map(|bound| bound.values[0].clone()),
        RowRange::All | RowRange::NullKey | RowRange::Pages { .. } => None,
    };
    split.pieces.iter().map(|piece| lower(&piece.range)).collect()
}

async fn refused(source: &dyn Source, spec: &rivet_source::ScanSpec, by: SplitBy) -> String {
    let request = SplitRequest { by, within: RowRange::All };
    let error = source.split(spec, &request, &ScanLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Config, "{error}");
    format!("{error}: {}", error.help_text().unwrap_or_default())
}

#[tokio::test]
async fn days_are_whole_and_begin_with_the_first_row() {
    let server = Server::with(
        "CREATE TABLE seen (id bigint PRIMARY KEY, day date, at timestamp, tz timestamptz);
         INSERT INTO seen SELECT i, date '2026-01-30' + i / 10, timestamp '2026-01-30 18:00' + i * interval '3 h',
             timestamptz '2026-01-30 23:30-01' + i * interval '3 h' FROM generate_series(0, 99) i;
         INSERT INTO seen VALUES (100, NULL, NULL, NULL), (101, 'infinity', '-infinity', 'infinity'); CREATE INDEX ON seen (tz)",
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
        ["2026-02-02 00:00:00", "2026-02-03 00:00:00"].map(|text| { Some(Scalar::Timestamp(text.to_owned())) })
    );
    assert!(matches!(&found.pieces[0].range, RowRange::Key { lower: first, .. } if *first == lower));

    let spec = keyed(source.as_ref(), table("seen"), KeyRequest::default()).await;
    let said = refused(source.as_ref(), &spec, SplitBy::Days(1)).await;
    assert!(said.starts_with("column `id` is bigint, which has no days") && said.contains("chunk_column"), "{said}");
}

#[tokio::test]
async fn a_column_that_stands_in_has_days_too() {
    let server = Server::with(
        "CREATE TABLE t (id bigint PRIMARY KEY, upd timestamptz, made timestamptz);
         INSERT INTO t SELECT i, CASE WHEN i % 2 = 0 THEN timestamptz '2026-03-01Z' + i * interval '1 h' END,
             timestamptz '2026-02-27Z' + i * interval '1 h' FROM generate_series(1, 100) i; INSERT INTO t VALUES (101)",
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
}

#[tokio::test]
async fn a_split_of_too_many_pieces_is_refused() {
    let server = Server::with(
        "CREATE TABLE few (id bigint PRIMARY KEY, day date);
         INSERT INTO few SELECT i, date '2026-01-01' - i * 4 FROM generate_series(1, 120000) i; ANALYZE few",
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
}

#[tokio::test]
async fn rows_without_a_key_are_cut_by_their_pages() {
    let server = Server::with(
        "CREATE TABLE bare (id bigint, pad text);
         INSERT INTO bare SELECT i, repeat('x', 200) FROM generate_series(1, 20000) i; ANALYZE bare;
         CREATE TABLE parted (id bigint, kind text) PARTITION BY LIST (kind);
         CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
         CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b') PARTITION BY RANGE (id);
         CREATE TABLE \"Parted B.1\" PARTITION OF parted_b DEFAULT;
         CREATE TABLE parted_c PARTITION OF parted FOR VALUES IN ('c');
         INSERT INTO parted SELECT i, CASE WHEN i % 4 = 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 20000) i;
         CREATE VIEW seen AS SELECT * FROM bare",
    )
    .await;
    if !server.reads_pages().await {
        return;
    }
    let source = server.source();
    let spec = source.describe(&request(table("bare"))).await.unwrap().spec;
    for by in [SplitBy::Count(7), SplitBy::Rows { rows: 3_000, exact: false }, SplitBy::Bytes(700_000)] {
        let found = split(source.as_ref(), &spec, by, RowRange::All).await;
        assert!(found.needs_shared_view && found.notes[0].contains("where its rows are stored"), "{found:?}");
        let sizes: Vec<_> = tiled(&server, &spec, &found).await.iter().map(Vec::len).collect();
        assert!((6..=8).contains(&sizes.len()) && sizes.iter().all(|size| *size > 2_000), "{by:?} {sizes:?}");
    }
    let found = split(source.as_ref(), &spec, SplitBy::Count(1), RowRange::All).await;
    assert!(found.pieces.len() == 1 && found.pieces[0].range == RowRange::All && !found.needs_shared_view);
    let within = RowRange::Pages { partition: None, from: 100, to: Some(200) };
    let found = split(source.as_ref(), &spec, SplitBy::Count(4), within).await;
    let expected = [(100, 125), (125, 150), (150, 175), (175, 200)];
    let expected = expected.map(|(from, to)| RowRange::Pages { partition: None, from, to: Some(to) });
    assert!(found.pieces.iter().map(|piece| &piece.range).eq(&expected), "{found:?}");

    let spec = source.describe(&request(table("parted"))).await.unwrap().spec;
    let found = split(source.as_ref(), &spec, SplitBy::Count(6), RowRange::All).await;
    tiled(&server, &spec, &found).await;
    let of = |name: &str| {
        let leaf = Some(TableRef::new(Some("public"), name).unwrap());
        let of_leaf = |range: &RowRange| matches!(range, RowRange::Pages { partition, .. } if *partition == leaf);
        found.pieces.iter().filter(|piece| of_leaf(&piece.range)).count()
    };
    assert_eq!((of("parted_a"), of("parted_c"), found.pieces.len() - of("Parted B.1")), (2, 1, 3), "{found:?}");

    for relation in [table("seen"), query("SELECT * FROM bare")] {
        let spec = source.describe(&request(relation)).await.unwrap().spec;
        let said = refused(source.as_ref(), &spec, SplitBy::Count(3)).await;
        assert!(said.contains("has no key to cut it by") && said.contains("`chunk_by_key`"), "{said}");
    }
}

#[tokio::test]
async fn a_query_is_cut_by_what_it_gives() {
    let server = Server::with(
        "CREATE TABLE t (id bigint PRIMARY KEY, grp int); INSERT INTO t SELECT i, i % 7 FROM generate_series(1, 300000) i;
         ANALYZE t",
    )
    .await;
    let source = server.source();
    for (text, pieces) in [
        // Few rows: it is run. Many, from one table: that is sampled. Many from nowhere: it is run again.
        ("SELECT id * 2 AS id FROM t WHERE grp = 3", 5..=5),
        ("SELECT id FROM t ORDER BY grp -- all of them\n", 29..=31),
        ("SELECT i * 3::bigint AS id FROM generate_series(1, 250000) i", 1..=25),
    ] {
        let spec = keyed(source.as_ref(), query(text), key(&["id"], Tiebreak::None)).await;
        let found = split(source.as_ref(), &spec, SplitBy::Rows { rows: 10_000, exact: false }, RowRange::All).await;
        let sizes: Vec<_> = tiled(&server, &spec, &found).await.iter().map(Vec::len).collect();
        let (nulls, sizes) = sizes.split_last().unwrap();
        assert!(*nulls == 0 && pieces.contains(&sizes.len()), "{text}: {sizes:?}");
        assert!(sizes.iter().all(|size| *size < 2 * sizes[sizes.len() / 2]), "{text}: {sizes:?}");
    }
    let spec = keyed(source.as_ref(), query("SELECT 1 / (id - id) AS id FROM t"), key(&["id"], Tiebreak::None)).await;
    let request = SplitRequest { by: SplitBy::Count(2), within: RowRange::All };
    let error = source.split(&spec, &request, &ScanLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Value, "{error}");
}
