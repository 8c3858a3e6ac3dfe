use arrow::array::{Array, AsArray as _};
use arrow::datatypes::{
    DataType, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use rivet_model::{Scalar, ScalarKind};

use crate::{SourceError, SourceErrorKind};

/// A value of a key in a form that is ordered as its column is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    /// An integer; days or nanoseconds since 1970 for what is temporal.
    Number(i128),
    /// A text, by its bytes.
    Text(String),
}

/// Which values a column of a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueType {
    Integer,
    Text,
    Day,
    /// Without a zone.
    Civil,
    Moment,
}

impl ValueType {
    /// Returns the type of a column's values, or an error for a column that can't be part of a key.
    pub(super) fn of(data_type: &DataType) -> Result<Self, SourceError> {
        Ok(match data_type {
            integer if integer.is_integer() => Self::Integer,
            DataType::Utf8 => Self::Text,
            DataType::Date32 => Self::Day,
            DataType::Timestamp(_, None) => Self::Civil,
            DataType::Timestamp(_, Some(_)) => Self::Moment,
            other => {
                let message = format!("a key of type `{other}` has no order in memory");
                return Err(SourceError::new(SourceErrorKind::UnsupportedType, message));
            }
        })
    }

    /// Returns what its values are elsewhere.
    pub(super) fn kind(self) -> ScalarKind {
        match self {
            Self::Integer => ScalarKind::Int,
            Self::Text => ScalarKind::Text,
            Self::Day => ScalarKind::Date,
            Self::Civil => ScalarKind::Timestamp,
            Self::Moment => ScalarKind::TimestampTz,
        }
    }

    pub(super) fn is_temporal(self) -> bool {
        matches!(self, Self::Day | Self::Civil | Self::Moment)
    }

    /// Reads a bound. A day stands for its first moment where moments are compared.
    pub(super) fn value(self, scalar: &Scalar) -> Result<Value, SourceError> {
        let wrong = || {
            SourceError::new(SourceErrorKind::Statement, "a bound is no value of its column's type")
                .with_help("Compare a key with values of the types of its columns.")
        };
        let found = match (self, scalar) {
            (Self::Integer, Scalar::Int(number)) => Some(Value::Number((*number).into())),
            (Self::Integer, Scalar::Uint(number)) => Some(Value::Number((*number).into())),
            (Self::Text, Scalar::Text(text)) => Some(Value::Text(text.clone())),
            (Self::Day, Scalar::Date(text)) => text.parse().ok().map(|day: Date| Value::Number(days(day))),
            (Self::Civil, Scalar::Date(text) | Scalar::Timestamp(text)) => text.parse().ok().map(civil),
            (Self::Moment, Scalar::TimestampTz(text)) => text.parse().ok().map(moment),
            _ => None,
        };
        found.ok_or_else(wrong)
    }

    /// Writes a value as the source would.
    pub(super) fn scalar(self, value: &Value) -> Result<Scalar, SourceError> {
        let number = match value {
            Value::Text(text) => return Ok(Scalar::Text(text.clone())),
            Value::Number(number) => *number,
        };
        let beyond = || SourceError::new(SourceErrorKind::Value, "a key holds a moment beyond the calendar");
        let at = || Timestamp::from_nanosecond(number).map_err(|error| beyond().with_source(error));
        Ok(match self {
            Self::Integer | Self::Text => match i64::try_from(number) {
                Ok(number) => Scalar::Int(number),
                Err(_) => Scalar::Uint(u64::try_from(number).map_err(|error| beyond().with_source(error))?),
            },
            Self::Day => {
                let days = i32::try_from(number).map_err(|error| beyond().with_source(error))?;
                let day = EPOCH.checked_add(days.days()).map_err(|error| beyond().with_source(error))?;
                Scalar::Date(day.to_string())
            }
            Self::Civil => Scalar::Timestamp(at()?.strftime("%Y-%m-%d %H:%M:%S%.f").to_string()),
            Self::Moment => Scalar::TimestampTz(at()?.strftime("%Y-%m-%d %H:%M:%S%.f+00").to_string()),
        })
    }

    /// Returns the last value that a clock lets through.
    pub(super) fn until(self, moment: Timestamp, zone: &TimeZone) -> Option<Value> {
        let local = moment.to_zoned(zone.clone()).datetime();
        match self {
            Self::Integer | Self::Text => None,
            // The day of that moment is not over.
            Self::Day => Some(Value::Number(days(local.date()) - 1)),
            Self::Civil => Some(civil(local)),
            Self::Moment => Some(self::moment(moment)),
        }
    }

