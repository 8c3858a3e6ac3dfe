use std::collections::BTreeSet;
use std::path::PathBuf;

use rivet_model::ExportName;

use super::document::Plan;
use super::error::PlanError;
use super::planned::PlannedExport;

/// Which exports of a plan are applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// These; all where it is empty.
    pub exports: Vec<ExportName>,
    /// Of these, the ones that are advised to start in this wave.
    pub wave: Option<u8>,
}

impl Plan {
    /// Returns the chosen exports, in the order of the campaign.
    ///
    /// # Errors
    ///
    /// [`PlanError::NoSuchExport`], and [`PlanError::NoSuchWave`] where none of those that were named is in the wave.
    pub fn choose(&self, choice: &Choice) -> Result<Vec<&PlannedExport>, PlanError> {
        let find = |name: &str| self.exports.iter().find(|export| export.export_name.as_str() == name);
        if let Some(name) = choice.exports.iter().find(|name| find(name.as_str()).is_none()) {
            let known = self.exports.iter().map(|export| format!("`{}`", export.export_name)).collect();
            return Err(PlanError::NoSuchExport { name: name.clone(), known });
        }
        let advice = self.prioritization.recommendations.iter();
        let named = advice.filter(|advice| {
            choice.exports.is_empty() || choice.exports.iter().any(|name| name.as_str() == advice.export_name)
        });
        let named: Vec<_> = named.collect();
        let in_wave = named.iter().filter(|advice| choice.wave.is_none_or(|wave| advice.recommended_wave == wave));
        let chosen: Vec<_> = in_wave.filter_map(|advice| find(&advice.export_name)).collect();
        match choice.wave {
            Some(wave) if chosen.is_empty() => {
                let waves: BTreeSet<u8> = named.iter().map(|advice| advice.recommended_wave).collect();
                let waves = waves.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                Err(PlanError::NoSuchWave { wave, help: format!("There are exports in: {waves}.") })
            }
            _ => Ok(chosen),
        }
    }

    /// Returns the files of the state stores that the exports keep their runs in, each once.
    pub fn state_paths(&self) -> BTreeSet<PathBuf> {
        self.exports.iter().map(|export| export.resolved_plan.state_path.clone()).collect()
    }
}
