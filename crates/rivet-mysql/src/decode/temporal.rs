//! Days, moments and spans.

use super::{Calendar, Cell, Fault, Reading, STRANGE, Span};

const ZERO_DATE: &str = "a date whose month or day is zero";
const NO_DATE: &str = "a date that no calendar has";
const NO_DAY: &str = "a moment within a day, which a date can't hold";
const BEYOND_A_DAY: &str = "a TIME below zero or beyond a day, which is no time of day";
const NO_MOMENT: &str = "text that is no date and time";

const MICROS_OF_SECOND: i64 = 1_000_000;
const MICROS_OF_DAY: i64 = 86_400 * MICROS_OF_SECOND;

/// Reads a day as days since 1970-01-01.
pub(super) fn date(cell: Cell<'_>) -> Result<Reading<i32>, Fault> {
    let Some(parts) = calendar(cell)? else { return Ok(Reading::Unfit(NO_MOMENT)) };
    Ok(match days(&parts) {
        Reading::Value(_) if time_of_day(&parts) != 0 => Reading::Unfit(NO_DAY),
        other => other,
    })
}

/// Reads a moment as microseconds since 1970-01-01.
pub(super) fn timestamp(cell: Cell<'_>) -> Result<Reading<i64>, Fault> {
    let Some(parts) = calendar(cell)? else { return Ok(Reading::Unfit(NO_MOMENT)) };
    Ok(match days(&parts) {
        Reading::Value(days) => Reading::Value(i64::from(days) * MICROS_OF_DAY + time_of_day(&parts)),
        Reading::Sentinel(what) => Reading::Sentinel(what),
        Reading::Unfit(what) => Reading::Unfit(what),
    })
}

/// Reads a time of day as microseconds.
pub(super) fn time(cell: Cell<'_>) -> Result<Reading<i64>, Fault> {
    let micros = match cell {
        Cell::Time(span) => micros(&span),
        Cell::Bytes(text) => match parse_time(text) {
            Some(parts) => time_of_day(&parts),
            None => return Ok(Reading::Unfit(NO_MOMENT)),
        },
        _ => return Err(STRANGE),
    };
    let of_day = (0..MICROS_OF_DAY).contains(&micros);
    Ok(if of_day { Reading::Value(micros) } else { Reading::Unfit(BEYOND_A_DAY) })
}

/// Returns a span as a number of microseconds.
pub(super) fn as_micros(cell: Cell<'_>) -> Result<Cell<'_>, Fault> {
    match cell {
        Cell::Time(span) => Ok(Cell::Int(micros(&span))),
        _ => Err(STRANGE),
    }
}

fn micros(span: &Span) -> i64 {
    let hours = i64::from(span.days) * 24 + i64::from(span.hours);
    let seconds = hours * 3_600 + i64::from(span.minutes) * 60 + i64::from(span.seconds);
    let micros = seconds * MICROS_OF_SECOND + i64::from(span.micros);
    if span.negative { -micros } else { micros }
}

fn time_of_day(parts: &Calendar) -> i64 {
    let seconds = i64::from(parts.hour) * 3_600 + i64::from(parts.minute) * 60 + i64::from(parts.second);
    seconds * MICROS_OF_SECOND + i64::from(parts.micros)
}

/// Takes a moment apart, where it is text; `None` where that is no moment.
fn calendar(cell: Cell<'_>) -> Result<Option<Calendar>, Fault> {
    match cell {
        Cell::Date(parts) => Ok(Some(parts)),
        Cell::Bytes(text) => Ok(parse(text)),
        _ => Err(STRANGE),
    }
}

/// Counts days since 1970-01-01 in the calendar of today, carried on into the past.
fn days(parts: &Calendar) -> Reading<i32> {
    let (year, month, day) = (i32::from(parts.year), i32::from(parts.month), i32::from(parts.day));
    // The year 0 has days as any other: it is the month or the day that is missing.
    if month == 0 || day == 0 {
        return Reading::Sentinel(ZERO_DATE);
    }
    if month > 12 || day > days_of_month(year, month) {
        return Reading::Unfit(NO_DATE);
    }
    // Years that begin in March have their odd day at the end; 400 of them have 146,097 days.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Reading::Value(era * 146_097 + day_of_era - 719_468)
}

fn days_of_month(year: i32, month: i32) -> i32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Reads `YYYY-MM-DD`, with a time of day behind a blank or a `T`, in UTC where a zone is named.
fn parse(text: &[u8]) -> Option<Calendar> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let mut fields = day.splitn(3, '-');
    let (year, month, day) = (fields.next()?, fields.next()?, fields.next()?);
    let of_day = match time {
        Some(time) => {
            let time = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00")).unwrap_or(time);
            parse_time(time.as_bytes())?
        }
        None => Calendar::default(),
    };
    Some(Calendar { year: number(year, 4)?, month: number(month, 2)?, day: number(day, 2)?, ..of_day })
}

