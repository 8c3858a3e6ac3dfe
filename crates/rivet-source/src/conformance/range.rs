//! Ranges of keys: exactly their rows.

use rivet_model::{KeyBound, RowRange, Scalar};

use super::table::{GROUPED, LARGE, group};
use super::{cursor, key_of, keyed, own_key, read_ranges};
use crate::{KeyRequest, Source, Tiebreak};

pub(super) async fn check(source: &dyn Source) {
    the_own_key_is_found(source).await;
    a_key_gets_its_tiebreak(source).await;
    ends_are_in_or_out(source).await;
    tuples_are_compared_as_one(source).await;
    a_null_anywhere_makes_a_null_key(source).await;
    a_fallback_stands_in(source).await;
}

fn bound(values: &[i64], inclusive: bool) -> KeyBound {
    KeyBound { values: values.iter().copied().map(Scalar::Int).collect(), inclusive }
}

fn range(lower: Option<KeyBound>, upper: Option<KeyBound>) -> RowRange {
    RowRange::Key { lower, upper }
}

async fn the_own_key_is_found(source: &dyn Source) {
    for table in ["large", "empty", "grouped"] {
        let description = keyed(source, table, own_key()).await;
        let key: Vec<_> = description.spec.key.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(key, ["id"]);
        assert!(!description.spec.key[0].nullable);
        assert!(description.key.unique && description.key.indexed && !description.key.temporal);
        assert_eq!(description.spec.range, RowRange::All);
    }
}

async fn a_key_gets_its_tiebreak(source: &dyn Source) {
    let check = async |asked: KeyRequest, expected: &[&str], unique: bool| {
        let description = keyed(source, "grouped", asked).await;
        let key: Vec<_> = description.spec.key.iter().map(|column| column.name.as_str()).collect();
        assert_eq!((key.as_slice(), description.key.unique), (expected, unique));
    };
    check(cursor("grp", None), &["grp", "id"], true).await;
    check(cursor("id", None), &["id"], true).await;
    check(key_of(&["grp"]), &["grp"], false).await;
    check(KeyRequest { tiebreak: Tiebreak::Columns(super::names(&["id"])), ..key_of(&["grp"]) }, &["grp", "id"], true)
        .await;
    let spec = keyed(source, "grouped", cursor("grp", Some("id"))).await.spec;
    assert!(spec.key[0].nullable);
    assert_eq!(spec.fallback.expect("the fallback that was asked for").name.as_str(), "id");
}

async fn ends_are_in_or_out(source: &dyn Source) {
    let spec = keyed(source, "large", own_key()).await.spec;
    let ranges = [
        range(None, None),
        range(Some(bound(&[10], true)), Some(bound(&[12], true))),
        range(Some(bound(&[10], false)), Some(bound(&[12], false))),
        range(Some(bound(&[LARGE], true)), None),
        range(Some(bound(&[LARGE], false)), None),
        range(None, Some(bound(&[1], true))),
        range(None, Some(bound(&[1], false))),
        range(Some(bound(&[7], true)), Some(bound(&[7], true))),
        range(Some(bound(&[9], true)), Some(bound(&[7], true))),
        range(Some(bound(&[i64::MIN], false)), Some(bound(&[i64::MAX], false))),
        RowRange::NullKey,
    ];
    let all: Vec<i64> = (1..=LARGE).collect();
    let expected: [&[i64]; 11] = [&all, &[10, 11, 12], &[11], &[LARGE], &[], &[1], &[], &[7], &[], &all, &[]];
    for (found, (expected, range)) in read_ranges(source, &spec, &ranges).await.iter().zip(expected.iter().zip(&ranges))
    {
        assert_eq!(found, expected, "{range:?}");
    }
}

/// Keeps the ids whose row the range holds, by a comparison of its own.
fn expected(key: impl Fn(i64) -> Option<Vec<i64>>, held: impl Fn(&[i64]) -> bool) -> Vec<i64> {
    (1..=GROUPED).filter(|id| key(*id).is_some_and(|key| held(&key))).collect()
}

async fn tuples_are_compared_as_one(source: &dyn Source) {
    let spec = keyed(source, "grouped", cursor("grp", None)).await.spec;
    let key = |id: i64| group(id).map(|group| vec![group, id]);
    let middle = key(1_000).expect("a row with a group");
    let ranges = [
        range(Some(bound(&middle, false)), None),
        range(Some(bound(&middle, true)), None),
        range(None, Some(bound(&middle, false))),
        range(None, Some(bound(&middle, true))),
        range(Some(bound(&middle[..1], false)), None),
        range(Some(bound(&middle[..1], true)), None),
        range(None, Some(bound(&middle[..1], false))),
        range(None, Some(bound(&middle[..1], true))),
        range(Some(bound(&[-40], true)), Some(bound(&[0, 1_500], false))),
    ];
    let found = read_ranges(source, &spec, &ranges).await;
    let (tuple, prefix) = (middle.as_slice(), &middle[..1]);
    let by_hand = [
        expected(key, |key| key > tuple),
        expected(key, |key| key >= tuple),
        expected(key, |key| key < tuple),
        expected(key, |key| key <= tuple),
        expected(key, |key| &key[..1] > prefix),
        expected(key, |key| &key[..1] >= prefix),
        expected(key, |key| &key[..1] < prefix),
        expected(key, |key| &key[..1] <= prefix),
        expected(key, |key| key[0] >= -40 && key < &[0, 1_500]),
    ];
    for ((found, expected), range) in found.iter().zip(&by_hand).zip(&ranges) {
        assert!(!expected.is_empty(), "the check checks something: {range:?}");
        assert_eq!(found, expected, "{range:?}");
    }
}

async fn a_null_anywhere_makes_a_null_key(source: &dyn Source) {
    let without: Vec<i64> = (1..=GROUPED).filter(|id| group(*id).is_none()).collect();
    let with: Vec<i64> = (1..=GROUPED).filter(|id| group(*id).is_some()).collect();
    let grp_last = KeyRequest { tiebreak: Tiebreak::Columns(super::names(&["grp"])), ..key_of(&["id"]) };
    for asked in [key_of(&["grp"]), cursor("grp", None), grp_last] {
        let spec = keyed(source, "grouped", asked).await.spec;
        let found = read_ranges(source, &spec, &[RowRange::NullKey, range(None, None)]).await;
        assert_eq!(found, [without.clone(), with.clone()], "{:?}", spec.key);
    }
}

async fn a_fallback_stands_in(source: &dyn Source) {
    let spec = keyed(source, "grouped", cursor("grp", Some("id"))).await.spec;
    let key = |id: i64| Some(vec![group(id).unwrap_or(id), id]);
    let ranges = [
        range(Some(bound(&[100], true)), Some(bound(&[300], false))),
        range(Some(bound(&[7, 7], false)), Some(bound(&[700, 700], true))),
        range(None, None),
        RowRange::NullKey,
    ];
    let found = read_ranges(source, &spec, &ranges).await;
    assert_eq!(found[0], expected(key, |key| (100..300).contains(&key[0])));
    assert_eq!(found[1], expected(key, |key| key > &[7, 7] && key <= &[700, 700]));
    assert_eq!(found[2].len() as u64, GROUPED.unsigned_abs());
    assert!(found[3].is_empty(), "the fallback has no NULL");
}
