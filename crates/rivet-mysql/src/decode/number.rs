//! Whole numbers, numbers with a fraction, and truth values.

use super::{Cell, Fault, Reading, STRANGE};

const OUT_OF_RANGE: &str = "a number beyond what the type holds";
const FRACTION: &str = "a number with a fraction, which a whole number can't hold";
const NO_NUMBER: &str = "text that is no number";
const NO_TRUTH: &str = "a number other than 0 and 1, which is no truth value";
const ROUNDED: &str = "a number that the type can't hold without rounding";

/// 2^53: every whole number up to it is a `f64`.
const EXACT_IN_F64: u64 = 1 << 53;
/// 2^24: every whole number up to it is a `f32`.
const EXACT_IN_F32: u64 = 1 << 24;

/// A type of whole numbers.
pub(super) trait Whole: TryFrom<i64> + TryFrom<u64> + TryFrom<i128> {}

impl<T: TryFrom<i64> + TryFrom<u64> + TryFrom<i128>> Whole for T {}

fn in_range<T, E>(converted: Result<T, E>) -> Reading<T> {
    converted.map_or(Reading::Unfit(OUT_OF_RANGE), Reading::Value)
}

/// Reads a whole number.
pub(super) fn integer<T: Whole>(cell: Cell<'_>) -> Result<Reading<T>, Fault> {
    Ok(match cell {
        Cell::Int(number) => in_range(T::try_from(number)),
        Cell::Uint(number) => in_range(T::try_from(number)),
        Cell::Float(number) => whole_float(f64::from(number)),
        Cell::Double(number) => whole_float(number),
        Cell::Bytes(text) => match whole_text(text) {
            Ok(number) => in_range(T::try_from(number)),
            Err(what) => Reading::Unfit(what),
        },
        _ => return Err(STRANGE),
    })
}

fn whole_float<T: Whole>(number: f64) -> Reading<T> {
    // 2^64, beyond which no type of ours reaches.
    if !number.is_finite() || number.abs() >= 18_446_744_073_709_551_616.0 {
        return Reading::Unfit(OUT_OF_RANGE);
    }
    if number.fract().abs() > 0.0 {
        return Reading::Unfit(FRACTION);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^64")]
    let number = number as i128;
    in_range(T::try_from(number))
}

/// Reads digits, with a sign and with zeros behind a point at most.
fn whole_text(text: &[u8]) -> Result<i128, &'static str> {
    let text = std::str::from_utf8(text).map_err(|_not_text| NO_NUMBER)?.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) || whole.is_empty() {
        return Err(NO_NUMBER);
    }
    let number = whole.parse().map_err(|error: std::num::ParseIntError| match error.kind() {
        std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => OUT_OF_RANGE,
        _ => NO_NUMBER,
    })?;
    if fraction.bytes().all(|digit| digit == b'0') { Ok(number) } else { Err(FRACTION) }
}

/// Makes a whole number of the bytes of a `BIT`, the highest first.
pub(super) fn bits(cell: Cell<'_>) -> Result<Cell<'_>, Fault> {
    match cell {
        Cell::Bytes(bytes) if bytes.len() <= 8 => {
            Ok(Cell::Uint(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))))
        }
        _ => Err(STRANGE),
    }
}

/// Reads a truth value.
pub(super) fn truth(cell: Cell<'_>) -> Result<Reading<bool>, Fault> {
    Ok(match cell {
        Cell::Int(0) | Cell::Uint(0) => Reading::Value(false),
        Cell::Int(1) | Cell::Uint(1) => Reading::Value(true),
        Cell::Int(_) | Cell::Uint(_) => Reading::Unfit(NO_TRUTH),
        Cell::Bytes(text) => match text.trim_ascii() {
            b"0" => Reading::Value(false),
            b"1" => Reading::Value(true),
            word if word.eq_ignore_ascii_case(b"false") => Reading::Value(false),
            word if word.eq_ignore_ascii_case(b"true") => Reading::Value(true),
            _ => Reading::Unfit("text that is no truth value"),
        },
        _ => return Err(STRANGE),
    })
}

/// As [`truth`], of the bytes of a `BIT`.
pub(super) fn truth_of_bits(cell: Cell<'_>) -> Result<Reading<bool>, Fault> {
    truth(bits(cell)?)
}

/// Reads a number of 64 bits. Numbers with a fraction are rounded to it, which is what asking for it means; whole
/// ones are not.
pub(super) fn double(cell: Cell<'_>) -> Result<Reading<f64>, Fault> {
    #[expect(clippy::cast_precision_loss, reason = "no number beyond 2^53 gets there")]
    Ok(match cell {
        Cell::Double(number) => Reading::Value(number),
        Cell::Float(number) => Reading::Value(f64::from(number)),
        Cell::Int(number) if number.unsigned_abs() <= EXACT_IN_F64 => Reading::Value(number as f64),
        Cell::Uint(number) if number <= EXACT_IN_F64 => Reading::Value(number as f64),
        Cell::Int(_) | Cell::Uint(_) => Reading::Unfit(ROUNDED),
        Cell::Bytes(text) => parse_float(text),
        _ => return Err(STRANGE),
    })
}

