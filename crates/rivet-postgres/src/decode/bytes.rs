use std::sync::Arc;

use arrow::array::ArrayRef;
use rivet_source::ByteColumn;

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

/// Decodes values of any length.
#[derive(Debug)]
pub(super) struct Bytes {
    content: Content,
    values: ByteColumn,
}

/// The only version of the binary form of jsonb so far.
const JSONB_VERSION: u8 = 1;

impl Bytes {
    pub(super) fn new(content: Content) -> Self {
        Self { content, values: ByteColumn::new() }
    }
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
        Ok(self.values.push(value)?)
    }

    fn push_null(&mut self) {
        self.values.push_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        if self.content == Content::Binary {
            return Ok(Arc::new(self.values.finish_binary()));
        }
        Ok(Arc::new(self.values.finish_text()?))
    }

    fn nulled(&self) -> u64 {
        0
    }
}
