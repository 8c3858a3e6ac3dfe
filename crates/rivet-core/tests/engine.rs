//! The engine over the twins that need no server: what it commits, repeats, judges and gives up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{Int64Array, RecordBatch, StringArray};
use async_trait::async_trait;
use rivet_config::{Config, Environment, Overrides, parse_str};
use rivet_core::{Engine, EngineError, Event, EventKind, Observer, RunOptions, RunReport};
use rivet_history::{MemoryStore, StateStore as _};
use rivet_model::{ConnectionSettings, RunStatus, SourceKind};
use rivet_source::memory::MemorySource;
use rivet_source::{
    DescribeRequest, Description, Scan, ScanLimits, ScanSpec, ServerInfo, Snapshot, Source, SourceError,
    SourceErrorKind, SourceFactory,
};
use rivet_writer::{LocalStore, PartStore as _};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// What goes wrong with a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Lost,
    Denied,
    Panic,
    Cancel,
}

/// A source in memory whose first scans fail after a batch.
#[derive(Debug, Clone)]
struct Faulty {
    inner: MemorySource,
    fault: Fault,
    left: Arc<AtomicUsize>,
    cancel: CancellationToken,
}

impl Faulty {
    fn new(rows: i64, fault: Fault, times: usize) -> Self {
        let ids: Int64Array = (0..rows).collect();
        let labels: StringArray = (0..rows).map(|id| (id % 2 == 0).then(|| format!("row {id}"))).collect();
        let table = [("id", Arc::new(ids) as _), ("label", Arc::new(labels) as _)];
        let table = RecordBatch::try_from_iter_with_nullable(table.map(|(name, array)| (name, array, name == "label")));
        let inner = MemorySource::default().with_table("t".parse().unwrap(), table.unwrap());
        Self { inner, fault, left: Arc::new(AtomicUsize::new(times)), cancel: CancellationToken::new() }
    }

    fn sound(rows: i64) -> Self {
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

    async fn open_snapshot(&self, workers: usize, limits: &ScanLimits) -> Result<Box<dyn Snapshot>, SourceError> {
        let inner = self.inner.open_snapshot(workers, limits).await?;
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

    async fn scan(&self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Box<dyn Scan>, SourceError> {
        let inner = self.inner.scan(spec, limits).await?;
        Ok(Box::new(FaultyScan { inner, source: self.source.clone(), batches: 0 }))
    }

    async fn close(&self) -> Result<(), SourceError> {
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
        let strikes =
            self.batches == 1 && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
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

struct World {
    folder: TempDir,
    state: Arc<MemoryStore>,
    ears: Arc<Ears>,
}

impl World {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), state: Arc::new(MemoryStore::new()), ears: Arc::default() }
    }

    fn config(&self, more: &str) -> Config {
        let text = format!(
            "source: {{ type: postgres, url: postgres://nobody@nowhere/db, environment: local }}\n\
             defaults: {{ tuning: {{ max_retries: 2, retry_backoff_ms: 1 }} }}\n\
             exports:\n  - {{ name: t, table: t, destination: {{ type: local, path: out }}{more} }}\n"
        );
        let path = self.folder.path().join("rivet.yaml");
        parse_str(&text, &path, &Environment::empty(), &Overrides::default()).unwrap()
    }

    async fn try_run(&self, source: Faulty, more: &str, options: RunOptions) -> Result<RunReport, EngineError> {
        let cancel = source.cancel.clone();
        let state: Arc<dyn rivet_history::StateStore> = Arc::<MemoryStore>::clone(&self.state);
        let observer: Arc<dyn Observer> = Arc::<Ears>::clone(&self.ears);
        let engine = Engine::builder(state).source(source).observer(observer).build();
        engine.run(&self.config(more), &options, &cancel).await
    }

    async fn run(&self, source: Faulty, more: &str) -> rivet_core::ExportReport {
        self.try_run(source, more, RunOptions::default()).await.unwrap().exports.remove(0)
    }

    fn parts(&self) -> usize {
        let parts = |dir: &Path| {
            std::fs::read_dir(dir).map_or(0, |entries| {
                entries.filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|end| end == "parquet")).count()
            })
        };
        parts(&self.folder.path().join("out"))
    }

    fn has_staging(&self) -> bool {
        self.folder.path().join("out/.rivet-staging").exists()
    }

