use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use jiff::Timestamp;
use rivet_model::MetaColumns;

use crate::error::WriteError;
use crate::row_hash::RowHasher;

/// The column that says when the run began.
pub const EXPORTED_AT_COLUMN: &str = "_rivet_exported_at";

/// The column of [`RowHasher`]'s digests.
pub const ROW_HASH_COLUMN: &str = "_rivet_row_hash";

/// Adds the columns that Rivet makes itself, behind those of the source.
#[derive(Debug)]
pub struct MetaAppender {
    schema: SchemaRef,
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    exported_at: Option<i64>,
    hasher: Option<RowHasher>,
}

impl MetaAppender {
    /// Makes an appender for batches of the source's `schema`. Fails where the source has a column of such a name,
    /// be it in other letters' case, since many readers don't tell the two apart.
    pub fn new(columns: &MetaColumns, schema: &SchemaRef, exported_at: Timestamp) -> Result<Self, WriteError> {
        let mut fields: Vec<Arc<Field>> = schema.fields().iter().map(Arc::clone).collect();
        let mut add = |name: &str, data_type| {
            if let Some(field) = fields.iter().find(|field| field.name().eq_ignore_ascii_case(name)) {
                return Err(WriteError::ColumnExists { column: field.name().clone() });
            }
            fields.push(Arc::new(Field::new(name, data_type, false)));
            Ok(())
        };
        if columns.exported_at {
            add(EXPORTED_AT_COLUMN, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
        }
        if columns.row_hash {
            add(ROW_HASH_COLUMN, DataType::Utf8)?;
        }
        let metadata = schema.metadata().clone();
        Ok(Self {
            schema: Arc::new(Schema::new_with_metadata(fields, metadata)),
            exported_at: columns.exported_at.then(|| exported_at.as_microsecond()),
            hasher: columns.row_hash.then(|| RowHasher::new(schema)).transpose()?,
        })
    }

    /// Returns the schema with the added columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds the columns to a batch of the source's schema.
    pub fn append(&mut self, batch: RecordBatch) -> Result<RecordBatch, WriteError> {
        if self.exported_at.is_none() && self.hasher.is_none() {
            return Ok(batch);
        }
        let mut columns = batch.columns().to_vec();
        if let Some(at) = self.exported_at {
            let times = TimestampMicrosecondArray::from_value(at, batch.num_rows()).with_timezone("UTC");
            columns.push(Arc::new(times) as ArrayRef);
        }
        if let Some(hasher) = &mut self.hasher {
            columns.push(Arc::new(hasher.hash(&batch)?));
        }
        RecordBatch::try_new(SchemaRef::clone(&self.schema), columns).map_err(WriteError::Batch)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray as _, Int32Array};
    use arrow::datatypes::TimestampMicrosecondType;

    use super::*;

    const BOTH: MetaColumns = MetaColumns { exported_at: true, row_hash: true };

    fn batch(name: &str) -> RecordBatch {
        RecordBatch::try_from_iter([(name, Arc::new(Int32Array::from(vec![1, 1, 2])) as ArrayRef)]).unwrap()
    }

    #[test]
    fn both_columns_follow_the_source() {
        let batch = batch("id");
        let mut appender = MetaAppender::new(&BOTH, &batch.schema(), "2024-02-29T12:00:00Z".parse().unwrap()).unwrap();
        let with = appender.append(batch).unwrap();
        assert_eq!(with.schema_ref(), appender.schema());
        assert_eq!(with.column(1).as_primitive::<TimestampMicrosecondType>().value(2), 1_709_208_000_000_000);
        let hashes = with.column(2).as_string::<i32>();
        assert!(hashes.value(0) == hashes.value(1) && hashes.value(1) != hashes.value(2));
        assert_eq!(hashes.value(0).len(), 32);
    }

    #[test]
    fn nothing_asked_for_changes_nothing() {
        let batch = batch("id");
        let mut appender = MetaAppender::new(&MetaColumns::default(), &batch.schema(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(appender.append(batch.clone()).unwrap(), batch);
    }

    #[test]
    fn a_name_that_is_taken_is_refused() {
        for name in ["_rivet_exported_at", "_RIVET_ROW_HASH"] {
            let error = MetaAppender::new(&BOTH, &batch(name).schema(), Timestamp::UNIX_EPOCH).unwrap_err();
            assert_eq!(error.to_string(), format!("the source already has a column `{name}`"));
        }
    }
}
