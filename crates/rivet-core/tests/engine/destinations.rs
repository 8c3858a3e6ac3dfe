//! Destinations that a factory opens.

use object_store::ObjectStore as _;
use rivet_history::StateStore as _;
use rivet_model::RunStatus;

use crate::support::{Fault, Faulty, World};

const LAKE: &str = "{ type: s3, bucket: lake, prefix: \"raw/{export}\" }";

/// Several batches in each of ten chunks, read one after the other; a chunk is tried once.
const CHUNKED: &str =
    ", mode: chunked, chunk_column: id, chunk_size: 1000, tuning: { batch_size: 100, max_retries: 0 }";

/// Returns the names of all parts in the bucket.
async fn parts(world: &World) -> Vec<String> {
    let listed = world.bucket.list_with_delimiter(Some(&"lake/raw/t".into())).await.unwrap();
    let names = listed.objects.iter().map(|object| object.location.to_string());
    names.filter(|name| name.ends_with(".parquet")).collect()
}

#[tokio::test]
async fn placeholders_of_prefixes_are_filled_in() {
    let world = World::new();
    let report = world.run_config(Faulty::sound(100), &world.config_to("t", LAKE, "")).await;
    assert_eq!((report.status, report.rows), (RunStatus::Committed, 100));
    assert_eq!(report.destination, "s3://lake/raw/t");
    assert_eq!(parts(&world).await.len(), 1);
}

#[tokio::test]
async fn a_run_stays_where_nobody_has_the_keys() {
    let world = World::new();
    let chunked = |name, destination| world.config_to(name, destination, CHUNKED);
    let first = world.run_config(Faulty::new(10_000, Fault::Lost, 1).after(45), &chunked("t", LAKE)).await;
    let written = parts(&world).await.len();
    assert!(first.status == RunStatus::Failed && written >= 3, "{written}");

    // Of the export there is nothing any more, or it goes elsewhere.
    for (name, destination) in [
        ("u", "{ type: local, path: out }"),
        ("u", LAKE),
        ("t", "{ type: local, path: out }"),
        ("t", "{ type: s3, bucket: ocean }"),
    ] {
        let other = world.run_config(Faulty::sound(10_000), &chunked(name, destination)).await;
        assert_eq!((other.status, other.rows, other.chunks_resumed), (RunStatus::Committed, 10_000, 0));
        let heard = world.heard();
        let note = heard.iter().rfind(|note| note.contains("what it left there stays"));
        assert!(note.is_some_and(|note| note.contains("`s3://lake/raw/t`")), "{name} {destination}: {heard:?}");
        let open = world.state.unfinished().await.unwrap();
        assert_eq!(open.iter().map(|run| Some(run.run_id)).collect::<Vec<_>>(), [first.run_id]);
        assert_eq!(parts(&world).await.len(), written);
    }

    let last = world.run_config(Faulty::sound(10_000), &chunked("t", LAKE)).await;
    assert_eq!((last.status, last.rows, last.run_id), (RunStatus::Committed, 10_000, first.run_id));
    assert!(last.chunks_resumed >= 3);
    assert!(world.state.unfinished().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_run_wrote_is_removed_where_it_was_written() {
    let world = World::new();
    let first =
        world.run_config(Faulty::new(10_000, Fault::Lost, 1).after(45), &world.config_to("t", LAKE, CHUNKED)).await;
    assert!(!parts(&world).await.is_empty());
    let elsewhere = "{ type: s3, bucket: lake, prefix: other }";
    let second = world.run_config(Faulty::sound(10_000), &world.config_to("t", elsewhere, CHUNKED)).await;
    assert_eq!((second.status, second.chunks_resumed), (RunStatus::Committed, 0));
    assert!(parts(&world).await.is_empty());
    let given_up = world.state.run(first.run_id.unwrap()).await.unwrap().unwrap();
    assert_eq!(given_up.status, RunStatus::Abandoned);
}
