use std::collections::BTreeSet;

use rivet_model::{ColumnName, Relation, ScalarKind};
use rivet_source::{KeyColumn, KeyFacts, KeyRequest, SourceError, SourceErrorKind, Tiebreak};

use super::catalog::Index;
use super::missing_columns;
use crate::key::{is_temporal, kind};
use crate::wire::ResultColumn;

/// The key that was asked for.
#[derive(Debug, Default)]
pub(super) struct Key {
    pub(super) columns: Vec<KeyColumn>,
    pub(super) fallback: Option<KeyColumn>,
    pub(super) facts: KeyFacts,
}

/// What is known of a relation when its key is looked for.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) relation: &'a Relation,
    pub(super) result: &'a [ResultColumn],
    /// Whether the relation is a table, whose columns have NULLs or not as they were declared.
    pub(super) is_table: bool,
    /// Of the table itself; of the table that the first key column of a query or a view is taken from.
    pub(super) indexes: &'a [Index],
}

impl Known<'_> {
    /// Finds the columns of the key and what the source says of them.
    pub(super) fn resolve(&self, request: &KeyRequest) -> Result<Key, SourceError> {
        self.all_exist(request)?;
        let own = self.own_key();
        let by_default = request.columns.is_empty();
        let mut names: Vec<&str> = Vec::new();
        let asked = request.columns.iter().map(ColumnName::as_str);
        let first: Vec<&str> = if by_default { own.clone() } else { asked.collect() };
        let tiebreak = match &request.tiebreak {
            Tiebreak::Columns(columns) => columns.iter().map(ColumnName::as_str).collect(),
            Tiebreak::OwnKey if !by_default && !self.unique(&first, request.fallback.is_some()) => own,
            Tiebreak::OwnKey | Tiebreak::None => Vec::new(),
        };
        for name in first.into_iter().chain(tiebreak) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let columns = names.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?;
        let fallback = match (&request.fallback, columns.first()) {
            (Some(fallback), Some(first)) => Some(self.fallback(fallback, first)?),
            _ => None,
        };
        let facts = KeyFacts {
            unique: self.unique(&names, fallback.is_some()),
            indexed: columns.first().is_some_and(|column| self.indexed(column)),
            temporal: columns.first().is_some_and(|column| is_temporal(column.kind)),
        };
        Ok(Key { columns, fallback, facts })
    }

    fn all_exist(&self, request: &KeyRequest) -> Result<(), SourceError> {
        let tiebreak = match &request.tiebreak {
            Tiebreak::Columns(columns) => columns.as_slice(),
            Tiebreak::None | Tiebreak::OwnKey => &[],
        };
        let asked = request.columns.iter().chain(&request.fallback).chain(tiebreak).map(ColumnName::as_str);
        let missing: BTreeSet<_> = asked.filter(|name| self.result.iter().all(|column| column.name != *name)).collect();
        if missing.is_empty() { Ok(()) } else { Err(missing_columns(self.relation, &missing, self.result)) }
    }

    /// The columns of the primary key, or else of the unique index with the fewest columns, none of which can be NULL.
    fn own_key(&self) -> Vec<&str> {
        let candidates = self.indexes.iter().filter_map(|index| self.key_names(index));
        let ordered = |names: &Vec<&str>| names.iter().all(|name| self.column(name).is_ok());
        let mut found = candidates.filter(ordered);
        found.next().unwrap_or_default()
    }

    /// The columns of an index that tells all rows of the table apart.
    fn key_names(&self, index: &Index) -> Option<Vec<&str>> {
        if !index.unique || !self.is_table {
            return None;
        }
        let column = |name: &String| self.result.iter().find(|column| column.name == *name);
        let columns = index.columns.iter().map(column).collect::<Option<Vec<_>>>()?;
        let not_null = columns.iter().all(|column| !self.nullable(column));
        not_null.then(|| columns.into_iter().map(|column| column.name.as_str()).collect())
    }

    /// Whether an index says that no two rows are equal in these columns. The first says nothing where another stands
    /// in for it.
    fn unique(&self, names: &[&str], stood_in: bool) -> bool {
        let kept = if stood_in { names.get(1..).unwrap_or_default() } else { names };
        let mut keys = self.indexes.iter().filter_map(|index| self.key_names(index));
        keys.any(|key| key.iter().all(|name| kept.contains(name)))
    }

    fn indexed(&self, column: &KeyColumn) -> bool {
        let origin = self.result.get(column.position).and_then(|column| column.origin.as_ref());
        let name = origin.map_or("", |origin| origin.column.as_str());
        let begins = |index: &Index| index.ordered && index.columns.first().is_some_and(|first| first == name);
        !name.is_empty() && self.indexes.iter().any(begins)
    }

    /// What a query says of NULLs is not relied on: a row that a key forgets is lost.
    fn nullable(&self, column: &ResultColumn) -> bool {
        !self.is_table || !column.not_null
    }

    fn column(&self, name: &str) -> Result<KeyColumn, SourceError> {
        let unusable = |why: &str| {
            let message = format!("column `{name}` {why}");
            SourceError::new(SourceErrorKind::UnsupportedType, message)
                .with_help("Name a column of whole numbers, decimals, text, days, moments or UUIDs as key or cursor.")
        };
        let position = self.result.iter().position(|column| column.name == name).unwrap_or_default();
        let column = &self.result[position];
        let Some(kind) = kind(&column.source_type) else {
            return Err(unusable(&format!("is {}, which rows can't be ordered by", column.source_type.name)));
        };
        let name = name.parse().map_err(|error: rivet_model::NameError| unusable(&error.to_string()))?;
        let source_type = column.source_type.clone();
        Ok(KeyColumn { name, position, source_type, kind, nullable: self.nullable(column) })
    }

    fn fallback(&self, name: &ColumnName, first: &KeyColumn) -> Result<KeyColumn, SourceError> {
        let fallback = self.column(name.as_str())?;
        if compare(&fallback, first) {
            return Ok(fallback);
        }
        let (of, is) = (&first.source_type.name, &fallback.source_type.name);
        let message = format!("column `{name}` is {is} and can't stand in for `{}`, which is {of}", first.name);
        Err(SourceError::new(SourceErrorKind::UnsupportedType, message)
            .with_help("Name a column of the same type, or cast one of them in a `query`."))
    }
}

/// Whether the server compares values of both columns as of one type.
fn compare(one: &KeyColumn, other: &KeyColumn) -> bool {
    // DATETIME and TIMESTAMP are both moments of the session's zone, which is UTC.
    let is_moment = |kind| matches!(kind, ScalarKind::Timestamp | ScalarKind::TimestampTz);
    one.kind == other.kind || (is_moment(one.kind) && is_moment(other.kind))
}
