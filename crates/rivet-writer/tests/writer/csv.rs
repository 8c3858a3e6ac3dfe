use std::collections::HashMap;
use std::io::Read as _;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeBinaryArray,
    FixedSizeListArray, Float32Array, Float64Array, Int16Array, Int32Array, ListArray, MapBuilder, NullArray,
    RecordBatch, StringArray, StringBuilder, StructArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Float32Type, Int32Type, Schema};
use csv_async::AsyncReaderBuilder;
use futures_util::StreamExt as _;
use proptest::prelude::*;
use rivet_model::{Compression, CsvOptions, Format, OutputOptions};

use crate::support::{encode, options};

fn csv(options: CsvOptions) -> OutputOptions {
    OutputOptions { csv: options, ..crate::support::options(Format::Csv, Compression::None) }
}

fn text(batches: &[RecordBatch], options: &OutputOptions) -> String {
    String::from_utf8(encode(batches, options).unwrap()).unwrap()
}

fn column(array: ArrayRef) -> String {
    let batch = RecordBatch::try_from_iter_with_nullable([("c", array, true)]).unwrap();
    text(&[batch], &csv(CsvOptions { header: false, ..CsvOptions::default() }))
}

fn extended(array: ArrayRef, extension: &str) -> String {
    let metadata = HashMap::from([("ARROW:extension:name".to_owned(), extension.to_owned())]);
    let field = Field::new("c", array.data_type().clone(), true).with_metadata(metadata);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap();
    text(&[batch], &csv(CsvOptions { header: false, ..CsvOptions::default() }))
}

#[test]
fn values_have_the_forms_of_postgres() {
    let check = |array: ArrayRef, expected: &str| assert_eq!(column(array), expected);
    check(Arc::new(BooleanArray::from(vec![true, false])), "true\nfalse\n");
    check(Arc::new(Int16Array::from(vec![i16::MIN, 0])), "-32768\n0\n");
    check(Arc::new(Float64Array::from(vec![1.0, 1e20, f64::NAN, -f64::INFINITY])), "1\n1e+20\nNaN\n-Infinity\n");
    check(Arc::new(Float32Array::from(vec![0.1, 1e-7])), "0.1\n1e-07\n");
    let decimals = Decimal128Array::from(vec![12_345, -5]).with_precision_and_scale(15, 2).unwrap();
    check(Arc::new(decimals), "123.45\n-0.05\n");
    check(Arc::new(Date32Array::from(vec![19_782, -735_160])), "2024-02-29\n0044-03-15 BC\n");
    check(Arc::new(Time64MicrosecondArray::from(vec![45_296_789_000])), "12:34:56.789\n");
    let times = TimestampMicrosecondArray::from(vec![1_709_210_096_789_000]);
    check(Arc::new(times.clone()), "2024-02-29 12:34:56.789\n");
    check(Arc::new(times.with_timezone("UTC")), "2024-02-29 12:34:56.789+00\n");
    check(Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..], b""])), "\\x00ff\n\\x\n");
    let words: DictionaryArray<Int32Type> = [Some("b"), None, Some("a,")].into_iter().collect();
    check(Arc::new(words), "b\n\n\"a,\"\n");
    check(Arc::new(NullArray::new(2)), "\n\n");
}

#[test]
fn extension_types_have_their_own_forms() {
    let bytes: Vec<u8> = (0..16).collect();
    let uuid: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter([bytes].into_iter()).unwrap());
    assert_eq!(column(Arc::clone(&uuid)), "\\x000102030405060708090a0b0c0d0e0f\n");
    assert_eq!(extended(uuid, "arrow.uuid"), "00010203-0405-0607-0809-0a0b0c0d0e0f\n");
    let json: ArrayRef = Arc::new(StringArray::from(vec![r#"{"a": 1}"#]));
    assert_eq!(extended(json, "arrow.json"), "\"{\"\"a\"\": 1}\"\n");
}

#[test]
fn nested_values_are_json() {
    let check = |array: ArrayRef, expected: &str| {
        let written = column(array);
        let mut reader = csv_text(written.as_bytes());
        assert_eq!(reader.remove(0).remove(0), expected);
    };
    let numbers = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None, Some(-3)])]);
    check(Arc::new(numbers), "[1,null,-3]");
    let vector =
        FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>([Some(vec![Some(0.5), Some(f32::NAN)])], 2);
    check(Arc::new(vector), "[0.5,\"NaN\"]");
    let decimals = Decimal128Array::from(vec![10]).with_precision_and_scale(5, 2).unwrap();
    let fields: Vec<(Arc<Field>, ArrayRef)> = vec![
        named("say \"hi\"", Arc::new(StringArray::from(vec!["line\n\u{1}\\"]))),
        named("price", Arc::new(decimals)),
        named("day", Arc::new(Date32Array::from(vec![0]))),
        named("raw", Arc::new(BinaryArray::from(vec![&b"\x01"[..]]))),
        named("flag", Arc::new(BooleanArray::from(vec![Some(true)]))),
        named("none", Arc::new(Int32Array::from(vec![None]))),
    ];
    let expected =
        r#"{"say \"hi\"":"line\n\u0001\\","price":0.10,"day":"1970-01-01","raw":"\\x01","flag":true,"none":null}"#;
    check(Arc::new(StructArray::from(fields)), expected);
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("k\"");
    map.values().append_value("v");
    map.keys().append_value("n");
    map.values().append_null();
    map.append(true).unwrap();
    check(Arc::new(map.finish()), r#"{"k\"":"v","n":null}"#);
}

