use nix::sys::resource::{UsageWho, getrusage};

/// The unit of `ru_maxrss`: Linux and the BSDs count kibibytes, Apple counts bytes.
const UNIT: u64 = if cfg!(target_vendor = "apple") { 1 } else { 1024 };

/// Returns the most memory that this process has held at once, in bytes, where the system says so.
pub(crate) fn peak() -> Option<u64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    u64::try_from(usage.max_rss()).ok().filter(|peak| *peak > 0).map(|peak| peak * UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_a_plausible_number_of_bytes() {
        let peak = peak().unwrap();
        assert!((1 << 20..1 << 40).contains(&peak), "{peak}");
    }
}
