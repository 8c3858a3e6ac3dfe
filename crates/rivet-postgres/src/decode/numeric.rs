//! NUMERIC: base-10000 digits with a weight.
//!
//! The value is the sum of `digit[i] * 10000^(weight - i)`; the layout is that of `numeric_send` in the server's
//! `numeric.c`: count, weight, sign and display scale of 16 bits each, then the digits.

use arrow::datatypes::i256;

use super::{Fault, Reading, split};

const NAN: u16 = 0xC000;
const PLUS_INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;
const NEGATIVE: u16 = 0x4000;

/// Decimal digits in one digit of the wire.
const DIGIT_WIDTH: i32 = 4;

/// Wire digits that a `u64` holds for sure: 10^16 is below 2^64.
const FAST_DIGITS: usize = 4;

pub(super) const TOO_MANY_DIGITS: &str = "a number with more digits than the decimal type holds";
const TOO_FINE: &str = "a number with more digits after the point than the decimal type holds";
const NOT_A_NUMBER: &str = "NaN";
const INFINITE: &str = "an infinite number";

/// A number taken apart.
struct Parts<'a> {
    digits: &'a [u8],
    negative: bool,
    /// The power of ten of the last digit's unit.
    exponent: i32,
}

/// An integer that a decimal type is made of.
pub(super) trait Mantissa: Copy {
    /// Nothing.
    const ZERO: Self;
    /// Returns `self * factor + addend`, or `None` beyond the type.
    fn push(self, factor: u16, addend: u16) -> Option<Self>;
    /// Returns `self * 10^exponent`, or `None` beyond the type.
    fn scale_up(self, exponent: u32) -> Option<Self>;
    /// Changes the sign.
    fn negate(self) -> Self;
    /// Makes one.
    fn from_u64(value: u64) -> Self;
    /// Returns 10^precision, which every value of that precision stays below. Arrow's widest precision of either
    /// width, 38 and 76 digits, has its power in the type.
    fn limit(precision: u8) -> Self;
    /// Whether it is below another.
    fn is_below(self, limit: Self) -> bool;
    /// Whether it is nothing.
    fn is_zero(self) -> bool;
}

/// Reads a NUMERIC as an integer of 10^-scale units below `limit`.
pub(super) fn numeric<M: Mantissa>(value: &[u8], limit: M, scale: i8) -> Result<Reading<M>, Fault> {
    let parts = match parts(value)? {
        Reading::Value(parts) => parts,
        Reading::Sentinel(what) | Reading::Unfit(what) => return Ok(Reading::Unfit(what)),
    };
    let shift = parts.exponent + i32::from(scale);
    if parts.digits.len() <= FAST_DIGITS * 2
        && let Some(value) = small(&parts, shift)
    {
        let value = M::from_u64(value);
        return Ok(signed(value, parts.negative, limit));
    }
    let digits = parts.digits.chunks_exact(2).map(|digit| u16::from_be_bytes([digit[0], digit[1]]));
    Ok(match large(digits, shift) {
        Ok(value) => signed(value, parts.negative, limit),
        Err(what) => Reading::Unfit(what),
    })
}

/// Any number of digits. The digits that a scale cuts off the last group are taken off before it is added: the whole
/// group may be more than the type holds where the number itself is not.
fn large<M: Mantissa>(digits: impl ExactSizeIterator<Item = u16>, shift: i32) -> Result<M, &'static str> {
    let last = digits.len().saturating_sub(1);
    let mut mantissa = M::ZERO;
    for (place, digit) in digits.enumerate() {
        let (factor, addend) = if place == last && shift < 0 {
            let cut = 10_u16.checked_pow(shift.unsigned_abs()).filter(|cut| *cut < 10_000 && digit % cut == 0);
            let cut = cut.ok_or(TOO_FINE)?;
            (10_000 / cut, digit / cut)
        } else {
            (10_000, digit)
        };
        mantissa = mantissa.push(factor, addend).ok_or(TOO_MANY_DIGITS)?;
    }
    if shift <= 0 || mantissa.is_zero() {
        return Ok(mantissa);
    }
    mantissa.scale_up(shift.unsigned_abs()).ok_or(TOO_MANY_DIGITS)
}

