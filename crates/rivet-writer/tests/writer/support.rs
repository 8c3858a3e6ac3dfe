use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use rivet_model::{
    ChunkId, Compression, CsvOptions, Format, MetaColumns, OutputOptions, ParquetOptions, PartRecord, RunId,
};
use rivet_writer::{ExportWriter, LocalStore, PartNamer, PartStore, StreamStore, WriteError};

/// Options with everything else as it comes.
pub(crate) fn options(format: Format, compression: Compression) -> OutputOptions {
    OutputOptions {
        format,
        compression,
        parquet: ParquetOptions::default(),
        csv: CsvOptions::default(),
        max_file_size: None,
        meta_columns: MetaColumns::default(),
    }
}

/// A stream whose bytes can be looked at afterwards.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes batches as one part and returns its bytes.
pub(crate) fn encode(batches: &[RecordBatch], options: &OutputOptions) -> Result<Vec<u8>, WriteError> {
    let shared = Shared::default();
    let store = Arc::new(StreamStore::new("test", shared.clone()));
    let parts = write(store, RunId::generate(), batches, options, true)?;
    let bytes = shared.bytes();
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].bytes, u64::try_from(bytes.len()).unwrap());
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(parts[0].rows, u64::try_from(rows).unwrap());
    Ok(bytes)
}

/// Writes batches as chunk 0 of the export `t`.
pub(crate) fn write(
    store: Arc<dyn PartStore>,
    run: RunId,
    batches: &[RecordBatch],
    options: &OutputOptions,
    write_empty: bool,
) -> Result<Vec<PartRecord>, WriteError> {
    let namer = PartNamer::new(&"t".parse().unwrap(), run, ChunkId(0), options);
    let mut writer = ExportWriter::new(batches[0].schema(), options.clone(), namer, store)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish(write_empty)
}

/// A folder that is removed at the end, and a store in it.
pub(crate) struct Local {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Arc<LocalStore>,
}

impl Local {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(LocalStore::new(folder.path()).unwrap());
        Self { folder, store }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All files below the folder, sorted, with `/` between; run ids are written `RUN`.
    pub(crate) fn files(&self, run: RunId) -> Vec<String> {
        let mut files = Vec::new();
        walk(self.folder.path(), self.folder.path(), &mut files);
        files.sort();
        files.iter().map(|file| file.replace(&run.to_string(), "RUN")).collect()
    }
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if path.is_dir() {
            let before = files.len();
            walk(root, &path, files);
            if files.len() == before {
                files.push(format!("{name}/"));
            }
        } else {
            files.push(name);
        }
    }
}
