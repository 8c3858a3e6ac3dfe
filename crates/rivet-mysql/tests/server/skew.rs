//! Splits of keys that are not as a splitter would have them: every row in one piece, and the pieces alike.

use rivet_model::{KeyBound, RowRange, Scalar};
use rivet_source::{KeyRequest, ScanSpec, Split, SplitBy, Tiebreak};
use rivet_testing::Family;

use crate::harness::{NUMBERS, Server, key, keyed, run, split, table, tiled};

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

async fn cut_evenly(server: &Server, name: &str, rows: u64) {
    let source = server.source();
    let spec = keyed(source.as_ref(), table(name), KeyRequest::default()).await;
    let total: usize = server.column(&format!("SELECT COUNT(*) FROM {name}")).await[0].parse().unwrap();
    for by in [
        SplitBy::Rows { rows, exact: false },
        SplitBy::Rows { rows, exact: true },
        SplitBy::Count(u32::try_from(total).unwrap() / u32::try_from(rows).unwrap()),
    ] {
        let sizes = sizes(server, &spec, by).await;
        assert_alike(&sizes, &format!("{name} {by:?}"));
        let expected = total / usize::try_from(rows).unwrap();
        assert!(sizes.len().abs_diff(expected) <= 1 + expected / 5, "{name} {by:?}: {} pieces", sizes.len());
        if by == (SplitBy::Rows { rows, exact: true }) {
            let (_, full) = sizes.split_last().unwrap();
            assert!(full.iter().all(|size| *size as u64 == rows), "{name}: {sizes:?}");
        }
    }
}

fn integer_keys_of_any_shape_give_pieces_that_are_alike(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE sparse (id bigint PRIMARY KEY);
                 INSERT INTO sparse SELECT DISTINCT CONV(LEFT(SHA2(a.n * 1000 + b.n, 256), 6), 16, 10) FROM k a, k b WHERE a.n < 2;
                 CREATE TABLE negative (id bigint PRIMARY KEY);
                 INSERT INTO negative SELECT POW(a.n * 1000 + b.n - 50000, 3) FROM k a, k b WHERE a.n < 100;
                 CREATE TABLE extreme (id bigint PRIMARY KEY);
                 INSERT INTO extreme VALUES (-9223372036854775808), (9223372036854775807);
                 INSERT INTO extreme SELECT n FROM k; ANALYZE TABLE sparse, negative, extreme"
            ),
        )
        .await;
        for (name, rows) in [("sparse", 100), ("negative", 7_000), ("extreme", 90)] {
            cut_evenly(&server, name, rows).await;
        }
    });
}

/// More rows than are read to cut them up.
fn large_tables_are_cut_by_what_the_server_expects(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE skewed (id bigint PRIMARY KEY, pad varchar(200));
                 INSERT INTO skewed SELECT CAST(EXP(i / 12000) AS SIGNED) * 1000000 + i, REPEAT('x', 150)
                     FROM (SELECT a.n * 1000 + b.n AS i FROM k a, k b WHERE a.n < 240) s ORDER BY 1;
                 CREATE TABLE shuffled (id bigint PRIMARY KEY, pad varchar(200));
                 INSERT INTO shuffled SELECT * FROM skewed ORDER BY SHA2(id, 256);
                 ANALYZE TABLE skewed, shuffled"
            ),
        )
        .await;
        let source = server.source();
        for name in ["skewed", "shuffled"] {
            cut_evenly(&server, name, 9_000).await;
            let spec = keyed(source.as_ref(), table(name), KeyRequest::default()).await;
            let found = split(source.as_ref(), &spec, SplitBy::Count(3), RowRange::All).await;
            assert!(found.notes.iter().any(|note| note.contains("estimates")), "{:?}", found.notes);
        }
    });
}

/// Values of which a few have most of the rows.
const ZIPF: &str = "CREATE TABLE zipf (id bigint PRIMARY KEY, grp int, pad varchar(200), KEY (grp));
     INSERT INTO zipf SELECT a.n * 1000 + b.n, 1000 DIV (1 + b.n), REPEAT('x', 100) FROM k a, k b WHERE a.n < 300; ANALYZE TABLE zipf";

