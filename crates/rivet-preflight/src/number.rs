//! Numbers between their exact form, arithmetic, and what a person reads.

use std::time::Duration;

/// Turns a count into a float. Above 2^53 the last digits are lost, which no rule looks at.
#[expect(clippy::cast_precision_loss, reason = "a count beyond 2^53 is huge whatever its last digits are")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
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

/// Writes a count as a person says it: `950`, `12.0 k`, `8.0 M`.
pub(crate) fn count(number: u64) -> String {
    scaled(float(number), 1000.0, &["", "k", "M", "G", "T"])
}

/// Writes a count of rows: `about 8.0 M rows`.
pub(crate) fn about_rows(rows: Option<u64>) -> String {
    match rows {
        Some(1) => "about 1 row".to_owned(),
        Some(rows) => format!("about {} rows", count(rows)),
        None => "an unknown number of rows".to_owned(),
    }
}

/// Writes a size as a person says it: `512.0 KiB`, `1.5 GiB`.
pub(crate) fn size(bytes: f64) -> String {
    scaled(bytes / 1024.0, 1024.0, &["KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// Writes a number of things: `1 chunk`, `12 chunks`.
pub(crate) fn things(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Writes a duration with its two largest units: `45 s`, `2 min 5 s`, `3 h 20 min`, `2 d 1 h`.
pub(crate) fn duration(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let seconds = duration.as_secs();
    let Some(first) = UNITS.iter().position(|(unit, _)| seconds >= *unit) else { return "0 s".to_owned() };
    let (unit, name) = UNITS[first];
    let whole = format!("{} {name}", seconds / unit);
    match UNITS.get(first + 1) {
        Some((next, name)) if seconds % unit / next > 0 => format!("{whole} {} {name}", seconds % unit / next),
        _ => whole,
    }
}

/// Writes a part of a whole, 0 to 1: `12.5 %`, `less than 0.1 %`.
pub(crate) fn percent(part: f64) -> String {
    if part > 0.0 && part < 0.001 { "less than 0.1 %".to_owned() } else { format!("{:.1} %", part * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1.0 k"), (999_999, "1.0 M"), (8_000_000, "8.0 M")] {
            assert_eq!(count(number), expected);
        }
        assert_eq!(about_rows(Some(1)), "about 1 row");
        assert_eq!(about_rows(Some(50_000_000)), "about 50.0 M rows");
        assert_eq!(about_rows(None), "an unknown number of rows");
        assert_eq!((size(1024.0), size(1_610_612_736.0)), ("1.0 KiB".to_owned(), "1.5 GiB".to_owned()));
        assert_eq!((things(1, "chunk"), things(0, "chunk")), ("1 chunk".to_owned(), "0 chunks".to_owned()));
        assert_eq!([percent(0.125), percent(0.0001), percent(0.0)], ["12.5 %", "less than 0.1 %", "0.0 %"]);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, expected) in [
            (0, "0 s"),
            (45, "45 s"),
            (60, "1 min"),
            (125, "2 min 5 s"),
            (3_600, "1 h"),
            (3_601, "1 h"),
            (12_000, "3 h 20 min"),
            (176_400, "2 d 1 h"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(duration(Duration::from_millis(999)), "0 s");
    }
}
