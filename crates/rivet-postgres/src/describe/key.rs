use std::collections::{BTreeMap, BTreeSet};

use rivet_model::{ColumnName, Relation, ScalarKind};
use rivet_source::{KeyColumn, KeyFacts, KeyRequest, SourceError, SourceErrorKind, Tiebreak};

use super::catalog::Catalog;
use super::index::Index;
use super::row_description::ResultColumn;
use super::{Attribute, missing_columns};
use crate::key::{is_temporal, kind};

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
    pub(super) attributes: &'a BTreeMap<(u32, i16), Attribute>,
    pub(super) catalog: &'a Catalog,
    pub(super) money_scale: i32,
    /// Of the table itself; of the table that the first key column of a query is taken from.
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
        if !index.unique || matches!(self.relation, Relation::Query(_)) {
            return None;
        }
        let column = |number: &i16| self.result.iter().find(|column| column.number == *number);
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
        let number = self.result.get(column.position).map_or(0, |column| column.number);
        number != 0 && self.indexes.iter().any(|index| index.usual_order && index.columns.first() == Some(&number))
    }

    fn nullable(&self, column: &ResultColumn) -> bool {
        // A query's outer join gives NULLs to columns that have none at home.
        let not_null = self.attributes.get(&(column.table, column.number)).is_some_and(|found| found.not_null);
        matches!(self.relation, Relation::Query(_)) || !not_null
    }

    fn column(&self, name: &str) -> Result<KeyColumn, SourceError> {
        let unusable = |why: &str| {
            let message = format!("column `{name}` {why}");
            SourceError::new(SourceErrorKind::UnsupportedType, message)
                .with_help("Name a column of numbers, text, days, moments or UUIDs as key or cursor.")
        };
        let position = self.result.iter().position(|column| column.name == name).unwrap_or_default();
        let column = &self.result[position];
        let source_type = self.catalog.source_type(column.type_id, column.modifier, 1, self.money_scale);
        let Some(kind) = kind(&source_type) else {
            return Err(unusable(&format!("is {}, which rows can't be ordered by", source_type.name)));
        };
        let name = name.parse().map_err(|error: rivet_model::NameError| unusable(&error.to_string()))?;
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
/// Whether the server compares values of both columns as of one type. Texts are of one kind with much else that is
/// kept as text: enums, addresses, intervals.
fn compare(one: &KeyColumn, other: &KeyColumn) -> bool {
    const STRINGS: &[&str] = &["text", "varchar", "bpchar", "name"];
    let (base, other_base) = (one.source_type.base.as_str(), other.source_type.base.as_str());
    let are_strings = STRINGS.contains(&base) && STRINGS.contains(&other_base);
    one.kind == other.kind && (one.kind != ScalarKind::Text || base == other_base || are_strings)
}
