use std::path::Path;

use insta::internals::SettingsBindDropGuard;
use insta::{Settings, assert_snapshot};
use rivet_history::conformance::{sample_checkpoint, sample_end, sample_run};
use rivet_history::{RedbStore, RunEnd, StateStore as _};
use rivet_model::{
    Chunk, ChunkId, CursorPosition, CursorRecord, KeyBound, ReadView, RowRange, RunRecord, RunStatus, Scalar,
};
use rivet_testing::{Finished, Project};
use serde_json::Value;
use tokio::runtime::Builder;

use crate::project;

const CONFIG: &str = "\
source: { type: postgres, host: localhost, user: reader }
defaults: { destination: { type: local, path: out } }
exports:
  - { name: orders, table: orders, mode: incremental, cursor_column: updated_at }
  - { name: items, table: items, mode: chunked, chunk_column: id }
  - { name: users, table: users }
";

fn position() -> CursorPosition {
    CursorPosition {
        columns: ["updated_at", "id"].map(|name| name.parse().expect("a column's name")).into(),
        values: vec![Scalar::TimestampTz("2026-03-01 12:00:00.5+00".to_owned()), Scalar::Int(4711)],
    }
}

/// A run of `orders` that will have moved the cursor to [`position`].
fn incremental() -> RunRecord {
    let cursor = CursorRecord { before: None, watermark: Some(position()), seen: None, awaited: None };
    let range = RowRange::Key { lower: None, upper: Some(KeyBound::including(position().values)) };
    let chunks = vec![Chunk { id: ChunkId(0), range, estimated_rows: Some(1_000) }];
    RunRecord { cursor: Some(cursor), chunks, ..sample_run("orders") }
}

/// A run of `items` in four chunks.
fn chunked() -> RunRecord {
    let bound = |value: i64| vec![Scalar::Int(value)];
    let ranges = [
        RowRange::Key { lower: None, upper: Some(KeyBound::excluding(bound(1_000))) },
        RowRange::Key {
            lower: Some(KeyBound::including(bound(1_000))),
            upper: Some(KeyBound::excluding(bound(2_000))),
        },
        RowRange::Key { lower: Some(KeyBound::including(bound(2_000))), upper: None },
        RowRange::NullKey,
    ];
    let chunks = (0..).map(ChunkId).zip(ranges).map(|(id, range)| {
        let estimated_rows = (range != RowRange::NullKey).then_some(1_100);
        Chunk { id, range, estimated_rows }
    });
    RunRecord { chunks: chunks.collect(), view: ReadView::PerScan, ..sample_run("items") }
}

/// Writes to the state store of a project as the engine does.
async fn remember(path: &Path, runs: &[(RunRecord, &[u32], Option<RunEnd>)]) {
    let store = RedbStore::open(path).expect("a new folder takes a state store");
    for (run, done, end) in runs {
        store.begin(run).await.expect("a new run");
        for chunk in *done {
            store.checkpoint(run.run_id, &sample_checkpoint(*chunk)).await.expect("a running run");
        }
        if let Some(end) = end {
            store.finish(run.run_id, end.clone()).await.expect("a running run");
        }
    }
}

fn project_with(runs: &[(RunRecord, &[u32], Option<RunEnd>)]) -> Project {
    let project = project(CONFIG);
    let runtime = Builder::new_current_thread().build().expect("a thread is there already");
    runtime.block_on(remember(&project.path(".rivet/state.redb"), runs));
    project
}

fn committed() -> RunEnd {
    RunEnd { error: None, ..sample_end(RunStatus::Committed) }
}

/// A project whose `orders` stands somewhere and whose `items` was cut off.
fn worked_with() -> Project {
    project_with(&[(incremental(), &[0], Some(committed())), (chunked(), &[0, 1], None)])
}

fn state(project: &Project, arguments: &[&str]) -> Finished {
    let mut all = vec!["state"];
    all.extend(arguments);
    project.command(&all).run()
}

