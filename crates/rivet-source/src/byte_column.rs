use arrow::array::{BinaryArray, NullBufferBuilder, StringArray, StringBuilder};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

/// Gathers values of any length for a decoder, one after the other in one buffer.
///
/// Text is checked once for all values of a batch, not once for each.
///
/// ```
/// use rivet_source::ByteColumn;
///
/// let mut column = ByteColumn::new();
/// column.push(b"salt").unwrap();
/// column.push_null();
/// let text = column.finish_text().unwrap();
/// assert_eq!(text.iter().collect::<Vec<_>>(), [Some("salt"), None]);
/// ```
#[derive(Debug)]
pub struct ByteColumn {
    offsets: Vec<i32>,
    values: Vec<u8>,
    nulls: NullBufferBuilder,
}

/// A batch would hold more than 2 GiB of one column, which the offsets of Arrow's arrays can't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than 2 GiB in one batch")]
pub struct ColumnFull;

/// The first row of a batch, counted from 0, whose bytes are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("row {0} holds bytes that are not UTF-8")]
pub struct NotUtf8(pub usize);

/// Space that is kept for the next batch at most, so that one huge value does not stay in memory.
const KEPT_CAPACITY: usize = 16 << 20;

impl Default for ByteColumn {
    fn default() -> Self {
        Self::new()
    }
}

impl ByteColumn {
    /// Makes a column without values.
    pub fn new() -> Self {
        Self { offsets: vec![0], values: Vec::new(), nulls: NullBufferBuilder::new(1_024) }
    }

    /// Adds a value. The column is as it was where that fails.
    #[inline]
    pub fn push(&mut self, value: &[u8]) -> Result<(), ColumnFull> {
        self.push_with::<ColumnFull>(|values| {
            values.extend_from_slice(value);
            Ok(())
        })
    }

    /// Adds what the function appends as one value. The column is as it was where that fails.
    #[inline]
    pub fn push_with<E: From<ColumnFull>>(
        &mut self,
        append: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.values.len();
        let appended = append(&mut self.values);
        let end = i32::try_from(self.values.len()).map_err(|_range| ColumnFull.into());
        match appended.and(end) {
            Ok(end) => {
                self.offsets.push(end);
                self.nulls.append_non_null();
                Ok(())
            }
            Err(error) => {
                self.values.truncate(start);
                Err(error)
            }
        }
    }

    /// Adds a NULL.
    #[inline]
    pub fn push_null(&mut self) {
        self.offsets.push(self.offsets.last().copied().unwrap_or_default());
        self.nulls.append_null();
    }

    /// Returns the values as bytes, and begins anew.
    pub fn finish_binary(&mut self) -> BinaryArray {
        let (offsets, values, nulls) = self.take();
        BinaryArray::new(offsets, values, nulls)
    }

    /// Returns the values as text, and begins anew, also where a value is none.
    pub fn finish_text(&mut self) -> Result<StringArray, NotUtf8> {
        let (offsets, values, nulls) = self.take();
        if values.is_ascii() {
            // Arrow's own check runs through ASCII at the speed of memory.
            let text = StringArray::try_new(offsets, values, nulls);
            return Ok(text.expect("ASCII is UTF-8, wherever it is cut"));
        }
        beyond_ascii(&offsets, &values, nulls.as_ref())
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
        let mut next_offsets = Vec::with_capacity(roomy(self.offsets.len()));
        next_offsets.push(0);
        let next_values = Vec::with_capacity(roomy(self.values.len()).min(KEPT_CAPACITY));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.offsets, next_offsets)));
        let values = Buffer::from(std::mem::replace(&mut self.values, next_values));
        (offsets, values, self.nulls.finish())
    }
}

/// The space for as much as last time and a little more: a vector that runs out by one value doubles.
fn roomy(length: usize) -> usize {
    length + length / 8
}

