use std::sync::Arc;

use arrow::array::ArrayRef;
use rivet_source::ByteColumn;

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

/// Decodes values of any length.
#[derive(Debug)]
pub(super) struct Bytes {
    content: Content,
    values: ByteColumn,
    /// The reference system that the column declares; geometries of another one carry its number with them.
    srid: Option<u32>,
}

/// The bit of a geometry's type which says that the number of its reference system follows.
/// <https://libgeos.org/specifications/wkb/#extended-wkb>
const HAS_SRID: u32 = 0x2000_0000;

impl Bytes {
    pub(super) fn new(content: Content) -> Self {
        Self { content, values: ByteColumn::new(), srid: None }
    }

    pub(super) fn geometry(srid: Option<u32>) -> Self {
        Self { srid, ..Self::new(Content::Geometry) }
    }
}

/// Takes the number of the reference system off, or moves it to where readers of the extended form look for it.
fn push_geometry(value: &[u8], declared: Option<u32>, values: &mut Vec<u8>) -> Result<(), Fault> {
    let malformed = Fault::Malformed("a geometry that ends too early");
    let (srid, rest) = value.split_first_chunk::<4>().ok_or(malformed.clone())?;
    let srid = u32::from_le_bytes(*srid);
    if srid == declared.unwrap_or(0) {
        values.extend_from_slice(rest);
        return Ok(());
    }
    let ([order, kind @ ..], shape) = rest.split_first_chunk::<5>().ok_or(malformed)?;
    if *order != 1 {
        return Err(Fault::Malformed("a geometry whose bytes are in an unknown order"));
    }
    values.push(*order);
    values.extend_from_slice(&(u32::from_le_bytes(*kind) | HAS_SRID).to_le_bytes());
    values.extend_from_slice(&srid.to_le_bytes());
    values.extend_from_slice(shape);
    Ok(())
}

impl Decode for Bytes {
    fn push(&mut self, cell: Cell<'_>) -> Result<(), Fault> {
        let Cell::Bytes(value) = cell else { return Err(STRANGE) };
        if self.content == Content::Geometry {
            let srid = self.srid;
            return self.values.push_with(|values| push_geometry(value, srid, values));
        }
        Ok(self.values.push(value)?)
    }

    fn push_null(&mut self) {
        self.values.push_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        if self.content != Content::Text {
            return Ok(Arc::new(self.values.finish_binary()));
        }
        Ok(Arc::new(self.values.finish_text()?))
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