/// Replaces run ids and moments in snapshots, until the value is dropped.
fn steady() -> SettingsBindDropGuard {
    let mut settings = Settings::clone_current();
    settings.add_filter(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "[run]");
    settings.add_filter(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[moment]");
    settings.bind_to_scope()
}

#[test]
fn an_export_that_has_not_run_stands_nowhere() {
    let project = project(CONFIG);
    let finished = state(&project, &["show"]);
    finished.assert_code(0);
    assert_snapshot!(finished.stdout, @"
    orders
      mode       incremental
      cursor     none yet: the next run begins from the start

    items
      mode       chunked

    users
      mode       full
    ");
    assert_eq!(finished.stderr, "");
    assert_eq!(state(&project, &["chunks", "-e", "items"]).stdout, "items: there was no run yet\n");
    assert_eq!(state(&project, &["reset", "-e", "orders"]).stdout, "orders: there was no cursor to forget\n");
    assert!(!project.path(".rivet").exists(), "looking at a state store does not make one");
}

#[test]
fn cursors_and_unfinished_runs_are_shown() {
    let _steady = steady();
    let project = worked_with();
    let finished = state(&project, &["show"]);
    finished.assert_code(0);
    assert_snapshot!(finished.stdout, @"
    orders
      mode       incremental
      cursor     updated_at 2026-03-01 12:00:00.5+00, id 4711
      advanced   [moment] by run [run]

    items
      mode       chunked
      unfinished run [run] of [moment]: 2 of 4 chunks done

    users
      mode       full
    ");
    let one = state(&project, &["show", "-e", "users"]);
    assert_snapshot!(one.stdout, @"
    users
      mode       full
    ");
}

#[test]
fn where_exports_stand_is_a_document() {
    let _steady = steady();
    let finished = state(&worked_with(), &["show", "--json"]);
    finished.assert_code(0);
    assert_snapshot!(finished.stdout, @r#"
    {
      "exports": [
        {
          "export": "orders",
          "mode": "incremental",
          "cursor": {
            "position": {
              "columns": [
                "updated_at",
                "id"
              ],
              "values": [
                {
                  "type": "timestamp_tz",
                  "value": "2026-03-01 12:00:00.5+00"
                },
                {
                  "type": "int",
                  "value": 4711
                }
              ]
            },
            "source": "7123456789/shop",
            "run_id": "[run]",
            "advanced_at": "[moment]"
          },
          "unfinished": []
        },
        {
          "export": "items",
          "mode": "chunked",
          "cursor": null,
          "unfinished": [
            {
              "run_id": "[run]",
              "started_at": "[moment]",
              "chunks_done": 2,
              "chunks": 4
            }
          ]
        },
        {
          "export": "users",
          "mode": "full",
          "cursor": null,
          "unfinished": []
        }
      ]
    }
    "#);
}

#[test]
fn chunks_are_listed_with_their_ranges() {
    let _steady = steady();
    let project = worked_with();
    let finished = state(&project, &["chunks", "-e", "items"]);
    finished.assert_code(0);
    assert_snapshot!(finished.stdout, @"
    items: run [run] of [moment], unfinished: 2 of 4 chunks done

    chunk  state      rows     expected  range
        0  done      1,000  about 1,100  < 1000
        1  done      1,001  about 1,100  >= 1000 and < 2000
        2  not done         about 1,100  >= 2000
        3  not done                      rows with a NULL in the key
    ");
    let of_ended = state(&project, &["chunks", "-e", "orders"]);
    assert_snapshot!(of_ended.stdout, @"
    orders: run [run] of [moment], committed: 1 of 1 chunks done

    chunk  state   rows     expected  range
        0  done   1,000  about 1,000  <= (2026-03-01 12:00:00.5+00, 4711)
    ");
}

#[test]
fn chunks_are_a_document() {
    let finished = state(&worked_with(), &["chunks", "-e", "items", "--json"]);
    finished.assert_code(0);
    let listing: Value = serde_json::from_str(&finished.stdout).unwrap();
    let chunks = &listing["run"]["chunks"];
    assert_eq!((&listing["run"]["view"], &listing["run"]["status"]), (&"per_scan".into(), &"running".into()));
    assert_eq!(chunks.as_array().unwrap().len(), 4);
    assert_eq!((&chunks[1]["done"], &chunks[1]["rows"]), (&true.into(), &1_001.into()));
    assert_eq!(chunks[1]["parts"], serde_json::json!(["orders-00001-000.parquet"]));
    assert_eq!((&chunks[3]["done"], &chunks[3]["range"]["rows"]), (&false.into(), &"null_key".into()));
}

#[test]
fn a_cursor_is_forgotten_once() {
    let project = worked_with();
    let finished = state(&project, &["reset", "-e", "orders"]);
    finished.assert_code(0);
    assert_snapshot!(finished.stdout, @"orders: the cursor stood at updated_at 2026-03-01 12:00:00.5+00, id 4711 and is forgotten; the next run begins from the start");
    let shown = state(&project, &["show", "-e", "orders"]);
    assert!(shown.stdout.contains("none yet: the next run begins from the start"), "{}", shown.stdout);
    let again = state(&project, &["reset", "-e", "orders", "-e", "users"]);
    again.assert_code(0);
    assert_snapshot!(again.stdout, @"
    orders: there was no cursor to forget
    users: there was no cursor to forget
    ");
}

#[test]
fn nothing_is_forgotten_where_something_is_wrong() {
    let _steady = steady();
    let project = project_with(&[(incremental(), &[0], Some(committed())), (incremental(), &[], None)]);
    let unfinished = state(&project, &["reset", "-e", "orders"]);
    unfinished.assert_code(2);
    assert_snapshot!(unfinished.stderr, @"
    rivet::cli::usage

      × run `[run]` of export `orders` is unfinished and may still move
      │ the cursor
      help: Run `rivet run -e 'orders'` first: it ends the run, or removes it where `resume` is
            `never`.
    ");
    let unknown = state(&project, &["reset", "-e", "orders", "-e", "order"]);
    unknown.assert_code(2);
    assert!(unknown.stderr.contains("no export is named `order`"), "{}", unknown.stderr);
    state(&project, &["reset"]).assert_code(2);
    let shown = state(&project, &["show", "-e", "orders"]);
    assert!(shown.stdout.contains("4711"), "{}", shown.stdout);
}

#[test]
fn a_state_store_in_use_is_said_to_be() {
    let project = worked_with();
    let store = RedbStore::open(project.path(".rivet/state.redb")).unwrap();
    let finished = state(&project, &["show", "--json-errors"]);
    finished.assert_code(5);
    assert!(finished.stderr.contains(r#""code":"rivet::history::locked""#), "{}", finished.stderr);
    drop(store);
}
