//! What preflight is asked of an export.

use rivet_config::{ChunkSplit, ExportConfig, Mode};
use rivet_model::{CursorRecord, KeyBound, RowRange};
use rivet_preflight::{ChunkPlan, PreflightRequest, Profile, Strategy};
use rivet_source::ServerInfo;

use crate::export::{Foreseen, Reading, limits};

/// Asks about the statement that stands for all that a run sends.
pub(super) fn question(config: &ExportConfig, foreseen: &Foreseen, server: &ServerInfo) -> PreflightRequest {
    let description = &foreseen.description;
    let spec = description.spec.with_range(telling_range(&foreseen.reading));
    let workers = match &config.mode {
        Mode::Chunked(chunked) => u32::try_from(chunked.parallel).unwrap_or(u32::MAX).max(1),
        Mode::Full | Mode::Incremental(_) | Mode::TimeWindow(_) => 1,
    };
    PreflightRequest {
        server: Some(server.clone()),
        workers,
        profile: Some(profile(config.tuning.profile)),
        limits: limits(&config.tuning),
        whole_rows: whole_rows(&config.mode, foreseen),
        ..PreflightRequest::new(spec, description.key.clone(), selection(&config.mode, foreseen))
    }
}

/// Returns the rows of a first run that was cut into pieces.
fn whole_rows(mode: &Mode, foreseen: &Foreseen) -> Option<u64> {
    let (Mode::Incremental(_), Reading::Planned(plan)) = (mode, &foreseen.reading) else { return None };
    let pieces = plan.chunks.iter().map(|chunk| chunk.estimated_rows).sum::<Option<u64>>();
    // Of many pieces, each may be taken for smaller than it is.
    (plan.chunks.len() > 1).then(|| pieces.max(foreseen.description.estimated_rows)).flatten()
}

/// Returns the range that stands for all that a run reads, for the planner to be asked about.
fn telling_range(reading: &Reading) -> RowRange {
    let has_both = |range: &RowRange| matches!(range, RowRange::Key { lower: Some(_), upper: Some(_) });
    let after = |cursor: Option<&CursorRecord>| RowRange::Key {
        lower: cursor.and_then(|it| it.before.clone()).map(|before| KeyBound::excluding(before.values)),
        upper: None,
    };
    match reading {
        Reading::Planned(plan) => {
            let ranges = || plan.chunks.iter().map(|chunk| &chunk.range);
            let key = || ranges().find(|range| matches!(range, RowRange::Key { .. }));
            let range = ranges().find(|range| has_both(range)).or_else(key).or_else(|| ranges().next());
            range.cloned().unwrap_or_else(|| after(plan.cursor.as_ref()))
        }
        Reading::Deferred { cursor, .. } => after(cursor.as_ref()),
    }
}

/// How the rows are selected, as preflight asks it.
fn selection(mode: &Mode, foreseen: &Foreseen) -> Strategy {
    let Mode::Chunked(chunked) = mode else {
        return match mode {
            Mode::TimeWindow(window) => Strategy::TimeWindow { days: window.days },
            Mode::Incremental(_) => Strategy::Incremental,
            Mode::Full | Mode::Chunked(_) => Strategy::Full,
        };
    };
    let rows = match &chunked.split {
        ChunkSplit::Rows { rows, .. } | ChunkSplit::Key { rows, .. } => Some(*rows),
        ChunkSplit::Count(_) | ChunkSplit::Days(_) | ChunkSplit::Bytes(_) => None,
    };
    match &foreseen.reading {
        Reading::Planned(plan) => match Strategy::chunked(&plan.chunks, rows) {
            // A cut that looked at few pages, and the catalog, may differ: to expect too little is the worse mistake.
            Strategy::Chunked(chunks) => Strategy::Chunked(ChunkPlan {
                estimated_rows: chunks.estimated_rows.max(foreseen.description.estimated_rows),
                ..chunks
            }),
            other => other,
        },
        Reading::Deferred { .. } => {
            let expected = foreseen.description.estimated_rows;
            let by_rows = expected.zip(rows).map(|(expected, rows)| expected.div_ceil(rows.max(1)));
            let count = match chunked.split {
                ChunkSplit::Count(count) => u64::from(count),
                _ => by_rows.unwrap_or(2),
            };
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            Strategy::Chunked(ChunkPlan { count, estimated_rows: expected, chunk_rows: rows })
        }
    }
}

fn profile(profile: rivet_config::Profile) -> Profile {
    match profile {
        rivet_config::Profile::Safe => Profile::Safe,
        rivet_config::Profile::Balanced => Profile::Balanced,
        rivet_config::Profile::Fast => Profile::Fast,
    }
}
