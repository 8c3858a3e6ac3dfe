use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rivet_testing::{Finished, Project, RivetCommand, Session, TestDatabase};
use serde_json::Value;

use crate::support::{Outcome, project_with, run_command};

/// Where the configuration of a [`Desk`] finds its source: a plan holds no password, and looks there again.
pub(crate) const URL: &str = "SOURCE_URL";

/// How long the server may take to count what was done to it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder whose configuration takes the address of its source from the environment.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) project: Project,
    url: String,
}

impl Desk {
    /// Each export is the inside of a flow mapping; what it does not say is CSV into `out`.
    pub(crate) fn new(database: &TestDatabase, exports: &[&str]) -> Self {
        Self::at(database.url(), exports)
    }

    /// As [`Desk::new`], with an address.
    pub(crate) fn at(url: &str, exports: &[&str]) -> Self {
        let exports: Vec<String> = exports.iter().map(|export| completed(export)).collect();
        let exports: Vec<&str> = exports.iter().map(String::as_str).collect();
        let source = format!("type: {}, url_env: {URL}, environment: local", kind(url));
        let project = project_with(&source, &exports);
        Self { project, url: url.to_owned() }
    }

    /// Lets the variable lead elsewhere.
    #[must_use]
    pub(crate) fn led_to(self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> RivetCommand {
        self.project.command(arguments).env(URL, &self.url)
    }

    /// Plans all exports well.
    #[track_caller]
    pub(crate) fn plan(&self) -> Plan {
        self.plan_with(&[])
    }

    /// As [`Desk::plan`], told more.
    #[track_caller]
    pub(crate) fn plan_with(&self, more: &[&str]) -> Plan {
        let plan = self.try_plan(more);
        plan.finished.assert_code(0);
        plan
    }

    /// Plans all exports, however that ends, and keeps what there is as `plan.json`.
    #[track_caller]
    pub(crate) fn try_plan(&self, more: &[&str]) -> Plan {
        let finished = self.command(&["plan", "--format", "json"]).args(more).run();
        let plan = Plan::new(finished);
        self.project.write("plan.json", &plan.text());
        plan
    }

    /// Returns what a person is shown of the plan.
    #[track_caller]
    pub(crate) fn pretty(&self, more: &[&str]) -> String {
        let finished = self.command(&["plan"]).args(more).run();
        finished.assert_code(0);
        finished.stdout
    }

    /// Applies `plan.json`, however that ends.
    #[track_caller]
    pub(crate) fn apply(&self, more: &[&str]) -> Outcome {
        run_command(self.command(&["apply", "plan.json", "--json"]).args(more))
    }

    /// As [`Desk::apply`], which must go well.
    #[track_caller]
    pub(crate) fn apply_well(&self, more: &[&str]) -> Outcome {
        let outcome = self.apply(more);
        outcome.finished.assert_code(0);
        outcome
    }

    /// Runs all exports without a plan, however that ends.
    #[track_caller]
    pub(crate) fn run(&self) -> Outcome {
        run_command(self.command(&["run", "--json"]))
    }

    #[track_caller]
    pub(crate) fn run_well(&self) -> Outcome {
        let outcome = self.run();
        outcome.finished.assert_code(0);
        outcome
    }
}

/// What a configuration calls the database that an address leads to.
fn kind(url: &str) -> &'static str {
    if url.starts_with("mysql:") { "mysql" } else { "postgres" }
}

fn completed(export: &str) -> String {
    let mut export = export.to_owned();
    for (key, usual) in [("format", "csv"), ("destination", "{ type: local, path: out }")] {
        if !export.contains(&format!("{key}: ")) {
            write!(export, ", {key}: {usual}").expect("a string takes every write");
        }
    }
    export
}

/// A plan as `rivet plan --format json` prints it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) finished: Finished,
    pub(crate) value: Value,
}

