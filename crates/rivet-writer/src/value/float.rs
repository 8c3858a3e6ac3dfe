//! Floating-point numbers as PostgreSQL writes them since version 12: the shortest decimal that reads back, in
//! exponent form below 1e-4 and from 1e15 (`float8`) or 1e6 (`float4`) on.
//!
//! "Shortest" is PostgreSQL's: a decimal that lies exactly half way to the neighbouring number does not count, though
//! it would read back where ties go to the even mantissa. So 1e23 is `9.999999999999999e+22`.

/// From this power of ten on, `float8` is written with an exponent.
const DOUBLE_LIMIT: i32 = 15;

/// The same for `float4`.
const SINGLE_LIMIT: i32 = 6;

/// Below this power of ten both are.
const LOWEST_PLAIN: i32 = -4;

/// What a float is made of: `mantissa * 2^exponent`.
#[derive(Debug, Clone, Copy)]
struct Parts {
    mantissa: u64,
    exponent: i32,
    /// Whether the neighbour below is only half as far away: the mantissa is the least of its power of two.
    near_below: bool,
}

/// Appends a `float8`.
pub(super) fn push_f64(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        return push_special(value, out);
    }
    let mut buffer = ryu::Buffer::new();
    let mut shortest = Shortest::parse(buffer.format_finite(value).as_bytes());
    if value.abs() >= 9_007_199_254_740_992.0 {
        let bits = value.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let biased = i32::try_from((bits >> 52) & 0x7ff).expect("eleven bits fit");
        let parts = Parts { mantissa: fraction | 1 << 52, exponent: biased - 1_075, near_below: fraction == 0 };
        if shortest.is_half_way(parts) {
            shortest = Shortest::longer(shortest.digits(), parts, |precision| format!("{value:.precision$e}"));
        }
    }
    shortest.push(DOUBLE_LIMIT, out);
}

/// Appends a `float4`.
pub(super) fn push_f32(value: f32, out: &mut Vec<u8>) {
    if !value.is_finite() {
        return push_special(f64::from(value), out);
    }
    let mut buffer = ryu::Buffer::new();
    let mut shortest = Shortest::parse(buffer.format_finite(value).as_bytes());
    if value.abs() >= 16_777_216.0 {
        let bits = value.to_bits();
        let fraction = bits & ((1 << 23) - 1);
        let biased = i32::try_from((bits >> 23) & 0xff).expect("eight bits fit");
        let mantissa = u64::from(fraction | 1 << 23);
        let parts = Parts { mantissa, exponent: biased - 150, near_below: fraction == 0 };
        if shortest.is_half_way(parts) {
            shortest = Shortest::longer(shortest.digits(), parts, |precision| format!("{value:.precision$e}"));
        }
    }
    shortest.push(SINGLE_LIMIT, out);
}

fn push_special(value: f64, out: &mut Vec<u8>) {
    let text: &[u8] = match value {
        f64::INFINITY => b"Infinity",
        f64::NEG_INFINITY => b"-Infinity",
        _ => b"NaN",
    };
    out.extend_from_slice(text);
}

/// A decimal in pieces: `0.digits * 10^(power + 1)`, without zeros at either end; zero is one `0`.
#[derive(Debug)]
struct Shortest {
    negative: bool,
    digits: [u8; 32],
    length: usize,
    /// The power of ten of the first digit.
    power: i32,
}

impl Shortest {
    /// Takes apart what `ryu` and `{:e}` write: `-12.5`, `0.001`, `1.8e16`.
    fn parse(text: &[u8]) -> Self {
        let mut parsed = Self { negative: false, digits: [b'0'; 32], length: 0, power: -1 };
        let mut after_point = false;
        for (index, &byte) in text.iter().enumerate() {
            match byte {
                b'-' => parsed.negative = true,
                b'.' => after_point = true,
                b'e' => {
                    parsed.power += parse_exponent(&text[index + 1..]);
                    break;
                }
                b'0' if parsed.length == 0 => parsed.power -= i32::from(after_point),
                digit => {
                    parsed.digits[parsed.length] = digit;
                    parsed.length += 1;
                    parsed.power += i32::from(!after_point);
                }
            }
        }
        while parsed.length > 1 && parsed.digits[parsed.length - 1] == b'0' {
            parsed.length -= 1;
        }
        if parsed.length == 0 {
            (parsed.length, parsed.power) = (1, 0);
        }
        parsed
    }

    fn digits(&self) -> usize {
        self.length
    }

    /// Returns whether the decimal lies exactly between the number and a neighbour.
    ///
    /// Only whole numbers can be meant: below 2^53 (or 2^24) a point half way has more digits than the number.
    /// Such a point is an odd number times a power of two; so is the decimal, once its twos are taken out.
    fn is_half_way(&self, parts: Parts) -> bool {
        let digits = self.digits[..self.length].iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let length = i32::try_from(self.length).expect("there are at most 17 digits");
        let Ok(tens) = u32::try_from(self.power + 1 - length) else { return false };
        let Some(odd) = 5_u64.checked_pow(tens).and_then(|fives| fives.checked_mul(digits >> digits.trailing_zeros()))
        else {
            return false;
        };
        let twos = i64::from(digits.trailing_zeros()) + i64::from(tens);
        let exponent = i64::from(parts.exponent);
        let above = (2 * parts.mantissa + 1, exponent - 1);
        let below = if parts.near_below {
            (4 * parts.mantissa - 1, exponent - 2)
        } else {
            (2 * parts.mantissa - 1, exponent - 1)
        };
        (odd, twos) == above || (odd, twos) == below
    }

