use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, FixedSizeBinaryArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{ConvertedType, Encoding, LogicalType};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use rivet_model::{
    Compression, Format, OutputOptions, ParquetEncoding, ParquetOptions, RowGroupTarget, RunId, SOURCE_TYPE_KEY,
};
use rivet_writer::PartStore as _;

use crate::support::{Local, encode, options, write};

fn field(name: &str, array: &ArrayRef, metadata: &[(&str, &str)]) -> Field {
    let metadata: HashMap<_, _> =
        metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Field::new(name, array.data_type().clone(), true).with_metadata(metadata)
}

/// A batch of all sorts; `seed` makes its values differ from others.
fn batch(seed: i64, rows: i64) -> RecordBatch {
    let numbers = (seed..seed + rows).map(|n| (n % 7 != 0).then_some(n * 7_919 % 1_000_003));
    let id: ArrayRef = Arc::new(numbers.clone().collect::<Int64Array>());
    let price: Decimal128Array = numbers.clone().map(|n| n.map(i128::from)).collect();
    let price: ArrayRef = Arc::new(price.with_precision_and_scale(15, 2).unwrap());
    let at = numbers.clone().collect::<TimestampMicrosecondArray>().with_timezone("UTC");
    let at: ArrayRef = Arc::new(at);
    let note: ArrayRef = Arc::new(numbers.clone().map(|n| n.map(|n| format!("note {n}"))).collect::<StringArray>());
    let json: ArrayRef =
        Arc::new(numbers.clone().map(|n| n.map(|n| format!("{{\"n\":{n}}}"))).collect::<StringArray>());
    let uuids = numbers.clone().map(|n| n.map(|n| [n.to_be_bytes(), n.to_le_bytes()].concat()));
    let uuid: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids, 16).unwrap());
    let lists = numbers.map(|n| n.map(|n| vec![i32::try_from(n).ok(), None]));
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists));
    let schema = Schema::new(vec![
        field("id", &id, &[(SOURCE_TYPE_KEY, "bigint")]),
        field("price", &price, &[]),
        field("at", &at, &[]),
        field("note", &note, &[]),
        field("json", &json, &[("ARROW:extension:name", "arrow.json"), ("ARROW:extension:metadata", "")]),
        field("uuid", &uuid, &[("ARROW:extension:name", "arrow.uuid")]),
        field("list", &list, &[]),
    ]);
    RecordBatch::try_new(Arc::new(schema), vec![id, price, at, note, json, uuid, list]).unwrap()
}

fn read(bytes: Vec<u8>) -> (Arc<ParquetMetaData>, RecordBatch) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    let (metadata, schema) = (Arc::clone(builder.metadata()), Arc::clone(builder.schema()));
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    (metadata, concat_batches(&schema, &batches).unwrap())
}

fn parquet(encoding: ParquetEncoding, row_group: RowGroupTarget, compression: Compression) -> OutputOptions {
    OutputOptions { parquet: ParquetOptions { encoding, row_group }, ..options(Format::Parquet, compression) }
}

const WIDE: RowGroupTarget = RowGroupTarget::Bytes(32 << 20);

#[test]
fn what_is_written_reads_back() {
    let batches = [batch(0, 3_000), batch(3_000, 1), batch(3_001, 3_000)];
    let expected = concat_batches(&batches[0].schema(), &batches).unwrap();
    for compression in [
        Compression::None,
        Compression::Snappy,
        Compression::Gzip { level: 6 },
        Compression::Lz4,
        Compression::Zstd { level: 1 },
    ] {
        for encoding in [ParquetEncoding::Compat, ParquetEncoding::Delta, ParquetEncoding::V2] {
            let (_, found) = read(encode(&batches, &parquet(encoding, WIDE, compression)).unwrap());
            assert_eq!(found, expected, "{encoding:?} {compression:?}");
        }
    }
}

