use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rivet_config::{Config, Environment, Overrides};
use rivet_core::{Engine, Plan, PlanOptions, PlannedExport, RunOptions};
use rivet_history::{RedbStore, RunEnd, StateStore as _, conformance};
use rivet_model::{ExportName, RunMetrics, RunStatus};
use rivet_postgres::PostgresFactory;
use rivet_priority::{Recommendation, Signals};
use rivet_source::Probe;
use rivet_testing::{Fault, FaultProxy, Project, Session, TestDatabase};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::scenario::{Catalog, Past, Scenario};
use crate::support::project;

/// How long the server may take to count what was done to it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes after which a connection is cut: in the middle of the rows of a scenario that asks for it.
const MIDDLE: u64 = 300_000;

/// What planning said of a scenario.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) signals: Signals,
    pub(super) advice: Recommendation,
    pub(super) probes: Vec<Probe>,
}

/// Plays all scenarios on one database, and returns what was said of each, by its name.
pub(super) fn play(scenarios: &[&'static Scenario]) -> BTreeMap<&'static str, Seen> {
    let database = TestDatabase::create();
    furnish(&database, scenarios);
    let stage = Stage::new(&database, scenarios);
    for scenario in scenarios {
        stage.run(scenario);
    }
    let (planned, reconciled) = (stage.plan(false), stage.plan(true));
    let seen = |scenario: &&'static Scenario| {
        let planned = if scenario.reconcile { &reconciled } else { &planned };
        (scenario.name, seen(scenario, planned))
    };
    scenarios.iter().map(seen).collect()
}

/// Makes the tables, and brings the catalog to say of them what it should.
fn furnish(database: &TestDatabase, scenarios: &[&Scenario]) {
    // What a connection did is counted when it ends.
    let session = database.connect();
    for scenario in scenarios {
        session.execute(scenario.sql);
    }
    // An analysis that nobody asked for would count the rows that there are.
    session.execute(
        "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' \
         AND relnamespace = 'public'::regnamespace LOOP EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', \
         t); END LOOP; END $$",
    );
    drop(session);
    let session = database.session();
    let uncounted = "SELECT count(*) FROM pg_stat_user_tables WHERE pg_relation_size(relid) > 0 AND n_tup_ins = 0";
    wait_for(session, uncounted, "0");
    for scenario in scenarios {
        let table = scenario.name;
        match scenario.catalog {
            Catalog::Silent => {}
            Catalog::Analyzed => session.execute(&format!("ANALYZE {table}")),
            Catalog::Vacuumed => session.execute(&format!("VACUUM {table}")),
            Catalog::Said(rows) => {
                session.execute(&format!("ANALYZE {table}"));
                // The planner takes rows by the pages that are there: as many as it is told of, or all is scaled.
                session.execute(&format!(
                    "UPDATE pg_class SET reltuples = {rows}, relpages = \
                     CASE relkind WHEN 'f' THEN relpages ELSE greatest(pg_relation_size(oid) / 8192, 1) END \
                     WHERE oid = '{table}'::regclass"
                ));
            }
        }
    }
    let analyzed = |scenario: &&&Scenario| matches!(scenario.catalog, Catalog::Analyzed | Catalog::Said(_));
    if let Some(last) = scenarios.iter().rfind(analyzed) {
        let known = format!("SELECT pg_stat_get_last_analyze_time('{}'::regclass) IS NOT NULL", last.name);
        wait_for(session, &known, "t");
    }
}

fn wait_for(session: &Session, sql: &str, expected: &str) {
    let begin = Instant::now();
    while session.query_value(sql) != expected {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for `{expected}` of: {sql}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Returns what is said of a scenario among those that are planned with it.
fn seen(scenario: &Scenario, planned: &[PlannedExport]) -> Seen {
    let is_there = |export: &&PlannedExport| {
        let name = export.export_name.as_str();
        name == scenario.name || scenario.with.contains(&name)
    };
    let chosen: Vec<PlannedExport> = planned.iter().filter(is_there).cloned().collect();
    assert_eq!(chosen.len(), 1 + scenario.with.len(), "{scenario:?}");
    let plan = Plan::seal(chosen, Vec::new(), &[], Timestamp::now()).expect("names differ");
    let export = plan.exports.into_iter().find(|export| export.export_name.as_str() == scenario.name);
    let export = export.expect("it was chosen");
    let advice = plan.prioritization.recommendation(scenario.name).expect("it was judged").clone();
    Seen { signals: export.signals, advice, probes: export.probes }
}

/// A folder with a configuration of all exports, and an engine.
struct Stage {
    runtime: Runtime,
    engine: Engine,
    store: Arc<RedbStore>,
    config: Config,
    proxy: FaultProxy,
    /// The same by way of the proxy.
    by_proxy: Config,
    _project: Project,
}

impl Stage {
    fn new(database: &TestDatabase, scenarios: &[&Scenario]) -> Self {
        let exports: Vec<String> = scenarios.iter().map(|scenario| scenario.flow()).collect();
        let exports: Vec<&str> = exports.iter().map(String::as_str).collect();
        let project = project(database, &exports);
        let text = std::fs::read_to_string(project.path("rivet.yaml")).expect("every project has one");
        let proxy = FaultProxy::start(database.url());
        project.write("proxy.yaml", &text.replace(database.url(), &proxy.url(database.url())));
        let load = |name| {
            rivet_config::load(&project.path(name), &Environment::empty(), &Overrides::default())
                .unwrap_or_else(|errors| panic!("{errors:?}"))
        };
        let (config, by_proxy) = (load("rivet.yaml"), load("proxy.yaml"));
        let store = Arc::new(RedbStore::open(&config.state.path).expect("nobody else has it open"));
        let engine = Engine::builder(Arc::clone(&store) as _).source(PostgresFactory).build();
        let runtime = Runtime::new().expect("a runtime needs nothing but threads");
        Self { runtime, engine, store, config, proxy, by_proxy, _project: project }
    }

    /// Plans all exports.
    fn plan(&self, reconcile: bool) -> Vec<PlannedExport> {
        let (options, cancel) = (PlanOptions { reconcile, ..PlanOptions::default() }, CancellationToken::new());
        let planned = self.engine.plan(&self.config, &options, &cancel);
        self.runtime.block_on(planned).expect("the server is there")
    }

    /// Makes the runs that were before.
    fn run(&self, scenario: &Scenario) {
        let name: ExportName = scenario.name.parse().expect("scenarios are well named");
        for past in scenario.past {
            match *past {
                Past::Run(runs) => (0..runs).for_each(|_| self.run_once(&self.config, &name)),
                Past::Cut(runs) => (0..runs).for_each(|_| self.run_cut(&name)),
                Past::Told { runs, seconds, retries } => {
                    (0..runs).for_each(|_| self.tell(scenario.name, seconds, retries));
                }
            }
        }
    }

    fn run_once(&self, config: &Config, name: &ExportName) {
        let options = RunOptions { exports: vec![name.clone()], ..RunOptions::default() };
        let cancel = CancellationToken::new();
        let run = self.engine.run(config, &options, &cancel);
        let report = self.runtime.block_on(run).expect("the server is there");
        assert_eq!(report.exports.len(), 1, "{name}");
    }

    fn run_cut(&self, name: &ExportName) {
        let before = self.proxy.struck();
        self.proxy.set_times(Fault::CutAfter(MIDDLE), 1);
        self.run_once(&self.by_proxy, name);
        assert_eq!(self.proxy.struck() - before, 1, "{name}: connections that were cut");
    }

    fn tell(&self, name: &str, seconds: u64, retries: u64) {
        let run = conformance::sample_run(name);
        let metrics = RunMetrics { rows: 5_000, duration_ms: seconds * 1000, retries, ..RunMetrics::default() };
        let end = RunEnd::new(RunStatus::Committed, run.started_at).with_metrics(metrics);
        self.runtime.block_on(async {
            self.store.begin(&run).await.expect("it is new");
            self.store.finish(run.run_id, end).await.expect("it has begun");
        });
    }
}
