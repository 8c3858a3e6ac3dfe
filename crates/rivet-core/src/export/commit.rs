use jiff::Timestamp;
use rivet_history::RunEnd;
use rivet_model::{ChunkCheckpoint, PartRecord, Retry, RunStatus};
use rivet_writer::{Manifest, ManifestPart, ManifestSource, PartStore, StoreError, schema_fingerprint};
use tracing::info;

use super::ExportRun;
use super::prepare::Prepared;
use crate::{EngineError, destination, failpoint};

impl ExportRun {
    /// Makes the parts visible, reads them back where that was asked for, and creates the manifest: from then on
    /// the run counts.
    pub(super) async fn commit(
        &mut self,
        prepared: &Prepared,
        checkpoint: ChunkCheckpoint,
    ) -> Result<RunStatus, EngineError> {
        let store = prepared.store.as_ref();
        if let Err(error) = self.publish(store, &checkpoint.parts).await {
            return Err(self.fail(prepared, &checkpoint.parts, error).await);
        }
        failpoint::reach("parts_published");
        let manifest = self.manifest(prepared, &checkpoint);
        if let Err(error) = store.commit(&manifest).await {
            return Err(self.fail_commit(prepared, &checkpoint.parts, error).await);
        }
        self.report.rows = manifest.rows;
        self.report.bytes = manifest.bytes;
        self.report.parts = checkpoint.parts;
        self.report.consistency = Some(manifest.consistency.clone());
        self.report.manifest = (manifest.destination.kind != destination::STDOUT).then(|| manifest.name());
        let end = RunEnd::new(RunStatus::Committed, Timestamp::now()).with_metrics(self.metrics());
        failpoint::reach("manifest_committed");
        self.shared.state.finish(self.run_id, end).await?;
        failpoint::reach("run_finished");
        info!(export = %self.config.name, run = %self.run_id, rows = manifest.rows, "run committed");
        Ok(RunStatus::Committed)
    }

    /// Where the manifest certainly was not created, nothing of the run stays visible. Where that answer may have
    /// been lost, or the manifest is there, the run stays open, and the next start looks.
    async fn fail_commit(&self, prepared: &Prepared, parts: &[PartRecord], error: StoreError) -> EngineError {
        let is_refusal = error.retry() == Retry::Never;
        if is_refusal && matches!(prepared.store.manifest(&self.config.name, self.run_id).await, Ok(None)) {
            return self.fail(prepared, parts, error.into()).await;
        }
        error.into()
    }

    async fn publish(&mut self, store: &dyn PartStore, parts: &[PartRecord]) -> Result<(), EngineError> {
        store.publish(self.run_id, parts).await?;
        if !self.shared.validate {
            return Ok(());
        }
        self.report.validated = Some(false);
        for part in parts {
            let found = store.verify_part(&self.config.output, part).await?;
            if let Err(difference) = found.compare(part) {
                let what = difference.to_string();
                return Err(EngineError::Validation { export: self.config.name.clone(), what });
            }
        }
        self.report.validated = Some(true);
        Ok(())
    }

    fn manifest(&self, prepared: &Prepared, checkpoint: &ChunkCheckpoint) -> Manifest {
        let parts = checkpoint.parts.iter();
        let parts: Vec<_> = parts.map(|part| ManifestPart { record: part.clone(), chunk: checkpoint.chunk }).collect();
        Manifest {
            format_version: Manifest::FORMAT_VERSION,
            rivet_version: env!("CARGO_PKG_VERSION").to_owned(),
            export: self.config.name.clone(),
            run_id: self.run_id,
            fingerprint: prepared.record.fingerprint.clone(),
            created_at: Timestamp::now(),
            destination: prepared.record.destination.clone(),
            format: self.config.output.format,
            compression: self.config.output.compression,
            schema_fingerprint: schema_fingerprint(&prepared.fields),
            schema: prepared.fields.clone(),
            rows: parts.iter().map(|part| part.record.rows).sum(),
            bytes: parts.iter().map(|part| part.record.bytes).sum(),
            parts,
            nulled: checkpoint.nulled.clone(),
            consistency: checkpoint.consistency.clone(),
            chunk_count: 1,
            source: Some(ManifestSource {
                server: self.shared.server.product.clone(),
                system_id: self.shared.server.system_id.clone(),
            }),
            cursor_before: None,
            cursor_after: None,
        }
    }
}
