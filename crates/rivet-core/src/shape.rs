//! From the rows that a source sends to those that are written.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use jiff::Timestamp;
use rivet_config::{Environment, ExportConfig};
use rivet_model::OutputOptions;
use rivet_writer::{
    ExportWriter, ManifestField, Masker, MetaAppender, PartNamer, PartStore, Partitioner, WriteError, masked_schema,
};

use crate::{EngineError, mask};

/// Brings batches into the form that is written: masks columns first, so that nothing that comes after it sees what
/// they hid, and adds Rivet's own. Folders are named after what is left then.
#[derive(Debug)]
pub(crate) struct RowShape {
    masker: Masker,
    meta: MetaAppender,
    partitioner: Option<Partitioner>,
}

impl RowShape {
    /// Makes the shape of batches of the source's `schema`.
    pub(crate) fn new(
        config: &ExportConfig,
        environment: &Environment,
        schema: &SchemaRef,
        started_at: Timestamp,
    ) -> Result<Self, EngineError> {
        let masker = Masker::new(schema, &mask::masks(config, environment)?)?;
        let meta = MetaAppender::new(&config.output.meta_columns, masker.schema(), started_at)?;
        let partitioner = partitioner(config, meta.schema())?;
        Ok(Self { masker, meta, partitioner })
    }

    /// Makes what writes the rows of one chunk; so many chunks, at most, are written at a time.
    pub(crate) fn writer(
        &self,
        output: OutputOptions,
        at_a_time: usize,
        namer: PartNamer,
        store: Arc<dyn PartStore>,
    ) -> Result<ExportWriter, WriteError> {
        match &self.partitioner {
            Some(partitioner) => ExportWriter::partitioned(partitioner.clone(), at_a_time, output, namer, store),
            None => ExportWriter::new(Arc::clone(self.meta.schema()), output, namer, store),
        }
    }

    /// Brings a batch into it.
    pub(crate) fn apply(&mut self, batch: RecordBatch) -> Result<RecordBatch, WriteError> {
        self.meta.append(self.masker.mask(batch)?)
    }
}

/// Describes the columns that an export writes, from the source's `schema`. Fails where they can't be made of it. It
/// takes no keys: plans are made where there are none.
pub(crate) fn fields(
    config: &ExportConfig,
    schema: &SchemaRef,
    started_at: Timestamp,
) -> Result<Vec<ManifestField>, EngineError> {
    let masked = masked_schema(schema, &mask::methods(config))?;
    let meta = MetaAppender::new(&config.output.meta_columns, &masked, started_at)?;
    partitioner(config, meta.schema())?;
    Ok(ManifestField::of_schema(meta.schema()))
}

fn partitioner(config: &ExportConfig, schema: &SchemaRef) -> Result<Option<Partitioner>, WriteError> {
    let is_partitioned = !config.partition_by.is_empty();
    is_partitioned.then(|| Partitioner::new(schema, &config.partition_by)).transpose()
}
