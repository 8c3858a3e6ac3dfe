//! Keys that lie between two others.

use jiff::civil::{Date, DateTime};
use rivet_model::{Scalar, ScalarKind};
use rivet_source::KeyColumn;

use crate::types::{Class, class};

/// Digits of a number that are computed with, at most: 128 bits have a few more.
const DIGITS: usize = 36;

/// Letters of a text behind those that two have in common.
const LETTERS: u32 = 8;

/// The first letter that is printed, and one more than the last.
const FIRST_LETTER: u8 = 0x20;
const BEHIND_LETTERS: u8 = 0x7f;

/// Makes the first values of a key in the middle of two keys, the first of which is lower: above the one, and not above
/// the other. `None` where nothing is between, or where it can't be computed.
pub(super) fn between(key: &[KeyColumn], low: &[Scalar], high: &[Scalar]) -> Option<Vec<Scalar>> {
    let place = low.iter().zip(high).position(|(low, high)| low != high)?;
    let value = of_column(key.get(place)?, &low[place], &high[place])?;
    Some(low[..place].iter().cloned().chain([value]).collect())
}

fn of_column(column: &KeyColumn, low: &Scalar, high: &Scalar) -> Option<Scalar> {
    match column.kind {
        ScalarKind::Int => {
            let value = halfway(integer(low)?, integer(high)?)?;
            i64::try_from(value).map(Scalar::Int).or_else(|_| u64::try_from(value).map(Scalar::Uint)).ok()
        }
        ScalarKind::Decimal if class(&column.source_type) == Class::Float => {
            let value = halfway(ordered(low.to_string().parse().ok()?), ordered(high.to_string().parse().ok()?))?;
            let number = from_ordered(value)?;
            number.is_finite().then(|| Scalar::Decimal(format!("{number:e}")))
        }
        ScalarKind::Decimal => decimal(&low.to_string(), &high.to_string()),
        ScalarKind::Bytes => bytes(&low.to_string(), &high.to_string()),
        ScalarKind::Text => text(&low.to_string(), &high.to_string()),
        ScalarKind::Date => {
            let days = halfway(days(&low.to_string(), Date::new(1, 1, 1).ok()?), days(&high.to_string(), Date::MAX))?;
            Some(Scalar::Date(day(days)?.to_string()))
        }
        ScalarKind::Timestamp => Some(Scalar::Timestamp(moment(low, high)?)),
        ScalarKind::TimestampTz => Some(Scalar::TimestampTz(format!("{}+00", moment(low, high)?))),
        // The servers that have them do not sort them by their digits.
        ScalarKind::Uuid => None,
    }
}

/// The number in the middle of two, the higher one of two neighbours.
fn halfway(low: i128, high: i128) -> Option<i128> {
    (low < high).then(|| low + (high - low + 1) / 2)
}

fn integer(value: &Scalar) -> Option<i128> {
    match value {
        Scalar::Int(number) => Some((*number).into()),
        Scalar::Uint(number) => Some((*number).into()),
        _ => None,
    }
}

/// Numbers a floating-point number so that the numbers have the order of their values.
fn ordered(number: f64) -> i128 {
    let bits = i128::from(number.abs().to_bits());
    if number < 0.0 { -bits } else { bits }
}

fn from_ordered(number: i128) -> Option<f64> {
    let value = f64::from_bits(u64::try_from(number.unsigned_abs()).ok()?);
    Some(if number < 0 { -value } else { value })
}

/// The middle of two decimals, with as many digits behind the point as the longer one, or as fit.
fn decimal(low: &str, high: &str) -> Option<Scalar> {
    let fraction = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let whole = |text: &str| text.trim_start_matches('-').split('.').next().map_or(0, str::len);
    let room = DIGITS.checked_sub(whole(low).max(whole(high)))?;
    let scale = fraction(low).max(fraction(high)).min(room);
    // What is cut off makes the first one lower, and so may the middle be: then it is not above the first.
    let value = halfway(units(low, scale)?, units(high, scale)?)?;
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    Some(Scalar::Decimal(format!("{sign}{whole}{point}{fraction}")))
}

