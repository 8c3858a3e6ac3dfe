use std::sync::Arc;

use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, FieldRef, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, UInt32Type, UInt64Type, i256,
};
use rivet_source::{ColumnSpec, ReadAs, SourceType, TypeShape};

use super::bytes::{Bytes, Content};
use super::converted::Converted;
use super::fixed::{Bool, Fixed, Uuid, big_endian};
use super::list::List;
use super::numeric::{Mantissa as _, numeric};
use super::range::Range;
use super::record::Record;
use super::vector::Vector;
use super::{Decode, Policy, Reading, exact, temporal};
use crate::oid;
use crate::types::{TIMESTAMP, is_network, is_texty, natural_scalar, timestamp_tz};

/// Makes the decoder of a column.
pub(super) fn decoder(column: &ColumnSpec, policy: Policy) -> Box<dyn Decode> {
    let target = column.field.data_type();
    match &column.read_as {
        ReadAs::Text | ReadAs::Json => Box::new(Bytes::new(Content::Text)),
        ReadAs::Wkb => Box::new(Bytes::new(Content::Binary)),
        ReadAs::Native => converted(&column.source_type, target, policy),
        ReadAs::Cast(source_type) => converted(source_type, target, policy),
    }
}

/// Decodes into the target at once where the wire form allows it, else through the type's own Arrow type.
fn converted(source: &SourceType, target: &DataType, policy: Policy) -> Box<dyn Decode> {
    match conversion_base(source, target) {
        Some(base) => Box::new(Converted::new(native(source, &base, policy), target.clone())),
        None => native(source, target, policy),
    }
}

/// Returns the Arrow type that a column's binary form is decoded into before it is converted to the target; `None`
/// where it decodes into the target at once, or not at all.
pub(crate) fn conversion_base(source: &SourceType, target: &DataType) -> Option<DataType> {
    if source.shape != TypeShape::Scalar || decodes(source, target) {
        return None;
    }
    // Arrow's conversions know no zone by its name, and UTC needs none.
    if source.id == oid::TIMESTAMPTZ { Some(TIMESTAMP) } else { natural_scalar(source) }
}

/// Whether the binary form of a source type decodes into an Arrow type, all its parts included, without a cast.
pub(crate) fn decodes(source: &SourceType, target: &DataType) -> bool {
    match (&source.shape, target) {
        (TypeShape::List { depth, element }, _) => {
            list_levels(target, *depth).is_some_and(|fields| innermost(&fields, |t| decodes(element, t)))
        }
        (TypeShape::Struct { fields }, DataType::Struct(targets)) => {
            fields.len() == targets.len()
                && fields.iter().zip(targets).all(|((_, source), target)| decodes(source, target.data_type()))
        }
        (TypeShape::Range { element }, DataType::Struct(targets)) => {
            targets.first().is_some_and(|bound| decodes(element, bound.data_type()))
        }
        (TypeShape::Struct { .. } | TypeShape::Range { .. }, _) => false,
        (TypeShape::Enum, _) => matches!(target, DataType::Utf8 | DataType::Binary),
        (TypeShape::Scalar, _) => decodes_scalar(source, target),
    }
}

fn decodes_scalar(source: &SourceType, target: &DataType) -> bool {
    match source.id {
        oid::NUMERIC => matches!(target, DataType::Decimal128(..) | DataType::Decimal256(..)),
        // Both are microseconds, those with a zone in UTC: one becomes the other as it stands.
        oid::TIMESTAMP | oid::TIMESTAMPTZ => *target == TIMESTAMP || *target == timestamp_tz(),
        oid::JSON => *target == DataType::Utf8,
        _ if is_texty(source) => matches!(target, DataType::Utf8 | DataType::Binary),
        _ => natural_scalar(source).is_some_and(|natural| natural == *target),
    }
}

/// Returns the element fields of a list type that is nested this deep.
fn list_levels(target: &DataType, depth: u32) -> Option<Vec<FieldRef>> {
    let mut fields = Vec::new();
    let mut level = target;
    for _ in 0..depth {
        let DataType::List(field) = level else { return None };
        fields.push(Arc::clone(field));
        level = field.data_type();
    }
    Some(fields)
}

