//! Watermarks: up to where an export may read.

use std::time::Duration;

use jiff::Timestamp;
use rivet_model::Scalar;

use super::table::{GROUPED, LARGE, group};
use super::{LIMITS, cursor, keyed, own_key};
use crate::{Hold, KeyRequest, ScanSpec, Source, SourceErrorKind, Tiebreak, Watermark, WatermarkRequest};

pub(super) async fn check(source: &dyn Source) {
    the_last_row_is_the_watermark(source).await;
    only_rows_after_a_position_count(source).await;
    a_position_holds_back(source).await;
    an_empty_relation_has_none(source).await;
    rows_without_a_cursor_are_counted(source).await;
    no_clock_holds_numbers_back(source).await;
}

fn scalars(values: &[i64]) -> Vec<Scalar> {
    values.iter().copied().map(Scalar::Int).collect()
}

/// Every key of the table with groups, in order.
fn keys() -> Vec<[i64; 2]> {
    let mut keys: Vec<_> = (1..=GROUPED).filter_map(|id| group(id).map(|group| [group, id])).collect();
    keys.sort_unstable();
    keys
}

async fn ask(source: &dyn Source, spec: &ScanSpec, after: Option<&[i64]>, hold: Option<&[i64]>) -> Watermark {
    let hold = hold.map_or(Hold::Nothing, |values| Hold::Position(scalars(values)));
    let request = WatermarkRequest { after: after.map(scalars), hold, count_nulls: false };
    let answer = source.watermark(spec, &request, &LIMITS).await.expect("a watermark");
    assert_eq!(answer.null_rows, None, "nobody asked");
    answer
}

async fn the_last_row_is_the_watermark(source: &dyn Source) {
    let check = async |table: &str, key: KeyRequest, expected: &[i64]| {
        let spec = keyed(source, table, key).await.spec;
        let answer = ask(source, &spec, None, None).await;
        assert_eq!(answer.highest, Some(scalars(expected)), "`{table}`");
        assert_eq!(answer.newest, answer.highest, "`{table}`");
        assert!(answer.now > Timestamp::UNIX_EPOCH, "the source has a clock");
    };
    check("one", own_key(), &[1]).await;
    check("large", own_key(), &[LARGE]).await;
    check("grouped", cursor("grp", None), keys().last().expect("a key")).await;
    // The last id has no group, and stands in for it.
    let last = (1..=GROUPED).map(|id| [group(id).unwrap_or(id), id]).max().expect("a row");
    check("grouped", cursor("grp", Some("id")), &last).await;
}

async fn only_rows_after_a_position_count(source: &dyn Source) {
    let spec = keyed(source, "grouped", cursor("grp", None)).await.spec;
    let keys = keys();
    let (before_last, last) = (keys[keys.len() - 2], keys[keys.len() - 1]);
    let answer = ask(source, &spec, Some(&before_last), None).await;
    assert_eq!(answer.highest, Some(scalars(&last)));
    let answer = ask(source, &spec, Some(&last), None).await;
    assert_eq!((answer.highest, answer.newest), (None, Some(scalars(&last))), "nothing came after it");
    let answer = ask(source, &spec, Some(&[last[0], i64::MAX]), None).await;
    assert_eq!((answer.highest, answer.newest), (None, Some(scalars(&last))), "the newest row counts all the same");
}

async fn a_position_holds_back(source: &dyn Source) {
    let spec = keyed(source, "grouped", cursor("grp", None)).await.spec;
    let keys = keys();
    let (first, middle, last) = (keys[0], keys[keys.len() / 2], keys[keys.len() - 1]);
    let check = async |after: Option<&[i64]>, hold: &[i64], expected: Option<[i64; 2]>| {
        let answer = ask(source, &spec, after, Some(hold)).await;
        assert_eq!(answer.highest, expected.map(|key| scalars(&key)), "after {after:?}, held at {hold:?}");
        assert_eq!(answer.newest, Some(scalars(&last)), "held back or not");
    };
    check(None, &middle, Some(middle)).await;
    check(None, &last, Some(last)).await;
    check(None, &[i64::MAX, 0], Some(last)).await;
    check(None, &[first[0], i64::MIN], None).await;
    check(Some(&first), &middle, Some(middle)).await;
    check(Some(&middle), &middle, None).await;
    check(Some(&middle), &first, None).await;
    // A position between two rows.
    check(None, &[middle[0], middle[1] - 1], Some(keys[keys.len() / 2 - 1])).await;
}

async fn an_empty_relation_has_none(source: &dyn Source) {
    for (table, key) in
        [("empty", own_key()), ("no_group", cursor("grp", None)), ("no_group", cursor("grp", Some("id")))]
    {
        let spec = keyed(source, table, key).await.spec;
        let columns = spec.key.len();
        for after in [None, Some(scalars(&vec![5; columns]))] {
            let request = WatermarkRequest { after, hold: Hold::Nothing, count_nulls: true };
            let answer = source.watermark(&spec, &request, &LIMITS).await.expect("a watermark");
            assert_eq!((answer.highest, answer.newest, answer.null_rows), (None, None, Some(0)), "`{table}`");
        }
    }
}

async fn rows_without_a_cursor_are_counted(source: &dyn Source) {
    let nulls = (1..=GROUPED).filter(|id| group(*id).is_none()).count() as u64;
    let grp_last = KeyRequest { tiebreak: Tiebreak::Columns(super::names(&["grp"])), ..super::key_of(&["id"]) };
    for (key, expected) in
        [(cursor("grp", None), nulls), (cursor("grp", Some("id")), 0), (own_key(), 0), (grp_last, nulls)]
    {
        let spec = keyed(source, "grouped", key).await.spec;
        let after = Some(vec![Scalar::Int(100); spec.key.len()]);
        for after in [None, after] {
            let request = WatermarkRequest { after, hold: Hold::Nothing, count_nulls: true };
            let answer = source.watermark(&spec, &request, &LIMITS).await.expect("a watermark");
            assert_eq!(answer.null_rows, Some(expected), "{:?}", spec.key);
        }
    }
}

async fn no_clock_holds_numbers_back(source: &dyn Source) {
    let spec = keyed(source, "large", own_key()).await.spec;
    let hold = Hold::Clock { lag: Duration::from_mins(5), time_zone: "UTC".to_owned() };
    let request = WatermarkRequest { after: None, hold, count_nulls: false };
    let error = source.watermark(&spec, &request, &LIMITS).await.expect_err("integers are no moments");
    assert_eq!(error.kind(), SourceErrorKind::Config, "{error}");
}
