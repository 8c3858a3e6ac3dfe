use std::collections::BTreeMap;

use rivet_source::SourceError;

use super::catalog::number;
use crate::record::{Ask as _, Recorder};

/// A valid B-tree of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) primary: bool,
    /// Whether no two rows of the table have equal values in all of its columns, unless one of them is NULL.
    pub(super) unique: bool,
    /// The numbers of its columns in the table; 0 for an expression.
    pub(super) columns: Vec<i16>,
    /// Whether it is in the order that comparisons with its first column follow.
    pub(super) usual_order: bool,
}

/// Reads the indexes of a table: the primary key first, then those of fewer columns.
pub(super) async fn read(recorder: &mut Recorder<'_>, table: u32) -> Result<Vec<Index>, SourceError> {
    // A table with children that inherit from it has their rows, and its indexes do not.
    let sql = format!(
        "SELECT i.indexrelid, i.indisprimary::int, \
         (i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT (t.relkind = 'r' AND t.relhassubclass))::int, \
         k.number, coalesce(i.indpred IS NULL AND o.opcdefault AND k.rules = a.attcollation, false)::int \
         FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class t ON t.oid = i.indrelid \
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
         JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'btree' \
         CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(i.indkey::int2[]), pg_catalog.unnest(i.indclass::oid[]), \
         pg_catalog.unnest(i.indcollation::oid[])) WITH ORDINALITY AS k (number, class, rules, place) \
         LEFT JOIN pg_catalog.pg_opclass o ON o.oid = k.class \
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
         WHERE i.indrelid = {table} AND i.indisvalid AND k.place <= i.indnkeyatts \
         ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid, k.place"
    );
    let (mut found, mut places) = (Vec::<Index>::new(), BTreeMap::new());
    for row in recorder.ask("the indexes of the table", &sql).await? {
        let (id, column): (u32, i16) = (number(&row, 0)?, number(&row, 3)?);
        let flag = |position| number::<u8>(&row, position).map(|value| value == 1);
        let place = match places.get(&id) {
            Some(place) => *place,
            None => {
                let (primary, unique, usual_order) = (flag(1)?, flag(2)?, flag(4)?);
                found.push(Index { primary, unique, columns: Vec::new(), usual_order });
                places.insert(id, found.len() - 1);
                found.len() - 1
            }
        };
        found[place].columns.push(column);
    }
    Ok(found)
}
