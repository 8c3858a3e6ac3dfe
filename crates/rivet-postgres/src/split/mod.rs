//! Cuts a range of rows into pieces, from indexes, statistics and samples.

mod basis;
mod cuts;
mod days;
mod pages;

use arrow::datatypes::DataType;
use rivet_model::{KeyBound, Relation, RowRange};
use rivet_source::{
    ColumnSpec, Piece, ScanLimits, ScanSpec, SourceError, SourceErrorKind, Split, SplitBy, SplitRequest,
};

use self::cuts::{Cut, Cuts, Size};
use crate::dialect::{self, Statement};
use crate::estimate::{Estimate, estimate};
use crate::record::Recorder;
use crate::session::{Session, TextRow};
use crate::storage;

/// Pieces of a split, at most: their list is kept whole, in memory and in the run's record.
const MAX_PIECES: usize = 100_000;

/// Cuts a range of rows up, in one transaction.
pub(crate) async fn split(
    session: &mut Session,
    version: u32,
    spec: &ScanSpec,
    request: &SplitRequest,
    limits: &ScanLimits,
) -> Result<Split, SourceError> {
    if matches!(request.by, SplitBy::Rows { rows: 0, .. } | SplitBy::Count(0) | SplitBy::Days(0) | SplitBy::Bytes(0)) {
        return Err(SourceError::new(SourceErrorKind::Config, "a piece of nothing never ends")
            .with_help("Give `chunk_size`, `chunk_count` or `chunk_by_days` a number of 1 or more."));
    }
    session.query(&dialect::begin_with_keys(&spec.relation, limits)).await?;
    let recorder = Recorder::new(session);
    let mut splitter = Splitter { recorder, version, spec, limits, notes: Vec::new() };
    let mut made = splitter.split(request).await?;
    made.notes.append(&mut splitter.notes);
    splitter.recorder.session.query("COMMIT").await?;
    made.probes = splitter.recorder.finish();
    Ok(made)
}

/// What it takes to ask about a relation.
struct Splitter<'a> {
    recorder: Recorder<'a>,
    version: u32,
    spec: &'a ScanSpec,
    limits: &'a ScanLimits,
    notes: Vec<String>,
}

impl Splitter<'_> {
    async fn split(&mut self, request: &SplitRequest) -> Result<Split, SourceError> {
        match &request.within {
            RowRange::NullKey => Ok(whole(RowRange::NullKey)),
            RowRange::Pages { partition, from, to } => self.by_pages(request.by, partition.as_ref(), *from, *to).await,
            RowRange::All if self.spec.key.is_empty() => self.by_pages(request.by, None, 0, None).await,
            RowRange::All => self.by_key(request, None, None).await,
            RowRange::Key { lower, upper } => self.by_key(request, lower.as_ref(), upper.as_ref()).await,
        }
    }

    async fn by_key(
        &mut self,
        request: &SplitRequest,
        lower: Option<&KeyBound>,
        upper: Option<&KeyBound>,
    ) -> Result<Split, SourceError> {
        let within = RowRange::Key { lower: lower.cloned(), upper: upper.cloned() };
        let found = match request.by {
            SplitBy::Days(days) => self.days(days, lower, upper).await?,
            SplitBy::Rows { rows, exact } => self.cuts(&within, Size::Rows(rows), exact).await?,
            SplitBy::Count(count) => self.cuts(&within, Size::Count(count.into()), false).await?,
            SplitBy::Bytes(bytes) => self.cuts(&within, Size::Bytes(bytes), false).await?,
        };
        // Without a row that has a key there is nothing to cut, whatever the others are.
        let Some(Cuts(cuts)) = found else { return Ok(whole(request.within.clone())) };
        if cuts.len() >= MAX_PIECES {
            return Err(too_many(cuts.len() as u64 + 1));
        }
        let mut pieces = between(&cuts, lower, upper);
        if request.within == RowRange::All && may_be_null(self.spec) {
            let estimate = self.expect(&RowRange::NullKey).await?;
            pieces.push(Piece { range: RowRange::NullKey, estimated_rows: Some(estimate.rows) });
        }
        Ok(Split { pieces, ..Split::default() })
    }

    /// Asks the planner what it expects of the scan of a range.
    async fn expect(&mut self, range: &RowRange) -> Result<Estimate, SourceError> {
        let statement = dialect::select(&self.spec.with_range(range.clone()))?;
        estimate(&mut self.recorder, &statement, &self.spec.relation, self.limits.statement_timeout).await
    }

    /// The bytes of a row, at least 1. The planner leaves out what is stored beside the table; where a column that is
    /// read may be, its share of that is added.
    async fn row_bytes(&mut self, expected: Estimate) -> Result<u64, SourceError> {
        let may_be_large = |column: &ColumnSpec| {
            let data_type = column.field.data_type();
            !data_type.is_primitive() && *data_type != DataType::Boolean
        };
        let Relation::Table(table) = &self.spec.relation else { return Ok(expected.width.max(1)) };
        if !self.spec.columns.iter().any(may_be_large) {
            return Ok(expected.width.max(1));
        }
        let beside: u64 = storage::read(&mut self.recorder, table).await?.iter().map(|part| part.bytes_beside).sum();
        let rows = self.expect(&RowRange::All).await?.rows.max(1);
        Ok((expected.width + beside / rows).max(1))
    }

    async fn ask(&mut self, purpose: &'static str, statement: &Statement) -> Result<Vec<TextRow>, SourceError> {
        let timeout = self.limits.statement_timeout;
        self.recorder.ask_of_user(purpose, statement, &self.spec.relation, timeout).await
    }
}

