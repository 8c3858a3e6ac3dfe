//! The suite that every [`PartStore`] passes. Its functions panic with what is wrong.
//!
//! Each uses runs of its own, so that one store serves them all. They are called inside of a Tokio runtime.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rivet_model::{
    ChunkId, Compression, Consistency, CsvOptions, ExportName, Fingerprint, Format, MetaColumns, OutputOptions,
    ParquetOptions, PartRecord, PartitionBy, RunId,
};

use super::{Commit, Discarded, PartStore, ProbeAction, ProbeOutcome, ProbeStep, SinkReceipt, StoreError, blocking};
use crate::layout::{PartName, PartNamer};
use crate::manifest::{Manifest, ManifestPart, schema_fingerprint};

/// What a part of this suite holds, as CSV without a header.
const TEXT: &str = "1,one\n2,two\n";

/// Its SHA-256, from `sha256sum`.
const TEXT_SHA256: &str = "8f79c8dedffc7690ee463ea91e02b8be053de562a150175194aaedac349932e9";

/// The steps that a run goes through. A process may die between any two.
const STEPS: usize = 6;

/// Runs all that a store of named parts passes.
pub async fn durable(store: Arc<dyn PartStore>) {
    store.check().await.expect("a store that is there can be written to");
    a_probe_passes(&store).await;
    a_probe_may_be_cut_off(&store).await;
    a_part_comes_back(&store).await;
    a_large_part_comes_back(&store).await;
    a_repeated_attempt_replaces_its_part(&store).await;
    an_aborted_attempt_leaves_nothing(&store).await;
    publishing_may_be_repeated(&store).await;
    a_run_is_committed_once(&store).await;
    a_discarded_run_is_gone(&store).await;
    a_committed_part_is_not_discarded(&store).await;
    foreign_names_are_refused(&store).await;
    parts_in_folders_come_and_go(&store).await;
    an_attempt_that_sorts_otherwise_replaces_its_parts(&store).await;
    for step in 0..=STEPS {
        a_crash_is_discarded(&store, step).await;
        a_crash_is_rolled_forward(&store, step).await;
    }
}

/// Runs all that a stream passes: one part, and steps that do nothing.
pub async fn streaming(store: Arc<dyn PartStore>) {
    store.check().await.expect("a stream that is there can be written to");
    a_probe_passes(&store).await;
    let run = RunId::generate();
    let part = put(&store, run, 0, TEXT).await;
    store.publish(run, std::slice::from_ref(&part)).await.expect("publishing does nothing");
    let manifest = manifest(&store, run, std::slice::from_ref(&part));
    assert_eq!(store.commit(&manifest).await.expect("committing does nothing"), Commit::Created);
    assert_eq!(store.manifest(&export(), run).await.expect("a stream has no manifest"), None);
    let discarded = store.discard(run, &[part]).await.expect("discarding does nothing");
    assert_eq!(discarded, Discarded::default());
    let second = store.create(run, &namer(run).name(1)).map(drop).expect_err("a stream takes one part");
    assert!(matches!(second, StoreError::OnePart { .. }), "{second}");
}

/// Takes one run from its check to its commit, with a small part and one of several pieces, and returns its manifest or
/// what went wrong. For tests that make things go wrong.
pub async fn run_to_commit(store: &Arc<dyn PartStore>, run: RunId) -> Result<Manifest, StoreError> {
    store.check().await?;
    let mut parts = Vec::new();
    for (sequence, text) in [(0, TEXT.to_owned()), (1, large_text())] {
        let (writer, name) = (Arc::clone(store), namer(run).name(sequence));
        let receipt = blocking(move || {
            let mut sink = writer.create(run, &name)?;
            let written = sink.write_all(text.as_bytes());
            written
                .map_err(|error| error.downcast().unwrap_or_else(|error| StoreError::io("write", "a part", error)))?;
            sink.finish()
        });
        parts.push(record(run, sequence, receipt.await?));
    }
    store.publish(run, &parts).await?;
    let manifest = manifest(store, run, &parts);
    store.commit(&manifest).await.map(|_| manifest)
}

