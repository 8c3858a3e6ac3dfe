//! Splits: pieces that hold every row exactly once.

use rivet_model::{KeyBound, RowRange};

use super::table::{GROUPED, LARGE, labelled};
use super::{Harness, LIMITS, cursor, described, key_of, keyed, own_key, read_ranges};
use crate::{ScanSpec, Source, SourceErrorKind, Split, SplitBy, SplitRequest};

pub(super) async fn check(harness: &dyn Harness, source: &dyn Source) {
    pieces_tile_the_relation(source).await;
    pieces_of_a_unique_key_are_alike(source).await;
    pieces_of_a_piece_tile_it(source).await;
    an_empty_relation_is_one_piece(source).await;
    a_relation_without_a_key_is_cut_by_its_pages_or_not(source).await;
    what_holds_no_days_is_not_cut_by_them(source).await;
    what_is_written_later_is_in_one_piece_too(harness, source).await;
}

fn sizes() -> [SplitBy; 6] {
    [
        SplitBy::Rows { rows: 700, exact: true },
        SplitBy::Rows { rows: 700, exact: false },
        SplitBy::Rows { rows: 1_000_000, exact: true },
        SplitBy::Count(1),
        SplitBy::Count(7),
        SplitBy::Bytes(10_000),
    ]
}

async fn split(source: &dyn Source, spec: &ScanSpec, by: SplitBy, within: RowRange) -> Split {
    source.split(spec, &SplitRequest { by, within }, &LIMITS).await.expect("a split")
}

fn ranges(split: &Split) -> Vec<RowRange> {
    split.pieces.iter().map(|piece| piece.range.clone()).collect()
}

/// Checks that pieces of keys meet from end to end, so that a row that is written later is in one of them.
fn meet(split: &Split, within: &RowRange) {
    let ends = |range: &RowRange| match range {
        RowRange::Key { lower, upper } => (lower.clone(), upper.clone()),
        RowRange::All => (None, None),
        RowRange::NullKey | RowRange::Pages { .. } => panic!("a piece of keys: {range:?}"),
    };
    let keys: Vec<_> = ranges(split).into_iter().filter(|range| *range != RowRange::NullKey).collect();
    let (first, last) = (ends(keys.first().expect("a piece")), ends(keys.last().expect("a piece")));
    assert_eq!((first.0, last.1), ends(within), "the outer ends are those of the whole");
    for pair in keys.windows(2) {
        let (upper, lower) = (ends(&pair[0]).1.expect("an upper end"), ends(&pair[1]).0.expect("a lower end"));
        let KeyBound { values, inclusive } = upper;
        assert_eq!(lower, KeyBound { values, inclusive: !inclusive }, "two pieces meet");
    }
}

fn check_tiles(found: &[Vec<i64>], expected: &[i64], what: &str) {
    let mut all = found.concat();
    all.sort_unstable();
    assert_eq!(all, expected, "{what}: every row once");
}

async fn pieces_tile_the_relation(source: &dyn Source) {
    for (table, key, rows, nullable) in [
        ("large", own_key(), LARGE, false),
        ("one", own_key(), 1, false),
        ("grouped", own_key(), GROUPED, false),
        ("grouped", key_of(&["grp"]), GROUPED, true),
        ("grouped", cursor("grp", None), GROUPED, true),
        ("grouped", cursor("grp", Some("id")), GROUPED, false),
    ] {
        let spec = keyed(source, table, key).await.spec;
        let expected: Vec<i64> = (1..=rows).collect();
        for by in sizes() {
            let split = split(source, &spec, by, RowRange::All).await;
            let what = format!("`{table}` {:?} {by:?}", spec.key.iter().map(|column| &column.name).collect::<Vec<_>>());
            check_tiles(&read_ranges(source, &spec, &ranges(&split)).await, &expected, &what);
            if !split.needs_shared_view {
                meet(&split, &RowRange::All);
                let nulls = split.pieces.iter().filter(|piece| piece.range == RowRange::NullKey).count();
                assert_eq!(nulls, usize::from(nullable), "{what}: NULLs are a piece of their own");
                assert!(!nullable || split.pieces.last().is_some_and(|piece| piece.range == RowRange::NullKey));
            }
        }
    }
}