fn named(name: &str, array: ArrayRef) -> (Arc<Field>, ArrayRef) {
    (Arc::new(Field::new(name, array.data_type().clone(), true)), array)
}

#[test]
fn json_within_lists_stands_as_it_is() {
    let metadata = HashMap::from([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())]);
    let item = Arc::new(Field::new("item", DataType::Utf8, true).with_metadata(metadata));
    let values: ArrayRef = Arc::new(StringArray::from(vec!["{\"a\":1}", "[]"]));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([2]);
    let list = ListArray::new(item, offsets, values, None);
    assert_eq!(column(Arc::new(list)), "\"[{\"\"a\"\":1},[]]\"\n");
}

#[test]
fn header_delimiter_and_null_are_options() {
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a;b"), None, Some(""), Some("\\N")]));
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, None, Some(4)]));
    let batch = RecordBatch::try_from_iter([("the, name", names), ("n", numbers)]).unwrap();
    let check = |options: CsvOptions, expected: &str| {
        assert_eq!(text(std::slice::from_ref(&batch), &csv(options)), expected);
    };
    check(CsvOptions::default(), "\"the, name\",n\na;b,1\n,\n\"\",\n\\N,4\n");
    let null = "\\N".to_owned();
    let semicolons = CsvOptions { header: false, delimiter: b';', null };
    check(semicolons, "\"a;b\";1\n\\N;\\N\n;\\N\n\"\\N\";4\n");
    let digits = CsvOptions { header: false, delimiter: b'4', null: "1".to_owned() };
    check(digits, "a;b4\"1\"\n141\n41\n\\N4\"4\"\n");
}

#[test]
fn no_rows_leave_the_header() {
    let batch = RecordBatch::new_empty(Arc::new(Schema::new(vec![Field::new("", DataType::Int32, true)])));
    assert_eq!(text(std::slice::from_ref(&batch), &csv(CsvOptions::default())), "\"\"\n");
}

#[test]
fn a_column_by_itself_tells_null_from_empty() {
    let values = vec![None, Some(""), None, None, Some("a"), Some("\\."), None];
    let all: ArrayRef = Arc::new(StringArray::from(values));
    assert_eq!(column(Arc::clone(&all)), "\n\"\"\n\n\na\n\"\\.\"\n\n");
    let batch = |array| RecordBatch::try_from_iter_with_nullable([("c", array, true)]).unwrap();
    let cut = [batch(all.slice(0, 3)), batch(all.slice(3, 1)), batch(all.slice(4, 3))];
    let whole = text(&cut, &csv(CsvOptions { header: false, ..CsvOptions::default() }));
    assert_eq!(whole, column(all));
}

#[test]
fn compressed_csv_is_the_same_csv() {
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..100_000));
    let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    let plain = text(std::slice::from_ref(&batch), &csv(CsvOptions::default()));
    let gzip = encode(std::slice::from_ref(&batch), &options(Format::Csv, Compression::Gzip { level: 6 })).unwrap();
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(gzip.as_slice()).read_to_string(&mut unpacked).unwrap();
    assert!(unpacked == plain && gzip.len() < plain.len() / 2);
    let zstd = encode(&[batch], &options(Format::Csv, Compression::Zstd { level: 3 })).unwrap();
    assert!(zstd::decode_all(zstd.as_slice()).unwrap() == plain.as_bytes() && zstd.len() < plain.len() / 2);
}

