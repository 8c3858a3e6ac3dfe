use rivet_config::{ChunkConsistency, ChunkSplit, Chunked};
use rivet_model::{ReadView, RowRange};
use rivet_source::{Description, ScanSpec, SourceErrorKind, Split, SplitBy, SplitRequest};

use super::ExportRun;
use super::plan::{ReadPlan, chunks};
use crate::{EngineError, mask};

impl ExportRun {
    /// Cuts the relation into chunks.
    pub(super) async fn plan_chunked(
        &mut self,
        description: &Description,
        chunked: &Chunked,
    ) -> Result<ReadPlan, EngineError> {
        let by = match &chunked.split {
            ChunkSplit::Rows { rows, dense } => SplitBy::Rows { rows: *rows, exact: *dense },
            ChunkSplit::Count(count) => SplitBy::Count(*count),
            ChunkSplit::Days(days) => SplitBy::Days(*days),
            ChunkSplit::Bytes(bytes) => SplitBy::Bytes(*bytes),
            ChunkSplit::Key { rows, .. } => SplitBy::Rows { rows: *rows, exact: false },
        };
        let split = match self.split_by_place(description, chunked, by).await? {
            Some(split) => split,
            None => {
                self.tell_key(description, chunked);
                self.split(&description.spec, by).await?
            }
        };
        for note in split.notes {
            self.note(note);
        }
        let view = match chunked.consistency {
            ChunkConsistency::Snapshot => ReadView::Shared,
            ChunkConsistency::Chunk if split.needs_shared_view => {
                self.note(
                    "the chunks are ranges of pages, which hold within one snapshot only: the whole run reads one \
                     snapshot"
                        .to_owned(),
                );
                ReadView::Shared
            }
            ChunkConsistency::Chunk => ReadView::PerScan,
        };
        let chunks = chunks(split.pieces.into_iter().map(|piece| (piece.range, piece.estimated_rows)));
        Ok(ReadPlan { chunks, view, cursor: None })
    }

    /// Cuts by where rows are stored, which costs the source least, where nobody has named a column and one snapshot is
    /// held anyway. `None` where the relation can't be read so, or the cuts are to be at keys.
    async fn split_by_place(
        &mut self,
        description: &Description,
        chunked: &Chunked,
        by: SplitBy,
    ) -> Result<Option<Split>, EngineError> {
        if !self.cuts_by_place(chunked) {
            return Ok(None);
        }
        let spec = ScanSpec { key: Vec::new(), fallback: None, ..description.spec.clone() };
        match self.split(&spec, by).await {
            Ok(split) => {
                if split.needs_shared_view {
                    self.note(
                        "no `chunk_column` is named and one snapshot is read: chunks are ranges of pages".to_owned(),
                    );
                }
                Ok(Some(split))
            }
            Err(EngineError::Source(error)) if error.kind() == SourceErrorKind::Config => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn split(&mut self, spec: &ScanSpec, by: SplitBy) -> Result<Split, EngineError> {
        let (request, limits) = (SplitRequest { by, within: RowRange::All }, self.asking_limits());
        let split = self.ask(|source| {
            let (request, limits) = (request.clone(), limits.clone());
            async move { source.split(spec, &request, &limits).await }
        });
        let mut split = split.await?;
        self.probes.append(&mut split.probes);
        Ok(split)
    }

    fn tell_key(&self, description: &Description, chunked: &Chunked) {
        let names: Vec<_> = description.spec.key.iter().map(|column| format!("`{}`", column.name)).collect();
        let Some(first) = names.first() else { return };
        if let Some(masked) = mask::masked_key(&self.config, &description.spec) {
            self.note(format!(
                "the bounds of the chunks, in the state store, in plans and in manifests, hold values of {masked}"
            ));
        }
        match &chunked.split {
            ChunkSplit::Key { .. } if !description.key.unique => {
                self.note(format!("{} is not known to be unique: chunks may differ in size", names.join(", ")));
            }
            ChunkSplit::Key { .. } => {}
            _ if chunked.column.is_none() => {
                self.note(format!("no `chunk_column` is named: chunks are ranges of {}", names.join(", ")));
            }
            _ => {}
        }
        if !description.key.indexed {
            self.note(format!("no index begins with {first}: each chunk reads the whole relation"));
        }
    }
}
