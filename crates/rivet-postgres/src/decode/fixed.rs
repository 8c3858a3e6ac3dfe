use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, FixedSizeBinaryArray, NullBufferBuilder, PrimitiveArray,
};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType};

use super::{ColumnFault, Decode, Fault, Policy, Reading, exact};

/// Decodes values of a fixed width through `read`.
pub(super) struct Fixed<T: ArrowPrimitiveType, R> {
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
    data_type: DataType,
    policy: Policy,
    nulled: u64,
    read: R,
}

impl<T, R> Fixed<T, R>
where
    T: ArrowPrimitiveType,
    R: FnMut(&[u8]) -> Result<Reading<T::Native>, Fault> + Send,
{
    pub(super) fn new(data_type: DataType, policy: Policy, read: R) -> Self {
        Self { values: Vec::new(), nulls: NullBufferBuilder::new(1_024), data_type, policy, nulled: 0, read }
    }
}

impl<T, R> Decode for Fixed<T, R>
where
    T: ArrowPrimitiveType,
    R: FnMut(&[u8]) -> Result<Reading<T::Native>, Fault> + Send,
{
    fn push(&mut self, value: &[u8]) -> Result<(), Fault> {
        if let Some(value) = self.policy.settle((self.read)(value)?)? {
            self.values.push(value);
            self.nulls.append_non_null();
        } else {
            self.nulled += 1;
            self.push_null();
        }
        Ok(())
    }

    fn push_null(&mut self) {
        self.values.push(T::Native::default());
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        let next = Vec::with_capacity(self.values.len());
        let values = ScalarBuffer::from(std::mem::replace(&mut self.values, next));
        let array = PrimitiveArray::<T>::new(values, self.nulls.finish()).with_data_type(self.data_type.clone());
        Ok(Arc::new(array))
    }

    fn nulled(&self) -> u64 {
        self.nulled
    }
}

impl<T: ArrowPrimitiveType, R> fmt::Debug for Fixed<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fixed({})", self.data_type)
    }
}

/// Makes a reader of big-endian numbers.
macro_rules! big_endian {
    ($native:ty) => {
        |value: &[u8]| Ok(Reading::Value(<$native>::from_be_bytes(exact(value)?)))
    };
}
pub(super) use big_endian;

/// Decodes booleans: one byte, 0 or 1.
#[derive(Debug)]
pub(super) struct Bool {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
}

impl Bool {
    pub(super) fn new() -> Self {
        Self { values: BooleanBufferBuilder::new(1_024), nulls: NullBufferBuilder::new(1_024) }
    }
}

impl Decode for Bool {
    fn push(&mut self, value: &[u8]) -> Result<(), Fault> {
        let [byte] = exact(value)?;
        self.values.append(byte != 0);
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.values.append(false);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        Ok(Arc::new(BooleanArray::new(self.values.finish(), self.nulls.finish())))
    }

    fn nulled(&self) -> u64 {
        0
    }
}

/// Decodes UUIDs: 16 bytes.
#[derive(Debug)]
pub(super) struct Uuid {
    values: Vec<u8>,
    nulls: NullBufferBuilder,
}

impl Uuid {
    pub(super) fn new() -> Self {
        Self { values: Vec::new(), nulls: NullBufferBuilder::new(1_024) }
    }
}

impl Decode for Uuid {
    fn push(&mut self, value: &[u8]) -> Result<(), Fault> {
        self.values.extend_from_slice(&exact::<16>(value)?);
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.values.extend_from_slice(&[0; 16]);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        let next = Vec::with_capacity(self.values.len());
        let values = Buffer::from(std::mem::replace(&mut self.values, next));
        Ok(Arc::new(FixedSizeBinaryArray::new(16, values, self.nulls.finish())))
    }

    fn nulled(&self) -> u64 {
        0
    }
}
