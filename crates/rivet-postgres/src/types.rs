//! Which Arrow type a PostgreSQL type becomes by itself. `docs/types.md` is this file in words.

use std::sync::Arc;

use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, Fields, TimeUnit,
};
use arrow_schema::extension::{Json, Uuid};
use rivet_model::{LOGICAL_TYPE_KEY, NumericDefault};
use rivet_source::{SourceType, TypeShape};

use crate::decode::decodes;
use crate::oid;

/// The zone that `timestamptz` is given in: what the server stores.
const UTC: &str = "UTC";

/// Microseconds, without a zone.
pub(crate) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// Microseconds, UTC.
pub(crate) fn timestamp_tz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
}

/// Whether the binary form of a type is its text.
pub(crate) fn is_texty(source: &SourceType) -> bool {
    matches!(source.id, oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::UNKNOWN | oid::JSON)
        || source.base == "citext"
        || source.shape == TypeShape::Enum
}

/// Whether a type is a network address, which we write as text ourselves.
pub(crate) fn is_network(source: &SourceType) -> bool {
    matches!(source.id, oid::INET | oid::CIDR)
}

/// Returns the Arrow type of a scalar whose binary form decodes into it; `None` where it has to be cast to text.
///
/// A numeric without precision counts as 38 digits without a fraction here: what it becomes is for the
/// configuration to say, and this is what conversions to integers start from.
pub(crate) fn natural_scalar(source: &SourceType) -> Option<DataType> {
    if source.shape != TypeShape::Scalar {
        return (source.shape == TypeShape::Enum).then_some(DataType::Utf8);
    }
    Some(match source.id {
        oid::BOOL => DataType::Boolean,
        oid::INT2 => DataType::Int16,
        oid::INT4 => DataType::Int32,
        oid::INT8 => DataType::Int64,
        oid::OID => DataType::UInt32,
        oid::XID8 => DataType::UInt64,
        oid::FLOAT4 => DataType::Float32,
        oid::FLOAT8 => DataType::Float64,
        oid::NUMERIC => declared_decimal(source).unwrap_or(DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0)),
        // The modifier of money is its number of fraction digits: the catalog has none, `describe` puts it there.
        oid::MONEY => DataType::Decimal128(19, i8::try_from(source.modifier).unwrap_or(2).max(0)),
        oid::DATE => DataType::Date32,
        oid::TIME => DataType::Time64(TimeUnit::Microsecond),
        oid::TIMESTAMP => TIMESTAMP,
        oid::TIMESTAMPTZ => timestamp_tz(),
        oid::BYTEA => DataType::Binary,
        oid::JSONB => DataType::Utf8,
        _ if is_network(source) => DataType::Utf8,
        oid::UUID => DataType::FixedSizeBinary(16),
        _ if is_texty(source) => DataType::Utf8,
        _ if source.base == "vector" && source.modifier > 0 => {
            DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Float32, false)), source.modifier)
        }
        _ => return None,
    })
}

/// A numeric's precision and scale, from its modifier.
///
/// The modifier is `(precision << 16 | scale) + 4`, the scale a signed number of 11 bits since PostgreSQL 15; before
/// that it was never negative and never above 1,000, which reads the same.
fn precision_and_scale(source: &SourceType) -> Option<(i32, i32)> {
    let packed = source.modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
    let scale = ((packed & 0x7FF) ^ 0x400) - 0x400;
    Some(((packed >> 16) & 0xFFFF, scale))
}

/// Returns the decimal type of a numeric that declares one Arrow can hold.
pub(crate) fn declared_decimal(source: &SourceType) -> Option<DataType> {
    let (precision, scale) = precision_and_scale(source)?;
    // Parquet has no negative scale: the zeros it stands for become digits. A scale above the precision needs as
    // many digits as the scale says.
    let precision = if scale < 0 { precision - scale } else { precision.max(scale) };
    let (precision, scale) = (u8::try_from(precision).ok()?, i8::try_from(scale.max(0)).ok()?);
    decimal(precision, scale)
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

/// A column type that needs the user's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unmapped;

/// Returns the field that a type becomes: its Arrow type and, in its metadata, what the values mean.
pub(crate) fn natural_field(
    name: &str,
    source: &SourceType,
    nullable: bool,
    numeric_default: NumericDefault,
) -> Result<Field, Unmapped> {
    let child = |name: &str, source: &SourceType| natural_field(name, source, true, numeric_default);
    let (data_type, meaning) = match &source.shape {
        TypeShape::List { depth, element } => {
            let mut field = child("item", element)?;
            if matches!(element.shape, TypeShape::Struct { .. }) && !decodes(element, field.data_type()) {
                field = Field::new("item", DataType::Utf8, true);
            }
            for _ in 1..*depth {
                field = Field::new("item", DataType::List(Arc::new(field)), true);
            }
            (DataType::List(Arc::new(field)), None)
        }
        TypeShape::Struct { fields } => {
            let fields = fields.iter().map(|(name, source)| child(name, source));
            (DataType::Struct(fields.collect::<Result<Fields, _>>()?), None)
        }
        TypeShape::Range { .. } => (DataType::Utf8, Some("range")),
        TypeShape::Enum => (DataType::Utf8, Some("enum")),
        TypeShape::Scalar => match (source.id, numeric_default) {
            (oid::NUMERIC, _) if precision_and_scale(source).is_some() => {
                (declared_decimal(source).ok_or(Unmapped)?, None)
            }
            (oid::NUMERIC, NumericDefault::Text) => (DataType::Utf8, Some("numeric")),
            (oid::NUMERIC, NumericDefault::Decimal { precision, scale }) => {
                let scale = i8::try_from(scale).unwrap_or(i8::MAX);
                (decimal(precision, scale).ok_or(Unmapped)?, None)
            }
            _ => match natural_scalar(source) {
                Some(natural) if is_network(source) => (natural, Some(source.base.as_str())),
                Some(natural) => (natural, None),
                None => (DataType::Utf8, Some(source.base.as_str())),
            },
        },
    };
    let mut field = Field::new(name, data_type, nullable);
    if let Some(meaning) = meaning {
        field = field.with_metadata([(LOGICAL_TYPE_KEY.to_owned(), meaning.to_owned())].into());
    }
    Ok(with_extension(field, source))
}

/// Marks JSON and UUIDs the way that Arrow and Parquet know them.
fn with_extension(field: Field, source: &SourceType) -> Field {
    match source.id {
        oid::JSON | oid::JSONB if *field.data_type() == DataType::Utf8 => field.with_extension_type(Json::default()),
        oid::UUID => field.with_extension_type(Uuid),
        _ => field,
    }
}

/// The struct that a range becomes on request; `None` where the bounds have no binary form that decodes.
pub(crate) fn range_struct(element: &SourceType, numeric_default: NumericDefault) -> Option<DataType> {
    let bound = |name: &str| natural_field(name, element, true, numeric_default).ok();
    let (lower, upper) = (bound("lower")?, bound("upper")?);
    if !decodes(element, lower.data_type()) {
        return None;
    }
    let flag = |name: &str| Field::new(name, DataType::Boolean, false);
    let fields: Vec<FieldRef> = [lower, upper, flag("lower_inclusive"), flag("upper_inclusive"), flag("empty")]
        .into_iter()
        .map(Arc::new)
        .collect();
    Some(DataType::Struct(fields.into()))
}
