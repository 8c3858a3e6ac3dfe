use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, NullBufferBuilder, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};

use super::{ColumnFault, Decode, Fault, network};

/// What the bytes of a [`Bytes`] column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Text, which must be UTF-8.
    Text,
    /// `jsonb`: a version byte, then text.
    Jsonb,
    /// A network address, which becomes text.
    Network,
    /// Anything.
    Binary,
}

/// Decodes values of any length. Text is checked once per batch, not once per value.
#[derive(Debug)]
pub(super) struct Bytes {
    content: Content,
    offsets: Vec<i32>,
    values: Vec<u8>,
    nulls: NullBufferBuilder,
}

/// The only version of the binary form of jsonb so far.
const JSONB_VERSION: u8 = 1;

/// Space that is kept for the next batch at most, so that one huge value does not stay in memory.
const KEPT_CAPACITY: usize = 16 << 20;

impl Bytes {
    pub(super) fn new(content: Content) -> Self {
        Self { content, offsets: vec![0], values: Vec::new(), nulls: NullBufferBuilder::new(1_024) }
    }

    fn end_value(&mut self) -> Result<(), Fault> {
        let end = i32::try_from(self.values.len());
        self.offsets.push(end.map_err(|_range| Fault::Unfit("more than 2 GiB in one batch"))?);
        Ok(())
    }
}

/// The space for as much as last time and a little more: a vector that runs out by one value doubles.
fn roomy(length: usize) -> usize {
    length + length / 8
}

/// Finds the value to blame. That takes a second look at all of them, which is for failures alone.
fn not_utf8(offsets: &[i32], values: &[u8]) -> ColumnFault {
    let row = offsets.windows(2).position(|bounds| {
        let bounds = [usize::try_from(bounds[0]), usize::try_from(bounds[1])];
        let [Ok(start), Ok(end)] = bounds else { return true };
        values.get(start..end).is_none_or(|value| std::str::from_utf8(value).is_err())
    });
    ColumnFault { row, message: "holds bytes that are not UTF-8".to_owned() }
}

impl Decode for Bytes {
    fn push(&mut self, value: &[u8]) -> Result<(), Fault> {
        let rendered;
        let value = match (self.content, value) {
            (Content::Jsonb, [JSONB_VERSION, text @ ..]) => text,
            (Content::Jsonb, _) => return Err(Fault::Malformed("a jsonb value of an unknown version")),
            (Content::Network, value) => {
                rendered = network::render(value)?;
                rendered.as_bytes()
            }
            (Content::Text | Content::Binary, value) => value,
        };
        self.values.extend_from_slice(value);
        self.end_value()?;
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.offsets.push(self.offsets.last().copied().unwrap_or_default());
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        let mut next_offsets = Vec::with_capacity(roomy(self.offsets.len()));
        next_offsets.push(0);
        let next_values = Vec::with_capacity(roomy(self.values.len()).min(KEPT_CAPACITY));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.offsets, next_offsets)));
        let values = Buffer::from(std::mem::replace(&mut self.values, next_values));
        let nulls = self.nulls.finish();
        if self.content == Content::Binary {
            return Ok(Arc::new(BinaryArray::new(offsets, values, nulls)));
        }
        // Checks all text at once, and that no value begins or ends inside of a character.
        match StringArray::try_new(offsets.clone(), values.clone(), nulls) {
            Ok(array) => Ok(Arc::new(array)),
            Err(_not_utf8) => Err(not_utf8(&offsets, &values)),
        }
    }

    fn nulled(&self) -> u64 {
        0
    }
}
