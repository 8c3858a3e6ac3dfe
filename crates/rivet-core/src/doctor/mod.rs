//! A look at everything that runs need, before one of them needs it.

mod destinations;
mod report;
mod source;

use std::time::Instant;

use rivet_config::{Config, ExportConfig};
use rivet_history::{HistoryError, Trial};
use rivet_model::ExportName;
use tokio_util::sync::CancellationToken;

pub use report::{CheckOutcome, CheckStep, CheckedPlace, Checkup, DoctorReport};

use crate::{Engine, EngineError, mask, runnable};

/// What a call of [`Engine::doctor`] looks at.
#[derive(Debug, Clone, Default)]
pub struct DoctorOptions {
    /// The exports whose needs are looked at; empty for all.
    pub exports: Vec<ExportName>,
    /// Whether the file that the configuration names for its state store is tried. The engine's own store is not.
    pub state_file: bool,
}

impl Engine {
    /// Finds out whether runs of a configuration would find what they need: its exports can be run, its state file can
    /// be written, its destinations take, show and remove objects, its source lets in and shows the relations. All of it
    /// is tried, whatever has failed before, each place once, and each thing with one attempt. No row is read, and what
    /// was written is removed again, as far as the place allows, also where `cancel` cuts it short.
    ///
    /// It is called inside of a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoSuchExport`]. What was found to be wrong stands in the report.
    pub async fn doctor(
        &self,
        config: &Config,
        options: &DoctorOptions,
        cancel: &CancellationToken,
    ) -> Result<DoctorReport, EngineError> {
        let begin = Instant::now();
        let exports = runnable::select(config, &options.exports)?;
        let mut checks = vec![self.look_at_configuration(&exports)];
        if options.state_file {
            checks.push(look_at_state(config).await);
        }
        checks.extend(self.look_at_destinations(&exports, cancel).await);
        checks.push(self.look_at_source(config, &exports, cancel).await);
        Ok(DoctorReport { checks, interrupted: cancel.is_cancelled(), duration: begin.elapsed() })
    }

    fn look_at_configuration(&self, exports: &[&ExportConfig]) -> Checkup {
        let mut check = Checkup::new(CheckedPlace::Configuration, "");
        for export in exports {
            let runs = runnable::check(export);
            let judged = runs.and_then(|()| mask::masks(export, &self.parts.environment).map(drop));
            if let Err(error) = judged {
                check.push("export", "run what is asked for", Err(error)).export = Some(export.name.clone());
            }
        }
        if check.steps.is_empty() {
            let many = exports.len();
            let found = format!("{many} {}", if many == 1 { "export" } else { "exports" });
            check.push("exports", "run what is asked for", Ok(Some(found)));
        }
        check
    }
}

async fn look_at_state(config: &Config) -> Checkup {
    let path = config.state.path.clone();
    let mut check = Checkup::new(CheckedPlace::State, &path.display().to_string());
    // Short, and done to its end whoever wants to stop: it removes what it makes.
    let tried = tokio::task::spawn_blocking(move || rivet_history::try_out(&path)).await;
    let found = match tried {
        Ok(Ok(Trial::Written)) => Ok(Some("it is there, and can be written".to_owned())),
        Ok(Ok(Trial::CanBeMade)) => Ok(Some("it is not there yet, and can be made".to_owned())),
        Ok(Err(error)) => Err(error.into()),
        Err(lost) => Err(EngineError::Panic { message: lost.to_string() }),
    };
    let step = check.push("open", "open and write the state store", found);
    // The run that holds it is well, and another one waits for it.
    if let CheckOutcome::Failed(error) = &step.outcome
        && let EngineError::History(HistoryError::Locked { .. }) = **error
    {
        step.outcome = CheckOutcome::warning(error);
    }
    check
}
