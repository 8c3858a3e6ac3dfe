//! How much memory this process holds, for `tuning.memory_threshold_mb`.

use std::time::Duration;

/// How long reading pauses before it looks again.
const PAUSE: Duration = Duration::from_millis(50);

/// How often it looks before it goes on all the same: a threshold below what the process needs must slow it, not
/// stop it.
const LOOKS: u32 = 20;

/// Returns the resident bytes, where the system says them.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// Pauses while the process is above the threshold.
pub(crate) async fn pause_above(threshold: Option<u64>) {
    let Some(threshold) = threshold else { return };
    for _ in 0..LOOKS {
        if resident().is_none_or(|bytes| bytes <= threshold) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