/// A decimal in units of its last digit.
fn units(text: &str, scale: usize) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(scale).collect();
    let units: i128 = format!("{whole}{fraction}").parse().ok()?;
    Some(sign * units)
}

/// The middle of two strings of bytes, in hexadecimal: as a number of the sixteen behind those that both begin with.
fn bytes(low: &str, high: &str) -> Option<Scalar> {
    let common = low.as_bytes().chunks(2).zip(high.as_bytes().chunks(2)).take_while(|(a, b)| a == b).count() * 2;
    let number = |text: &str| {
        // Fifteen of them, so that there is a sign.
        let digits: String = text.chars().skip(common).chain(std::iter::repeat('0')).take(30).collect();
        i128::from_str_radix(&digits, 16).ok()
    };
    let value = halfway(number(low)?, number(high)?)?;
    let prefix: String = high.chars().take(common).collect();
    let digits = format!("{value:030x}");
    // A shorter string is lower than one that goes on with zeros, and above all that is lower than both.
    let mut digits = digits.as_str();
    while let Some(shorter) = digits.strip_suffix("00") {
        digits = shorter;
    }
    Some(Scalar::Bytes(format!("{prefix}{digits}")))
}

/// The middle of two texts by the numbers of their letters, where these are plain. It may be none to the server, which
/// has an order of its own.
fn text(low: &str, high: &str) -> Option<Scalar> {
    let common = low.chars().zip(high.chars()).take_while(|(a, b)| a == b).count();
    let base = i128::from(BEHIND_LETTERS - FIRST_LETTER);
    let number = |text: &str| {
        let mut letters = text.chars().skip(common).map(|letter| u8::try_from(letter).unwrap_or(u8::MAX));
        (0..LETTERS).fold(0, |number, _| {
            let letter = letters.next().unwrap_or(FIRST_LETTER).clamp(FIRST_LETTER, BEHIND_LETTERS - 1);
            number * base + i128::from(letter - FIRST_LETTER)
        })
    };
    let mut value = halfway(number(low), number(high))?;
    let mut letters = Vec::new();
    for _ in 0..LETTERS {
        letters.push(FIRST_LETTER + u8::try_from(value % base).ok()?);
        value /= base;
    }
    letters.reverse();
    let plain = String::from_utf8(letters).ok()?;
    let prefix: String = high.chars().take(common).collect();
    // Some orders do not see spaces at the end.
    Some(Scalar::Text(format!("{prefix}{}", plain.trim_end())))
}

/// Days since 1970. What is no day of the calendar is as far away as can be.
fn days(text: &str, otherwise: Date) -> i128 {
    let date: Date = text.get(..10).and_then(|day| day.parse().ok()).unwrap_or(otherwise);
    let since = date.since(Date::constant(1970, 1, 1)).map_or(0, |span| span.get_days());
    since.into()
}

fn day(days: i128) -> Option<Date> {
    let days = jiff::Span::new().try_days(i64::try_from(days).ok()?).ok()?;
    Date::constant(1970, 1, 1).checked_add(days).ok()
}

/// The middle of two moments, as text without a zone.
fn moment(low: &Scalar, high: &Scalar) -> Option<String> {
    let low = micros(&low.to_string(), Date::new(1, 1, 1).ok()?.at(0, 0, 0, 0));
    let high = micros(&high.to_string(), Date::new(9999, 12, 31).ok()?.at(0, 0, 0, 0));
    let micros = i64::try_from(halfway(low, high)?).ok()?;
    let moment = epoch().checked_add(jiff::SignedDuration::from_micros(micros)).ok()?;
    Some(moment.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string())
}

fn micros(text: &str, otherwise: DateTime) -> i128 {
    let plain = text.trim_end_matches("+00").replace('T', " ");
    let moment: DateTime = plain.parse().unwrap_or(otherwise);
    moment.duration_since(epoch()).as_micros()
}

