use insta::{Settings, assert_snapshot};
use rivet_history::conformance::{sample_checkpoint, sample_end, sample_run};
use rivet_history::{RedbStore, RunEnd, StateStore as _};
use rivet_model::{PlanRecord, RunId, RunRecord, RunStatus};
use rivet_testing::{Finished, Project};
use serde_json::Value;
use tokio::runtime::Builder;

use crate::{config, project};

/// A project whose `orders` has failed once and was then applied from a plan, and whose `lines` goes on.
fn worked_with() -> (Project, Vec<RunId>) {
    let project = project(&config("localhost", 1));
    let plan = PlanRecord {
        plan_id: "01982222-7b3a-7cc0-8f43-1d2ab0c9e001".parse().expect("it is a UUID"),
        forced: vec!["applied 30 h after it was made, past its expiry".to_owned()],
    };
    let runs = [
        (sample_run("orders"), Some(sample_end(RunStatus::Failed))),
        (RunRecord { plan: Some(plan), ..sample_run("orders") }, Some(committed())),
        (sample_run("lines"), None),
    ];
    let ids = runs.iter().map(|(run, _)| run.run_id).collect();
    let runtime = Builder::new_current_thread().build().expect("a thread is there already");
    runtime.block_on(async {
        let store = RedbStore::open(project.path(".rivet/state.redb")).expect("a new folder takes a state store");
        for (run, end) in &runs {
            store.begin(run).await.expect("a new run");
            store.checkpoint(run.run_id, &sample_checkpoint(0)).await.expect("a running run");
            if let Some(end) = end {
                store.finish(run.run_id, end.clone()).await.expect("a running run");
            }
        }
    });
    (project, ids)
}

fn committed() -> RunEnd {
    RunEnd { error: None, ..sample_end(RunStatus::Committed) }
}

fn metrics(project: &Project, arguments: &[&str]) -> Finished {
    let mut all = vec!["metrics"];
    all.extend(arguments);
    project.command(&all).run()
}

#[test]
fn runs_are_listed_the_newest_first() {
    let mut settings = Settings::clone_current();
    settings.add_filter(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[a uuid of 36 characters            ]",
    );
    settings.add_filter(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[a moment to the s.]");
    let _steady = settings.bind_to_scope();
    let (project, _) = worked_with();
    let finished = metrics(&project, &[]);
    finished.assert_code(0);
    assert_eq!(finished.stderr, "");
    assert_snapshot!(finished.stdout, @"
    #  export  started               status            time   rows      size  rows/s
    1  lines   [a moment to the s.]  unfinished
    2  orders  [a moment to the s.]  committed   1 min 01 s  3,003  100.0 kB      49
    3  orders  [a moment to the s.]  failed      1 min 01 s  3,003  100.0 kB      49

    #  run                                   files  retries  longest statement
    1  [a uuid of 36 characters            ]
    2  [a uuid of 36 characters            ]      3        1             59.0 s
    3  [a uuid of 36 characters            ]      3        1             59.0 s

    2: plan [a uuid of 36 characters            ]; forced: applied 30 h after it was made, past its expiry
    3: rivet::source::connect: no connection to `db:5432`

    What planning takes from the last runs
      orders: 2 runs, 1 failed, 2 retries, 61.0 s on average; 100.0 kB on average; 49 rows/s in 1 run
      lines: no run has ended yet
    ");
}

#[test]
fn runs_are_chosen_and_written_as_json() {
    let (project, ids) = worked_with();
    let parsed = |arguments: &[&str]| -> Value {
        let finished = metrics(&project, arguments);
        finished.assert_code(0);
        serde_json::from_str(&finished.stdout).unwrap()
    };
    let ids_of = |value: &Value| -> Vec<String> {
        value["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap().to_owned()).collect()
    };
    let id = |place: usize| ids[place].to_string();
    let all = parsed(&["--json"]);
    assert_eq!(ids_of(&all), [id(2), id(1), id(0)]);
    assert_eq!(ids_of(&parsed(&["--json", "--last", "2"])), [id(2), id(1)]);
    assert_eq!(ids_of(&parsed(&["--json", "-e", "orders"])), [id(1), id(0)]);
    let few = parsed(&["--json", "-e", "orders", "--last", "1"]);
    assert_eq!((&few["exports"][0]["history"]["runs"], ids_of(&few)), (&2.into(), vec![id(1)]), "all of them count");
    let one = parsed(&["--json", "--run-id", &id(1)]);
    assert_eq!(ids_of(&one), [id(1)]);
    assert!(one.get("exports").is_none() && one["runs"][0]["plan"]["forced"][0].as_str().is_some());
    assert_eq!(all["runs"][2]["error"]["code"], "rivet::source::connect");
}

#[test]
fn what_is_not_known_is_refused() {
    let (project, _) = worked_with();
    let unknown = metrics(&project, &["--run-id", "01982222-7b3a-7cc0-8f43-1d2ab0c9e001"]);
    unknown.assert_code(2);
    assert_snapshot!(unknown.stderr, @"
    rivet::cli::usage

      × the state store knows no run `01982222-7b3a-7cc0-8f43-1d2ab0c9e001`
      help: List runs with `rivet metrics`, or name the configuration that it ran by.
    ");
    metrics(&project, &["--run-id", "one"]).assert_code(2);
    metrics(&project, &["-e", "order"]).assert_code(2);
}

#[test]
fn a_project_without_runs_has_none() {
    let project = project(&config("localhost", 1));
    let finished = metrics(&project, &[]);
    finished.assert_code(0);
    assert_eq!(finished.stdout, "There was no run yet.\n");
    assert!(!project.path(".rivet").exists(), "looking at a state store does not make one");
}