/// More than one piece of an upload, and no whole number of them.
fn large_text() -> String {
    "0123456789,abcdefghijklmnopqrstuvwxyz\n".repeat(600_000)
}

async fn a_probe_passes(store: &Arc<dyn PartStore>) {
    let mut probe = store.probe();
    while let Some(ProbeStep { action, outcome }) = probe.step().await {
        // How much room is left is the machine's.
        let may_warn = matches!(action, ProbeAction::Room);
        let has_warned = may_warn && matches!(outcome, ProbeOutcome::Warning { .. });
        assert!(has_warned || matches!(outcome, ProbeOutcome::Passed(_)), "{action:?}: {outcome:?}");
    }
    assert!(probe.step().await.is_none(), "a probe that has ended has ended");
    probe.clean().await.expect("nothing is left to be removed");
}

/// Whoever looks at the store afterwards finds nothing of it.
async fn a_probe_may_be_cut_off(store: &Arc<dyn PartStore>) {
    for steps in 0.. {
        let mut probe = store.probe();
        for _ in 0..steps {
            if probe.step().await.is_none() {
                return probe.clean().await.expect("nothing is left to be removed");
            }
        }
        // Begun, and not waited for.
        drop(tokio::time::timeout(Duration::from_millis(1), probe.step()).await);
        probe.clean().await.expect("what the steps have left can be removed");
    }
}

async fn a_part_comes_back(store: &Arc<dyn PartStore>) {
    let run = RunId::generate();
    let part = put(store, run, 0, TEXT).await;
    assert_eq!(part.bytes, 12);
    assert_eq!(part.sha256, TEXT_SHA256);
    store.publish(run, std::slice::from_ref(&part)).await.expect("a finished part is published");
    assert_visible(store, &part).await;
}

async fn a_large_part_comes_back(store: &Arc<dyn PartStore>) {
    let run = RunId::generate();
    let part = PartRecord { rows: 600_000, ..put(store, run, 0, &large_text()).await };
    store.publish(run, std::slice::from_ref(&part)).await.expect("a finished part is published");
    assert_visible(store, &part).await;
}

async fn a_repeated_attempt_replaces_its_part(store: &Arc<dyn PartStore>) {
    let run = RunId::generate();
    let first = put(store, run, 0, "1,longer than the second attempt\n").await;
    drop(begin(store, run, 0, "1,half").await);
    let second = put(store, run, 0, TEXT).await;
    assert_eq!(first.name, second.name);
    store.publish(run, std::slice::from_ref(&second)).await.expect("the second attempt is published");
    assert_visible(store, &second).await;
}

async fn an_aborted_attempt_leaves_nothing(store: &Arc<dyn PartStore>) {
    let run = RunId::generate();
    let sink = begin(store, run, 0, TEXT).await;
    blocking(move || sink.abort()).await;
    let dropped = begin(store, run, 1, TEXT).await;
    blocking(move || drop(dropped)).await;
    for sequence in [0, 1] {
        let record = record(run, sequence, SinkReceipt { bytes: 12, sha256: TEXT_SHA256.to_owned() });
        let error = store.publish(run, &[record]).await.expect_err("an aborted part is not there");
        assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    }
    let discarded = store.discard(run, &[]).await.expect("there is nothing to discard");
    assert_eq!(discarded, Discarded::default());
}

async fn publishing_may_be_repeated(store: &Arc<dyn PartStore>) {
    let run = RunId::generate();
    let parts = [put(store, run, 0, TEXT).await, put(store, run, 1, TEXT).await];
    store.publish(run, &parts[..1]).await.expect("one part is published");
    for _ in 0..2 {
        store.publish(run, &parts).await.expect("both parts are published, again if need be");
        assert_visible(store, &parts[0]).await;
        assert_visible(store, &parts[1]).await;
    }
}

