//! Row groups that are encoded beside each other.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::RowGroupMetaData;
use rivet_model::{
    ChunkId, Compression, Format, OutputOptions, ParquetEncoding, ParquetOptions, RowGroupTarget, RunId,
};
use rivet_writer::{ByteBudget, EncoderShare, ExportWriter, PartNamer, PartStore as _, StreamStore};

use crate::support::{Local, Shared, options};

const MIB: usize = 1 << 20;

fn parquet(row_group: RowGroupTarget) -> OutputOptions {
    let parquet = ParquetOptions { row_group, ..ParquetOptions::default() };
    OutputOptions { parquet, ..options(Format::Parquet, Compression::Zstd { level: 1 }) }
}

/// Rows whose text compresses as well as one letter in `spread` allows.
fn batch(first: i64, rows: i64, spread: u64) -> RecordBatch {
    let mut state = u64::try_from(first).unwrap() + 1;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + u8::try_from((state >> 33) % spread).unwrap())
    };
    let texts: Vec<String> = (0..rows).map(|_| (0..400).map(|_| letter()).collect()).collect();
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows));
    RecordBatch::try_from_iter([("id", ids), ("text", Arc::new(StringArray::from(texts)) as ArrayRef)]).unwrap()
}

fn batches(many: i64, spread: impl Fn(i64) -> u64) -> Vec<RecordBatch> {
    (0..many).map(|number| batch(number * 1_000, 1_000, spread(number))).collect()
}

/// Writes batches with so many encoders, within a budget, and returns the file.
fn encode(batches: &[RecordBatch], options: &OutputOptions, encoders: usize, budget: &Arc<ByteBudget>) -> Vec<u8> {
    let shared = Shared::default();
    let store = Arc::new(StreamStore::new("test", shared.clone()));
    let namer = PartNamer::new(&"t".parse().unwrap(), RunId::generate(), ChunkId(0), options);
    let writer = ExportWriter::new(batches[0].schema(), options.clone(), namer, store).unwrap();
    let mut writer = writer.sharing(EncoderShare { encoders, writers: 1 });
    for batch in batches {
        let permit = budget.take(batch.get_array_memory_size());
        writer.write_held(batch, Some(&permit)).unwrap();
    }
    let parts = writer.finish(false).unwrap();
    let bytes = shared.bytes();
    assert_eq!((parts.len(), parts[0].bytes), (1, bytes.len() as u64));
    bytes
}

fn read(bytes: Vec<u8>) -> (Vec<RowGroupMetaData>, RecordBatch) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    let (groups, schema) = (builder.metadata().row_groups().to_vec(), Arc::clone(builder.schema()));
    let found: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    (groups, concat_batches(&schema, &found).unwrap())
}

#[test]
fn rows_keep_their_order_and_a_file_its_bytes() {
    let batches = batches(24, |_| 60);
    let expected = concat_batches(&batches[0].schema(), &batches).unwrap();
    for encoders in 1..=4 {
        let options = parquet(RowGroupTarget::Bytes(MIB as u64));
        let bytes = encode(&batches, &options, encoders, &ByteBudget::new(64 * MIB));
        assert_eq!(bytes, encode(&batches, &options, encoders, &ByteBudget::new(2 * MIB)), "{encoders} encoders");
        let (groups, found) = read(bytes);
        assert_eq!(found, expected, "{encoders} encoders");
        assert!(groups.len() >= 5, "{} row groups", groups.len());
    }
}

#[test]
fn row_groups_stay_small_when_rows_compress_worse_than_those_before() {
    let batches = batches(40, |number| if number < 24 { 2 } else { 90 });
    let (groups, found) =
        read(encode(&batches, &parquet(RowGroupTarget::Bytes(MIB as u64)), 2, &ByteBudget::new(64 * MIB)));
    assert_eq!(found.num_rows(), 40_000);
    let largest = groups.iter().map(RowGroupMetaData::compressed_size).max().unwrap();
    // A quarter above the target, and a piece of 1,000 rows.
    assert!(largest <= 1_800_000, "{largest} bytes");
}

