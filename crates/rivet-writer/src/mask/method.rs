use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rivet_model::{ColumnName, FIDELITY_KEY, SOURCE_TYPE_KEY};

use crate::error::WriteError;
use crate::mask::truncate;
use crate::value::Column;

/// The key of Arrow's field metadata that says how a column was masked: the word of a [`MaskMethod`].
pub const MASK_KEY: &str = "rivet.mask";

/// How a column is masked, without the key of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskMethod {
    /// SHA-256.
    Hash,
    /// HMAC-SHA-256.
    Hmac,
    /// NULL.
    Null,
    /// The beginning.
    Truncate {
        /// Characters of text or bytes of binary that stay.
        length: u64,
    },
}

impl MaskMethod {
    /// Returns the word for it in a configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Hmac => "hmac",
            Self::Null => "null",
            Self::Truncate { .. } => "truncate",
        }
    }

    /// Returns the field of what is left of a column.
    fn field(self, field: &Field) -> Result<Field, WriteError> {
        let (data_type, nullable, metadata) = match self {
            Self::Hash | Self::Hmac => {
                Column::check_all(&Schema::new(vec![field.clone()]).into(), "a mask")?;
                (DataType::Utf8, field.is_nullable(), bare(field))
            }
            Self::Null => {
                let mut metadata = field.metadata().clone();
                metadata.remove(FIDELITY_KEY);
                (field.data_type().clone(), true, metadata)
            }
            Self::Truncate { .. } if truncate::takes(field.data_type()) => {
                (field.data_type().clone(), field.is_nullable(), bare(field))
            }
            Self::Truncate { .. } => return Err(not_truncated(field)),
        };
        let mask = (MASK_KEY.to_owned(), self.as_str().to_owned());
        let metadata = metadata.into_iter().chain([mask]).collect();
        Ok(Field::new(field.name(), data_type, nullable).with_metadata(metadata))
    }
}

impl fmt::Display for MaskMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns the schema of masked batches, from that of the source. Fails where a column is not there, or its type can't
/// be masked so. It takes no key: plans are made where there is none.
pub fn masked_schema(schema: &SchemaRef, methods: &BTreeMap<ColumnName, MaskMethod>) -> Result<SchemaRef, WriteError> {
    if methods.is_empty() {
        return Ok(SchemaRef::clone(schema));
    }
    if let Some(missing) = methods.keys().find(|column| schema.index_of(column.as_str()).is_err()) {
        let columns = schema.fields().iter().map(|field| format!("`{}`", field.name())).collect();
        return Err(WriteError::NoColumnToMask { column: missing.to_string(), columns });
    }
    let methods: BTreeMap<&str, MaskMethod> =
        methods.iter().map(|(column, method)| (column.as_str(), *method)).collect();
    let masked = |field: &Arc<Field>| match methods.get(field.name().as_str()) {
        Some(method) => method.field(field).map(Arc::new),
        None => Ok(Arc::clone(field)),
    };
    let fields = schema.fields().iter().map(masked).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

pub(super) fn not_truncated(field: &Field) -> WriteError {
    WriteError::NotTruncated { column: field.name().clone(), data_type: field.data_type().clone() }
}

/// What still holds of a column whose values have become others: its type at the source. They are no JSON any more, and
/// nothing of them is exact.
fn bare(field: &Field) -> HashMap<String, String> {
    let source_type = field.metadata().get(SOURCE_TYPE_KEY);
    source_type.map(|name| (SOURCE_TYPE_KEY.to_owned(), name.clone())).into_iter().collect()
}