    /// Finds the next shortest decimal: more digits until it is not half way. It is rare enough to allocate.
    fn longer(digits: usize, parts: Parts, format: impl Fn(usize) -> String) -> Self {
        // A precision of `n` gives `n + 1` digits; 17 digits tell any two numbers apart.
        (digits..=17)
            .map(|precision| Self::parse(format(precision).as_bytes()))
            .find(|candidate| candidate.length > digits && !candidate.is_half_way(parts))
            .unwrap_or_else(|| Self::parse(format(17).as_bytes()))
    }

    fn push(&self, limit: i32, out: &mut Vec<u8>) {
        if self.negative {
            out.push(b'-');
        }
        let digits = &self.digits[..self.length];
        if self.power < LOWEST_PLAIN || self.power >= limit {
            self.push_exponent(digits, out);
        } else if let Ok(power) = usize::try_from(self.power) {
            let whole = power + 1;
            if let Some((whole, fraction)) = digits.split_at_checked(whole).filter(|(_, rest)| !rest.is_empty()) {
                out.extend_from_slice(whole);
                out.push(b'.');
                out.extend_from_slice(fraction);
            } else {
                out.extend_from_slice(digits);
                out.resize(out.len() + (whole - digits.len()), b'0');
            }
        } else {
            out.extend_from_slice(&b"0.000"[..usize::try_from(1 - self.power).expect("the power is -4 to -1")]);
            out.extend_from_slice(digits);
        }
    }

    fn push_exponent(&self, digits: &[u8], out: &mut Vec<u8>) {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if self.power < 0 { b"e-" } else { b"e+" });
        let power = self.power.unsigned_abs();
        if power < 100 {
            out.extend_from_slice(&super::pair(power));
        } else {
            out.extend_from_slice(itoa::Buffer::new().format(power).as_bytes());
        }
    }
}

fn parse_exponent(text: &[u8]) -> i32 {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        digits => (1, digits),
    };
    sign * digits.iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn double(value: f64) -> String {
        let mut out = Vec::new();
        push_f64(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn single(value: f32) -> String {
        let mut out = Vec::new();
        push_f32(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The expected texts are what PostgreSQL 15 printed.
    #[test]
    fn doubles_are_what_postgres_prints() {
        let check = |value, expected| assert_eq!(double(value), expected);
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(-2.5, "-2.5");
        check(0.1, "0.1");
        check(0.1 + 0.2, "0.30000000000000004");
        check(100.0, "100");
        check(123_456.789, "123456.789");
        check(0.0001, "0.0001");
        check(0.00012, "0.00012");
        check(0.00001, "1e-05");
        check(1.5e-7, "1.5e-07");
        check(1e14, "100000000000000");
        check(123_456_789_012_345.0, "123456789012345");
        check(1e15, "1e+15");
        check(1_234_567_890_123_456.0, "1.234567890123456e+15");
        check(1e20, "1e+20");
        check(1e22, "1e+22");
        check(1e23, "9.999999999999999e+22");
        check(1e100, "1e+100");
        check(9_007_199_254_740_994.0, "9.007199254740994e+15");
        check(18_014_398_509_481_992.0, "1.8014398509481992e+16");
        check(36_028_797_018_963_968.0, "3.602879701896397e+16");
        check(f64::MAX, "1.7976931348623157e+308");
        check(f64::MIN_POSITIVE, "2.2250738585072014e-308");
        check(5e-324, "5e-324");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "Infinity");
        check(f64::NEG_INFINITY, "-Infinity");
    }

    /// The expected texts are what PostgreSQL 15 printed.
    #[test]
    fn singles_are_what_postgres_prints() {
        let check = |value, expected| assert_eq!(single(value), expected);
        check(0.1, "0.1");
        check(123_456.0, "123456");
        check(1_234_567.0, "1.234567e+06");
        check(0.0001, "0.0001");
        check(0.00001, "1e-05");
        check(16_777_216.0, "1.6777216e+07");
        check(33_554_440.0, "3.355444e+07");
        check(f32::MAX, "3.4028235e+38");
        check(1e-45, "1e-45");
        check(f32::NAN, "NaN");
        check(f32::NEG_INFINITY, "-Infinity");
    }

    proptest! {
        #[test]
        fn doubles_read_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(double(value).parse::<f64>().unwrap().to_bits(), bits);
        }

        #[test]
        fn whole_doubles_read_back(mantissa in 1_u64 << 52..1 << 53, shift in 0_i32..80) {
            let value = f64::from(2_f32.powi(shift)) * f64::from_bits(mantissa & ((1 << 52) - 1) | 1_075 << 52);
            prop_assert_eq!(double(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }

        #[test]
        fn singles_read_back(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(single(value).parse::<f32>().unwrap().to_bits(), bits);
        }
    }
}