async fn a_run_is_committed_once(store: &Arc<dyn PartStore>) {
    let run = RunId::generate();
    let parts = [put(store, run, 0, TEXT).await];
    store.publish(run, &parts).await.expect("a finished part is published");
    let manifest = manifest(store, run, &parts);
    assert_eq!(store.manifest(&export(), run).await.expect("no manifest is no error"), None);
    assert_eq!(store.commit(&manifest).await.expect("the first commit counts"), Commit::Created);
    assert_eq!(store.commit(&manifest).await.expect("the second finds the first"), Commit::AlreadyThere);
    assert_eq!(store.manifest(&export(), run).await.expect("a manifest reads back"), Some(manifest.clone()));
    let other = Manifest { rows: manifest.rows + 1, ..manifest };
    let error = store.commit(&other).await.expect_err("other content is refused");
    assert!(matches!(error, StoreError::ManifestConflict { .. }), "{error}");
    assert_eq!(store.manifest(&export(), RunId::generate()).await.expect("another run has none"), None);
}

async fn a_discarded_run_is_gone(store: &Arc<dyn PartStore>) {
    let (run, other) = (RunId::generate(), RunId::generate());
    let kept = put(store, other, 0, TEXT).await;
    let parts = [put(store, run, 0, TEXT).await, put(store, run, 1, TEXT).await];
    store.publish(run, &parts).await.expect("the finished parts are published");
    let discarded = store.discard(run, &[parts[0].clone(), parts[1].clone(), kept.clone()]).await;
    assert_eq!(discarded.expect("a run can be discarded"), Discarded { staged: 0, visible: 2 });
    assert_eq!(store.discard(run, &parts).await.expect("and again"), Discarded::default());
    assert_missing(store, &parts[0]).await;
    store.publish(other, std::slice::from_ref(&kept)).await.expect("the other run is untouched");
    assert_visible(store, &kept).await;
}

async fn a_committed_part_is_not_discarded(store: &Arc<dyn PartStore>) {
    let run = RunId::generate();
    let parts = [put(store, run, 0, TEXT).await];
    store.publish(run, &parts).await.expect("a finished part is published");
    store.commit(&manifest(store, run, &parts)).await.expect("a published run is committed");
    assert_eq!(store.discard(run, &parts).await.expect("there is nothing to discard"), Discarded::default());
    assert_visible(store, &parts[0]).await;
}

async fn foreign_names_are_refused(store: &Arc<dyn PartStore>) {
    let (run, other) = (RunId::generate(), RunId::generate());
    let foreign = put(store, other, 0, TEXT).await;
    for name in [foreign.name.as_str(), "../outside.csv", "_SUCCESS"] {
        let record = PartRecord { name: name.to_owned(), ..foreign.clone() };
        let error = store.publish(run, std::slice::from_ref(&record)).await.expect_err("the name is not the run's");
        assert!(matches!(error, StoreError::ForeignName { .. }), "{error}");
        assert_eq!(store.discard(run, &[record]).await.expect("it is passed over"), Discarded::default());
    }
    assert!(store.create(run, &namer(other).name(0)).is_err(), "a part of another run must not be begun");
}

/// Folders of one and of several levels, with what their names may hold.
const FOLDERS: [&str; 4] = ["a=1", "a=%2F%25/b c=Zoë, +&%27()~", "a=__HIVE_DEFAULT_PARTITION__/b c=", "a=1/b c=%20"];

async fn parts_in_folders_come_and_go(store: &Arc<dyn PartStore>) {
    for is_committed in [false, true] {
        let run = RunId::generate();
        let mut parts = Vec::new();
        for (sequence, folder) in (0..).zip(FOLDERS) {
            parts.push(put_in(store, run, folder, sequence, TEXT).await);
        }
        for _ in 0..2 {
            store.publish(run, &parts).await.expect("parts in folders are published, again if need be");
        }
        for part in &parts {
            assert_visible(store, part).await;
        }
        if is_committed {
            let commit = store.commit(&in_folders(manifest(store, run, &parts))).await;
            assert_eq!(commit.expect("the run is committed"), Commit::Created);
            assert_eq!(store.discard(run, &parts).await.expect("nothing is discarded"), Discarded::default());
        } else {
            let discarded = store.discard(run, &parts).await.expect("the run can be discarded");
            assert_eq!(discarded, Discarded { staged: 0, visible: 4 });
            assert_eq!(store.discard(run, &parts).await.expect("and again"), Discarded::default());
        }
        for part in &parts {
            if is_committed { assert_visible(store, part).await } else { assert_missing(store, part).await }
        }
    }
}

