use rivet_model::{KeyBound, Scalar, ScalarKind};
use rivet_source::SourceError;

use super::choice::{Cut, Place, even};
use super::cuts::Size;
use super::steps::End;
use super::{Access, MAX_PIECES, Splitter, Within, conditions, middle};

/// Segments that tell how many rows there are in all.
const FIRST_SEGMENTS: u64 = 64;

/// Segments of each piece, at least: a cut is then no further from where it should be than an eighth of a piece.
///
/// Smaller ones would not be better. `InnoDB` counts up to ten pages as they are, and takes what is larger for twice
/// as many: segments of ten pages would be counted in two ways.
const SEGMENTS_PER_PIECE: u64 = 4;

/// Segments at most: for more of them than that the index itself is walked.
const MOST_SEGMENTS: u64 = 20_000;

/// Segments whose rows are counted, to know what the server's estimates mean.
const COUNTED: usize = 16;

/// Pages of a segment that are counted, and rows of it: those that the estimate of a larger one is made from are ten.
const COUNTED_PAGES: u64 = 40;
const COUNTED_ROWS: u64 = 20_000;

/// Rows that are counted where the size of a row is not known.
const COUNTED_BLINDLY: u64 = 2_000;

/// Bytes of a page of `InnoDB`, unless a server was set up with others.
const PAGE: u64 = 16 << 10;

/// How often in a row a middle may fail to halve a segment: numbers have 64 bits, and the letters of a text are not
/// ordered as their numbers are.
const NUMBER_FAILURES: u32 = 130;
const TEXT_FAILURES: u32 = 16;

/// Neighbouring rows of the index.
#[derive(Debug, Clone)]
struct Segment {
    /// The key of its first row.
    from: Vec<Scalar>,
    /// Where it ends.
    to: Option<KeyBound>,
    /// The key of its last row, where that is known.
    last: Option<Vec<Scalar>>,
    /// Its rows, as the server estimates them.
    rows: u64,
    /// How often in a row it could not be halved.
    failures: u32,
    /// Whether it can't be cut any more.
    done: bool,
}

impl Segment {
    fn within(&self) -> Within {
        Within { lower: Some(KeyBound::including(self.from.clone())), upper: self.to.clone() }
    }

    /// Cuts the segment before a row of it.
    fn halves(self, at: Vec<Scalar>) -> [Self; 2] {
        let to = Some(KeyBound::excluding(at.clone()));
        let right = Self { from: at, ..self.clone() };
        [Self { to, last: None, ..self }, right]
    }
}

