use arrow::array::{ArrayBuilder as _, BinaryArray, NullBufferBuilder, StringArray, StringBuilder};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};

/// Gathers values of any length for a decoder, one after the other in one buffer.
///
/// Short text is checked once for all values of a batch, not once for each; long text as it comes, while it is in the
/// cache.
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
pub struct ByteColumn(Gathered);

#[derive(Debug)]
enum Gathered {
    /// Bytes that are not looked at before the batch is whole.
    Bytes { offsets: Vec<i32>, values: Vec<u8>, nulls: NullBufferBuilder },
    /// Text that was checked, and the first row that was none.
    Text { text: StringBuilder, strange: Option<usize> },
}

/// A batch would hold more than 2 GiB of one column, which the offsets of Arrow's arrays can't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than 2 GiB in one batch")]
pub struct ColumnFull;

/// The first row of a batch, counted from 0, whose bytes are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("row {0} holds bytes that are not UTF-8")]
pub struct NotUtf8(pub usize);

/// The bytes of a text, on average, from which it is checked as it comes: a copy is saved, and what a check costs by
/// itself does not count.
const LONG_TEXT: usize = 64;

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
        Self(Gathered::bytes(0, 0))
    }

    /// Adds a value. The column is as it was where that fails.
    #[inline]
    pub fn push(&mut self, value: &[u8]) -> Result<(), ColumnFull> {
        match &mut self.0 {
            Gathered::Bytes { .. } => self.push_with::<ColumnFull>(|values| {
                values.extend_from_slice(value);
                Ok(())
            }),
            Gathered::Text { text, strange } => push_text(text, strange, value),
        }
    }

    /// Adds what the function appends as one value. The column is as it was where that fails.
    #[inline]
    pub fn push_with<E: From<ColumnFull>>(
        &mut self,
        append: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (offsets, values, nulls) = match &mut self.0 {
            Gathered::Bytes { offsets, values, nulls } => (offsets, values, nulls),
            Gathered::Text { text, strange } => {
                let mut value = Vec::new();
                append(&mut value)?;
                return Ok(push_text(text, strange, &value)?);
            }
        };
        let start = values.len();
        let appended = append(values);
        let end = i32::try_from(values.len()).map_err(|_range| ColumnFull.into());
        match appended.and(end) {
            Ok(end) => {
                offsets.push(end);
                nulls.append_non_null();
                Ok(())
            }
            Err(error) => {
                values.truncate(start);
                Err(error)
            }
        }
    }

    /// Adds a NULL.
    #[inline]
    pub fn push_null(&mut self) {
        match &mut self.0 {
            Gathered::Bytes { offsets, nulls, .. } => {
                offsets.push(offsets.last().copied().unwrap_or_default());
                nulls.append_null();
            }
            Gathered::Text { text, .. } => text.append_null(),
        }
    }

    /// Returns the values as bytes, and begins anew.
    pub fn finish_binary(&mut self) -> BinaryArray {
        match self.take(false) {
            Gathered::Bytes { offsets, values, mut nulls } => {
                BinaryArray::new(OffsetBuffer::new(offsets.into()), values.into(), nulls.finish())
            }
            Gathered::Text { mut text, .. } => {
                let (offsets, values, nulls) = text.finish().into_parts();
                BinaryArray::new(offsets, values, nulls)
            }
        }
    }

    /// Returns the values as text, and begins anew, also where a value is none.
    pub fn finish_text(&mut self) -> Result<StringArray, NotUtf8> {
        let (offsets, values, nulls) = match self.take(true) {
            Gathered::Bytes { offsets, values, mut nulls } => {
                (OffsetBuffer::new(offsets.into()), Buffer::from(values), nulls.finish())
            }
            Gathered::Text { strange: Some(row), .. } => return Err(NotUtf8(row)),
            Gathered::Text { mut text, strange: None } => return Ok(text.finish()),
        };
        if values.is_ascii() {
            // Arrow's own check runs through ASCII at the speed of memory.
            let text = StringArray::try_new(offsets, values, nulls);
            return Ok(text.expect("ASCII is UTF-8, wherever it is cut"));
        }
        beyond_ascii(&offsets, &values, nulls.as_ref())
    }

    /// Returns what was gathered, and begins anew in the way that fits such values.
    fn take(&mut self, as_text: bool) -> Gathered {
        let (rows, bytes) = match &self.0 {
            Gathered::Bytes { offsets, values, .. } => (offsets.len() - 1, values.len()),
            Gathered::Text { text, .. } => (text.len(), text.values_slice().len()),
        };
        let next = if as_text && rows > 0 && bytes / rows >= LONG_TEXT {
            let text = StringBuilder::with_capacity(roomy(rows), roomy(bytes).min(KEPT_CAPACITY));
            Gathered::Text { text, strange: None }
        } else {
            Gathered::bytes(rows, bytes)
        };
        std::mem::replace(&mut self.0, next)
    }
}