/// Makes text of bytes that are not all ASCII.
///
/// The standard library looks at such text byte by byte, which took a tenth of an export's CPU; a vectorized check and
/// a copy of what it has checked take a fifth of that (`docs/benchmarks.md`).
fn beyond_ascii(offsets: &[i32], values: &[u8], nulls: Option<&NullBuffer>) -> Result<StringArray, NotUtf8> {
    let text = simdutf8::basic::from_utf8(values).map_err(|_error| NotUtf8(first_strange(offsets, values)))?;
    let mut builder = StringBuilder::with_capacity(offsets.len().saturating_sub(1), text.len());
    for (row, bounds) in offsets.windows(2).enumerate() {
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            builder.append_null();
            continue;
        }
        // All bytes may be text where a value ends inside of a character.
        let value = range(bounds).and_then(|range| text.get(range));
        builder.append_value(value.ok_or(NotUtf8(row))?);
    }
    Ok(builder.finish())
}

/// Finds the value to blame, with a second look at all of them.
fn first_strange(offsets: &[i32], values: &[u8]) -> usize {
    let is_text = |bounds| {
        let value = range(bounds).and_then(|range| values.get(range));
        value.is_some_and(|value| simdutf8::basic::from_utf8(value).is_ok())
    };
    offsets.windows(2).position(|bounds| !is_text(bounds)).unwrap_or_default()
}

fn range(bounds: &[i32]) -> Option<std::ops::Range<usize>> {
    let &[start, end] = bounds else { return None };
    Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

#[cfg(test)]
mod tests {
    use arrow::array::Array as _;
    use proptest::prelude::*;

    use super::*;

    fn filled<'a>(values: impl IntoIterator<Item = Option<&'a [u8]>>) -> ByteColumn {
        let mut column = ByteColumn::new();
        for value in values {
            match value {
                Some(value) => column.push(value).unwrap(),
                None => column.push_null(),
            }
        }
        column
    }

    #[test]
    fn a_column_begins_anew_after_each_batch() {
        let mut column = filled([Some(&b"one"[..]), None]);
        assert_eq!(column.finish_text().unwrap(), StringArray::from(vec![Some("one"), None]));
        column.push("zwölf".as_bytes()).unwrap();
        assert_eq!(column.finish_text().unwrap(), StringArray::from(vec!["zwölf"]));
        assert_eq!(column.finish_binary().len(), 0);
    }

    #[test]
    fn a_character_that_is_cut_in_two_is_no_text() {
        let mut column = filled([Some(&b"fine"[..]), Some(&[0xC3][..]), Some(&[0xBC][..])]);
        assert_eq!(column.finish_text(), Err(NotUtf8(1)));
        assert_eq!(column.finish_text().unwrap().len(), 0, "the batch is gone");
    }

    #[test]
    fn a_value_that_fails_leaves_nothing_behind() {
        let mut column = filled([Some(&b"a"[..])]);
        let failed = column.push_with(|values| {
            values.extend_from_slice(b"half");
            Err(ColumnFull)
        });
        assert_eq!(failed, Err(ColumnFull));
        column.push(b"b").unwrap();
        assert_eq!(column.finish_text().unwrap(), StringArray::from(vec!["a", "b"]));
    }

    proptest! {
        #[test]
        fn text_comes_back_as_it_was(values in proptest::collection::vec(proptest::option::of(".{0,40}"), 0..40)) {
            let mut column = filled(values.iter().map(|value| value.as_ref().map(String::as_bytes)));
            prop_assert_eq!(column.finish_text().unwrap(), StringArray::from(values));
        }

        #[test]
        fn the_first_value_that_is_no_text_is_named(
            values in proptest::collection::vec(proptest::option::of(proptest::collection::vec(
                prop_oneof![4 => 0_u8..128, 1 => any::<u8>()], 0..8)), 0..12),
        ) {
            let mut column = filled(values.iter().map(Option::as_deref));
            let strange = values.iter().position(|value| {
                value.as_ref().is_some_and(|value| std::str::from_utf8(value).is_err())
            });
            prop_assert_eq!(column.finish_text().map(|text| text.len()), strange.map_or(Ok(values.len()), |row| Err(NotUtf8(row))));
        }
    }
}
