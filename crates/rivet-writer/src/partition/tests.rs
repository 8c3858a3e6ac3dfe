use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{
    ArrayRef, AsArray as _, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray,
    RecordBatch, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Int32Type, Int64Type};
use async_trait::async_trait;
use proptest::prelude::*;
use rivet_model::{
    ChunkId, Compression, CsvOptions, DatePart, DestinationRecord, ExportName, Format, MetaColumns, OutputOptions,
    ParquetOptions, PartRecord, PartitionBy, RunId,
};
use serde_json::json;

use super::limits::Limits;
use super::{PartitionRouter, Partitioner};
use crate::error::WriteError;
use crate::layout::{PartName, PartNamer};
use crate::manifest::Manifest;
use crate::parts::PartMaker;
use crate::store::{Commit, Discarded, PartCheck, PartSink, PartStore, SinkReceipt, StoreError, StoreProbe};

const SMALL: Limits = Limits { open_parts: 3, buffered: 4_000, in_sinks: 100_000, waiting: 20_000, parts: 100_000 };

fn by(column: &str) -> PartitionBy {
    PartitionBy { key: column.parse().unwrap(), column: column.parse().unwrap(), part: None }
}

fn by_part(column: &str, part: DatePart) -> PartitionBy {
    let key = format!("{column}_{part}").parse().unwrap();
    PartitionBy { key, column: column.parse().unwrap(), part: Some(part) }
}

fn options(format: Format) -> OutputOptions {
    OutputOptions {
        format,
        compression: Compression::None,
        parquet: ParquetOptions::default(),
        csv: CsvOptions { header: false, ..CsvOptions::default() },
        max_file_size: None,
        meta_columns: MetaColumns::default(),
    }
}

/// Keeps parts in memory and counts what is open.
#[derive(Debug, Default)]
struct Counting {
    parts: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    open: Arc<AtomicUsize>,
    most_open: AtomicUsize,
    /// What each sink says that it holds.
    held: usize,
}

struct CountingSink {
    name: String,
    bytes: Vec<u8>,
    parts: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    open: Arc<AtomicUsize>,
    held: usize,
}

impl io::Write for CountingSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PartSink for CountingSink {
    fn held_bytes(&self) -> usize {
        self.held
    }

    fn finish(mut self: Box<Self>) -> Result<SinkReceipt, StoreError> {
        let bytes = std::mem::take(&mut self.bytes);
        let receipt = SinkReceipt { bytes: bytes.len() as u64, sha256: String::new() };
        let earlier = self.parts.lock().unwrap().insert(self.name.clone(), bytes);
        assert!(earlier.is_none(), "`{}` was written twice", self.name);
        Ok(receipt)
    }

    fn abort(self: Box<Self>) {}
}

impl Drop for CountingSink {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Display for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("memory")
    }
}

