//! What runs need, looked at before they need it: by the doctor, and by each run for its destination.

use std::path::Path;

use object_store::ObjectStore as _;
use rivet_config::{Config, Environment, Overrides, parse_str};
use rivet_core::{CheckOutcome, CheckedPlace, DoctorOptions, DoctorReport, RunOptions};
use rivet_model::RunStatus;
use tokio_util::sync::CancellationToken;

use crate::support::{Faulty, World};

const LAKE: &str = "{ type: s3, bucket: lake, prefix: raw }";

fn config(world: &World, exports: &[(&str, &str)]) -> Config {
    let exports: Vec<String> = exports
        .iter()
        .map(|(name, destination)| format!("  - {{ name: {name}, table: t, destination: {destination} }}\n"))
        .collect();
    let source = "source: { type: postgres, url: postgres://nobody@nowhere/db, environment: local }";
    let text = format!("{source}\nexports:\n{}", exports.concat());
    let path = world.folder.path().join("rivet.yaml");
    parse_str(&text, &path, &Environment::empty(), &Overrides::default()).unwrap()
}

async fn doctor(world: &World, config: &Config, cancel: &CancellationToken) -> DoctorReport {
    let options = DoctorOptions { state_file: true, ..DoctorOptions::default() };
    world.engine(Faulty::sound(3)).doctor(config, &options, cancel).await.unwrap()
}

/// Returns the steps at places of a kind that did not pass, each with what came back.
fn ill(report: &DoctorReport, place: CheckedPlace) -> Vec<String> {
    let steps = report.steps().filter(|(check, _)| check.place == place);
    let told = steps.filter_map(|(_, step)| match &step.outcome {
        CheckOutcome::Passed(_) => None,
        // How much room is left is the machine's.
        CheckOutcome::Warning { .. } if step.step == "room" => None,
        CheckOutcome::Warning { message, .. } => Some(format!("{} warning: {message}", step.step)),
        CheckOutcome::Failed(error) => Some(format!("{} failed: {error}", step.step)),
        CheckOutcome::Skipped(reason) => Some(format!("{} skipped: {reason}", step.step)),
    });
    told.collect()
}

async fn objects(world: &World) -> usize {
    let listed = world.bucket.list_with_delimiter(Some(&"lake/raw/_rivet".into())).await.unwrap();
    listed.objects.len()
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn a_healthy_world_is_left_as_it_was() {
    let world = World::new();
    let config = config(&world, &[("a", LAKE), ("b", "{ type: local, path: out }"), ("c", LAKE)]);
    let report = doctor(&world, &config, &CancellationToken::new()).await;
    for place in [CheckedPlace::Configuration, CheckedPlace::State, CheckedPlace::Destination, CheckedPlace::Source] {
        assert_eq!(ill(&report, place), Vec::<String>::new(), "{place:?}");
    }
    let destinations: Vec<_> = report.checks.iter().filter(|check| check.place == CheckedPlace::Destination).collect();
    assert_eq!(destinations.len(), 2, "one place is tried once");
    assert_eq!(destinations[0].exports.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!((objects(&world).await, files(world.folder.path())), (0, 0));
}

#[tokio::test]
async fn everything_is_tried_whatever_has_failed() {
    let world = World::new();
    std::fs::write(world.folder.path().join("notes.txt"), "mine").unwrap();
    let config = config(&world, &[("a", "{ type: local, path: notes.txt }"), ("b", LAKE)]);
    let report = doctor(&world, &config, &CancellationToken::new()).await;
    let found = ill(&report, CheckedPlace::Destination);
    assert!(found[0].starts_with("folder failed: cannot create the folder"), "{found:?}");
    assert!(found[1..].iter().all(|step| step.contains("skipped: there is no folder")), "{found:?}");
    assert_eq!(ill(&report, CheckedPlace::Source), Vec::<String>::new());
    assert_eq!(report.failures().count(), 1);
}

#[tokio::test]
async fn who_wants_to_stop_is_not_kept() {
    let world = World::new();
    let cancel = CancellationToken::new();
    cancel.cancel();
    let report = doctor(&world, &config(&world, &[("a", LAKE)]), &cancel).await;
    assert!(report.interrupted);
    assert_eq!((objects(&world).await, report.failures().count()), (0, 0));
}

#[tokio::test]
async fn a_destination_is_made_sure_of_before_the_source_is_asked() {
    let world = World::new();
    std::fs::write(world.folder.path().join("notes.txt"), "mine").unwrap();
    let (bad, worse) = ("{ type: local, path: notes.txt }", "{ type: local, path: notes.txt/deep }");
    let run = async |exports: &[(&str, &str)]| {
        let source = Faulty::sound(3);
        let engine = world.engine(source.clone());
        let config = config(&world, exports);
        let report = engine.run(&config, &RunOptions::default(), &CancellationToken::new()).await.unwrap();
        (report.exports, source.asked())
    };
    let (reports, asked) = run(&[("a", bad), ("b", worse), ("c", bad)]).await;
    assert_eq!(asked, 0, "nothing could be written anywhere");
    assert!(reports.iter().all(|report| report.status == RunStatus::Failed));
    let errors: Vec<_> = reports.iter().map(|report| report.error.clone().unwrap()).collect();
    assert!(std::sync::Arc::ptr_eq(&errors[0], &errors[2]), "one place has one error");

    // An export beside them that has a place runs.
    let (reports, asked) = run(&[("a", bad), ("b", LAKE)]).await;
    let ends: Vec<_> = reports.iter().map(|report| (report.export.as_str(), report.status)).collect();
    assert_eq!(ends, [("a", RunStatus::Failed), ("b", RunStatus::Committed)]);
    assert_eq!(asked, 1);
}
