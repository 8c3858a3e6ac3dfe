//! Orders a few jobs of a scheduler that is not Rivet: it has measured what it could, and asks what to start when.
//!
//! `cargo run -p rivet-priority --example scheduler`

use rivet_priority::{
    Assumption, CursorQuality, History, PastRun, RunOutcome, Signals, Statistics, Strategy, Verdict, assume, diff,
    prioritize,
};

/// What this scheduler has measured: some of it, of most jobs.
fn measured() -> Vec<Signals> {
    let nightly = PastRun { duration_ms: Some(96_000), rows: Some(7_800_000), ..PastRun::new(RunOutcome::Committed) };
    vec![
        Signals {
            source_group: Some("replica_a".to_owned()),
            estimated_rows: Some(8_000_000),
            estimated_row_bytes: Some(180.0),
            cursor_quality: CursorQuality::StrongMonotonic,
            cursor_bounds_observed: true,
            verdict: Verdict::Efficient,
            statistics: Statistics::Fresh,
            history: History::of([nightly; 5]),
            ..Signals::new("orders", Strategy::Incremental)
        },
        Signals {
            source_group: Some("replica_a".to_owned()),
            estimated_rows: Some(8_000_000),
            chunk_count: Some(12),
            statistics: Statistics::Stale,
            ..Signals::new("events", Strategy::Chunked)
        },
        Signals { estimated_rows: Some(40_000), ..Signals::new("users_dim", Strategy::Full) },
    ]
}

#[expect(clippy::print_stdout, reason = "an example shows what it was told")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = prioritize(measured());
    for advice in &plan.recommendations {
        println!("{}: {} points, wave {}", advice.export_name, advice.priority_score, advice.recommended_wave);
        for reason in &advice.reasons {
            println!("  {:>+4}  [{}] {}", reason.points, reason.kind, reason.message);
        }
    }
    for wave in plan.campaign.iter().flat_map(|campaign| &campaign.waves) {
        let time = wave.forecast.seconds.map(|seconds| format!("; {} to {} s", seconds.low, seconds.high));
        println!("wave {}: {}{}", wave.wave, wave.exports.join(", "), time.unwrap_or_default());
    }
    for warning in plan.campaign.iter().flat_map(|campaign| &campaign.source_group_warnings) {
        println!("mind: {}", warning.message);
    }

    let mut supposed = measured();
    assume(&mut supposed, &["orders.rows=60_000_000".parse::<Assumption>()?])?;
    for moved in diff(&plan, &prioritize(supposed)).moved {
        let (score, wave) = (moved.priority_score, moved.recommended_wave);
        let mut causes: Vec<_> = moved.signals.iter().map(|signal| signal.signal.as_str()).collect();
        causes.extend(moved.by_source_group.then_some("its source group"));
        println!(
            "what if: {} goes from {} to {}, wave {} to {}, by {}",
            moved.export_name,
            score.before,
            score.after,
            wave.before,
            wave.after,
            causes.join(" and ")
        );
    }
    Ok(())
}