impl Splitter<'_> {
    /// Halves the range, and the halves of it, until each part has few enough rows by the server's own estimate of
    /// what lies between two keys, which reads a few pages whatever the table's size. `None` where the server has no
    /// such estimate; within, `None` where there is no row.
    pub(super) async fn dives(
        &mut self,
        access: &Access,
        within: &Within,
        size: Size,
    ) -> Result<Option<Option<Vec<Cut>>>, SourceError> {
        let Some(first) = self.find(access, within, End::First, 0).await? else { return Ok(Some(None)) };
        let last = self.find(access, within, End::Last, 0).await?;
        let mut segment = Segment { from: first, to: within.upper.clone(), last, rows: 0, failures: 0, done: false };
        let Some(rows) = self.estimates(access, &[segment.within()]).await? else { return Ok(None) };
        segment.rows = rows[0];
        let mut segments = vec![segment];
        if !self.refine(access, &mut segments, FIRST_SEGMENTS).await? {
            return Ok(None);
        }
        let total = scaled(sum(&segments), self.scale(access, within, &segments).await?);
        let pieces = match size {
            Size::Rows(rows) => total.div_ceil(rows),
            Size::Count(count) => count,
        };
        if pieces > MAX_PIECES as u64 {
            return Err(super::too_many(pieces));
        }
        let wanted = pieces.max(1).saturating_mul(SEGMENTS_PER_PIECE);
        if wanted > MOST_SEGMENTS {
            return Ok(Some(self.steps(access, within, (total / pieces).max(1)).await?));
        }
        if !self.refine(access, &mut segments, wanted).await? {
            return Ok(None);
        }
        self.notes.push("the pieces follow the server's estimates of how many rows are between keys".to_owned());
        let all = sum(&segments);
        let mut before = 0;
        let places = segments.into_iter().map(|segment| {
            let place = Place { values: segment.from, before };
            before += segment.rows;
            place
        });
        let places: Vec<_> = places.collect();
        let mut made = even(&places, pieces, all);
        let scale = ratio(total, all);
        for cut in &mut made {
            cut.rows_before = cut.rows_before.map(|rows| scaled(rows, scale));
            cut.rows_after = cut.rows_after.map(|rows| scaled(rows, scale));
        }
        Ok(Some(Some(made)))
    }

    /// Halves segments until none has more than its part of the rows. Returns whether the estimates allow that.
    async fn refine(&mut self, access: &Access, segments: &mut Vec<Segment>, wanted: u64) -> Result<bool, SourceError> {
        let most = usize::try_from(wanted).unwrap_or(usize::MAX).saturating_mul(16).saturating_add(1_000);
        loop {
            let target = (sum(segments) / wanted).max(1);
            let open: Vec<usize> =
                (0..segments.len()).filter(|index| segments[*index].rows > target && !segments[*index].done).collect();
            if open.is_empty() {
                return self.force(access, segments, target).await;
            }
            // Estimates that do not follow where a segment ends are none.
            if segments.len() > most {
                return Ok(false);
            }
            self.find_last(access, segments, &open).await?;
            let found = self.find_middles(access, segments, &open).await?;
            let mut halves: Vec<Vec<Scalar>> = Vec::new();
            let mut cut = vec![false; segments.len()];
            for (index, at) in open.into_iter().zip(found) {
                match at {
                    Some(at) if at != segments[index].from => {
                        cut[index] = true;
                        halves.push(at);
                    }
                    _ => segments[index].done = true,
                }
            }
            let mut halves = halves.into_iter();
            let mut made: Vec<Segment> = Vec::with_capacity(segments.len() * 2);
            let mut fresh = Vec::new();
            for (segment, cut) in segments.drain(..).zip(cut) {
                match if cut { halves.next() } else { None } {
                    Some(at) => {
                        fresh.push(made.len());
                        made.extend(segment.halves(at));
                    }
                    None => made.push(segment),
                }
            }
            *segments = made;
            let parts: Vec<_> = fresh.iter().flat_map(|left| [*left, left + 1]).collect();
            if !self.estimate_all(access, segments, &parts).await? {
                return Ok(false);
            }
            for left in fresh {
                self.judge(segments, left);
            }
        }
    }

    /// Remembers of two halves whether they are any.
    fn judge(&self, segments: &mut [Segment], left: usize) {
        let (one, other) = (segments[left].rows, segments[left + 1].rows);
        let is_halved = one.min(other).saturating_mul(20) > one.saturating_add(other);
        let is_text = self.spec.key.iter().any(|column| column.kind == ScalarKind::Text);
        let most = if is_text { TEXT_FAILURES } else { NUMBER_FAILURES };
        for segment in &mut segments[left..=left + 1] {
            segment.failures = if is_halved { 0 } else { segment.failures + 1 };
            segment.done = segment.failures > most;
        }
    }

    /// Walks over what has no middle, row by row.
    async fn force(&mut self, access: &Access, segments: &mut Vec<Segment>, target: u64) -> Result<bool, SourceError> {
        let mut made = Vec::with_capacity(segments.len());
        let mut fresh = Vec::new();
        for segment in std::mem::take(segments) {
            let has_one_key = segment.last.as_ref() == Some(&segment.from);
            if !segment.done || segment.rows <= 2 * target || has_one_key {
                made.push(segment);
                continue;
            }
            let cuts = self.steps(access, &segment.within(), target).await?.unwrap_or_default();
            let mut rest = segment;
            for cut in cuts {
                let [left, right] = rest.halves(cut.values);
                fresh.push(made.len());
                made.push(left);
                rest = right;
            }
            fresh.push(made.len());
            made.push(rest);
        }
        *segments = made;
        self.estimate_all(access, segments, &fresh).await
    }

    /// Estimates these segments. Returns whether the server did.
    async fn estimate_all(
        &mut self,
        access: &Access,
        segments: &mut [Segment],
        which: &[usize],
    ) -> Result<bool, SourceError> {
        let parts: Vec<_> = which.iter().map(|index| segments[*index].within()).collect();
        let Some(rows) = self.estimates(access, &parts).await? else { return Ok(false) };
        for (index, rows) in which.iter().zip(rows) {
            segments[*index].rows = rows;
        }
        Ok(true)
    }

    async fn find_last(
        &mut self,
        access: &Access,
        segments: &mut [Segment],
        open: &[usize],
    ) -> Result<(), SourceError> {
        let unknown: Vec<usize> = open.iter().copied().filter(|index| segments[*index].last.is_none()).collect();
        let statements = unknown.iter().enumerate().map(|(number, index)| {
            let Within { lower, upper } = segments[*index].within();
            let conditions = conditions(self.spec, lower.as_ref(), upper.as_ref())?;
            Ok(self.row(access, &conditions, End::Last, 0, number))
        });
        let statements = statements.collect::<Result<Vec<_>, SourceError>>()?;
        let found = self.rows("the last keys of parts", &statements).await?;
        for (index, last) in unknown.into_iter().zip(found) {
            segments[index].last = last;
        }
        Ok(())
    }

    /// Finds the first row behind the middle of each segment; none where there is no middle.
    async fn find_middles(
        &mut self,
        access: &Access,
        segments: &[Segment],
        open: &[usize],
    ) -> Result<Vec<Option<Vec<Scalar>>>, SourceError> {
        let mut statements = Vec::new();
        for (number, index) in open.iter().enumerate() {
            let segment = &segments[*index];
            let Some(last) = &segment.last else { continue };
            let Some(at) = middle::between(&self.spec.key, &segment.from, last) else { continue };
            let is_text = at.last().is_some_and(|value| value.kind() == ScalarKind::Text);
            let bound = KeyBound::including(at);
            let mut conditions = conditions(self.spec, Some(&bound), segment.to.as_ref())?;
            if is_text {
                // Letters need not be ordered as their numbers are.
                let behind = KeyBound::excluding(segment.from.clone());
                conditions.extend(super::conditions(self.spec, Some(&behind), None)?);
            }
            statements.push(self.row(access, &conditions, End::First, 0, number));
        }
        self.rows_of("the keys in the middle of parts", &statements, open.len()).await
    }

    /// How many rows there are for each that the server expects: counts some.
    async fn scale(&mut self, access: &Access, within: &Within, segments: &[Segment]) -> Result<f64, SourceError> {
        let typical = typical(segments);
        let known = access.row_bytes.map(|bytes| (COUNTED_PAGES * PAGE / bytes.max(1)).clamp(200, COUNTED_ROWS));
        let rows = (typical / 2).clamp(1, known.unwrap_or(COUNTED_BLINDLY));
        let large: Vec<_> = segments.iter().filter(|segment| segment.rows >= typical / 2).collect();
        let step = large.len().div_ceil(COUNTED).max(1);
        let counted: Vec<_> = large.into_iter().step_by(step).collect();
        let statements = counted.iter().enumerate().map(|(number, segment)| {
            let lower = KeyBound::including(segment.from.clone());
            let conditions = conditions(self.spec, Some(&lower), within.upper.as_ref())?;
            Ok(self.row(access, &conditions, End::First, rows, number))
        });
        let statements = statements.collect::<Result<Vec<_>, SourceError>>()?;
        let ends = self.rows("how far a number of rows reaches", &statements).await?;
        let parts: Vec<_> = counted
            .iter()
            .zip(ends)
            .filter_map(|(segment, end)| {
                let lower = Some(KeyBound::including(segment.from.clone()));
                Some(Within { lower, upper: Some(KeyBound::excluding(end?)) })
            })
            .collect();
        let estimated: u64 = self.estimates(access, &parts).await?.unwrap_or_default().iter().sum();
        Ok(if estimated == 0 { 1.0 } else { ratio(rows * parts.len() as u64, estimated) })
    }
}

fn sum(segments: &[Segment]) -> u64 {
    segments.iter().map(|segment| segment.rows).sum()
}

/// The size of the segment that most rows are in or beside: many small ones say little.
fn typical(segments: &[Segment]) -> u64 {
    let mut sizes: Vec<u64> = segments.iter().map(|segment| segment.rows).collect();
    sizes.sort_unstable();
    let mut seen = 0;
    let half = sum(segments) / 2;
    sizes
        .into_iter()
        .find(|rows| {
            seen += rows;
            seen >= half
        })
        .unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "rows are estimates here")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other.max(1) as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "rows are estimates here, and never negative"
)]
fn scaled(rows: u64, scale: f64) -> u64 {
    (rows as f64 * scale).round() as u64
}
