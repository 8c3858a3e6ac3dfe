use std::collections::{BTreeMap, HashMap};
use std::fs;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use jiff::Timestamp;
use rivet_model::{
    ChunkId, Compression, Consistency, FIDELITY_KEY, Fingerprint, Format, PartRecord, RunId, SOURCE_TYPE_KEY,
};
use rivet_writer::{
    Manifest, ManifestField, ManifestPart, ManifestSource, PartStore as _, StoreError, schema_fingerprint,
};

use crate::support::Local;

pub(crate) fn of(local: &Local, run: RunId, parts: &[PartRecord]) -> Manifest {
    let metadata = HashMap::from([
        (SOURCE_TYPE_KEY.to_owned(), "timestamp with time zone".to_owned()),
        (FIDELITY_KEY.to_owned(), "exact".to_owned()),
    ]);
    let at = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema =
        Schema::new(vec![Field::new("id", DataType::Int32, false), Field::new("at", at, true).with_metadata(metadata)]);
    let schema = ManifestField::of_schema(&schema);
    Manifest {
        format_version: Manifest::FORMAT_VERSION,
        rivet_version: "0.0.0".to_owned(),
        export: "t".parse().unwrap(),
        run_id: run,
        fingerprint: Fingerprint("f".repeat(64)),
        created_at: Timestamp::UNIX_EPOCH,
        destination: local.store.record(),
        format: Format::Csv,
        compression: Compression::Zstd { level: 3 },
        schema_fingerprint: schema_fingerprint(&schema),
        schema,
        partition_by: Vec::new(),
        parts: parts.iter().map(|record| ManifestPart { record: record.clone(), chunk: ChunkId(0) }).collect(),
        rows: parts.iter().map(|part| part.rows).sum(),
        bytes: parts.iter().map(|part| part.bytes).sum(),
        nulled: BTreeMap::from([("at".to_owned(), 1)]),
        masked: BTreeMap::from([("email".to_owned(), "hmac".to_owned())]),
        consistency: Consistency::Snapshot { position: Some("0/16B3740".to_owned()) },
        chunk_count: 1,
        chunks: vec![],
        source: Some(ManifestSource { server: "PostgreSQL 15.18".to_owned(), system_id: Some("71".to_owned()) }),
        cursor_before: None,
        cursor_after: None,
    }
}

#[tokio::test]
async fn a_manifest_is_readable_json() {
    let (local, run) = (Local::new(), RunId::generate());
    let part = PartRecord { name: "p".to_owned(), rows: 3, bytes: 4, sha256: "ab".to_owned(), partition: Vec::new() };
    local.store.commit(&of(&local, run, &[part])).await.unwrap();
    let text = fs::read_to_string(local.path(&format!("_rivet/t/{run}.json"))).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["format_version"], 1);
    let expected = serde_json::json!([{"name": "p", "rows": 3, "bytes": 4, "sha256": "ab", "chunk": 0}]);
    assert_eq!(value["parts"], expected);
    let expected = serde_json::json!({
        "name": "at", "type": "Timestamp(µs, \"UTC\")", "source_type": "timestamp with time zone",
        "nullable": true, "fidelity": "exact",
    });
    assert_eq!(value["schema"][1], expected);
    assert_eq!(value["masked"], serde_json::json!({"email": "hmac"}));
    assert!(value["cursor_before"].is_null() && value.as_object().unwrap().contains_key("cursor_before"));
    assert!(text.ends_with("}\n"));
}

#[tokio::test]
async fn unknown_fields_are_passed_over_and_count_in_the_digest() {
    let (local, run) = (Local::new(), RunId::generate());
    let manifest = of(&local, run, &[]);
    local.store.commit(&manifest).await.unwrap();
    let path = local.path(&format!("_rivet/t/{run}.json"));
    let mut value: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    value["later"] = "field".into();
    fs::write(&path, value.to_string()).unwrap();
    assert_eq!(local.store.manifest(&manifest.export, run).await.unwrap(), Some(manifest.clone()));
    let error = local.store.commit(&manifest).await.unwrap_err();
    assert!(matches!(error, StoreError::ManifestConflict { .. }), "{error}");
}

#[tokio::test]
async fn a_manifest_of_a_release_that_masked_nothing_is_read() {
    let (local, run) = (Local::new(), RunId::generate());
    let manifest = Manifest { masked: BTreeMap::new(), ..of(&local, run, &[]) };
    local.store.commit(&manifest).await.unwrap();
    let text = fs::read_to_string(local.path(&format!("_rivet/t/{run}.json"))).unwrap();
    assert!(!text.contains("masked"), "{text}");
    assert_eq!(local.store.manifest(&manifest.export, run).await.unwrap(), Some(manifest));
}

#[tokio::test]
async fn a_later_version_and_a_damaged_file_are_clear_errors() {
    let (local, run) = (Local::new(), RunId::generate());
    let manifest = of(&local, run, &[]);
    local.store.commit(&manifest).await.unwrap();
    let path = local.path(&format!("_rivet/t/{run}.json"));
    let read = async |bytes: &str| {
        fs::write(&path, bytes).unwrap();
        local.store.manifest(&manifest.export, run).await.unwrap_err().to_string().replace(&run.to_string(), "RUN")
    };
    let later = read(r#"{"format_version": 2, "all": "else is new"}"#).await;
    assert_eq!(later, "`_rivet/t/RUN.json` has the manifest version 2; this program reads up to 1");
    assert_eq!(read("{\"format_version\": 1").await, "`_rivet/t/RUN.json` is no manifest of Rivet's");
    assert_eq!(read("{}").await, "`_rivet/t/RUN.json` is no manifest of Rivet's");
}

#[test]
fn the_digest_follows_the_content() {
    let (local, run) = (Local::new(), RunId::generate());
    let manifest = of(&local, run, &[]);
    assert_eq!(manifest.digest(), manifest.clone().digest());
    assert_eq!(manifest.digest().len(), 64);
    assert_ne!(manifest.digest(), Manifest { rows: 1, ..manifest.clone() }.digest());
    let mut renamed = manifest.schema.clone();
    renamed[0].name = "key".to_owned();
    assert_ne!(schema_fingerprint(&renamed), manifest.schema_fingerprint);
}
