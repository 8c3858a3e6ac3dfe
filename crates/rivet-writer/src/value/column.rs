use std::ops::Range;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, RecordBatch, StringArray, StringViewArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Field, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type, i256,
};

use super::json;
use crate::error::WriteError;

/// A column of one batch, its type found out once, so that nothing is looked up per value.
#[derive(Debug)]
pub(crate) struct Column<'a> {
    nulls: Option<NullBuffer>,
    pub(crate) values: Values<'a>,
}

/// The values of a [`Column`].
#[derive(Debug)]
pub(crate) enum Values<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Decimal32(&'a [i32], i8),
    Decimal64(&'a [i64], i8),
    Decimal128(&'a [i128], i8),
    Decimal256(&'a [i256], i8),
    /// Days since 1970-01-01.
    Date32(&'a [i32]),
    /// Milliseconds since 1970-01-01.
    Date64(&'a [i64]),
    Time32(&'a [i32], TimeUnit),
    Time64(&'a [i64], TimeUnit),
    Timestamp {
        values: &'a [i64],
        unit: TimeUnit,
        zoned: bool,
    },
    Text(Text<'a>),
    /// Text that is JSON.
    Json(Text<'a>),
    Binary(Binary<'a>),
    FixedBinary(&'a FixedSizeBinaryArray),
    Uuid(&'a FixedSizeBinaryArray),
    List(Spans<'a>, Box<Column<'a>>),
    /// The fields, each with its JSON key: quoted, with the colon.
    Struct(Vec<(Vec<u8>, Column<'a>)>),
    Map {
        spans: Spans<'a>,
        keys: Box<Column<'a>>,
        values: Box<Column<'a>>,
    },
    /// For each row the place of its value.
    Dictionary(Vec<usize>, Box<Column<'a>>),
}

/// Text of any of Arrow's layouts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Text<'a> {
    Small(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
}

impl<'a> Text<'a> {
    pub(crate) fn get(self, row: usize) -> &'a str {
        match self {
            Self::Small(array) => array.value(row),
            Self::Large(array) => array.value(row),
            Self::View(array) => array.value(row),
        }
    }
}

/// Bytes of any of Arrow's layouts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Binary<'a> {
    Small(&'a BinaryArray),
    Large(&'a LargeBinaryArray),
    View(&'a BinaryViewArray),
}

impl<'a> Binary<'a> {
    pub(crate) fn get(self, row: usize) -> &'a [u8] {
        match self {
            Self::Small(array) => array.value(row),
            Self::Large(array) => array.value(row),
            Self::View(array) => array.value(row),
        }
    }
}

/// Where each row's elements are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spans<'a> {
    Small(&'a [i32]),
    Large(&'a [i64]),
    Fixed(usize),
}

impl Spans<'_> {
    pub(crate) fn get(self, row: usize) -> Range<usize> {
        match self {
            Self::Small(offsets) => offset(offsets[row])..offset(offsets[row + 1]),
            Self::Large(offsets) => offset(offsets[row])..offset(offsets[row + 1]),
            Self::Fixed(length) => row * length..(row + 1) * length,
        }
    }
}

fn offset(offset: impl TryInto<usize>) -> usize {
    offset.try_into().unwrap_or_else(|_| unreachable!("Arrow checks that offsets are not negative"))
}

impl<'a> Column<'a> {
    /// Binds all columns of a batch; `what` stands in the error where one has no form there.
    pub(crate) fn bind_all(batch: &'a RecordBatch, what: &'static str) -> Result<Vec<Self>, WriteError> {
        let schema = batch.schema_ref();
        schema.fields().iter().zip(batch.columns()).map(|(field, array)| Self::bind_named(field, array, what)).collect()
    }

    /// Finds the first column that has no form.
    pub(crate) fn check_all(schema: &SchemaRef, what: &'static str) -> Result<(), WriteError> {
        let empty = RecordBatch::new_empty(SchemaRef::clone(schema));
        Column::bind_all(&empty, what).map(drop)
    }

    /// Binds a column; `what` stands in the error where it has no form there.
    pub(crate) fn bind_named(field: &Field, array: &'a ArrayRef, what: &'static str) -> Result<Self, WriteError> {
        Self::bind(field, array.as_ref()).map_err(|data_type| WriteError::UnsupportedType {
            column: field.name().clone(),
            data_type,
            what,
        })
    }

    /// Looks at an array through its type; the error is the type that has no form.
    fn bind(field: &Field, array: &'a dyn Array) -> Result<Self, DataType> {
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        let extension = field.extension_type_name();
        let text = |text| if extension == Some("arrow.json") { Values::Json(text) } else { Values::Text(text) };
        let values = match array.data_type() {
            DataType::Null => Values::Null,
            DataType::Boolean => Values::Boolean(array.as_boolean()),
            DataType::Int8 => Values::Int8(array.as_primitive::<Int8Type>().values()),
            DataType::Int16 => Values::Int16(array.as_primitive::<Int16Type>().values()),
            DataType::Int32 => Values::Int32(array.as_primitive::<Int32Type>().values()),
            DataType::Int64 => Values::Int64(array.as_primitive::<Int64Type>().values()),
            DataType::UInt8 => Values::UInt8(array.as_primitive::<UInt8Type>().values()),
            DataType::UInt16 => Values::UInt16(array.as_primitive::<UInt16Type>().values()),
            DataType::UInt32 => Values::UInt32(array.as_primitive::<UInt32Type>().values()),
            DataType::UInt64 => Values::UInt64(array.as_primitive::<UInt64Type>().values()),
            DataType::Float32 => Values::Float32(array.as_primitive::<Float32Type>().values()),
            DataType::Float64 => Values::Float64(array.as_primitive::<Float64Type>().values()),
            DataType::Decimal32(_, scale) => Values::Decimal32(array.as_primitive::<Decimal32Type>().values(), *scale),
            DataType::Decimal64(_, scale) => Values::Decimal64(array.as_primitive::<Decimal64Type>().values(), *scale),
            DataType::Decimal128(_, scale) => {
                Values::Decimal128(array.as_primitive::<Decimal128Type>().values(), *scale)
            }
            DataType::Decimal256(_, scale) => {
                Values::Decimal256(array.as_primitive::<Decimal256Type>().values(), *scale)
            }
            DataType::Date32 => Values::Date32(array.as_primitive::<Date32Type>().values()),
            DataType::Date64 => Values::Date64(array.as_primitive::<Date64Type>().values()),
            DataType::Time32(unit) => Values::Time32(
                match unit {
                    TimeUnit::Second => array.as_primitive::<Time32SecondType>().values(),
                    _ => array.as_primitive::<Time32MillisecondType>().values(),
                },
                *unit,
            ),
            DataType::Time64(unit) => Values::Time64(
                match unit {
                    TimeUnit::Microsecond => array.as_primitive::<Time64MicrosecondType>().values(),
                    _ => array.as_primitive::<Time64NanosecondType>().values(),
                },
                *unit,
            ),
            DataType::Timestamp(unit, zone) => Values::Timestamp {
                values: match unit {
                    TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
                    TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
                    TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
                    TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
                },
                unit: *unit,
                zoned: zone.is_some(),
            },
            DataType::Utf8 => text(Text::Small(array.as_string())),
            DataType::LargeUtf8 => text(Text::Large(array.as_string())),
            DataType::Utf8View => text(Text::View(array.as_string_view())),
            DataType::Binary => Values::Binary(Binary::Small(array.as_binary())),
            DataType::LargeBinary => Values::Binary(Binary::Large(array.as_binary())),
            DataType::BinaryView => Values::Binary(Binary::View(array.as_binary_view())),
            DataType::FixedSizeBinary(16) if extension == Some("arrow.uuid") => {
                Values::Uuid(array.as_fixed_size_binary())
            }
            DataType::FixedSizeBinary(_) => Values::FixedBinary(array.as_fixed_size_binary()),
            DataType::List(item) => {
                let list = array.as_list::<i32>();
                let items = Self::bind(item, list.values().as_ref())?;
                Values::List(Spans::Small(list.value_offsets()), Box::new(items))
            }
            DataType::LargeList(item) => {
                let list = array.as_list::<i64>();
                let items = Self::bind(item, list.values().as_ref())?;
                Values::List(Spans::Large(list.value_offsets()), Box::new(items))
            }
            DataType::FixedSizeList(item, length) => {
                let list = array.as_fixed_size_list();
                let items = Self::bind(item, list.values().as_ref())?;
                Values::List(Spans::Fixed(offset(*length)), Box::new(items))
            }
            DataType::Struct(fields) => {
                let columns = fields.iter().zip(array.as_struct().columns());
                let bound =
                    columns.map(|(field, column)| Ok((json::key(field.name()), Self::bind(field, column.as_ref())?)));
                Values::Struct(bound.collect::<Result<_, DataType>>()?)
            }
            DataType::Map(entries, _) => {
                let map = array.as_map();
                let DataType::Struct(fields) = entries.data_type() else { return Err(array.data_type().clone()) };
                let [key, value] = fields.as_ref() else { return Err(array.data_type().clone()) };
                Values::Map {
                    spans: Spans::Small(map.value_offsets()),
                    keys: Box::new(Self::bind(key, map.keys().as_ref())?),
                    values: Box::new(Self::bind(value, map.values().as_ref())?),
                }
            }
            DataType::Dictionary(_, value_type) => {
                let dictionary = array.as_any_dictionary();
                // The keys of NULL rows may point anywhere: they are never followed. A dictionary without values
                // has none but such.
                let keys = match dictionary.values().len() {
                    0 => vec![0; array.len()],
                    _ => dictionary.normalized_keys(),
                };
                let item = field.clone().with_data_type(value_type.as_ref().clone());
                Values::Dictionary(keys, Box::new(Self::bind(&item, dictionary.values().as_ref())?))
            }
            other => return Err(other.clone()),
        };
        Ok(Self { nulls, values })
    }

    /// Returns whether a row is NULL, be it by its own bit or by that of the dictionary's value.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }
}
