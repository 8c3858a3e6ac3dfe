//! Values that are hidden before they are written.

mod digest;
mod key;
mod method;
mod truncate;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use rivet_model::ColumnName;

pub use self::key::MaskKey;
pub use self::method::{MASK_KEY, MaskMethod, masked_schema};

use self::digest::{HmacSha256, Sha256Text};
use crate::error::WriteError;

/// What becomes of the values of a column. NULL stays NULL.
#[derive(Debug, Clone)]
pub enum Mask {
    /// The SHA-256 of a value's text, as lower hexadecimal digits.
    Hash,
    /// The HMAC-SHA-256 of a value's text, as lower hexadecimal digits.
    Hmac(MaskKey),
    /// NULL.
    Null,
    /// The beginning of a value.
    Truncate {
        /// Characters of text or bytes of binary that stay.
        length: u64,
    },
}

impl Mask {
    /// Returns what is done, without the key that it is done with.
    pub fn method(&self) -> MaskMethod {
        match self {
            Self::Hash => MaskMethod::Hash,
            Self::Hmac(_) => MaskMethod::Hmac,
            Self::Null => MaskMethod::Null,
            Self::Truncate { length } => MaskMethod::Truncate { length: *length },
        }
    }
}

/// Hides the values of columns, in every batch before anything else sees it.
///
/// # What is digested
///
/// `hash` and `hmac` digest the bytes of a value's text: the one that it has in a CSV file of this crate, before any
/// quoting. Text and JSON are their UTF-8 bytes, numbers their decimal digits (a decimal with all digits of its scale),
/// moments `2024-02-29 12:34:56.789` with `+00` where the column has a zone, booleans `true` and `false`, binary `\x` and
/// lower hexadecimal digits, uuids their 36 characters, lists, structs and maps their JSON.
#[derive(Debug)]
pub struct Masker {
    /// What comes in.
    source: SchemaRef,
    schema: SchemaRef,
    /// Each with the place of its column.
    actions: Vec<(usize, Action)>,
}

/// A mask that is ready to work.
#[derive(Debug)]
enum Action {
    Hash(Sha256Text),
    Hmac(HmacSha256),
    Null,
    Truncate(usize),
}

impl Masker {
    /// Makes a masker for batches of the source's `schema`. Fails where a column is not there, or its type can't be
    /// masked so.
    pub fn new(schema: &SchemaRef, masks: &BTreeMap<ColumnName, Mask>) -> Result<Self, WriteError> {
        let methods = masks.iter().map(|(column, mask)| (column.clone(), mask.method())).collect();
        let masked = masked_schema(schema, &methods)?;
        let action = |mask: &Mask| match mask {
            Mask::Hash => Action::Hash(Sha256Text::default()),
            Mask::Hmac(key) => Action::Hmac(HmacSha256::new(key)),
            Mask::Null => Action::Null,
            Mask::Truncate { length } => Action::Truncate(usize::try_from(*length).unwrap_or(usize::MAX)),
        };
        let place = |column: &ColumnName| schema.index_of(column.as_str()).map_err(WriteError::Batch);
        let actions = masks.iter().map(|(column, mask)| Ok((place(column)?, action(mask))));
        Ok(Self {
            actions: actions.collect::<Result<_, WriteError>>()?,
            source: SchemaRef::clone(schema),
            schema: masked,
        })
    }

    /// Returns the schema of masked batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Hides the values of a batch of the source's schema.
    pub fn mask(&mut self, batch: RecordBatch) -> Result<RecordBatch, WriteError> {
        if self.actions.is_empty() {
            return Ok(batch);
        }
        let (source, mut columns, _rows) = batch.into_parts();
        self.check(&source)?;
        for (place, action) in &mut self.actions {
            columns[*place] = action.apply(source.field(*place), &columns[*place])?;
        }
        RecordBatch::try_new(SchemaRef::clone(&self.schema), columns).map_err(WriteError::Batch)
    }

    /// Makes sure that each column stands where it is looked for: another one would be masked in its place.
    fn check(&self, source: &Schema) -> Result<(), WriteError> {
        let names = |field: &Arc<Field>| field.name().clone();
        if source.fields().iter().map(names).eq(self.source.fields().iter().map(names)) {
            return Ok(());
        }
        Err(WriteError::Batch(ArrowError::SchemaError("its columns are not those that are masked".to_owned())))
    }
}

impl Action {
    fn apply(&mut self, field: &Field, array: &ArrayRef) -> Result<ArrayRef, WriteError> {
        match self {
            Self::Hash(hasher) => Ok(Arc::new(hasher.digests(field, array)?)),
            Self::Hmac(hasher) => Ok(Arc::new(hasher.digests(field, array)?)),
            Self::Null => Ok(new_null_array(array.data_type(), array.len())),
            Self::Truncate(length) => truncate::beginnings(array, *length).ok_or_else(|| method::not_truncated(field)),
        }
    }
}

#[cfg(test)]
mod tests;
