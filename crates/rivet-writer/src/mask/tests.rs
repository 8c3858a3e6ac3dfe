use arrow::array::{
    AsArray as _, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    FixedSizeBinaryArray, Float64Array, Int64Array, LargeBinaryArray, LargeStringArray, ListArray, NullArray,
    StringArray, StringViewArray, StructArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Int32Type, TimeUnit};
use proptest::prelude::*;
use rivet_model::{FIDELITY_KEY, LOGICAL_TYPE_KEY, SOURCE_TYPE_KEY};
use sha2::{Digest as _, Sha256};

use super::*;

fn column() -> ColumnName {
    "c".parse().unwrap()
}

fn hmac(key: &[u8]) -> Mask {
    Mask::Hmac(MaskKey::of_any_length(key))
}

/// Masks a column of one array.
fn masked_field(field: Field, array: ArrayRef, mask: Mask) -> Result<RecordBatch, WriteError> {
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap();
    let mut masker = Masker::new(&batch.schema(), &BTreeMap::from([(column(), mask)]))?;
    let masked = masker.mask(batch)?;
    assert_eq!(masked.schema_ref(), masker.schema());
    Ok(masked)
}

fn masked(array: ArrayRef, mask: Mask) -> ArrayRef {
    let field = Field::new("c", array.data_type().clone(), true);
    Arc::clone(masked_field(field, array, mask).unwrap().column(0))
}

fn texts(array: &ArrayRef) -> Vec<Option<String>> {
    array.as_string::<i32>().iter().map(|text| text.map(ToOwned::to_owned)).collect()
}

fn text(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn sha256(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

/// The vectors of RFC 4231 whose messages are text: cases 1, 2, 6 and 7.
#[test]
fn hmac_is_the_one_of_the_rfc() {
    let check = |key: &[u8], message: &str, expected: &str| {
        let values = text(&[Some(message), None, Some(message)]);
        let expected = Some(expected.to_owned());
        assert_eq!(texts(&masked(values, hmac(key))), [expected.clone(), None, expected]);
    };
    check(&[0x0b; 20], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check(b"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    check(
        &[0xaa; 131],
        "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    );
    check(
        &[0xaa; 131],
        "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be \
         hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    );
}

#[test]
fn hash_is_sha_256() {
    let values = text(&[Some(""), Some("abc"), None]);
    assert_eq!(
        texts(&masked(values, Mask::Hash)),
        [
            Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned()),
            Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned()),
            None,
        ]
    );
}

#[test]
fn every_type_is_digested_by_its_text() {
    let check = |array: ArrayRef, expected: &str| {
        let name = array.data_type().to_string();
        let key = [7; 16];
        let by_hmac = texts(&masked(text(&[Some(expected)]), hmac(&key)));
        assert_eq!(texts(&masked(Arc::clone(&array), Mask::Hash))[0], Some(sha256(expected)), "{name}");
        assert_eq!(texts(&masked(array, hmac(&key)))[0], by_hmac[0], "{name}");
    };
    check(Arc::new(BooleanArray::from(vec![true])), "true");
    check(Arc::new(Int64Array::from(vec![-42])), "-42");
    check(Arc::new(Float64Array::from(vec![1.5])), "1.5");
    let decimal = Decimal128Array::from(vec![150]).with_precision_and_scale(9, 2).unwrap();
    check(Arc::new(decimal), "1.50");
    check(Arc::new(Date32Array::from(vec![19_782])), "2024-02-29");
    check(Arc::new(Time64MicrosecondArray::from(vec![45_296_789_000])), "12:34:56.789");
    let moment = TimestampMicrosecondArray::from(vec![1_709_210_096_789_000]);
    check(Arc::new(moment.clone()), "2024-02-29 12:34:56.789");
    check(Arc::new(moment.with_timezone("UTC")), "2024-02-29 12:34:56.789+00");
    check(text(&[Some("Zoë, \"quoted\"")]), "Zoë, \"quoted\"");
    check(Arc::new(LargeStringArray::from(vec!["large"])), "large");
    check(
        Arc::new(StringViewArray::from(vec!["a text that is too long for a view"])),
        "a text that is too long for a view",
    );
    check(Arc::new(BinaryArray::from(vec![&[0xde_u8, 0xad][..]])), "\\xdead");
    check(Arc::new(FixedSizeBinaryArray::try_from_iter([[1_u8, 255]].into_iter()).unwrap()), "\\x01ff");
    let dictionary: DictionaryArray<Int32Type> = ["x"].into_iter().collect();
    check(Arc::new(dictionary), "x");
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])]);
    check(Arc::new(list), "[1,null]");
    let fields = vec![(Arc::new(Field::new("a", DataType::Utf8, true)), text(&[Some("b")]))];
    check(Arc::new(StructArray::from(fields)), r#"{"a":"b"}"#);
}

