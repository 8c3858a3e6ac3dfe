use rivet_config::{ChunkSplit, Chunked, Mode};
use rivet_core::PlannedExport;
use rivet_model::{Chunk, CursorPosition, ReadView, Relation, RowRange};

use crate::render::quantity::{count, duration, number};
use crate::render::{Position, Range};

/// Characters of a query that are shown; the whole of it is with the statement that was explained.
const QUERY_LENGTH: usize = 120;

/// Says in a few words how the rows are selected, and what they see in common.
pub(super) fn strategy(export: &PlannedExport) -> String {
    match &export.resolved_plan.export.mode {
        Mode::Full => "full: every row".to_owned(),
        Mode::Incremental(incremental) => {
            let lag = incremental.lag;
            let lag = if lag.is_zero() { String::new() } else { format!(", staying {} behind", duration(lag)) };
            let fallback = incremental.fallback.as_ref().map(|column| format!(" or `{column}`"));
            format!("incremental: new rows by `{}`{}{lag}", incremental.cursor, fallback.unwrap_or_default())
        }
        Mode::Chunked(chunked) => {
            let view = match export.resolved_plan.view {
                ReadView::Shared => "all of one snapshot, which is held open to the end",
                ReadView::PerScan => "each chunk as it is when it is read",
            };
            format!("chunked: every row, by {}; {view}", chunked_by(export, chunked))
        }
        Mode::TimeWindow(window) => {
            let days = count(window.days.into(), "day");
            format!("time_window: the rows of the last {days} by `{}`, in the zone {}", window.column, window.time_zone)
        }
    }
}

fn chunked_by(export: &PlannedExport, chunked: &Chunked) -> String {
    let is_pages = |chunk: &Chunk| matches!(chunk.range, RowRange::Pages { .. });
    match (&chunked.split, &chunked.column) {
        (ChunkSplit::Key { columns, .. }, _) => {
            columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", ")
        }
        (ChunkSplit::Days(days), Some(column)) => format!("`{column}`, {} each", count((*days).into(), "day")),
        (_, Some(column)) => format!("`{column}`"),
        _ if export.computed.chunk_ranges.iter().any(is_pages) => "pages of the table".to_owned(),
        _ => "the primary key".to_owned(),
    }
}

/// Says what is read, from where to where, and in which pieces.
pub(super) fn reads(export: &PlannedExport) -> Vec<String> {
    let mut lines = vec![relation(&export.resolved_plan.export.relation)];
    if export.error.is_some() {
        return lines;
    }
    match &export.resolved_plan.export.mode {
        Mode::Full => {}
        Mode::Incremental(_) => lines.extend(cursor(export)),
        Mode::Chunked(_) => lines.extend(chunks(export)),
        Mode::TimeWindow(window) => {
            if let Some(chunk) = export.computed.chunk_ranges.first() {
                lines.push(format!("`{}` {}", window.column, Range(&chunk.range)));
            }
        }
    }
    let deferred = export.computed.deferred.as_ref();
    lines.extend(deferred.map(|reason| format!("the rest is found when it runs: {reason}")));
    lines
}

/// Returns whether a note says no more than where a window begins.
pub(super) fn tells(export: &PlannedExport, note: &str) -> bool {
    let Mode::TimeWindow(window) = &export.resolved_plan.export.mode else { return false };
    let begin = match export.computed.chunk_ranges.first().map(|chunk| &chunk.range) {
        Some(RowRange::Key { lower: Some(lower), .. }) => lower.values.first(),
        _ => None,
    };
    begin.is_some_and(|begin| note == format!("reads rows whose `{}` is {begin} or later", window.column))
}

fn relation(relation: &Relation) -> String {
    match relation {
        Relation::Table(_) => relation.to_string(),
        Relation::Query(query) => {
            let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
            let shown: String = query.chars().take(QUERY_LENGTH).collect();
            let rest = if shown.len() < query.len() { "…" } else { "" };
            format!("query `{shown}{rest}`")
        }
    }
}

fn cursor(export: &PlannedExport) -> Vec<String> {
    let place = |position: &CursorPosition| Position(position).to_string();
    let Some(cursor) = &export.computed.cursor_snapshot else { return Vec::new() };
    let from = match &cursor.before {
        Some(before) => format!("after {}", place(before)),
        None => "from the beginning: it has no position yet".to_owned(),
    };
    let to = match &cursor.watermark {
        Some(watermark) => Some(format!("up to {}", place(watermark))),
        None if export.computed.deferred.is_some() => None,
        None => Some("there is no row to read".to_owned()),
    };
    [Some(from), to].into_iter().flatten().collect()
}

fn chunks(export: &PlannedExport) -> Vec<String> {
    let chunks = &export.computed.chunk_ranges;
    let Some(number_of_chunks) = export.computed.chunk_count else { return Vec::new() };
    let sizes: Vec<u64> = chunks.iter().filter_map(|chunk| chunk.estimated_rows).collect();
    let average = sizes.iter().sum::<u64>().checked_div(sizes.len() as u64);
    let size = average.map_or_else(String::new, |average| format!(" of about {}", count(average, "row")));
    let mut parts = vec![format!("{}{size}", count(number_of_chunks.into(), "chunk"))];
    let largest = sizes.iter().max().filter(|largest| average.is_some_and(|average| **largest / 2 > average));
    parts.extend(largest.map(|largest| format!("the largest of about {}", number(*largest))));
    parts.push(format!("{} at a time", number(connections(export))));
    let mut lines = vec![parts.join(", ")];
    let key = match &export.resolved_plan.export.mode {
        Mode::Chunked(Chunked { column: Some(column), .. }) => format!("`{column}` "),
        _ => String::new(),
    };
    let is_null = |chunk: &&Chunk| chunk.range == RowRange::NullKey;
    let ranges: Vec<&Chunk> = chunks.iter().filter(|chunk| !is_null(chunk)).collect();
    match ranges.as_slice() {
        [] => {}
        [only] => lines.push(format!("{key}{}", Range(&only.range))),
        [first, .., last] => {
            let (first, last) = (Range(&first.range), Range(&last.range));
            lines.push(format!("first {key}{first}, last {key}{last}"));
        }
    }
    lines.extend(chunks.iter().find(is_null).map(|chunk| Range(&chunk.range).to_string()));
    lines
}

/// Returns the connections that a run takes at once.
pub(super) fn connections(export: &PlannedExport) -> u64 {
    let Mode::Chunked(chunked) = &export.resolved_plan.export.mode else { return 1 };
    let chunks = export.computed.chunk_count.map_or(u64::MAX, u64::from);
    (chunked.parallel as u64).min(chunks).max(1)
}
