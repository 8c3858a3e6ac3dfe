//! Values of keys as SQL.

use rivet_model::Scalar;
use rivet_source::SourceType;

use super::{identifier, literal};
use crate::oid;

/// The first identifier that a server gives to types which are not its own.
/// <https://github.com/postgres/postgres/blob/master/src/include/access/transam.h>
const FIRST_FOREIGN_ID: u32 = 16_384;

/// Writes a value as a quoted literal of a column's type.
pub(super) fn typed(value: &Scalar, of: &SourceType) -> String {
    let text = match value {
        Scalar::Bytes(digits) => literal(&format!("\\x{digits}")),
        other => literal(&other.to_string()),
    };
    match of.id {
        // One type for all widths: a value that a narrower column can't hold is compared, not refused. An index on
        // any of them serves it.
        oid::INT2 | oid::INT4 | oid::INT8 => format!("{text}::pg_catalog.int8"),
        // What the text of money looks like is a matter of the server's locale.
        oid::MONEY => format!("{text}::pg_catalog.numeric::pg_catalog.money"),
        // The name of a built-in type is its own even where the column's type is a domain over it.
        _ => match built_in(of) {
            Some(name) => format!("{text}::{name}"),
            // A bare literal takes the type of what it is compared with, wherever the search path leads.
            None => text,
        },
    }
}

/// Writes the name of a column's type where that is one of the server's own.
pub(crate) fn built_in(of: &SourceType) -> Option<String> {
    (of.id < FIRST_FOREIGN_ID).then(|| format!("pg_catalog.{}", type_name(&of.base)))
}

fn type_name(base: &str) -> String {
    let plain = base != "char" && base.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if plain { base.to_owned() } else { identifier(base) }
}

#[cfg(test)]
mod tests {
    use rivet_source::TypeShape;

    use super::*;

    #[test]
    fn literals_are_of_their_columns_types() {
        let check = |id, base: &str, value: Scalar, expected: &str| {
            let of = SourceType {
                name: "d.of_user".to_owned(),
                base: base.to_owned(),
                id,
                modifier: -1,
                shape: TypeShape::Scalar,
            };
            assert_eq!(typed(&value, &of), expected);
        };
        let text = |text: &str| Scalar::Text(text.to_owned());
        check(oid::INT4, "int4", Scalar::Int(-7), "'-7'::pg_catalog.int8");
        check(oid::OID, "oid", Scalar::Int(7), "'7'::pg_catalog.oid");
        check(oid::XID8, "xid8", Scalar::Uint(u64::MAX), "'18446744073709551615'::pg_catalog.xid8");
        check(oid::NUMERIC, "numeric", Scalar::Decimal("1.50".into()), "'1.50'::pg_catalog.numeric");
        check(oid::MONEY, "money", Scalar::Decimal("1.50".into()), "'1.50'::pg_catalog.numeric::pg_catalog.money");
        check(oid::VARCHAR, "varchar", text("it's"), "'it''s'::pg_catalog.varchar");
        check(18, "char", text("a"), "'a'::pg_catalog.\"char\"");
        check(oid::BYTEA, "bytea", Scalar::Bytes("00ff".into()), "E'\\\\x00ff'::pg_catalog.bytea");
        check(16_400, "mood", text("a\\b"), "E'a\\\\b'");
    }
}
