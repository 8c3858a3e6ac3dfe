//! Numbers between their exact form, arithmetic, and what a person reads.

/// Turns a count into a float. Above 2^53 the last digits are lost, which no rule looks at.
#[expect(clippy::cast_precision_loss, reason = "a count beyond 2^53 is huge whatever its last digits are")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// Rounds to the nearest whole number; below zero, and for no number at all, that is 0, and above the range its end.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, as is wanted here")]
pub(crate) fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// Writes a value with the largest unit that leaves at least 1 before the point.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    // What would be rounded up to a whole step is shown in the next unit: never "1000.0 k".
    while value >= step - 0.05 {
        let Some(next) = units.next() else { break };
        value /= step;
        unit = next;
    }
    if unit.is_empty() { format!("{value:.0}") } else { format!("{value:.1} {unit}") }
}

/// Writes a count of rows as a person says it: `950`, `12.0 k`, `8.0 M`.
pub(crate) fn count(rows: u64) -> String {
    scaled(float(rows), 1000.0, &["", "k", "M", "G", "T"])
}

/// Writes a size as a person says it: `512.0 KiB`, `1.5 GiB`.
pub(crate) fn size(bytes: f64) -> String {
    scaled(bytes / 1024.0, 1024.0, &["KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// Writes a number of things: `1 window`, `12 windows`.
pub(crate) fn things(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes_read_well() {
        for (rows, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.0 k"),
            (999_949, "999.9 k"),
            (999_999, "1.0 M"),
            (8_000_000, "8.0 M"),
            (u64::MAX, "18446744.1 T"),
        ] {
            assert_eq!(count(rows), expected);
        }
        for (bytes, expected) in [(0.0, "0.0 KiB"), (1024.0, "1.0 KiB"), (1_610_612_736.0, "1.5 GiB")] {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!((things(1, "run"), things(0, "run")), ("1 run".to_owned(), "0 runs".to_owned()));
    }

    #[test]
    fn rounding_saturates() {
        assert_eq!([whole(f64::NAN), whole(-1.0), whole(1.5), whole(1e300)], [0, 0, 2, u64::MAX]);
    }
}
