use rivet_model::TableRef;
use rivet_source::{SourceError, SourceErrorKind};

use crate::describe::catalog::{number, text};
use crate::dialect;
use crate::record::Ask;
use crate::session::TextRow;

/// The first version that finds the rows of a range of pages without reading the others.
const RANGES_OF_PAGES: u32 = 140_000;

/// Where the rows of a relation are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StorageKind {
    /// On pages of its own: a table or a materialized view.
    Plain,
    /// On pages of its own and those of tables that inherit from it.
    Parent,
    /// In its partitions.
    Partitioned,
    /// Elsewhere: a view, a foreign table.
    Other,
}

/// How the catalog says that a relation, or a part of it, is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Storage {
    /// Its name, with its schema.
    pub(crate) table: TableRef,
    /// What it is.
    pub(crate) kind: StorageKind,
    /// Whether its rows stay on their pages within one read view, and the role may read it by its own name.
    readable_heap: bool,
    /// Whether policies hide rows of it from the role. They are not those of its partitions.
    pub(crate) hides_rows: bool,
    /// Pages that it has now.
    pub(crate) pages: u64,
    /// Bytes of values that are too large for its pages, compressed as they are.
    pub(crate) bytes_beside: u64,
    /// Whether there are no statistics.
    pub(crate) never_analyzed: bool,
}

impl Storage {
    /// Whether all of its rows can be read by ranges of pages.
    pub(crate) fn has_pages(&self, version: u32) -> bool {
        version >= RANGES_OF_PAGES && self.readable_heap && self.kind == StorageKind::Plain
    }
}

/// Reads how a table is stored, and behind it how each of its partitions is.
pub(crate) async fn read(asker: &mut impl Ask, table: &TableRef) -> Result<Vec<Storage>, SourceError> {
    let name = dialect::literal(&dialect::table(table));
    let sql = format!(
        "SELECT n.nspname, c.relname, c.relkind, (coalesce(m.amname, '') = 'heap')::int, c.relhassubclass::int, \
         pg_catalog.has_table_privilege(c.oid, 'select')::int, \
         CASE WHEN c.relkind IN ('r', 'm') THEN coalesce(pg_catalog.pg_relation_size(c.oid), 0) ELSE 0 END \
         / pg_catalog.current_setting('block_size')::bigint, \
         (c.reltuples < 0 OR (c.reltuples = 0 AND c.relpages = 0))::int, pg_catalog.row_security_active(c.oid)::int, \
         CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE coalesce(pg_catalog.pg_relation_size(c.reltoastrelid), 0) END \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam, pg_catalog.to_regclass({name}) AS t (id) \
         WHERE c.oid = t.id OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(t.id)) \
         ORDER BY c.oid <> t.id, c.oid"
    );
    asker.ask("how the table is stored", &sql).await?.iter().map(storage).collect()
}

fn storage(row: &TextRow) -> Result<Storage, SourceError> {
    let flag = |column| number::<u8>(row, column).map(|value| value == 1);
    let name = TableRef::new(Some(&text(row, 0)), &text(row, 1))
        .map_err(|error| SourceError::new(SourceErrorKind::Statement, error.to_string()))?;
    let kind = match text(row, 2).as_str() {
        "r" if flag(4)? => StorageKind::Parent,
        "r" | "m" => StorageKind::Plain,
        "p" => StorageKind::Partitioned,
        _ => StorageKind::Other,
    };
    Ok(Storage {
        table: name,
        kind,
        readable_heap: flag(3)? && flag(5)?,
        pages: number(row, 6)?,
        never_analyzed: flag(7)?,
        hides_rows: flag(8)?,
        bytes_beside: number(row, 9)?,
    })
}
