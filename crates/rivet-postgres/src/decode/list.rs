use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, NullBufferBuilder};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::FieldRef;

use super::{ColumnFault, Decode, Fault, Policy, Reading, split, split_value};

/// The server's own limit (`MAXDIM`).
const MAX_DIMENSIONS: usize = 6;

const OTHER_DEPTH: &str = "an array with another number of dimensions than its column declares";
const TOO_LONG: &str = "more than 2^31 array elements in one batch";

/// Decodes arrays of one depth: dimensions, then elements in row-major order.
#[derive(Debug)]
pub(super) struct List {
    /// The element field of each level, the outermost first.
    fields: Vec<FieldRef>,
    offsets: Vec<Vec<i32>>,
    nulls: NullBufferBuilder,
    elements: Box<dyn Decode>,
    policy: Policy,
    nulled: u64,
}

impl List {
    pub(super) fn new(fields: Vec<FieldRef>, elements: Box<dyn Decode>, policy: Policy) -> Self {
        let offsets = vec![vec![0]; fields.len()];
        Self { fields, offsets, nulls: NullBufferBuilder::new(1_024), elements, policy, nulled: 0 }
    }

    /// Takes the dimensions off; an array without elements has none.
    fn dimensions(&self, value: &mut &[u8]) -> Result<Reading<Vec<usize>>, Fault> {
        let malformed = Fault::Malformed("an array with impossible dimensions");
        let count = usize::try_from(i32::from_be_bytes(split(value)?)).map_err(|_negative| malformed.clone())?;
        let _has_nulls: [u8; 4] = split(value)?;
        let _element_type: [u8; 4] = split(value)?;
        if count == 0 {
            return Ok(Reading::Value(vec![0; self.fields.len()]));
        }
        if count > MAX_DIMENSIONS {
            return Err(malformed);
        }
        if count != self.fields.len() {
            return Ok(Reading::Unfit(OTHER_DEPTH));
        }
        let mut sizes = Vec::with_capacity(count);
        for _ in 0..count {
            let size = i32::from_be_bytes(split(value)?);
            let _lower_bound: [u8; 4] = split(value)?;
            sizes.push(usize::try_from(size).map_err(|_negative| malformed.clone())?);
        }
        Ok(Reading::Value(sizes))
    }

    /// Appends one list to level 0, as many to level 1 as level 0 has elements, and so on.
    fn push_sizes(&mut self, sizes: &[usize]) -> Result<usize, Fault> {
        let mut lists = 1;
        for (offsets, size) in self.offsets.iter_mut().zip(sizes) {
            let step = i32::try_from(*size).map_err(|_range| Fault::Unfit(TOO_LONG))?;
            for _ in 0..lists {
                let last = offsets.last().copied().unwrap_or_default();
                offsets.push(last.checked_add(step).ok_or(Fault::Unfit(TOO_LONG))?);
            }
            lists *= size;
        }
        Ok(lists)
    }
}

impl Decode for List {
    fn push(&mut self, mut value: &[u8]) -> Result<(), Fault> {
        let reading = self.dimensions(&mut value)?;
        let Some(sizes) = self.policy.settle(reading)? else {
            self.nulled += 1;
            self.push_null();
            return Ok(());
        };
        // Each element takes four bytes at least: no size can make us allocate more than was sent.
        if sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size)).is_none_or(|n| n > value.len()) {
            return Err(Fault::Malformed("an array shorter than its dimensions say"));
        }
        for _ in 0..self.push_sizes(&sizes)? {
            match split_value(&mut value)? {
                Some(element) => self.elements.push(element)?,
                None => self.elements.push_null(),
            }
        }
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        let offsets = &mut self.offsets[0];
        offsets.push(offsets.last().copied().unwrap_or_default());
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        let mut array = self.elements.finish().map_err(|fault| ColumnFault { row: None, ..fault })?;
        for level in (0..self.fields.len()).rev() {
            let offsets = std::mem::replace(&mut self.offsets[level], vec![0]);
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            let nulls = if level == 0 { self.nulls.finish() } else { None };
            array = Arc::new(ListArray::new(Arc::clone(&self.fields[level]), offsets, array, nulls));
        }
        Ok(array)
    }

    fn nulled(&self) -> u64 {
        self.nulled + self.elements.nulled()
    }
}
