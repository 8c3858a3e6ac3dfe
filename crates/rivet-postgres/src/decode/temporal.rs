//! Dates and times: PostgreSQL counts from 2000-01-01, Arrow from 1970-01-01.

use super::{Fault, Reading, exact};

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// Microseconds from 1970-01-01 to 2000-01-01.
const EPOCH_US: i64 = EPOCH_DAYS as i64 * DAY_US;

/// Reads a date; the integer extremes stand for infinity.
pub(super) fn date(value: &[u8]) -> Result<Reading<i32>, Fault> {
    Ok(match i32::from_be_bytes(exact(value)?) {
        i32::MIN | i32::MAX => Reading::Sentinel("an infinite date"),
        days => match days.checked_add(EPOCH_DAYS) {
            Some(days) => Reading::Value(days),
            None => Reading::Unfit("a date beyond 32 bits of days"),
        },
    })
}

/// Reads a timestamp, with or without zone; the integer extremes stand for infinity.
pub(super) fn timestamp(value: &[u8]) -> Result<Reading<i64>, Fault> {
    Ok(match i64::from_be_bytes(exact(value)?) {
        i64::MIN | i64::MAX => Reading::Sentinel("an infinite timestamp"),
        micros => match micros.checked_add(EPOCH_US) {
            Some(micros) => Reading::Value(micros),
            None => Reading::Unfit("a timestamp beyond 64 bits of microseconds"),
        },
    })
}

/// Reads a time of day. The server knows 24:00:00, which is past the last microsecond that Arrow counts.
pub(super) fn time(value: &[u8]) -> Result<Reading<i64>, Fault> {
    Ok(match i64::from_be_bytes(exact(value)?) {
        micros @ 0..DAY_US => Reading::Value(micros),
        _ => Reading::Unfit("the time 24:00:00"),
    })
}
