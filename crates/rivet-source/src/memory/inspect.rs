use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use arrow::array::Array as _;
use async_trait::async_trait;
use jiff::Timestamp;
use rivet_model::{KeyBound, Relation, RowRange};

use super::MemorySource;
use super::range;
use super::table::Table;
use super::value::{ValueType, values};
use crate::{
    Access, AccessPath, ColumnStatistics, Explanation, IndexFacts, Inspector, KeyColumn, Probe, RelationStatistics,
    ScanLimits, ScanSpec, SourceError, Vitals,
};

/// Answers from the tables themselves, so that every estimate is what there is. The key of a table is its index.
#[derive(Debug)]
pub(super) struct MemoryInspector {
    source: MemorySource,
    probes: Vec<Probe>,
}

impl MemoryInspector {
    pub(super) fn new(source: MemorySource) -> Self {
        Self { source, probes: Vec::new() }
    }

    /// Answers a question about a table, and keeps a record of it.
    fn ask<T>(
        &mut self,
        purpose: &str,
        statement: String,
        spec: &ScanSpec,
        answer: impl FnOnce(&Table) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let begun = Instant::now();
        let answered = self.source.now().get(&spec.relation).and_then(answer);
        self.probes.push(Probe {
            purpose: purpose.to_owned(),
            statement,
            times: 1,
            milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            rows: answered.is_ok().into(),
            error: answered.as_ref().err().map(ToString::to_string),
        });
        answered
    }
}

#[async_trait]
impl Inspector for MemoryInspector {
    async fn explain(&mut self, spec: &ScanSpec, _limits: &ScanLimits) -> Result<Explanation, SourceError> {
        let statement = statement(spec);
        self.ask("the plan of the scan", format!("explain {statement}"), spec, |table| explain(table, spec, statement))
    }

    async fn statistics(&mut self, spec: &ScanSpec) -> Result<RelationStatistics, SourceError> {
        let statement = format!("describe the {}", spec.relation);
        self.ask("the catalog on the relation", statement, spec, |table| statistics(table, spec))
    }

    async fn vitals(&mut self) -> Result<Vitals, SourceError> {
        let (purpose, statement) = ("the state of the server".to_owned(), "describe the server".to_owned());
        self.probes.push(Probe { purpose, statement, times: 1, milliseconds: 0, rows: 1, error: None });
        Ok(Vitals::default())
    }

    fn take_probes(&mut self) -> Vec<Probe> {
        std::mem::take(&mut self.probes)
    }

    async fn close(self: Box<Self>) {}
}

/// Writes what a scan does, in place of a statement.
fn statement(spec: &ScanSpec) -> String {
    let names: Vec<_> = spec.columns.iter().map(|column| column.name.as_str()).collect();
    let read = format!("read {} of the {}", names.join(", "), spec.relation);
    let key: Vec<_> = spec.key.iter().map(|column| column.name.as_str()).collect();
    let key = key.join(", ");
    let end = |what: &str, bound: &KeyBound| {
        let values: Vec<_> = bound.values.iter().map(ToString::to_string).collect();
        format!(" {what} {}{}", values.join(", "), if bound.inclusive { " included" } else { " excluded" })
    };
    match &spec.range {
        RowRange::All => read,
        RowRange::NullKey => format!("{read} without {key}"),
        RowRange::Pages { from, to, .. } => {
            let to = to.map_or_else(String::new, |to| format!(" to {to} excluded"));
            format!("{read} by pages from {from} included{to}")
        }
        RowRange::Key { lower, upper } => {
            let ends = lower.iter().map(|bound| end("from", bound));
            let ends: String = ends.chain(upper.iter().map(|bound| end("to", bound))).collect();
            format!("{read} by {key}{ends}")
        }
    }
}

/// Whether the key of the table finds rows by the first column of the spec's.
fn is_indexed(table: &Table, spec: &ScanSpec) -> bool {
    let first = spec.key.first().filter(|_| spec.fallback.is_none());
    first.is_some_and(|column| table.key.first() == Some(&column.name))
}

