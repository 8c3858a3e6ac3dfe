use std::fs;
use std::thread;
use std::time::Duration;

/// Linux counts CPU in ticks of a hundredth of a second, whatever the kernel's own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a server's processes had used at one moment: of its first process, of those that still run, and of those
/// that have ended and were waited for.
#[derive(Debug)]
pub(super) struct ServerCpu {
    postmaster: Option<u32>,
    ticks: Option<u64>,
}

impl ServerCpu {
    /// Reads the counters; they stay unknown where the server is out of sight.
    pub(super) fn read(postmaster: Option<u32>) -> Self {
        Self { postmaster, ticks: postmaster.and_then(total) }
    }

    /// Returns the seconds that were used since.
    pub(super) fn spent(&self) -> Option<f64> {
        // A backend that has just lost its client takes a moment to be counted among those that have ended.
        thread::sleep(Duration::from_millis(300));
        let now = self.postmaster.and_then(total)?;
        let ticks = u32::try_from(now.saturating_sub(self.ticks?)).ok()?;
        Some(f64::from(ticks) / TICKS_PER_SECOND)
    }
}

fn total(postmaster: u32) -> Option<u64> {
    let (_, own, ended) = usage(&postmaster.to_string())?;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let running = processes
        .filter_map(|entry| usage(&entry.file_name().to_string_lossy()))
        .filter(|(parent, ..)| *parent == postmaster)
        .map(|(_, own, _)| own);
    Some(own + ended + running.sum::<u64>())
}

/// Returns a process's parent, its own ticks, and those of its children that have ended.
fn usage(process: &str) -> Option<(u32, u64, u64)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    parse(&stat)
}

/// Reads the line that `proc(5)` describes: after the name, which may hold anything, the fields 3 and on.
fn parse(stat: &str) -> Option<(u32, u64, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Fields 14 to 17: utime, stime, cutime, cstime.
    let ticks: Vec<u64> = fields.get(11..15)?.iter().filter_map(|field| field.parse().ok()).collect();
    let [user, system, ended_user, ended_system] = ticks.try_into().ok()?;
    Some((fields.get(1)?.parse().ok()?, user + system, ended_user + ended_system))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_name_with_spaces_and_brackets_is_passed_over() {
        let stat = "42 (a) (b c) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 30 4 20 0 1 0 5 6";
        assert_eq!(parse(stat), Some((7, 120, 34)));
        assert_eq!(parse("nonsense"), None);
    }
}
