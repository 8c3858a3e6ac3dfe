use std::collections::BTreeSet;

use rivet_model::{Chunk, CursorPosition, CursorRecord, Fingerprint, PlanRecord, ReadView, RowRange};
use rivet_source::Description;

use super::ExportRun;
use super::plan::ReadPlan;
use crate::EngineError;
use crate::plan::{PlanError, PlannedExport};

/// What a sealed plan says of one export.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) record: PlanRecord,
    /// Absent where they are found only now.
    chunks: Option<Vec<Chunk>>,
    view: ReadView,
    cursor: Option<CursorRecord>,
}

impl Planned {
    pub(crate) fn new(export: &PlannedExport, record: PlanRecord) -> Self {
        let computed = &export.computed;
        Self {
            fingerprint: export.plan_fingerprint.clone(),
            record,
            chunks: computed.deferred.is_none().then(|| computed.chunk_ranges.clone()),
            view: export.resolved_plan.view,
            cursor: computed.cursor_snapshot.clone(),
        }
    }
}

impl ExportRun {
    /// Makes sure that what was planned is still what would be read, and reads that.
    pub(super) async fn as_planned(
        &mut self,
        planned: Planned,
        fingerprint: &Fingerprint,
        description: &Description,
    ) -> Result<ReadPlan, EngineError> {
        let export = &self.config.name;
        if planned.fingerprint.as_ref() != Some(fingerprint) {
            return Err(PlanError::ChangedColumns { export: export.clone() }.into());
        }
        if let Some(cursor) = &planned.cursor {
            let stored = self.shared.state.cursor(export).await?.map(|state| state.position);
            if stored != cursor.before {
                let (planned, found) = (named(cursor.before.as_ref()), named(stored.as_ref()));
                return Err(PlanError::MovedCursor { export: export.clone(), planned, found }.into());
            }
        }
        let Some(chunks) = planned.chunks else { return self.plan(description).await };
        // A partition that was made since is in no chunk.
        if !partitions(&chunks).is_empty() {
            let now = self.plan(description).await?;
            if partitions(&now.chunks) != partitions(&chunks) {
                return Err(PlanError::ChangedPartitions { export: self.config.name.clone() }.into());
            }
        }
        Ok(ReadPlan { chunks, view: planned.view, cursor: planned.cursor })
    }
}

/// Names the partitions that chunks are pages of.
fn partitions(chunks: &[Chunk]) -> BTreeSet<String> {
    let partition = |chunk: &Chunk| match &chunk.range {
        RowRange::Pages { partition, .. } => partition.as_ref().map(ToString::to_string),
        RowRange::All | RowRange::Key { .. } | RowRange::NullKey => None,
    };
    chunks.iter().filter_map(partition).collect()
}

fn named(position: Option<&CursorPosition>) -> String {
    position.map_or_else(|| "the start".to_owned(), |position| format!("({position})"))
}
