use std::path::Path;

/// Compares a generated file with what it should hold; writes it where `RIVET_UPDATE_DOCS` is set.
fn assert_generated(path: &Path, expected: &str) {
    if rivet_config::Environment::process().get("RIVET_UPDATE_DOCS").is_some() {
        std::fs::write(path, expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is not what the types say; regenerate it with: RIVET_UPDATE_DOCS=1 cargo test -p rivet-config",
        path.display()
    );
}

#[test]
fn the_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    assert_generated(&path, &rivet_config::reference());
}

#[test]
fn the_schema_refuses_unknown_keys_everywhere() {
    fn walk(schema: &serde_json::Value, path: &str) {
        if let Some(object) = schema.as_object() {
            if object.contains_key("properties") && !path.ends_with("/properties") {
                assert_eq!(object.get("additionalProperties"), Some(&serde_json::Value::Bool(false)), "{path}");
            }
            for (key, value) in object {
                walk(value, &format!("{path}/{key}"));
            }
        }
    }
    walk(&rivet_config::json_schema(), "");
}
