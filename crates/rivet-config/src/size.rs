use std::time::Duration;

use crate::raw::NumberOrText;

/// The units of a size: those of SI count in thousands, the binary ones in 1024.
const SIZE_UNITS: &[(&str, u64)] = &[
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// The units of a duration, in seconds.
const TIME_UNITS: &[(&str, u64)] = &[("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

/// Reads a number of bytes; none where the text is no size.
pub(crate) fn bytes(size: &NumberOrText) -> Option<u64> {
    with_unit(size, SIZE_UNITS)
}

/// Reads a duration; none where the text is none.
pub(crate) fn duration(time: &NumberOrText) -> Option<Duration> {
    with_unit(time, TIME_UNITS).map(Duration::from_secs)
}

fn with_unit(value: &NumberOrText, units: &[(&str, u64)]) -> Option<u64> {
    let text = match value {
        NumberOrText::Number(number) => return Some(*number),
        NumberOrText::Text(text) => text.trim(),
    };
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.trim().to_ascii_lowercase();
    let factor = if unit.is_empty() { 1 } else { units.iter().find(|(name, _)| *name == unit)?.1 };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(bytes(&NumberOrText::Text(text.to_owned())), expected, "{text}");
        };
        check("256MB", Some(256_000_000));
        check("1 GiB", Some(1 << 30));
        check("1048576", Some(1 << 20));
        check("5b", Some(5));
        for wrong in ["", "MB", "-1MB", "1.5GB", "1 parsec", "99999999999999999999", "99999999999 TiB"] {
            check(wrong, None);
        }
    }

    #[test]
    fn durations_have_units() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(duration(&NumberOrText::Text(text.to_owned())), expected.map(Duration::from_secs), "{text}");
        };
        check("5m", Some(300));
        check("1d", Some(86_400));
        check("7", Some(7));
        check("1w", None);
    }
}