/// Reads `HH:MM:SS` with up to six digits behind a point.
fn parse_time(text: &[u8]) -> Option<Calendar> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut fields = whole.splitn(3, ':');
    let (hour, minute, second) = (fields.next()?, fields.next()?, fields.next()?);
    if fraction.is_empty() || fraction.len() > 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros: u32 = format!("{fraction:0<6}").parse().ok()?;
    let parts = Calendar {
        hour: number(hour, 2)?,
        minute: number(minute, 2)?,
        second: number(second, 2)?,
        micros,
        ..Calendar::default()
    };
    (parts.hour < 24 && parts.minute < 60 && parts.second < 60).then_some(parts)
}

/// Reads so many digits at most, and nothing but digits.
fn number<T: std::str::FromStr>(text: &str, digits: usize) -> Option<T> {
    let plain = (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: u16, month: u8, day: u8) -> Cell<'static> {
        Cell::Date(Calendar { year, month, day, ..Calendar::default() })
    }

    #[test]
    fn days_are_counted_from_1970() {
        let check = |cell, expected| assert_eq!(date(cell).unwrap(), expected, "{cell:?}");
        check(day(1970, 1, 1), Reading::Value(0));
        check(day(1969, 12, 31), Reading::Value(-1));
        check(day(2000, 2, 29), Reading::Value(11_016));
        check(day(9999, 12, 31), Reading::Value(2_932_896));
        check(day(1000, 1, 1), Reading::Value(-354_285));
        check(day(0, 1, 1), Reading::Value(-719_528));
        check(day(0, 0, 0), Reading::Sentinel(ZERO_DATE));
        check(day(2026, 0, 0), Reading::Sentinel(ZERO_DATE));
        check(day(2026, 7, 0), Reading::Sentinel(ZERO_DATE));
        check(day(2026, 2, 31), Reading::Unfit(NO_DATE));
        check(day(1900, 2, 29), Reading::Unfit(NO_DATE));
        check(Cell::Bytes(b"2026-01-05"), Reading::Value(20_458));
        check(Cell::Bytes(b"yesterday"), Reading::Unfit(NO_MOMENT));
        check(Cell::Bytes(b"2026-01-05 00:00:01"), Reading::Unfit(NO_DAY));
        assert_eq!(date(Cell::Int(7)), Err(STRANGE));
    }

    #[test]
    fn moments_are_microseconds() {
        let check = |cell, expected| assert_eq!(timestamp(cell).unwrap(), Reading::Value(expected), "{cell:?}");
        let last = Calendar { year: 9999, month: 12, day: 31, hour: 23, minute: 59, second: 59, micros: 999_999 };
        check(Cell::Date(last), 253_402_300_799_999_999);
        check(day(1970, 1, 2), MICROS_OF_DAY);
        check(Cell::Bytes(b"1970-01-01T00:00:01.5Z"), 1_500_000);
        check(Cell::Bytes(b"1970-01-01 00:00:01.000001+00:00"), 1_000_001);
        assert_eq!(timestamp(Cell::Bytes(b"1970-01-01 24:00:00")).unwrap(), Reading::Unfit(NO_MOMENT));
    }

    #[test]
    fn spans_are_times_of_day_or_numbers() {
        let span = |negative, days, hours| {
            Cell::Time(Span { negative, days, hours, minutes: 59, seconds: 59, micros: 999_999 })
        };
        assert_eq!(time(span(false, 0, 23)).unwrap(), Reading::Value(MICROS_OF_DAY - 1));
        assert_eq!(time(span(false, 1, 0)).unwrap(), Reading::Unfit(BEYOND_A_DAY));
        assert_eq!(time(span(true, 0, 0)).unwrap(), Reading::Unfit(BEYOND_A_DAY));
        // -838:59:59.999999, which is below the least that either server stores.
        assert_eq!(as_micros(span(true, 34, 22)), Ok(Cell::Int(-3_020_399_999_999)));
        assert_eq!(time(Cell::Bytes(b"12:34:56.7")).unwrap(), Reading::Value(45_296_700_000));
    }
}
