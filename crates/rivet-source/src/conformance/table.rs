//! The tables that the suite reads.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};

/// Rows of the large table: enough for many batches of [`LIMITS`](super::LIMITS).
pub(super) const LARGE: i64 = 20_000;

/// Rows of the table with groups.
pub(super) const GROUPED: i64 = 3_000;

/// Every third label is NULL, every fifth is empty.
pub(super) fn label(id: i64) -> Option<String> {
    match id {
        id if id % 3 == 0 => None,
        id if id % 5 == 0 => Some(String::new()),
        id => Some(format!("row {id} — ж")),
    }
}

/// Every seventh group is NULL; others are below zero and above, a few of them with many rows.
pub(super) fn group(id: i64) -> Option<i64> {
    (id % 7 != 0).then(|| 500 / (1 + id % 90) - 50)
}

/// Makes so many rows, with ids from the first one on and their labels.
pub(super) fn labelled(first: i64, count: i64) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("label", DataType::Utf8, true)]);
    let ids = first..first + count;
    let labels: StringArray = ids.clone().map(label).collect();
    let ids: Int64Array = ids.collect();
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(labels)]).expect("columns of one length")
}

/// Makes so many rows, with ids from the first one on, their groups and their labels.
pub(super) fn grouped(first: i64, count: i64) -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("grp", DataType::Int64, true),
        Field::new("label", DataType::Utf8, true),
    ]);
    let ids = first..first + count;
    let groups: Int64Array = ids.clone().map(group).collect();
    let labels: StringArray = ids.clone().map(label).collect();
    let ids: Int64Array = ids.collect();
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(groups), Arc::new(labels)])
        .expect("columns of one length")
}

/// Writes rows of the suite as one `INSERT` statement, in SQL that every database reads. None where there are none.
pub fn insert_statement(table: &str, rows: &RecordBatch) -> Option<String> {
    let literal = |column: usize, row: usize| {
        let array = rows.column(column);
        if array.is_null(row) {
            return "NULL".to_owned();
        }
        match array.as_string_opt::<i32>() {
            Some(texts) => format!("'{}'", texts.value(row).replace('\'', "''")),
            None => array.as_primitive::<Int64Type>().value(row).to_string(),
        }
    };
    let row = |row: usize| {
        let values: Vec<_> = (0..rows.num_columns()).map(|column| literal(column, row)).collect();
        format!("({})", values.join(", "))
    };
    let values: Vec<_> = (0..rows.num_rows()).map(row).collect();
    let schema = rows.schema();
    let columns: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    (!values.is_empty()).then(|| format!("INSERT INTO {table} ({}) VALUES {}", columns.join(", "), values.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_a_statement() {
        let expected = "INSERT INTO t (id, grp, label) VALUES (6, 21, NULL), (7, NULL, 'row 7 — ж')";
        assert_eq!(insert_statement("t", &grouped(6, 2)).unwrap(), expected);
        assert_eq!(insert_statement("t", &labelled(1, 0)), None);
    }
}
