use rivet_model::Relation;
use rivet_source::{SourceError, SplitBy};

use super::choice::Cut;
use super::walk::{Pick, Walked};
use super::{Access, MAX_PIECES, Splitter, Within, too_many};

/// Rows up to which a relation is read whole to cut it up: a fifth of a second.
const FEW_ROWS: u64 = 200_000;

/// Bytes of an index up to which it is read whole to cut it up.
const FEW_BYTES: u64 = 320 << 20;

/// Keys behind which a walk gives up that was to be short: what the server expects may be half of what is there.
const FAR: u64 = 2 * FEW_ROWS;

/// Rows of a piece from which on the server counts them by itself: a statement for each piece costs less then than
/// to send every key.
const LARGE_PIECE: u64 = 1_000;

/// How large a piece should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// So many rows.
    Rows(u64),
    /// The part of all that so many pieces have.
    Count(u64),
}

impl Size {
    fn pick(self) -> Pick {
        match self {
            Self::Rows(rows) => Pick::AtMost(rows),
            Self::Count(count) => Pick::Count(count),
        }
    }
}

impl Splitter<'_> {
    /// Cuts a range of keys where its quantiles are. None where it has no row.
    pub(super) async fn cuts(&mut self, within: &Within, by: SplitBy) -> Result<Option<Vec<Cut>>, SourceError> {
        let access = self.access(within).await?;
        let size = match by {
            SplitBy::Rows { rows, exact: true } => return self.exact(access.as_ref(), within, rows).await,
            SplitBy::Rows { rows, exact: false } => Size::Rows(rows),
            SplitBy::Bytes(bytes) => Size::Rows((bytes / self.row_bytes(access.as_ref(), within).await?).max(1)),
            SplitBy::Count(count) => Size::Count(count.into()),
            SplitBy::Days(_) => return Ok(None),
        };
        let expected = self.expect(&within.range()).await?;
        let pieces = match size {
            Size::Rows(rows) => expected.map_or(1, |expected| expected / rows),
            Size::Count(count) => count,
        };
        // An estimate may be wrong, but hardly so wrong.
        if pieces > 4 * MAX_PIECES as u64 {
            return Err(too_many(pieces));
        }
        let Some(access) = access else { return self.read_whole(within, size, expected).await };
        if is_few(expected, &access) {
            match self.walk(within, size.pick(), &access.hint, Some(FAR)).await? {
                Walked::Nothing => return Ok(None),
                Walked::Cuts(cuts) => return Ok(Some(cuts)),
                Walked::TooFar => {}
            }
        }
        match self.dives(&access, within, size).await? {
            Some(found) => Ok(found),
            None => self.read_whole(within, size, expected).await,
        }
    }

    /// Counts every row.
    async fn exact(
        &mut self,
        access: Option<&Access>,
        within: &Within,
        rows: u64,
    ) -> Result<Option<Vec<Cut>>, SourceError> {
        match access {
            Some(access) if rows >= LARGE_PIECE => self.steps(access, within, rows).await,
            _ => {
                let hint = access.map(|access| access.hint.clone()).unwrap_or_default();
                let walked = self.walk(within, Pick::Every(rows), &hint, None).await?;
                Ok(found(walked))
            }
        }
    }

    /// Reads the keys of all rows, for want of a way that takes less.
    async fn read_whole(
        &mut self,
        within: &Within,
        size: Size,
        expected: Option<u64>,
    ) -> Result<Option<Vec<Cut>>, SourceError> {
        if expected.is_none_or(|expected| expected > FEW_ROWS) {
            let what = if matches!(self.spec.relation, Relation::Query(_)) { "query" } else { "table" };
            self.notes.push(format!("the {what} was read once to find where its rows are"));
        }
        let walked = self.walk(within, size.pick(), "", None).await?;
        Ok(found(walked))
    }
}

fn found(walked: Walked) -> Option<Vec<Cut>> {
    match walked {
        Walked::Nothing | Walked::TooFar => None,
        Walked::Cuts(cuts) => Some(cuts),
    }
}

/// Whether an index is small enough to be read whole.
fn is_few(expected: Option<u64>, access: &Access) -> bool {
    let expected = expected.unwrap_or_default();
    expected <= FEW_ROWS && expected.saturating_mul(access.row_bytes.unwrap_or_default()) <= FEW_BYTES
}
