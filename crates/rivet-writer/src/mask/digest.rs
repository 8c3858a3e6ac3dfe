use std::fmt;

use arrow::array::{Array as _, ArrayRef, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::Field;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use super::MaskKey;
use crate::error::WriteError;
use crate::value::{Column, Values, push_hex, push_text};

/// Lower hexadecimal digits of a digest of 256 bits.
const DIGITS: usize = 64;

type Digest = [u8; 32];

/// Makes SHA-256 digests of values' texts.
#[derive(Debug, Default)]
pub(super) struct Sha256Text {
    text: Vec<u8>,
}

impl Sha256Text {
    pub(super) fn digests(&mut self, field: &Field, array: &ArrayRef) -> Result<StringArray, WriteError> {
        digests(field, array, &mut self.text, |text| Sha256::digest(text).into())
    }
}

/// Makes HMAC-SHA-256 digests of values' texts.
pub(super) struct HmacSha256 {
    /// An HMAC that has taken in the key. A copy of it takes in a value: the key is not worked on again.
    begun: Hmac<Sha256>,
    text: Vec<u8>,
}

impl HmacSha256 {
    pub(super) fn new(key: &MaskKey) -> Self {
        Self { begun: key.begun().clone(), text: Vec::new() }
    }

    pub(super) fn digests(&mut self, field: &Field, array: &ArrayRef) -> Result<StringArray, WriteError> {
        let Self { begun, text } = self;
        digests(field, array, text, |text| begun.clone().chain_update(text).finalize().into_bytes().into())
    }
}

impl fmt::Debug for HmacSha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha256")
    }
}

/// Digests the text of each value that is not NULL. `text` is where a text is made that does not stand in the column.
fn digests(
    field: &Field,
    array: &ArrayRef,
    text: &mut Vec<u8>,
    digest: impl Fn(&[u8]) -> Digest,
) -> Result<StringArray, WriteError> {
    let column = Column::bind_named(field, array, "a mask")?;
    let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
    let is_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
    let mut digits = Vec::with_capacity(array.len() * DIGITS);
    for row in (0..array.len()).filter(|row| !is_null(*row)) {
        let made = match &column.values {
            Values::Text(texts) | Values::Json(texts) => digest(texts.get(row).as_bytes()),
            _ => {
                text.clear();
                push_text(&column, row, text);
                digest(text)
            }
        };
        push_hex(&made, &mut digits);
    }
    let offsets = OffsetBuffer::from_lengths((0..array.len()).map(|row| if is_null(row) { 0 } else { DIGITS }));
    StringArray::try_new(offsets, Buffer::from_vec(digits), nulls).map_err(WriteError::Batch)
}