fn duplicates_are_cut_through_by_the_tiebreak(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} {ZIPF}; CREATE TABLE fewer LIKE zipf; INSERT INTO fewer SELECT * FROM zipf WHERE id < 50000; ANALYZE TABLE fewer"
            ),
        )
        .await;
        let source = server.source();
        for (name, rows) in [("zipf", 10_000), ("fewer", 2_000)] {
            let spec = keyed(source.as_ref(), table(name), key(&["grp"], Tiebreak::OwnKey)).await;
            let found = sizes(&server, &spec, SplitBy::Rows { rows, exact: false }).await;
            assert_alike(&found, name);
            // Without a tie-break a value is not cut: half of the rows share one.
            let spec = keyed(source.as_ref(), table(name), key(&["grp"], Tiebreak::None)).await;
            for exact in [false, true] {
                let found = split(source.as_ref(), &spec, SplitBy::Rows { rows, exact }, RowRange::All).await;
                let sizes: Vec<_> = tiled(&server, &spec, &found).await.iter().map(Vec::len).collect();
                let (nulls, keyed) = sizes.split_last().unwrap();
                assert!(*nulls == 0 && keyed.iter().all(|size| *size > 0), "{sizes:?}");
                assert!(found.notes.iter().any(|note| note.contains("many rows share a value of `grp`")), "{found:?}");
            }
        }
    });
}

fn keys_of_every_kind_are_cut(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE t (id bigint, u binary(16) PRIMARY KEY, a varchar(20) COLLATE utf8mb4_bin, b int, n decimal(20,0),
                     s varchar(80) COLLATE utf8mb4_general_ci, f double, big bigint unsigned, day date, at datetime(6), c char(36) CHARACTER SET ascii,
                     KEY (n), KEY (s), KEY (big), KEY (at), KEY (c));
                 INSERT INTO t SELECT i, UNHEX(LEFT(SHA2(i, 256), 32)), IF(i % 11 > 0, CONCAT(CHAR(97 + i % 5), i % 100), NULL), IF(i % 13 > 0, i % 1000, NULL),
                     18446744073709551615 - i * 3, IF(i % 3 > 0, CONCAT('it''s \\\\ ', LEFT(SHA2(i % 5000, 256), 32), ' ж'), NULL), IF(i % 17 = 0, 0, LN(i)), 18446744073709551615 - i * i,
                     '2000-01-01' + INTERVAL i DIV 10 DAY, '2000-01-01' + INTERVAL i * 1000003 MICROSECOND, UUID()
                     FROM (SELECT a.n * 1000 + b.n + 1 AS i FROM k a, k b WHERE a.n < 30) s; ANALYZE TABLE t"
            ),
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
            (vec!["f"], Tiebreak::None, true),
            (vec!["a"], Tiebreak::None, true),
            (vec!["big"], Tiebreak::None, true),
            (vec!["day"], Tiebreak::None, true),
            (vec!["at"], Tiebreak::None, true),
            (vec!["c"], Tiebreak::None, true),
        ] {
            let spec = keyed(source.as_ref(), table("t"), key(&columns, tiebreak)).await;
            for by in [
                SplitBy::Rows { rows: 2_500, exact: false },
                SplitBy::Rows { rows: 2_500, exact: true },
                SplitBy::Count(9),
            ] {
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
    });
}

/// As [`keys_of_every_kind_are_cut`], of more rows than are read to cut them up.
fn large_keys_of_every_kind_are_cut(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE t (id bigint, u binary(16) PRIMARY KEY, w varchar(80), at datetime(6) NOT NULL, c char(36) CHARACTER SET latin1,
                     KEY (w), KEY (at), KEY (c));
                 INSERT INTO t SELECT i, UNHEX(LEFT(SHA2(i, 256), 32)), CONCAT(IF(i % 2, 'Straße ', 'STRASSE '), LEFT(SHA2(i DIV 2, 256), 32)), '2000-01-01' + INTERVAL i * 1000003 MICROSECOND, UUID()
                     FROM (SELECT a.n * 1000 + b.n + 1 AS i FROM k a, k b WHERE a.n < 250) s; ANALYZE TABLE t"
            ),
        )
        .await;
        let source = server.source();
        for column in ["u", "w", "at", "c"] {
            let spec = keyed(source.as_ref(), table("t"), key(&[column], Tiebreak::OwnKey)).await;
            for by in [SplitBy::Rows { rows: 20_000, exact: false }, SplitBy::Count(9)] {
                let sizes = sizes(&server, &spec, by).await;
                assert!((8..=15).contains(&sizes.len()), "{column} {by:?}: {sizes:?}");
                assert_alike(&sizes, &format!("{column} {by:?}"));
            }
        }
    });
}

