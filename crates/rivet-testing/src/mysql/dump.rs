use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use mysql_async::Column;
use mysql_async::consts::ColumnType;
use serde_json::{Value, json};

use super::column::Form;
use super::session::MysqlSession;
use crate::dump::types_path;

/// Writes the rows of a query as CSV and the types of its columns as JSON: values in the server's own text, brought
/// into PostgreSQL's forms, in which `compare.py` compares.
#[track_caller]
pub(crate) fn write(session: &MysqlSession, query: &str, path: &Path) {
    let columns = session.columns(query);
    let forms: Vec<Form> = columns.iter().map(|column| form(session, column)).collect();
    let types: Vec<Value> =
        columns.iter().zip(&forms).map(|(column, form)| json!([column.name_str(), form.kind()])).collect();
    std::fs::write(types_path(path), Value::from(types).to_string()).expect("a test may write into its own folder");
    let mut file = BufWriter::new(File::create(path).expect("a test may write into its own folder"));
    let mut record = |values: Vec<Option<String>>| {
        file.write_all(line(&values).as_bytes()).expect("a test may write into its own folder");
    };
    record(columns.iter().map(|column| Some(column.name_str().into_owned())).collect());
    session.each_row(&with_all_digits(query, &columns), &mut |row| {
        let values = row.iter().zip(&forms).map(|(value, form)| value.as_deref().map(|bytes| form.write(bytes)));
        record(values.collect());
    });
    file.flush().expect("a test may write into its own folder");
}

/// Asks MariaDB's catalog where a definition does not say all.
fn form(session: &MysqlSession, column: &Column) -> Form {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "''");
    let judged = Form::of(column);
    if column.org_table_ref().is_empty() || !matches!(judged, Form::Text | Form::Bytes) {
        return judged;
    }
    let named = session.query_text(&format!(
        "SELECT data_type FROM information_schema.columns \
         WHERE table_schema = '{}' AND table_name = '{}' AND column_name = '{}'",
        quoted(&column.schema_str()),
        quoted(&column.org_table_str()),
        quoted(&column.org_name_str()),
    ));
    let named = named.into_iter().flatten().flatten().next();
    named.and_then(|name| Form::of_catalog(&name)).unwrap_or(judged)
}

/// Makes doubles of floats: the text of a float has six digits, which are not all of them. Adding zero would take the
/// sign off another one.
fn with_all_digits(query: &str, columns: &[Column]) -> String {
    let is_float = |column: &Column| column.column_type() == ColumnType::MYSQL_TYPE_FLOAT;
    if !columns.iter().any(is_float) {
        return query.to_owned();
    }
    let all = columns.iter().map(|column| {
        let name = column.name_str().replace('`', "``");
        if is_float(column) { format!("`{name}` * 1e0") } else { format!("`{name}`") }
    });
    format!("SELECT {} FROM ({query}) AS with_all_digits", all.collect::<Vec<_>>().join(", "))
}

/// Every value is quoted, so that the marker of NULL, which is not, can't be mistaken for a text.
fn line(values: &[Option<String>]) -> String {
    let field = |value: &Option<String>| {
        value.as_ref().map_or_else(|| "\\N".to_owned(), |text| format!("\"{}\"", text.replace('"', "\"\"")))
    };
    values.iter().map(field).collect::<Vec<_>>().join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_asked_for_as_doubles() {
        let column = |name: &str, kind| Column::new(kind).with_name(name.as_bytes());
        let (id, x) = (column("id", ColumnType::MYSQL_TYPE_LONG), column("x`y", ColumnType::MYSQL_TYPE_FLOAT));
        assert_eq!(with_all_digits("SELECT 1", std::slice::from_ref(&id)), "SELECT 1");
        assert_eq!(
            with_all_digits("SELECT * FROM t", &[id, x]),
            "SELECT `id`, `x``y` * 1e0 FROM (SELECT * FROM t) AS with_all_digits"
        );
    }

    #[test]
    fn null_is_no_text() {
        let value = |text: &str| Some(text.to_owned());
        assert_eq!(line(&[value("a\"b"), None, value("\\N"), value("")]), "\"a\"\"b\",\\N,\"\\N\",\"\"\n");
    }
}
