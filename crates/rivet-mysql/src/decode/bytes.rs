use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, NullBufferBuilder, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};

use super::{Cell, ColumnFault, Decode, Fault, STRANGE};

/// What the bytes of a [`Bytes`] column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Text, which must be UTF-8.
    Text,
    /// Anything.
    Binary,
    /// A geometry: 4 bytes that number its reference system, then well-known binary.
    Geometry,
}

/// Decodes values of any length. Text is checked once per batch, not once per value.
#[derive(Debug)]
pub(super) struct Bytes {
    content: Content,
    offsets: Vec<i32>,
    values: Vec<u8>,
    nulls: NullBufferBuilder,
    /// The reference system that the column declares; geometries of another one carry its number with them.
    srid: Option<u32>,
}

/// Space that is kept for the next batch at most, so that one huge value does not stay in memory.
const KEPT_CAPACITY: usize = 16 << 20;

/// The bit of a geometry's type which says that the number of its reference system follows.
/// <https://libgeos.org/specifications/wkb/#extended-wkb>
const HAS_SRID: u32 = 0x2000_0000;

impl Bytes {
    pub(super) fn new(content: Content) -> Self {
        Self { content, offsets: vec![0], values: Vec::new(), nulls: NullBufferBuilder::new(1_024), srid: None }
    }

    pub(super) fn geometry(srid: Option<u32>) -> Self {
        Self { srid, ..Self::new(Content::Geometry) }
    }

    fn end_value(&mut self, start: usize) -> Result<(), Fault> {
        let Ok(end) = i32::try_from(self.values.len()) else {
            self.values.truncate(start);
            return Err(Fault::Unfit("more than 2 GiB in one batch"));
        };
        self.offsets.push(end);
        self.nulls.append_non_null();
        Ok(())
    }

    /// Takes the number of the reference system off, or moves it to where readers of the extended form look for it.
    fn push_geometry(&mut self, value: &[u8]) -> Result<(), Fault> {
        let malformed = Fault::Malformed("a geometry that ends too early");
        let (srid, rest) = value.split_first_chunk::<4>().ok_or(malformed.clone())?;
        let srid = u32::from_le_bytes(*srid);
        if srid == self.srid.unwrap_or(0) {
            self.values.extend_from_slice(rest);
            return Ok(());
        }
        let ([order, kind @ ..], shape) = rest.split_first_chunk::<5>().ok_or(malformed)?;
        if *order != 1 {
            return Err(Fault::Malformed("a geometry whose bytes are in an unknown order"));
        }
        self.values.push(*order);
        self.values.extend_from_slice(&(u32::from_le_bytes(*kind) | HAS_SRID).to_le_bytes());
        self.values.extend_from_slice(&srid.to_le_bytes());
        self.values.extend_from_slice(shape);
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
    fn push(&mut self, cell: Cell<'_>) -> Result<(), Fault> {
        let Cell::Bytes(value) = cell else { return Err(STRANGE) };
        let start = self.values.len();
        if self.content == Content::Geometry {
            self.push_geometry(value)?;
        } else {
            self.values.extend_from_slice(value);
        }
        self.end_value(start)
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
        if self.content != Content::Text {
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

#[cfg(test)]
mod tests {
    use arrow::array::AsArray as _;

    use super::*;

    /// A point of a reference system, as the server sends it.
    fn point(srid: u32) -> Vec<u8> {
        let mut bytes = srid.to_le_bytes().to_vec();
        bytes.extend([1, 1, 0, 0, 0]);
        bytes.extend(1.5_f64.to_le_bytes());
        bytes.extend((-2.0_f64).to_le_bytes());
        bytes
    }

    #[test]
    fn a_geometry_keeps_what_its_column_does_not_say() {
        let check = |declared: Option<u32>, srid: u32, begins: &[u8], length: usize| {
            let mut column = Bytes::geometry(declared);
            column.push(Cell::Bytes(&point(srid))).unwrap();
            let array = column.finish().unwrap();
            let value = array.as_binary::<i32>().value(0);
            assert!(value.starts_with(begins), "{value:?}");
            assert_eq!(value.len(), length);
        };
        check(None, 0, &[1, 1, 0, 0, 0], 21);
        check(Some(4_326), 4_326, &[1, 1, 0, 0, 0], 21);
        check(None, 4_326, &[1, 1, 0, 0, 0x20, 0xE6, 0x10, 0, 0], 25);
        assert_eq!(
            Bytes::geometry(None).push(Cell::Bytes(&[0, 0])),
            Err(Fault::Malformed("a geometry that ends too early"))
        );
    }

    #[test]
    fn text_that_is_none_names_its_row() {
        let mut column = Bytes::new(Content::Text);
        for value in [&b"a"[..], "ж".as_bytes(), b"\xff"] {
            column.push(Cell::Bytes(value)).unwrap();
        }
        assert_eq!(column.finish().unwrap_err().row, Some(2));
    }
}
