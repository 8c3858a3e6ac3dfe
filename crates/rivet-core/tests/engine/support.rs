//! A source that fails where it is told to, and a folder to run in.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use async_trait::async_trait;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use rivet_config::{Config, Destination, Environment, Overrides, parse_str};
use rivet_core::{
    ApplyOptions, Choice, Engine, EngineError, Event, EventKind, Observer, Plan, PlanOptions, PlannedExport,
    RunOptions, RunReport,
};
use rivet_history::MemoryStore;
use rivet_model::{ConnectionSettings, DestinationRecord, ReadView, SourceKind};
use rivet_source::memory::MemorySource;
use rivet_source::{
    DescribeRequest, Description, Inspector, Reader, Scan, ScanLimits, ScanSpec, ServerInfo, Snapshot, Source,
    SourceError, SourceErrorKind, SourceFactory, Split, SplitRequest, Watermark, WatermarkRequest,
};
use rivet_writer::{ObjectStoreParts, PartStore};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// A variable that holds a mask's key.
pub(crate) const KEY_VARIABLE: &str = "MASK_KEY";

/// The key in it.
pub(crate) const KEY: &str = "a key that nobody should ever see";

/// A variable that holds too little.
pub(crate) const SHORT_VARIABLE: &str = "SHORT_KEY";

/// What goes wrong with a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Lost,
    Denied,
    Panic,
    Cancel,
}

/// A source in memory whose first scans fail after a batch.
#[derive(Debug, Clone)]
pub(crate) struct Faulty {
    inner: MemorySource,
    fault: Fault,
    left: Arc<AtomicUsize>,
    /// Batches, of all scans, that come before the first fault.
    batches: Arc<AtomicUsize>,
    after: usize,
    cancel: CancellationToken,
    /// Whether one moment can be shown to one worker alone.
    is_lone: bool,
}

impl Faulty {
    pub(crate) fn new(rows: i64, fault: Fault, times: usize) -> Self {
        let ids: Int64Array = (0..rows).collect();
        let labels: StringArray = (0..rows).map(|id| (id % 2 == 0).then(|| format!("row {id}"))).collect();
        let table = [("id", Arc::new(ids) as _), ("label", Arc::new(labels) as _)];
        let table = RecordBatch::try_from_iter_with_nullable(table.map(|(name, array)| (name, array, name == "label")));
        let inner = MemorySource::default().with_table("t".parse().unwrap(), table.unwrap());
        let (left, batches) = (Arc::new(AtomicUsize::new(times)), Arc::default());
        Self { inner, fault, left, batches, after: 1, cancel: CancellationToken::new(), is_lone: false }
    }

    /// Shows one moment to one worker alone, as servers do that can't hand a view on.
    pub(crate) fn lone(self) -> Self {
        Self { is_lone: true, ..self }
    }

    /// Fails after so many batches.
    pub(crate) fn after(self, batches: usize) -> Self {
        Self { after: batches, ..self }
    }

