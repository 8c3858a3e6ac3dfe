use arrow_schema::{DataType, Field};

use super::target::{TargetType, unknown};

/// Returns what a column becomes in `BigQuery`.
pub(super) fn take(field: &Field) -> TargetType {
    match field.data_type() {
        DataType::Boolean => TargetType::of("BOOL"),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => TargetType::of("INT64"),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => TargetType::of("INT64"),
        DataType::UInt64 => TargetType::loses("INT64", "there are no values from 2^63 on"),
        DataType::Float32 | DataType::Float64 => TargetType::of("FLOAT64"),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => decimal(*precision, *scale),
        DataType::Date32 => TargetType::of("DATE"),
        DataType::Time64(_) => TargetType::of("TIME"),
        DataType::Timestamp(_, None) => TargetType::of("DATETIME"),
        DataType::Timestamp(_, Some(_)) => TargetType::of("TIMESTAMP"),
        DataType::Utf8 => TargetType::of("STRING"),
        DataType::Binary => TargetType::of("BYTES"),
        DataType::FixedSizeBinary(length) => TargetType::of(format!("BYTES({length})")),
        DataType::List(item) | DataType::FixedSizeList(item, _) => list(item),
        DataType::Struct(fields) => {
            TargetType::of_fields(fields, take, |fields| format!("STRUCT<{}>", fields.join(", ")))
        }
        other => unknown(other),
    }
}

/// `NUMERIC` has 29 digits before the point and 9 after it, `BIGNUMERIC` 38 and 38.
fn decimal(precision: u8, scale: i8) -> TargetType {
    let whole_digits = i16::from(precision) - i16::from(scale);
    if scale <= 9 && whole_digits <= 29 {
        TargetType::of(format!("NUMERIC({precision}, {scale})"))
    } else if scale <= 38 && whole_digits <= 38 {
        TargetType::of(format!("BIGNUMERIC({precision}, {scale})"))
    } else {
        TargetType::loses("STRING", "it has more digits than BIGNUMERIC")
    }
}

fn list(item: &Field) -> TargetType {
    if matches!(item.data_type(), DataType::List(_) | DataType::FixedSizeList(..)) {
        return TargetType::none("an array can't hold arrays; export the column as `json`");
    }
    let array = take(item).around(|item| format!("ARRAY<{item}>"));
    if item.is_nullable() && array.remark.is_none() { array.with_remark("a NULL element is refused") } else { array }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::types::type_report::tests::check;

    #[test]
    fn decimals_go_as_far_as_bignumeric() {
        for (precision, scale, expected) in [
            (38, 9, "NUMERIC(38, 9)"),
            (29, 0, "NUMERIC(29, 0)"),
            (30, 0, "BIGNUMERIC(30, 0)"),
            (38, 10, "BIGNUMERIC(38, 10)"),
            (76, 38, "BIGNUMERIC(76, 38)"),
            (39, 0, "STRING (does not fit: it has more digits than BIGNUMERIC)"),
            (40, 39, "STRING (does not fit: it has more digits than BIGNUMERIC)"),
        ] {
            check(take, DataType::Decimal256(precision, scale), None, expected);
        }
    }

    #[test]
    fn arrays_hold_no_arrays() {
        let list = |data_type| DataType::List(Field::new_list_field(data_type, true).into());
        check(take, list(DataType::Int32), None, "ARRAY<INT64> (a NULL element is refused)");
        check(
            take,
            list(list(DataType::Int32)),
            None,
            "none (does not fit: an array can't hold arrays; export the column as `json`)",
        );
        let fields = vec![Field::new("a", DataType::UInt64, true), Field::new("b", DataType::Date32, true)];
        check(
            take,
            list(DataType::Struct(fields.into())),
            None,
            "ARRAY<STRUCT<a INT64, b DATE>> (does not fit: `a`: there are no values from 2^63 on)",
        );
    }
}
