use arrow::datatypes::TimeUnit;

use super::civil::Civil;
use super::pair;

const DAY_SECONDS: i64 = 86_400;

/// Appends `2024-02-29`, from days since 1970-01-01.
pub(super) fn push_date(days: i64, out: &mut Vec<u8>) {
    let civil = Civil::from_days(days);
    civil.push(out);
    civil.push_era(out);
}

/// Appends `12:34:56.789`, from units since midnight. The end of a day is `24:00:00`.
pub(super) fn push_time(value: i64, unit: TimeUnit, out: &mut Vec<u8>) {
    let (seconds, fraction, digits) = split(value, unit);
    push_clock(seconds, out);
    push_fraction(fraction, digits, out);
}

/// Appends `2024-02-29 12:34:56.789`, from units since 1970-01-01 00:00:00, with `+00` where the column has a zone.
pub(super) fn push_timestamp(value: i64, unit: TimeUnit, zoned: bool, out: &mut Vec<u8>) {
    let (seconds, fraction, digits) = split(value, unit);
    let civil = Civil::from_days(seconds.div_euclid(DAY_SECONDS));
    civil.push(out);
    out.push(b' ');
    push_clock(seconds.rem_euclid(DAY_SECONDS), out);
    push_fraction(fraction, digits, out);
    if zoned {
        out.extend_from_slice(b"+00");
    }
    civil.push_era(out);
}

/// Splits into whole seconds, the rest, and how many digits the rest has. One arm per unit, so that each divides by
/// a number that the compiler knows.
fn split(value: i64, unit: TimeUnit) -> (i64, u32, usize) {
    fn by<const UNITS: i64>(value: i64) -> (i64, u32) {
        let fraction = u32::try_from(value.rem_euclid(UNITS)).expect("a remainder is below its divisor");
        (value.div_euclid(UNITS), fraction)
    }
    let ((seconds, fraction), digits) = match unit {
        TimeUnit::Second => ((value, 0), 0),
        TimeUnit::Millisecond => (by::<1_000>(value), 3),
        TimeUnit::Microsecond => (by::<1_000_000>(value), 6),
        TimeUnit::Nanosecond => (by::<1_000_000_000>(value), 9),
    };
    (seconds, fraction, digits)
}

/// Appends `12:34:56`. A count that is no time of a day, which no source sends, shows its hours as they are.
fn push_clock(seconds: i64, out: &mut Vec<u8>) {
    let in_hour = u32::try_from(seconds.rem_euclid(3_600)).expect("a remainder is below its divisor");
    let (minute, second) = (pair(in_hour / 60), pair(in_hour % 60));
    match u32::try_from(seconds.div_euclid(3_600)) {
        Ok(hour @ 0..=99) => out.extend_from_slice(&pair(hour)),
        _ => out.extend_from_slice(itoa::Buffer::new().format(seconds.div_euclid(3_600)).as_bytes()),
    }
    out.extend_from_slice(&[b':', minute[0], minute[1], b':', second[0], second[1]]);
}

/// Appends `.789`: no zeros at the end, and nothing for none.
fn push_fraction(mut fraction: u32, digits: usize, out: &mut Vec<u8>) {
    if fraction == 0 {
        return;
    }
    let mut text = [b'0'; 10];
    text[0] = b'.';
    for place in text[1..=digits].iter_mut().rev() {
        *place = pair(fraction % 10)[1];
        fraction /= 10;
    }
    let end = text[..=digits].iter().rposition(|&digit| digit != b'0').unwrap_or(0);
    out.extend_from_slice(&text[..=end]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_what_postgres_prints() {
        let check = |value, unit, zoned, expected: &str| {
            let mut out = Vec::new();
            push_timestamp(value, unit, zoned, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        let us = TimeUnit::Microsecond;
        check(0, us, false, "1970-01-01 00:00:00");
        check(1_709_210_096_789_000, us, false, "2024-02-29 12:34:56.789");
        check(1_709_210_096_000_001, us, true, "2024-02-29 12:34:56.000001+00");
        check(-1, us, false, "1969-12-31 23:59:59.999999");
        check(-735_160 * 86_400_000_000, us, false, "0044-03-15 00:00:00 BC");
        check(-735_160 * 86_400_000_000, us, true, "0044-03-15 00:00:00+00 BC");
        check(253_402_300_800_500_000, us, true, "10000-01-01 00:00:00.5+00");
        check(9_223_371_244_799_999_999, us, false, "294246-12-31 23:59:59.999999");
        check(-210_866_803_200_000_000, us, false, "4714-11-24 00:00:00 BC");
        check(1_500, TimeUnit::Millisecond, false, "1970-01-01 00:00:01.5");
        check(7, TimeUnit::Second, false, "1970-01-01 00:00:07");
        check(1_000_000_010, TimeUnit::Nanosecond, false, "1970-01-01 00:00:01.00000001");
    }

    #[test]
    fn times_are_what_postgres_prints() {
        let check = |value, expected: &str| {
            let mut out = Vec::new();
            push_time(value, TimeUnit::Microsecond, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check(0, "00:00:00");
        check(45_296_789_000, "12:34:56.789");
        check(86_399_999_999, "23:59:59.999999");
        check(86_400_000_000, "24:00:00");
    }
}
