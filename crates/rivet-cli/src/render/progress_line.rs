use std::time::{Duration, Instant};

use rivet_model::ExportName;

use super::quantity::{bytes, count, duration, per_second};

/// How far an export has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    /// When it began in this process.
    pub(super) begin: Instant,
    rows: u64,
    bytes: u64,
    chunks_done: u32,
    chunks: u32,
    estimated_rows: Option<u64>,
    /// What an earlier process had done of a run that was resumed: nothing of it took time now.
    before: Before,
}

/// What was done before this process. Rows and bytes are those of the first progress.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    chunks: u32,
    written: Option<(u64, u64)>,
}

impl Numbers {
    /// Begins the count of a run with so many chunks, of which some were done before.
    pub(super) fn new(chunks: u32, resumed: u32, estimated_rows: Option<u64>) -> Self {
        let before = Before { chunks: resumed, written: None };
        Self { begin: Instant::now(), rows: 0, bytes: 0, chunks_done: resumed, chunks, estimated_rows, before }
    }

    /// Takes what the engine says of its progress.
    pub(super) fn advance(&mut self, rows: u64, bytes: u64, chunks_done: u32, chunks: u32) {
        if self.before.chunks > 0 {
            self.before.written.get_or_insert((rows, bytes));
        }
        (self.rows, self.bytes, self.chunks_done, self.chunks) = (rows, bytes, chunks_done, chunks);
    }

    /// Rows and bytes of this process.
    fn new_rows_and_bytes(&self) -> (u64, u64) {
        let (rows, bytes) = self.before.written.unwrap_or_default();
        (self.rows.saturating_sub(rows), self.bytes.saturating_sub(bytes))
    }

    /// How long the rest will take, where chunks or the planner's estimate say how much there is. An estimate that the
    /// rows have passed says nothing any more.
    fn time_left(&self, elapsed: Duration) -> Option<Duration> {
        let new_chunks = self.chunks_done.saturating_sub(self.before.chunks);
        if self.chunks > 1 && new_chunks > 0 {
            return Some(elapsed * self.chunks.saturating_sub(self.chunks_done) / new_chunks);
        }
        let (new_rows, _) = self.new_rows_and_bytes();
        let left = self.estimated_rows?.checked_sub(self.rows).filter(|left| *left > 0 && new_rows > 0)?;
        let seconds = u64::try_from(elapsed.as_millis()).ok()?.checked_mul(left)? / new_rows / 1_000;
        Some(Duration::from_secs(seconds))
    }
}

/// The line of an export on its way.
pub(super) fn line(export: &ExportName, numbers: Numbers, elapsed: Duration) -> String {
    let (new_rows, new_bytes) = numbers.new_rows_and_bytes();
    let mut parts = vec![
        count(numbers.rows, "row"),
        bytes(numbers.bytes),
        format!("{}/s", count(per_second(new_rows, elapsed), "row")),
        format!("{}/s", bytes(per_second(new_bytes, elapsed))),
    ];
    if numbers.chunks > 1 {
        parts.push(format!("{} of {} chunks", numbers.chunks_done, numbers.chunks));
    }
    parts.push(duration(elapsed));
    if let Some(left) = numbers.time_left(elapsed) {
        parts.push(format!("about {} left", duration(left)));
    }
    format!("{export}: {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELAPSED: Duration = Duration::from_secs(3);

    #[track_caller]
    fn check(numbers: Numbers, expected: &str) {
        assert_eq!(line(&"lineitem".parse().unwrap(), numbers, ELAPSED), expected);
    }

    fn advanced(mut numbers: Numbers, rows: u64, size: u64, chunks_done: u32, chunks: u32) -> Numbers {
        numbers.advance(rows, size, chunks_done, chunks);
        numbers
    }

    #[test]
    fn a_line_has_rates_chunks_and_the_time_left() {
        let check = |rows, size, chunks_done, chunks, expected: &str| {
            check(advanced(Numbers::new(1, 0, None), rows, size, chunks_done, chunks), expected);
        };
        check(0, 0, 0, 1, "lineitem: 0 rows, 0 B, 0 rows/s, 0 B/s, 3.0 s");
        check(
            1_206_339,
            31_200_000,
            0,
            8,
            "lineitem: 1,206,339 rows, 31.2 MB, 402,113 rows/s, 10.4 MB/s, 0 of 8 chunks, 3.0 s",
        );
        check(6, 600, 3, 8, "lineitem: 6 rows, 600 B, 2 rows/s, 200 B/s, 3 of 8 chunks, 3.0 s, about 5.0 s left");
        check(6, 600, 9, 8, "lineitem: 6 rows, 600 B, 2 rows/s, 200 B/s, 9 of 8 chunks, 3.0 s, about 0 ms left");
    }

    #[test]
    fn what_was_done_before_takes_no_time() {
        let resumed = Numbers::new(8, 5, Some(900));
        check(resumed, "lineitem: 0 rows, 0 B, 0 rows/s, 0 B/s, 5 of 8 chunks, 3.0 s");
        let begun = advanced(resumed, 600, 6_000, 5, 8);
        check(begun, "lineitem: 600 rows, 6.0 kB, 0 rows/s, 0 B/s, 5 of 8 chunks, 3.0 s");
        let further = advanced(begun, 660, 6_600, 5, 8);
        check(further, "lineitem: 660 rows, 6.6 kB, 20 rows/s, 200 B/s, 5 of 8 chunks, 3.0 s, about 12.0 s left");
        let one_more = advanced(further, 690, 6_900, 6, 8);
        check(one_more, "lineitem: 690 rows, 6.9 kB, 30 rows/s, 300 B/s, 6 of 8 chunks, 3.0 s, about 6.0 s left");
    }

    #[test]
    fn an_estimate_gives_the_time_left_until_it_is_passed() {
        let left = |rows, estimated_rows| {
            let numbers = advanced(Numbers::new(1, 0, estimated_rows), rows, 0, 0, 1);
            numbers.time_left(ELAPSED).map(|left| left.as_secs())
        };
        assert_eq!(left(100, Some(400)), Some(9));
        assert_eq!(left(0, Some(400)), None);
        assert_eq!(left(400, Some(400)), None);
        assert_eq!(left(401, Some(400)), None);
        assert_eq!(left(100, None), None);
    }
}
