use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow_schema::extension::{Json, Uuid};
use rivet_model::{ColumnType, FIDELITY_KEY, Fidelity, OnUnrepresentable, SOURCE_TYPE_KEY};
use rivet_source::{ReadAs, SourceType, TypeShape};

use crate::kind;
use crate::types::{Class, TIMESTAMP, class, decimal, meaning, natural_field, timestamp_tz};

/// How a column is read and what it becomes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) read_as: ReadAs,
    pub(super) field: Field,
    pub(super) fidelity: Fidelity,
}

/// Decides how a column is read. The error says, behind the column's name, why it can't be.
pub(super) fn plan(
    name: &str,
    source: &SourceType,
    not_null: bool,
    wish: Option<ColumnType>,
    on_unrepresentable: Option<OnUnrepresentable>,
) -> Result<Plan, String> {
    let (read_as, field, fidelity) = match wish {
        None => by_itself(name, source)?,
        Some(wish) => as_wished(name, source, wish)?,
    };
    let nullable = !not_null || may_become_null(source, &read_as, field.data_type(), on_unrepresentable);
    let mut field = field.with_nullable(nullable);
    let mut metadata = field.metadata().clone();
    metadata.insert(SOURCE_TYPE_KEY.to_owned(), source.name.clone());
    metadata.insert(FIDELITY_KEY.to_owned(), fidelity.as_str().to_owned());
    if read_as == ReadAs::Wkb && source.modifier >= 0 {
        metadata.insert("rivet.srid".to_owned(), source.modifier.to_string());
    }
    field.set_metadata(metadata);
    Ok(Plan { read_as, field, fidelity })
}

/// Whether a value without a form may become NULL in a column that has no NULL at the source.
fn may_become_null(
    source: &SourceType,
    read_as: &ReadAs,
    target: &DataType,
    choice: Option<OnUnrepresentable>,
) -> bool {
    match choice {
        Some(OnUnrepresentable::Error) => false,
        None => matches!(target, DataType::Date32 | DataType::Timestamp(..)),
        Some(OnUnrepresentable::Null) => {
            let holds_all = matches!(target, DataType::Utf8 | DataType::Binary) || *read_as == ReadAs::Text;
            let natural = crate::types::natural(source).as_ref() == Some(target);
            // Of the types that a column becomes by itself, these hold less than the source does.
            let is_narrow =
                matches!(target, DataType::Boolean | DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_));
            !holds_all && (!natural || is_narrow)
        }
    }
}

type Reading = (ReadAs, Field, Fidelity);

fn by_itself(name: &str, source: &SourceType) -> Result<Reading, String> {
    let field =
        natural_field(name, source).ok_or_else(|| format!("is {}, which no type of Arrow holds", source.name))?;
    Ok(match class(source) {
        Class::Geometry => (ReadAs::Wkb, field, Fidelity::Exact),
        _ if source.id == kind::INET => (ReadAs::Native, field, Fidelity::Text),
        _ => (ReadAs::Native, field, Fidelity::Exact),
    })
}

fn as_wished(name: &str, source: &SourceType, wish: ColumnType) -> Result<Reading, String> {
    let of = class(source);
    if !allows(of, wish) {
        return Err(format!("is {}, which can't become {wish}", source.name));
    }
    let field = |data_type| Field::new(name, data_type, true);
    let exact = |field| Ok((ReadAs::Native, field, Fidelity::Exact));
    match wish {
        ColumnType::Text => {
            // What comes as text is text already.
            let is_text = matches!(of, Class::Text | Class::Json | Class::Uuid | Class::Binary | Class::Decimal);
            let read_as = if is_text { ReadAs::Native } else { ReadAs::Text };
            let base = if source.shape == TypeShape::Enum { "enum" } else { source.base.as_str() };
            Ok((read_as, meaning(field(DataType::Utf8), base), Fidelity::Text))
        }
        ColumnType::Json => exact(meaning(field(DataType::Utf8), &source.base).with_extension_type(Json::default())),
        ColumnType::Uuid => exact(field(DataType::FixedSizeBinary(16)).with_extension_type(Uuid)),
        ColumnType::Binary if of == Class::Geometry => {
            Ok((ReadAs::Wkb, meaning(field(DataType::Binary), &source.base), Fidelity::Exact))
        }
        _ => {
            let target = arrow_type(wish).ok_or_else(|| format!("is {}, which can't become {wish}", source.name))?;
            exact(field(target))
        }
    }
}

/// Whether values of a class can become what is wished for, each without loss or with an error.
fn allows(of: Class, wish: ColumnType) -> bool {
    use Class as C;
    match wish {
        ColumnType::Text => of != C::Vector,
        ColumnType::Binary => matches!(of, C::Text | C::Binary | C::Json | C::Bit | C::Geometry | C::Uuid | C::Vector),
        ColumnType::Bool => matches!(of, C::Integer | C::Bit | C::Text),
        ColumnType::Int2 | ColumnType::Int4 => {
            matches!(of, C::Integer | C::Bit | C::Decimal | C::Float | C::Text)
        }
        ColumnType::Int8 => matches!(of, C::Integer | C::Bit | C::Decimal | C::Float | C::Text | C::Time),
        ColumnType::Float4 | ColumnType::Float8 => matches!(of, C::Integer | C::Decimal | C::Float | C::Text),
        ColumnType::Decimal { .. } => matches!(of, C::Integer | C::Bit | C::Decimal | C::Float | C::Text),
        ColumnType::Date | ColumnType::Timestamp | ColumnType::TimestampTz => {
            matches!(of, C::Date | C::Moment | C::Text)
        }
        ColumnType::Time => matches!(of, C::Time | C::Text),
        ColumnType::Json => matches!(of, C::Json | C::Text),
        ColumnType::Uuid => matches!(of, C::Uuid | C::Text | C::Binary),
        _ => false,
    }
}

