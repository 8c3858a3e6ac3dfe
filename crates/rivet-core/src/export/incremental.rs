use std::time::Duration;

use jiff::Timestamp;
use rivet_config::{CursorNulls, Incremental};
use rivet_model::{
    ColumnName, CursorPosition, CursorRecord, CursorSighting, KeyBound, ReadView, RowRange, RunRecord, Scalar,
    ScalarKind,
};
use rivet_source::{Description, Hold, ScanSpec, SplitBy, SplitRequest, Watermark, WatermarkRequest};

use super::ExportRun;
use super::plan::{ReadPlan, chunks};
use crate::{EngineError, mask};

/// Runs whose sightings are looked through for one that is old enough.
const RUNS_LOOKED_AT: usize = 1_000;

/// Rows of a chunk of a first run: one statement for all of a large table would take long.
const CHUNK_ROWS: u64 = 1_000_000;

impl ExportRun {
    /// Fixes the high watermark, and plans to read what lies between the stored position and it.
    pub(super) async fn plan_incremental(
        &mut self,
        description: &Description,
        incremental: &Incremental,
    ) -> Result<ReadPlan, EngineError> {
        let spec = &description.spec;
        let columns = cursor_columns(spec);
        let before = self.stored_position(spec, &columns).await?;
        self.tell_cursor(description, incremental);
        let hold = match (incremental.lag.is_zero(), description.key.temporal) {
            (true, _) | (false, false) => Hold::Nothing,
            (false, true) => Hold::Clock { lag: incremental.lag, time_zone: incremental.time_zone.clone() },
        };
        let mut mark = self.watermark(spec, before.as_ref(), hold, true).await?;
        let position = |values: &Vec<Scalar>| CursorPosition { columns: columns.clone(), values: values.clone() };
        let seen = mark.newest.as_ref().map(|values| CursorSighting { at: mark.seen_at, position: position(values) });
        let mut awaited = None;
        if !incremental.lag.is_zero() && !description.key.temporal {
            let runs = self.shared.state.runs(&self.config.name, RUNS_LOOKED_AT).await?;
            let sightings = Sightings::of(&runs, &columns, mark.now, incremental.lag);
            awaited = sightings.awaited.or_else(|| seen.clone());
            mark.highest = self.held_back(spec, before.as_ref(), sightings.settled, incremental.lag).await?;
        }
        self.tell_transactions(&mark, incremental.lag);
        let takes_nulls = self.judge_nulls(&mark, before.is_some(), incremental)?;

        let watermark = mark.highest.as_ref().map(position);
        let mut ranges = self.ranges(description, before.as_ref(), watermark.as_ref()).await?;
        if takes_nulls {
            ranges.push((RowRange::NullKey, mark.null_rows));
        }
        let cursor = Some(CursorRecord { before, watermark, seen, awaited });
        Ok(ReadPlan { chunks: chunks(ranges), view: ReadView::Shared, cursor })
    }

    /// Returns where the export stands; an error where that is a position of other columns or types: what comes after
    /// it is another question then.
    async fn stored_position(
        &self,
        spec: &ScanSpec,
        columns: &[ColumnName],
    ) -> Result<Option<CursorPosition>, EngineError> {
        let Some(stored) = self.shared.state.cursor(&self.config.name).await? else { return Ok(None) };
        let place = self.shared.place();
        if let Some(other) = stored.source.filter(|other| *other != place) {
            self.note(format!("the position was reached on another server or database ({other}); this one is {place}"));
        }
        let position = stored.position;
        let kinds = position.values.iter().map(Scalar::kind);
        if position.columns == columns && kinds.clone().eq(spec.key.iter().map(|column| column.kind)) {
            return Ok(Some(position));
        }
        Err(EngineError::CursorChanged {
            export: self.config.name.clone(),
            stored: described(&position.columns, kinds),
            configured: described(columns, spec.key.iter().map(|column| column.kind)),
        })
    }

