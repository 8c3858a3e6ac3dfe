use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow_schema::extension::{Json, Uuid};
use rivet_model::{
    ColumnType, FIDELITY_KEY, Fidelity, LOGICAL_TYPE_KEY, NumericDefault, OnUnrepresentable, SOURCE_TYPE_KEY,
};
use rivet_source::{ReadAs, SourceType, TypeShape};

use crate::decode::decodes;
use crate::oid;
use crate::types::{TIMESTAMP, decimal, is_network, is_texty, natural_field, range_struct, timestamp_tz};

/// What decides how a column is read, besides its type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes {
    pub(super) numeric_default: NumericDefault,
    pub(super) on_unrepresentable: Option<OnUnrepresentable>,
}

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
    wishes: Wishes,
) -> Result<Plan, String> {
    let (read_as, field, fidelity) = match wish {
        None => by_itself(name, source, wishes)?,
        Some(wish) => as_wished(name, source, wish, wishes)?,
    };
    let nullable = !not_null || may_become_null(field.data_type(), wishes.on_unrepresentable);
    let mut field = field.with_nullable(nullable);
    let mut metadata = field.metadata().clone();
    metadata.insert(SOURCE_TYPE_KEY.to_owned(), source.name.clone());
    metadata.insert(FIDELITY_KEY.to_owned(), fidelity.as_str().to_owned());
    if let Some(srid) = srid(source, &read_as) {
        metadata.insert("rivet.srid".to_owned(), srid.to_string());
    }
    field.set_metadata(metadata);
    Ok(Plan { read_as, field, fidelity })
}

/// Whether a value without a form may become NULL in a column that has no NULL at the source.
fn may_become_null(data_type: &DataType, choice: Option<OnUnrepresentable>) -> bool {
    match (data_type, choice) {
        (_, Some(OnUnrepresentable::Error)) => false,
        (DataType::Date32 | DataType::Timestamp(..), _) => true,
        (
            DataType::Time64(_) | DataType::Decimal128(..) | DataType::Decimal256(..) | DataType::List(_),
            Some(OnUnrepresentable::Null),
        ) => true,
        _ => false,
    }
}

/// A geometry's reference system, from its modifier: 21 bits from the ninth on, signed.
fn srid(source: &SourceType, read_as: &ReadAs) -> Option<i32> {
    let packed = source.modifier;
    (*read_as == ReadAs::Wkb && packed >= 0).then_some(((packed & 0x0FFF_FF00) - (packed & 0x1000_0000)) >> 8)
}

type Reading = (ReadAs, Field, Fidelity);

fn is_geometry(source: &SourceType) -> bool {
    source.shape == TypeShape::Scalar && matches!(source.base.as_str(), "geometry" | "geography")
}

fn by_itself(name: &str, source: &SourceType, wishes: Wishes) -> Result<Reading, String> {
    if source.base == "hstore" {
        return Ok((ReadAs::Json, json_field(name, "hstore"), Fidelity::Exact));
    }
    if is_geometry(source) {
        let field = meaning(Field::new(name, DataType::Binary, true), &source.base);
        return Ok((ReadAs::Wkb, field, Fidelity::Exact));
    }
    let field = natural_field(name, source, true, wishes.numeric_default)
        .map_err(|_unmapped| format!("is {}, which no decimal type of Arrow holds", source.name))?;
    let exact = decodes(source, field.data_type());
    let read_as = if exact || *field.data_type() != DataType::Utf8 { ReadAs::Native } else { ReadAs::Text };
    let is_text = !exact || is_network(source);
    Ok((read_as, field, if is_text { Fidelity::Text } else { Fidelity::Exact }))
}

fn meaning(field: Field, meaning: &str) -> Field {
    field.with_metadata([(LOGICAL_TYPE_KEY.to_owned(), meaning.to_owned())].into())
}

fn json_field(name: &str, of: &str) -> Field {
    meaning(Field::new(name, DataType::Utf8, true), of).with_extension_type(Json::default())
}

