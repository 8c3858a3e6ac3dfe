//! What `information_schema` says of the indexes of a table.

use std::collections::BTreeMap;

use rivet_source::SourceError;

use crate::describe::catalog::CatalogTable;
use crate::dialect::literal;
use crate::server::{Family, Server};
use crate::session::{Session, TextRow};

/// The index that rows are stored in.
const PRIMARY: &str = "PRIMARY";

/// An index of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CatalogIndex {
    pub(super) name: String,
    pub(super) unique: bool,
    /// Whether statements find ranges of its first column by it, in their order.
    pub(super) usable: bool,
    /// Its columns; none for an expression or the beginning of a column.
    pub(super) columns: Vec<Option<String>>,
    /// Different values of its first column, as far as samples tell.
    pub(super) distinct: Option<u64>,
}

impl CatalogIndex {
    /// Whether it is what the rows are stored in.
    pub(super) fn is_primary(&self) -> bool {
        self.name == PRIMARY
    }

    /// The first column, where it is one.
    pub(super) fn first(&self) -> Option<&str> {
        self.columns.first()?.as_deref()
    }
}

/// Reads the indexes of a table: the primary key first, then those of fewer columns.
pub(super) async fn indexes(
    session: &mut Session,
    server: &Server,
    table: &CatalogTable,
) -> Result<Vec<CatalogIndex>, SourceError> {
    // Whether the planner looks at it at all.
    let visible = match server.family {
        Family::Mysql if server.info.version >= 80_000 => "IS_VISIBLE = 'YES'",
        Family::Mysql => "1",
        Family::Mariadb => "IGNORED = 'NO'",
    };
    let sql = format!(
        "SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, INDEX_TYPE, CARDINALITY, {visible} \
         FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} \
         ORDER BY INDEX_NAME, SEQ_IN_INDEX",
        literal(&table.database),
        literal(&table.name)
    );
    Ok(listed(&session.ask("the indexes of the table", &sql).await?))
}

/// Makes indexes of the rows of their columns.
fn listed(rows: &[TextRow]) -> Vec<CatalogIndex> {
    let mut found = BTreeMap::<&str, CatalogIndex>::new();
    for row in rows {
        let text = |column: usize| row.get(column).and_then(Option::as_deref);
        let name = text(0).unwrap_or_default();
        let is_whole = text(3).is_none();
        let index = found.entry(name).or_insert_with(|| CatalogIndex {
            name: name.to_owned(),
            unique: text(1) == Some("0"),
            // Trees alone have an order, and the beginnings of values not that of the values.
            usable: text(4).is_some_and(|kind| kind.eq_ignore_ascii_case("BTREE")) && text(6) == Some("1") && is_whole,
            columns: Vec::new(),
            distinct: text(5).and_then(|count| count.parse().ok()),
        });
        index.columns.push(text(2).filter(|_| is_whole).map(ToOwned::to_owned));
    }
    let mut indexes: Vec<_> = found.into_values().collect();
    indexes.sort_by_key(|index| (!index.is_primary(), index.columns.len()));
    indexes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> TextRow {
        text.split('|').map(|value| (value != "NULL").then(|| value.to_owned())).collect()
    }

    #[test]
    fn indexes_are_listed_with_what_they_are_good_for() {
        let rows = [
            "PRIMARY|0|id|NULL|BTREE|100|1",
            "a|1|v|NULL|BTREE|7|1",
            "a|1|id|NULL|BTREE|100|1",
            "b|0|s|10|BTREE|NULL|1",
            "c|1|NULL|NULL|BTREE|NULL|1",
            "d|1|w|NULL|BTREE|3|0",
            "e|1|words|NULL|FULLTEXT|NULL|1",
        ];
        let found = listed(&rows.map(row));
        let written: Vec<_> = found
            .iter()
            .map(|index| {
                let columns = index.columns.iter().map(|column| column.as_deref().unwrap_or("?")).collect::<Vec<_>>();
                let usable = if index.usable { "" } else { ", unusable" };
                let unique = if index.unique { ", unique" } else { "" };
                format!("{}: {}{unique}{usable}, {:?}", index.name, columns.join(" "), index.distinct)
            })
            .collect();
        assert_eq!(
            written,
            [
                "PRIMARY: id, unique, Some(100)",
                "b: ?, unique, unusable, None",
                "c: ?, None",
                "d: w, unusable, Some(3)",
                "e: words, unusable, None",
                "a: v id, Some(7)",
            ]
        );
    }
}