impl Plan {
    #[track_caller]
    fn new(finished: Finished) -> Self {
        let value = serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("{error}\nstdout:\n{}\nstderr:\n{}", finished.stdout, finished.stderr));
        Self { finished, value }
    }

    /// Returns the document as it was printed.
    pub(crate) fn text(&self) -> String {
        self.finished.stdout.clone()
    }

    /// Returns one of the exports.
    #[track_caller]
    pub(crate) fn export(&self, name: &str) -> &Value {
        find(&self.value["exports"], name)
    }

    /// Returns what is advised for an export.
    #[track_caller]
    pub(crate) fn advice(&self, name: &str) -> &Value {
        find(&self.value["prioritization"]["recommendations"], name)
    }

    /// Returns what was measured of an export.
    #[track_caller]
    pub(crate) fn signals(&self, name: &str) -> &Value {
        find(&self.value["prioritization"]["signals"], name)
    }

    #[track_caller]
    pub(crate) fn score(&self, name: &str) -> i64 {
        self.advice(name)["priority_score"].as_i64().expect("a score is a number")
    }

    #[track_caller]
    pub(crate) fn wave(&self, name: &str) -> i64 {
        self.advice(name)["recommended_wave"].as_i64().expect("a wave is a number")
    }

    #[track_caller]
    pub(crate) fn verdict(&self, name: &str) -> &str {
        text(&self.export(name)["diagnostics"]["verdict"])
    }

    /// Returns the kinds of the reasons for a score, in their order.
    #[track_caller]
    pub(crate) fn reasons(&self, name: &str) -> Vec<&str> {
        list(&self.advice(name)["reasons"]).iter().map(|reason| text(&reason["kind"])).collect()
    }

    /// Returns the codes of the findings on an export, without what they all begin with.
    #[track_caller]
    pub(crate) fn findings(&self, name: &str) -> Vec<&str> {
        let findings = list(&self.export(name)["diagnostics"]["findings"]).iter();
        findings.map(|finding| text(&finding["code"]).trim_start_matches("rivet::preflight::")).collect()
    }

    /// Returns the ranges of the chunks that will be read.
    #[track_caller]
    pub(crate) fn ranges(&self, name: &str) -> Vec<Value> {
        list(&self.export(name)["computed"]["chunk_ranges"]).iter().map(range).collect()
    }

    /// Returns the warnings about groups.
    pub(crate) fn warnings(&self) -> &[Value] {
        list(&self.value["prioritization"]["campaign"]["source_group_warnings"])
    }
}

/// Returns the rows of a chunk, of a plan or of a manifest, without what else is said of it.
pub(crate) fn range(chunk: &Value) -> Value {
    let kept = ["rows", "lower", "upper", "partition", "from", "to"];
    let fields = chunk.as_object().expect("a chunk is an object").iter();
    Value::Object(
        fields.filter(|(key, _)| kept.contains(&key.as_str())).map(|(key, it)| (key.clone(), it.clone())).collect(),
    )
}

#[track_caller]
fn find<'a>(list: &'a Value, name: &str) -> &'a Value {
    let found = list.as_array().into_iter().flatten().find(|item| item["export_name"] == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {list:#}"))
}

#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[track_caller]
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

/// Fills tables over a connection that ends then, and analyzes them once the server has counted what was done.
#[track_caller]
pub(crate) fn fill(database: &TestDatabase, sql: &str) {
    fill_at(database.url(), sql);
}

/// As [`fill`], with an address.
#[track_caller]
pub(crate) fn fill_at(url: &str, sql: &str) {
    let session = Session::connect(url);
    session.execute(sql);
    drop(session);
    let session = Session::connect(url);
    let uncounted = "SELECT count(*) FROM pg_stat_user_tables WHERE pg_relation_size(relid) > 0 AND n_tup_ins = 0";
    wait_for("counted rows", || session.query_value(uncounted) == "0");
    // It holds for tables with `autovacuum_enabled = off` too.
    session.execute("ANALYZE");
}

/// Makes the catalog speak of so many rows of a table, on the pages that it has.
#[track_caller]
pub(crate) fn swell(database: &TestDatabase, table: &str, rows: u64) {
    swell_at(database.session(), table, rows);
}

/// As [`swell`], over a connection.
#[track_caller]
pub(crate) fn swell_at(session: &Session, table: &str, rows: u64) {
    // An analysis that nobody asked for would count the rows that there are.
    session.execute(&format!(
        "ALTER TABLE {table} SET (autovacuum_enabled = off); \
         UPDATE pg_class SET reltuples = {rows}, relpages = greatest(pg_relation_size(oid) / 8192, 1) \
         WHERE oid = '{table}'::regclass"
    ));
}

/// Fails the test unless something comes true in time.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut is_true: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_true() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Plans `first` from one address and `second` from another, each with a configuration and more keys of its own.
#[track_caller]
pub(crate) fn plan_of_two(first: &str, second: &str, keys: [&str; 2]) -> Plan {
    let [of_first, of_second] = keys;
    let desk = Desk::at(first, &[&format!("name: first, table: first, mode: full{of_first}")]);
    let other = format!(
        "source: {{ type: {}, url: {second:?}, environment: local }}\nexports: [{{ name: second, table: second, \
         mode: full{of_second}, destination: {{ type: local, path: out }} }}]\n",
        kind(second)
    );
    desk.project.write("other.yaml", &other);
    desk.plan_with(&["-c", "rivet.yaml", "-c", "other.yaml"])
}
