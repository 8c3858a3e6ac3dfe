use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, FixedSizeBinaryArray, NullBufferBuilder, PrimitiveArray,
};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType};

use super::{Cell, ColumnFault, Decode, Fault, Policy, Reading};

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
    R: FnMut(Cell<'_>) -> Result<Reading<T::Native>, Fault> + Send,
{
    pub(super) fn new(data_type: DataType, policy: Policy, read: R) -> Self {
        Self { values: Vec::new(), nulls: NullBufferBuilder::new(1_024), data_type, policy, nulled: 0, read }
    }
}

impl<T, R> Decode for Fixed<T, R>
where
    T: ArrowPrimitiveType,
    R: FnMut(Cell<'_>) -> Result<Reading<T::Native>, Fault> + Send,
{
    fn push(&mut self, cell: Cell<'_>) -> Result<(), Fault> {
        if let Some(value) = self.policy.settle((self.read)(cell)?)? {
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

/// Decodes truth values through `read`.
#[derive(Debug)]
pub(super) struct Bool {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
    policy: Policy,
    nulled: u64,
    read: fn(Cell<'_>) -> Result<Reading<bool>, Fault>,
}

impl Bool {
    pub(super) fn new(policy: Policy, read: fn(Cell<'_>) -> Result<Reading<bool>, Fault>) -> Self {
        let (values, nulls) = (BooleanBufferBuilder::new(1_024), NullBufferBuilder::new(1_024));
        Self { values, nulls, policy, nulled: 0, read }
    }
}

impl Decode for Bool {
    fn push(&mut self, cell: Cell<'_>) -> Result<(), Fault> {
        if let Some(value) = self.policy.settle((self.read)(cell)?)? {
            self.values.append(value);
            self.nulls.append_non_null();
        } else {
            self.nulled += 1;
            self.push_null();
        }
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
        self.nulled
    }
}

/// Decodes UUIDs, as text of hexadecimal digits or as 16 bytes.
#[derive(Debug)]
pub(super) struct Uuid {
    values: Vec<u8>,
    nulls: NullBufferBuilder,
    policy: Policy,
    nulled: u64,
    /// Whether the values are the bytes themselves.
    raw: bool,
}

impl Uuid {
    pub(super) fn new(policy: Policy, raw: bool) -> Self {
        Self { values: Vec::new(), nulls: NullBufferBuilder::new(1_024), policy, nulled: 0, raw }
    }

    fn read(&self, cell: Cell<'_>) -> Result<Reading<[u8; 16]>, Fault> {
        let Cell::Bytes(bytes) = cell else { return Err(super::STRANGE) };
        let found = if self.raw { bytes.try_into().ok() } else { parse(bytes) };
        Ok(found.map_or(Reading::Unfit("a value that is no UUID"), Reading::Value))
    }
}

/// Reads 32 hexadecimal digits, with dashes between bytes or without.
fn parse(text: &[u8]) -> Option<[u8; 16]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; 16];
    let mut digits = text.iter().filter(|byte| **byte != b'-');
    for byte in &mut bytes {
        *byte = digit(*digits.next()?)? << 4 | digit(*digits.next()?)?;
    }
    digits.next().is_none().then_some(bytes)
}

impl Decode for Uuid {
    fn push(&mut self, cell: Cell<'_>) -> Result<(), Fault> {
        if let Some(value) = self.policy.settle(self.read(cell)?)? {
            self.values.extend_from_slice(&value);
            self.nulls.append_non_null();
        } else {
            self.nulled += 1;
            self.push_null();
        }
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
        self.nulled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_hexadecimal_digits() {
        let expected = Some([0x01, 0x90, 0xd0, 0xa0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0xff]);
        assert_eq!(parse(b"0190d0a0-0000-7000-8000-0000000000ff"), expected);
        assert_eq!(parse(b"0190D0A00000700080000000000000FF"), expected);
        for text in [&b""[..], b"0190d0a0-0000-7000-8000-0000000000f", b"0190d0a0-0000-7000-8000-0000000000ffa", b"x"] {
            assert_eq!(parse(text), None);
        }
    }
}
