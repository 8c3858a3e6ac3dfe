use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio_postgres::types::{Kind, Type};

use crate::session::Session;

/// What makes a server's text forms the same everywhere, and the same as an export's.
const STEADY: &str = "SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'iso_8601'; \
                      SET bytea_output = 'hex'; SET extra_float_digits = 1";

/// Writes the rows of a query as CSV and the types of its columns as JSON.
#[track_caller]
pub(crate) fn write(session: &Session, query: &str, path: &Path) {
    session.execute(STEADY);
    let statement = session.prepare(query);
    let types: Vec<Value> =
        statement.columns().iter().map(|column| json!([column.name(), describe(column.type_())])).collect();
    std::fs::write(types_path(path), Value::from(types).to_string()).expect("a test may write into its own folder");
    // Every value is quoted, so that the marker of NULL, which is not, can't be mistaken for a text.
    let copy = format!(r"COPY ({query}) TO STDOUT (FORMAT csv, HEADER, NULL '\N', FORCE_QUOTE *)");
    session.copy_out(&copy, path);
}

/// Returns where the types of a dump stand.
pub(crate) fn types_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".types.json");
    name.into()
}

/// Returns a scalar's name as a string, a list as `{"list": element}`, a composite as `{"struct": [[name, type]]}`.
fn describe(kind: &Type) -> Value {
    match kind.kind() {
        // The catalog has elements for them, and their text is none of an array: `1 2 3`.
        _ if matches!(*kind, Type::INT2_VECTOR | Type::OID_VECTOR) => json!(kind.name()),
        Kind::Array(element) => json!({ "list": describe(element) }),
        Kind::Domain(base) => describe(base),
        Kind::Composite(fields) => {
            let fields: Vec<Value> =
                fields.iter().map(|field| json!([field.name(), describe(field.type_())])).collect();
            json!({ "struct": fields })
        }
        Kind::Enum(_) => json!("enum"),
        _ => json!(kind.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_described_as_deep_as_they_go() {
        assert_eq!(describe(&Type::INT4_ARRAY), json!({"list": "int4"}));
        assert_eq!(describe(&Type::NUMERIC), json!("numeric"));
        assert_eq!(describe(&Type::INT2_VECTOR), json!("int2vector"));
        assert_eq!(types_path(Path::new("a/b.csv")), Path::new("a/b.csv.types.json"));
    }
}
