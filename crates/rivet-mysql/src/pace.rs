//! Reading a large table in statements that each take about as long as they should.

use std::time::Duration;

use rivet_model::{KeyBound, Relation, RowRange, Scalar};
use rivet_source::{KeyColumn, ScanLimits, ScanSpec, SourceError};

use crate::decode::Values;
use crate::describe::primary_key;
use crate::dialect::{self, Statement};
use crate::key::read_at;
use crate::session::Session;

/// Rows that a first statement reads, a tenth of a second for a server and a client that are not slow; fewer where a
/// statement has less than a second.
const FIRST_ROWS: u64 = 20_000;

/// Rows that a statement reads at least, however slow it is: a statement for a few rows would cost more than it spares.
const LEAST_ROWS: u64 = 200;

/// The part of its budget that a statement should take: the rows of a table are not all alike.
const AIM: f64 = 0.7;

/// Walks over the rows of a range in the order of the primary key, which is the order that they are stored in.
///
/// Each statement reads so many rows behind the last one that came. All of them are of one transaction, whose view
/// has the same rows throughout.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    /// The scan, by the primary key.
    spec: ScanSpec,
    key: Vec<KeyColumn>,
    /// Where rows have the values of the key.
    places: Vec<usize>,
    upper: Option<KeyBound>,
    /// Where the next statement begins.
    lower: Option<KeyBound>,
    budget: Duration,
    /// Rows that the next statement reads.
    rows: u64,
}

impl Walk {
    /// Plans a walk, where the scan has a budget and is of a table that has what it takes; `None` for one statement.
    async fn plan(session: &mut Session, spec: &ScanSpec, limits: &ScanLimits) -> Result<Option<Self>, SourceError> {
        let Relation::Table(table) = &spec.relation else { return Ok(None) };
        let (lower, upper) = match &spec.range {
            RowRange::All => (None, None),
            RowRange::Key { lower, upper } if spec.fallback.is_none() => (lower.clone(), upper.clone()),
            RowRange::Key { .. } | RowRange::NullKey | RowRange::Pages { .. } => return Ok(None),
        };
        if limits.statement_budget.is_zero() {
            return Ok(None);
        }
        let Some(key) = primary_key(session, table).await? else { return Ok(None) };
        // Bounds of another key say nothing of this one's order.
        let same_key = spec.key.iter().map(|column| &column.name).eq(key.iter().map(|column| &column.name));
        if spec.range != RowRange::All && !same_key {
            return Ok(None);
        }
        let spec = ScanSpec { key: key.clone(), fallback: None, ..spec.clone() };
        let (budget, places) = (limits.statement_budget, dialect::key_places(&spec, &key));
        Ok(Some(Self { spec, key, places, upper, lower, budget, rows: first_rows(budget) }))
    }

    /// Returns how a scan begins: its first statement, and the walk that goes on behind it, where there is one. What
    /// runs and what is explained are one text by this.
    pub(crate) async fn first(
        session: &mut Session,
        spec: &ScanSpec,
        limits: &ScanLimits,
    ) -> Result<(Statement, Option<Self>), SourceError> {
        let walk = Self::plan(session, spec, limits).await?;
        let statement = match &walk {
            Some(walk) => walk.statement()?,
            None => dialect::select(spec)?,
        };
        Ok((statement, walk))
    }

    /// Returns the values of the key in a row that one of its statements gave.
    pub(crate) fn key_of(&self, row: &impl Values) -> Result<Vec<Scalar>, SourceError> {
        read_at(&self.key, row, self.places.iter().copied())
    }

    /// Returns the next statement.
    pub(crate) fn statement(&self) -> Result<Statement, SourceError> {
        let range = RowRange::Key { lower: self.lower.clone(), upper: self.upper.clone() };
        dialect::page(&self.spec.with_range(range), &self.key, self.rows)
    }

    /// Learns how many rows the last statement gave, in which time, and the key of the last of them. Returns whether
    /// another statement follows: not behind one that had room left.
    pub(crate) fn step(&mut self, rows: u64, elapsed: Duration, last: Vec<Scalar>) -> bool {
        let more = rows >= self.rows;
        if more {
            self.lower = Some(KeyBound::excluding(last));
            self.rows = fitting(self.rows, elapsed, self.budget);
        }
        more
    }
}

/// As many rows as would take what a statement should, at most twice as many as the last one read.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a number of rows for a while needs no more than 52 bits"
)]
fn fitting(rows: u64, elapsed: Duration, budget: Duration) -> u64 {
    let seconds = elapsed.as_secs_f64().max(1e-6);
    let fitting = rows as f64 / seconds * budget.as_secs_f64() * AIM;
    (fitting as u64).clamp(LEAST_ROWS, rows.saturating_mul(2).max(LEAST_ROWS))
}

fn first_rows(budget: Duration) -> u64 {
    let milliseconds = u64::try_from(budget.as_millis()).unwrap_or(u64::MAX);
    (FIRST_ROWS.saturating_mul(milliseconds) / 1_000).clamp(LEAST_ROWS, FIRST_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_grow_until_they_take_what_they_should() {
        let budget = Duration::from_secs(2);
        let mut rows = first_rows(budget);
        let mut seen = vec![rows];
        for _ in 0..6 {
            // 200,000 rows a second.
            rows = fitting(rows, Duration::from_secs_f64(f64::from(u32::try_from(rows).unwrap()) / 200_000.0), budget);
            seen.push(rows);
        }
        assert_eq!(seen, [20_000, 40_000, 80_000, 160_000, 280_000, 280_000, 280_000]);
        assert_eq!(fitting(280_000, Duration::from_hours(1), budget), LEAST_ROWS);
        assert_eq!(first_rows(Duration::from_millis(500)), 10_000);
        assert_eq!(first_rows(Duration::from_millis(1)), LEAST_ROWS);
    }
}
