use std::io::Write as _;

use arrow::datatypes::TimeUnit;
use rivet_model::DatePart;

use super::civil::Civil;
use super::column::{Column, Values};

/// Appends the year, month, day or hour that a date or a moment lies in: `2026`, `2026-01`, `2026-01-31` or
/// `2026-01-31-23`. A year has at least four digits, one before year 1 a minus sign (year 0 is 1 BC). Other values
/// have no such part, and nothing is appended.
pub(crate) fn push_date_part(column: &Column<'_>, row: usize, part: DatePart, out: &mut Vec<u8>) {
    let seconds = match &column.values {
        Values::Date32(days) => i64::from(days[row]) * 86_400,
        Values::Date64(milliseconds) => milliseconds[row].div_euclid(1_000),
        Values::Timestamp { values, unit, .. } => values[row].div_euclid(per_second(*unit)),
        _ => return,
    };
    let day = Civil::from_days(seconds.div_euclid(86_400));
    let hour = seconds.rem_euclid(86_400) / 3_600;
    let Civil { year, month, day } = day;
    let sign = if year < 0 { "-" } else { "" };
    let year = year.unsigned_abs();
    let written = match part {
        DatePart::Year => write!(out, "{sign}{year:04}"),
        DatePart::Month => write!(out, "{sign}{year:04}-{month:02}"),
        DatePart::Day => write!(out, "{sign}{year:04}-{month:02}-{day:02}"),
        DatePart::Hour => write!(out, "{sign}{year:04}-{month:02}-{day:02}-{hour:02}"),
    };
    written.expect("a vector takes all bytes");
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Date32Array, TimestampMicrosecondArray, TimestampSecondArray};
    use arrow::datatypes::Field;

    use super::*;

    fn parts(array: impl arrow::array::Array + 'static) -> [String; 4] {
        let array: ArrayRef = Arc::new(array);
        let field = Field::new("c", array.data_type().clone(), true);
        let column = Column::bind_named(&field, &array, "a folder").unwrap();
        [DatePart::Year, DatePart::Month, DatePart::Day, DatePart::Hour].map(|part| {
            let mut out = Vec::new();
            push_date_part(&column, 0, part, &mut out);
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn a_moment_lies_in_its_year_month_day_and_hour() {
        let at = |micros| parts(TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC"));
        assert_eq!(at(1_709_210_096_789_000), ["2024", "2024-02", "2024-02-29", "2024-02-29-12"]);
        assert_eq!(at(-1), ["1969", "1969-12", "1969-12-31", "1969-12-31-23"]);
        assert_eq!(at(-735_160 * 86_400_000_000), ["-0043", "-0043-03", "-0043-03-15", "-0043-03-15-00"]);
        assert_eq!(at(253_402_300_800_000_000)[2], "10000-01-01");
        assert_eq!(parts(TimestampSecondArray::from(vec![7_200]))[3], "1970-01-01-02");
        assert_eq!(parts(Date32Array::from(vec![19_782]))[..3], ["2024", "2024-02", "2024-02-29"]);
    }
}
