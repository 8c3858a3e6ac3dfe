use std::time::Duration;

/// Writes a number with commas: `6,001,215`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number of things: `1 row`, `2,000 rows`.
pub(super) fn count(value: u64, thing: &str) -> String {
    format!("{} {thing}{}", number(value), if value == 1 { "" } else { "s" })
}

/// Writes a size in decimal units: `158.3 MB`.
pub(super) fn bytes(value: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB"];
    if value < 1000 {
        return format!("{value} B");
    }
    let mut unit = 1000;
    for name in units {
        let tenths = tenths(value, unit);
        // 999.96 kB is 1.0 MB, not 1000.0 kB.
        if tenths < 10_000 || name == "PB" {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        unit *= 1000;
    }
    unreachable!("the last unit takes everything")
}

/// Writes a time: `420 ms`, `9.8 s`, `3 min 05 s`, `2 h 05 min`.
pub(super) fn duration(value: Duration) -> String {
    let milliseconds = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    if milliseconds < 1000 {
        return format!("{milliseconds} ms");
    }
    let tenths = tenths(milliseconds, 1000);
    if tenths < 600 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let seconds = milliseconds.saturating_add(500) / 1000;
    if seconds < 3600 {
        return format!("{} min {:02} s", seconds / 60, seconds % 60);
    }
    let minutes = seconds.saturating_add(30) / 60;
    format!("{} h {:02} min", minutes / 60, minutes % 60)
}

/// Writes a time that is known to the second at best: `28 s`, `3 min 05 s`, `2 h 05 min`.
pub(super) fn seconds(value: u64) -> String {
    if value < 60 { format!("{value} s") } else { duration(Duration::from_secs(value)) }
}

/// Returns how many there were per second, on average.
pub(super) fn per_second(value: u64, over: Duration) -> u64 {
    let rate = u128::from(value) * 1000 / over.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

fn tenths(value: u64, unit: u64) -> u64 {
    let tenths = (u128::from(value) * 10 + u128::from(unit) / 2) / u128::from(unit);
    u64::try_from(tenths).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        let check = |value: u64, expected: &str| assert_eq!(number(value), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(6_001_215, "6,001,215");
        check(u64::MAX, "18,446,744,073,709,551,615");
        assert_eq!((count(1, "row"), count(0, "file")), ("1 row".to_owned(), "0 files".to_owned()));
    }

    #[test]
    fn sizes_have_a_unit_that_fits() {
        let check = |value: u64, expected: &str| assert_eq!(bytes(value), expected);
        check(0, "0 B");
        check(999, "999 B");
        check(1000, "1.0 kB");
        check(999_949, "999.9 kB");
        check(999_950, "1.0 MB");
        check(158_312_345, "158.3 MB");
        check(2_500_000_000_000, "2.5 TB");
        check(u64::MAX, "18446.7 PB");
    }

    #[test]
    fn times_have_a_unit_that_fits() {
        let check = |milliseconds: u64, expected: &str| {
            assert_eq!(duration(Duration::from_millis(milliseconds)), expected, "{milliseconds}");
        };
        check(0, "0 ms");
        check(999, "999 ms");
        check(1000, "1.0 s");
        check(9_760, "9.8 s");
        check(59_949, "59.9 s");
        check(59_950, "1 min 00 s");
        check(185_000, "3 min 05 s");
        check(7_499_000, "2 h 05 min");
        assert_eq!([0, 59, 60, 7_499].map(seconds), ["0 s", "59 s", "1 min 00 s", "2 h 05 min"]);
    }

    #[test]
    fn rates_are_averages() {
        assert_eq!(per_second(6_001_215, Duration::from_millis(9_800)), 612_368);
        assert_eq!(per_second(7, Duration::ZERO), 7000);
        assert_eq!(per_second(u64::MAX, Duration::from_millis(1)), u64::MAX);
    }
}
