//! Splits of keys that are not as a splitter would have them: every row in one piece, and the pieces alike.

use rivet_model::{RowRange, Scalar};
use rivet_source::{KeyRequest, ScanSpec, Split, SplitBy, Tiebreak};

use crate::harness::{Server, key, keyed, split, table, tiled};

/// Splits a table, checks that the pieces hold every row once, and returns how many rows each piece of keys holds.
async fn sizes(server: &Server, spec: &ScanSpec, by: SplitBy) -> Vec<usize> {
    let source = server.source();
    let found = split(source.as_ref(), spec, by, RowRange::All).await;
    let sizes: Vec<_> = tiled(server, spec, &found).await.iter().map(Vec::len).collect();
    estimates_fit(&found, &sizes);
    let keyed = found.pieces.iter().zip(sizes).filter(|(piece, _)| piece.range != RowRange::NullKey);
    keyed.map(|(_, size)| size).collect()
}

/// What is expected of a piece must be right within a factor of two, for those that matter.
fn estimates_fit(found: &Split, sizes: &[usize]) {
    let largest = sizes.iter().max().copied().unwrap_or_default();
    for (piece, size) in found.pieces.iter().zip(sizes) {
        let Some(expected) = piece.estimated_rows.and_then(|rows| usize::try_from(rows).ok()) else { continue };
        if *size * 2 > largest && piece.range != RowRange::NullKey {
            assert!(expected <= 2 * size && *size <= 2 * expected, "{size} rows where {expected} were expected");
        }
    }
}