fn signed<M: Mantissa>(value: M, negative: bool, limit: M) -> Reading<M> {
    if !value.is_below(limit) {
        return Reading::Unfit(TOO_MANY_DIGITS);
    }
    Reading::Value(if negative { value.negate() } else { value })
}

fn parts(mut value: &[u8]) -> Result<Reading<Parts<'_>>, Fault> {
    let count = u16::from_be_bytes(split(&mut value)?);
    let weight = i16::from_be_bytes(split(&mut value)?);
    let sign = u16::from_be_bytes(split(&mut value)?);
    let _display_scale: [u8; 2] = split(&mut value)?;
    match sign {
        NAN => return Ok(Reading::Unfit(NOT_A_NUMBER)),
        PLUS_INFINITY | MINUS_INFINITY => return Ok(Reading::Unfit(INFINITE)),
        0 | NEGATIVE => {}
        _ => return Err(Fault::Malformed("a numeric value with an unknown sign")),
    }
    if value.len() != usize::from(count) * 2 {
        return Err(Fault::Malformed("a numeric value of the wrong length"));
    }
    let exponent = (i32::from(weight) - i32::from(count) + 1) * DIGIT_WIDTH;
    Ok(Reading::Value(Parts { digits: value, negative: sign == NEGATIVE, exponent }))
}