/// Values that are equal to the server are in one piece, and no piece is empty for the sake of how they are written.
fn what_is_equal_is_never_cut(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE t (id bigint PRIMARY KEY, w varchar(20) COLLATE utf8mb4_general_ci, KEY (w));
                 INSERT INTO t SELECT n, ELT(1 + n % 6, 'apple', 'Apple', 'APPLE', 'äpple', 'banana', 'Cherry ') FROM k;
                 INSERT INTO t VALUES (1001, 'cherry'), (1002, 'CHERRY  ')"
            ),
        )
        .await;
        let source = server.source();
        let spec = keyed(source.as_ref(), table("t"), key(&["w"], Tiebreak::None)).await;
        for by in [
            SplitBy::Rows { rows: 1, exact: true },
            SplitBy::Rows { rows: 10, exact: false },
            SplitBy::Rows { rows: 1_000, exact: true },
            SplitBy::Count(5),
        ] {
            let found = split(source.as_ref(), &spec, by, RowRange::All).await;
            let sizes: Vec<_> = tiled(&server, &spec, &found).await.iter().map(Vec::len).collect();
            let (nulls, sizes) = sizes.split_last().unwrap();
            assert!(*nulls == 0 && sizes.iter().all(|size| *size > 0), "{by:?}: {sizes:?}");
            assert!(sizes.len() <= 3, "apples, bananas and cherries: {by:?}: {sizes:?}");
        }
    });
}

fn a_partitioned_table_is_cut_as_one(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE parted (id bigint PRIMARY KEY, pad varchar(200)) PARTITION BY RANGE (id)
                     (PARTITION low VALUES LESS THAN (1000), PARTITION high VALUES LESS THAN MAXVALUE);
                 INSERT INTO parted SELECT a.n * 1000 + b.n - 200000, REPEAT('x', 100) FROM k a, k b WHERE a.n < 250; ANALYZE TABLE parted;
                 CREATE TABLE hashed (id bigint PRIMARY KEY, pad varchar(200)) PARTITION BY HASH (id) PARTITIONS 4;
                 INSERT INTO hashed SELECT * FROM parted WHERE id > -50000; ANALYZE TABLE hashed"
            ),
        )
        .await;
        let source = server.source();
        for name in ["parted", "hashed"] {
            let spec = keyed(source.as_ref(), table(name), KeyRequest::default()).await;
            let found = sizes(&server, &spec, SplitBy::Rows { rows: 20_000, exact: false }).await;
            assert_alike(&found, name);
        }
    });
}

fn a_piece_is_cut_again_wherever_it_is(family: Family) {
    run(async {
        let server = Server::with(family, &format!("{NUMBERS} {ZIPF}")).await;
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
        // What the first run of an incremental export reads.
        let spec = keyed(source.as_ref(), table("zipf"), KeyRequest::default()).await;
        let upper = Some(KeyBound::including(vec![Scalar::Int(279_999)]));
        let within = RowRange::Key { lower: None, upper };
        let found = split(source.as_ref(), &spec, SplitBy::Rows { rows: 20_000, exact: false }, within).await;
        assert!((12..=16).contains(&found.pieces.len()), "{} pieces", found.pieces.len());
    });
}

rivet_testing::on_both_families!(
    integer_keys_of_any_shape_give_pieces_that_are_alike,
    large_tables_are_cut_by_what_the_server_expects,
    duplicates_are_cut_through_by_the_tiebreak,
    keys_of_every_kind_are_cut,
    large_keys_of_every_kind_are_cut,
    what_is_equal_is_never_cut,
    a_partitioned_table_is_cut_as_one,
    a_piece_is_cut_again_wherever_it_is,
);
