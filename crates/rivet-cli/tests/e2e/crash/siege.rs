use std::collections::BTreeMap;
use std::time::Duration;

use rivet_testing::{Finished, Project, RivetCommand, Stop};
use serde_json::Value;

use crate::ledger::{Ledger, Random, Run, committed};
use crate::support::{Outcome, number, run_command, seed, tell};

/// How often each mode dies at a random instant where nobody says it.
pub(crate) const KILLS: u64 = 30;

/// After so many, a new folder is begun: killed are first runs, too, which make their state store, and a disk holds
/// the rest.
const KILLS_OF_A_FOLDER: u64 = 10;

/// One process of so many that go on after a death dies as well.
const DIES_AGAIN: f64 = 0.3;

/// Where a process is not killed any more.
const TOO_LATE: &str = "after its end";

/// What is killed, and how the runs are judged that it commits.
pub(crate) trait Target {
    /// The exports of its folders.
    fn exports(&self) -> &'static [&'static str];

    /// What runs all of them.
    fn arguments(&self) -> &'static [&'static str] {
        &["run"]
    }

    /// Makes a folder in which nothing has run yet.
    fn folder(&mut self) -> Project;

    /// Looks at a folder before the start that is left alone.
    fn look(&mut self, _folder: &Project) {}

    /// Fails the test unless the runs that were committed since the last time hold what they must.
    fn judge(&mut self, aftermath: &Aftermath<'_>);

    /// Judges all runs of a folder, once the last start is over.
    fn leave(&mut self, _folder: &Project) {}
}

/// What the start that was left alone has left.
pub(crate) struct Aftermath<'a> {
    pub(crate) folder: &'a Project,
    /// The runs that were committed since the last time.
    pub(crate) fresh: Vec<&'a Run>,
    /// What the start reported.
    pub(crate) report: &'a Value,
}

/// A folder, and what is known about it.
struct Scene {
    folder: Project,
    ledger: Ledger,
    runs: Vec<Run>,
}

/// Kills, starts again and judges.
pub(crate) struct Siege<T> {
    pub(crate) target: T,
    random: Random,
    /// How long the first run of a folder takes that nobody ends, and a later one.
    usual: (Duration, Duration),
    /// How often the process was where.
    places: BTreeMap<&'static str, u64>,
    kills: u64,
}

impl<T: Target> Siege<T> {
    /// Finds out how long runs take.
    #[track_caller]
    pub(crate) fn lay(mut target: T, seed: u64) -> Self {
        let folder = target.folder();
        let time = |_| {
            let finished = folder.command(target.arguments()).run();
            finished.assert_code(0);
            finished.elapsed
        };
        let first = time(0);
        let mut later: Vec<Duration> = (0..5).map(time).collect();
        later.sort();
        Self { target, random: Random(seed), usual: (first, later[2]), places: BTreeMap::new(), kills: 0 }
    }

    /// Kills as often as the environment says, or so many times.
    #[track_caller]
    pub(crate) fn of(target: T, usual: u64) -> T {
        Self::lay(target, seed()).hold(number("RIVET_TEST_KILLS").unwrap_or(usual))
    }

    /// Kills so many times at least, and gives the target back.
    #[track_caller]
    pub(crate) fn hold(mut self, kills: u64) -> T {
        while self.kills < kills {
            let end = kills.min(self.kills + KILLS_OF_A_FOLDER);
            let mut scene = Scene { folder: self.target.folder(), ledger: Ledger::default(), runs: Vec::new() };
            while self.kills < end {
                self.strike(&mut scene);
            }
            self.target.leave(&scene.folder);
            // Once more from the beginning, every byte.
            Ledger::default().audit(&scene.folder);
        }
        tell(&format!("runs take {:?}; {} kills: {:#?}", self.usual, self.kills, self.places));
        self.target
    }

    /// Kills once or twice, starts a process that is left alone, and judges.
    #[track_caller]
    fn strike(&mut self, scene: &mut Scene) {
        let deaths = if self.random.fraction() < DIES_AGAIN { 2 } else { 1 };
        let killed: Vec<String> = (0..deaths).map(|_| self.kill(scene)).collect();
        self.target.look(&scene.folder);
        let again = run_command(self.command(&scene.folder).args(&["--json"]));
        assert_eq!(again.finished.code(), Some(0), "killed {killed:?}:\n{}", again.finished.stderr);
        self.learn(scene, &again);
        let runs = scene.ledger.audit(&scene.folder);
        assert!(scene.runs.iter().all(|run| runs.contains(run)), "a committed run is gone: killed {killed:?}");
        let fresh: Vec<&Run> = runs.iter().filter(|run| !scene.runs.contains(run)).collect();
        for export in self.target.exports() {
            let count = fresh.iter().filter(|run| run.export == *export).count();
            assert!((1..=deaths + 1).contains(&count), "{count} new runs of `{export}`: killed {killed:?}");
        }
        self.target.judge(&Aftermath { folder: &scene.folder, fresh, report: &again.report });
        scene.runs = runs;
    }

    /// How much a machine has to do changes, and how long a run takes with it.
    fn learn(&mut self, scene: &Scene, whole: &Outcome) {
        let went_on = self.target.exports().iter().enumerate().any(|(at, _)| whole.export(at)["chunks_resumed"] != 0);
        if !scene.runs.is_empty() && !went_on {
            self.usual.1 = (self.usual.1 * 3 + whole.finished.elapsed) / 4;
        }
    }

    /// Kills once, and says when and where that was. More instants are late than early: a start that has not come to
    /// its first row has nothing to lose.
    #[track_caller]
    fn kill(&mut self, scene: &Scene) -> String {
        let before = committed(&scene.folder).len();
        let usual = if before == 0 { self.usual.0 } else { self.usual.1 };
        let instant = usual.mul_f64(1.02 * self.random.fraction().sqrt());
        let killed = self.command(&scene.folder).run_and_stop(instant, Stop::Kill);
        let place = place(&killed, &scene.folder, before, self.target.exports().len());
        *self.places.entry(place).or_default() += 1;
        self.kills += u64::from(killed.code().is_none());
        let missed = self.places.get(TOO_LATE).copied().unwrap_or_default();
        assert!(missed <= 2 * self.kills + 10, "most instants come after the end: {:?}", self.places);
        format!("{place}, after {instant:?}")
    }

    /// Every second start is asked to go on with whatever can go on.
    fn command(&mut self, folder: &Project) -> RivetCommand {
        let command = folder.command(self.target.arguments());
        if self.random.fraction() < 0.5 { command.args(&["--resume"]) } else { command }
    }
}

/// Where a process was when it died, as its files tell.
#[track_caller]
fn place(killed: &Finished, folder: &Project, before: usize, exports: usize) -> &'static str {
    if let Some(code) = killed.code() {
        assert_eq!(code, 0, "{}", killed.stderr);
        return TOO_LATE;
    }
    let runs = committed(folder);
    let listed: usize = runs.iter().map(|run| run.parts.len()).sum();
    let visible = folder.files("out", "csv").len() + folder.files("out", "parquet").len();
    match (runs.len() - before, visible > listed, folder.all_files("out/.rivet-staging").is_empty()) {
        (new, ..) if new >= exports => "after its manifests",
        (_, true, _) => "between parts and their manifest",
        (1.., ..) => "after one manifest of several",
        (_, _, false) => "with parts in staging",
        (_, _, true) => "before the first part",
    }
}
