use rivet_source::{Explanation, Probe};
use serde::{Deserialize, Serialize};

use crate::{Advice, CursorQuality, Finding, Profile, Severity, StatisticsState, Verdict};

/// What was found out about a run before it reads anything.
///
/// What nobody has measured is `None`, `unknown` or `missing`, and that is never the same as zero. Equal answers give
/// equal reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreflightReport {
    /// What the run does to its source.
    pub verdict: Verdict,
    /// What there is to say, the gravest first.
    pub findings: Vec<Finding>,
    /// How the run is advised to read.
    pub advice: Advice,
    /// Rows that the run will read.
    pub estimated_rows: Option<u64>,
    /// Bytes of a row, on average.
    pub estimated_row_bytes: Option<f64>,
    /// How far the column that the export follows can be relied on.
    pub cursor_quality: CursorQuality,
    /// Whether most windows of a chunked export's key would be nearly empty; none where that can't be told, or has no
    /// meaning.
    pub sparse_range: Option<bool>,
    /// How well the source knows the relation.
    pub statistics: StatisticsState,
    /// Whether the smallest and the largest value of the key are known.
    pub bounds_observed: bool,
    /// Whether the source's planner was asked about the statement, and answered.
    pub explained: bool,
    /// Whether the checks came to no end, so that little of this report can be relied on: the planner did not answer.
    pub failed: bool,
    /// Where the server is, as it says itself.
    pub server_address: Option<String>,
    /// What the planner said, with the statement that the run will send.
    pub explanation: Option<Explanation>,
    /// Every statement that was sent to find all this out, in order.
    pub probes: Vec<Probe>,
}

/// What a plan file keeps of a report as `diagnostics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// What the run does to its source.
    pub verdict: Verdict,
    /// What there is to say, the gravest first.
    pub findings: Vec<Finding>,
    /// The messages of those findings that are warnings or graver.
    pub warnings: Vec<String>,
    /// The tuning profile that is advised.
    pub recommended_profile: Profile,
    /// Why this one.
    pub recommended_profile_reason: String,
    /// Connections that are advised to read at a time.
    pub recommended_parallelism: u32,
    /// Why so many.
    pub recommended_parallelism_reason: String,
}

impl PreflightReport {
    /// Returns findings that are warnings or graver.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity >= Severity::Warning)
    }

    /// Returns what a plan file keeps as `diagnostics`.
    pub fn diagnostics(&self) -> Diagnostics {
        Diagnostics {
            verdict: self.verdict,
            findings: self.findings.clone(),
            warnings: self.warnings().map(|finding| finding.message.clone()).collect(),
            recommended_profile: self.advice.profile,
            recommended_profile_reason: self.advice.profile_reason.clone(),
            recommended_parallelism: self.advice.parallelism,
            recommended_parallelism_reason: self.advice.parallelism_reason.clone(),
        }
    }
}