#[test]
fn schema_and_logical_types_are_kept() {
    let batch = batch(0, 10);
    let options = parquet(ParquetEncoding::Compat, WIDE, Compression::Zstd { level: 1 });
    let (metadata, found) = read(encode(std::slice::from_ref(&batch), &options).unwrap());
    assert_eq!(found.schema().field(0).metadata()[SOURCE_TYPE_KEY], "bigint");
    assert_eq!(found.schema().field(2).data_type(), batch.schema().field(2).data_type());
    let file = metadata.file_metadata();
    assert_eq!(file.created_by(), Some(concat!("rivet version ", env!("CARGO_PKG_VERSION"))));
    assert_eq!(file.version(), 1);
    let logical = |column| file.schema_descr().column(column).logical_type_ref().cloned();
    assert_eq!(logical(4), Some(LogicalType::Json));
    assert_eq!(logical(5), Some(LogicalType::Uuid));
    assert!(matches!(logical(1), Some(LogicalType::Decimal { .. })));
    assert_eq!(file.schema_descr().column(4).converted_type(), ConvertedType::JSON);
}

#[test]
fn encodings_follow_the_option() {
    // Unique values, so that dictionaries are given up.
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..60_000).map(|n| n * 1_000_003)));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..60_000).map(|n| format!("text {n}"))));
    let batch = RecordBatch::try_from_iter([("id", ids), ("text", texts)]).unwrap();
    let check = |encoding, id: Encoding, text: Encoding, version| {
        let options = parquet(encoding, WIDE, Compression::None);
        let (metadata, _) = read(encode(std::slice::from_ref(&batch), &options).unwrap());
        let has = |column: usize, encoding| {
            metadata.row_groups().iter().any(|group| group.column(column).encodings().any(|it| it == encoding))
        };
        assert!(has(0, id) && has(1, text), "{encoding:?}");
        assert_eq!(metadata.file_metadata().version(), version);
    };
    check(ParquetEncoding::Compat, Encoding::PLAIN, Encoding::PLAIN, 1);
    check(ParquetEncoding::Delta, Encoding::DELTA_BINARY_PACKED, Encoding::DELTA_LENGTH_BYTE_ARRAY, 1);
    check(ParquetEncoding::V2, Encoding::DELTA_BINARY_PACKED, Encoding::DELTA_BYTE_ARRAY, 2);
}

#[test]
fn row_groups_end_by_memory() {
    let wide: Vec<ArrayRef> = (0..200)
        .map(|column| {
            let values = (0..1_000).map(|row| format!("{column} {row} {}", "x".repeat(50)));
            Arc::new(StringArray::from_iter_values(values)) as ArrayRef
        })
        .collect();
    let names = (0..200).map(|column| format!("c{column}"));
    let batch = RecordBatch::try_from_iter(names.zip(wide)).unwrap();
    let batches = vec![batch; 6];
    let options = parquet(ParquetEncoding::Compat, RowGroupTarget::Bytes(8 << 20), Compression::None);
    let (metadata, _) = read(encode(&batches, &options).unwrap());
    assert!((3..=6).contains(&metadata.num_row_groups()), "{}", metadata.num_row_groups());
}

#[test]
fn one_large_batch_is_cut_into_row_groups() {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..400_000).map(|n| n * 1_000_003)));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let options = parquet(ParquetEncoding::Compat, RowGroupTarget::Bytes(1 << 20), Compression::None);
    let (metadata, found) = read(encode(std::slice::from_ref(&batch), &options).unwrap());
    assert!(metadata.num_row_groups() >= 3, "{}", metadata.num_row_groups());
    assert_eq!(found, batch);
}

#[test]
fn row_groups_end_by_rows() {
    let options = parquet(ParquetEncoding::Compat, RowGroupTarget::Rows(1_000), Compression::None);
    let (metadata, _) = read(encode(&[batch(0, 2_500)], &options).unwrap());
    let rows: Vec<_> = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(rows, [1_000, 1_000, 500]);
}

#[test]
fn statistics_are_there_and_short() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["b".repeat(1_000), "a".repeat(1_000)]));
    let batch = RecordBatch::try_from_iter([("text", texts)]).unwrap();
    let options = parquet(ParquetEncoding::Compat, WIDE, Compression::None);
    let (metadata, _) = read(encode(&[batch], &options).unwrap());
    let statistics = metadata.row_group(0).column(0).statistics().unwrap();
    assert_eq!(statistics.min_bytes_opt().unwrap(), "a".repeat(64).as_bytes());
    assert_eq!(statistics.max_bytes_opt().unwrap().len(), 64);
    assert_eq!(statistics.null_count_opt(), Some(0));
}

