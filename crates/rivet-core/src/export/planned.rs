use rivet_model::{Chunk, CursorPosition, CursorRecord, Fingerprint, PlanRecord, ReadView};
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
        match planned.chunks {
            Some(chunks) => Ok(ReadPlan { chunks, view: planned.view, cursor: planned.cursor }),
            None => self.plan(description).await,
        }
    }
}

fn named(position: Option<&CursorPosition>) -> String {
    position.map_or_else(|| "the start".to_owned(), |position| format!("({position})"))
}
