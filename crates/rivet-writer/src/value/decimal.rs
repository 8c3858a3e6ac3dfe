use arrow::datatypes::i256;

/// 10^38: what splits a decimal of up to 76 digits into two of up to 38.
const HALF: i256 = i256::from_i128(10_i128.pow(38));

/// Appends all digits, with the point before the last `scale` of them.
pub(super) fn push_decimal(value: i128, scale: i8, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = match u64::try_from(value.unsigned_abs()) {
        Ok(small) => buffer.format(small),
        Err(_) => buffer.format(value.unsigned_abs()),
    };
    push_scaled(value < 0, digits.as_bytes(), scale, out);
}

/// Appends all digits, with the point before the last `scale` of them.
pub(super) fn push_wide_decimal(value: i256, scale: i8, out: &mut Vec<u8>) {
    if let Some(narrow) = value.to_i128() {
        return push_decimal(narrow, scale, out);
    }
    let half = |part: i256| part.wrapping_abs().to_i128().map_or(u128::MAX, i128::unsigned_abs);
    let (high, low) = (half(value.wrapping_div(HALF)), half(value.wrapping_rem(HALF)));
    let (mut high_buffer, mut low_buffer) = (itoa::Buffer::new(), itoa::Buffer::new());
    let (high, low) = (high_buffer.format(high).as_bytes(), low_buffer.format(low).as_bytes());
    let mut digits = [b'0'; 80];
    let end = high.len() + 38;
    digits[..high.len()].copy_from_slice(high);
    digits[end - low.len()..end].copy_from_slice(low);
    push_scaled(value.is_negative(), &digits[..end], scale, out);
}

fn push_scaled(negative: bool, digits: &[u8], scale: i8, out: &mut Vec<u8>) {
    if negative {
        out.push(b'-');
    }
    let Ok(scale) = usize::try_from(scale) else {
        out.extend_from_slice(digits);
        if digits != b"0" {
            out.resize(out.len() + usize::from(scale.unsigned_abs()), b'0');
        }
        return;
    };
    match digits.len().checked_sub(scale) {
        Some(_) if scale == 0 => out.extend_from_slice(digits),
        Some(whole) if whole > 0 => {
            out.extend_from_slice(&digits[..whole]);
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
        _ => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + (scale - digits.len()), b'0');
            out.extend_from_slice(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_all_digits_of_their_scale() {
        let check = |value: &str, scale, expected: &str| {
            let value: i256 = value.parse().unwrap();
            let mut out = Vec::new();
            push_wide_decimal(value, scale, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check("0", 0, "0");
        check("0", 2, "0.00");
        check("5", 2, "0.05");
        check("-5", 2, "-0.05");
        check("100", 2, "1.00");
        check("-123456", 3, "-123.456");
        check("42", -3, "42000");
        check("0", -3, "0");
        check("18446744073709551616", 4, "1844674407370955.1616");
        check("99999999999999999999999999999999999999", 38, "0.99999999999999999999999999999999999999");
        check("-170141183460469231731687303715884105729", 0, "-170141183460469231731687303715884105729");
        let digits = "1234567890".repeat(7) + "123456";
        check(&digits, 0, &digits);
        check(&format!("-{digits}"), 6, &format!("-{}.123456", "1234567890".repeat(7)));
        check(&format!("1{}7", "0".repeat(50)), 10, &format!("1{}.{}7", "0".repeat(41), "0".repeat(9)));
    }
}
