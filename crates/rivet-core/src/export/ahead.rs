use rivet_config::{ChunkConsistency, ChunkSplit, Chunked, Mode};
use rivet_model::{CursorRecord, Fingerprint, ReadView, Relation};
use rivet_source::{Description, Probe, SourceErrorKind};
use rivet_writer::ManifestField;

use super::ExportRun;
use super::plan::ReadPlan;
use crate::{EngineError, fingerprint, mask, shape};

/// A run as it is known before it begins.
#[derive(Debug)]
pub(crate) struct Foreseen {
    pub(crate) description: Description,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) columns: Vec<ManifestField>,
    pub(crate) reading: Reading,
    /// What was sent to the source to know it.
    pub(crate) probes: Vec<Probe>,
}

/// Which rows it will read.
#[derive(Debug)]
pub(crate) enum Reading {
    /// These.
    Planned(ReadPlan),
    /// To find them now would cost as much as to read them.
    Deferred {
        /// Why.
        reason: String,
        /// Where it begins, as far as it is known.
        cursor: Option<CursorRecord>,
        /// What its chunks will see in common.
        view: ReadView,
    },
}

impl ExportRun {
    /// Finds out what a run would read, without reading it and without touching the destination.
    pub(crate) async fn foresee(&mut self) -> Result<Foreseen, EngineError> {
        let mut description = self.describe().await?;
        let mut probes = std::mem::take(&mut description.probes);
        for note in &description.notes {
            self.note(note.clone());
        }
        let fingerprint = fingerprint::of(&self.config, &description.spec, &self.shared.place());
        let columns = shape::fields(&self.config, &description.spec.schema(), self.started_at)?;
        // Where the plan is applied it may be there.
        if let Err(error) = mask::masks(&self.config, &self.shared.environment) {
            self.note(format!("no run could begin here: {error}"));
        }
        let reading = self.foresee_reading(&description).await?;
        probes.append(&mut self.probes);
        Ok(Foreseen { description, fingerprint, columns, reading, probes })
    }

    async fn foresee_reading(&mut self, description: &Description) -> Result<Reading, EngineError> {
        if let Some(reason) = self.too_costly(description) {
            return self.deferred(reason).await;
        }
        match self.plan(description).await {
            Ok(plan) => Ok(Reading::Planned(plan)),
            Err(error @ EngineError::History(_)) => {
                self.deferred(format!("where it stands is not known: {error}")).await
            }
            Err(EngineError::Source(error))
                if matches!(error.kind(), SourceErrorKind::StatementTimeout | SourceErrorKind::LockTimeout) =>
            {
                self.deferred(format!("planning does not wait for so long: {error}")).await
            }
            Err(error) => Err(error),
        }
    }

    async fn deferred(&mut self, reason: String) -> Result<Reading, EngineError> {
        let cursor = match &self.config.mode {
            Mode::Incremental(_) => match self.shared.state.cursor(&self.config.name).await {
                Ok(stored) => {
                    Some(CursorRecord { before: stored.map(|state| state.position), ..CursorRecord::default() })
                }
                // Said once already, or about to be said.
                Err(_) => None,
            },
            Mode::Full | Mode::Chunked(_) | Mode::TimeWindow(_) => None,
        };
        let view = match &self.config.mode {
            Mode::Chunked(chunked) if chunked.consistency == ChunkConsistency::Chunk => ReadView::PerScan,
            Mode::Chunked(_) | Mode::Full | Mode::Incremental(_) | Mode::TimeWindow(_) => ReadView::Shared,
        };
        Ok(Reading::Deferred { reason, cursor, view })
    }

    /// Says why the rows of a run can't be found without reading the relation, where that is so.
    fn too_costly(&self, description: &Description) -> Option<String> {
        let has_no_index = || {
            let column = description.spec.key.first().filter(|_| !description.key.indexed)?;
            Some(format!("no index begins with `{}`", column.name))
        };
        match &self.config.mode {
            Mode::Full | Mode::TimeWindow(_) => None,
            Mode::Incremental(_) => {
                has_no_index().map(|why| format!("{why}: to find its newest value reads every row"))
            }
            Mode::Chunked(chunked) => match chunked.split {
                ChunkSplit::Rows { dense: true, .. } => Some("`chunk_dense` counts every row".to_owned()),
                _ if self.cuts_by_place(chunked) => None,
                _ => has_no_index().map(|why| format!("{why}: to cut it reads every row")),
            },
        }
    }

    /// Returns whether a chunked run is cut by where rows are stored, if its source can do that.
    pub(super) fn cuts_by_place(&self, chunked: &Chunked) -> bool {
        let is_free = chunked.consistency == ChunkConsistency::Snapshot && chunked.column.is_none();
        let is_possible = matches!(
            chunked.split,
            ChunkSplit::Rows { dense: false, .. } | ChunkSplit::Count(_) | ChunkSplit::Bytes(_)
        );
        is_free && is_possible && !matches!(self.config.relation, Relation::Query(_))
    }
}
