use std::time::{Duration, Instant};

use rivet_config::Profile;

/// Rests between reads, as `tuning.throttle_ms` asks.
///
/// The rest is paid per rows read and never takes more than the profile's share of the wall time: where reading is
/// slow already, resting would only hold the source's snapshot open for longer.
#[derive(Debug)]
pub(crate) struct Throttle {
    rest: Duration,
    /// Rows that one rest pays for.
    rows: u64,
    share: f64,
    started: Instant,
    rested: Duration,
    unpaid_rows: u64,
}

impl Throttle {
    pub(crate) fn new(profile: Profile, rest: Duration, rows: u64) -> Self {
        let share = match profile {
            Profile::Fast | Profile::Balanced => 0.1,
            Profile::Safe => 0.5,
        };
        Self { rest, rows: rows.max(1), share, started: Instant::now(), rested: Duration::ZERO, unpaid_rows: 0 }
    }

    /// Counts rows and returns how long to rest now.
    pub(crate) fn after(&mut self, rows: u64) -> Duration {
        if self.rest.is_zero() {
            return Duration::ZERO;
        }
        self.unpaid_rows += rows;
        let rests = u32::try_from(self.unpaid_rows / self.rows).unwrap_or(u32::MAX);
        self.unpaid_rows %= self.rows;
        // Of a wall time of w, w * share may be rest: what may be added now, with the rest itself in the wall.
        let wall = self.started.elapsed();
        let allowed = (wall.mul_f64(self.share).saturating_sub(self.rested)).div_f64(1.0 - self.share);
        let rest = (self.rest * rests).min(allowed);
        self.rested += rest;
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_is_paid_per_rows_within_its_share() {
        let mut throttle = Throttle::new(Profile::Safe, Duration::from_millis(500), 1_000);
        throttle.started = Instant::now().checked_sub(Duration::from_secs(100)).unwrap();
        assert_eq!(throttle.after(999), Duration::ZERO);
        assert_eq!(throttle.after(1), Duration::from_millis(500));
        assert_eq!(throttle.after(3_500), Duration::from_millis(1_500));
        throttle.started = Instant::now();
        assert!(throttle.after(1_000_000) < Duration::from_millis(10), "nothing is left of the share");
    }

    #[test]
    fn no_rest_is_no_rest() {
        let mut throttle = Throttle::new(Profile::Fast, Duration::ZERO, 1);
        assert_eq!(throttle.after(1_000_000), Duration::ZERO);
    }
}