fn as_wished(name: &str, source: &SourceType, wish: ColumnType, wishes: Wishes) -> Result<Reading, String> {
    let field = |data_type| Field::new(name, data_type, true);
    match wish {
        ColumnType::Text => {
            let read_as = if is_texty(source) || is_network(source) { ReadAs::Native } else { ReadAs::Text };
            return Ok((read_as, meaning(field(DataType::Utf8), &source.base), Fidelity::Text));
        }
        ColumnType::Json => {
            let is_json = is_texty(source) || source.id == oid::JSONB;
            let read_as = if is_json { ReadAs::Native } else { ReadAs::Json };
            return Ok((read_as, json_field(name, &source.base), Fidelity::Exact));
        }
        ColumnType::Binary if is_geometry(source) => {
            return Ok((ReadAs::Wkb, meaning(field(DataType::Binary), &source.base), Fidelity::Exact));
        }
        ColumnType::Range => {
            let TypeShape::Range { element } = &source.shape else { return Err(mismatch(source, wish)) };
            let bounds = range_struct(element, wishes.numeric_default).ok_or_else(|| mismatch(source, wish))?;
            return Ok((ReadAs::Native, field(bounds), Fidelity::Exact));
        }
        _ => {}
    }
    let target = arrow_type(wish).ok_or_else(|| mismatch(source, wish))?;
    let made = if wish == ColumnType::Uuid { field(target).with_extension_type(Uuid) } else { field(target) };
    let read_as = if decodes(source, made.data_type()) || converts(source, wish) {
        ReadAs::Native
    } else {
        ReadAs::Cast(cast_target(source, wish).ok_or_else(|| mismatch(source, wish))?)
    };
    Ok((read_as, made, Fidelity::Exact))
}

fn mismatch(source: &SourceType, wish: ColumnType) -> String {
    format!("is {}, which can't become {wish}", source.name)
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
        ColumnType::Uuid => DataType::FixedSizeBinary(16),
        _ => return None,
    })
}

fn is_integer(source: &SourceType) -> bool {
    matches!(source.id, oid::INT2 | oid::INT4 | oid::INT8 | oid::OID | oid::XID8)
}

fn is_float(source: &SourceType) -> bool {
    matches!(source.id, oid::FLOAT4 | oid::FLOAT8)
}

/// Whether we convert ourselves, value by value and without loss, so that an error can name its row.
fn converts(source: &SourceType, wish: ColumnType) -> bool {
    let numeric = source.id == oid::NUMERIC;
    match wish {
        ColumnType::Bool => is_integer(source),
        ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8 => {
            is_integer(source) || is_float(source) || numeric || source.id == oid::BOOL
        }
        ColumnType::Float4 | ColumnType::Float8 => is_integer(source),
        ColumnType::Date => matches!(source.id, oid::TIMESTAMP | oid::TIMESTAMPTZ),
        ColumnType::Timestamp => matches!(source.id, oid::TIMESTAMPTZ | oid::DATE),
        ColumnType::TimestampTz => matches!(source.id, oid::TIMESTAMP | oid::DATE),
        _ => false,
    }
}

/// The type that the server casts to, where its cast loses nothing or the user asked for a rounding type.
fn cast_target(source: &SourceType, wish: ColumnType) -> Option<SourceType> {
    let texty = is_texty(source);
    let number = is_integer(source) || is_float(source) || source.id == oid::NUMERIC;
    let (base, id, allowed) = match wish {
        ColumnType::Bool => ("bool", oid::BOOL, texty),
        ColumnType::Int2 => ("int2", oid::INT2, texty),
        ColumnType::Int4 => ("int4", oid::INT4, texty),
        ColumnType::Int8 => ("int8", oid::INT8, texty),
        ColumnType::Float4 => ("float4", oid::FLOAT4, texty || number),
        ColumnType::Float8 => ("float8", oid::FLOAT8, texty || number),
        ColumnType::Decimal { .. } => ("numeric", oid::NUMERIC, texty || number || source.id == oid::MONEY),
        ColumnType::Date => ("date", oid::DATE, texty),
        ColumnType::Time => ("time", oid::TIME, texty),
        ColumnType::Timestamp => ("timestamp", oid::TIMESTAMP, texty),
        ColumnType::TimestampTz => ("timestamptz", oid::TIMESTAMPTZ, texty),
        ColumnType::Uuid => ("uuid", oid::UUID, texty),
        _ => return None,
    };
    let name = format!("pg_catalog.{base}");
    allowed.then(|| SourceType { name, base: base.to_owned(), id, modifier: -1, shape: TypeShape::Scalar })
}

#[cfg(test)]
mod tests {
    use rivet_model::COLUMN_TYPE_WORDS;

    use super::*;
    use crate::decode::conversion_base;

    fn source(base: &str, id: u32, modifier: i32) -> SourceType {
        SourceType { name: base.to_owned(), base: base.to_owned(), id, modifier, shape: TypeShape::Scalar }
    }

    fn planned(source: &SourceType, wish: Option<&str>) -> String {
        let wishes = Wishes { numeric_default: NumericDefault::default(), on_unrepresentable: None };
        match plan("c", source, true, wish.map(|wish| wish.parse().unwrap()), wishes) {
            Ok(plan) => {
                let read_as = match &plan.read_as {
                    ReadAs::Cast(target) => format!("cast to {}", target.base),
                    other => format!("{other:?}").to_lowercase(),
                };
                let null = if plan.field.is_nullable() { " null" } else { "" };
                format!("{}{null}, {read_as}, {}", plan.field.data_type(), plan.fidelity)
            }
            Err(why) => why,
        }
    }