async fn pieces_of_a_unique_key_are_alike(source: &dyn Source) {
    let spec = keyed(source, "large", own_key()).await.spec;
    for by in
        [SplitBy::Rows { rows: 2_000, exact: true }, SplitBy::Rows { rows: 2_000, exact: false }, SplitBy::Count(10)]
    {
        let split = split(source, &spec, by, RowRange::All).await;
        let mut sizes: Vec<_> = read_ranges(source, &spec, &ranges(&split)).await.iter().map(Vec::len).collect();
        sizes.sort_unstable();
        assert!((5..=20).contains(&sizes.len()), "{by:?}: about ten pieces, not {}", sizes.len());
        let (median, largest) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
        assert!(largest < 2 * median, "{by:?}: the largest piece has {largest} rows, the median one {median}");
    }
}

async fn pieces_of_a_piece_tile_it(source: &dyn Source) {
    for (table, key) in [("large", own_key()), ("grouped", key_of(&["grp"])), ("grouped", cursor("grp", None))] {
        let spec = keyed(source, table, key).await.spec;
        let whole = split(source, &spec, SplitBy::Count(4), RowRange::All).await;
        let rows = read_ranges(source, &spec, &ranges(&whole)).await;
        for (piece, rows) in whole.pieces.iter().zip(rows) {
            for by in [SplitBy::Count(3), SplitBy::Rows { rows: 100, exact: true }] {
                let again = split(source, &spec, by, piece.range.clone()).await;
                let what = format!("`{table}` {:?} {by:?}", piece.range);
                check_tiles(&read_ranges(source, &spec, &ranges(&again)).await, &rows, &what);
                if matches!(piece.range, RowRange::Key { .. }) {
                    meet(&again, &piece.range);
                    assert!(again.pieces.iter().all(|piece| piece.range != RowRange::NullKey), "{what}: no NULLs");
                }
            }
        }
    }
}

async fn an_empty_relation_is_one_piece(source: &dyn Source) {
    for (table, key) in [("empty", own_key()), ("no_group", key_of(&["grp"])), ("no_group", cursor("grp", Some("id")))]
    {
        let spec = keyed(source, table, key).await.spec;
        for by in sizes() {
            let split = split(source, &spec, by, RowRange::All).await;
            assert_eq!(split.pieces.len(), 1, "`{table}` {by:?}");
            assert_eq!(read_ranges(source, &spec, &ranges(&split)).await, [[0_i64; 0]]);
        }
    }
}

async fn a_relation_without_a_key_is_cut_by_its_pages_or_not(source: &dyn Source) {
    let spec = described(source, "large").await.spec;
    assert!(spec.key.is_empty(), "no key was asked for");
    let request = SplitRequest { by: SplitBy::Count(5), within: RowRange::All };
    let split = match source.split(&spec, &request, &LIMITS).await {
        Ok(split) => split,
        Err(error) => return assert_eq!(error.kind(), SourceErrorKind::Config, "{error}"),
    };
    assert!(split.pieces.len() > 1 && split.needs_shared_view, "pages hold within one view");
    let found = read_ranges(source, &spec, &ranges(&split)).await;
    check_tiles(&found, &(1..=LARGE).collect::<Vec<_>>(), "pages");
    let again = self::split(source, &spec, SplitBy::Count(3), split.pieces[0].range.clone()).await;
    check_tiles(&read_ranges(source, &spec, &ranges(&again)).await, &found[0], "pages of pages");
}

async fn what_holds_no_days_is_not_cut_by_them(source: &dyn Source) {
    let spec = keyed(source, "large", own_key()).await.spec;
    let request = SplitRequest { by: SplitBy::Days(1), within: RowRange::All };
    let error = source.split(&spec, &request, &LIMITS).await.expect_err("integers are no days");
    assert_eq!(error.kind(), SourceErrorKind::Config, "{error}");
}

async fn what_is_written_later_is_in_one_piece_too(harness: &dyn Harness, source: &dyn Source) {
    let spec = keyed(source, "written", own_key()).await.spec;
    let split = split(source, &spec, SplitBy::Count(5), RowRange::All).await;
    harness.insert("written", &labelled(-1_000, 1_001)).await;
    harness.insert("written", &labelled(10_001, 1_000)).await;
    let expected: Vec<i64> = (-1_000..=11_000).collect();
    check_tiles(&read_ranges(source, &spec, &ranges(&split)).await, &expected, "rows that were written later");
}