fn assert_alike(sizes: &[usize], what: &str) {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    let (median, largest) = (sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
    assert!(largest < 2 * median, "{what}: {sizes:?}");
}

#[tokio::test]
async fn integer_keys_of_any_shape_give_pieces_that_are_alike() {
    // 100,000 rows that are read whole, and 300,000 that are sampled.
    let server = Server::with(
        "CREATE TABLE sparse (id bigint PRIMARY KEY);
         INSERT INTO sparse SELECT DISTINCT (random() * 50000000)::bigint FROM generate_series(1, 2000);
         CREATE TABLE negative (id bigint PRIMARY KEY);
         INSERT INTO negative SELECT i * i * i FROM generate_series(-50000::bigint, 50000) i;
         CREATE TABLE extreme (id bigint PRIMARY KEY);
         INSERT INTO extreme VALUES (-9223372036854775808), (9223372036854775807);
         INSERT INTO extreme SELECT i FROM generate_series(1, 1000) i;
         CREATE TABLE sampled (id bigint PRIMARY KEY, pad text);
         INSERT INTO sampled SELECT exp(i / 12000.0)::bigint * 1000000 + i, repeat('x', 150)
             FROM generate_series(1, 300000) i;
         CREATE TABLE shuffled (id bigint PRIMARY KEY, pad text);
         INSERT INTO shuffled SELECT id, pad FROM sampled ORDER BY md5(id::text);
         ANALYZE",
    )
    .await;
    let source = server.source();
    for (name, rows) in [("sparse", 100), ("negative", 7_000), ("extreme", 90), ("sampled", 9_000), ("shuffled", 9_000)]
    {
        let spec = keyed(source.as_ref(), table(name), KeyRequest::default()).await;
        let total: usize = server.column(&format!("SELECT count(*) FROM {name}")).await[0].parse().unwrap();
        for by in [
            SplitBy::Rows { rows, exact: false },
            SplitBy::Rows { rows, exact: true },
            SplitBy::Count(u32::try_from(total).unwrap() / u32::try_from(rows).unwrap()),
        ] {
            let sizes = sizes(&server, &spec, by).await;
            assert_alike(&sizes, &format!("{name} {by:?}"));
            let expected = total / usize::try_from(rows).unwrap();
            assert!(sizes.len().abs_diff(expected) <= 1 + expected / 10, "{name} {by:?}: {} pieces", sizes.len());
            if by == (SplitBy::Rows { rows, exact: true }) {
                let (_, full) = sizes.split_last().unwrap();
                assert!(full.iter().all(|size| *size as u64 == rows), "{name}: {sizes:?}");
            }
        }
    }
}

/// Values of which a few have most of the rows.
const ZIPF: &str = "SELECT i::bigint AS id, (1000 / (1 + i % 1000))::int AS grp, repeat('x', 150) AS pad FROM generate_series(1, 300000) i";

#[tokio::test]
async fn duplicates_are_cut_through_by_the_tiebreak() {
    let server = Server::with(&format!(
        "CREATE TABLE zipf AS {ZIPF}; ALTER TABLE zipf ADD PRIMARY KEY (id); ANALYZE zipf;
         CREATE TABLE fewer AS {ZIPF} LIMIT 50000; ALTER TABLE fewer ADD PRIMARY KEY (id); ANALYZE fewer"
    ))
    .await;
    let source = server.source();
    for (name, rows) in [("zipf", 10_000), ("fewer", 2_000)] {
        let spec = keyed(source.as_ref(), table(name), key(&["grp"], Tiebreak::OwnKey)).await;
        let found = sizes(&server, &spec, SplitBy::Rows { rows, exact: false }).await;
        assert_alike(&found, name);
        // Without a tie-break a value is not cut: half of the rows share one.
        let spec = keyed(source.as_ref(), table(name), key(&["grp"], Tiebreak::None)).await;
        let found = split(source.as_ref(), &spec, SplitBy::Rows { rows, exact: false }, RowRange::All).await;
        let sizes: Vec<_> = tiled(&server, &spec, &found).await.iter().map(Vec::len).collect();
        assert!(sizes.iter().all(|size| *size > 0 || found.pieces.len() == sizes.len()), "{sizes:?}");
        assert!(found.notes.iter().any(|note| note.contains("many rows share a value of `grp`")), "{found:?}");
    }
}

#[tokio::test]
async fn keys_of_every_kind_are_cut() {
    let server = Server::with(
        "CREATE TABLE t (id bigint, u uuid PRIMARY KEY, a text COLLATE \"C\", b int, n numeric(20,0), s text, f float8);
         INSERT INTO t SELECT i, md5(i::text)::uuid, CASE WHEN i % 11 > 0 THEN chr(97 + i % 5) || (i % 100) END,
             CASE WHEN i % 13 > 0 THEN i % 1000 END, 18446744073709551615 - i * 3::numeric,
             CASE WHEN i % 3 > 0 THEN E'it''s \\\\ ' || md5((i % 5000)::text) || ' ж' END,
             (ARRAY['NaN', 'Infinity', '-Infinity', '-0', '0'])[i % 17]::float8 FROM generate_series(1, 30000) i;
         UPDATE t SET f = ln(id) WHERE f IS NULL; ANALYZE t",
    )
    .await;
    let source = server.source();
    for (columns, tiebreak, alike) in [
        (vec!["u"], Tiebreak::None, true),
        (vec!["n"], Tiebreak::None, true),
        (vec!["a", "b", "u"], Tiebreak::None, true),
        (vec!["s"], Tiebreak::OwnKey, true),
        (vec!["s"], Tiebreak::None, true),
        (vec!["f"], Tiebreak::OwnKey, true),
        (vec!["f"], Tiebreak::None, false),
        (vec!["a"], Tiebreak::None, true),
    ] {
        let spec = keyed(source.as_ref(), table("t"), key(&columns, tiebreak)).await;
        for by in
            [SplitBy::Rows { rows: 2_500, exact: false }, SplitBy::Rows { rows: 2_500, exact: true }, SplitBy::Count(9)]
        {
            let sizes = sizes(&server, &spec, by).await;
            assert!(sizes.len() > 5, "{columns:?} {by:?}: {sizes:?}");
            if alike {
                assert_alike(&sizes, &format!("{columns:?} {by:?}"));
            }
        }
    }
    let spec = keyed(source.as_ref(), table("t"), key(&["n"], Tiebreak::None)).await;
    let found = split(source.as_ref(), &spec, SplitBy::Count(2), RowRange::All).await;
    let RowRange::Key { upper: Some(bound), .. } = &found.pieces[0].range else { panic!("{found:?}") };
    assert!(matches!(&bound.values[0], Scalar::Decimal(digits) if digits.len() == 20), "beyond 64 bits: {bound:?}");
    assert_eq!(found.pieces.last().unwrap().range, RowRange::NullKey);
}

#[tokio::test]
async fn a_partitioned_table_is_sampled_as_one() {
    let server = Server::with(
        "CREATE TABLE parted (id bigint PRIMARY KEY, pad text) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF parted FOR VALUES FROM (MINVALUE) TO (1000);
         CREATE TABLE high PARTITION OF parted DEFAULT;
         INSERT INTO parted SELECT i, repeat('x', 150) FROM generate_series(-250000, 50000) i",
    )
    .await;
    let source = server.source();
    let spec = keyed(source.as_ref(), table("parted"), KeyRequest::default()).await;
    let found = split(source.as_ref(), &spec, SplitBy::Rows { rows: 20_000, exact: false }, RowRange::All).await;
    assert!(found.notes.iter().any(|note| note.contains("sample of")), "{:?}", found.notes);
    assert!(found.notes.iter().any(|note| note.contains("never analyzed")), "{:?}", found.notes);
    let sizes: Vec<_> = tiled(&server, &spec, &found).await.iter().map(Vec::len).collect();
    assert_alike(&sizes, "parted");
}

#[tokio::test]
async fn a_piece_is_cut_again_wherever_it_is() {
    let server =
        Server::with(&format!("CREATE TABLE zipf AS {ZIPF}; ALTER TABLE zipf ADD PRIMARY KEY (id); ANALYZE zipf"))
            .await;
    let source = server.source();
    let spec = keyed(source.as_ref(), table("zipf"), key(&["grp"], Tiebreak::OwnKey)).await;
    let mut whole = split(source.as_ref(), &spec, SplitBy::Count(2), RowRange::All).await;
    let mut pieces = Vec::new();
    for piece in &whole.pieces {
        let found = split(source.as_ref(), &spec, SplitBy::Count(5), piece.range.clone()).await;
        if piece.range != RowRange::NullKey {
            assert_eq!(found.pieces.len(), 5);
        }
        pieces.extend(found.pieces);
    }
    whole.pieces = pieces;
    let sizes: Vec<_> = tiled(&server, &spec, &whole).await.iter().map(Vec::len).filter(|size| *size > 0).collect();
    assert_alike(&sizes, "pieces of pieces");
}
