//! Masks: what is written, judged, told and refused.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rivet_core::{Engine, EngineError, ExportReport, Plan, RunOptions};
use rivet_history::{MemoryStore, StateStore as _};
use rivet_model::RunStatus;
use rivet_writer::{LocalStore, Manifest, PartStore as _};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::support::{Faulty, KEY, KEY_VARIABLE, SHORT_VARIABLE, World};

const CSV: &str = ", format: csv, compression: none";

fn sha256(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

/// HMAC as RFC 2104 writes it down, for keys of at most a block.
fn hmac(key: &[u8], text: &str) -> String {
    let padded = |pad: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or_default() ^ pad).collect() };
    let inner = Sha256::digest([padded(0x36), text.as_bytes().to_vec()].concat());
    format!("{:x}", Sha256::digest([padded(0x5c), inner.to_vec()].concat()))
}

/// Returns the lines of all CSV files, sorted, without their headers.
fn lines(world: &World) -> Vec<String> {
    let files = std::fs::read_dir(world.folder.path().join("out")).unwrap();
    let files =
        files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "csv"));
    let mut lines: Vec<String> = files
        .collect::<Vec<PathBuf>>()
        .iter()
        .flat_map(|path| {
            std::fs::read_to_string(path).unwrap().lines().skip(1).map(ToOwned::to_owned).collect::<Vec<_>>()
        })
        .collect();
    lines.sort();
    lines
}

async fn manifest(world: &World, report: &ExportReport) -> Manifest {
    let store = LocalStore::new(world.folder.path().join("out")).unwrap();
    store.manifest(&report.export, report.run_id.unwrap()).await.unwrap().unwrap()
}

#[tokio::test]
async fn values_are_hidden_before_they_are_written() {
    let label = |id: i64| (id % 2 == 0).then(|| format!("row {id}"));
    let check = async |masks: &str, expected: &dyn Fn(i64) -> String, modes: &[&str]| {
        for mode in modes {
            let world = World::new();
            let report = world.run(Faulty::sound(2_500), &format!("{CSV}{mode}, mask: {{ {masks} }}")).await;
            assert_eq!((report.status, report.rows), (RunStatus::Committed, 2_500), "{masks}: {:?}", report.error);
            let mut expected: Vec<String> = (0..2_500).map(expected).collect();
            expected.sort();
            assert_eq!(lines(&world), expected, "{masks}{mode}");
        }
    };
    let every = ["", ", mode: incremental, cursor_column: id", ", mode: chunked, chunk_column: id, chunk_size: 1000"];
    let of = |hide: fn(&str) -> String| {
        move |id: i64| format!("{id},{}", label(id).map_or_else(String::new, |label| hide(&label)))
    };
    check("label: hash", &of(sha256), &every).await;
    check(
        &format!("label: {{ method: hmac, key_env: {KEY_VARIABLE} }}"),
        &of(|label| hmac(KEY.as_bytes(), label)),
        &every,
    )
    .await;
    check("label: { method: truncate, length: 3 }", &of(|label| label.chars().take(3).collect()), &every).await;
    check("label: null", &|id| format!("{id},"), &every).await;
    let both =
        |id: i64| format!("{},{}", sha256(&id.to_string()), label(id).map_or_else(String::new, |_| "r".to_owned()));
    check("id: hash, label: { method: truncate, length: 1 }", &both, &every).await;
}

#[tokio::test]
async fn the_manifest_says_what_was_masked_and_not_with_which_key() {
    let world = World::new();
    let masks = format!(", mask: {{ id: {{ method: hmac, key_env: {KEY_VARIABLE} }}, label: null }}");
    let report = world.run(Faulty::sound(10), &masks).await;
    let manifest = manifest(&world, &report).await;
    let expected = [("id", "hmac"), ("label", "null")].map(|(column, method)| (column.to_owned(), method.to_owned()));
    assert_eq!(manifest.masked, BTreeMap::from(expected));
    let types: Vec<_> = manifest.schema.iter().map(|field| (field.arrow_type.as_str(), field.nullable)).collect();
    assert_eq!(types, [("Utf8", false), ("Utf8", true)]);
    let text = serde_json::to_string(&manifest).unwrap();
    assert!(!text.contains(KEY) && !text.contains(KEY_VARIABLE), "{text}");
    let record = world.state.run(report.run_id.unwrap()).await.unwrap().unwrap();
    let text = serde_json::to_string(&record).unwrap();
    assert!(!text.contains(KEY), "{text}");
    let unmasked = World::new();
    let report = unmasked.run(Faulty::sound(10), "").await;
    assert_eq!(self::manifest(&unmasked, &report).await.masked, BTreeMap::new());
}

