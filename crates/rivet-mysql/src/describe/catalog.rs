//! What `information_schema` says of tables, their columns and their indexes.

use std::collections::{BTreeMap, BTreeSet};

use rivet_model::TableRef;
use rivet_source::SourceError;

use crate::dialect::literal;
use crate::server::{Family, Server};
use crate::session::{Session, TextRow};
use crate::wire::Origin;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CatalogColumn {
    /// Its type with all that was declared: `enum('a','b')`, `int(10) unsigned`.
    pub(super) declared: String,
    /// Its bare type: `uuid`.
    pub(super) base: String,
    /// Whether `SELECT *` leaves it out.
    pub(super) invisible: bool,
    /// The reference system of its geometries.
    pub(super) srid: Option<i32>,
    /// Whether it is declared as JSON, which MariaDB writes down as a check of a text.
    pub(super) json: bool,
}

/// An index of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(super) primary: bool,
    /// Whether no two rows of the table have equal values in all of its columns, unless one of them is NULL.
    pub(super) unique: bool,
    /// The names of its columns; empty for an expression or the beginning of a column.
    pub(crate) columns: Vec<String>,
    /// Whether comparisons with its first column can be ranges of it.
    pub(crate) ordered: bool,
}

/// A table, as the catalog has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CatalogTable {
    /// Where it is: the database and the name, as they are written there.
    pub(crate) database: String,
    pub(crate) name: String,
    /// Whether it is a table rather than a view.
    pub(crate) is_base: bool,
    /// What stores it; empty for a view.
    pub(crate) engine: String,
    /// Rows, off by up to half.
    pub(crate) rows: Option<u64>,
    /// Bytes of its rows, with all that is kept free between them.
    pub(crate) bytes: Option<u64>,
    /// Those bytes by those rows.
    pub(crate) row_bytes: Option<u64>,
    /// Whether it is cut into partitions.
    pub(crate) partitioned: bool,
}

impl CatalogTable {
    /// Whether it is stored by the engine whose tables have read views, and rows in the order of their primary keys.
    pub(crate) fn is_innodb(&self) -> bool {
        self.engine.eq_ignore_ascii_case("InnoDB")
    }
}

/// Finds a table by its name; none where there is none, or none that the role may see.
pub(crate) async fn find(session: &mut Session, table: &TableRef) -> Result<Option<CatalogTable>, SourceError> {
    let database = table.schema().map_or_else(|| "DATABASE()".to_owned(), literal);
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH, AVG_ROW_LENGTH, \
         CREATE_OPTIONS FROM information_schema.TABLES WHERE TABLE_SCHEMA = {database} AND TABLE_NAME = {}",
        literal(table.name())
    );
    let rows = session.ask("the table", &sql).await?;
    // Where names are told apart by case, the comparison of the catalog may not do so.
    let exact = rows.iter().find(|row| text(row, 1) == table.name());
    let is_known = exact.or(if rows.len() == 1 { rows.first() } else { None });
    Ok(is_known.map(|row| CatalogTable {
        database: text(row, 0).to_owned(),
        name: text(row, 1).to_owned(),
        is_base: matches!(text(row, 2), "BASE TABLE" | "SYSTEM VERSIONED"),
        engine: text(row, 3).to_owned(),
        rows: text(row, 4).parse().ok(),
        bytes: text(row, 5).parse().ok(),
        row_bytes: text(row, 6).parse().ok(),
        partitioned: text(row, 7).contains("partitioned"),
    }))
}

/// Reads the columns of these tables, each table's in their order.
pub(super) async fn columns(
    session: &mut Session,
    server: &Server,
    tables: &BTreeSet<(String, String)>,
) -> Result<Vec<(Origin, CatalogColumn)>, SourceError> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let has_srid = server.family == Family::Mysql && server.info.version >= 80_000;
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, EXTRA, {} \
         FROM information_schema.COLUMNS WHERE {} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
        if has_srid { "SRS_ID" } else { "NULL" },
        is_one_of("TABLE_SCHEMA", "TABLE_NAME", tables)
    );
    let json = if server.family == Family::Mariadb { json_checks(session, tables).await? } else { BTreeSet::new() };
    let rows = session.ask("the columns of the tables", &sql).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let origin = Origin {
                database: text(row, 0).to_owned(),
                table: text(row, 1).to_owned(),
                column: text(row, 2).to_owned(),
            };
            let column = CatalogColumn {
                declared: text(row, 3).to_owned(),
                base: text(row, 4).to_lowercase(),
                invisible: text(row, 5).to_uppercase().contains("INVISIBLE"),
                srid: text(row, 6).parse().ok(),
                json: json.contains(&origin),
            };
            (origin, column)
        })
        .collect())
}

/// Finds the columns that MariaDB checks to be JSON: what it makes of that type.
async fn json_checks(
    session: &mut Session,
    tables: &BTreeSet<(String, String)>,
) -> Result<BTreeSet<Origin>, SourceError> {
    let sql = format!(
        "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE {}",
        is_one_of("CONSTRAINT_SCHEMA", "TABLE_NAME", tables)
    );
    let rows = session.ask("the columns that are JSON", &sql).await?;
    let found = rows.iter().filter_map(|row| {
        let column = text(row, 2).strip_prefix("json_valid(`")?.strip_suffix("`)")?.replace("``", "`");
        Some(Origin { database: text(row, 0).to_owned(), table: text(row, 1).to_owned(), column })
    });
    Ok(found.collect())
}

fn is_one_of(schema: &str, name: &str, tables: &BTreeSet<(String, String)>) -> String {
    let each = tables.iter();
    let each = each.map(|(of, table)| format!("({schema} = {} AND {name} = {})", literal(of), literal(table)));
    each.collect::<Vec<_>>().join(" OR ")
}

/// Reads the indexes of a table: the primary key first, then those of fewer columns.
pub(crate) async fn indexes(session: &mut Session, database: &str, table: &str) -> Result<Vec<Index>, SourceError> {
    let sql = format!(
        "SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, INDEX_TYPE FROM information_schema.STATISTICS \
         WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} ORDER BY INDEX_NAME, SEQ_IN_INDEX",
        literal(database),
        literal(table)
    );
    let mut found = BTreeMap::<String, Index>::new();
    for row in session.ask("the indexes of the table", &sql).await? {
        let name = text(&row, 0);
        let index = found.entry(name.to_owned()).or_insert_with(|| Index {
            name: name.to_owned(),
            primary: name == "PRIMARY",
            unique: text(&row, 1) == "0",
            columns: Vec::new(),
            ordered: text(&row, 4).eq_ignore_ascii_case("BTREE"),
        });
        // The beginning of a column tells less than the column, and an expression has no name.
        let is_whole = row.get(3).is_none_or(Option::is_none);
        index.columns.push(if is_whole { text(&row, 2).to_owned() } else { String::new() });
    }
    let mut indexes: Vec<_> = found.into_values().collect();
    indexes.sort_by_key(|index| (!index.primary, index.columns.len()));
    Ok(indexes)
}

/// Finds the names that a missing table's name may have meant.
pub(super) async fn similar(session: &mut Session, table: &TableRef) -> Result<Vec<String>, SourceError> {
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE LOWER(TABLE_NAME) = LOWER({}) \
         AND TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY 1, 2 LIMIT 3",
        literal(table.name())
    );
    let rows = session.ask("names like that of the table", &sql).await?;
    Ok(rows.iter().map(|row| format!("`{}.{}`", text(row, 0), text(row, 1))).collect())
}

pub(super) fn text(row: &TextRow, column: usize) -> &str {
    row.get(column).and_then(Option::as_deref).unwrap_or_default()
}
