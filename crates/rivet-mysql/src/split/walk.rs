use rivet_model::{RowRange, Scalar};
use rivet_source::SourceError;

use super::choice::{Cut, Place, cuts, even};
use super::{MAX_PIECES, Splitter, Within, number, too_many};
use crate::dialect::{self, Statement};
use crate::key::read;

/// Places that are kept for each piece, at least: a cut is then no further from where it should be than an eighth of
/// a piece.
const PLACES_PER_PIECE: u64 = 8;

/// Places that are kept where the number of pieces asks for fewer.
const LEAST_PLACES: u64 = 4_096;

/// Which of the keys in their order become cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// Those of every so many-th row.
    Every(u64),
    /// Those that make so many pieces of the same size.
    Count(u64),
    /// Those that make as few pieces of the same size as have about so many rows.
    AtMost(u64),
}

/// What a walk has found.
#[derive(Debug)]
pub(super) enum Walked {
    /// No row.
    Nothing,
    Cuts(Vec<Cut>),
    /// More keys than it was to read.
    TooFar,
}

impl Splitter<'_> {
    /// Has the server give all keys in their order, each with the number of its rows, and cuts where rows are. Stops
    /// behind `most` keys.
    pub(super) async fn walk(
        &mut self,
        within: &Within,
        pick: Pick,
        hint: &str,
        most: Option<u64>,
    ) -> Result<Walked, SourceError> {
        let statement = self.statement(&within.range(), hint, most)?;
        let (spec, timeout) = (self.spec, self.limits.statement_timeout);
        let (mut picker, mut keys) = (Picker::new(pick), 0);
        let each = |row: &_| {
            keys += 1;
            let rows = number(row, spec.key.len());
            if picker.wants(rows) {
                picker.take(read(&spec.key, row, 0)?)?;
            }
            picker.pass(rows);
            Ok(())
        };
        self.session.ask_for_rows("where the pieces end", &statement, &spec.relation, timeout, each).await?;
        Ok(match (keys, most) {
            (0, _) => Walked::Nothing,
            (keys, Some(most)) if keys > most => Walked::TooFar,
            _ => Walked::Cuts(picker.finish()),
        })
    }

    /// Writes the statement. Keys that are equal to the server are one, whatever they look like.
    fn statement(&self, range: &RowRange, hint: &str, most: Option<u64>) -> Result<Statement, SourceError> {
        let mut expressions = dialect::key_expressions(self.spec);
        let order = expressions.join(", ");
        expressions.push("COUNT(*)".to_owned());
        let conditions: Vec<_> = dialect::condition(self.spec, range)?.into_iter().collect();
        let limit = most.map_or_else(String::new, |most| format!(" LIMIT {}", most + 1));
        Ok(dialect::filtered(&self.spec.relation, &expressions, hint, &conditions)
            .before(&format!(" GROUP BY {order} ORDER BY {order}{limit}")))
    }
}

/// Keeps places as keys go by: all that may become cuts, and no more than that takes.
#[derive(Debug)]
struct Picker {
    pick: Pick,
    places: Vec<Place>,
    /// Rows that have gone by.
    before: u64,
    /// Rows from one place that is kept to the next, at least.
    stride: u64,
    most: usize,
}

impl Picker {
    fn new(pick: Pick) -> Self {
        let (stride, most) = match pick {
            Pick::Every(_) => (0, usize::MAX),
            Pick::AtMost(rows) => ((rows / PLACES_PER_PIECE).max(1), usize::MAX),
            Pick::Count(count) => {
                (1, usize::try_from((count * PLACES_PER_PIECE).max(LEAST_PLACES)).unwrap_or(usize::MAX))
            }
        };
        Self { pick, places: Vec::new(), before: 0, stride, most }
    }

    /// Whether a key that so many rows have may become a cut.
    fn wants(&self, rows: u64) -> bool {
        match self.pick {
            // One of its rows is the first of a piece.
            Pick::Every(every) => {
                let last = (self.before + rows.max(1) - 1) / every * every;
                self.before > 0 && last >= self.before
            }
            Pick::Count(_) | Pick::AtMost(_) => {
                self.places.last().is_none_or(|last| self.before >= last.before + self.stride)
            }
        }
    }

    fn take(&mut self, values: Vec<Scalar>) -> Result<(), SourceError> {
        self.places.push(Place { values, before: self.before });
        if self.pieces() > MAX_PIECES as u64 {
            return Err(too_many(self.pieces()));
        }
        if self.places.len() > self.most {
            self.stride *= 2;
            let stride = self.stride;
            let mut last: Option<u64> = None;
            self.places.retain(|place| {
                let is_far = last.is_none_or(|last| place.before >= last + stride);
                if is_far {
                    last = Some(place.before);
                }
                is_far
            });
        }
        Ok(())
    }

    fn pass(&mut self, rows: u64) {
        self.before += rows;
    }

    /// The pieces that there are so far.
    fn pieces(&self) -> u64 {
        match self.pick {
            Pick::Every(_) => self.places.len() as u64 + 1,
            Pick::Count(count) => count,
            Pick::AtMost(rows) => self.before.div_ceil(rows).max(1),
        }
    }

    fn finish(self) -> Vec<Cut> {
        let pieces = self.pieces();
        match self.pick {
            Pick::Every(_) => cuts(self.places, self.before),
            Pick::Count(_) | Pick::AtMost(_) => even(&self.places, pieces, self.before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(pick: Pick, groups: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut picker = Picker::new(pick);
        for (number, rows) in groups.enumerate() {
            if picker.wants(rows) {
                picker.take(vec![Scalar::Int(i64::try_from(number).unwrap())]).unwrap();
            }
            picker.pass(rows);
        }
        let made = picker.finish();
        let mut sizes: Vec<_> = made.iter().filter_map(|cut| cut.rows_before).collect();
        sizes.extend(made.last().and_then(|cut| cut.rows_after));
        sizes
    }

    #[test]
    fn pieces_are_as_large_as_was_asked() {
        assert_eq!(sizes(Pick::Every(4), [1; 10].into_iter()), [4, 4, 2]);
        assert_eq!(sizes(Pick::Every(4), [1; 8].into_iter()), [4, 4]);
        // A key that several rows have is cut before the first of them.
        assert_eq!(sizes(Pick::Every(4), [3, 3, 3, 3].into_iter()), [3, 3, 6]);
        assert_eq!(sizes(Pick::Every(1), [2, 1, 5].into_iter()), [2, 1, 5]);
        assert_eq!(sizes(Pick::AtMost(4), [1; 10].into_iter()), [3, 3, 4]);
        assert_eq!(sizes(Pick::Count(3), [1; 9].into_iter()), [3, 3, 3]);
    }

    #[test]
    fn places_are_forgotten_where_there_are_too_many() {
        let found = sizes(Pick::Count(10), std::iter::repeat_n(1, 1_000_000));
        assert_eq!(found.len(), 10);
        assert!(found.iter().all(|size| size.abs_diff(100_000) <= 2 * 1_000_000 / LEAST_PLACES), "{found:?}");
    }

    #[test]
    fn more_pieces_than_there_may_be_are_an_error() {
        let mut picker = Picker::new(Pick::Every(1));
        picker.pass(1);
        let mut take = || {
            let taken = picker.take(Vec::new());
            picker.pass(1);
            taken
        };
        assert!((1..MAX_PIECES).all(|_| take().is_ok()));
        assert!(take().is_err());
    }
}