/// Rows may come in another order the next time, so that a number is another folder's.
async fn an_attempt_that_sorts_otherwise_replaces_its_parts(store: &Arc<dyn PartStore>) {
    let run = RunId::generate();
    let before = put_in(store, run, "a=before", 0, TEXT).await;
    let after = put_in(store, run, "a=after", 0, TEXT).await;
    store.publish(run, std::slice::from_ref(&after)).await.expect("the second attempt is published");
    let manifest = in_folders(manifest(store, run, std::slice::from_ref(&after)));
    store.commit(&manifest).await.expect("the second attempt is committed");
    assert_missing(store, &before).await;
    assert_visible(store, &after).await;
}

fn in_folders(manifest: Manifest) -> Manifest {
    let column = "a".parse().expect("this is a name");
    let level = PartitionBy { key: "a".parse().expect("this is a name"), column, part: None };
    Manifest { partition_by: vec![level], ..manifest }
}

/// A process died after `step` steps, and its run is given up.
async fn a_crash_is_discarded(store: &Arc<dyn PartStore>, step: usize) {
    let run = RunId::generate();
    let parts = run_steps(store, run, step).await;
    let committed = store.manifest(&export(), run).await.expect("a manifest can be asked for").is_some();
    assert_eq!(committed, step == STEPS);
    for _ in 0..2 {
        store.discard(run, &parts).await.expect("a crashed run can be discarded");
    }
    for part in &parts {
        if committed {
            assert_visible(store, part).await;
        } else {
            assert_missing(store, part).await;
        }
    }
}

/// A process died after `step` steps, and another one takes the run to its end.
async fn a_crash_is_rolled_forward(store: &Arc<dyn PartStore>, step: usize) {
    let run = RunId::generate();
    drop(run_steps(store, run, step).await);
    // A chunk without a checkpoint is read again: its parts replace those of the first process.
    let parts = match step {
        0..3 => vec![put(store, run, 0, TEXT).await, put(store, run, 1, TEXT).await],
        _ => [0, 1].map(|sequence| record(run, sequence, receipt())).to_vec(),
    };
    for _ in 0..2 {
        store.publish(run, &parts).await.expect("a crashed run can be published");
        let commit = store.commit(&manifest(store, run, &parts)).await;
        commit.expect("a crashed run can be committed");
    }
    let found = store.manifest(&export(), run).await.expect("a manifest reads back");
    assert_eq!(found.map(|found| found.parts.len()), Some(2));
    for part in &parts {
        assert_visible(store, part).await;
    }
}

/// Goes through the first steps of a run of two parts, and stops as a killed process does.
async fn run_steps(store: &Arc<dyn PartStore>, run: RunId, steps: usize) -> Vec<PartRecord> {
    let parts = [0, 1].map(|sequence| record(run, sequence, receipt())).to_vec();
    if steps >= 1 {
        // Forgotten, not dropped: a killed process runs no destructor.
        std::mem::forget(begin(store, run, 0, TEXT).await);
    }
    if steps >= 2 {
        put(store, run, 0, TEXT).await;
    }
    if steps >= 3 {
        put(store, run, 1, TEXT).await;
    }
    if steps >= 4 {
        store.publish(run, &parts[..1]).await.expect("one part is published");
    }
    if steps >= 5 {
        store.publish(run, &parts).await.expect("both parts are published");
    }
    if steps >= 6 {
        store.commit(&manifest(store, run, &parts)).await.expect("a published run is committed");
    }
    parts
}