#[tokio::test]
async fn without_a_key_nothing_is_touched() {
    let defects = [("NOT_SET", "is not set"), ("EMPTY_KEY", "is empty"), (SHORT_VARIABLE, "holds fewer than 16 bytes")];
    for (variable, defect) in defects {
        let masks = format!(", mask: {{ label: {{ method: hmac, key_env: {variable} }} }}");
        let world = World::new();
        let error = world.try_run(Faulty::sound(10), &masks, RunOptions::default()).await.unwrap_err();
        let expected = format!("export `t` masks `label` with the key in the variable `{variable}`, which {defect}");
        assert_eq!(error.to_string(), expected);
        assert!(!format!("{error:?}").contains("too short"), "{error:?}");
        assert!(!world.folder.path().join("out").exists());
        // It comes before a driver is even looked for.
        let engine = Engine::builder(Arc::new(MemoryStore::new())).build();
        let refused = engine.run(&world.config(&masks), &RunOptions::default(), &CancellationToken::new()).await;
        assert!(matches!(refused, Err(EngineError::MaskKey { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn what_can_t_be_masked_is_named_before_a_row_is_read() {
    for (masks, expected) in [
        ("nobody: hash", "`mask` names the column `nobody`, which is not read"),
        (
            "id: { method: truncate, length: 3 }",
            "column `id` has the type Int64, which the mask `truncate` does not take",
        ),
    ] {
        let world = World::new();
        let masks = format!(", mask: {{ {masks} }}");
        let report = world.run(Faulty::sound(10), &masks).await;
        assert_eq!((report.status, report.statements), (RunStatus::Failed, 0), "{masks}");
        assert_eq!(report.error.unwrap().to_string(), expected);
        let planned = world.plan(Faulty::sound(10), &masks).await.unwrap().remove(0);
        assert_eq!(planned.error.unwrap().message, expected);
    }
    let world = World::new();
    let report = world.run(Faulty::sound(10), ", select: [id], mask: { label: hash }").await;
    assert!(report.error.unwrap().to_string().contains("`label`, which is not read"));
}

#[tokio::test]
async fn quality_judges_what_the_source_sent() {
    for (rules, masks, expected) in [
        ("null_ratio_max: { label: 0.5 }", "label: null", RunStatus::Committed),
        ("unique_columns: [label]", "label: { method: truncate, length: 1 }", RunStatus::Committed),
        ("null_ratio_max: { label: 0.4 }", "label: hash", RunStatus::Failed),
    ] {
        let report =
            World::new().run(Faulty::sound(1_000), &format!(", quality: {{ {rules} }}, mask: {{ {masks} }}")).await;
        assert_eq!(report.status, expected, "{rules}: {:?}", report.error);
    }
}

#[tokio::test]
async fn the_hash_of_a_row_is_that_of_what_is_written() {
    let world = World::new();
    world
        .run(
            Faulty::sound(500),
            &format!("{CSV}, mask: {{ id: null, label: null }}, meta_columns: {{ row_hash: true }}"),
        )
        .await;
    let mut hashes = lines(&world);
    assert_eq!(hashes.len(), 500);
    hashes.dedup();
    assert_eq!(hashes.len(), 1, "nothing tells the rows apart any more");
}

#[tokio::test]
async fn plans_show_what_will_be_written_and_need_no_key() {
    let world = World::new();
    let masks = ", mask: { id: { method: hmac, key_env: NOT_SET }, label: null }";
    let planned = world.plan(Faulty::sound(10), masks).await.unwrap();
    let types: Vec<_> = planned[0].resolved_plan.columns.iter().map(|field| field.arrow_type.as_str()).collect();
    assert_eq!((types, planned[0].error.as_ref()), (vec!["Utf8", "Utf8"], None));
    assert!(planned[0].notes.iter().any(|note| note.contains("`NOT_SET`, which is not set")), "{:?}", planned[0].notes);
    let plan = Plan::seal(planned, vec!["rivet.yaml".into()], &[], jiff::Timestamp::now()).unwrap();
    let refused = world.apply(Faulty::sound(10), &plan, false).await.unwrap_err();
    assert!(matches!(refused, EngineError::MaskKey { .. }), "{refused}");

    let masks = format!(", mask: {{ id: {{ method: hmac, key_env: {KEY_VARIABLE} }} }}");
    let planned = world.plan(Faulty::sound(10), &masks).await.unwrap();
    assert!(!planned[0].notes.iter().any(|note| note.contains(KEY_VARIABLE)), "{:?}", planned[0].notes);
    let plan = Plan::seal(planned, vec!["rivet.yaml".into()], &[], jiff::Timestamp::now()).unwrap();
    assert!(!plan.to_json().contains(KEY));
    let report = world.apply(Faulty::sound(10), &plan, false).await.unwrap().exports.remove(0);
    assert_eq!(report.status, RunStatus::Committed, "{:?}", report.error);
    assert_eq!(manifest(&world, &report).await.masked["id"], "hmac");
}

#[tokio::test]
async fn the_fingerprint_follows_the_method_and_not_the_key() {
    let world = World::new();
    let of = async |masks: &str| {
        let planned = world.plan(Faulty::sound(10), &format!(", mask: {{ {masks} }}")).await.unwrap().remove(0);
        planned.plan_fingerprint.unwrap().to_string()
    };
    let with_key = |variable: &str| format!("label: {{ method: hmac, key_env: {variable} }}");
    let different = [
        of("").await,
        of("label: hash").await,
        of("label: null").await,
        of(&with_key(KEY_VARIABLE)).await,
        of("label: { method: truncate, length: 3 }").await,
        of("label: { method: truncate, length: 4 }").await,
        of("id: hash").await,
    ];
    for (place, fingerprint) in different.iter().enumerate() {
        assert!(!different[..place].contains(fingerprint), "{place}");
    }
    assert_eq!(of(&with_key(KEY_VARIABLE)).await, of(&with_key("ANOTHER")).await);
}

#[tokio::test]
async fn drift_is_between_what_was_written() {
    let world = World::new();
    let fail = ", on_schema_drift: fail";
    world.run(Faulty::sound(10), fail).await;
    let report = world.run(Faulty::sound(10), &format!("{fail}, mask: {{ id: hash }}")).await;
    let error = report.error.unwrap().to_string();
    assert!(error.contains("column `id` was Int64 and is Utf8"), "{error}");
    let masked = World::new();
    for _ in 0..2 {
        let report = masked.run(Faulty::sound(10), &format!("{fail}, mask: {{ id: hash }}")).await;
        assert_eq!(report.status, RunStatus::Committed, "{:?}", report.error);
    }
}

#[tokio::test]
async fn a_key_that_is_masked_stands_in_positions_and_bounds_and_that_is_told() {
    let check = async |more: &str, expected: Option<&str>| {
        let world = World::new();
        let report = world.run(Faulty::sound(3_000), more).await;
        assert_eq!(report.status, RunStatus::Committed, "{more}: {:?}", report.error);
        let told = world.heard().into_iter().find(|note| note.contains("masked column"));
        assert_eq!(told.as_deref(), expected, "{more}");
    };
    let incremental = ", mode: incremental, cursor_column: id";
    let chunked = ", mode: chunked, chunk_column: id, chunk_size: 1000";
    let cursor = "the position of the cursor, in the state store, in plans and in manifests, holds values of the masked column `id`";
    let bounds = "the bounds of the chunks, in the state store, in plans and in manifests, hold values of the masked column `id`";
    check(&format!("{incremental}, mask: {{ id: hash }}"), Some(cursor)).await;
    check(&format!("{chunked}, mask: {{ id: hash }}"), Some(bounds)).await;
    check(&format!("{incremental}, mask: {{ label: hash }}"), None).await;
    check(&format!("{chunked}, mask: {{ label: hash }}"), None).await;
    check(", mask: { id: hash }", None).await;
}
