//! From the rows that a source sends to those that are written.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use jiff::Timestamp;
use rivet_config::{Environment, ExportConfig};
use rivet_writer::{ManifestField, Masker, MetaAppender, WriteError, masked_schema};

use crate::{EngineError, mask};

/// Brings batches into the form that is written: masks columns first, so that nothing that comes after it sees what
/// they hid, and adds Rivet's own.
#[derive(Debug)]
pub(crate) struct RowShape {
    masker: Masker,
    meta: MetaAppender,
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
        Ok(Self { masker, meta })
    }

    /// Returns the schema that is written.
    pub(crate) fn schema(&self) -> &SchemaRef {
        self.meta.schema()
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
    Ok(ManifestField::of_schema(meta.schema()))
}