#[async_trait]
impl PartStore for Counting {
    fn record(&self) -> DestinationRecord {
        DestinationRecord { kind: "memory".to_owned(), root: String::new() }
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn probe(&self) -> Box<dyn StoreProbe> {
        unreachable!("nobody asks")
    }

    fn create(&self, _: RunId, name: &PartName) -> Result<Box<dyn PartSink>, StoreError> {
        self.most_open.fetch_max(self.open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let (parts, open) = (Arc::clone(&self.parts), Arc::clone(&self.open));
        let name = name.as_str().to_owned();
        Ok(Box::new(CountingSink { name, bytes: Vec::new(), parts, open, held: self.held }))
    }

    async fn publish(&self, _: RunId, _: &[PartRecord]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn commit(&self, _: &Manifest) -> Result<Commit, StoreError> {
        Ok(Commit::Created)
    }

    async fn manifest(&self, _: &ExportName, _: RunId) -> Result<Option<Manifest>, StoreError> {
        Ok(None)
    }

    async fn discard(&self, _: RunId, _: &[PartRecord]) -> Result<Discarded, StoreError> {
        Ok(Discarded::default())
    }

    async fn verify_part(&self, _: &OutputOptions, part: &PartRecord) -> Result<PartCheck, StoreError> {
        Ok(PartCheck { rows: part.rows, bytes: part.bytes, sha256: part.sha256.clone() })
    }
}

/// What came of writing batches.
struct Written {
    store: Arc<Counting>,
    parts: Vec<PartRecord>,
    /// What was held after a batch, at most.
    most_held: usize,
}

fn write(
    batches: &[RecordBatch],
    by: &[PartitionBy],
    limits: Limits,
    options: &OutputOptions,
    held: usize,
) -> Result<Written, WriteError> {
    let store = Arc::new(Counting { held, ..Counting::default() });
    let partitioner = Partitioner::new(&batches[0].schema(), by)?;
    let schema = Arc::clone(partitioner.schema());
    let mut router = PartitionRouter::with_limits(partitioner, options, limits);
    let namer = PartNamer::new(&"t".parse().unwrap(), RunId::generate(), ChunkId(0), options);
    let mut parts = PartMaker::new(schema, options.clone(), namer, Arc::clone(&store) as Arc<dyn PartStore>);
    let mut most_held = 0;
    for batch in batches {
        router.write(batch, &mut parts)?;
        most_held = most_held.max(router.held_bytes());
    }
    router.finish(&mut parts)?;
    Ok(Written { store, parts: parts.into_records(), most_held })
}

/// Returns the lines of all parts, each with its folder in front, sorted.
fn lines(written: &Written) -> Vec<String> {
    let parts = written.store.parts.lock().unwrap();
    let mut lines = Vec::new();
    for part in &written.parts {
        let folder = part.name.rsplit_once('/').unwrap().0;
        let text = std::str::from_utf8(&parts[&part.name]).unwrap();
        let found: Vec<String> = text.lines().map(|line| format!("{folder} {line}")).collect();
        assert_eq!(found.len() as u64, part.rows, "{}", part.name);
        lines.extend(found);
    }
    lines.sort();
    lines
}

fn batch(start: i64, keys: &[Option<String>]) -> RecordBatch {
    let ids: Int64Array = (start..).take(keys.len()).collect();
    let keys: StringArray = keys.iter().map(Option::as_deref).collect();
    let columns = [("id", Arc::new(ids) as ArrayRef, false), ("k", Arc::new(keys) as ArrayRef, true)];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn error(columns: &[(&str, ArrayRef)], by: &[PartitionBy]) -> String {
    let columns = columns.iter().map(|(name, array)| (*name, Arc::clone(array)));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    Partitioner::new(&batch.schema(), by).unwrap_err().to_string()
}

#[test]
fn values_of_every_kind_name_folders() {
    let at = 1_709_210_096_500_000_i64;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![1]))),
        ("b", Arc::new(BooleanArray::from(vec![true]))),
        ("u", Arc::new(UInt64Array::from(vec![u64::MAX]))),
        ("n", Arc::new(Decimal128Array::from(vec![-150]).with_precision_and_scale(10, 2).unwrap())),
        ("d", Arc::new(Date32Array::from(vec![19_782]))),
        ("t", Arc::new(Time64MicrosecondArray::from(vec![45_296_000_000]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![at]))),
        ("since", Arc::new(TimestampMicrosecondArray::from(vec![at]).with_timezone("UTC"))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let levels: Vec<PartitionBy> = ["b", "u", "n", "d", "t", "at", "since"].map(by).into();
    let written = write(&[batch], &levels, SMALL, &options(Format::Csv), 0).unwrap();
    let (folder, _) = written.parts[0].name.rsplit_once('/').unwrap();
    assert_eq!(
        folder,
        "b=true/u=18446744073709551615/n=-1.50/d=2024-02-29/t=12%3A34%3A56/at=2024-02-29 12%3A34%3A56.5/\
         since=2024-02-29 12%3A34%3A56.5+00"
    );
    let expected = json!([
        {"key": "b", "type": "bool", "value": true},
        {"key": "u", "type": "int", "value": u64::MAX},
        {"key": "n", "type": "decimal", "value": "-1.50"},
        {"key": "d", "type": "date", "value": "2024-02-29"},
        {"key": "t", "type": "time", "value": "12:34:56"},
        {"key": "at", "type": "timestamp", "value": "2024-02-29 12:34:56.5"},
        {"key": "since", "type": "timestamp_tz", "value": "2024-02-29 12:34:56.5+00"},
    ]);
    assert_eq!(serde_json::to_value(&written.parts[0].partition).unwrap(), expected);
    assert_eq!(lines(&written)[0].rsplit_once(' ').unwrap().1, "1", "whole values stand in folders alone");
}

#[test]
fn parts_of_dates_name_folders_and_stay_in_files() {
    let at = TimestampMicrosecondArray::from(vec![Some(1_709_210_096_500_000), None]).with_timezone("UTC");
    let batch = RecordBatch::try_from_iter([("at", Arc::new(at) as ArrayRef)]).unwrap();
    let levels = [DatePart::Year, DatePart::Month, DatePart::Day, DatePart::Hour].map(|part| by_part("at", part));
    let written = write(&[batch], &levels, SMALL, &options(Format::Csv), 0).unwrap();
    let null = "__HIVE_DEFAULT_PARTITION__";
    assert_eq!(
        lines(&written),
        [
            "at_year=2024/at_month=2024-02/at_day=2024-02-29/at_hour=2024-02-29-12 2024-02-29 12:34:56.5+00".to_owned(),
            format!("at_year={null}/at_month={null}/at_day={null}/at_hour={null} "),
        ]
    );
    let values = serde_json::to_value(&written.parts[0].partition).unwrap();
    assert_eq!(values[0], json!({"key": "at_year", "type": "int", "value": 2024}));
    assert_eq!(values[2], json!({"key": "at_day", "type": "date", "value": "2024-02-29"}));
}

#[test]
fn what_can_not_name_folders_is_refused() {
    let id: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let float: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]));
    let day: ArrayRef = Arc::new(Date32Array::from(vec![1]));
    let check = |found: String, expected: &str| assert_eq!(found, expected);
    let table = [("id", Arc::clone(&id)), ("f", float), ("l", list), ("d", Arc::clone(&day)), ("D_YEAR", id)];
    check(error(&table, &[by("no")]), "`partition_by` names the column `no`, which is not read");
    check(error(&table, &[by("f")]), "column `f` has the type Float64, whose values can't name folders");
    assert!(error(&table, &[by("l")]).contains("whose values can't name folders"));
    check(error(&table, &[by_part("id", DatePart::Day)]), "column `id` has the type Int64, which has no day");
    check(error(&table, &[by_part("d", DatePart::Hour)]), "column `d` has the type Date32, which has no hour");
    let taken = "the folders `d_year=` would stand for the column `D_YEAR` of the files";
    check(error(&table, &[by_part("d", DatePart::Year)]), taken);
    check(error(&[("d", day)], &[by("d")]), "all columns name folders, and none is left for the files");
}

