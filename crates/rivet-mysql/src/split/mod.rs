//! Cuts a range of rows into pieces, from indexes.
//!
//! Few rows are read whole, by their keys alone: the cuts are then where the rows are. More of them are estimated by
//! the server from where two keys stand in its index, which takes it no longer for a large table than for a small one.

mod access;
mod batch;
mod bytes;
mod choice;
mod cuts;
mod days;
mod dives;
mod middle;
mod steps;
mod walk;

use rivet_model::{KeyBound, RowRange, Scalar};
use rivet_source::{Piece, ScanLimits, ScanSpec, SourceError, SourceErrorKind, Split, SplitBy, SplitRequest};

use self::access::Access;
use self::choice::Cut;
use crate::decode::{Cell, Values};
use crate::dialect::{self, Statement};
use crate::estimate::estimate;
use crate::key::read;
use crate::server::Server;
use crate::session::Session;

/// Pieces of a split, at most: their list is kept whole, in memory and in the run's record.
const MAX_PIECES: usize = 100_000;

/// Cuts a range of rows up, in one transaction.
pub(crate) async fn split(
    session: &mut Session,
    server: &Server,
    spec: &ScanSpec,
    request: &SplitRequest,
    limits: &ScanLimits,
) -> Result<Split, SourceError> {
    if matches!(request.by, SplitBy::Rows { rows: 0, .. } | SplitBy::Count(0) | SplitBy::Days(0) | SplitBy::Bytes(0)) {
        return Err(SourceError::new(SourceErrorKind::Config, "a piece of nothing never ends")
            .with_help("Give `chunk_size`, `chunk_count` or `chunk_by_days` a number of 1 or more."));
    }
    session.query(&dialect::patience(server.family, limits)).await?;
    session.query(dialect::BEGIN).await?;
    session.record();
    let mut splitter = Splitter { session, spec, limits, notes: Vec::new() };
    let mut made = splitter.split(request).await?;
    made.notes.append(&mut splitter.notes);
    made.probes = session.take_probes();
    session.query("COMMIT").await?;
    Ok(made)
}

/// What it takes to ask about a relation.
struct Splitter<'a> {
    session: &'a mut Session,
    spec: &'a ScanSpec,
    limits: &'a ScanLimits,
    notes: Vec<String>,
}

impl Splitter<'_> {
    async fn split(&mut self, request: &SplitRequest) -> Result<Split, SourceError> {
        match &request.within {
            RowRange::Pages { .. } => Err(self.no_key()),
            _ if self.spec.key.is_empty() => Err(self.no_key()),
            RowRange::NullKey => Ok(whole(RowRange::NullKey)),
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
        let found = match request.by {
            SplitBy::Days(days) => self.days(days, lower, upper).await?,
            by => {
                let within = Within { lower: lower.cloned(), upper: upper.cloned() };
                self.cuts(&within, by).await?
            }
        };
        // Without a row that has a key there is nothing to cut, whatever the others are.
        let Some(cuts) = found else { return Ok(whole(request.within.clone())) };
        if cuts.len() >= MAX_PIECES {
            return Err(too_many(cuts.len() as u64 + 1));
        }
        self.warn_of_duplicates(&cuts);
        let mut pieces = between(&cuts, lower, upper);
        if request.within == RowRange::All && may_be_null(self.spec) {
            let estimated_rows = self.expect(&RowRange::NullKey).await?;
            pieces.push(Piece { range: RowRange::NullKey, estimated_rows });
        }
        Ok(Split { pieces, ..Split::default() })
    }

    /// Asks the planner how many rows it expects of a range.
    async fn expect(&mut self, range: &RowRange) -> Result<Option<u64>, SourceError> {
        let statement = dialect::select(&self.spec.with_range(range.clone()))?;
        estimate(self.session, &statement, &self.spec.relation).await
    }

    /// Pieces of very unequal size have keys that many rows share.
    fn warn_of_duplicates(&mut self, cuts: &[Cut]) {
        let mut rows: Vec<u64> = cuts.iter().filter_map(|cut| cut.rows_before).collect();
        rows.extend(cuts.last().and_then(|cut| cut.rows_after));
        rows.sort_unstable();
        let (Some(largest), Some(median)) = (rows.last(), rows.get(rows.len() / 2)) else { return };
        if rows.len() > 2 && *largest > 2 * median && self.spec.key.len() == 1 {
            self.notes.push(format!(
                "many rows share a value of `{}`: the largest piece has about {largest} rows, half of them have \
                 {median} or fewer",
                self.spec.key[0].name
            ));
        }
    }

    /// Asks for keys: their values stand first in each row, and the number of one behind them where there is one.
    async fn keys(&mut self, purpose: &str, statement: &Statement) -> Result<Vec<(Vec<Scalar>, u64)>, SourceError> {
        let (spec, timeout) = (self.spec, self.limits.statement_timeout);
        let mut found = Vec::new();
        let each = |row: &_| {
            found.push((read(&spec.key, row, 0)?, number(row, spec.key.len())));
            Ok(())
        };
        self.session.ask_for_rows(purpose, statement, &spec.relation, timeout, each).await?;
        Ok(found)
    }

    fn no_key(&self) -> SourceError {
        let message = format!("the {} has no key to cut it by", self.spec.relation);
        SourceError::new(SourceErrorKind::Config, message)
            .with_help("Name one with `chunk_column` or `chunk_by_key`, or read everything at once with `mode: full`.")
    }
}

/// The rows to cut up.
#[derive(Debug, Clone)]
struct Within {
    lower: Option<KeyBound>,
    upper: Option<KeyBound>,
}

impl Within {
    fn range(&self) -> RowRange {
        RowRange::Key { lower: self.lower.clone(), upper: self.upper.clone() }
    }
}

/// Writes what holds for the rows between two ends, where one index finds them all.
fn conditions(spec: &ScanSpec, lower: Option<&KeyBound>, upper: Option<&KeyBound>) -> Result<Vec<String>, SourceError> {
    let mut branches = dialect::branches(spec, lower, upper)?;
    Ok(branches.remove(0).conditions)
}

/// Reads a number that counts something; 0 where there is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is counted is above zero, and a mean is rounded"
)]
fn number(row: &impl Values, position: usize) -> u64 {
    if position >= row.width() {
        return 0;
    }
    match row.cell(position) {
        Ok(Cell::Int(number)) => number.max(0).unsigned_abs(),
        Ok(Cell::Uint(number)) => number,
        Ok(Cell::Double(number)) => number.round() as u64,
        Ok(Cell::Bytes(digits)) => {
            std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<f64>().ok()).unwrap_or(0.0).round() as u64
        }
        _ => 0,
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
