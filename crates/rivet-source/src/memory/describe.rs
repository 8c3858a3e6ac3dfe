use std::sync::Arc;

use arrow::datatypes::Field;
use rivet_model::{ColumnName, Fidelity, Relation, RowRange};

use super::table::Table;
use super::value::ValueType;
use crate::{
    ColumnSpec, DescribeRequest, Description, KeyColumn, KeyFacts, KeyRequest, ReadAs, ScanSpec, SourceError,
    SourceErrorKind, SourceType, Tiebreak, TypeShape,
};

/// Answers [`Source::describe`](crate::Source::describe).
pub(super) fn description(table: &Table, request: &DescribeRequest) -> Result<Description, SourceError> {
    let describer = Describer { table, relation: &request.relation };
    let all = || table.rows.schema().fields().iter().filter_map(|field| field.name().parse().ok()).collect();
    let wanted: Vec<_> = if request.columns.select.is_empty() { all() } else { request.columns.select.clone() };
    for name in &request.columns.exclude {
        describer.position(name)?;
    }
    let wanted = wanted.iter().filter(|name| !request.columns.exclude.contains(name));
    let columns = wanted.map(|name| describer.column(name)).collect::<Result<_, _>>()?;
    let (key, fallback, facts) = match &request.key {
        Some(asked) => describer.key(asked)?,
        None => <_>::default(),
    };
    let spec = ScanSpec {
        relation: request.relation.clone(),
        relation_width: table.rows.num_columns(),
        columns,
        on_unrepresentable: request.on_unrepresentable,
        key_columns: table.key.clone(),
        key,
        fallback,
        range: RowRange::All,
    };
    let estimated_rows = Some(table.rows.num_rows() as u64);
    Ok(Description { spec, key: facts, estimated_rows, notes: Vec::new(), probes: Vec::new() })
}

struct Describer<'a> {
    table: &'a Table,
    relation: &'a Relation,
}

impl Describer<'_> {
    fn position(&self, name: &ColumnName) -> Result<usize, SourceError> {
        self.table.position(name).ok_or_else(|| {
            let message = format!("the {} has no column `{name}`", self.relation);
            SourceError::new(SourceErrorKind::NotFound, message)
        })
    }

    fn field(&self, position: usize) -> Arc<Field> {
        Arc::clone(&self.table.rows.schema().fields()[position])
    }

    fn column(&self, name: &ColumnName) -> Result<ColumnSpec, SourceError> {
        let position = self.position(name)?;
        let field = self.field(position);
        Ok(ColumnSpec {
            name: name.clone(),
            position,
            source_type: source_type(&field),
            read_as: ReadAs::Native,
            field,
            fidelity: Fidelity::Exact,
        })
    }

    fn key_column(&self, name: &ColumnName) -> Result<KeyColumn, SourceError> {
        let position = self.position(name)?;
        let field = self.field(position);
        Ok(KeyColumn {
            name: name.clone(),
            position,
            source_type: source_type(&field),
            kind: ValueType::of(field.data_type())?.kind(),
            nullable: field.is_nullable(),
        })
    }

    fn key(&self, asked: &KeyRequest) -> Result<(Vec<KeyColumn>, Option<KeyColumn>, KeyFacts), SourceError> {
        let own = &self.table.key;
        let first = if asked.columns.is_empty() { own } else { &asked.columns };
        // Two rows may have the same value where another column stands in for the first.
        let by_themselves = first.get(usize::from(asked.fallback.is_some())..).unwrap_or_default();
        let unique = |columns: &[ColumnName]| !own.is_empty() && own.iter().all(|name| columns.contains(name));
        let more = match &asked.tiebreak {
            Tiebreak::Columns(columns) => columns.as_slice(),
            Tiebreak::OwnKey if !unique(by_themselves) => own.as_slice(),
            Tiebreak::None | Tiebreak::OwnKey => &[],
        };
        let mut names = first.clone();
        names.extend(more.iter().filter(|name| !by_themselves.contains(name)).cloned());
        let key = names.iter().map(|name| self.key_column(name)).collect::<Result<Vec<_>, _>>()?;
        let fallback = asked.fallback.as_ref().map(|name| self.key_column(name)).transpose()?;
        let temporal = match key.first() {
            Some(column) => ValueType::of(self.field(column.position).data_type())?.is_temporal(),
            None => false,
        };
        let facts = KeyFacts {
            unique: unique(names.get(usize::from(fallback.is_some())..).unwrap_or_default()),
            indexed: fallback.is_none() && own.first().is_some_and(|name| names.first() == Some(name)),
            temporal,
        };
        Ok((key, fallback, facts))
    }
}

fn source_type(field: &Field) -> SourceType {
    let name = field.data_type().to_string();
    SourceType { base: name.clone(), name, id: 0, modifier: -1, shape: TypeShape::Scalar }
}