    /// Returns the days since 1970 of a value, in UTC, and the value with which such a day begins.
    pub(super) fn day(self, value: &Value) -> Option<i128> {
        match (self, value) {
            (Self::Day, Value::Number(days)) => Some(*days),
            (Self::Civil | Self::Moment, Value::Number(nanoseconds)) => Some(nanoseconds.div_euclid(DAY)),
            _ => None,
        }
    }

    /// Returns the value with which a day begins.
    pub(super) fn start_of_day(self, days: i128) -> Value {
        Value::Number(if self == Self::Day { days } else { days * DAY })
    }
}

const EPOCH: Date = Date::constant(1970, 1, 1);

/// Nanoseconds of a day.
const DAY: i128 = 86_400_000_000_000;

fn days(day: Date) -> i128 {
    day.duration_since(EPOCH).as_hours().div_euclid(24).into()
}

fn civil(at: DateTime) -> Value {
    let since: SignedDuration = at.duration_since(EPOCH.at(0, 0, 0, 0));
    Value::Number(since.as_nanos())
}

fn moment(at: Timestamp) -> Value {
    Value::Number(at.as_nanosecond())
}

/// Returns the values of a column, row by row.
pub(super) fn values(column: &dyn Array) -> Result<Vec<Option<Value>>, SourceError> {
    ValueType::of(column.data_type())?;
    macro_rules! numbers {
        ($type:ty, $unit:expr) => {
            column.as_primitive::<$type>().iter().map(|n| n.map(|n| Value::Number(i128::from(n) * $unit))).collect()
        };
    }
    Ok(match column.data_type() {
        DataType::Int8 => numbers!(Int8Type, 1),
        DataType::Int16 => numbers!(Int16Type, 1),
        DataType::Int32 => numbers!(Int32Type, 1),
        DataType::Int64 => numbers!(Int64Type, 1),
        DataType::UInt8 => numbers!(UInt8Type, 1),
        DataType::UInt16 => numbers!(UInt16Type, 1),
        DataType::UInt32 => numbers!(UInt32Type, 1),
        DataType::UInt64 => numbers!(UInt64Type, 1),
        DataType::Date32 => numbers!(Date32Type, 1),
        DataType::Timestamp(TimeUnit::Second, _) => numbers!(TimestampSecondType, 1_000_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => numbers!(TimestampMillisecondType, 1_000_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => numbers!(TimestampMicrosecondType, 1_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => numbers!(TimestampNanosecondType, 1),
        _ => column.as_string::<i32>().iter().map(|text| text.map(|text| Value::Text(text.to_owned()))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_and_read_back() {
        let check = |value_type: ValueType, value: i128, text: &str| {
            let scalar = value_type.scalar(&Value::Number(value)).unwrap();
            assert_eq!(scalar.to_string(), text);
            assert_eq!(value_type.value(&scalar).unwrap(), Value::Number(value), "{text}");
            assert_eq!(value_type.kind().parse(text).unwrap(), scalar);
        };
        check(ValueType::Integer, i64::MIN.into(), "-9223372036854775808");
        check(ValueType::Integer, u64::MAX.into(), "18446744073709551615");
        check(ValueType::Day, 0, "1970-01-01");
        check(ValueType::Day, -1, "1969-12-31");
        check(ValueType::Day, 20_000, "2024-10-04");
        check(ValueType::Civil, 0, "1970-01-01 00:00:00");
        check(ValueType::Civil, -500_000_000, "1969-12-31 23:59:59.5");
        check(ValueType::Moment, 1_700_000_000_123_456_000, "2023-11-14 22:13:20.123456+00");
        check(ValueType::Moment, -1, "1969-12-31 23:59:59.999999999+00");
    }

    #[test]
    fn a_day_begins_at_midnight() {
        let day = Scalar::Date("1970-01-03".to_owned());
        assert_eq!(ValueType::Civil.value(&day).unwrap(), Value::Number(2 * DAY));
        assert_eq!(ValueType::Civil.day(&Value::Number(-1)), Some(-1));
        assert_eq!(ValueType::Moment.start_of_day(2), Value::Number(2 * DAY));
    }

    #[test]
    fn values_of_another_type_are_refused() {
        for (value_type, scalar) in [
            (ValueType::Integer, Scalar::Text("1".to_owned())),
            (ValueType::Text, Scalar::Int(1)),
            (ValueType::Day, Scalar::Date("tomorrow".to_owned())),
            (ValueType::Moment, Scalar::Timestamp("2026-01-01 00:00:00".to_owned())),
        ] {
            assert_eq!(value_type.value(&scalar).unwrap_err().kind(), SourceErrorKind::Statement, "{scalar:?}");
        }
        assert_eq!(ValueType::of(&DataType::Float64).unwrap_err().kind(), SourceErrorKind::UnsupportedType);
    }
}
