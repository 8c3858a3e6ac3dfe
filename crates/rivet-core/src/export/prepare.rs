use std::sync::Arc;

use jiff::Timestamp;
use rivet_config::{ExportConfig, OnSchemaDrift};
use rivet_model::{RunId, RunRecord, RunStatus};
use rivet_source::{ColumnRequest, DescribeRequest, Description};
use rivet_writer::{ManifestField, PartStore};

use super::ExportRun;
use super::plan::key_request;
use crate::destination::Reopened;
use crate::{EngineError, EventKind, drift, fingerprint, shape};

/// Runs of an export that are looked through for the columns of the last committed one.
const RUNS_LOOKED_AT: usize = 20;

/// What is known before the first row is read.
pub(super) struct Prepared {
    pub(super) store: Arc<dyn PartStore>,
    pub(super) description: Description,
    pub(super) fields: Vec<ManifestField>,
    pub(super) record: RunRecord,
    /// Whether an earlier process has begun the run.
    pub(super) goes_on: bool,
}

impl ExportRun {
    /// Makes sure of the destination, asks the source what there is, and judges it.
    pub(super) async fn prepare(&mut self) -> Result<Prepared, EngineError> {
        let mut store = match self.store.take() {
            Some(store) => store,
            None => self.open_store().await?,
        };
        self.report.destination = store.to_string();
        let description = self.describe().await?;
        for note in &description.notes {
            self.note(note.clone());
        }
        let fingerprint = fingerprint::of(&self.config, &description.spec, &self.shared.place());
        let fields = shape::fields(&self.config, &description.spec.schema(), self.started_at)?;
        if let Some(unfinished) = self.unfinished.take() {
            let is_planned =
                self.planned.as_ref().is_none_or(|planned| planned.fingerprint == Some(fingerprint.clone()));
            let is_there = unfinished.destination == store.record();
            if unfinished.fingerprint == fingerprint && is_planned && is_there {
                return Ok(Prepared { store, description, fields, record: unfinished, goes_on: true });
            }
            self.give_up(&unfinished).await?;
            (self.run_id, self.started_at) = (RunId::generate(), Timestamp::now());
            store = self.open_store().await?;
        }
        self.judge_drift(store.as_ref(), &fields).await?;
        let plan = match self.planned.clone() {
            Some(planned) => self.as_planned(planned, &fingerprint, &description).await?,
            None => self.plan(&description).await?,
        };
        let record = RunRecord {
            run_id: self.run_id,
            export: self.config.name.clone(),
            fingerprint,
            source: Some(self.shared.place()),
            status: RunStatus::Running,
            started_at: self.started_at,
            finished_at: None,
            destination: store.record(),
            process: self.shared.process.clone(),
            chunks: plan.chunks,
            view: plan.view,
            cursor: plan.cursor,
            plan: self.planned.as_ref().map(|planned| planned.record.clone()),
            checkpoints: Vec::new(),
            metrics: None,
            error: None,
        };
        Ok(Prepared { store, description, fields, record, goes_on: false })
    }

    async fn open_store(&mut self) -> Result<Arc<dyn PartStore>, EngineError> {
        let store = self.shared.destinations.open(&self.config, self.run_id, self.started_at)?;
        self.report.destination = store.to_string();
        store.check().await?;
        Ok(store)
    }

    pub(super) async fn describe(&mut self) -> Result<Description, EngineError> {
        let request = describe_request(&self.config);
        self.ask(|source| {
            let request = request.clone();
            async move { source.describe(&request).await }
        })
        .await
    }

    /// Compares the columns with those of the last committed run that wrote to the same place.
    async fn judge_drift(&self, store: &dyn PartStore, fields: &[ManifestField]) -> Result<(), EngineError> {
        let runs = self.shared.state.runs(&self.config.name, RUNS_LOOKED_AT).await?;
        let Some(last) = runs.iter().find(|run| run.status == RunStatus::Committed) else { return Ok(()) };
        let there = match self.shared.destinations.reopen(&last.destination, Some(&self.config.destination)) {
            Ok(Reopened::Store(other)) => other.manifest(&self.config.name, last.run_id).await,
            _ => store.manifest(&self.config.name, last.run_id).await,
        };
        // A manifest that was tidied away tells nothing.
        let Ok(Some(manifest)) = there else { return Ok(()) };
        let differences = drift::differences(&manifest.schema, fields);
        if differences.is_empty() {
            return Ok(());
        }
        let export = self.config.name.clone();
        let (run_id, changes) = (self.run_id, differences.clone());
        self.shared.announcer.say(EventKind::SchemaChanged { export: export.clone(), run_id, changes });
        match self.config.on_schema_drift {
            OnSchemaDrift::Fail => Err(EngineError::SchemaDrift { export, differences }),
            OnSchemaDrift::Warn => {
                self.note(format!("the columns are not those of the last run: {}", differences.join("; ")));
                Ok(())
            }
            OnSchemaDrift::Continue => Ok(()),
        }
    }
}

/// Returns what a source is asked of an export's relation.
pub(crate) fn describe_request(config: &ExportConfig) -> DescribeRequest {
    DescribeRequest {
        relation: config.relation.clone(),
        columns: ColumnRequest {
            select: config.select.clone(),
            exclude: config.exclude.clone(),
            overrides: config.overrides.clone(),
        },
        numeric_default: config.numeric_default,
        on_unrepresentable: config.on_unrepresentable,
        key: key_request(&config.mode),
    }
}
