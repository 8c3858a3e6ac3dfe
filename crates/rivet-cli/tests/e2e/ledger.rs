use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use rivet_history::{RedbStore, StateStore as _};
use rivet_model::{ExportName, RunRecord, RunStatus};
use rivet_testing::Project;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::runtime::{Builder, Runtime};

/// The destination `out` of a project, held against its manifests and the state store.
///
/// What an audit has read once is not read again by the next one: a committed part never changes, and the audit
/// looks at its size each time.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    digested: BTreeSet<PathBuf>,
}

/// A committed run, as its manifest tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    pub(crate) export: String,
    pub(crate) id: String,
    pub(crate) rows: u64,
    pub(crate) parts: Vec<PathBuf>,
}

impl Ledger {
    /// Fails the test unless the destination holds what its manifests list and nothing else, and the state store
    /// agrees. Returns the committed runs, the oldest first.
    #[track_caller]
    pub(crate) fn audit(&mut self, project: &Project) -> Vec<Run> {
        let runs = self.audit_files(project);
        audit_state(project, &runs);
        runs
    }

    #[track_caller]
    fn audit_files(&mut self, project: &Project) -> Vec<Run> {
        let root = project.path("out");
        let mut strangers: BTreeSet<PathBuf> = project.all_files("out").into_iter().collect();
        // The name of a probe lives for microseconds; a process that is killed just then leaves it, without a byte.
        strangers.retain(|path| !is_empty_probe(path));
        let runs = committed(project);
        for run in &runs {
            for (part, path) in manifest(project, run)["parts"].as_array().into_iter().flatten().zip(&run.parts) {
                assert!(strangers.remove(path), "{} is missing, or two manifests list it", path.display());
                self.audit_part(path, part);
            }
            assert!(strangers.remove(&manifest_path(project, run)));
        }
        for (export, newest) in newest(&runs) {
            let path = root.join("_rivet").join(&export).join("latest.json");
            assert!(strangers.remove(&path), "{} is missing", path.display());
            assert_eq!(read(&path)["run_id"], newest.id, "{} does not name the newest run", path.display());
        }
        assert_eq!(strangers.remove(&root.join("_SUCCESS")), !runs.is_empty());
        assert!(strangers.is_empty(), "files that no manifest lists: {strangers:#?}");
        runs
    }

    fn audit_part(&mut self, path: &Path, part: &Value) {
        let size = fs::metadata(path).expect("the part was listed a moment ago").len();
        assert_eq!(part["bytes"], size, "{} does not have the recorded size", path.display());
        if self.digested.insert(path.to_owned()) {
            let bytes = fs::read(path).expect("the part was listed a moment ago");
            let digest = format!("{:x}", Sha256::digest(bytes));
            assert_eq!(part["sha256"], digest, "{} does not have the recorded digest", path.display());
        }
    }
}

/// Returns the runs that have a manifest in `out`, the oldest first.
pub(crate) fn committed(project: &Project) -> Vec<Run> {
    let mut manifests = project.files("out/_rivet", "json");
    manifests.retain(|path| !path.ends_with("latest.json"));
    let runs = manifests.into_iter().map(|path| run_of(&project.path("out"), &read(&path)));
    let mut runs: Vec<Run> = runs.collect();
    runs.sort_by(|a, b| a.id.cmp(&b.id));
    runs
}

fn run_of(root: &Path, manifest: &Value) -> Run {
    let text = |name: &str| manifest[name].as_str().unwrap_or_else(|| panic!("`{name}` in {manifest}")).to_owned();
    let parts = manifest["parts"].as_array().expect("a manifest has parts");
    let rows: u64 = parts.iter().map(|part| part["rows"].as_u64().expect("a part has rows")).sum();
    assert_eq!(manifest["rows"], rows, "the rows of the parts are not those of the run");
    let parts = parts.iter().map(|part| root.join(part["name"].as_str().expect("a part has a name"))).collect();
    Run { export: text("export"), id: text("run_id"), rows, parts }
}

/// Returns the path of a run's manifest.
pub(crate) fn manifest_path(project: &Project, run: &Run) -> PathBuf {
    project.path("out/_rivet").join(&run.export).join(format!("{}.json", run.id))
}

fn manifest(project: &Project, run: &Run) -> Value {
    read(&manifest_path(project, run))
}

