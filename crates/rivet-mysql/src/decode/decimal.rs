//! Numbers of a fixed scale, which come as their digits.

use arrow::datatypes::i256;

use super::{Cell, Fault, Reading, STRANGE};

const TOO_MANY_DIGITS: &str = "a number with more digits than the decimal type holds";
const TOO_FINE: &str = "a number with more digits after the point than the decimal type holds";
const NO_NUMBER: &str = "text that is no number";

/// Digits that an `i128` holds for sure.
const HALF: usize = 38;

/// Digits that an `i64` holds for sure.
const SHORT: usize = 18;

/// Digits of the widest decimal type.
const WIDEST: usize = 76;

/// The digits of a number without its point, taken apart for the two widths of decimals.
struct Digits {
    /// Those beyond the last [`HALF`].
    high: i128,
    /// The last [`HALF`].
    low: i128,
    negative: bool,
}

/// Reads an integer of 10^-scale units, of so many digits at most, into 128 bits.
pub(super) fn decimal128(cell: Cell<'_>, precision: u8, scale: i8) -> Result<Reading<i128>, Fault> {
    if let Cell::Bytes(text) = cell
        && let Some(number) = short(text, precision.into(), usize::try_from(scale).unwrap_or(0))
    {
        return Ok(Reading::Value(number.into()));
    }
    Ok(match digits(cell, precision, scale)? {
        Ok(Digits { high: 0, low, negative }) => Reading::Value(if negative { -low } else { low }),
        Ok(_) => Reading::Unfit(TOO_MANY_DIGITS),
        Err(what) => Reading::Unfit(what),
    })
}

/// As [`decimal128`], into 256 bits.
pub(super) fn decimal256(cell: Cell<'_>, precision: u8, scale: i8) -> Result<Reading<i256>, Fault> {
    let unit = i256::from_i128(10_i128.pow(38));
    Ok(match digits(cell, precision, scale)? {
        Ok(Digits { high, low, negative }) => {
            let value = i256::from_i128(high).wrapping_mul(unit).wrapping_add(i256::from_i128(low));
            Reading::Value(if negative { value.wrapping_neg() } else { value })
        }
        Err(what) => Reading::Unfit(what),
    })
}

/// Reads what the server writes for most numbers: few digits, and as many behind the point as the type has. `None`
/// for any other form, good or bad.
fn short(text: &[u8], precision: u32, scale: usize) -> Option<i64> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (whole, fraction) = match text.len().checked_sub(scale + 1) {
        Some(point) if scale > 0 => (text.get(..point)?, text.get(point..)?.strip_prefix(b".")?),
        _ if scale > 0 => return None,
        _ => (text, &[][..]),
    };
    let count = whole.len() + fraction.len();
    if count == 0 || count > SHORT {
        return None;
    }
    let mut number = 0_i64;
    for byte in whole.iter().chain(fraction) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    let fits = 10_i64.checked_pow(precision).is_none_or(|limit| number < limit);
    fits.then_some(if negative { -number } else { number })
}