#[test]
fn values_that_no_folder_can_be_named_after_are_told_without_the_value() {
    let check = |value: &str, expected: &str| {
        let batch = batch(0, &[Some(value.to_owned())]);
        let error = write(&[batch], &[by("k")], SMALL, &options(Format::Csv), 0).map(drop).unwrap_err().to_string();
        assert_eq!(error, expected);
    };
    check(&"ж".repeat(127), "a value of column `k` makes a folder's name of 256 bytes, above the 255 that it may have");
    check("__HIVE_DEFAULT_PARTITION__", "a value of column `k` is the text that stands for NULL in names of folders");
}

#[test]
fn parts_end_at_their_greatest_size() {
    let keys: Vec<Option<String>> = (0..4_000).map(|row| Some(format!("{}", row % 2))).collect();
    let batches: Vec<RecordBatch> = (0..10).map(|number| batch(number * 4_000, &keys)).collect();
    let options = OutputOptions { max_file_size: Some(50_000), ..options(Format::Csv) };
    let written = write(&batches, &[by("k")], SMALL, &options, 0).unwrap();
    assert_eq!(lines(&written).len(), 40_000);
    assert!(written.parts.len() >= 4, "{}", written.parts.len());
    let numbers: Vec<&str> = written.parts.iter().map(|part| part.name.rsplit_once('-').unwrap().1).collect();
    assert!(numbers.is_sorted() && numbers[0] == "000.csv", "{numbers:?}");
}

#[test]
fn ten_thousand_folders_take_no_more_memory_than_a_few() {
    // Each row another folder than the one before it, over and over: the worst that rows can do.
    let keys = |number: usize| {
        (0..8_192).map(move |row| Some(format!("value {}", (number * 8_192 + row) * 7 % 10_000))).collect::<Vec<_>>()
    };
    let batches: Vec<RecordBatch> = (0..4).map(|number| batch(0, &keys(number))).collect();
    let limits = Limits { open_parts: 16, buffered: 1 << 20, in_sinks: 1 << 20, waiting: 5 << 20, parts: 1 << 20 };
    for format in [Format::Parquet, Format::Csv] {
        let written = write(&batches, &[by("k")], limits, &options(format), 100).unwrap();
        let names = written.parts.iter().map(|part| part.name.as_str());
        let folders: BTreeSet<&str> = names.filter_map(|name| Some(name.split_once('/')?.0)).collect();
        assert_eq!(folders.len(), 10_000);
        assert_eq!(written.parts.iter().map(|part| part.rows).sum::<u64>(), 4 * 8_192);
        // One more for a moment, while rows that waited are written.
        let most_open = written.store.most_open.load(Ordering::Relaxed);
        assert!(most_open <= limits.open_parts + 1, "{most_open}");
        let bound = limits.waiting + limits.buffered + limits.in_sinks;
        assert!(written.most_held <= bound, "{} of {bound}", written.most_held);
        // Rows wait for others of their folder: fewer parts than rows.
        assert!(written.parts.len() < 25_000, "{}", written.parts.len());
    }
}

