use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, NullBufferBuilder, StructArray};
use arrow::datatypes::Fields;

use super::{ColumnFault, Decode, Fault, split, split_value};

// Flags of a range, from the server's `rangetypes.h`.
const EMPTY: u8 = 0x01;
const LOWER_INCLUSIVE: u8 = 0x02;
const UPPER_INCLUSIVE: u8 = 0x04;
const LOWER_INFINITE: u8 = 0x08;
const UPPER_INFINITE: u8 = 0x10;

/// Decodes ranges into a struct of `lower`, `upper`, `lower_inclusive`, `upper_inclusive` and `empty`. A bound that
/// is infinite is NULL.
#[derive(Debug)]
pub(super) struct Range {
    fields: Fields,
    lower: Box<dyn Decode>,
    upper: Box<dyn Decode>,
    flags: [BooleanBufferBuilder; 3],
    nulls: NullBufferBuilder,
}

impl Range {
    pub(super) fn new(fields: Fields, lower: Box<dyn Decode>, upper: Box<dyn Decode>) -> Self {
        let flags = std::array::from_fn(|_| BooleanBufferBuilder::new(1_024));
        Self { fields, lower, upper, flags, nulls: NullBufferBuilder::new(1_024) }
    }

    fn push_flags(&mut self, flags: u8) {
        for (builder, flag) in self.flags.iter_mut().zip([LOWER_INCLUSIVE, UPPER_INCLUSIVE, EMPTY]) {
            builder.append(flags & flag != 0);
        }
    }
}

fn push_bound(column: &mut dyn Decode, absent: bool, value: &mut &[u8]) -> Result<(), Fault> {
    match if absent { None } else { split_value(value)? } {
        Some(bound) => column.push(bound),
        None => {
            column.push_null();
            Ok(())
        }
    }
}

impl Decode for Range {
    fn push(&mut self, mut value: &[u8]) -> Result<(), Fault> {
        let [flags] = split(&mut value)?;
        push_bound(&mut *self.lower, flags & (EMPTY | LOWER_INFINITE) != 0, &mut value)?;
        push_bound(&mut *self.upper, flags & (EMPTY | UPPER_INFINITE) != 0, &mut value)?;
        self.push_flags(flags);
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.lower.push_null();
        self.upper.push_null();
        self.push_flags(0);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        let mut arrays = vec![self.lower.finish()?, self.upper.finish()?];
        for flags in &mut self.flags {
            arrays.push(Arc::new(BooleanArray::new(flags.finish(), None)));
        }
        Ok(Arc::new(StructArray::new(self.fields.clone(), arrays, self.nulls.finish())))
    }

    fn nulled(&self) -> u64 {
        self.lower.nulled() + self.upper.nulled()
    }
}
