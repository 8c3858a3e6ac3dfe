use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, NullBufferBuilder};
use arrow::datatypes::FieldRef;

use super::{Cell, ColumnFault, Decode, Fault, STRANGE};

/// Decodes vectors: numbers of 32 bits, the lowest byte first.
#[derive(Debug)]
pub(super) struct Vector {
    field: FieldRef,
    dimension: i32,
    length: usize,
    values: Vec<f32>,
    nulls: NullBufferBuilder,
}

impl Vector {
    pub(super) fn new(field: FieldRef, dimension: i32) -> Self {
        let length = usize::try_from(dimension).unwrap_or(0);
        Self { field, dimension, length, values: Vec::new(), nulls: NullBufferBuilder::new(1_024) }
    }
}

impl Decode for Vector {
    fn push(&mut self, cell: Cell<'_>) -> Result<(), Fault> {
        let Cell::Bytes(bytes) = cell else { return Err(STRANGE) };
        if bytes.len() != self.length * 4 {
            return Err(Fault::Unfit("a vector of another length than its column declares"));
        }
        let numbers = bytes.chunks_exact(4).filter_map(|four| four.try_into().ok()).map(f32::from_le_bytes);
        self.values.extend(numbers);
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.values.resize(self.values.len() + self.length, 0.0);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        let values = Arc::new(Float32Array::from(std::mem::take(&mut self.values)));
        let (field, nulls) = (Arc::clone(&self.field), self.nulls.finish());
        FixedSizeListArray::try_new(field, self.dimension, values, nulls)
            .map(|array| Arc::new(array) as ArrayRef)
            .map_err(|error| ColumnFault { row: None, message: format!("can't become a list: {error}") })
    }

    fn nulled(&self) -> u64 {
        0
    }
}