#[test]
fn extension_types_are_digested_by_their_text_and_are_none_any_more() {
    let extension = |name: &str| ("ARROW:extension:name".to_owned(), name.to_owned());
    let check = |data_type: DataType, name: &str, array: ArrayRef, expected: &str| {
        let metadata = [
            extension(name),
            (SOURCE_TYPE_KEY.to_owned(), "theirs".to_owned()),
            (FIDELITY_KEY.to_owned(), "exact".to_owned()),
            (LOGICAL_TYPE_KEY.to_owned(), "enum".to_owned()),
        ];
        let field = Field::new("c", data_type, false).with_metadata(metadata.into());
        let masked = masked_field(field, array, Mask::Hash).unwrap();
        assert_eq!(texts(masked.column(0)), [Some(sha256(expected))]);
        let metadata = [(SOURCE_TYPE_KEY, "theirs"), (MASK_KEY, "hash")];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(masked.schema().field(0), &Field::new("c", DataType::Utf8, false).with_metadata(metadata.into()));
    };
    let uuid: Vec<u8> = (0..16).collect();
    let uuids = FixedSizeBinaryArray::try_from_iter([uuid].into_iter()).unwrap();
    check(DataType::FixedSizeBinary(16), "arrow.uuid", Arc::new(uuids), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    check(DataType::Utf8, "arrow.json", text(&[Some("{\"a\": 1}")]), "{\"a\": 1}");
}

#[test]
fn nulls_stay_nulls_wherever_they_stand() {
    let check = |array: ArrayRef, expected: &[bool]| {
        let name = array.data_type().to_string();
        for mask in [Mask::Hash, hmac(&[1; 16]), Mask::Null] {
            let all = matches!(mask, Mask::Null);
            let masked = masked(Arc::clone(&array), mask);
            let nulls: Vec<bool> =
                (0..masked.len()).map(|row| masked.logical_nulls().is_some_and(|nulls| nulls.is_null(row))).collect();
            let expected: Vec<bool> = expected.iter().map(|is_null| all || *is_null).collect();
            assert_eq!(nulls, expected, "{name}");
        }
    };
    check(Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])), &[false, true, false]);
    check(Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]).slice(1, 2)), &[true, false]);
    check(text(&[None, Some("a")]), &[true, false]);
    check(text(&[]), &[]);
    let dictionary: DictionaryArray<Int32Type> = [Some("x"), None].into_iter().collect();
    check(Arc::new(dictionary), &[false, true]);
    let values = DictionaryArray::<Int32Type>::new(vec![0, 1].into(), text(&[None, Some("x")]));
    check(Arc::new(values), &[true, false]);
    check(Arc::new(NullArray::new(2)), &[true, true]);
    check(Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([None, Some(vec![None])])), &[true, false]);
}

#[test]
fn null_keeps_the_type_and_forgets_what_was_promised() {
    let metadata =
        |keys: &[(&str, &str)]| keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let data_type = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let field = Field::new("c", data_type.clone(), false)
        .with_metadata(metadata(&[(SOURCE_TYPE_KEY, "timestamptz"), (FIDELITY_KEY, "exact")]));
    let moments = Arc::new(TimestampMicrosecondArray::from(vec![1]).with_timezone("UTC"));
    let masked = masked_field(field, moments, Mask::Null).unwrap();
    let expected = Field::new("c", data_type, true)
        .with_metadata(metadata(&[(SOURCE_TYPE_KEY, "timestamptz"), (MASK_KEY, "null")]));
    assert_eq!(masked.schema().field(0), &expected);
    assert_eq!(masked.column(0).null_count(), 1);
}

#[test]
fn the_beginning_stays() {
    let check = |array: ArrayRef, length: u64, expected: ArrayRef| {
        assert_eq!(masked(array, Mask::Truncate { length }).as_ref(), expected.as_ref());
    };
    let words = [Some("Zoë Łuk"), None, Some(""), Some("日本語"), Some("ab")];
    let cut = [Some("Zoë"), None, Some(""), Some("日本語"), Some("ab")];
    check(text(&words), 3, text(&cut));
    check(text(&words).slice(1, 3), 1, text(&[None, Some(""), Some("日")]));
    check(text(&words), 0, text(&[Some(""), None, Some(""), Some(""), Some("")]));
    check(text(&words), u64::MAX, text(&words));
    check(Arc::new(LargeStringArray::from(words.to_vec())), 3, Arc::new(LargeStringArray::from(cut.to_vec())));
    check(Arc::new(StringViewArray::from(words.to_vec())), 3, Arc::new(StringViewArray::from(cut.to_vec())));
    let (bytes, cut) = ([Some(&b"abc"[..]), None, Some(b"")], [Some(&b"ab"[..]), None, Some(b"")]);
    check(Arc::new(BinaryArray::from(bytes.to_vec())), 2, Arc::new(BinaryArray::from(cut.to_vec())));
    check(Arc::new(LargeBinaryArray::from(bytes.to_vec())), 2, Arc::new(LargeBinaryArray::from(cut.to_vec())));
    check(Arc::new(BinaryViewArray::from(bytes.to_vec())), 2, Arc::new(BinaryViewArray::from(cut.to_vec())));
    let dictionary = |words: &[Option<&str>]| words.iter().copied().collect::<DictionaryArray<Int32Type>>();
    let values = dictionary(&[Some("abc"), None, Some("xyz"), Some("abc")]);
    check(Arc::new(values), 2, Arc::new(dictionary(&[Some("ab"), None, Some("xy"), Some("ab")])));
}

