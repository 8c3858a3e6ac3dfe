//! Statistics that the server has stored: when they were gathered, and what they saw of columns without an index.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rivet_source::SourceError;
use serde_json::Value;

use crate::describe::catalog::CatalogTable;
use crate::dialect::literal;
use crate::server::{Family, Server};
use crate::session::{Session, TextRow};

/// When InnoDB gathered statistics of a table, and how many rows it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gathered {
    /// Of a table with partitions, the longest ago.
    pub(super) at: Timestamp,
    pub(super) rows: u64,
}

/// What a histogram says of a column.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Histogram {
    pub(super) column: String,
    pub(super) null_fraction: Option<f64>,
    /// Different values.
    pub(super) distinct: Option<f64>,
    /// The smallest value, in its text form.
    pub(super) lowest: Option<String>,
    /// The largest value, in its text form.
    pub(super) highest: Option<String>,
}

/// Asks when statistics of a table were gathered, which takes a right to the database `mysql`. None where nobody says,
/// and for tables whose statistics are gathered anew whenever they are opened.
pub(super) async fn gathered(session: &mut Session, table: &CatalogTable) -> Result<Option<Gathered>, SourceError> {
    let name = literal(&table.name);
    // Partitions are tables of their own, whose names have a mark of three characters behind the table's.
    let named = if table.partitioned {
        let length = table.name.chars().count() + 3;
        let mark = |mark: &str| literal(&format!("{}{mark}", table.name));
        format!("LEFT(table_name, {length}) IN ({}, {})", mark("#p#"), mark("#P#"))
    } else {
        format!("table_name = {name}")
    };
    let sql = format!(
        "SELECT MIN(last_update), SUM(n_rows) FROM mysql.innodb_table_stats WHERE database_name = {} AND {named}",
        literal(&table.database)
    );
    let rows = session.ask("when statistics were gathered", &sql).await?;
    Ok(rows.first().and_then(|row| Some(Gathered { at: moment(text(row, 0)?)?, rows: text(row, 1)?.parse().ok()? })))
}

/// Reads a moment of the session's zone, which is UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let written: DateTime = text.parse().ok()?;
    Some(written.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Asks for histograms of columns. MariaDB takes a right to the database `mysql` for it.
pub(super) async fn histograms(
    session: &mut Session,
    server: &Server,
    table: &CatalogTable,
    columns: &[&str],
) -> Result<Vec<Histogram>, SourceError> {
    let names: Vec<_> = columns.iter().map(|column| literal(column)).collect();
    let (database, name, names) = (literal(&table.database), literal(&table.name), names.join(", "));
    let purpose = "histograms of the columns";
    match server.family {
        Family::Mysql if server.info.version < 80_000 => Ok(Vec::new()),
        Family::Mysql => {
            let sql = format!(
                "SELECT COLUMN_NAME, HISTOGRAM FROM information_schema.COLUMN_STATISTICS \
                 WHERE SCHEMA_NAME = {database} AND TABLE_NAME = {name} AND COLUMN_NAME IN ({names})"
            );
            Ok(session.ask(purpose, &sql).await?.iter().filter_map(of_mysql).collect())
        }
        Family::Mariadb => {
            let sql = format!(
                "SELECT column_name, nulls_ratio, avg_frequency, min_value, max_value FROM mysql.column_stats \
                 WHERE db_name = {database} AND table_name = {name} AND column_name IN ({names})"
            );
            Ok(session.ask(purpose, &sql).await?.iter().filter_map(|row| of_mariadb(row, table.rows)).collect())
        }
    }
}

/// Reads a histogram of MySQL: a document with buckets in the order of their values. Those of several values have four
/// parts: the first and the last of them, the rows up to there, and how many values there are.
fn of_mysql(row: &TextRow) -> Option<Histogram> {
    let document: Value = serde_json::from_str(text(row, 1)?).ok()?;
    let buckets = document.get("buckets").and_then(Value::as_array);
    let end = |bucket: Option<&Value>, last: bool| {
        let bucket = bucket?.as_array()?;
        written(bucket.get(usize::from(last && bucket.len() >= 4))?)
    };
    let values = |bucket: &Value| match bucket.as_array().map_or(0, Vec::len) {
        4.. => bucket.get(3).and_then(Value::as_f64),
        _ => Some(1.0),
    };
    Some(Histogram {
        column: text(row, 0)?.to_owned(),
        null_fraction: document.get("null-values").and_then(Value::as_f64),
        distinct: buckets.and_then(|buckets| buckets.iter().map(values).sum()),
        lowest: end(buckets.and_then(|buckets| buckets.first()), false),
        highest: end(buckets.and_then(|buckets| buckets.last()), true),
    })
}

/// A value of a histogram in its text form. Texts of a length are cut off, and written in a way of their own.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.starts_with("base64:") => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn of_mariadb(row: &TextRow, rows: Option<u64>) -> Option<Histogram> {
    let number = |column| text(row, column).and_then(|text| text.parse::<f64>().ok());
    let null_fraction = number(1);
    let values = |rows: f64| Some(rows * (1.0 - null_fraction.unwrap_or(0.0)) / number(2).filter(|rows| *rows > 0.0)?);
    let rows = rows.and_then(|rows| u32::try_from(rows).ok()).map(f64::from);
    Some(Histogram {
        column: text(row, 0)?.to_owned(),
        null_fraction,
        distinct: rows.and_then(values),
        lowest: text(row, 3).map(ToOwned::to_owned),
        highest: text(row, 4).map(ToOwned::to_owned),
    })
}

