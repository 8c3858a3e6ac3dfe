use rivet_config::NotifyOn;
use rivet_model::{ExportName, Retry, RunId};
use serde::Serialize;

/// One thing to tell. It holds no values of rows, and no secrets.
#[derive(Debug, Clone, Serialize)]
pub(super) struct News {
    /// What it is about.
    #[serde(rename = "event")]
    pub(super) on: NotifyOn,
    /// The export; absent where the whole command has failed.
    pub(super) export: Option<ExportName>,
    pub(super) run_id: Option<RunId>,
    /// The code of the error, for a failure.
    pub(super) code: Option<String>,
    /// What went wrong, for a failure.
    pub(super) message: Option<String>,
    /// What to do about it.
    pub(super) help: Option<String>,
    /// Whether it may pass by itself, for a failure.
    pub(super) retry: Option<Retry>,
    /// The differences of a schema, or the reasons why a run was not as good as it should be.
    pub(super) details: Vec<String>,
    pub(super) destination: Option<String>,
    /// Where the manifest is, where there is one.
    pub(super) manifest: Option<String>,
}

impl News {
    pub(super) fn without_error(on: NotifyOn) -> Self {
        Self {
            on,
            export: None,
            run_id: None,
            code: None,
            message: None,
            help: None,
            retry: None,
            details: Vec::new(),
            destination: None,
            manifest: None,
        }
    }
}