    pub(crate) fn sound(rows: i64) -> Self {
        Self::new(rows, Fault::Lost, 0)
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl SourceFactory for Faulty {
    fn kind(&self) -> SourceKind {
        SourceKind::Postgres
    }

    fn open(&self, _settings: &ConnectionSettings) -> Result<Arc<dyn Source>, SourceError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Source for Faulty {
    async fn server(&self) -> Result<ServerInfo, SourceError> {
        self.inner.server().await
    }

    async fn describe(&self, request: &DescribeRequest) -> Result<Description, SourceError> {
        self.inner.describe(request).await
    }

    async fn split(&self, spec: &ScanSpec, request: &SplitRequest, limits: &ScanLimits) -> Result<Split, SourceError> {
        self.inner.split(spec, request, limits).await
    }

    async fn watermark(
        &self,
        spec: &ScanSpec,
        request: &WatermarkRequest,
        limits: &ScanLimits,
    ) -> Result<Watermark, SourceError> {
        self.inner.watermark(spec, request, limits).await
    }

    async fn inspector(&self, patience: Duration) -> Result<Box<dyn Inspector>, SourceError> {
        self.inner.inspector(patience).await
    }

    async fn open_snapshot(
        &self,
        view: ReadView,
        workers: usize,
        limits: &ScanLimits,
    ) -> Result<Box<dyn Snapshot>, SourceError> {
        let view = if self.is_lone && workers > 1 { ReadView::PerScan } else { view };
        let inner = self.inner.open_snapshot(view, workers, limits).await?;
        Ok(Box::new(FaultySnapshot { inner, source: self.clone() }))
    }
}

#[derive(Debug)]
struct FaultySnapshot {
    inner: Box<dyn Snapshot>,
    source: Faulty,
}

#[async_trait]
impl Snapshot for FaultySnapshot {
    fn consistency(&self) -> rivet_model::Consistency {
        self.inner.consistency()
    }

    async fn reader(&self, limits: &ScanLimits) -> Result<Box<dyn Reader>, SourceError> {
        Ok(Box::new(FaultyReader { inner: self.inner.reader(limits).await?, source: self.source.clone() }))
    }

    async fn close(&self) -> Result<(), SourceError> {
        self.inner.close().await
    }
}

#[derive(Debug)]
struct FaultyReader {
    inner: Box<dyn Reader>,
    source: Faulty,
}

#[async_trait]
impl Reader for FaultyReader {
    async fn scan(&mut self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Box<dyn Scan>, SourceError> {
        let inner = self.inner.scan(spec, limits).await?;
        Ok(Box::new(FaultyScan { inner, source: self.source.clone(), batches: 0 }))
    }

    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        self.inner.close().await
    }
}

#[derive(Debug)]
struct FaultyScan {
    inner: Box<dyn Scan>,
    source: Faulty,
    batches: usize,
}

#[async_trait]
impl Scan for FaultyScan {
    fn schema(&self) -> arrow::datatypes::SchemaRef {
        self.inner.schema()
    }

    async fn next_batch(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let left = &self.source.left;
        let is_due = self.batches > 0 && self.source.batches.fetch_add(1, Ordering::SeqCst) + 1 >= self.source.after;
        let strikes = is_due && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        self.batches += 1;
        if strikes {
            match self.source.fault {
                Fault::Lost => return Err(SourceError::new(SourceErrorKind::ConnectionLost, "the connection broke")),
                Fault::Denied => return Err(SourceError::new(SourceErrorKind::Permission, "permission denied")),
                Fault::Panic => panic!("a defect on purpose"),
                Fault::Cancel => {
                    self.source.cancel.cancel();
                    std::future::pending::<()>().await;
                }
            }
        }
        self.inner.next_batch().await
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }

    fn summary(&self) -> rivet_source::ScanSummary {
        self.inner.summary()
    }
}

/// Keeps what it hears.
#[derive(Debug, Default)]
struct Ears(Mutex<Vec<String>>);

impl Observer for Ears {
    fn event(&self, event: &Event) {
        let word = match &event.kind {
            EventKind::Retrying { attempt, .. } => format!("retry after {attempt}"),
            EventKind::Note { note, .. } => note.clone(),
            _ => return,
        };
        self.0.lock().unwrap().push(word);
    }
}

/// Opens a bucket in memory for the destinations `s3`.
fn in_memory(bucket: &Arc<InMemory>, destination: &Destination, prefix: &str) -> Option<Arc<dyn PartStore>> {
    let Destination::S3(s3) = destination else { return None };
    let root = format!("s3://{}/{prefix}", s3.bucket);
    let record = DestinationRecord { kind: "s3".to_owned(), root: root.trim_end_matches('/').to_owned() };
    let path = Path::parse(format!("{}/{prefix}", s3.bucket)).unwrap();
    let store: Arc<dyn ObjectStore> = Arc::<InMemory>::clone(bucket);
    Some(Arc::new(ObjectStoreParts::new(store, path, record, Handle::current())))
}

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) state: Arc<MemoryStore>,
    /// What is in the bucket that the destinations `s3` lead to.
    pub(crate) bucket: Arc<InMemory>,
    ears: Arc<Ears>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            state: Arc::new(MemoryStore::new()),
            bucket: Arc::default(),
            ears: Arc::default(),
        }
    }

    pub(crate) fn config(&self, more: &str) -> Config {
        self.config_to("t", "{ type: local, path: out }", more)
    }

    /// Returns a configuration whose export has another name or destination.
    pub(crate) fn config_to(&self, name: &str, destination: &str, more: &str) -> Config {
        let text = format!(
            "source: {{ type: postgres, url: postgres://nobody@nowhere/db, environment: local }}\n\
             defaults: {{ tuning: {{ max_retries: 2, retry_backoff_ms: 1 }} }}\n\
             exports:\n  - {{ name: {name}, table: t, destination: {destination}{more} }}\n"
        );
        let path = self.folder.path().join("rivet.yaml");
        parse_str(&text, &path, &Environment::empty(), &Overrides::default()).unwrap()
    }

    pub(crate) async fn try_run(
        &self,
        source: Faulty,
        more: &str,
        options: RunOptions,
    ) -> Result<RunReport, EngineError> {
        let cancel = source.cancel.clone();
        self.engine(source).run(&self.config(more), &options, &cancel).await
    }

    pub(crate) async fn plan(&self, source: Faulty, more: &str) -> Result<Vec<PlannedExport>, EngineError> {
        let engine = self.engine(source);
        engine.plan(&self.config(more), &PlanOptions::default(), &CancellationToken::new()).await
    }

    pub(crate) async fn apply(&self, source: Faulty, plan: &Plan, force: bool) -> Result<RunReport, EngineError> {
        let cancel = source.cancel.clone();
        let options = ApplyOptions { choice: Choice::default(), force, validate: true, parallel_exports: 1 };
        self.engine(source).apply(plan, &options, &cancel).await
    }

    /// Runs a configuration of [`World::config_to`].
    pub(crate) async fn run_config(&self, source: Faulty, config: &Config) -> rivet_core::ExportReport {
        let cancel = source.cancel.clone();
        let report = self.engine(source).run(config, &RunOptions::default(), &cancel).await;
        report.unwrap().exports.remove(0)
    }

    fn engine(&self, source: Faulty) -> Engine {
        let state: Arc<dyn rivet_history::StateStore> = Arc::<MemoryStore>::clone(&self.state);
        let observer: Arc<dyn Observer> = Arc::<Ears>::clone(&self.ears);
        let variables = [
            ("RIVET_SOURCE_PASSWORD", "unused"),
            (KEY_VARIABLE, KEY),
            (SHORT_VARIABLE, "too short"),
            ("EMPTY_KEY", ""),
        ];
        let engine = Engine::builder(state).source(source).observer(observer);
        let bucket = Arc::clone(&self.bucket);
        engine
            .destination(move |to: &Destination, prefix: &str, _: &Environment| Ok(in_memory(&bucket, to, prefix)))
            .environment(Environment::from_iter(variables))
            .build()
    }

    pub(crate) async fn run(&self, source: Faulty, more: &str) -> rivet_core::ExportReport {
        self.try_run(source, more, RunOptions::default()).await.unwrap().exports.remove(0)
    }

    pub(crate) fn parts(&self) -> usize {
        let parts = |dir: &std::path::Path| {
            std::fs::read_dir(dir).map_or(0, |entries| {
                entries.filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|end| end == "parquet")).count()
            })
        };
        parts(&self.folder.path().join("out"))
    }

    pub(crate) fn has_staging(&self) -> bool {
        self.folder.path().join("out/.rivet-staging").exists()
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.ears.0.lock().unwrap().clone()
    }
}
