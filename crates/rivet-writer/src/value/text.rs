use super::column::{Column, Values};
use super::decimal::{push_decimal, push_wide_decimal};
use super::float::{push_f32, push_f64};
use super::json;
use super::moment::{push_date, push_time, push_timestamp};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Milliseconds of a day, for the dates that count them.
const DAY_MILLISECONDS: i64 = 86_400_000;

/// Appends the text of a value that is not NULL, without any quoting.
///
/// The forms are those of PostgreSQL's `COPY ... (FORMAT csv)` with `DateStyle` ISO and time zone UTC, but booleans
/// are `true` and `false`, which every reader of CSV knows. What PostgreSQL has a form of its own for (arrays, rows)
/// is JSON here.
pub(crate) fn push_text(column: &Column<'_>, row: usize, out: &mut Vec<u8>) {
    match &column.values {
        Values::Null => {}
        Values::Boolean(values) => out.extend_from_slice(if values.value(row) { b"true" } else { b"false" }),
        Values::Int8(values) => push_integer(values[row], out),
        Values::Int16(values) => push_integer(values[row], out),
        Values::Int32(values) => push_integer(values[row], out),
        Values::Int64(values) => push_integer(values[row], out),
        Values::UInt8(values) => push_integer(values[row], out),
        Values::UInt16(values) => push_integer(values[row], out),
        Values::UInt32(values) => push_integer(values[row], out),
        Values::UInt64(values) => push_integer(values[row], out),
        Values::Float32(values) => push_f32(values[row], out),
        Values::Float64(values) => push_f64(values[row], out),
        Values::Decimal32(values, scale) => push_decimal(i128::from(values[row]), *scale, out),
        Values::Decimal64(values, scale) => push_decimal(i128::from(values[row]), *scale, out),
        Values::Decimal128(values, scale) => push_decimal(values[row], *scale, out),
        Values::Decimal256(values, scale) => push_wide_decimal(values[row], *scale, out),
        Values::Date32(values) => push_date(i64::from(values[row]), out),
        Values::Date64(values) => push_date(values[row].div_euclid(DAY_MILLISECONDS), out),
        Values::Time32(values, unit) => push_time(i64::from(values[row]), *unit, out),
        Values::Time64(values, unit) => push_time(values[row], *unit, out),
        Values::Timestamp { values, unit, zoned } => push_timestamp(values[row], *unit, *zoned, out),
        Values::Text(text) | Values::Json(text) => out.extend_from_slice(text.get(row).as_bytes()),
        Values::Binary(bytes) => push_bytes(bytes.get(row), out),
        Values::FixedBinary(bytes) => push_bytes(bytes.value(row), out),
        Values::Uuid(bytes) => push_uuid(bytes.value(row), out),
        Values::List(_, _) | Values::Struct(_) | Values::Map { .. } => json::push_value(column, row, out),
        Values::Dictionary(places, values) => push_text(values, places[row], out),
    }
}

fn push_integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends lower hexadecimal digits.
pub(crate) fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]));
}

fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\x");
    push_hex(bytes, out);
}

fn push_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    for (index, group) in [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].iter().enumerate() {
        if index > 0 {
            out.push(b'-');
        }
        push_hex(group, out);
    }
}