/// A split that does not.
fn whole(range: RowRange) -> Split {
    Split { pieces: vec![Piece { range, estimated_rows: None }], ..Split::default() }
}

/// Whether there may be rows with a NULL in their key.
fn may_be_null(spec: &ScanSpec) -> bool {
    let stood_in = spec.fallback.as_ref().is_some_and(|fallback| !fallback.nullable);
    let nullable = spec.key.iter().enumerate().filter(|(_, column)| column.nullable);
    nullable.into_iter().any(|(place, _)| place > 0 || !stood_in)
}

/// The pieces between cuts: each begins at one and ends before the next.
fn between(cuts: &[Cut], lower: Option<&KeyBound>, upper: Option<&KeyBound>) -> Vec<Piece> {
    let mut made = Vec::with_capacity(cuts.len() + 1);
    let mut from = lower.cloned();
    for cut in cuts {
        let to = Some(KeyBound::excluding(cut.values.clone()));
        made.push(Piece { range: RowRange::Key { lower: from, upper: to }, estimated_rows: cut.rows_before });
        from = Some(KeyBound::including(cut.values.clone()));
    }
    let estimated_rows = cuts.last().and_then(|cut| cut.rows_after);
    made.push(Piece { range: RowRange::Key { lower: from, upper: upper.cloned() }, estimated_rows });
    made
}

fn too_many(count: u64) -> SourceError {
    let message = format!("the split has {count} pieces or more; {MAX_PIECES} are the most");
    SourceError::new(SourceErrorKind::Config, message).with_help("Raise `chunk_size` or `chunk_by_days`.")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rivet_model::Scalar;

    use super::*;

    fn holds(range: &RowRange, key: i64) -> bool {
        let RowRange::Key { lower, upper } = range else { panic!("{range:?}") };
        let value = |bound: &KeyBound| match bound.values[0] {
            Scalar::Int(value) => value,
            ref other => panic!("{other:?}"),
        };
        let above = |bound: &KeyBound| key > value(bound) || (bound.inclusive && key == value(bound));
        let below = |bound: &KeyBound| key < value(bound) || (bound.inclusive && key == value(bound));
        lower.as_ref().is_none_or(above) && upper.as_ref().is_none_or(below)
    }

    proptest! {
        #[test]
        fn every_key_is_in_one_piece(
            places in proptest::collection::btree_set(-50_i64..50, 0..20),
            keys in proptest::collection::vec(-60_i64..60, 1..50),
            ends in proptest::option::of((-60_i64..-50, 50_i64..60, any::<bool>())),
        ) {
            let cut = |place| Cut { values: vec![Scalar::Int(place)], rows_before: Some(1), rows_after: None };
            let cuts: Vec<_> = places.into_iter().map(cut).collect();
            let bound = |place, inclusive| KeyBound { values: vec![Scalar::Int(place)], inclusive };
            let lower = ends.map(|(from, _, inclusive)| bound(from, inclusive));
            let upper = ends.map(|(_, to, inclusive)| bound(to, !inclusive));
            let pieces = between(&cuts, lower.as_ref(), upper.as_ref());
            prop_assert_eq!(pieces.len(), cuts.len() + 1);
            let all = RowRange::Key { lower, upper };
            for key in keys {
                let found = pieces.iter().filter(|piece| holds(&piece.range, key)).count();
                prop_assert_eq!(found, usize::from(holds(&all, key)));
            }
        }
    }
}
