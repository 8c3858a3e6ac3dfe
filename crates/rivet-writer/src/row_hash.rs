use std::ops::Range;

use arrow::array::{RecordBatch, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{SchemaRef, i256};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::WriteError;
use crate::value::{Column, Values, push_hex};

/// What stands for NULL.
const NULL: u8 = 0;

/// What stands before a value.
const PRESENT: u8 = 1;

/// Lower hexadecimal digits of a digest.
const HASH_DIGITS: usize = 32;

/// Makes a digest of each row's values: XXH3, 128 bits, as 32 lower hexadecimal digits.
///
/// What is digested is an encoding in which different rows always differ, so that only the digest itself could
/// make two rows look the same. It depends on the row's values alone: not on the batch that a row came in, on its
/// place in it, or on Arrow's layout (`Utf8`, `LargeUtf8`, views and dictionaries give the same).
///
/// # The encoding
///
/// Column after column, in the order of the schema:
///
/// - NULL is the byte 0; any other value is the byte 1 and then the value:
/// - a boolean is one byte, 0 or 1;
/// - an integer, a date, a time, a timestamp or a decimal is its number, little endian, as wide as its Arrow type (a
///   decimal without its scale, a date or time in the unit of its type);
/// - a float is its bits, little endian; every NaN is the one with the bits `7fc00000` or `7ff8000000000000`;
/// - text and binary are their length in bytes as 8 bytes, little endian, and then their bytes; fixed-size binary
///   and uuid are their bytes alone;
/// - a list, fixed-size ones too, is the count of its elements as 8 bytes, little endian, and then each element by
///   these rules from the NULL byte on; a struct is the count of its fields and then each of them; a map the count
///   of its entries and then key and value of each.
///
/// The digest is XXH3 with 128 bits, seed 0 and the standard secret, its number written with its highest digit
/// first.
#[derive(Debug)]
pub struct RowHasher {
    row: Vec<u8>,
}

impl RowHasher {
    /// Makes a hasher for batches of this schema. Fails where a column has a type that the encoding does not know.
    pub fn new(schema: &SchemaRef) -> Result<Self, WriteError> {
        Column::check_all(schema, WHAT)?;
        Ok(Self { row: Vec::new() })
    }

    /// Returns the digests of all rows.
    pub fn hash(&mut self, batch: &RecordBatch) -> Result<StringArray, WriteError> {
        let columns = Column::bind_all(batch, WHAT)?;
        let mut digits = Vec::with_capacity(batch.num_rows() * HASH_DIGITS);
        for row in 0..batch.num_rows() {
            self.row.clear();
            for column in &columns {
                push_value(column, row, &mut self.row);
            }
            push_hex(&xxh3_128(&self.row).to_be_bytes(), &mut digits);
        }
        let offsets = OffsetBuffer::from_repeated_length(HASH_DIGITS, batch.num_rows());
        StringArray::try_new(offsets, Buffer::from_vec(digits), None).map_err(WriteError::Batch)
    }
}

const WHAT: &str = "the row hash";

fn push_value(column: &Column<'_>, row: usize, out: &mut Vec<u8>) {
    if column.is_null(row) || matches!(column.values, Values::Null) {
        out.push(NULL);
        return;
    }
    if let Values::Dictionary(places, values) = &column.values {
        return push_value(values, places[row], out);
    }
    out.push(PRESENT);
    match &column.values {
        Values::Null | Values::Dictionary(_, _) => {}
        Values::Boolean(values) => out.push(u8::from(values.value(row))),
        Values::Int8(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::Int16(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::Int32(values) | Values::Date32(values) | Values::Time32(values, _) | Values::Decimal32(values, _) => {
            out.extend_from_slice(&values[row].to_le_bytes());
        }
        Values::Int64(values)
        | Values::Date64(values)
        | Values::Time64(values, _)
        | Values::Timestamp { values, .. }
        | Values::Decimal64(values, _) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::UInt8(values) => out.push(values[row]),
        Values::UInt16(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::UInt32(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::UInt64(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::Float32(values) => {
            let bits = if values[row].is_nan() { 0x7fc0_0000 } else { values[row].to_bits() };
            out.extend_from_slice(&bits.to_le_bytes());
        }
        Values::Float64(values) => {
            let bits = if values[row].is_nan() { 0x7ff8_0000_0000_0000 } else { values[row].to_bits() };
            out.extend_from_slice(&bits.to_le_bytes());
        }
        Values::Decimal128(values, _) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::Decimal256(values, _) => out.extend_from_slice(&i256::to_le_bytes(values[row])),
        Values::Text(text) | Values::Json(text) => push_sized(text.get(row).as_bytes(), out),
        Values::Binary(bytes) => push_sized(bytes.get(row), out),
        Values::FixedBinary(bytes) | Values::Uuid(bytes) => out.extend_from_slice(bytes.value(row)),
        Values::List(spans, items) => {
            push_each(spans.get(row), out, |item, out| push_value(items, item, out));
        }
        Values::Struct(fields) => push_each(0..fields.len(), out, |index, out| push_value(&fields[index].1, row, out)),
        Values::Map { spans, keys, values } => push_each(spans.get(row), out, |entry, out| {
            push_value(keys, entry, out);
            push_value(values, entry, out);
        }),
    }
}

fn push_sized(bytes: &[u8], out: &mut Vec<u8>) {
    push_count(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn push_each(range: Range<usize>, out: &mut Vec<u8>, mut push: impl FnMut(usize, &mut Vec<u8>)) {
    push_count(range.len(), out);
    for index in range {
        push(index, out);
    }
}

fn push_count(count: usize, out: &mut Vec<u8>) {
    let count = u64::try_from(count).expect("memory is counted in at most 64 bits");
    out.extend_from_slice(&count.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BinaryArray, DictionaryArray, Int32Array, LargeStringArray, ListArray};
    use arrow::datatypes::{DataType, Field, Int32Type, Schema};
    use proptest::prelude::*;

    use super::*;

    fn hash(columns: Vec<ArrayRef>) -> Vec<String> {
        let fields: Vec<Field> = columns
            .iter()
            .enumerate()
            .map(|(index, column)| Field::new(format!("c{index}"), column.data_type().clone(), true))
            .collect();
        hash_batch(&RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap())
    }

    fn hash_batch(batch: &RecordBatch) -> Vec<String> {
        let hashes = RowHasher::new(&batch.schema()).unwrap().hash(batch).unwrap();
        hashes.iter().map(|hash| hash.unwrap().to_owned()).collect()
    }

    fn text(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn the_encoding_is_what_its_description_says() {
        let mut row = vec![PRESENT, 7, 0, 0, 0, PRESENT, 2, 0, 0, 0, 0, 0, 0, 0];
        row.extend_from_slice(b"ab");
        row.push(NULL);
        let expected = format!("{:032x}", xxh3_128(&row));
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![7]));
        assert_eq!(hash(vec![numbers, text(&[Some("ab")]), text(&[None])]), [expected]);
    }

    /// What other programs check themselves against: the published digest of nothing at all.
    #[test]
    fn the_digest_is_xxh3() {
        assert_eq!(format!("{:032x}", xxh3_128(b"")), "99aa06d3014798d86001c324468d497f");
    }

    #[test]
    fn layouts_slices_and_dictionaries_give_the_same() {
        let values = [Some("a"), None, Some(""), Some("bb"), Some("a")];
        let plain = hash(vec![text(&values)]);
        let large: ArrayRef = Arc::new(LargeStringArray::from(values.to_vec()));
        let dictionary: DictionaryArray<Int32Type> = values.into_iter().collect();
        assert_eq!(hash(vec![large]), plain);
        assert_eq!(hash(vec![Arc::new(dictionary)]), plain);
        assert_eq!(hash(vec![text(&values).slice(1, 3)]), plain[1..4]);
    }

    #[test]
    fn neighbours_differ() {
        let lists = |items: Vec<Option<Vec<Option<i32>>>>| -> ArrayRef {
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(items))
        };
        let rows = [
            hash(vec![text(&[None]), text(&[Some("")])]),
            hash(vec![text(&[Some("")]), text(&[None])]),
            hash(vec![text(&[Some("")]), text(&[Some("")])]),
            hash(vec![text(&[None]), text(&[None])]),
            hash(vec![text(&[Some("ab")]), text(&[Some("")])]),
            hash(vec![text(&[Some("a")]), text(&[Some("b")])]),
            hash(vec![lists(vec![None])]),
            hash(vec![lists(vec![Some(vec![])])]),
            hash(vec![lists(vec![Some(vec![None])])]),
            hash(vec![lists(vec![Some(vec![Some(0)])])]),
            hash(vec![lists(vec![Some(vec![None, None])])]),
        ];
        for (index, row) in rows.iter().enumerate() {
            assert!(!rows[..index].contains(row), "{index}");
        }
    }

    #[test]
    fn a_type_without_an_encoding_is_named() {
        let fields = vec![Field::new("d", DataType::Duration(arrow::datatypes::TimeUnit::Second), true)];
        let error = RowHasher::new(&Arc::new(Schema::new(fields))).unwrap_err();
        assert_eq!(error.to_string(), "column `d` has the type Duration(s), which the row hash has no form for");
    }

    proptest! {
        /// Rows of two text columns, a binary one and a list hash alike exactly where they are alike.
        #[test]
        fn different_rows_differ(
            rows in proptest::collection::vec(
                (
                    proptest::option::of("[ab\u{0}\u{1}]{0,3}"),
                    proptest::option::of("[ab\u{0}\u{1}]{0,3}"),
                    proptest::option::of(proptest::collection::vec(0_u8..3, 0..3)),
                    proptest::option::of(proptest::collection::vec(proptest::option::of(0_i32..2), 0..3)),
                ),
                1..60,
            ),
        ) {
            let a: StringArray = rows.iter().map(|row| row.0.clone()).collect();
            let b: StringArray = rows.iter().map(|row| row.1.clone()).collect();
            let c: BinaryArray = rows.iter().map(|row| row.2.clone()).collect();
            let d = ListArray::from_iter_primitive::<Int32Type, _, _>(rows.iter().map(|row| row.3.clone()));
            let hashes = hash(vec![Arc::new(a), Arc::new(b), Arc::new(c), Arc::new(d)]);
            let mut seen = BTreeMap::new();
            for (row, hash) in rows.into_iter().zip(hashes) {
                let first = seen.entry(hash).or_insert_with(|| row.clone());
                prop_assert_eq!(&*first, &row);
            }
            let distinct: std::collections::BTreeSet<_> = seen.values().cloned().collect();
            prop_assert_eq!(distinct.len(), seen.len());
        }

        #[test]
        fn batches_may_be_cut_anywhere(values in proptest::collection::vec(any::<Option<i32>>(), 1..40), cut in 0_usize..40) {
            let cut = cut.min(values.len());
            let array: ArrayRef = Arc::new(Int32Array::from(values.clone()));
            let whole = hash(vec![Arc::clone(&array)]);
            let mut parts = hash(vec![array.slice(0, cut)]);
            parts.extend(hash(vec![array.slice(cut, values.len() - cut)]));
            prop_assert_eq!(whole, parts);
        }
    }
}