/// Values larger than the buffers, alone and between others.
#[test]
fn large_values_pass_whole() {
    let large = "x\"y".repeat(300_000);
    let plain = "z".repeat(1_000_000);
    let first: ArrayRef = Arc::new(StringArray::from(vec!["a", &large, "b", &plain]));
    let second: ArrayRef = Arc::new(StringArray::from(vec!["1", "2", &plain, &large]));
    let batch = RecordBatch::try_from_iter([("a", first), ("b", second)]).unwrap();
    let written = text(&[batch], &csv(CsvOptions { header: false, ..CsvOptions::default() }));
    let expected = [["a", "1"], [&large, "2"], ["b", &plain], [&plain, &large]];
    assert!(csv_text(written.as_bytes()) == expected);
}

/// Reads fields back with csv-async, which can't tell NULL from the empty text.
fn csv_text(bytes: &[u8]) -> Vec<Vec<String>> {
    let reader = AsyncReaderBuilder::new().has_headers(false).create_reader(bytes);
    let records = futures_util::FutureExt::now_or_never(reader.into_records().collect::<Vec<_>>()).unwrap();
    records.into_iter().map(|record| record.unwrap().iter().map(ToOwned::to_owned).collect()).collect()
}

/// Reads fields back strictly, and tells a field without a character from one in quotes.
fn strict(text: &str, delimiter: char) -> Vec<Vec<Option<String>>> {
    let mut chars = text.chars().peekable();
    let (mut records, mut record) = (Vec::new(), Vec::new());
    while chars.peek().is_some() {
        let mut field = None;
        if chars.next_if_eq(&'"').is_some() {
            let mut quoted = String::new();
            while let Some(c) = chars.next() {
                if c != '"' {
                    quoted.push(c);
                } else if chars.next_if_eq(&'"').is_some() {
                    quoted.push('"');
                } else {
                    break;
                }
            }
            field = Some(quoted);
        } else {
            while let Some(c) = chars.next_if(|&c| c != delimiter && c != '\n') {
                assert!(c != '"' && c != '\r', "a special character outside of quotes");
                field.get_or_insert_with(String::new).push(c);
            }
        }
        record.push(field);
        match chars.next() {
            Some('\n') => records.push(std::mem::take(&mut record)),
            Some(c) => assert_eq!(c, delimiter),
            None => panic!("the last record is not ended"),
        }
    }
    records
}

proptest! {
    #[test]
    fn any_text_reads_back(
        rows in proptest::collection::vec(
            (proptest::option::of("[a,;\"\r\n\\\\N. é]{0,20}"), any::<Option<String>>()),
            1..20,
        ),
        delimiter in proptest::sample::select(vec![b',', b';', b'\t', b'|']),
    ) {
        let first: ArrayRef = Arc::new(rows.iter().map(|row| row.0.clone()).collect::<StringArray>());
        let second: ArrayRef = Arc::new(rows.iter().map(|row| row.1.clone()).collect::<StringArray>());
        let batch = RecordBatch::try_from_iter([("a", first), ("b", second)]).unwrap();
        let written = text(&[batch], &csv(CsvOptions { header: false, delimiter, null: String::new() }));
        let expected: Vec<_> = rows.iter().map(|row| vec![row.0.clone(), row.1.clone()]).collect();
        prop_assert_eq!(strict(&written, char::from(delimiter)), expected);
    }

    #[test]
    fn another_reader_agrees(rows in proptest::collection::vec(("\\PC{0,10}", "[\"\r\n,a]{0,8}"), 1..20)) {
        let first: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.0.clone())).collect::<StringArray>());
        let second: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.1.clone())).collect::<StringArray>());
        let batch = RecordBatch::try_from_iter([("a", first), ("b", second)]).unwrap();
        let written = text(&[batch], &csv(CsvOptions { header: false, ..CsvOptions::default() }));
        let expected: Vec<_> = rows.iter().map(|row| vec![row.0.clone(), row.1.clone()]).collect();
        prop_assert_eq!(csv_text(written.as_bytes()), expected);
    }

    #[test]
    fn a_column_by_itself_reads_back(rows in proptest::collection::vec(proptest::option::of("[a\"\n]{0,3}"), 1..30)) {
        let array: ArrayRef = Arc::new(rows.iter().cloned().collect::<StringArray>());
        let expected: Vec<_> = rows.into_iter().map(|row| vec![row]).collect();
        prop_assert_eq!(strict(&column(array), ','), expected);
    }
}
