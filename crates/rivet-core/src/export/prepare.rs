use std::sync::Arc;

use rivet_config::OnSchemaDrift;
use rivet_model::{RunRecord, RunStatus};
use rivet_source::{ColumnRequest, DescribeRequest, Description};
use rivet_writer::{ManifestField, MetaAppender, PartStore};

use super::ExportRun;
use crate::retry::Attempts;
use crate::{EngineError, destination, drift, fingerprint};

/// Runs of an export that are looked through for the columns of the last committed one.
const RUNS_LOOKED_AT: usize = 20;

/// What is known once the source has described the relation.
pub(super) struct Prepared {
    pub(super) store: Arc<dyn PartStore>,
    pub(super) description: Description,
    pub(super) fields: Vec<ManifestField>,
    pub(super) record: RunRecord,
}

impl ExportRun {
    /// Makes sure of the destination, asks the source what there is, and judges it.
    pub(super) async fn prepare(&mut self) -> Result<Prepared, EngineError> {
        let store = destination::open(&self.config, self.run_id, self.started_at, self.shared.stream.as_ref())?;
        self.report.destination = store.to_string();
        // Before the source is touched: its work must not be for nothing.
        store.check().await?;
        let description = self.describe().await?;
        for note in &description.notes {
            self.note(note.clone());
        }
        let meta = MetaAppender::new(&self.config.output.meta_columns, &description.spec.schema(), self.started_at)?;
        let fields = ManifestField::of_schema(meta.schema());
        self.judge_drift(store.as_ref(), &fields).await?;
        let record = RunRecord {
            run_id: self.run_id,
            export: self.config.name.clone(),
            fingerprint: fingerprint::of(&self.config, &description.spec),
            status: RunStatus::Running,
            started_at: self.started_at,
            finished_at: None,
            destination: store.record(),
            process: self.shared.process.clone(),
            checkpoints: Vec::new(),
            metrics: None,
            error: None,
        };
        Ok(Prepared { store, description, fields, record })
    }

    async fn describe(&mut self) -> Result<Description, EngineError> {
        let request = DescribeRequest {
            relation: self.config.relation.clone(),
            columns: ColumnRequest {
                select: self.config.select.clone(),
                exclude: self.config.exclude.clone(),
                overrides: self.config.overrides.clone(),
            },
            numeric_default: self.config.numeric_default,
            on_unrepresentable: self.config.on_unrepresentable,
        };
        let Self { shared, config, report, .. } = self;
        let mut attempts = Attempts::new(&config.name, &config.tuning, &shared.announcer, &shared.cancel);
        loop {
            let described = tokio::select! {
                () = shared.cancel.cancelled() => return Err(EngineError::Interrupted),
                described = shared.source.describe(&request) => described,
            };
            match described {
                Ok(description) => return Ok(description),
                Err(error) => attempts.after(error.into()).await?,
            }
            report.retries += 1;
        }
    }

    /// Compares the columns with those of the last committed run that wrote to the same place.
    async fn judge_drift(&self, store: &dyn PartStore, fields: &[ManifestField]) -> Result<(), EngineError> {
        if self.config.on_schema_drift == OnSchemaDrift::Continue {
            return Ok(());
        }
        let runs = self.shared.state.runs(&self.config.name, RUNS_LOOKED_AT).await?;
        let Some(last) = runs.iter().find(|run| run.status == RunStatus::Committed) else { return Ok(()) };
        let there = match destination::reopen(&last.destination) {
            Ok(Some(other)) => other.manifest(&self.config.name, last.run_id).await,
            _ => store.manifest(&self.config.name, last.run_id).await,
        };
        // A manifest that was tidied away tells nothing.
        let Ok(Some(manifest)) = there else { return Ok(()) };
        let differences = drift::differences(&manifest.schema, fields);
        if differences.is_empty() {
            return Ok(());
        }
        if self.config.on_schema_drift == OnSchemaDrift::Fail {
            return Err(EngineError::SchemaDrift { export: self.config.name.clone(), differences });
        }
        self.note(format!("the columns are not those of the last run: {}", differences.join("; ")));
        Ok(())
    }
}
