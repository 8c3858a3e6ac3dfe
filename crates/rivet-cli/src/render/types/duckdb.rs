use arrow_schema::{DataType, Field, TimeUnit};

use super::arrow::meaning;
use super::target::{TargetType, unknown};

/// Returns what a column becomes in `DuckDB`.
pub(super) fn take(field: &Field) -> TargetType {
    match field.data_type() {
        DataType::Boolean => TargetType::of("BOOLEAN"),
        DataType::Int8 => TargetType::of("TINYINT"),
        DataType::Int16 => TargetType::of("SMALLINT"),
        DataType::Int32 => TargetType::of("INTEGER"),
        DataType::Int64 => TargetType::of("BIGINT"),
        DataType::UInt8 => TargetType::of("UTINYINT"),
        DataType::UInt16 => TargetType::of("USMALLINT"),
        DataType::UInt32 => TargetType::of("UINTEGER"),
        DataType::UInt64 => TargetType::of("UBIGINT"),
        DataType::Float32 => TargetType::of("FLOAT"),
        DataType::Float64 => TargetType::of("DOUBLE"),
        DataType::Decimal128(precision @ ..=38, scale) | DataType::Decimal256(precision @ ..=38, scale) => {
            TargetType::of(format!("DECIMAL({precision}, {scale})"))
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => {
            TargetType::loses("DOUBLE", "DECIMAL has 38 digits, and what is longer is rounded")
        }
        DataType::Date32 => TargetType::of("DATE"),
        DataType::Time64(_) => TargetType::of("TIME"),
        DataType::Timestamp(TimeUnit::Nanosecond, None) => TargetType::of("TIMESTAMP_NS"),
        DataType::Timestamp(_, None) => TargetType::of("TIMESTAMP"),
        DataType::Timestamp(_, Some(_)) => TargetType::of("TIMESTAMP WITH TIME ZONE"),
        DataType::Utf8 if meaning(field) == Some("arrow.json") => TargetType::of("JSON"),
        DataType::Utf8 => TargetType::of("VARCHAR"),
        DataType::FixedSizeBinary(_) if meaning(field) == Some("arrow.uuid") => TargetType::of("UUID"),
        DataType::Binary | DataType::FixedSizeBinary(_) => TargetType::of("BLOB"),
        DataType::List(item) | DataType::FixedSizeList(item, _) => take(item).around(|item| format!("{item}[]")),
        DataType::Struct(fields) => {
            TargetType::of_fields(fields, take, |fields| format!("STRUCT({})", fields.join(", ")))
        }
        other => unknown(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::types::arrow;
    use crate::render::types::type_report::tests::check;

    #[test]
    fn meanings_are_known_and_long_decimals_are_not() {
        check(take, DataType::FixedSizeBinary(16), Some("arrow.uuid"), "UUID");
        check(take, DataType::FixedSizeBinary(16), None, "BLOB");
        check(take, DataType::Utf8, Some("arrow.json"), "JSON");
        check(take, DataType::Decimal256(38, 38), None, "DECIMAL(38, 38)");
        let rounded = "DOUBLE (does not fit: DECIMAL has 38 digits, and what is longer is rounded)";
        check(take, DataType::Decimal256(39, 0), None, rounded);
        let uuid = arrow::field("item", DataType::FixedSizeBinary(16), true, Some("arrow.uuid"));
        let uuids = Field::new_list_field(DataType::List(uuid.into()), true);
        check(take, DataType::List(uuids.into()), None, "UUID[][]");
    }
}