    async fn watermark(
        &mut self,
        spec: &ScanSpec,
        before: Option<&CursorPosition>,
        hold: Hold,
        count_nulls: bool,
    ) -> Result<Watermark, EngineError> {
        let request = WatermarkRequest { after: before.map(|position| position.values.clone()), hold, count_nulls };
        let limits = self.asking_limits();
        let mark = self.ask(|source| {
            let (request, limits) = (request.clone(), limits.clone());
            async move { source.watermark(spec, &request, &limits).await }
        });
        let mut mark = mark.await?;
        self.probes.append(&mut mark.probes);
        Ok(mark)
    }

    /// Where no clock can be compared with the cursor, an earlier run's clock stands in: what was the newest position
    /// a lag ago, and all before it, has been committed since, unless a transaction takes longer than the lag.
    async fn held_back(
        &mut self,
        spec: &ScanSpec,
        before: Option<&CursorPosition>,
        settled: Option<CursorPosition>,
        lag: Duration,
    ) -> Result<Option<Vec<Scalar>>, EngineError> {
        let Some(position) = settled else {
            self.note(format!(
                "`cursor_lag`: no earlier run has seen where the cursor stood {} s ago, so that nothing is read yet; \
                 what is there now is read by runs from then on",
                lag.as_secs()
            ));
            return Ok(None);
        };
        let hold = Hold::Position(position.values);
        Ok(self.watermark(spec, before, hold, false).await?.highest)
    }

    /// Makes the ranges between two positions: several, where there is much to read.
    async fn ranges(
        &mut self,
        description: &Description,
        before: Option<&CursorPosition>,
        watermark: Option<&CursorPosition>,
    ) -> Result<Vec<(RowRange, Option<u64>)>, EngineError> {
        let Some(watermark) = watermark else { return Ok(Vec::new()) };
        let lower = before.map(|position| KeyBound::excluding(position.values.clone()));
        let range = RowRange::Key { lower, upper: Some(KeyBound::including(watermark.values.clone())) };
        // Without an index each chunk would read the whole relation.
        let is_large = description.key.indexed && description.estimated_rows.is_some_and(|rows| rows > CHUNK_ROWS);
        if before.is_some() || !is_large || description.spec.fallback.is_some() {
            return Ok(vec![(range, None)]);
        }
        let request = SplitRequest { by: SplitBy::Rows { rows: CHUNK_ROWS, exact: false }, within: range };
        let (spec, limits) = (&description.spec, self.asking_limits());
        let split = self.ask(|source| {
            let (request, limits) = (request.clone(), limits.clone());
            async move { source.split(spec, &request, &limits).await }
        });
        let mut split = split.await?;
        self.probes.append(&mut split.probes);
        Ok(split.pieces.into_iter().map(|piece| (piece.range, piece.estimated_rows)).collect())
    }

    /// Returns whether rows without a cursor are read by this run.
    fn judge_nulls(&self, mark: &Watermark, is_later: bool, incremental: &Incremental) -> Result<bool, EngineError> {
        let rows = mark.null_rows.unwrap_or_default();
        if rows == 0 {
            return Ok(false);
        }
        let column = &incremental.cursor;
        match incremental.nulls {
            CursorNulls::Error => {
                Err(EngineError::NullCursors { export: self.config.name.clone(), column: column.clone(), rows })
            }
            CursorNulls::FirstRun if !is_later => {
                self.note(format!("{rows} rows have no value in `{column}`; this first run reads them too"));
                Ok(true)
            }
            CursorNulls::FirstRun | CursorNulls::Skip => {
                self.note(format!("{rows} rows have no value in `{column}` and are left out"));
                Ok(false)
            }
        }
    }

    fn tell_cursor(&self, description: &Description, incremental: &Incremental) {
        let column = &incremental.cursor;
        if let Some(masked) = mask::masked_key(&self.config, &description.spec) {
            self.note(format!(
                "the position of the cursor, in the state store, in plans and in manifests, holds values of {masked}"
            ));
        }
        if !description.key.unique {
            self.note(format!(
                "nothing tells rows with one value of `{column}` apart: one that gets the value of the last row of a \
                 run later is not read; name columns with `cursor_tiebreak`"
            ));
        }
        if !description.key.indexed {
            self.note(format!("no index begins with `{column}`: each run reads the whole relation"));
        }
    }