fn innermost(fields: &[FieldRef], accept: impl Fn(&DataType) -> bool) -> bool {
    fields.last().is_some_and(|field| accept(field.data_type()))
}

/// Makes the decoder of a pair that [`decodes`]; of any other one, that of the text which the scan casts it to.
fn native(source: &SourceType, target: &DataType, policy: Policy) -> Box<dyn Decode> {
    match (&source.shape, target) {
        (TypeShape::List { depth, element }, DataType::List(_)) => {
            let fields = list_levels(target, *depth).unwrap_or_default();
            let Some(inner) = fields.last().map(|field| field.data_type().clone()) else { return text() };
            let elements = if decodes(element, &inner) { native(element, &inner, policy) } else { text() };
            Box::new(List::new(fields, elements, policy))
        }
        (TypeShape::Struct { fields }, DataType::Struct(targets)) => {
            let columns = fields.iter().zip(targets);
            let columns = columns.map(|((_, source), target)| native(source, target.data_type(), policy));
            Box::new(Record::new(targets.clone(), columns.collect()))
        }
        (TypeShape::Range { element }, DataType::Struct(targets)) => {
            let bound = |i: usize| native(element, targets[i].data_type(), policy);
            Box::new(Range::new(targets.clone(), bound(0), bound(1)))
        }
        _ if decodes(source, target) => scalar(source, target, policy),
        _ => text(),
    }
}

fn text() -> Box<dyn Decode> {
    Box::new(Bytes::new(Content::Text))
}

fn scalar(source: &SourceType, target: &DataType, policy: Policy) -> Box<dyn Decode> {
    let t = target.clone();
    match target {
        DataType::Boolean => Box::new(Bool::new()),
        DataType::Int16 => Box::new(Fixed::<Int16Type, _>::new(t, policy, big_endian!(i16))),
        DataType::Int32 => Box::new(Fixed::<Int32Type, _>::new(t, policy, big_endian!(i32))),
        DataType::Int64 => Box::new(Fixed::<Int64Type, _>::new(t, policy, big_endian!(i64))),
        DataType::UInt32 => Box::new(Fixed::<UInt32Type, _>::new(t, policy, big_endian!(u32))),
        DataType::UInt64 => Box::new(Fixed::<UInt64Type, _>::new(t, policy, big_endian!(u64))),
        DataType::Float32 => Box::new(Fixed::<Float32Type, _>::new(t, policy, big_endian!(f32))),
        DataType::Float64 => Box::new(Fixed::<Float64Type, _>::new(t, policy, big_endian!(f64))),
        DataType::Date32 => Box::new(Fixed::<Date32Type, _>::new(t, policy, temporal::date)),
        DataType::Time64(_) => Box::new(Fixed::<Time64MicrosecondType, _>::new(t, policy, temporal::time)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Box::new(Fixed::<TimestampMicrosecondType, _>::new(t, policy, temporal::timestamp))
        }
        // money is a count of its smallest unit, which is the scale of its own type and of no other.
        DataType::Decimal128(..) if source.id == oid::MONEY => {
            Box::new(Fixed::<Decimal128Type, _>::new(t, policy, |value: &[u8]| {
                Ok(Reading::Value(i128::from(i64::from_be_bytes(exact(value)?))))
            }))
        }
        DataType::Decimal128(precision, scale) => {
            let (limit, scale) = (i128::limit(*precision), *scale);
            Box::new(Fixed::<Decimal128Type, _>::new(t, policy, move |value: &[u8]| numeric(value, limit, scale)))
        }
        DataType::Decimal256(precision, scale) => {
            let (limit, scale) = (i256::limit(*precision), *scale);
            Box::new(Fixed::<Decimal256Type, _>::new(t, policy, move |value: &[u8]| numeric(value, limit, scale)))
        }
        DataType::FixedSizeBinary(_) => Box::new(Uuid::new()),
        DataType::FixedSizeList(field, dimension) => Box::new(Vector::new(Arc::clone(field), *dimension)),
        DataType::Binary => Box::new(Bytes::new(Content::Binary)),
        _ if is_network(source) => Box::new(Bytes::new(Content::Network)),
        _ if source.id == oid::JSONB => Box::new(Bytes::new(Content::Jsonb)),
        _ => text(),
    }
}
