//! Which Arrow type a type of MySQL or MariaDB becomes by itself. `docs/types.md` is this file in words.

use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, TimeUnit};
use arrow_schema::extension::{Json, Uuid};
use rivet_model::LOGICAL_TYPE_KEY;
use rivet_source::SourceType;

use crate::kind;

/// Microseconds, without a zone.
pub(crate) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// Microseconds, UTC.
pub(crate) fn timestamp_tz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// What the values of a type are, as far as reading them differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Whole numbers, years among them.
    Integer,
    /// `BIT`: a whole number that comes as bytes, the highest first.
    Bit,
    /// `DECIMAL`, which comes as its digits.
    Decimal,
    /// `FLOAT` and `DOUBLE`
    Float,
    /// `DATE`
    Date,
    /// `DATETIME` and `TIMESTAMP`
    Moment,
    /// `TIME`, which is a span rather than a time of day.
    Time,
    /// Text, labels among it.
    Text,
    /// Bytes.
    Binary,
    /// JSON, as text.
    Json,
    /// MariaDB's `uuid`, as text.
    Uuid,
    /// Well-known binary behind the number of its reference system.
    Geometry,
    /// Numbers of 32 bits, one behind the other.
    Vector,
}

/// Returns what the values of a type are.
pub(crate) fn class(source: &SourceType) -> Class {
    match source.id {
        kind::UUID => return Class::Uuid,
        kind::INET => return Class::Text,
        _ => {}
    }
    match kind::code(source.id) {
        kind::TINY | kind::SHORT | kind::INT24 | kind::LONG | kind::LONGLONG | kind::YEAR => Class::Integer,
        kind::BIT => Class::Bit,
        kind::DECIMAL | kind::OLD_DECIMAL => Class::Decimal,
        kind::FLOAT | kind::DOUBLE => Class::Float,
        kind::DATE | kind::NEWDATE => Class::Date,
        kind::DATETIME | kind::TIMESTAMP => Class::Moment,
        kind::TIME => Class::Time,
        kind::JSON => Class::Json,
        kind::GEOMETRY => Class::Geometry,
        kind::VECTOR => Class::Vector,
        _ if source.id & kind::BINARY != 0 => Class::Binary,
        _ => Class::Text,
    }
}

/// Whether `TINYINT(1)` was declared, which is how both databases write a truth value.
fn is_truth(source: &SourceType) -> bool {
    source.id == kind::TINY && source.modifier == 1
}

/// Packs precision and scale into a modifier.
pub(crate) fn decimal_modifier(precision: u32, scale: u8) -> i32 {
    i32::try_from(precision << 8).unwrap_or(0) | i32::from(scale)
}

/// A decimal's precision and scale, from its modifier.
pub(crate) fn precision_and_scale(source: &SourceType) -> (i32, i32) {
    ((source.modifier >> 8).max(1), source.modifier & 0xFF)
}

/// Returns the narrowest decimal type of a precision and scale.
pub(crate) fn decimal(precision: u8, scale: i8) -> Option<DataType> {
    if precision <= DECIMAL128_MAX_PRECISION {
        Some(DataType::Decimal128(precision, scale))
    } else if precision <= DECIMAL256_MAX_PRECISION {
        Some(DataType::Decimal256(precision, scale))
    } else {
        None
    }
}

/// Returns the Arrow type that a type becomes; `None` where there is none that holds it.
pub(crate) fn natural(source: &SourceType) -> Option<DataType> {
    let unsigned = source.id & kind::UNSIGNED != 0;
    Some(match class(source) {
        Class::Integer => match (kind::code(source.id), unsigned) {
            (kind::TINY, false) if is_truth(source) => DataType::Boolean,
            (kind::TINY, false) => DataType::Int8,
            (kind::TINY, true) => DataType::UInt8,
            (kind::YEAR, _) | (kind::SHORT, false) => DataType::Int16,
            (kind::SHORT, true) => DataType::UInt16,
            (kind::INT24 | kind::LONG, false) => DataType::Int32,
            (kind::INT24 | kind::LONG, true) => DataType::UInt32,
            (_, false) => DataType::Int64,
            (_, true) => DataType::UInt64,
        },
        Class::Bit if source.modifier == 1 => DataType::Boolean,
        Class::Bit => DataType::UInt64,
        Class::Decimal => {
            let (precision, scale) = precision_and_scale(source);
            return decimal(u8::try_from(precision.max(scale)).ok()?, i8::try_from(scale).ok()?);
        }
        Class::Float if kind::code(source.id) == kind::FLOAT => DataType::Float32,
        Class::Float => DataType::Float64,
        Class::Date => DataType::Date32,
        Class::Moment if kind::code(source.id) == kind::TIMESTAMP => timestamp_tz(),
        Class::Moment => TIMESTAMP,
        Class::Time => DataType::Time64(TimeUnit::Microsecond),
        Class::Text | Class::Json => DataType::Utf8,
        Class::Binary | Class::Geometry => DataType::Binary,
        Class::Uuid => DataType::FixedSizeBinary(16),
        Class::Vector if source.modifier > 0 => {
            DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Float32, false)), source.modifier)
        }
        Class::Vector => return None,
    })
}

/// Returns the field that a type becomes: its Arrow type and, in its metadata, what the values mean.
pub(crate) fn natural_field(name: &str, source: &SourceType) -> Option<Field> {
    let field = Field::new(name, natural(source)?, true);
    Some(match class(source) {
        Class::Json => field.with_extension_type(Json::default()),
        Class::Uuid => field.with_extension_type(Uuid),
        Class::Geometry => meaning(field, "geometry"),
        Class::Text => match kind::code(source.id) {
            kind::ENUM => meaning(field, "enum"),
            kind::SET => meaning(field, "set"),
            _ if source.id == kind::INET => meaning(field, &source.base),
            _ => field,
        },
        _ => field,
    })
}

/// Says in a field's metadata what its values mean.
pub(crate) fn meaning(field: Field, meaning: &str) -> Field {
    field.with_metadata([(LOGICAL_TYPE_KEY.to_owned(), meaning.to_owned())].into())
}
