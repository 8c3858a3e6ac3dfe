use arrow_schema::{DataType, Field, TimeUnit};

use super::target::{TargetType, unknown};

/// Returns what a column becomes in Snowflake.
pub(super) fn take(field: &Field) -> TargetType {
    match field.data_type() {
        DataType::Boolean => TargetType::of("BOOLEAN"),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => TargetType::of("NUMBER(38, 0)"),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => TargetType::of("NUMBER(38, 0)"),
        DataType::Float32 | DataType::Float64 => TargetType::of("FLOAT"),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => decimal(*precision, *scale),
        DataType::Date32 => TargetType::of("DATE"),
        DataType::Time64(unit) => TargetType::of(format!("TIME({})", digits(*unit))),
        DataType::Timestamp(unit, None) => TargetType::of(format!("TIMESTAMP_NTZ({})", digits(*unit))),
        DataType::Timestamp(unit, Some(_)) => TargetType::of(format!("TIMESTAMP_LTZ({})", digits(*unit))),
        DataType::Utf8 => TargetType::of("VARCHAR"),
        DataType::Binary => TargetType::of("BINARY"),
        DataType::FixedSizeBinary(length) => TargetType::of(format!("BINARY({length})")),
        // The types of what is in them are not declared.
        DataType::List(_) | DataType::FixedSizeList(..) => TargetType::of("ARRAY"),
        DataType::Struct(_) => TargetType::of("OBJECT"),
        other => unknown(other),
    }
}

/// `NUMBER` has 38 digits, 37 of them after the point.
fn decimal(precision: u8, scale: i8) -> TargetType {
    if precision <= 38 && scale <= 37 {
        TargetType::of(format!("NUMBER({precision}, {scale})"))
    } else {
        TargetType::none("NUMBER has 38 digits, 37 of them after the point; export the column as `text`")
    }
}

/// Digits after the seconds.
fn digits(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::types::type_report::tests::check;

    #[test]
    fn numbers_have_38_digits() {
        let too_long =
            "none (does not fit: NUMBER has 38 digits, 37 of them after the point; export the column as `text`)";
        check(take, DataType::UInt64, None, "NUMBER(38, 0)");
        check(take, DataType::Decimal128(38, 37), None, "NUMBER(38, 37)");
        check(take, DataType::Decimal128(38, 38), None, too_long);
        check(take, DataType::Decimal256(39, 0), None, too_long);
        check(take, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), None, "TIMESTAMP_LTZ(6)");
    }
}
