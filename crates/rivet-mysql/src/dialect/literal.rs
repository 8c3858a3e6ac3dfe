//! Values of keys as SQL.
//!
//! Whatever a value holds, it stays inside of its literal: texts with a backslash, which two settings read in two
//! ways, are written by their bytes, and numbers are checked to be some.

use std::fmt::Write as _;

use rivet_model::Scalar;
use rivet_source::{SourceError, SourceErrorKind, SourceType};

use crate::types::{Class, class};

/// Quotes a text.
pub(crate) fn literal(text: &str) -> String {
    if text.contains(|character: char| character == '\\' || character.is_control()) {
        return format!("_utf8mb4 x'{}'", hexadecimal(text.as_bytes()));
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// Writes bytes by two digits each.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

/// Writes a value as a literal of a column's type.
pub(super) fn typed(value: &Scalar, of: &SourceType) -> Result<String, SourceError> {
    Ok(match value {
        Scalar::Int(number) => number.to_string(),
        Scalar::Uint(number) => number.to_string(),
        Scalar::Decimal(text) => {
            let number = number(text).ok_or_else(|| unusable(value))?;
            // Digits alone are an exact number, which is compared with others than a rounded one is.
            if class(of) == Class::Float && !number.contains(['e', 'E']) { format!("{number}e0") } else { number }
        }
        Scalar::Bytes(digits)
            if digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) =>
        {
            format!("x'{digits}'")
        }
        Scalar::Bytes(_) => return Err(unusable(value)),
        Scalar::Date(text) => moment("DATE", text),
        Scalar::Timestamp(text) | Scalar::TimestampTz(text) => moment("TIMESTAMP", text),
        Scalar::Text(text) => literal(text),
        Scalar::Uuid(uuid) => literal(&uuid.to_string()),
    })
}

fn unusable(value: &Scalar) -> SourceError {
    let message = format!("a bound of the key is no {}", value.kind().as_str());
    SourceError::new(SourceErrorKind::Statement, message)
}

/// Returns a number as SQL writes one; `None` for what is none, words for infinity among it.
fn number(text: &str) -> Option<String> {
    let of_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    let is_number = text.bytes().all(of_number) && text.parse::<f64>().is_ok();
    is_number.then(|| text.to_owned())
}

/// Writes a day or a moment with the type's name before it, without the zone, which is that of the session.
fn moment(kind: &str, text: &str) -> String {
    let text = text.trim().replace('T', " ");
    let zone = ["Z", "+00:00", "+00"].iter().find_map(|zone| text.strip_suffix(zone));
    let plain = zone.unwrap_or(&text).trim_end();
    let is_plain = plain.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b' '));
    // A literal with a type does not take a date without a month or a day, which a table may hold.
    if is_plain && !has_zero(plain) { format!("{kind}'{plain}'") } else { literal(plain) }
}

fn has_zero(text: &str) -> bool {
    let mut parts = text.split([' ', '-']);
    let (_year, month, day) = (parts.next(), parts.next(), parts.next());
    month == Some("00") || day == Some("00")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rivet_source::TypeShape;

    use super::*;
    use crate::kind;

    fn of(id: u32) -> SourceType {
        SourceType { name: "t".to_owned(), base: "t".to_owned(), id, modifier: -1, shape: TypeShape::Scalar }
    }

    #[test]
    fn literals_are_of_their_columns_types() {
        let check = |id, value: Scalar, expected: &str| assert_eq!(typed(&value, &of(id)).unwrap(), expected);
        let text = |text: &str| Scalar::Text(text.to_owned());
        check(kind::LONGLONG, Scalar::Int(i64::MIN), "-9223372036854775808");
        check(kind::LONGLONG | kind::UNSIGNED, Scalar::Uint(u64::MAX), "18446744073709551615");
        check(kind::DECIMAL, Scalar::Decimal("-1.50".into()), "-1.50");
        check(kind::DOUBLE, Scalar::Decimal("1.5".into()), "1.5e0");
        check(kind::DOUBLE, Scalar::Decimal("1.5e300".into()), "1.5e300");
        check(kind::VAR_STRING, text("it's"), "'it''s'");
        check(kind::VAR_STRING, text("a\\'b"), "_utf8mb4 x'615c2762'");
        check(kind::VAR_STRING, text("a\nb"), "_utf8mb4 x'610a62'");
        check(kind::VAR_STRING, text(""), "''");
        check(kind::BLOB, Scalar::Bytes("00ff".into()), "x'00ff'");
        check(kind::DATE, Scalar::Date("2026-01-05".into()), "DATE'2026-01-05'");
        check(kind::DATE, Scalar::Date("0000-00-00".into()), "'0000-00-00'");
        check(kind::DATETIME, Scalar::Timestamp("2026-01-05T10:00:00.5".into()), "TIMESTAMP'2026-01-05 10:00:00.5'");
        check(kind::TIMESTAMP, Scalar::TimestampTz("2026-01-05T10:00:00Z".into()), "TIMESTAMP'2026-01-05 10:00:00'");
        check(kind::TIMESTAMP, Scalar::TimestampTz("x' OR 1=1 -- ".into()), "'x'' OR 1=1 --'");
        check(kind::DATETIME, Scalar::Timestamp("2026-01-00 00:00:00".into()), "'2026-01-00 00:00:00'");
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for value in [Scalar::Decimal("1 OR 1".into()), Scalar::Decimal("inf".into()), Scalar::Bytes("0' OR 1".into())]
        {
            assert!(typed(&value, &of(kind::DECIMAL)).is_err(), "{value:?}");
        }
    }

    proptest! {
        /// Read as SQL does, whether a backslash means something or not.
        #[test]
        fn no_text_leaves_its_literal(text in any::<String>()) {
            let written = literal(&text);
            if let Some(digits) = written.strip_prefix("_utf8mb4 x'") {
                let digits = digits.strip_suffix('\'').unwrap();
                prop_assert!(digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            } else {
                let inner = written.strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
                prop_assert!(!inner.contains('\\'));
                prop_assert_eq!(inner.replace("''", "").matches('\'').count(), 0);
                prop_assert_eq!(inner.replace("''", "'"), text);
            }
        }
    }
}