#[test]
fn text_that_was_cut_is_no_json_any_more() {
    let metadata = [("ARROW:extension:name", "arrow.json"), (SOURCE_TYPE_KEY, "jsonb"), (FIDELITY_KEY, "exact")];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let field = Field::new("c", DataType::Utf8, true).with_metadata(metadata.into());
    let masked = masked_field(field, text(&[Some("{\"a\": 1}")]), Mask::Truncate { length: 2 }).unwrap();
    assert_eq!(texts(masked.column(0)), [Some("{\"".to_owned())]);
    let schema = masked.schema();
    assert_eq!(schema.field(0).extension_type_name(), None);
    assert_eq!(schema.field(0).metadata().get(MASK_KEY).map(String::as_str), Some("truncate"));
}

#[test]
fn what_can_t_be_masked_is_named() {
    let schema = |data_type| {
        Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, true), Field::new("c", data_type, true)]))
    };
    let refused = |column: &str, data_type: DataType, mask: Mask| {
        let masks = BTreeMap::from([(column.parse().unwrap(), mask)]);
        Masker::new(&schema(data_type), &masks).unwrap_err()
    };
    let error = refused("no_such", DataType::Int64, Mask::Hash);
    assert_eq!(error.to_string(), "`mask` names the column `no_such`, which is not read");
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert_eq!(help, "The columns are `a`, `c`.");
    for data_type in [DataType::Int64, DataType::FixedSizeBinary(16), DataType::Boolean] {
        let expected = format!("column `c` has the type {data_type}, which the mask `truncate` does not take");
        assert_eq!(refused("c", data_type, Mask::Truncate { length: 1 }).to_string(), expected);
    }
    let error = refused("c", DataType::Duration(TimeUnit::Second), hmac(&[0; 16]));
    assert_eq!(error.to_string(), "column `c` has the type Duration(s), which a mask has no form for");
}

#[test]
fn other_columns_stay_as_they_are_and_rows_in_their_order() {
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef, false),
        ("c", text(&[Some("a"), None]), true),
        ("note", text(&[Some("x"), Some("y")]), true),
    ])
    .unwrap();
    let masks = BTreeMap::from([(column(), Mask::Hash), ("note".parse().unwrap(), Mask::Null)]);
    let mut masker = Masker::new(&batch.schema(), &masks).unwrap();
    let masked = masker.mask(batch.clone()).unwrap();
    assert_eq!(masked.column(0), batch.column(0));
    assert_eq!(texts(masked.column(1)), [Some(sha256("a")), None]);
    assert_eq!(masked.column(2).null_count(), 2);
    let turned = batch.project(&[1, 0, 2]).unwrap();
    assert!(masker.mask(turned).is_err(), "another column would be masked in its place");
    let mut nothing = Masker::new(&batch.schema(), &BTreeMap::new()).unwrap();
    assert_eq!(nothing.mask(batch.clone()).unwrap(), batch);
}

#[test]
fn keys_are_long_enough_and_never_shown() {
    assert!(MaskKey::new(b"").is_none() && MaskKey::new(&[b'k'; 15]).is_none());
    let key = MaskKey::new(b"not shown at all").unwrap();
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("c", DataType::Utf8, true)]));
    let masker = Masker::new(&schema, &BTreeMap::from([(column(), Mask::Hmac(key.clone()))])).unwrap();
    let shown = format!("{key:?} {:?} {masker:?}", Mask::Hmac(key.clone()));
    assert!(shown.starts_with("MaskKey Hmac(MaskKey) Masker"), "{shown}");
    for secret in ["not shown", "110, 111, 116", "6e6f74"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    /// Batches may be cut anywhere, and equal values stay equal, different ones different.
    #[test]
    fn digests_follow_the_value_alone(
        values in proptest::collection::vec(proptest::option::of("[ab\u{e9}]{0,3}"), 1..40),
        cut in 0_usize..40,
    ) {
        let cut = cut.min(values.len());
        let array: ArrayRef = Arc::new(StringArray::from(values.clone()));
        let whole = texts(&masked(Arc::clone(&array), hmac(b"0123456789abcdef")));
        let mut parts = texts(&masked(array.slice(0, cut), hmac(b"0123456789abcdef")));
        parts.extend(texts(&masked(array.slice(cut, values.len() - cut), hmac(b"0123456789abcdef"))));
        prop_assert_eq!(&whole, &parts);
        for (one, digest) in values.iter().zip(&whole) {
            for (other, second) in values.iter().zip(&whole) {
                prop_assert_eq!(one == other, digest == second);
            }
        }
    }

    #[test]
    fn beginnings_are_those_of_the_text(word in any::<String>(), length in 0_usize..12) {
        let expected: String = word.chars().take(length).collect();
        let length = length as u64;
        prop_assert_eq!(texts(&masked(text(&[Some(&word)]), Mask::Truncate { length })), [Some(expected)]);
    }
}