    fn tell_transactions(&self, mark: &Watermark, lag: Duration) {
        if let Some(age) = mark.oldest_transaction.filter(|age| !lag.is_zero() && *age > lag) {
            self.note(format!(
                "a transaction has been open on the source for {} s, longer than `cursor_lag`: rows that it commits may \
                 be missed",
                age.as_secs()
            ));
        }
    }
}

/// The columns of a position: the cursor, what stands in for it, and the tie-break.
fn cursor_columns(spec: &ScanSpec) -> Vec<ColumnName> {
    let (cursor, tiebreak) = spec.key.split_at(spec.key.len().min(1));
    cursor.iter().chain(&spec.fallback).chain(tiebreak).map(|column| column.name.clone()).collect()
}

/// Names columns, the key's with what they hold.
fn described(columns: &[ColumnName], kinds: impl Iterator<Item = ScalarKind>) -> String {
    let names = columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", ");
    let kinds = kinds.map(ScalarKind::as_str).collect::<Vec<_>>().join(", ");
    format!("{names}: {kinds}")
}

/// What earlier runs have seen of a cursor.
#[derive(Debug, Default)]
struct Sightings {
    /// The newest position that was seen at least a lag before now.
    settled: Option<CursorPosition>,
    /// The oldest sighting that is not that old yet.
    awaited: Option<CursorSighting>,
}

impl Sightings {
    /// Looks through runs, the newest first.
    fn of(runs: &[RunRecord], columns: &[ColumnName], now: Timestamp, lag: Duration) -> Self {
        let age = |seen: &CursorSighting| Duration::try_from(now.duration_since(seen.at)).unwrap_or_default();
        let of_columns = |seen: &&CursorSighting| seen.position.columns == columns;
        let cursors = || runs.iter().filter_map(|run| run.cursor.as_ref());
        // What one run hands on to the next; what older runs had handed on has become old enough since, or stands there.
        let handed_on = cursors().next().and_then(|cursor| cursor.awaited.as_ref()).filter(of_columns);
        let all = || cursors().filter_map(|cursor| cursor.seen.as_ref()).filter(of_columns).chain(handed_on);
        Self {
            settled: all().filter(|seen| age(seen) >= lag).max_by_key(|seen| seen.at).map(|seen| seen.position.clone()),
            awaited: handed_on.filter(|seen| age(seen) < lag).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use rivet_history::conformance::sample_cursor_run;

    use super::*;

    /// A run of each minute, each handing on what it waits for.
    #[test]
    fn a_position_settles_however_many_runs_there_are_meanwhile() {
        let columns: Vec<ColumnName> = vec!["id".parse().unwrap()];
        let lag = Duration::from_hours(24);
        let mut runs: Vec<RunRecord> = Vec::new();
        let (mut reached, mut now) = (0, Timestamp::UNIX_EPOCH);
        for minute in 0..5_000 {
            now += SignedDuration::from_mins(1);
            let found = Sightings::of(&runs, &columns, now, lag);
            if let Some(position) = &found.settled {
                let Scalar::Int(seen) = position.values[0] else { panic!("a number") };
                assert!(seen <= minute - 24 * 60, "{seen} at {minute}");
                reached = reached.max(seen);
            }
            let position = CursorPosition { columns: columns.clone(), values: vec![Scalar::Int(minute)] };
            let seen = CursorSighting { at: now, position };
            let awaited = found.awaited.or_else(|| Some(seen.clone()));
            let cursor = CursorRecord { before: None, watermark: None, seen: Some(seen), awaited };
            let template = sample_cursor_run("t", None, None);
            runs.insert(0, RunRecord { cursor: Some(cursor), ..template });
            // Far fewer than a lag's worth.
            runs.truncate(100);
        }
        assert!(reached > 5_000 - 2 * 24 * 60 - 100, "{reached}");
    }
}