#[test]
fn rows_that_wait_for_others_of_their_folder_make_fewer_parts() {
    let keys: Vec<Option<String>> = (0..100_000).map(|row| Some(format!("{}", row * 7 % 1_000))).collect();
    let batches: Vec<RecordBatch> =
        keys.chunks(1_000).zip((0..).step_by(1_000)).map(|(keys, start)| batch(start, keys)).collect();
    let limits = Limits { open_parts: 16, waiting: 2 << 20, ..SMALL };
    let written = write(&batches, &[by("k")], limits, &options(Format::Csv), 0).unwrap();
    assert_eq!(lines(&written).len(), 100_000);
    assert!(written.parts.len() < 3_000, "{}", written.parts.len());
}

#[test]
fn what_sinks_hold_is_bounded_together() {
    let keys: Vec<Option<String>> = (0..300).map(|row| Some(format!("{}", row % 3))).collect();
    let batches: Vec<RecordBatch> = (0..3).map(|number| batch(number * 300, &keys)).collect();
    let limits = Limits { in_sinks: 2_500, ..SMALL };
    let written = write(&batches, &[by("k")], limits, &options(Format::Parquet), 1_000).unwrap();
    assert!(written.store.most_open.load(Ordering::Relaxed) == 3 && written.parts.len() > 3);
    assert_eq!(written.parts.iter().map(|part| part.rows).sum::<u64>(), 900);
}

#[test]
fn there_is_an_end_to_the_number_of_parts() {
    let keys: Vec<Option<String>> = (0..300).map(|row| Some(format!("{row}"))).collect();
    let limits = Limits { parts: 200, ..SMALL };
    let error = write(&[batch(0, &keys)], &[by("k")], limits, &options(Format::Csv), 0).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "the rows of one chunk make more than 200 parts");
}

#[test]
fn rows_that_come_in_the_order_of_their_folders_make_one_part_each() {
    let keys: Vec<Option<String>> = (0..20_000).map(|row| Some(format!("{:03}", row / 100))).collect();
    let batches: Vec<RecordBatch> =
        keys.chunks(64).zip((0..).step_by(64)).map(|(keys, start)| batch(start, keys)).collect();
    let limits = Limits { waiting: 8_000, ..SMALL };
    let written = write(&batches, &[by("k")], limits, &options(Format::Csv), 0).unwrap();
    assert_eq!(lines(&written).len(), 20_000);
    assert!(written.parts.len() < 2 * 200, "{}", written.parts.len());
}

#[test]
fn files_hold_the_columns_that_name_no_folders() {
    let batch = batch(7, &[Some("a".to_owned()), None]);
    let partitioner = Partitioner::new(&batch.schema(), &[by("k")]).unwrap();
    let sorted = partitioner.sort(&batch).unwrap();
    let folders: Vec<(&str, &[u32])> =
        sorted.groups.iter().map(|group| (group.folder.as_str(), group.rows.as_slice())).collect();
    assert_eq!(folders, [("k=a", &[0][..]), ("k=__HIVE_DEFAULT_PARTITION__", &[1])]);
    let rows = sorted.take(vec![1]).unwrap();
    assert_eq!((rows.num_columns(), rows.column(0).as_primitive::<Int64Type>().value(0)), (1, 8));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_row_is_kept_once_and_in_its_folder(
        keys in prop::collection::vec(prop::option::of("[ab/=.% ж]{0,2}"), 1..400),
        size in 1_usize..60,
        open_parts in 1_usize..5,
        waiting in 500_usize..20_000,
    ) {
        let batches: Vec<RecordBatch> =
            keys.chunks(size).zip((0..).step_by(size)).map(|(keys, start)| batch(start, keys)).collect();
        let limits = Limits { open_parts, waiting, ..SMALL };
        let written = write(&batches, &[by("k")], limits, &options(Format::Csv), 0).unwrap();
        let mut found = Vec::new();
        for part in &written.parts {
            let text = String::from_utf8(written.store.parts.lock().unwrap()[&part.name].clone()).unwrap();
            let value = serde_json::to_value(&part.partition[0]).unwrap()["value"].as_str().map(ToOwned::to_owned);
            found.extend(text.lines().map(|line| (line.parse::<i64>().unwrap(), value.clone())));
        }
        found.sort();
        let expected: Vec<_> = (0..).zip(keys.iter().cloned()).collect();
        prop_assert_eq!(found, expected);
        prop_assert!(written.store.most_open.load(Ordering::Relaxed) <= open_parts + 1);
    }
}
