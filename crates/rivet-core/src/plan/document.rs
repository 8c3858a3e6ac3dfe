use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use rivet_priority::{Assumption, Prioritization, Signals, assume, prioritize};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::canonical::digest;
use super::error::PlanError;
use super::planned::PlannedExport;

/// How long a plan may be applied.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// A sealed document that says what would be run: every export with its chunks, its position, what preflight found,
/// and what to extract first.
///
/// Two plans of the same source and configuration are equal but for [`Plan::plan_id`], the seal and the times. It
/// holds no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The version of this form: [`Plan::FORMAT_VERSION`].
    pub format_version: u32,
    /// The release that made it.
    pub rivet_version: String,
    /// Which plan.
    pub plan_id: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is not applied unasked.
    pub expires_at: Timestamp,
    /// SHA-256 of the canonical JSON of everything else, in lower hexadecimal.
    #[serde(default)]
    pub seal: String,
    /// The configurations that it was made of, sorted.
    pub config_path: Vec<PathBuf>,
    /// What each export would do, by name.
    pub exports: Vec<PlannedExport>,
    /// What to extract first, what to delay, and what to isolate.
    pub prioritization: Prioritization,
}

impl Plan {
    /// The version that this release writes, and the latest that it reads.
    pub const FORMAT_VERSION: u32 = 1;

    /// Makes and seals a plan of what [`Engine::plan`](crate::Engine::plan) found, for one or for several
    /// configurations.
    ///
    /// # Errors
    ///
    /// [`PlanError::TwoExports`] where two configurations have an export of one name, [`PlanError::Assume`] where an
    /// assumption speaks of an export that is not there.
    pub fn seal(
        exports: Vec<PlannedExport>,
        mut config_path: Vec<PathBuf>,
        assumptions: &[Assumption],
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let mut exports = exports;
        exports.sort_by(|a, b| a.export_name.cmp(&b.export_name));
        if let Some(pair) = exports.windows(2).find(|pair| pair[0].export_name == pair[1].export_name) {
            return Err(PlanError::TwoExports { name: pair[0].export_name.clone() });
        }
        config_path.sort_unstable();
        let mut signals: Vec<Signals> = exports.iter().map(|export| export.signals.clone()).collect();
        assume(&mut signals, assumptions)?;
        let mut plan = Self {
            format_version: Self::FORMAT_VERSION,
            rivet_version: env!("CARGO_PKG_VERSION").to_owned(),
            plan_id: Uuid::now_v7(),
            created_at: now,
            expires_at: now.saturating_add(LIFETIME).unwrap_or(now),
            seal: String::new(),
            config_path,
            exports,
            prioritization: prioritize(signals),
        };
        plan.seal = seal_of(&plan.to_value());
        Ok(plan)
    }

    /// Reads a plan, and makes sure that it is as it was sealed.
    ///
    /// # Errors
    ///
    /// [`PlanError::Unreadable`], [`PlanError::NewerFormat`], [`PlanError::BrokenSeal`].
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        let unreadable = |source: serde_json::Error| PlanError::Unreadable { message: source.to_string() };
        let value: Value = serde_json::from_str(text).map_err(unreadable)?;
        let Some(version) = value.get("format_version").and_then(Value::as_u64) else {
            return Err(PlanError::Unreadable { message: "it has no `format_version`".to_owned() });
        };
        if version > u64::from(Self::FORMAT_VERSION) {
            return Err(PlanError::NewerFormat { found: version, known: Self::FORMAT_VERSION });
        }
        // Before the fields are looked at: an edited file should be told to be one.
        if value.get("seal").and_then(Value::as_str) != Some(seal_of(&value).as_str()) {
            return Err(PlanError::BrokenSeal);
        }
        let mut plan: Self = serde_json::from_value(value).map_err(unreadable)?;
        for export in &mut plan.exports {
            let name = export.export_name.as_str();
            if let Some(signals) = plan.prioritization.signals.iter().find(|signals| signals.export_name == name) {
                export.signals = signals.clone();
            }
        }
        Ok(plan)
    }

    /// Returns the plan as a file that a person can read.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.to_value()).expect("a JSON value has text keys only");
        text.push('\n');
        text
    }

    fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a plan's maps have text keys")
    }
}

/// Digests everything but the seal.
fn seal_of(plan: &Value) -> String {
    let mut plan = plan.clone();
    if let Some(fields) = plan.as_object_mut() {
        fields.remove("seal");
    }
    digest(&plan)
}