/// The name of the index that the key of a table is.
fn index_name(spec: &ScanSpec) -> String {
    match &spec.relation {
        Relation::Table(table) => format!("{}_pkey", table.name()),
        Relation::Query(_) => "query_pkey".to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an average need not be exact")]
fn explain(table: &Table, spec: &ScanSpec, statement: String) -> Result<Explanation, SourceError> {
    let rows = range::rows(table, spec)?.num_rows();
    let path = match &spec.range {
        RowRange::All => AccessPath::SequentialScan,
        RowRange::Pages { .. } => AccessPath::PageRange,
        RowRange::Key { .. } | RowRange::NullKey if is_indexed(table, spec) => AccessPath::IndexScan,
        RowRange::Key { .. } | RowRange::NullKey => AccessPath::SequentialScan,
    };
    let by_index = path == AccessPath::IndexScan;
    let open = RowRange::Key { lower: None, upper: None };
    let bytes: usize = spec.columns.iter().map(|column| size(table, column.position)).sum();
    Ok(Explanation {
        statement,
        estimated_rows: Some(rows as u64),
        row_bytes: Some(bytes as f64 / table.rows.num_rows().max(1) as f64),
        accesses: vec![Access {
            relation: spec.relation.to_string(),
            path,
            index: by_index.then(|| index_name(spec)),
            bounded: path == AccessPath::PageRange || (by_index && spec.range != open),
            estimated_rows: Some(rows as u64),
        }],
        sorts_result: false,
    })
}

/// Bytes of the values of a column.
fn size(table: &Table, position: usize) -> usize {
    table.rows.column(position).to_data().get_slice_memory_size().unwrap_or(0)
}

fn statistics(table: &Table, spec: &ScanSpec) -> Result<RelationStatistics, SourceError> {
    let key = IndexFacts {
        name: index_name(spec),
        columns: table.key.iter().map(ToString::to_string).collect(),
        unique: true,
        partial: false,
        usable: true,
    };
    let mut columns = BTreeMap::new();
    for column in spec.key.iter().chain(&spec.fallback) {
        columns.insert(column.name.clone(), column_statistics(table, column)?);
    }
    Ok(RelationStatistics {
        kind: "table".to_owned(),
        estimated_rows: Some(table.rows.num_rows() as u64),
        bytes: Some((0..table.rows.num_columns()).map(|position| size(table, position) as u64).sum()),
        analyzed_at: Some(Timestamp::now()),
        changed_rows: Some(0),
        indexes: Vec::from_iter((!table.key.is_empty()).then_some(key)),
        columns,
    })
}

#[expect(clippy::cast_precision_loss, reason = "parts of rows need not be exact")]
fn column_statistics(table: &Table, column: &KeyColumn) -> Result<ColumnStatistics, SourceError> {
    let array = table.rows.column(column.position);
    let value_type = ValueType::of(array.data_type())?;
    let all = values(array)?;
    let distinct: BTreeSet<_> = all.iter().flatten().collect();
    let is_sorted = all.iter().flatten().is_sorted();
    Ok(ColumnStatistics {
        nullable: column.nullable,
        null_fraction: Some(array.null_count() as f64 / array.len().max(1) as f64),
        distinct: Some(distinct.len() as f64),
        correlation: is_sorted.then_some(1.0),
        lowest: distinct.first().map(|value| value_type.scalar(value)).transpose()?,
        highest: distinct.last().map(|value| value_type.scalar(value)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};
    use rivet_model::Scalar;

    use super::*;
    use crate::memory::describe::description;
    use crate::{DescribeRequest, KeyRequest};

    #[tokio::test]
    async fn a_scan_is_explained_as_what_it_does() {
        let ids = Arc::new(Int64Array::from_iter_values(1..=10)) as _;
        let rows = RecordBatch::try_from_iter_with_nullable([("id", ids, false)]).unwrap();
        let request = DescribeRequest {
            relation: Relation::Table("t".parse().unwrap()),
            columns: <_>::default(),
            numeric_default: <_>::default(),
            on_unrepresentable: None,
            key: Some(KeyRequest::default()),
        };
        let spec = description(&Table::new(rows.clone()), &request).unwrap().spec;
        let mut inspector = MemoryInspector::new(MemorySource::default().with_table("t".parse().unwrap(), rows));
        let mut check = async |range: RowRange, expected: &str, path, bounded, rows| {
            let found = inspector.explain(&spec.with_range(range), &ScanLimits::default()).await.unwrap();
            assert_eq!(found.statement, expected);
            assert_eq!((found.accesses[0].path, found.accesses[0].bounded), (path, bounded), "{expected}");
            assert_eq!((found.estimated_rows, found.row_bytes), (Some(rows), Some(8.0)), "{expected}");
        };
        let at = |id| Some(KeyBound::including(vec![Scalar::Int(id)]));
        let key = |lower, upper| RowRange::Key { lower, upper };
        check(RowRange::All, "read id of the table `t`", AccessPath::SequentialScan, false, 10).await;
        check(key(None, None), "read id of the table `t` by id", AccessPath::IndexScan, false, 10).await;
        let expected = "read id of the table `t` by id from 3 included to 4 included";
        check(key(at(3), at(4)), expected, AccessPath::IndexScan, true, 2).await;
        check(RowRange::NullKey, "read id of the table `t` without id", AccessPath::IndexScan, true, 0).await;
        let pages = RowRange::Pages { partition: None, from: 0, to: Some(1) };
        let expected = "read id of the table `t` by pages from 0 included to 1 excluded";
        check(pages, expected, AccessPath::PageRange, true, 10).await;
    }
}