fn export() -> ExportName {
    "conformance: ünï/code".parse().expect("this is a name")
}

fn options() -> OutputOptions {
    OutputOptions {
        format: Format::Csv,
        compression: Compression::None,
        parquet: ParquetOptions::default(),
        csv: CsvOptions { header: false, ..CsvOptions::default() },
        max_file_size: None,
        meta_columns: MetaColumns::default(),
    }
}

fn namer(run: RunId) -> PartNamer {
    PartNamer::new(&export(), run, ChunkId(0), &options())
}

fn receipt() -> SinkReceipt {
    SinkReceipt { bytes: 12, sha256: TEXT_SHA256.to_owned() }
}

fn record(run: RunId, sequence: u32, receipt: SinkReceipt) -> PartRecord {
    record_of(&namer(run).name(sequence), receipt)
}

fn record_of(name: &PartName, receipt: SinkReceipt) -> PartRecord {
    let SinkReceipt { bytes, sha256 } = receipt;
    PartRecord { name: name.as_str().to_owned(), rows: 2, bytes, sha256, partition: Vec::new() }
}

fn manifest(store: &Arc<dyn PartStore>, run: RunId, parts: &[PartRecord]) -> Manifest {
    Manifest {
        format_version: Manifest::FORMAT_VERSION,
        rivet_version: env!("CARGO_PKG_VERSION").to_owned(),
        export: export(),
        run_id: run,
        fingerprint: Fingerprint("0".repeat(64)),
        created_at: Timestamp::UNIX_EPOCH,
        destination: store.record(),
        format: Format::Csv,
        compression: Compression::None,
        schema: Vec::new(),
        schema_fingerprint: schema_fingerprint(&[]),
        partition_by: Vec::new(),
        parts: parts.iter().map(|record| ManifestPart { record: record.clone(), chunk: ChunkId(0) }).collect(),
        rows: parts.iter().map(|part| part.rows).sum(),
        bytes: parts.iter().map(|part| part.bytes).sum(),
        nulled: BTreeMap::new(),
        masked: BTreeMap::new(),
        consistency: Consistency::Chunk,
        chunk_count: 1,
        chunks: vec![],
        source: None,
        cursor_before: None,
        cursor_after: None,
    }
}

/// Begins a part on a thread that may block, as an engine does.
async fn begin(store: &Arc<dyn PartStore>, run: RunId, sequence: u32, text: &str) -> Box<dyn super::PartSink> {
    begin_as(store, run, namer(run).name(sequence), text).await
}

async fn begin_as(store: &Arc<dyn PartStore>, run: RunId, name: PartName, text: &str) -> Box<dyn super::PartSink> {
    let (store, text) = (Arc::clone(store), text.to_owned());
    blocking(move || {
        let mut sink = store.create(run, &name).expect("a part can be begun");
        sink.write_all(text.as_bytes()).expect("a part can be written");
        sink
    })
    .await
}

async fn put(store: &Arc<dyn PartStore>, run: RunId, sequence: u32, text: &str) -> PartRecord {
    let sink = begin(store, run, sequence, text).await;
    let receipt = blocking(move || sink.finish()).await.expect("a part can be finished");
    record(run, sequence, receipt)
}

async fn put_in(store: &Arc<dyn PartStore>, run: RunId, folder: &str, sequence: u32, text: &str) -> PartRecord {
    let name = namer(run).name_in(folder, sequence);
    let sink = begin_as(store, run, name.clone(), text).await;
    let receipt = blocking(move || sink.finish()).await.expect("a part can be finished");
    record_of(&name, receipt)
}

async fn assert_visible(store: &Arc<dyn PartStore>, part: &PartRecord) {
    let check = store.verify_part(&options(), part).await.expect("the part can be read back");
    check.compare(part).expect("the part is what was written");
}

async fn assert_missing(store: &Arc<dyn PartStore>, part: &PartRecord) {
    let error = store.verify_part(&options(), part).await.expect_err("the part is gone");
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
}
