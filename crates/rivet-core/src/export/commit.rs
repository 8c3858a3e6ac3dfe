use std::collections::BTreeMap;

use jiff::Timestamp;
use rivet_config::ExportConfig;
use rivet_history::RunEnd;
use rivet_model::{
    ColumnName, Consistency, CursorPosition, PartRecord, ReadView, Retry, RowRange, RunRecord, RunStatus,
};
use rivet_writer::{
    Manifest, ManifestChunk, ManifestPart, ManifestSource, MaskMethod, PartStore, StoreError, schema_fingerprint,
};
use tracing::info;

use super::ExportRun;
use super::prepare::Prepared;
use super::read::count;
use crate::{EngineError, destination, failpoint, mask};

impl ExportRun {
    /// Makes the parts visible, reads them back where that was asked for, and creates the manifest: from then on
    /// the run counts.
    pub(super) async fn commit(&mut self, prepared: &Prepared) -> Result<RunStatus, EngineError> {
        let store = prepared.store.as_ref();
        let parts: Vec<PartRecord> = prepared.record.parts().cloned().collect();
        if let Err(error) = self.publish(store, &parts).await {
            return Err(self.fail(prepared, error).await);
        }
        failpoint::reach("parts_published");
        let manifest = self.manifest(prepared);
        if let Err(error) = store.commit(&manifest).await {
            return Err(self.fail_commit(prepared, error).await);
        }
        self.report.rows = manifest.rows;
        self.report.bytes = manifest.bytes;
        self.report.parts = parts;
        self.report.consistency = Some(manifest.consistency.clone());
        self.report.cursor_after = position_after(&prepared.record);
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
    async fn fail_commit(&self, prepared: &Prepared, error: StoreError) -> EngineError {
        let is_refusal = error.retry() == Retry::Never;
        if is_refusal && matches!(prepared.store.manifest(&self.config.name, self.run_id).await, Ok(None)) {
            return self.fail(prepared, error.into()).await;
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

    fn manifest(&self, prepared: &Prepared) -> Manifest {
        let Prepared { record, fields, .. } = prepared;
        let parts: Vec<_> = record
            .checkpoints
            .iter()
            .flat_map(|done| done.parts.iter().map(|part| ManifestPart { record: part.clone(), chunk: done.chunk }))
            .collect();
        let mut nulled = BTreeMap::new();
        for (column, count) in record.checkpoints.iter().flat_map(|done| &done.nulled) {
            *nulled.entry(column.clone()).or_default() += count;
        }
        let position = |position: Option<CursorPosition>| {
            position.map(|position| serde_json::to_value(position).expect("a position has text keys"))
        };
        Manifest {
            format_version: Manifest::FORMAT_VERSION,
            rivet_version: env!("CARGO_PKG_VERSION").to_owned(),
            export: self.config.name.clone(),
            run_id: self.run_id,
            fingerprint: record.fingerprint.clone(),
            created_at: Timestamp::now(),
            destination: record.destination.clone(),
            format: self.config.output.format,
            compression: self.config.output.compression,
            schema_fingerprint: schema_fingerprint(fields),
            schema: fields.clone(),
            partition_by: self.config.partition_by.clone(),
            rows: parts.iter().map(|part| part.record.rows).sum(),
            bytes: parts.iter().map(|part| part.record.bytes).sum(),
            parts,
            nulled,
            masked: masked(&self.config),
            consistency: consistency(record),
            chunk_count: count(record.chunks.len()),
            chunks: manifest_chunks(record),
            source: Some(ManifestSource {
                server: self.shared.server.product.clone(),
                system_id: self.shared.server.system_id.clone(),
            }),
            cursor_before: position(record.cursor.as_ref().and_then(|cursor| cursor.before.clone())),
            cursor_after: position(position_after(record)),
        }
    }
}

/// What was really held: all chunks of a shared view say the same.
fn consistency(record: &RunRecord) -> Consistency {
    match record.checkpoints.as_slice() {
        [first, ..] if record.view == ReadView::Shared => first.consistency.clone(),
        [] if record.view == ReadView::Shared => Consistency::Snapshot { position: None },
        _ => Consistency::Chunk,
    }
}

fn masked(config: &ExportConfig) -> BTreeMap<String, String> {
    let word = |(column, method): (ColumnName, MaskMethod)| (column.to_string(), method.to_string());
    mask::methods(config).into_iter().map(word).collect()
}

/// Lists the chunks where ranges say more than that all rows were read.
fn manifest_chunks(record: &RunRecord) -> Vec<ManifestChunk> {
    if record.chunks.iter().all(|chunk| chunk.range == RowRange::All) {
        return Vec::new();
    }
    let rows: BTreeMap<_, _> = record.checkpoints.iter().map(|done| (done.chunk, done.rows)).collect();
    let listed = record.chunks.iter().map(|chunk| ManifestChunk {
        chunk: chunk.id,
        range: chunk.range.clone(),
        rows_read: rows.get(&chunk.id).copied().unwrap_or_default(),
    });
    listed.collect()
}

/// Where the export stands after a run: where it stood before, if there was nothing to read.
fn position_after(record: &RunRecord) -> Option<CursorPosition> {
    let cursor = record.cursor.as_ref()?;
    cursor.watermark.as_ref().or(cursor.before.as_ref()).cloned()
}
