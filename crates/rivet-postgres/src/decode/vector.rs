use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, NullBufferBuilder};
use arrow::datatypes::FieldRef;

use super::{ColumnFault, Decode, Fault, split};

/// Decodes pgvector's `vector(n)`: the dimension, 16 unused bits, then 32-bit floats.
#[derive(Debug)]
pub(super) struct Vector {
    field: FieldRef,
    dimension: i32,
    values: Vec<f32>,
    nulls: NullBufferBuilder,
}

impl Vector {
    pub(super) fn new(field: FieldRef, dimension: i32) -> Self {
        Self { field, dimension, values: Vec::new(), nulls: NullBufferBuilder::new(1_024) }
    }

    fn width(&self) -> usize {
        usize::try_from(self.dimension).unwrap_or_default()
    }
}

impl Decode for Vector {
    fn push(&mut self, mut value: &[u8]) -> Result<(), Fault> {
        let dimension = i16::from_be_bytes(split(&mut value)?);
        let _unused: [u8; 2] = split(&mut value)?;
        if i32::from(dimension) != self.dimension || value.len() != self.width() * 4 {
            return Err(Fault::Unfit("a vector of another dimension than its column declares"));
        }
        self.values.extend(value.chunks_exact(4).map(|b| f32::from_be_bytes([b[0], b[1], b[2], b[3]])));
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.values.extend(std::iter::repeat_n(0.0, self.width()));
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        let values = Arc::new(Float32Array::from(std::mem::take(&mut self.values)));
        Ok(Arc::new(FixedSizeListArray::new(Arc::clone(&self.field), self.dimension, values, self.nulls.finish())))
    }

    fn nulled(&self) -> u64 {
        0
    }
}