#[test]
fn no_rows_leave_the_schema() {
    let empty = batch(0, 0);
    let (metadata, found) =
        read(encode(std::slice::from_ref(&empty), &options(Format::Parquet, Compression::Snappy)).unwrap());
    assert_eq!(metadata.file_metadata().num_rows(), 0);
    assert_eq!(found.schema(), empty.schema());
}

#[tokio::test]
async fn parts_end_at_their_size_and_are_verified() {
    for (format, compression) in [
        (Format::Parquet, Compression::Zstd { level: 1 }),
        (Format::Csv, Compression::None),
        (Format::Csv, Compression::Gzip { level: 6 }),
        (Format::Csv, Compression::Zstd { level: 3 }),
    ] {
        let (local, run) = (Local::new(), RunId::generate());
        let limit = 40_000;
        let options = OutputOptions { max_file_size: Some(limit), ..options(format, compression) };
        let batches: Vec<_> = (0..20).map(|index| batch(index * 1_000, 1_000)).collect();
        let parts = write(Arc::clone(&local.store) as Arc<_>, run, &batches, &options, true).unwrap();
        assert!(parts.len() > 2, "{format:?} {compression:?}: {}", parts.len());
        assert_eq!(parts.iter().map(|part| part.rows).sum::<u64>(), 20_000);
        local.store.publish(run, &parts).await.unwrap();
        for part in &parts {
            let check = local.store.verify_part(&options, part).await.unwrap();
            check.compare(part).unwrap();
        }
    }
}

#[tokio::test]
async fn a_damaged_part_is_found() {
    let (local, run) = (Local::new(), RunId::generate());
    let options = options(Format::Parquet, Compression::Snappy);
    let parts = write(Arc::clone(&local.store) as Arc<_>, run, &[batch(0, 100)], &options, false).unwrap();
    local.store.publish(run, &parts).await.unwrap();
    let path = local.path(&parts[0].name);
    let whole = std::fs::read(&path).unwrap();
    let check = async |bytes: &[u8], expected: &str| {
        std::fs::write(&path, bytes).unwrap();
        let checked = local.store.verify_part(&options, &parts[0]).await.and_then(|check| check.compare(&parts[0]));
        let error = checked.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&whole[..whole.len() - 1], "no Parquet file").await;
    check(b"", "no Parquet file").await;
    check(&[&whole[..100], &[whole[100] ^ 1], &whole[101..]].concat(), "its checksum is another").await;
    check(&[&[0; 10], &whole[..]].concat(), "bytes in place of").await;
}

#[test]
fn nothing_is_written_for_no_rows_unless_asked() {
    let local = Local::new();
    let options = options(Format::Parquet, Compression::None);
    let store = || Arc::clone(&local.store) as Arc<_>;
    assert!(write(store(), RunId::generate(), &[batch(0, 0)], &options, false).unwrap().is_empty());
    assert!(std::fs::read_dir(local.folder.path()).unwrap().next().is_none());
    let parts = write(store(), RunId::generate(), &[batch(0, 0)], &options, true).unwrap();
    assert_eq!(parts.iter().map(|part| part.rows).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_writer_that_is_dropped_or_aborted_leaves_nothing() {
    for compression in [Compression::None, Compression::Gzip { level: 1 }, Compression::Zstd { level: 1 }] {
        for format in [Format::Csv, Format::Parquet] {
            let (local, run) = (Local::new(), RunId::generate());
            let options = options(format, compression);
            for abort in [false, true] {
                let namer = rivet_writer::PartNamer::new(&"t".parse().unwrap(), run, rivet_model::ChunkId(0), &options);
                let data = batch(0, 10);
                let store = Arc::clone(&local.store) as Arc<_>;
                let mut writer = rivet_writer::ExportWriter::new(data.schema(), options.clone(), namer, store).unwrap();
                writer.write(&data).unwrap();
                if abort {
                    writer.abort();
                }
            }
            assert_eq!(local.files(run), [".rivet-staging/RUN/"]);
        }
    }
}

/// A sliced batch is written as its own rows only.
#[test]
fn slices_are_written_as_they_are() {
    let ids: ArrayRef = Arc::new(Int32Array::from_iter_values(0..100));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap().slice(10, 5);
    let (_, found) = read(encode(std::slice::from_ref(&batch), &options(Format::Parquet, Compression::None)).unwrap());
    assert_eq!(found, batch);
    assert_eq!(found.schema().field(0).data_type(), &DataType::Int32);
}
