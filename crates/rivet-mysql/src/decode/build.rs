use std::sync::Arc;

use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use rivet_source::{ColumnSpec, ReadAs};

use super::bytes::{Bytes, Content};
use super::decimal::{decimal128, decimal256};
use super::fixed::{Bool, Fixed, Uuid};
use super::vector::Vector;
use super::{Cell, Decode, Fault, Policy, number, temporal};
use crate::types::{Class, class};

/// Makes of a value what the reader of its column's type expects.
type Turn = for<'a> fn(Cell<'a>) -> Result<Cell<'a>, Fault>;

#[expect(clippy::unnecessary_wraps, reason = "it stands for a turn that may fail")]
fn as_it_is(cell: Cell<'_>) -> Result<Cell<'_>, Fault> {
    Ok(cell)
}

/// Makes the decoder of a column. Which pairs of source and Arrow type there are is for `describe` to say: readers
/// take every kind of value that can become theirs.
pub(super) fn decoder(column: &ColumnSpec, policy: Policy) -> Box<dyn Decode> {
    let class = class(&column.source_type);
    let native = column.read_as != ReadAs::Text;
    let turn: Turn = match class {
        Class::Bit if native => number::bits,
        Class::Time if native && column.field.data_type().is_integer() => temporal::as_micros,
        _ => as_it_is,
    };
    let t = column.field.data_type().clone();
    macro_rules! integer {
        ($type:ty) => {
            Box::new(Fixed::<$type, _>::new(t, policy, move |cell: Cell<'_>| number::integer(turn(cell)?)))
        };
    }
    match column.field.data_type() {
        DataType::Boolean if class == Class::Bit && native => Box::new(Bool::new(policy, number::truth_of_bits)),
        DataType::Boolean => Box::new(Bool::new(policy, number::truth)),
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::UInt8 => integer!(UInt8Type),
        DataType::UInt16 => integer!(UInt16Type),
        DataType::UInt32 => integer!(UInt32Type),
        DataType::UInt64 => integer!(UInt64Type),
        DataType::Float32 => {
            Box::new(Fixed::<Float32Type, _>::new(t, policy, move |cell: Cell<'_>| number::float(turn(cell)?)))
        }
        DataType::Float64 => {
            Box::new(Fixed::<Float64Type, _>::new(t, policy, move |cell: Cell<'_>| number::double(turn(cell)?)))
        }
        DataType::Decimal128(precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            Box::new(Fixed::<Decimal128Type, _>::new(t, policy, move |cell: Cell<'_>| {
                decimal128(turn(cell)?, precision, scale)
            }))
        }
        DataType::Decimal256(precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            Box::new(Fixed::<Decimal256Type, _>::new(t, policy, move |cell: Cell<'_>| {
                decimal256(turn(cell)?, precision, scale)
            }))
        }
        DataType::Date32 => Box::new(Fixed::<Date32Type, _>::new(t, policy, temporal::date)),
        DataType::Time64(_) => Box::new(Fixed::<Time64MicrosecondType, _>::new(t, policy, temporal::time)),
        DataType::Timestamp(..) => Box::new(Fixed::<TimestampMicrosecondType, _>::new(t, policy, temporal::timestamp)),
        DataType::FixedSizeBinary(_) => Box::new(Uuid::new(policy, class == Class::Binary)),
        DataType::FixedSizeList(field, dimension) => Box::new(Vector::new(Arc::clone(field), *dimension)),
        DataType::Binary if class == Class::Geometry => {
            Box::new(Bytes::geometry(u32::try_from(column.source_type.modifier).ok()))
        }
        DataType::Binary => Box::new(Bytes::new(Content::Binary)),
        _ => Box::new(Bytes::new(Content::Text)),
    }
}
