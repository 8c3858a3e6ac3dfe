use rivet_model::{Relation, RowRange, TableRef};
use rivet_source::{Piece, SourceError, SourceErrorKind, Split, SplitBy};

use super::{MAX_PIECES, Splitter, too_many, whole};
use crate::estimate::Estimate;
use crate::storage::{self, Storage, StorageKind};

/// Pages of one table, or of one partition of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    partition: Option<TableRef>,
    from: u64,
    /// Where its pages end now.
    end: u64,
    /// Where its range ends; none for all that follows.
    to: Option<u64>,
}

impl Splitter<'_> {
    /// Cuts by where rows are stored.
    pub(super) async fn by_pages(
        &mut self,
        by: SplitBy,
        partition: Option<&TableRef>,
        from: u64,
        to: Option<u64>,
    ) -> Result<Split, SourceError> {
        let Relation::Table(table) = &self.spec.relation else { return Err(self.no_key()) };
        let stored = storage::read(&mut self.recorder, partition.unwrap_or(table)).await?;
        let parts = self.parts(&stored, partition, from, to)?;
        let expected = self.expect(&RowRange::All).await?;
        let all: u64 = match partition {
            None => stored.iter().map(|part| part.pages).sum(),
            Some(_) => storage::read(&mut self.recorder, table).await?.iter().map(|part| part.pages).sum(),
        };
        let density = density(expected, all);
        let pages = parts.iter().map(Part::pages).sum();
        let row_bytes = self.row_bytes(expected).await?;
        let size = pages_of_piece(by, row_bytes, density, pages).ok_or_else(|| self.no_key())?;
        let mut pieces = Vec::new();
        for part in &parts {
            part.cut(size, density, &mut pieces)?;
        }
        let within_all = partition.is_none() && from == 0 && to.is_none();
        if within_all && pieces.len() == 1 {
            return Ok(whole(RowRange::All));
        }
        if within_all {
            let place = format!("the {} is cut by where its rows are stored, for want of a key", self.spec.relation);
            self.notes.push(format!("{place}: the pieces hold within one read view"));
        }
        Ok(Split { pieces, needs_shared_view: true, ..Split::default() })
    }

    /// Finds the ranges to cut: of the table, or of each of its partitions.
    fn parts(
        &self,
        stored: &[Storage],
        partition: Option<&TableRef>,
        from: u64,
        to: Option<u64>,
    ) -> Result<Vec<Part>, SourceError> {
        let root = stored.first().ok_or_else(|| self.no_key())?;
        if root.kind != StorageKind::Partitioned {
            if !root.has_pages(self.version) {
                return Err(self.no_key());
            }
            let end = to.map_or(root.pages, |to| to.min(root.pages)).max(from);
            return Ok(vec![Part { partition: partition.cloned(), from, end, to }]);
        }
        let leaves: Vec<_> = stored.iter().filter(|part| part.kind != StorageKind::Partitioned).collect();
        // What a partition's own policies show is not what the table's do.
        if root.hides_rows || leaves.is_empty() || leaves.iter().any(|leaf| !leaf.has_pages(self.version)) {
            return Err(self.no_key());
        }
        let part = |leaf: &&Storage| Part { partition: Some(leaf.table.clone()), from: 0, end: leaf.pages, to: None };
        Ok(leaves.iter().map(part).collect())
    }

    fn no_key(&self) -> SourceError {
        let message = format!("the {} has no key to cut it by", self.spec.relation);
        SourceError::new(SourceErrorKind::Config, message)
            .with_help("Name one with `chunk_column` or `chunk_by_key`, or read everything at once with `mode: full`.")
    }
}

impl Part {
    fn pages(&self) -> u64 {
        self.end - self.from
    }

    /// Adds pieces of about this many pages.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "sizes are estimates, and never negative"
    )]
    fn cut(&self, size: f64, density: f64, pieces: &mut Vec<Piece>) -> Result<(), SourceError> {
        let count = ((self.pages() as f64 / size).ceil() as u64).clamp(1, self.pages().max(1));
        let total = pieces.len() as u64 + count;
        if total > MAX_PIECES as u64 {
            return Err(too_many(total));
        }
        let place =
            |number: u64| self.from + (u128::from(self.pages()) * u128::from(number) / u128::from(count)) as u64;
        for number in 0..count {
            let (from, end) = (place(number), place(number + 1));
            let to = if number + 1 == count { self.to } else { Some(end) };
            let estimated_rows = Some(((end - from) as f64 * density).round() as u64);
            pieces
                .push(Piece { range: RowRange::Pages { partition: self.partition.clone(), from, to }, estimated_rows });
        }
        Ok(())
    }
}

/// Rows of a page, as the planner knows it.
#[expect(clippy::cast_precision_loss, reason = "rows and pages are estimates here")]
fn density(expected: Estimate, pages: u64) -> f64 {
    expected.rows as f64 / pages.max(1) as f64
}

/// How many pages a piece has; none where pages do not tell.
#[expect(clippy::cast_precision_loss, reason = "rows and pages are estimates here")]
fn pages_of_piece(by: SplitBy, row_bytes: u64, density: f64, pages: u64) -> Option<f64> {
    let of_rows = |rows: f64| rows / density.max(f64::MIN_POSITIVE);
    let size = match by {
        SplitBy::Rows { rows, .. } => of_rows(rows as f64),
        SplitBy::Bytes(bytes) => of_rows(bytes as f64 / row_bytes as f64),
        SplitBy::Count(count) => pages as f64 / f64::from(count),
        SplitBy::Days(_) => return None,
    };
    Some(size.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(part: &Part, size: f64) -> Vec<(u64, Option<u64>, Option<u64>)> {
        let mut pieces = Vec::new();
        part.cut(size, 10.0, &mut pieces).unwrap();
        let range = |piece: Piece| match piece.range {
            RowRange::Pages { from, to, .. } => (from, to, piece.estimated_rows),
            other => panic!("{other:?}"),
        };
        pieces.into_iter().map(range).collect()
    }

    #[test]
    fn pieces_are_even_and_the_last_one_is_open() {
        let table = Part { partition: None, from: 0, end: 10, to: None };
        assert_eq!(ranges(&table, 4.0), [(0, Some(3), Some(30)), (3, Some(6), Some(30)), (6, None, Some(40))]);
        assert_eq!(ranges(&table, 99.0), [(0, None, Some(100))]);
        let empty = Part { end: 0, ..table.clone() };
        assert_eq!(ranges(&empty, 4.0), [(0, None, Some(0))]);
        let part = Part { from: 5, to: Some(10), ..table };
        assert_eq!(ranges(&part, 3.0), [(5, Some(7), Some(20)), (7, Some(10), Some(30))]);
    }

    #[test]
    fn pieces_are_sized_by_what_was_asked() {
        let expected = Estimate { rows: 1_000, width: 50 };
        let density = density(expected, 100);
        let check = |by, expected_size: Option<f64>| {
            let found = pages_of_piece(by, expected.width, density, 100);
            assert!(
                found.zip(expected_size).map_or(found == expected_size, |(a, b)| (a - b).abs() < 1e-9),
                "{found:?}"
            );
        };
        check(SplitBy::Rows { rows: 100, exact: false }, Some(10.0));
        check(SplitBy::Bytes(5_000), Some(10.0));
        check(SplitBy::Count(4), Some(25.0));
        check(SplitBy::Rows { rows: 1, exact: false }, Some(1.0));
        check(SplitBy::Days(1), None);
    }
}
