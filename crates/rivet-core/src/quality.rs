use std::collections::{BTreeMap, BTreeSet, HashSet};

use arrow::array::{Array as _, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use rivet_config::{ExportConfig, Quality};
use rivet_writer::{RowHasher, WriteError};

use crate::EngineError;

/// Judges the rules of `quality` while the rows pass by. They are looked at before anything is committed.
#[derive(Debug)]
pub(crate) struct QualityGate {
    rules: Quality,
    rows: u64,
    nulls: BTreeMap<String, u64>,
    seen: BTreeMap<String, Seen>,
}

/// The values of a column that must be unique, as digests of 128 bits.
#[derive(Debug)]
struct Seen {
    hasher: RowHasher,
    digests: HashSet<u128>,
    repeated: u64,
    /// Whether there were more values than may be kept.
    full: bool,
}

impl QualityGate {
    /// Makes the gate of an export, which has seen no row.
    pub(crate) fn of(config: &ExportConfig, schema: &SchemaRef) -> Result<Self, EngineError> {
        Self::new(&config.quality.clone().unwrap_or_default(), schema)
            .map_err(|broken| EngineError::Quality { export: config.name.clone(), broken: vec![broken] })
    }

    /// Makes the gate for rows of this schema; the error names columns that there are not.
    pub(crate) fn new(rules: &Quality, schema: &SchemaRef) -> Result<Self, String> {
        let names: BTreeSet<_> =
            rules.null_ratio_max.keys().chain(&rules.unique_columns).map(ToString::to_string).collect();
        if let Some(missing) = names.iter().find(|name| schema.index_of(name).is_err()) {
            return Err(format!("`quality` names the column `{missing}`, which is not read"));
        }
        let mut seen = BTreeMap::new();
        for name in &rules.unique_columns {
            let field = schema.field_with_name(name.as_str()).map_err(|error| error.to_string())?;
            let hasher = RowHasher::new(&Schema::new(vec![field.clone()]).into()).map_err(|error| error.to_string())?;
            seen.insert(name.to_string(), Seen { hasher, digests: HashSet::new(), repeated: 0, full: false });
        }
        Ok(Self { rules: rules.clone(), rows: 0, nulls: BTreeMap::new(), seen })
    }

    /// Looks at the rows of a batch.
    pub(crate) fn observe(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        self.rows += batch.num_rows() as u64;
        for name in self.rules.null_ratio_max.keys() {
            let column = batch.column_by_name(name.as_str());
            let nulls = column.map_or(0, |column| column.null_count() as u64);
            *self.nulls.entry(name.to_string()).or_default() += nulls;
        }
        let limit = self.rules.unique_max_entries;
        self.seen.iter_mut().try_for_each(|(name, seen)| seen.observe(name, batch, limit))
    }

    /// Adds what another gate of the same rules has seen of other rows.
    pub(crate) fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        for (name, nulls) in other.nulls {
            *self.nulls.entry(name).or_default() += nulls;
        }
        let limit = self.rules.unique_max_entries;
        for (name, seen) in other.seen {
            if let Some(own) = self.seen.get_mut(&name) {
                own.merge(seen, limit);
            }
        }
    }

    /// Adds rows that an earlier process has looked at. Their values are not known any more.
    pub(crate) fn add_counts(&mut self, rows: u64, nulls: &BTreeMap<String, u64>) {
        self.rows += rows;
        for (name, count) in nulls {
            *self.nulls.entry(name.clone()).or_default() += count;
        }
    }

    /// Returns the NULLs seen in columns whose ratio of them is limited.
    pub(crate) fn null_counts(&self) -> &BTreeMap<String, u64> {
        &self.nulls
    }

    /// Returns the rules that the rows break, one sentence each.
    pub(crate) fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let rows = self.rows;
        if let Some(least) = self.rules.row_count_min.filter(|least| rows < *least) {
            broken.push(format!("{rows} rows are fewer than row_count_min, {least}"));
        }
        if let Some(most) = self.rules.row_count_max.filter(|most| rows > *most) {
            broken.push(format!("{rows} rows are more than row_count_max, {most}"));
        }
        for (name, most) in &self.rules.null_ratio_max {
            let nulls = self.nulls.get(name.as_str()).copied().unwrap_or_default();
            let ratio = ratio(nulls, rows);
            if ratio > *most {
                broken.push(format!("column `{name}` is NULL in {nulls} of {rows} rows, a ratio above {most}"));
            }
        }
        for (name, seen) in self.seen.iter().filter(|(_, seen)| seen.repeated > 0) {
            broken.push(format!("column `{name}` must be unique, but {} values stand there again", seen.repeated));
        }
        broken
    }

    /// Returns the columns whose uniqueness was judged for their first values alone.
    pub(crate) fn half_judged(&self) -> Vec<String> {
        self.seen.iter().filter(|(_, seen)| seen.full).map(|(name, _)| name.clone()).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio to compare with one that a person wrote")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Seen {
    fn observe(&mut self, name: &str, batch: &RecordBatch, limit: Option<u64>) -> Result<(), WriteError> {
        let Ok(position) = batch.schema().index_of(name) else { return Ok(()) };
        let Ok(column) = batch.project(&[position]) else { return Ok(()) };
        let digests = self.hasher.hash(&column)?;
        for row in 0..column.num_rows() {
            // As in SQL, NULL is not the same as NULL.
            let Some(digest) =
                u128::from_str_radix(digests.value(row), 16).ok().filter(|_| column.column(0).is_valid(row))
            else {
                continue;
            };
            self.count(digest, limit);
        }
        Ok(())
    }

    fn count(&mut self, digest: u128, limit: Option<u64>) {
        if self.digests.contains(&digest) {
            self.repeated += 1;
        } else if limit.is_some_and(|limit| self.digests.len() as u64 >= limit) {
            self.full = true;
        } else {
            self.digests.insert(digest);
        }
    }

    fn merge(&mut self, other: Self, limit: Option<u64>) {
        self.repeated += other.repeated;
        self.full |= other.full;
        let mut digests: Vec<u128> = other.digests.into_iter().collect();
        // In an order of their own, so that which ones are left out at the limit does not change from run to run.
        digests.sort_unstable();
        for digest in digests {
            self.count(digest, limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    fn batch(ids: Vec<i64>, labels: Vec<Option<&str>>) -> RecordBatch {
        let ids = Arc::new(Int64Array::from(ids)) as _;
        let labels = Arc::new(StringArray::from(labels)) as _;
        RecordBatch::try_from_iter_with_nullable([("id", ids, false), ("label", labels, true)]).unwrap()
    }

    fn broken(rules: &Quality) -> Vec<String> {
        let batches = [batch(vec![1, 2], vec![None, Some("a")]), batch(vec![2, 3], vec![None, Some("b")])];
        let mut gate = QualityGate::new(rules, &batches[0].schema()).unwrap();
        for batch in &batches {
            gate.observe(batch).unwrap();
        }
        let mut merged = QualityGate::new(rules, &batches[0].schema()).unwrap();
        for batch in &batches {
            let mut of_chunk = QualityGate::new(rules, &batch.schema()).unwrap();
            of_chunk.observe(batch).unwrap();
            merged.merge(of_chunk);
        }
        assert_eq!(merged.broken(), gate.broken(), "chunk by chunk the verdict is the same");
        gate.broken()
    }

    #[test]
    fn each_rule_can_break_and_hold() {
        let ratio = |most| [("label".parse().unwrap(), most)].into();
        for (rules, expected) in [
            (Quality::default(), None),
            (Quality { row_count_min: Some(4), row_count_max: Some(4), ..Quality::default() }, None),
            (Quality { row_count_min: Some(5), ..Quality::default() }, Some("4 rows are fewer than row_count_min, 5")),
            (Quality { row_count_max: Some(3), ..Quality::default() }, Some("4 rows are more than row_count_max, 3")),
            (Quality { null_ratio_max: ratio(0.5), ..Quality::default() }, None),
            (
                Quality { null_ratio_max: ratio(0.4), ..Quality::default() },
                Some("column `label` is NULL in 2 of 4 rows, a ratio above 0.4"),
            ),
            (Quality { unique_columns: vec!["label".parse().unwrap()], ..Quality::default() }, None),
            (
                Quality { unique_columns: vec!["id".parse().unwrap()], ..Quality::default() },
                Some("column `id` must be unique, but 1 values stand there again"),
            ),
        ] {
            assert_eq!(broken(&rules).first().map(String::as_str), expected);
        }
    }

    #[test]
    fn a_column_that_is_not_read_is_an_error() {
        let rules = Quality { unique_columns: vec!["nothing".parse().unwrap()], ..Quality::default() };
        let schema = batch(vec![], vec![]).schema();
        assert!(QualityGate::new(&rules, &schema).unwrap_err().contains("`nothing`"));
    }
}