impl Gathered {
    /// Makes space for as many rows and bytes as last time.
    fn bytes(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(roomy(rows) + 1);
        offsets.push(0);
        let values = Vec::with_capacity(roomy(bytes).min(KEPT_CAPACITY));
        Self::Bytes { offsets, values, nulls: NullBufferBuilder::new(1_024) }
    }
}

/// Adds a value that must be text; the batch tells where it is none.
fn push_text(text: &mut StringBuilder, strange: &mut Option<usize>, value: &[u8]) -> Result<(), ColumnFull> {
    if i32::try_from(text.values_slice().len() + value.len()).is_err() {
        return Err(ColumnFull);
    }
    match simdutf8::basic::from_utf8(value) {
        Ok(value) => text.append_value(value),
        Err(_error) => {
            strange.get_or_insert(text.len());
            text.append_null();
        }
    }
    Ok(())
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

    fn fill<'a>(column: &mut ByteColumn, values: impl IntoIterator<Item = Option<&'a [u8]>>) {
        for value in values {
            match value {
                Some(value) => column.push(value).unwrap(),
                None => column.push_null(),
            }
        }
    }

    fn filled<'a>(values: impl IntoIterator<Item = Option<&'a [u8]>>) -> ByteColumn {
        let mut column = ByteColumn::new();
        fill(&mut column, values);
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

    /// A column whose last batch was of long text.
    fn after_long_text() -> ByteColumn {
        let mut column = filled([Some("ü".repeat(LONG_TEXT).as_bytes()), None]);
        assert_eq!(column.finish_text().unwrap().null_count(), 1);
        assert!(matches!(column.0, Gathered::Text { .. }));
        column
    }

    #[test]
    fn short_text_after_long_text_is_gathered_again() {
        let mut column = after_long_text();
        column.push(b"short").unwrap();
        column
            .push_with::<ColumnFull>(|value| {
                value.extend_from_slice("für".as_bytes());
                Ok(())
            })
            .unwrap();
        assert_eq!(column.finish_text().unwrap(), StringArray::from(vec!["short", "für"]));
        assert!(matches!(column.0, Gathered::Bytes { .. }));
    }

    #[test]
    fn long_text_can_become_binary() {
        let mut column = after_long_text();
        column.push(b"a").unwrap();
        column.push_null();
        assert_eq!(column.finish_binary(), BinaryArray::from(vec![Some(&b"a"[..]), None]));
    }

    proptest! {
        #[test]
        fn text_comes_back_as_it_was(
            long in any::<bool>(),
            batches in proptest::collection::vec(proptest::collection::vec(
                proptest::option::of(prop_oneof![".{0,40}", ".{60,90}"]), 0..20), 1..4),
        ) {
            let mut column = if long { after_long_text() } else { ByteColumn::new() };
            for values in batches {
                fill(&mut column, values.iter().map(|value| value.as_ref().map(String::as_bytes)));
                prop_assert_eq!(column.finish_text().unwrap(), StringArray::from(values));
            }
        }

        #[test]
        fn the_first_value_that_is_no_text_is_named(
            long in any::<bool>(),
            values in proptest::collection::vec(proptest::option::of(proptest::collection::vec(
                prop_oneof![4 => 0_u8..128, 1 => any::<u8>()], 0..8)), 0..12),
        ) {
            let mut column = if long { after_long_text() } else { ByteColumn::new() };
            fill(&mut column, values.iter().map(Option::as_deref));
            let strange = values.iter().position(|value| {
                value.as_ref().is_some_and(|value| std::str::from_utf8(value).is_err())
            });
            prop_assert_eq!(column.finish_text().map(|text| text.len()), strange.map_or(Ok(values.len()), |row| Err(NotUtf8(row))));
        }
    }
}