fn digits(cell: Cell<'_>, precision: u8, scale: i8) -> Result<Result<Digits, &'static str>, Fault> {
    let rendered;
    let text = match cell {
        Cell::Bytes(text) => text.trim_ascii(),
        Cell::Int(number) => {
            rendered = number.to_string();
            rendered.as_bytes()
        }
        Cell::Uint(number) => {
            rendered = number.to_string();
            rendered.as_bytes()
        }
        // The shortest digits that are this number and no other, without an exponent.
        Cell::Double(number) => {
            rendered = number.to_string();
            rendered.as_bytes()
        }
        Cell::Float(number) => {
            rendered = number.to_string();
            rendered.as_bytes()
        }
        _ => return Err(STRANGE),
    };
    Ok(parse(text, usize::from(precision), usize::try_from(scale).unwrap_or(0)))
}

fn parse(text: &[u8], precision: usize, scale: usize) -> Result<Digits, &'static str> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let point = text.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = text.split_at(point.unwrap_or(text.len()));
    let fraction = fraction.get(1..).unwrap_or_default();
    let all_digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    if !all_digits(whole) || !all_digits(fraction) || whole.len() + fraction.len() == 0 {
        return Err(NO_NUMBER);
    }
    let (kept, cut) = fraction.split_at(fraction.len().min(scale));
    if cut.iter().any(|digit| *digit != b'0') {
        return Err(TOO_FINE);
    }
    let leading = whole.iter().take_while(|digit| **digit == b'0').count();
    let whole = whole.get(leading..).unwrap_or_default();
    let count = whole.len() + scale;
    // Zeros before the first digit behind the point count for nothing.
    let significant = if whole.is_empty() {
        scale - kept.iter().take_while(|digit| **digit == b'0').count().min(scale)
    } else {
        count
    };
    if significant > precision || count > WIDEST {
        return Err(TOO_MANY_DIGITS);
    }
    let padding = std::iter::repeat_n(&b'0', scale - kept.len());
    let (mut high, mut low) = (0_i128, 0_i128);
    for (place, digit) in whole.iter().chain(kept).chain(padding).enumerate() {
        let part = if count - place > HALF { &mut high } else { &mut low };
        *part = *part * 10 + i128::from(digit - b'0');
    }
    Ok(Digits { high, low, negative })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_become_units() {
        let check = |text: &str, precision, scale, expected| {
            assert_eq!(decimal128(Cell::Bytes(text.as_bytes()), precision, scale).unwrap(), expected, "{text}");
        };
        check("-123.45", 5, 2, Reading::Value(-12_345));
        check("123.4", 5, 2, Reading::Value(12_340));
        check("0.05", 2, 2, Reading::Value(5));
        check(".5", 2, 2, Reading::Value(50));
        check("+7", 3, 2, Reading::Value(700));
        check("0", 1, 0, Reading::Value(0));
        check("1.500", 3, 1, Reading::Value(15));
        check("1.501", 3, 1, Reading::Unfit(TOO_FINE));
        check("1000", 3, 0, Reading::Unfit(TOO_MANY_DIGITS));
        check("1e3", 9, 0, Reading::Unfit(NO_NUMBER));
        check("", 9, 0, Reading::Unfit(NO_NUMBER));
        check("-", 9, 0, Reading::Unfit(NO_NUMBER));
        check("99999999999999999999999999999999999999", 38, 0, Reading::Value(10_i128.pow(38) - 1));
        assert_eq!(decimal128(Cell::Int(-7), 3, 2).unwrap(), Reading::Value(-700));
        assert_eq!(decimal128(Cell::Double(0.1), 3, 2).unwrap(), Reading::Value(10));
        assert_eq!(decimal128(Cell::Double(f64::INFINITY), 3, 2).unwrap(), Reading::Unfit(NO_NUMBER));
    }

    #[test]
    fn the_widest_decimal_fits() {
        let text = format!("-{}.{}", "9".repeat(35), "9".repeat(30));
        let expected = i256::from_string(&text.replace('.', "")).unwrap();
        assert_eq!(decimal256(Cell::Bytes(text.as_bytes()), 65, 30).unwrap(), Reading::Value(expected));
    }

    proptest! {
        #[test]
        fn the_short_way_reads_what_the_long_one_does(
            text in "-?[0-9]{0,20}(\\.[0-9]{0,6})?|[-+0-9. e]{0,8}",
            precision in 1_u8..=38,
            scale in 0_u8..=6,
        ) {
            let (scale, precision) = (usize::from(scale), usize::from(precision));
            if let Some(number) = short(text.as_bytes(), u32::try_from(precision).unwrap(), scale) {
                let long = parse(text.as_bytes(), precision, scale).map(|found| (found.high, found.low, found.negative));
                let expected = (0, i128::from(number.unsigned_abs()), text.starts_with('-'));
                prop_assert_eq!(long, Ok(expected));
            }
        }

        #[test]
        fn both_widths_read_what_was_written(number in any::<i128>(), scale in 0_u8..=30) {
            let number = number % 10_i128.pow(38);
            let digits = format!("{:0>width$}", number.unsigned_abs(), width = usize::from(scale) + 1);
            let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
            let text = format!("{}{whole}.{fraction}0", if number < 0 { "-" } else { "" });
            let scale = i8::try_from(scale).unwrap();
            let cell = Cell::Bytes(text.as_bytes());
            prop_assert_eq!(decimal128(cell, 38, scale).unwrap(), Reading::Value(number));
            prop_assert_eq!(decimal256(cell, 76, scale).unwrap(), Reading::Value(i256::from_i128(number)));
        }
    }
}
