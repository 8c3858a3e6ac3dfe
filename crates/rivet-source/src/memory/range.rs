use std::cmp::Ordering;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use rivet_model::{KeyBound, RowRange, Scalar};

use super::table::Table;
use super::value::{Value, ValueType, values};
use crate::{ScanSpec, SourceError, SourceErrorKind};

/// Rows of a page.
pub(super) const PAGE_ROWS: usize = 100;

/// The key of each row.
#[derive(Debug)]
pub(super) struct Keys {
    types: Vec<ValueType>,
    /// None for rows with a NULL in their key.
    rows: Vec<Option<Vec<Value>>>,
}

/// One end of a range, ready to be compared.
struct End {
    values: Vec<Value>,
    inclusive: bool,
}

impl Keys {
    pub(super) fn new(table: &Table, spec: &ScanSpec) -> Result<Self, SourceError> {
        if spec.key.is_empty() {
            return Err(SourceError::new(SourceErrorKind::Config, format!("the {} has no key", spec.relation))
                .with_help("Name a column that orders the rows."));
        }
        let mut columns = Vec::with_capacity(spec.key.len());
        let mut types = Vec::with_capacity(spec.key.len());
        for column in &spec.key {
            let array = table.rows.column(column.position);
            types.push(ValueType::of(array.data_type())?);
            columns.push(values(array)?);
        }
        if let Some(fallback) = &spec.fallback {
            let others = values(table.rows.column(fallback.position))?;
            for (value, other) in columns[0].iter_mut().zip(others) {
                *value = value.take().or(other);
            }
        }
        let row = |row: usize| columns.iter_mut().map(|column| column[row].take()).collect();
        let rows = (0..table.rows.num_rows()).map(row).collect();
        Ok(Self { types, rows })
    }

    /// Returns the type of the first column.
    pub(super) fn first_type(&self) -> ValueType {
        self.types[0]
    }

    /// Returns the keys without NULL within a range, in their order.
    pub(super) fn sorted(&self, range: &RowRange) -> Result<Vec<&[Value]>, SourceError> {
        let mask = self.mask(range)?;
        let held = self.rows.iter().zip(mask).filter_map(|(key, held)| key.as_deref().filter(|_| held));
        let mut keys: Vec<_> = held.collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Returns the number of rows with a NULL in their key.
    pub(super) fn null_rows(&self) -> u64 {
        self.rows.iter().filter(|key| key.is_none()).count() as u64
    }

    /// Returns which rows a range of keys holds.
    fn mask(&self, range: &RowRange) -> Result<Vec<bool>, SourceError> {
        Ok(match range {
            RowRange::All => vec![true; self.rows.len()],
            RowRange::NullKey => self.rows.iter().map(Option::is_none).collect(),
            RowRange::Key { lower, upper } => {
                let (lower, upper) = (self.end(lower.as_ref())?, self.end(upper.as_ref())?);
                let held = |key: &[Value]| is_above(lower.as_ref(), key) && is_below(upper.as_ref(), key);
                self.rows.iter().map(|key| key.as_deref().is_some_and(held)).collect()
            }
            RowRange::Pages { .. } => return Err(unsupported("pages are no range of keys")),
        })
    }

    fn end(&self, bound: Option<&KeyBound>) -> Result<Option<End>, SourceError> {
        let Some(bound) = bound else { return Ok(None) };
        Ok(Some(End { values: self.position(&bound.values)?, inclusive: bound.inclusive }))
    }

    /// Reads values of the key's first columns.
    pub(super) fn position(&self, scalars: &[Scalar]) -> Result<Vec<Value>, SourceError> {
        if scalars.is_empty() || scalars.len() > self.types.len() {
            return Err(unsupported("a bound has as many values as the key has columns, or fewer, and one at least"));
        }
        scalars.iter().zip(&self.types).map(|(scalar, value_type)| value_type.value(scalar)).collect()
    }

    /// Writes a key, or the first values of one, as the source would.
    pub(super) fn scalars(&self, key: &[Value]) -> Result<Vec<Scalar>, SourceError> {
        key.iter().zip(&self.types).map(|(value, value_type)| value_type.scalar(value)).collect()
    }
}

/// Compares a key with as many values as the other has.
pub(super) fn compare(key: &[Value], values: &[Value]) -> Ordering {
    key[..values.len()].cmp(values)
}

fn is_above(lower: Option<&End>, key: &[Value]) -> bool {
    lower.is_none_or(|end| match compare(key, &end.values) {
        Ordering::Greater => true,
        Ordering::Equal => end.inclusive,
        Ordering::Less => false,
    })
}

fn is_below(upper: Option<&End>, key: &[Value]) -> bool {
    upper.is_none_or(|end| match compare(key, &end.values) {
        Ordering::Less => true,
        Ordering::Equal => end.inclusive,
        Ordering::Greater => false,
    })
}

fn unsupported(message: &str) -> SourceError {
    SourceError::new(SourceErrorKind::Config, message)
}

/// Returns the rows that a spec asks for, with all columns, in the order in which they are stored.
pub(super) fn rows(table: &Table, spec: &ScanSpec) -> Result<RecordBatch, SourceError> {
    let mask = match &spec.range {
        RowRange::All => return Ok(table.rows.clone()),
        RowRange::Pages { partition: Some(_), .. } => return Err(unsupported("tables in memory have no partitions")),
        RowRange::Pages { partition: None, from, to } => {
            let (first, last) = page_rows(table, *from, *to);
            return Ok(table.rows.slice(first, last - first));
        }
        range @ (RowRange::Key { .. } | RowRange::NullKey) => Keys::new(table, spec)?.mask(range)?,
    };
    let rows = filter_record_batch(&table.rows, &BooleanArray::from(mask));
    rows.map_err(|error| SourceError::new(SourceErrorKind::Protocol, error.to_string()))
}

/// Returns the first row of a range of pages and the one after its last.
pub(super) fn page_rows(table: &Table, from: u64, to: Option<u64>) -> (usize, usize) {
    let count = table.rows.num_rows();
    let row = |page: u64| usize::try_from(page).unwrap_or(usize::MAX).saturating_mul(PAGE_ROWS).min(count);
    let first = row(from);
    (first, to.map_or(count, row).max(first))
}
