use std::time::Duration;

use rivet_model::{Relation, RowRange, TableRef};
use rivet_source::{ScanLimits, ScanSpec, SourceError};

use crate::record::Ask;
use crate::storage;

/// Pages that a first statement reads: 16 MiB of the usual 8 KiB pages, a tenth of a second for a server and a client
/// that are not slow.
const FIRST_PAGES: u64 = 2_048;

/// Pages that a statement reads at least, however slow it is: a statement for each page would cost more than it spares.
const LEAST_PAGES: u64 = 16;

/// The part of its budget that a statement should take: the pages of a table are not all alike.
const AIM: f64 = 0.7;

/// Walks over the pages of a table in statements that each take about as long as they should.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Walk {
    partition: Option<TableRef>,
    /// Where the next statement begins.
    next: u64,
    /// Where the pages end that are known.
    known_end: u64,
    /// Where the range ends; none for all that follows.
    to: Option<u64>,
    budget: Duration,
    /// Pages that the next statement reads.
    pages: u64,
}

impl Walk {
    /// Decides how a scan with these limits is read: by a walk, whose first step is its first statement, or `None` where
    /// it is sent whole. A scan asks this when it begins, and whoever explains one asks the same.
    pub(crate) async fn of(
        asker: &mut impl Ask,
        version: u32,
        spec: &ScanSpec,
        limits: &ScanLimits,
    ) -> Result<Option<Self>, SourceError> {
        let Relation::Table(table) = &spec.relation else { return Ok(None) };
        let partition = match &spec.range {
            RowRange::All => None,
            RowRange::Pages { partition, .. } => partition.as_ref(),
            RowRange::Key { .. } | RowRange::NullKey => return Ok(None),
        };
        if limits.statement_budget.is_zero() {
            return Ok(None);
        }
        let stored = storage::read(asker, partition.unwrap_or(table)).await?;
        // Rows of tables that inherit from it would come in another order.
        let plain = stored.first().filter(|stored| stored.has_pages(version));
        Ok(plain.and_then(|stored| Self::plan(&spec.range, stored.pages, limits.statement_budget)))
    }

    /// Plans a walk over a range of a table of so many pages; `None` where one statement is as good.
    fn plan(range: &RowRange, table_pages: u64, budget: Duration) -> Option<Self> {
        let (partition, from, to) = match range {
            RowRange::All => (None, 0, None),
            RowRange::Pages { partition, from, to } => (partition.clone(), *from, *to),
            RowRange::Key { .. } | RowRange::NullKey => return None,
        };
        let known_end = to.map_or(table_pages, |to| to.min(table_pages));
        let walk = Self { partition, next: from, known_end, to, budget, pages: first_pages(budget) };
        (!budget.is_zero() && walk.clone().step().1).then_some(walk)
    }

    /// Returns the range of the next statement, and whether another one follows.
    pub(crate) fn step(&mut self) -> (RowRange, bool) {
        let from = self.next;
        let end = from.saturating_add(self.pages);
        // A rest that takes a fifth longer than a statement should, and still less than it may, is no statement.
        let more = end.saturating_add(self.pages / 5) < self.known_end;
        self.next = end;
        let to = if more { Some(end) } else { self.to };
        (RowRange::Pages { partition: self.partition.clone(), from, to }, more)
    }

    /// Learns how long the last statement took.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a number of pages for a while needs no more than 52 bits"
    )]
    pub(crate) fn learn(&mut self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64().max(1e-6);
        let fitting = self.pages as f64 / seconds * self.budget.as_secs_f64() * AIM;
        self.pages = (fitting as u64).clamp(LEAST_PAGES, self.pages.saturating_mul(2).max(LEAST_PAGES));
    }
}

/// As many pages as [`FIRST_PAGES`], fewer where a statement has less than a second.
fn first_pages(budget: Duration) -> u64 {
    let milliseconds = u64::try_from(budget.as_millis()).unwrap_or(u64::MAX);
    (FIRST_PAGES.saturating_mul(milliseconds) / 1_000).clamp(LEAST_PAGES, FIRST_PAGES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: Duration = Duration::from_secs(2);

    fn pages(range: &RowRange) -> (u64, Option<u64>) {
        match range {
            RowRange::Pages { from, to, .. } => (*from, *to),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn statements_grow_until_they_take_what_they_should() {
        let mut walk = Walk::plan(&RowRange::All, 100_000, BUDGET).unwrap();
        let mut seen = Vec::new();
        loop {
            let (range, more) = walk.step();
            seen.push(pages(&range));
            if !more {
                break;
            }
            let (from, to) = pages(&range);
            // 20,000 pages a second.
            walk.learn(Duration::from_micros((to.unwrap() - from) * 50));
        }
        let expected = [
            (0, Some(2_048)),
            (2_048, Some(6_144)),
            (6_144, Some(14_336)),
            (14_336, Some(30_720)),
            (30_720, Some(58_720)),
            (58_720, Some(86_720)),
            (86_720, None),
        ];
        // A floating-point number decides within a page.
        for ((from, to), (expected_from, expected_to)) in seen.iter().zip(expected) {
            assert!(from.abs_diff(expected_from) <= 3, "{seen:?}");
            assert!(to.zip(expected_to).is_none_or(|(to, expected)| to.abs_diff(expected) <= 3), "{seen:?}");
        }
        assert_eq!((seen.len(), seen.last().unwrap().1), (expected.len(), None));
    }

    #[test]
    fn what_fits_one_statement_is_one() {
        assert_eq!(Walk::plan(&RowRange::All, 2_048, BUDGET), None);
        // Nor is a first statement that would read everything after all.
        assert_eq!(Walk::plan(&RowRange::All, 2_400, BUDGET), None);
        assert!(Walk::plan(&RowRange::All, 2_500, BUDGET).is_some());
        assert_eq!(Walk::plan(&RowRange::All, 1_000_000, Duration::ZERO), None);
        assert_eq!(Walk::plan(&RowRange::NullKey, 1_000_000, BUDGET), None);
        let part = RowRange::Pages { partition: None, from: 10_000, to: Some(12_000) };
        assert_eq!(Walk::plan(&part, 1_000_000, BUDGET), None);
        assert!(Walk::plan(&part, 1_000_000, Duration::from_millis(500)).is_some());
    }

    proptest! {
        #[test]
        fn the_ranges_tile(
            table in 1_u64..300_000,
            range in prop_oneof![
                Just(RowRange::All),
                (0_u64..9_000, proptest::option::of(0_u64..400_000)).prop_map(|(from, length)| RowRange::Pages {
                    partition: None,
                    from,
                    to: length.map(|length| from + length),
                }),
            ],
            micros in proptest::collection::vec(1_u64..10_000_000, 1..20),
        ) {
            let Some(mut walk) = Walk::plan(&range, table, BUDGET) else { return Ok(()) };
            let (mut at, end) = match &range {
                RowRange::Pages { from, to, .. } => (*from, *to),
                _ => (0, None),
            };
            for turn in 0.. {
                let (step, more) = walk.step();
                let (from, to) = pages(&step);
                prop_assert_eq!(from, at);
                if !more {
                    prop_assert_eq!(to, end);
                    return Ok(());
                }
                let to = to.unwrap();
                prop_assert!(to > from && end.is_none_or(|end| to < end));
                at = to;
                walk.learn(Duration::from_micros(micros[turn % micros.len()]));
            }
        }
    }
}
