use std::sync::Arc;

use rivet_config::Mode;
use rivet_model::{Chunk, ReadView};
use rivet_writer::{EncoderShare, PartNamer};

use super::workers::ChunkReading;
use crate::EngineError;
use crate::pipeline::{self, Reading, Writing, Written};
use crate::quality::QualityGate;
use crate::shape::RowShape;
use crate::worker::Worker;

impl ChunkReading {
    /// Makes one attempt at a chunk: reads its rows and writes its parts, which are durable then.
    pub(super) async fn attempt(&self, worker: &Worker, chunk: &Chunk) -> Result<Written, EngineError> {
        let config = &self.config;
        let schema = self.spec.schema();
        let shape = RowShape::new(config, &self.shared.environment, &schema, self.started_at)?;
        let namer = PartNamer::new(&config.name, self.run_id, chunk.id, &config.output);
        let store = Arc::clone(&self.store);
        let writers = at_a_time(&config.mode);
        let share = EncoderShare { encoders: self.shared.encoders(writers), writers };
        let writer = shape.writer(config.output.clone(), writers, namer, store)?.sharing(share);
        let (quality, progress) = (QualityGate::of(config, &schema)?, self.progress.attempt());
        // The parts of other chunks say what the columns are.
        let write_empty = !config.skip_empty && self.lock().split.len() == 1;
        let writing = Writing { writer, shape, quality, write_empty, progress };
        let reading = Reading {
            spec: self.spec.with_range(chunk.range.clone()),
            limits: self.limits.clone(),
            tuning: config.tuning.clone(),
        };
        let written = pipeline::run(worker, reading, writing, &self.shared.budget, &self.stop).await?;
        let (read, kept): (u64, u64) = (written.summary.rows, written.parts.iter().map(|part| part.rows).sum());
        if read != kept {
            let what = format!("{read} rows of chunk {} were read and {kept} were written", chunk.id);
            return Err(EngineError::Validation { export: config.name.clone(), what });
        }
        Ok(written)
    }

    /// Returns whether a failed chunk can be read again by itself: one of a shared view is lost with that view.
    pub(super) fn repeats_chunks(&self) -> bool {
        self.view == ReadView::PerScan
    }
}

/// Returns how many chunks are written at a time, at most.
fn at_a_time(mode: &Mode) -> usize {
    match mode {
        Mode::Chunked(chunked) => chunked.parallel,
        Mode::Full | Mode::Incremental(_) | Mode::TimeWindow(_) => 1,
    }
}
