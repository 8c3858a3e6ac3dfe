use std::fs::{self, OpenOptions};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use miette::Diagnostic as _;
use rivet_model::{Compression, CsvOptions, Format, OutputOptions, Retry, RunId};
use rivet_writer::{LocalStore, PartStore, StoreError, StreamStore, WriteError};

use crate::support::{Local, encode, options, write};

/// Enough that no buffer holds it all.
fn large_batch() -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..200_000).map(|n| n * 7_919 % 1_000_003)));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..200_000).map(|n| format!("value {}", n * 31))));
    RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).unwrap()
}

fn all_formats() -> Vec<OutputOptions> {
    vec![
        options(Format::Parquet, Compression::Zstd { level: 1 }),
        options(Format::Csv, Compression::None),
        options(Format::Csv, Compression::Gzip { level: 1 }),
        options(Format::Csv, Compression::Zstd { level: 1 }),
    ]
}

fn assert_full(error: &WriteError, destination: &str) {
    assert!(matches!(error, WriteError::Store(StoreError::Full { .. })), "{error:?}");
    assert!(error.to_string().contains(destination), "{error}");
    assert_eq!(error.retry(), Retry::Never);
    assert_eq!(error.code().unwrap().to_string(), "rivet::writer::full");
    assert!(error.help().unwrap().to_string().starts_with("Free some space"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_stream_is_named() {
    for options in all_formats() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let store = Arc::new(StreamStore::new("stdout", full));
        let error = write(store, RunId::generate(), &[large_batch()], &options, false).unwrap_err();
        assert_full(&error, "`stdout`");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_nothing_half_written_stays() {
    for options in all_formats() {
        let (local, run) = (Local::new(), RunId::generate());
        let staging = local.path(&format!(".rivet-staging/{run}"));
        fs::create_dir_all(&staging).unwrap();
        let name = rivet_writer::PartNamer::new(&"t".parse().unwrap(), run, rivet_model::ChunkId(0), &options).name(0);
        std::os::unix::fs::symlink("/dev/full", staging.join(format!("{name}.part.tmp"))).unwrap();
        let store = Arc::clone(&local.store) as Arc<dyn PartStore>;
        let error = write(store, run, &[large_batch()], &options, false).unwrap_err();
        assert_full(&error, &format!("{name}.part"));
        assert_eq!(local.files(run), [".rivet-staging/RUN/"]);
    }
}

#[tokio::test]
async fn a_file_in_the_way_is_named() {
    let local = Local::new();
    fs::write(local.path("file"), "").unwrap();
    for root in ["file", "file/below", "file/far/below"] {
        let store = LocalStore::new(local.path(root)).unwrap();
        let error = store.check().await.unwrap_err();
        assert!(matches!(error, StoreError::NotAFolder { .. }), "{error:?}");
        assert!(error.help().unwrap().to_string().contains("Choose a folder"));
        assert_eq!(error.retry(), Retry::Never);
        let options = options(Format::Csv, Compression::None);
        let error = write(Arc::new(store), RunId::generate(), &[large_batch()], &options, false).unwrap_err();
        assert!(matches!(error, WriteError::Store(StoreError::NotAFolder { .. })), "{error:?}");
    }
}

/// No user may create files in `/proc`, root included.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_takes_no_files_fails_its_check() {
    let error = LocalStore::new("/proc/self").unwrap().check().await.unwrap_err();
    assert!(error.to_string().contains("`/proc/self`"), "{error}");
    assert_eq!(error.retry(), Retry::Never);
}

#[test]
fn options_that_do_not_fit_are_refused_before_anything_is_written() {
    let check = |options: OutputOptions, expected: &str| {
        let local = Local::new();
        let store = Arc::clone(&local.store) as Arc<dyn PartStore>;
        let error = write(store, RunId::generate(), &[large_batch()], &options, false).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.help().is_some());
        assert!(fs::read_dir(local.folder.path()).unwrap().next().is_none());
    };
    check(options(Format::Csv, Compression::Snappy), "can't be compressed with snappy");
    check(options(Format::Csv, Compression::Lz4), "can't be compressed with lz4");
    check(options(Format::Csv, Compression::Gzip { level: 10 }), "gzip has no level 10");
    check(options(Format::Parquet, Compression::Zstd { level: 23 }), "zstd has no level 23");
    let csv = CsvOptions { delimiter: b'"', ..CsvOptions::default() };
    check(OutputOptions { csv, ..options(Format::Csv, Compression::None) }, "the CSV delimiter");
}

#[test]
fn a_type_without_a_form_is_named() {
    let schema = Schema::new(vec![Field::new("wait", DataType::Duration(TimeUnit::Second), true)]);
    let batch = RecordBatch::new_empty(Arc::new(schema));
    let error = encode(&[batch], &options(Format::Csv, Compression::None)).unwrap_err();
    assert_eq!(error.to_string(), "column `wait` has the type Duration(s), which CSV has no form for");
}

#[test]
fn a_table_without_columns_is_refused() {
    for options in all_formats() {
        let error = encode(&[RecordBatch::new_empty(Arc::new(Schema::empty()))], &options).unwrap_err();
        assert!(matches!(error, WriteError::NoColumns), "{error}");
    }
}

#[test]
fn a_batch_of_another_schema_is_refused() {
    let other: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let other = RecordBatch::try_from_iter([("n", other)]).unwrap();
    let options = options(Format::Parquet, Compression::None);
    let error = encode(&[large_batch(), other], &options).unwrap_err();
    assert!(matches!(error, WriteError::Parquet(_)), "{error:?}");
}