fn arrow_type(wish: ColumnType) -> Option<DataType> {
    Some(match wish {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int2 => DataType::Int16,
        ColumnType::Int4 => DataType::Int32,
        ColumnType::Int8 => DataType::Int64,
        ColumnType::Float4 => DataType::Float32,
        ColumnType::Float8 => DataType::Float64,
        ColumnType::Decimal { precision, scale } => return decimal(precision, i8::try_from(scale).ok()?),
        ColumnType::Date => DataType::Date32,
        ColumnType::Time => DataType::Time64(TimeUnit::Microsecond),
        ColumnType::Timestamp => TIMESTAMP,
        ColumnType::TimestampTz => timestamp_tz(),
        ColumnType::Binary => DataType::Binary,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::decimal_modifier;

    fn source(name: &str, id: u32, modifier: i32) -> SourceType {
        SourceType { name: name.to_owned(), base: name.to_owned(), id, modifier, shape: TypeShape::Scalar }
    }

    fn planned(source: &SourceType, wish: Option<&str>, choice: Option<OnUnrepresentable>) -> String {
        match plan("c", source, true, wish.map(|wish| wish.parse().unwrap()), choice) {
            Ok(plan) => {
                let null = if plan.field.is_nullable() { " null" } else { "" };
                let read_as = format!("{:?}", plan.read_as).to_lowercase();
                format!("{}{null}, {read_as}, {}", plan.field.data_type(), plan.fidelity)
            }
            Err(why) => why,
        }
    }

    #[test]
    fn types_become_what_the_documentation_says() {
        for (name, id, modifier, expected) in [
            ("tinyint(1)", kind::TINY, 1, "Boolean, native, exact"),
            ("tinyint", kind::TINY, 4, "Int8, native, exact"),
            ("tinyint unsigned", kind::TINY | kind::UNSIGNED, 1, "UInt8, native, exact"),
            ("smallint unsigned", kind::SHORT | kind::UNSIGNED, -1, "UInt16, native, exact"),
            ("mediumint", kind::INT24, -1, "Int32, native, exact"),
            ("int unsigned", kind::LONG | kind::UNSIGNED, -1, "UInt32, native, exact"),
            ("bigint unsigned", kind::LONGLONG | kind::UNSIGNED, -1, "UInt64, native, exact"),
            ("decimal(38,2)", kind::DECIMAL, decimal_modifier(38, 2), "Decimal128(38, 2), native, exact"),
            ("decimal(65,30)", kind::DECIMAL, decimal_modifier(65, 30), "Decimal256(65, 30), native, exact"),
            ("float", kind::FLOAT, -1, "Float32, native, exact"),
            ("bit(1)", kind::BIT, 1, "Boolean, native, exact"),
            ("bit(64)", kind::BIT, 64, "UInt64, native, exact"),
            ("year", kind::YEAR, -1, "Int16, native, exact"),
            ("date", kind::DATE, -1, "Date32 null, native, exact"),
            ("datetime(6)", kind::DATETIME, 6, "Timestamp(µs) null, native, exact"),
            ("timestamp", kind::TIMESTAMP, 0, "Timestamp(µs, \"UTC\") null, native, exact"),
            ("time", kind::TIME, 0, "Time64(µs), native, exact"),
            ("varchar", kind::VAR_STRING, -1, "Utf8, native, exact"),
            ("blob", kind::BLOB | kind::BINARY, -1, "Binary, native, exact"),
            ("json", kind::JSON, -1, "Utf8, native, exact"),
            ("enum", kind::ENUM, -1, "Utf8, native, exact"),
            ("geometry", kind::GEOMETRY, -1, "Binary, wkb, exact"),
            ("uuid", kind::UUID, -1, "FixedSizeBinary(16), native, exact"),
            ("inet6", kind::INET, -1, "Utf8, native, text"),
            ("vector(3)", kind::VECTOR, 3, "FixedSizeList(3 x non-null Float32), native, exact"),
        ] {
            assert_eq!(planned(&source(name, id, modifier), None, None), expected, "{name}");
        }
    }

    #[test]
    fn wishes_are_read_without_loss_or_refused() {
        let time = source("time", kind::TIME, 0);
        let text = source("text", kind::BLOB, -1);
        assert_eq!(planned(&time, Some("int8"), None), "Int64, native, exact");
        assert_eq!(planned(&time, Some("text"), None), "Utf8, text, text");
        assert_eq!(planned(&time, Some("date"), None), "is time, which can't become date");
        assert_eq!(planned(&text, Some("decimal(10,2)"), None), "Decimal128(10, 2), native, exact");
        assert_eq!(planned(&text, Some("uuid"), None), "FixedSizeBinary(16), native, exact");
        assert_eq!(planned(&text, Some("range"), None), "is text, which can't become range");
        assert_eq!(planned(&source("tinyint(1)", kind::TINY, 1), Some("int2"), None), "Int16, native, exact");
    }

    #[test]
    fn what_may_become_null_is_nullable() {
        let check = |id, wish, choice, nullable: bool| {
            let plan = planned(&source("t", id, 1), wish, choice);
            assert_eq!(plan.contains(" null,"), nullable, "{plan}");
        };
        let (null, error) = (Some(OnUnrepresentable::Null), Some(OnUnrepresentable::Error));
        check(kind::DATE, None, None, true);
        check(kind::DATE, None, error, false);
        check(kind::TIME, None, None, false);
        check(kind::TIME, None, null, true);
        check(kind::TINY, None, null, true);
        check(kind::LONGLONG, None, null, false);
        check(kind::LONGLONG, Some("int2"), null, true);
        check(kind::VAR_STRING, None, null, false);
    }
}