fn newest(runs: &[Run]) -> BTreeMap<String, &Run> {
    runs.iter().map(|run| (run.export.clone(), run)).collect()
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{} is no JSON: {error}", path.display()))
}

fn is_empty_probe(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(".rivet-check-") && fs::metadata(path).is_ok_and(|found| found.len() == 0)
}

/// No run is open, and those on record as committed are those that have a manifest.
#[track_caller]
fn audit_state(project: &Project, runs: &[Run]) {
    for (export, statuses) in statuses(project) {
        assert!(!statuses.values().any(|status| *status == RunStatus::Running), "{export}: {statuses:?}");
        let recorded: Vec<&String> =
            statuses.iter().filter(|(_, status)| **status == RunStatus::Committed).map(|(id, _)| id).collect();
        let listed: Vec<&String> = runs.iter().filter(|run| run.export == export).map(|run| &run.id).collect();
        assert_eq!(recorded, listed, "{export}: the state store and the manifests differ");
    }
}

/// Returns the names of the parts that unfinished runs have on record: of chunks that are never read again.
#[track_caller]
pub(crate) fn recorded_parts(project: &Project) -> Vec<String> {
    let (store, runtime) = state(project);
    let runs = runtime.block_on(store.unfinished()).expect("the state store can be read");
    runs.iter().flat_map(RunRecord::parts).map(|part| part.name.clone()).collect()
}

#[track_caller]
fn state(project: &Project) -> (RedbStore, Runtime) {
    let store = RedbStore::open(project.path(".rivet/state.redb")).expect("the state store is sound and free");
    (store, Builder::new_current_thread().enable_all().build().expect("a runtime is made"))
}

/// Returns how the state store has the runs of each export of the project's configuration, by their ids.
#[track_caller]
pub(crate) fn statuses(project: &Project) -> BTreeMap<String, BTreeMap<String, RunStatus>> {
    let (store, runtime) = state(project);
    let text = fs::read_to_string(project.path("rivet.yaml")).expect("every project has one");
    let names = text.split("name: ").skip(1).filter_map(|rest| rest.split([',', '\n', ' ']).next());
    let mut exports = BTreeMap::new();
    for name in names {
        let export: ExportName = name.parse().expect("the project's configuration is valid");
        let runs = runtime.block_on(store.runs(&export, usize::MAX)).expect("the state store can be read");
        let statuses = runs.into_iter().map(|run| (run.run_id.to_string(), run.status)).collect();
        exports.insert(name.to_owned(), statuses);
    }
    exports
}

/// The number of rows and the sum of their hashes: equal for the same rows in any order, each as often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Multiset {
    rows: u64,
    sum: u64,
}

impl Multiset {
    /// Counts lines.
    pub(crate) fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        lines.into_iter().fold(Self::default(), |all, line| {
            let mut hasher = DefaultHasher::new();
            line.hash(&mut hasher);
            Self { rows: all.rows + 1, sum: all.sum.wrapping_add(hasher.finish()) }
        })
    }

    /// Returns the number of rows.
    pub(crate) fn count(self) -> u64 {
        self.rows
    }

    /// Counts the lines of all CSV parts of a run, without their headers.
    pub(crate) fn of_csv(run: &Run) -> Self {
        Self::of(lines(run).iter().map(String::as_str))
    }
}

/// Returns the lines of all CSV parts of a run, without their headers.
#[track_caller]
pub(crate) fn lines(run: &Run) -> Vec<String> {
    let texts = run.parts.iter().map(|path| fs::read_to_string(path).expect("the part is text"));
    texts.flat_map(|text| text.lines().skip(1).map(ToOwned::to_owned).collect::<Vec<_>>()).collect()
}

/// Numbers that look random and follow from a seed (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Returns a number from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub(crate) fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn a_multiset_sees_what_is_missing_doubled_or_changed() {
    let whole = Multiset::of(["1,a", "2,b"]);
    assert_eq!(whole, Multiset::of(["2,b", "1,a"]));
    for other in [&["1,a"][..], &["1,a", "2,b", "2,b"], &["1,a", "2,c"], &["1,a", "1,a"]] {
        assert_ne!(whole, Multiset::of(other.iter().copied()));
    }
}
