use nix::sys::resource::{UsageWho, getrusage};

/// The unit of `ru_maxrss`: Linux and the BSDs count kibibytes, Apple counts bytes.
const UNIT: u64 = if cfg!(target_vendor = "apple") { 1 } else { 1024 };

/// Returns the most memory that this process has held at once, in bytes, where the system says so.
pub(crate) fn peak() -> Option<u64> {
    high_water().or_else(max_rss)
}

/// Linux's own mark of this program. `ru_maxrss` there counts what the process held before it became this program,
/// which is as much as the shell or scheduler that started it.
fn high_water() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
}

fn max_rss() -> Option<u64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    u64::try_from(usage.max_rss()).ok().filter(|peak| *peak > 0).map(|peak| peak * UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_give_a_plausible_number_of_bytes() {
        for peak in [peak(), max_rss()] {
            let peak = peak.unwrap();
            assert!((1 << 20..1 << 40).contains(&peak), "{peak}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_this_program_takes_moves_the_mark() {
        let before = high_water().unwrap();
        let space = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(high_water().unwrap() >= before + (32 << 20));
        drop(space);
    }
}