    fn heard(&self) -> Vec<String> {
        self.ears.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_run_commits_what_it_read() {
    let world = World::new();
    let report = world.run(Faulty::sound(20_000), "").await;
    assert_eq!((report.status, report.rows, report.retries), (RunStatus::Committed, 20_000, 0));
    assert_eq!((world.parts(), world.has_staging()), (1, false));
    let store = LocalStore::new(world.folder.path().join("out")).unwrap();
    let manifest = store.manifest(&report.export, report.run_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((manifest.rows, manifest.parts.len()), (20_000, 1));
    let record = world.state.run(report.run_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((record.status, record.metrics.unwrap().rows), (RunStatus::Committed, 20_000));
}

#[tokio::test]
async fn a_lost_connection_is_tried_again() {
    let world = World::new();
    let report = world.run(Faulty::new(20_000, Fault::Lost, 2), "").await;
    assert_eq!((report.status, report.rows, report.retries), (RunStatus::Committed, 20_000, 2));
    assert_eq!(world.heard(), ["retry after 1", "retry after 2"]);
    assert_eq!((world.parts(), world.has_staging()), (1, false));
}

#[tokio::test]
async fn attempts_come_to_an_end() {
    let world = World::new();
    let report = world.run(Faulty::new(20_000, Fault::Lost, 3), "").await;
    assert_eq!((report.status, report.rows), (RunStatus::Failed, 0));
    assert_eq!((world.parts(), world.has_staging()), (0, false));
    let record = world.state.run(report.run_id.unwrap()).await.unwrap().unwrap();
    assert_eq!(record.error.unwrap().code, "rivet::source::connection_lost");
}

#[tokio::test]
async fn a_permanent_error_is_not_tried_again() {
    let world = World::new();
    let report = world.run(Faulty::new(20_000, Fault::Denied, 1), "").await;
    assert_eq!(report.status, RunStatus::Failed);
    assert_eq!(world.heard(), Vec::<String>::new());
}

#[tokio::test]
async fn a_panic_fails_its_export_and_nothing_else() {
    let world = World::new();
    let report = world.run(Faulty::new(20_000, Fault::Panic, 1), "").await;
    let error = report.error.unwrap();
    assert!(matches!(&*error, EngineError::Panic { message } if message == "a defect on purpose"), "{error}");
    assert_eq!((world.parts(), world.has_staging()), (0, false));
}

#[tokio::test]
async fn cancelling_leaves_nothing() {
    let world = World::new();
    let report = world.run(Faulty::new(20_000, Fault::Cancel, 1), "").await;
    assert_eq!(report.status, RunStatus::Interrupted);
    assert_eq!((world.parts(), world.has_staging()), (0, false));
    assert!(world.state.unfinished().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_empty_table_gives_one_empty_part_or_none() {
    let world = World::new();
    let report = world.run(Faulty::sound(0), "").await;
    assert_eq!((report.status, report.rows, world.parts()), (RunStatus::Committed, 0, 1));
    let world = World::new();
    let report = world.run(Faulty::sound(0), ", skip_empty: true").await;
    assert_eq!((report.status, world.parts(), world.has_staging()), (RunStatus::Skipped, 0, false));
}

#[tokio::test]
async fn broken_rules_commit_nothing() {
    let world = World::new();
    let report = world.run(Faulty::sound(10), ", quality: { row_count_min: 11 }").await;
    let error = report.error.unwrap();
    assert!(matches!(&*error, EngineError::Quality { .. }), "{error}");
    assert_eq!((world.parts(), world.has_staging()), (0, false));
}

#[tokio::test]
async fn columns_that_changed_are_told_or_refused() {
    let world = World::new();
    assert_eq!(world.run(Faulty::sound(10), "").await.status, RunStatus::Committed);
    assert_eq!(world.run(Faulty::sound(10), ", exclude: [label]").await.status, RunStatus::Committed);
    assert_eq!(world.heard(), ["the columns are not those of the last run: column `label` is gone"]);
    let report = world.run(Faulty::sound(10), ", on_schema_drift: fail").await;
    let error = report.error.unwrap();
    assert!(matches!(&*error, EngineError::SchemaDrift { .. }), "{error}");
    assert_eq!(world.parts(), 2);
}

#[tokio::test]
async fn what_is_not_run_is_refused_before_anything_is_touched() {
    let world = World::new();
    let more = ", mode: incremental, cursor_column: id";
    let refused = world.try_run(Faulty::sound(1), more, RunOptions::default()).await.unwrap_err();
    assert!(matches!(refused, EngineError::NotRun { .. }), "{refused}");
    let options = RunOptions { exports: vec!["no_such".parse().unwrap()], ..RunOptions::default() };
    let refused = world.try_run(Faulty::sound(1), "", options).await.unwrap_err();
    assert!(matches!(refused, EngineError::NoSuchExport { .. }), "{refused}");
    assert!(!world.folder.path().join("out").exists());
}

#[tokio::test]
async fn what_is_passed_over_is_told() {
    let world = World::new();
    let report = world.run(Faulty::sound(10), ", shape_drift_warn_factor: 2").await;
    assert_eq!(report.status, RunStatus::Committed);
    let expected = "`shape_drift_warn_factor` is passed over: this version of Rivet does not know it yet";
    assert_eq!(world.heard(), [expected]);
}

#[tokio::test]
async fn parts_are_read_back_where_that_is_asked_for() {
    let world = World::new();
    let options = RunOptions { validate: true, ..RunOptions::default() };
    let report = world.try_run(Faulty::sound(10), ", max_file_size: 1MiB", options).await.unwrap().exports.remove(0);
    assert_eq!((report.status, report.validated), (RunStatus::Committed, Some(true)));
}