    #[test]
    fn types_become_what_the_documentation_says() {
        let numeric = |precision: i32, scale: i32| ((precision << 16) | (scale & 0x7FF)) + 4;
        for (id, base, modifier, expected) in [
            (oid::INT8, "int8", -1, "Int64, native, exact"),
            (oid::NUMERIC, "numeric", numeric(15, 2), "Decimal128(15, 2), native, exact"),
            (oid::NUMERIC, "numeric", numeric(76, 20), "Decimal256(76, 20), native, exact"),
            (oid::NUMERIC, "numeric", numeric(5, -2), "Decimal128(7, 0), native, exact"),
            (oid::NUMERIC, "numeric", numeric(3, 5), "Decimal128(5, 5), native, exact"),
            (oid::NUMERIC, "numeric", -1, "Decimal128(38, 18), native, exact"),
            (oid::NUMERIC, "numeric", numeric(100, 2), "is numeric, which no decimal type of Arrow holds"),
            (oid::MONEY, "money", 2, "Decimal128(19, 2), native, exact"),
            (oid::TIMESTAMPTZ, "timestamptz", -1, "Timestamp(µs, \"UTC\") null, native, exact"),
            (1186, "interval", -1, "Utf8, text, text"),
            (16_400, "citext", -1, "Utf8, native, exact"),
            (16_401, "hstore", -1, "Utf8, json, exact"),
            (16_402, "geometry", -1, "Binary, wkb, exact"),
            (16_403, "vector", 3, "FixedSizeList(3 x non-null Float32), native, exact"),
        ] {
            assert_eq!(planned(&source(base, id, modifier), None), expected, "{base} {modifier}");
        }
    }

    #[test]
    fn wishes_are_read_without_loss_or_refused() {
        let int8 = source("int8", oid::INT8, -1);
        let text = source("text", oid::TEXT, -1);
        let inet = source("inet", oid::INET, -1);
        assert_eq!(planned(&int8, Some("int2")), "Int16, native, exact");
        assert_eq!(planned(&int8, Some("decimal(20,0)")), "Decimal128(20, 0), cast to numeric, exact");
        assert_eq!(planned(&text, Some("uuid")), "FixedSizeBinary(16), cast to uuid, exact");
        assert_eq!(planned(&inet, Some("text")), "Utf8, native, text");
        assert_eq!(planned(&inet, Some("json")), "Utf8, json, exact");
        assert_eq!(planned(&inet, Some("int4")), "is inet, which can't become int4");
        assert_eq!(planned(&int8, Some("range")), "is int8, which can't become range");
        // Its count is of hundredths, and a decimal of another scale counts something else.
        let money = source("money", oid::MONEY, 2);
        assert_eq!(planned(&money, Some("decimal(19,2)")), "Decimal128(19, 2), native, exact");
        assert_eq!(planned(&money, Some("decimal(20,4)")), "Decimal128(20, 4), cast to numeric, exact");
    }

    /// What is planned to be read as it is has to be decoded as it is.
    #[test]
    fn whatever_is_read_natively_has_a_decoder() {
        let types = [
            ("bool", oid::BOOL),
            ("int2", oid::INT2),
            ("int8", oid::INT8),
            ("oid", oid::OID),
            ("xid8", oid::XID8),
            ("float4", oid::FLOAT4),
            ("float8", oid::FLOAT8),
            ("numeric", oid::NUMERIC),
            ("money", oid::MONEY),
            ("date", oid::DATE),
            ("time", oid::TIME),
            ("timestamp", oid::TIMESTAMP),
            ("timestamptz", oid::TIMESTAMPTZ),
            ("bytea", oid::BYTEA),
            ("text", oid::TEXT),
            ("uuid", oid::UUID),
        ];
        let words = COLUMN_TYPE_WORDS.iter().map(|word| word.replace("(p,s)", "(20,4)"));
        let wishes = Wishes { numeric_default: NumericDefault::default(), on_unrepresentable: None };
        for word in words {
            for (base, id) in types {
                let source = source(base, id, -1);
                let Ok(plan) = plan("c", &source, true, Some(word.parse().unwrap()), wishes) else { continue };
                let target = plan.field.data_type();
                let decoded = decodes(&source, target) || conversion_base(&source, target).is_some();
                assert!(plan.read_as != ReadAs::Native || decoded, "{base} as {word}");
            }
        }
    }
}