/// As [`double`], of 32 bits.
pub(super) fn float(cell: Cell<'_>) -> Result<Reading<f32>, Fault> {
    #[expect(clippy::cast_precision_loss, reason = "no number beyond 2^24 gets there")]
    Ok(match cell {
        Cell::Float(number) => Reading::Value(number),
        Cell::Double(number) => narrowed(number),
        Cell::Int(number) if number.unsigned_abs() <= EXACT_IN_F32 => Reading::Value(number as f32),
        Cell::Uint(number) if number <= EXACT_IN_F32 => Reading::Value(number as f32),
        Cell::Int(_) | Cell::Uint(_) => Reading::Unfit(ROUNDED),
        Cell::Bytes(text) => parse_float(text),
        _ => return Err(STRANGE),
    })
}

fn narrowed(number: f64) -> Reading<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what was asked for")]
    let narrow = number as f32;
    if narrow.is_finite() { Reading::Value(narrow) } else { Reading::Unfit(OUT_OF_RANGE) }
}

fn parse_float<T: std::str::FromStr>(text: &[u8]) -> Reading<T> {
    let text = std::str::from_utf8(text).ok().map(str::trim);
    // What Rust reads as well: words for infinity and for what is no number.
    let plain = text.filter(|text| text.bytes().any(|byte| byte.is_ascii_digit()));
    plain.and_then(|text| text.parse().ok()).map_or(Reading::Unfit(NO_NUMBER), Reading::Value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_fit_or_do_not() {
        let check = |cell, expected| assert_eq!(integer::<i16>(cell).unwrap(), expected, "{cell:?}");
        check(Cell::Int(-32_768), Reading::Value(i16::MIN));
        check(Cell::Uint(32_768), Reading::Unfit(OUT_OF_RANGE));
        check(Cell::Double(-7.0), Reading::Value(-7));
        check(Cell::Double(-7.5), Reading::Unfit(FRACTION));
        check(Cell::Float(1e30), Reading::Unfit(OUT_OF_RANGE));
        check(Cell::Double(f64::NAN), Reading::Unfit(OUT_OF_RANGE));
        check(Cell::Bytes(b"12.00"), Reading::Value(12));
        check(Cell::Bytes(b"12.01"), Reading::Unfit(FRACTION));
        check(Cell::Bytes(b"12abc"), Reading::Unfit(NO_NUMBER));
        check(Cell::Bytes(b"12.0x"), Reading::Unfit(NO_NUMBER));
        check(Cell::Bytes(b""), Reading::Unfit(NO_NUMBER));
        check(Cell::Bytes(b"99999999999999999999999999999999999999999"), Reading::Unfit(OUT_OF_RANGE));
        assert_eq!(integer::<u64>(Cell::Uint(u64::MAX)).unwrap(), Reading::Value(u64::MAX));
        assert_eq!(integer::<u64>(Cell::Int(-1)).unwrap(), Reading::Unfit(OUT_OF_RANGE));
        assert_eq!(integer::<i64>(Cell::Null), Err(STRANGE));
    }

    #[test]
    fn bits_are_numbers() {
        assert_eq!(bits(Cell::Bytes(&[0x80, 1])), Ok(Cell::Uint(0x8001)));
        assert_eq!(bits(Cell::Bytes(&[0xff; 8])), Ok(Cell::Uint(u64::MAX)));
        assert_eq!(bits(Cell::Bytes(&[0; 9])), Err(STRANGE));
        assert_eq!(truth_of_bits(Cell::Bytes(&[1])), Ok(Reading::Value(true)));
    }

    #[test]
    fn truth_is_0_or_1() {
        for (cell, expected) in [
            (Cell::Int(1), Reading::Value(true)),
            (Cell::Int(2), Reading::Unfit(NO_TRUTH)),
            (Cell::Int(-1), Reading::Unfit(NO_TRUTH)),
            (Cell::Bytes(b"FALSE"), Reading::Value(false)),
            (Cell::Bytes(b"yes"), Reading::Unfit("text that is no truth value")),
        ] {
            assert_eq!(truth(cell).unwrap(), expected, "{cell:?}");
        }
    }

    #[test]
    fn whole_numbers_are_never_rounded() {
        assert_eq!(double(Cell::Int(1 << 53)).unwrap(), Reading::Value(9_007_199_254_740_992.0));
        assert_eq!(double(Cell::Uint((1 << 53) + 1)).unwrap(), Reading::Unfit(ROUNDED));
        assert_eq!(float(Cell::Int((1 << 24) + 1)).unwrap(), Reading::Unfit(ROUNDED));
        assert_eq!(float(Cell::Double(0.1)).unwrap(), Reading::Value(0.1));
        assert_eq!(float(Cell::Double(1e300)).unwrap(), Reading::Unfit(OUT_OF_RANGE));
        assert_eq!(double(Cell::Bytes(b"-1.5e3")).unwrap(), Reading::Value(-1_500.0));
        assert_eq!(double(Cell::Bytes(b"inf")).unwrap(), Reading::Unfit(NO_NUMBER));
    }
}