/// Powers of ten that a `u64` holds.
const POWERS: [u64; 20] = {
    let mut powers = [1_u64; 20];
    let mut i = 1;
    while i < 20 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// The common case: up to 16 digits, in machine words. `None` sends the caller the long way.
fn small(parts: &Parts<'_>, shift: i32) -> Option<u64> {
    let mantissa = parts
        .digits
        .chunks_exact(2)
        .fold(0_u64, |sum, digit| sum * 10_000 + u64::from(u16::from_be_bytes([digit[0], digit[1]])));
    let power = *POWERS.get(usize::try_from(shift.unsigned_abs()).ok()?)?;
    if shift >= 0 {
        return mantissa.checked_mul(power);
    }
    (mantissa % power == 0).then_some(mantissa / power)
}

impl Mantissa for i128 {
    const ZERO: Self = 0;

    fn push(self, factor: u16, addend: u16) -> Option<Self> {
        self.checked_mul(Self::from(factor))?.checked_add(Self::from(addend))
    }

    fn scale_up(self, exponent: u32) -> Option<Self> {
        self.checked_mul(10_i128.checked_pow(exponent)?)
    }

    fn negate(self) -> Self {
        -self
    }

    fn from_u64(value: u64) -> Self {
        Self::from(value)
    }

    fn limit(precision: u8) -> Self {
        10_i128.saturating_pow(u32::from(precision))
    }

    fn is_below(self, limit: Self) -> bool {
        self < limit
    }

    fn is_zero(self) -> bool {
        self == 0
    }
}

impl Mantissa for i256 {
    const ZERO: Self = Self::ZERO;

    fn push(self, factor: u16, addend: u16) -> Option<Self> {
        self.checked_mul(Self::from_i128(factor.into()))?.checked_add(Self::from_i128(addend.into()))
    }

    fn scale_up(self, exponent: u32) -> Option<Self> {
        self.checked_mul(Self::from_i128(10).checked_pow(exponent)?)
    }

    fn negate(self) -> Self {
        self.wrapping_neg()
    }

    fn from_u64(value: u64) -> Self {
        Self::from_i128(i128::from(value))
    }

    fn limit(precision: u8) -> Self {
        Self::from_i128(10).checked_pow(u32::from(precision)).unwrap_or(Self::MAX)
    }

    fn is_below(self, limit: Self) -> bool {
        self < limit
    }

    fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Encodes decimal digits as the server does: `text` is digits with at most one point.
    fn encode(negative: bool, integer: &str, fraction: &str) -> Vec<u8> {
        let pad = |len: usize| (4 - len % 4) % 4;
        let integer = format!("{}{integer}", "0".repeat(pad(integer.len())));
        let fraction_scale = fraction.len();
        let fraction = format!("{fraction}{}", "0".repeat(pad(fraction.len())));
        let all = format!("{integer}{fraction}");
        let mut digits: Vec<u16> =
            all.as_bytes().chunks(4).map(|c| std::str::from_utf8(c).unwrap().parse().unwrap()).collect();
        let mut weight = i16::try_from(integer.len() / 4).unwrap() - 1;
        while digits.first() == Some(&0) {
            digits.remove(0);
            weight -= 1;
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        if digits.is_empty() {
            weight = 0;
        }
        let mut bytes = Vec::new();
        bytes.extend(u16::try_from(digits.len()).unwrap().to_be_bytes());
        bytes.extend(weight.to_be_bytes());
        bytes.extend((if negative && !digits.is_empty() { NEGATIVE } else { 0 }).to_be_bytes());
        bytes.extend(u16::try_from(fraction_scale).unwrap().to_be_bytes());
        for digit in digits {
            bytes.extend(digit.to_be_bytes());
        }
        bytes
    }

    fn read(bytes: &[u8], precision: u8, scale: i8) -> Result<i128, &'static str> {
        match numeric(bytes, i128::limit(precision), scale).unwrap() {
            Reading::Value(value) => Ok(value),
            Reading::Sentinel(what) | Reading::Unfit(what) => Err(what),
        }
    }

    #[test]
    fn values_at_the_edges() {
        assert_eq!(read(&encode(false, "0", ""), 5, 2), Ok(0));
        assert_eq!(read(&encode(true, "17", "5"), 15, 2), Ok(-1_750));
        assert_eq!(read(&encode(false, "", "0001"), 10, 4), Ok(1));
        assert_eq!(read(&encode(false, "", "00001"), 10, 4), Err(TOO_FINE));
        assert_eq!(read(&encode(false, "1000", ""), 3, 0), Err(TOO_MANY_DIGITS));
        assert_eq!(read(&encode(false, "123400000", ""), 9, -2), Ok(1_234_000));
        assert_eq!(read(&encode(false, &"9".repeat(38), ""), 38, 0), Ok(10_i128.pow(38) - 1));
        assert_eq!(read(&encode(false, &"9".repeat(39), ""), 38, 0), Err(TOO_MANY_DIGITS));
        assert_eq!(read(&encode(false, &"1".repeat(500), ""), 38, 0), Err(TOO_MANY_DIGITS));
        let all_nines = encode(true, &"9".repeat(20), &"9".repeat(18));
        assert_eq!(read(&all_nines, 38, 18), Ok(1 - 10_i128.pow(38)), "the last group alone goes beyond 128 bits");
        assert_eq!(read(&all_nines, 38, 17), Err(TOO_FINE));
        assert_eq!(read(&[0, 0, 0, 0, 0xC0, 0, 0, 0], 38, 0), Err(NOT_A_NUMBER));
        assert_eq!(read(&[0, 0, 0, 0, 0xF0, 0, 0, 0], 38, 0), Err(INFINITE));
    }

    #[test]
    fn bytes_that_are_no_numeric_are_malformed() {
        assert!(numeric(&[0, 1, 0, 0, 0, 0, 0, 0], 1_i128, 0).is_err());
        assert!(numeric(&[0], 1_i128, 0).is_err());
        assert!(numeric(&[0, 0, 0, 0, 0x12, 0, 0, 0], 1_i128, 0).is_err());
    }

    proptest! {
        #[test]
        fn both_widths_read_what_was_written(negative: bool, integer in "[1-9][0-9]{0,19}", fraction in "[0-9]{0,18}") {
            let bytes = encode(negative, &integer, &fraction);
            let padded = format!("{integer}{fraction:0<18}");
            let expected: i128 = padded.parse().unwrap();
            let expected = if negative { -expected } else { expected };
            prop_assert_eq!(read(&bytes, 38, 18), Ok(expected));
            let Reading::Value(wide) = numeric(&bytes, i256::limit(76), 18).unwrap() else { panic!("unfit") };
            prop_assert_eq!(wide, i256::from_i128(expected));
        }
    }
}
