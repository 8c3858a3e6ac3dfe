//! JSON text of values, for what CSV has no form for: lists, structs and maps.

use super::column::{Column, Values};
use super::text::push_text;

const ESCAPED: [u8; 16] = *b"0123456789abcdef";

/// Returns a struct field's key: quoted, with the colon.
pub(super) fn key(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 3);
    push_string(name, &mut out);
    out.push(b':');
    out
}

/// Appends a string in double quotes.
pub(crate) fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut clean = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[clean..index]);
        clean = index + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let digit = |nibble: u8| ESCAPED[usize::from(nibble)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[clean..]);
    out.push(b'"');
}

/// Appends a value, or `null`.
///
/// Numbers stand bare with the digits they have in CSV, so that a reader decides how exact it is; NaN and the
/// infinities, which JSON has no number for, are strings. JSON stands as it is.
pub(crate) fn push_value(column: &Column<'_>, row: usize, out: &mut Vec<u8>) {
    if column.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    match &column.values {
        Values::Null => out.extend_from_slice(b"null"),
        Values::Text(text) => push_string(text.get(row), out),
        Values::Json(text) => out.extend_from_slice(text.get(row).as_bytes()),
        Values::Float32(values) if !values[row].is_finite() => push_quoted(column, row, out),
        Values::Float64(values) if !values[row].is_finite() => push_quoted(column, row, out),
        Values::Date32(_)
        | Values::Date64(_)
        | Values::Time32(_, _)
        | Values::Time64(_, _)
        | Values::Timestamp { .. }
        | Values::Uuid(_) => push_quoted(column, row, out),
        Values::Binary(_) | Values::FixedBinary(_) => {
            // The text begins with a backslash, the only character of it that JSON wants escaped.
            out.extend_from_slice(b"\"\\");
            push_text(column, row, out);
            out.push(b'"');
        }
        Values::Boolean(_)
        | Values::Int8(_)
        | Values::Int16(_)
        | Values::Int32(_)
        | Values::Int64(_)
        | Values::UInt8(_)
        | Values::UInt16(_)
        | Values::UInt32(_)
        | Values::UInt64(_)
        | Values::Float32(_)
        | Values::Float64(_)
        | Values::Decimal32(_, _)
        | Values::Decimal64(_, _)
        | Values::Decimal128(_, _)
        | Values::Decimal256(_, _) => push_text(column, row, out),
        Values::List(spans, items) => {
            push_all(b"[", spans.get(row), b"]", out, |item, out| push_value(items, item, out));
        }
        Values::Struct(fields) => push_all(b"{", 0..fields.len(), b"}", out, |index, out| {
            let (key, field) = &fields[index];
            out.extend_from_slice(key);
            push_value(field, row, out);
        }),
        Values::Map { spans, keys, values } => push_all(b"{", spans.get(row), b"}", out, |entry, out| {
            push_key(keys, entry, out);
            push_value(values, entry, out);
        }),
        Values::Dictionary(places, values) => push_value(values, places[row], out),
    }
}

/// Appends what stands between an opening and a closing bracket, with commas between.
fn push_all(
    open: &[u8],
    range: std::ops::Range<usize>,
    close: &[u8],
    out: &mut Vec<u8>,
    mut push: impl FnMut(usize, &mut Vec<u8>),
) {
    out.extend_from_slice(open);
    let first = range.start;
    for index in range {
        if index > first {
            out.push(b',');
        }
        push(index, out);
    }
    out.extend_from_slice(close);
}

/// Appends text that needs no escape in quotes.
fn push_quoted(column: &Column<'_>, row: usize, out: &mut Vec<u8>) {
    out.push(b'"');
    push_text(column, row, out);
    out.push(b'"');
}

/// Appends a map's key with the colon: a string in any case, since JSON has no other keys.
fn push_key(keys: &Column<'_>, entry: usize, out: &mut Vec<u8>) {
    match &keys.values {
        Values::Text(text) => push_string(text.get(entry), out),
        Values::Dictionary(places, values) if !keys.is_null(entry) => return push_key(values, places[entry], out),
        _ => {
            let mut text = Vec::new();
            push_text(keys, entry, &mut text);
            push_string(&String::from_utf8_lossy(&text), out);
        }
    }
    out.push(b':');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_read_back(text in any::<String>()) {
            let mut out = Vec::new();
            push_string(&text, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