const fn epoch() -> DateTime {
    DateTime::constant(1970, 1, 1, 0, 0, 0, 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rivet_source::{SourceType, TypeShape};

    use super::*;
    use crate::kind;

    fn column(id: u32) -> KeyColumn {
        let shape = TypeShape::Scalar;
        let source_type = SourceType { name: "t".to_owned(), base: "t".to_owned(), id, modifier: -1, shape };
        let kind = crate::key::kind(&source_type).unwrap();
        KeyColumn { name: "k".parse().unwrap(), position: 0, source_type, kind, nullable: false }
    }

    #[test]
    fn a_middle_is_between() {
        let check = |id: u32, low: &str, high: &str, expected: Option<&str>| {
            let column = column(id);
            let (low, high) = (column.kind.parse(low).unwrap(), column.kind.parse(high).unwrap());
            let found = of_column(&column, &low, &high).map(|value| value.to_string());
            assert_eq!(found.as_deref(), expected, "{low} {high}");
        };
        check(kind::LONGLONG, "1", "10", Some("6"));
        check(kind::LONGLONG, "1", "2", Some("2"));
        check(kind::LONGLONG, "-9223372036854775808", "9223372036854775807", Some("0"));
        check(kind::LONGLONG | kind::UNSIGNED, "0", "18446744073709551615", Some("9223372036854775808"));
        check(kind::DECIMAL, "-1.50", "1.5", Some("0.00"));
        check(kind::DECIMAL, "18446744073709551615", "18446744073709551625", Some("18446744073709551620"));
        check(kind::DECIMAL, "0.1", "0.2", Some("0.2"));
        check(kind::DOUBLE, "-1", "1", Some("0e0"));
        check(kind::DOUBLE, "1", "1e300", Some("1.0201610986869387e150"));
        check(
            kind::STRING | kind::BINARY,
            "00000000000000000000000000000000",
            "ffffffffffffffffffffffffffffffff",
            Some("80"),
        );
        check(kind::STRING | kind::BINARY, "ab01", "ab03", Some("ab02"));
        check(kind::VAR_STRING, "key 1000", "key 9000", Some("key 5000"));
        check(kind::VAR_STRING, "a", "c", Some("b"));
        check(kind::VAR_STRING, "ж", "я", None);
        check(kind::DATE, "2026-01-01", "2026-01-31", Some("2026-01-16"));
        check(kind::DATE, "0000-00-00", "2026-01-31", Some("1013-07-18"));
        check(kind::DATETIME, "2026-01-01 00:00:00", "2026-01-02 00:00:00.000001", Some("2026-01-01 12:00:00.000001"));
        check(kind::TIMESTAMP, "2026-01-01 00:00:00", "2026-01-03 00:00:00", Some("2026-01-02 00:00:00.000000+00"));
    }

    #[test]
    fn columns_that_are_equal_are_kept() {
        let key = [column(kind::LONG), column(kind::LONGLONG)];
        let found = between(&key, &[Scalar::Int(7), Scalar::Int(1)], &[Scalar::Int(7), Scalar::Int(9)]);
        assert_eq!(found, Some(vec![Scalar::Int(7), Scalar::Int(5)]));
        let found = between(&key, &[Scalar::Int(7), Scalar::Int(1)], &[Scalar::Int(8), Scalar::Int(0)]);
        assert_eq!(found, Some(vec![Scalar::Int(8)]));
        assert_eq!(between(&key, &[Scalar::Int(7), Scalar::Int(1)], &[Scalar::Int(7), Scalar::Int(1)]), None);
    }

    proptest! {
        #[test]
        fn whole_numbers_have_a_middle(low in any::<i64>(), high in any::<i64>()) {
            prop_assume!(low < high);
            let found = of_column(&column(kind::LONGLONG), &Scalar::Int(low), &Scalar::Int(high)).unwrap();
            let Scalar::Int(found) = found else { panic!("{found:?}") };
            prop_assert!(low < found && found <= high);
        }

        #[test]
        fn bytes_have_a_middle(low in proptest::collection::vec(any::<u8>(), 0..20), high in proptest::collection::vec(any::<u8>(), 0..20)) {
            prop_assume!(low < high);
            let hex = |bytes: &[u8]| crate::dialect::hexadecimal(bytes);
            if let Some(Scalar::Bytes(found)) = bytes(&hex(&low), &hex(&high)) {
                prop_assert!(hex(&low) < found && found <= hex(&high), "{found}");
            }
        }
    }
}