#[test]
fn a_target_of_rows_is_kept() {
    let options = parquet(RowGroupTarget::Rows(1_700));
    let (groups, found) = read(encode(&batches(6, |_| 60), &options, 3, &ByteBudget::new(64 * MIB)));
    let rows: Vec<_> = groups.iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(rows, [1_700, 1_700, 1_700, 900]);
    assert_eq!(found.num_rows(), 6_000);
}

#[test]
fn row_groups_are_smaller_where_several_are_encoded_at_a_time() {
    let batches = batches(120, |_| 90);
    let groups = |share| {
        let options = parquet(RowGroupTarget::Auto(32 << 20));
        let shared = Shared::default();
        let store = Arc::new(StreamStore::new("test", shared.clone()));
        let namer = PartNamer::new(&"t".parse().unwrap(), RunId::generate(), ChunkId(0), &options);
        let mut writer = ExportWriter::new(batches[0].schema(), options, namer, store).unwrap().sharing(share);
        for batch in &batches {
            writer.write(batch).unwrap();
        }
        writer.finish(false).unwrap();
        read(shared.bytes()).0.len()
    };
    assert_eq!(groups(EncoderShare { encoders: 1, writers: 1 }), 2);
    let small = groups(EncoderShare { encoders: 2, writers: 1 });
    assert!((5..=6).contains(&small), "{small}");
    assert_eq!(groups(EncoderShare { encoders: 2, writers: 8 }), small);
}

#[test]
fn row_groups_of_many_columns_have_many_rows() {
    let first_group = |columns: usize, numbers: i64, encoding| {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..50_000).map(|row| row * 7_919 % numbers)));
        let fields = (0..columns).map(|column| (format!("c{column}"), Arc::clone(&numbers)));
        let rows = RecordBatch::try_from_iter(fields).unwrap();
        let mut options = parquet(RowGroupTarget::Auto(32 << 20));
        options.parquet.encoding = encoding;
        let bytes = encode(std::slice::from_ref(&rows), &options, 2, &ByteBudget::new(512 * MIB));
        read(bytes).0[0].num_rows()
    };
    // An encoder of differences sets a mebibyte aside for its column before it has a row.
    for encoding in [ParquetEncoding::Compat, ParquetEncoding::Delta, ParquetEncoding::V2] {
        let rows = first_group(12, 100_003, encoding);
        assert!(rows >= 25_000, "{encoding:?}: {rows} rows");
    }
    // 8 MiB would end it after 8,192 rows.
    assert_eq!(first_group(200, 50, ParquetEncoding::Compat), 16_384);
}

#[test]
fn what_waits_is_in_the_budget_and_leaves_it() {
    let budget = ByteBudget::new(MIB);
    encode(&batches(24, |_| 60), &parquet(RowGroupTarget::Bytes(MIB as u64)), 3, &budget);
    // It would wait for ever if a permit were left.
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(budget.take(MIB)));
    receiver.recv_timeout(Duration::from_secs(20)).unwrap();
}

#[tokio::test]
async fn a_writer_that_is_given_up_leaves_nothing() {
    let local = Local::new();
    let (options, run, budget) =
        (parquet(RowGroupTarget::Bytes(MIB as u64)), RunId::generate(), ByteBudget::new(8 * MIB));
    for abort in [true, false] {
        let batches = batches(24, |_| 60);
        let namer = PartNamer::new(&"t".parse().unwrap(), run, ChunkId(0), &options);
        let store = Arc::clone(&local.store);
        let writer = ExportWriter::new(batches[0].schema(), options.clone(), namer, store).unwrap();
        let mut writer = writer.sharing(EncoderShare { encoders: 2, writers: 1 });
        for batch in &batches {
            let permit = budget.take(batch.get_array_memory_size());
            writer.write_held(batch, Some(&permit)).unwrap();
        }
        if abort {
            writer.abort();
        }
    }
    local.store.discard(run, &[]).await.unwrap();
    assert_eq!(local.files(run), Vec::<String>::new());
    drop(tokio::task::spawn_blocking(move || budget.take(8 * MIB)).await.unwrap());
}