fn text(row: &TextRow, column: usize) -> Option<&str> {
    row.get(column).and_then(Option::as_deref)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[&str]) -> TextRow {
        values.iter().map(|value| Some((*value).to_owned())).collect()
    }

    fn histogram(null_fraction: f64, distinct: f64, ends: Option<(&str, &str)>) -> Histogram {
        Histogram {
            column: "v".to_owned(),
            null_fraction: Some(null_fraction),
            distinct: Some(distinct),
            lowest: ends.map(|(lowest, _)| lowest.to_owned()),
            highest: ends.map(|(_, highest)| highest.to_owned()),
        }
    }

    #[test]
    fn histograms_of_mysql_have_buckets_of_one_value_or_of_several() {
        let check = |document: &str, expected: Histogram| assert_eq!(of_mysql(&row(&["v", document])), Some(expected));
        check(
            r#"{"buckets": [[1, 0.4], [5, 1.0]], "null-values": 0.5, "histogram-type": "singleton"}"#,
            histogram(0.5, 2.0, Some(("1", "5"))),
        );
        check(
            r#"{"buckets": [["2026-01-01", "2026-01-31", 0.5, 31], ["2026-02-01", "2026-03-01", 1.0, 20]],
               "null-values": 0.0, "histogram-type": "equi-height"}"#,
            histogram(0.0, 51.0, Some(("2026-01-01", "2026-03-01"))),
        );
        check(r#"{"buckets": [["base64:type254:YQ==", 1.0]], "null-values": 0.25}"#, histogram(0.25, 1.0, None));
        check(r#"{"buckets": [], "null-values": 1.0}"#, histogram(1.0, 0.0, None));
        assert_eq!(of_mysql(&row(&["v", "no document"])), None);
    }

    #[test]
    fn histograms_of_mariadb_are_rows() {
        let found = of_mariadb(&row(&["v", "0.5000", "2.0000", "-7", "90"]), Some(1_000));
        assert_eq!(found, Some(histogram(0.5, 250.0, Some(("-7", "90")))));
        let mut nothing = row(&["v", "1.0000", "0.0000", "", ""]);
        nothing.truncate(3);
        let expected = Histogram { distinct: None, ..histogram(1.0, 0.0, None) };
        assert_eq!(of_mariadb(&nothing, Some(1_000)), Some(expected));
    }

    #[test]
    fn moments_are_of_utc() {
        assert_eq!(moment("2026-01-02 03:04:05").unwrap().to_string(), "2026-01-02T03:04:05Z");
        assert_eq!(moment("0000-00-00 00:00:00"), None);
    }
}
