//! Holds the crates to the table in `docs/architecture.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The crates that each crate depends on.
type Layers = BTreeMap<String, BTreeSet<String>>;

#[test]
fn crates_depend_on_what_the_table_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let (actual, documented) = (actual(&metadata), documented(&page));
    assert!(!documented.is_empty(), "docs/architecture.md has no line `rivet-x -> rivet-y` inside of a fence");
    assert_eq!(actual, documented, "left: Cargo.toml, right: the table in docs/architecture.md");
}

/// Reads the normal dependencies between crates of this workspace.
fn actual(metadata: &Value) -> Layers {
    let packages = list(&metadata["packages"]).filter(|package| is_ours(name(package)));
    packages
        .map(|package| {
            let normal = list(&package["dependencies"]).filter(|dependency| dependency["kind"].is_null());
            let ours = normal.map(name).filter(|name| is_ours(name));
            (name(package).to_owned(), ours.map(ToOwned::to_owned).collect())
        })
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("`cargo metadata` writes a list here").iter()
}

fn name(value: &Value) -> &str {
    value["name"].as_str().expect("`cargo metadata` names packages")
}

fn is_ours(name: &str) -> bool {
    name.starts_with("rivet-")
}

/// Reads the lines `rivet-x -> rivet-y, rivet-z` of all fenced blocks; what follows two spaces after the list, or a
/// word that is no crate's name, is a remark.
fn documented(page: &str) -> Layers {
    let mut fenced = false;
    let mut layers = Layers::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let Some((name, list)) = line.split_once("->").filter(|_| fenced) else { continue };
        let name = name.split_whitespace().last().unwrap_or_default();
        if is_ours(name) && !list.contains("->") {
            let words = list.split([',', ' ']).map(str::trim).filter(|word| is_ours(word));
            layers.insert(name.to_owned(), words.map(ToOwned::to_owned).collect());
        }
    }
    layers
}

#[test]
fn the_table_is_read_as_it_is_written() {
    let page = "rivet-a -> rivet-z\n```text\nrivet-model ->\nL1 rivet-config  -> rivet-model, rivet-source\n\
                rivet.yaml -> Config -> rivet-model\n```\nrivet-b -> rivet-z\n";
    let read = documented(page);
    let read: Vec<String> = read
        .iter()
        .map(|(name, list)| format!("{name}: {}", list.iter().cloned().collect::<Vec<_>>().join(" ")))
        .collect();
    assert_eq!(read, ["rivet-config: rivet-model rivet-source", "rivet-model: "]);
}
