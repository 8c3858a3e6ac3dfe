use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::document::{Path, Step};
use crate::raw::RawConfig;

/// Returns the JSON Schema of `rivet.yaml`.
///
/// ```
/// let schema = rivet_config::json_schema();
/// assert_eq!(schema["title"], "rivet.yaml");
/// assert!(schema["properties"]["exports"]["description"].is_string());
/// ```
pub fn json_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RawConfig>().to_value()
}

/// The same schema without references: a tree that can be walked.
static INLINED: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<RawConfig>().to_value()
});

/// A mapping of the schema.
pub(crate) struct Section {
    /// Where it stands: empty for the root, `exports[]`, `exports[].tuning`.
    pub(crate) place: String,
    /// What it is.
    pub(crate) description: String,
    /// Its keys in the order of the source.
    pub(crate) keys: Vec<KnownKey>,
}

/// A key of a [`Section`].
pub(crate) struct KnownKey {
    pub(crate) name: String,
    /// Its type for a person: words, or `text`, `number`, `list of text`.
    pub(crate) kind: String,
    pub(crate) description: String,
}

/// All sections, from the root down.
pub(crate) static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| {
    let mut sections = Vec::new();
    walk(&INLINED, "", &mut sections);
    sections
});

fn walk(schema: &Value, place: &str, sections: &mut Vec<Section>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    sections.push(Section { place: place.to_owned(), description: description(schema), keys: keys(properties) });
    for (name, property) in properties {
        let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        for (branch, suffix) in branches(property) {
            walk(branch, &format!("{place}{suffix}"), sections);
        }
    }
}

/// The schemas of the mappings that may stand below a key, with what the way to them adds.
fn branches(property: &Value) -> Vec<(&Value, &'static str)> {
    let mut found = vec![(property, "")];
    found.extend(alternatives(property).map(|branch| (branch, "")));
    if let Some(items) = property.get("items") {
        found.push((items, "[]"));
    }
    if let Some(values) = property.get("additionalProperties").filter(|values| values.is_object()) {
        found.push((values, ".*"));
        found.extend(alternatives(values).map(|branch| (branch, ".*")));
    }
    found
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"].into_iter().filter_map(|word| schema.get(word)?.as_array()).flatten()
}

fn keys(properties: &Map<String, Value>) -> Vec<KnownKey> {
    let key = |(name, schema): (&String, &Value)| KnownKey {
        name: name.clone(),
        kind: kind(schema),
        description: description(schema),
    };
    properties.iter().map(key).collect()
}

fn description(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the words that a schema allows.
fn words(schema: &Value) -> Vec<String> {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let constant = schema.get("const").into_iter();
    let mut words: Vec<String> = listed.chain(constant).filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    words.extend(alternatives(schema).flat_map(self::words));
    words
}

/// Returns the type of a schema for a person.
fn kind(schema: &Value) -> String {
    let words = words(schema);
    if !words.is_empty() {
        let listed = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let mapping = alternatives(schema).any(|branch| branch.get("properties").is_some());
        return if mapping { format!("{listed}, mapping") } else { listed };
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => alternatives(schema).filter_map(|branch| branch.get("type")?.as_str()).collect(),
    };
    let named: Vec<String> =
        types.into_iter().filter(|name| *name != "null").map(|name| one_kind(name, schema)).collect();
    named.join(" or ")
}

fn one_kind(name: &str, schema: &Value) -> String {
    match name {
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "`true`, `false`".to_owned(),
        "array" => format!("list of {}", schema.get("items").map_or_else(|| "values".to_owned(), kind)),
        "object" => match schema.get("additionalProperties").filter(|values| values.is_object()) {
            Some(values) => format!("mapping of column to {}", kind(values)),
            None => "mapping".to_owned(),
        },
        other => other.to_owned(),
    }
}

/// Returns the place of a mapping as sections spell it.
pub(crate) fn place_of(path: &Path) -> String {
    let mut place = String::new();
    let mut known = true;
    for step in path.steps() {
        match step {
            Step::Index(_) => place.push_str("[]"),
            Step::Key(key) => {
                let next = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                // The key of a mapping by column is the user's own word.
                known = known && (place.is_empty() || section(&place).is_some());
                place = if known { next } else { format!("{place}.*") };
                known = true;
            }
        }
    }
    place
}

/// Returns the section of a place.
pub(crate) fn section(place: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.place == place)
}

/// Returns the keys of the file's root: the first segments of our environment variables.
pub(crate) fn root_keys() -> impl Iterator<Item = &'static str> {
    section("").into_iter().flat_map(|section| &section.keys).map(|key| key.name.as_str())
}

/// Returns the word that is nearest to what was written, where one is near.
pub(crate) fn nearest<'w>(written: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let written = written.to_lowercase().replace('-', "_");
    // A third of the letters may differ: more is another word.
    let limit = (written.chars().count() / 3).max(1);
    let distance = |word: &'w str| (strsim::osa_distance(&written, word), word);
    words.into_iter().map(distance).filter(|(distance, _)| *distance <= limit).min().map(|(_, word)| word)
}

/// Returns what to do about a key that is unknown where it stands.
pub(crate) fn advice(parent: &Path, key: &str) -> String {
    let here = place_of(parent);
    let siblings: Vec<&str> =
        section(&here).into_iter().flat_map(|section| &section.keys).map(|key| key.name.as_str()).collect();
    if let Some(place) = home(&here, key) {
        return format!("Move it: `{key}` belongs {}.", belongs(&here, place));
    }
    match nearest(key, siblings.iter().copied()) {
        Some(word) => format!("Did you mean `{word}`?"),
        None => match nearest_anywhere(key) {
            Some((place, word)) => format!("Did you mean `{word}`? It belongs {}.", belongs(&here, place)),
            None => format!("Known here: {}.", listed(&siblings)),
        },
    }
}

/// Returns the other place where a key is known: below this one first, then above it, then anywhere.
fn home(here: &str, key: &str) -> Option<&'static str> {
    let holds = |section: &&Section| section.place != here && section.keys.iter().any(|known| known.name == key);
    let places = SECTIONS.iter().filter(holds).map(|section| section.place.as_str());
    let rank = |place: &str| match () {
        () if place.starts_with(here) => 0,
        () if here.starts_with(place) => 1,
        () => 2,
    };
    // `defaults` repeats `exports[]`: it is no one's first home.
    places.min_by_key(|place| (rank(place), place.starts_with("defaults"), place.len()))
}

fn nearest_anywhere(key: &str) -> Option<(&'static str, &'static str)> {
    let all = SECTIONS.iter().flat_map(|section| section.keys.iter().map(move |key| (section, key.name.as_str())));
    let word = nearest(key, all.clone().map(|(_, name)| name))?;
    all.filter(|(_, name)| *name == word).map(|(section, name)| (section.place.as_str(), name)).next()
}

/// Says where a place is, seen from another.
fn belongs(here: &str, place: &str) -> String {
    let below = place.strip_prefix(here).map(|rest| rest.trim_start_matches('.'));
    match below.filter(|rest| !rest.is_empty()) {
        Some(_) if here.is_empty() => format!("under `{place}`"),
        Some(rest) => format!("under `{rest}`, here"),
        None if place.is_empty() => "at the root of the file".to_owned(),
        None => format!("under `{place}`"),
    }
}

pub(crate) fn listed<W: AsRef<str>>(words: &[W]) -> String {
    words.iter().map(|word| format!("`{}`", word.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_description_and_a_type() {
        for section in SECTIONS.iter() {
            for key in &section.keys {
                assert!(!key.description.is_empty(), "{}.{}", section.place, key.name);
                assert!(!key.kind.is_empty(), "{}.{}", section.place, key.name);
            }
        }
    }

    #[test]
    fn sections_are_found_by_the_way_to_them() {
        let export = Path::root().key("exports").index(3);
        assert_eq!(place_of(&export.key("tuning")), "exports[].tuning");
        assert_eq!(place_of(&export.key("mask").key("email")), "exports[].mask.*");
        assert!(section("exports[].mask.*").is_some());
        assert!(section("source.tls").is_some());
        assert!(section("notifications.slack").is_some());
    }

    #[test]
    fn advice_knows_the_neighbours_and_the_other_levels() {
        let export = Path::root().key("exports").index(0);
        let check = |at: &Path, key: &str, expected: &str| assert_eq!(advice(at, key), expected);
        check(&export, "formt", "Did you mean `format`?");
        check(&export, "batch_size", "Move it: `batch_size` belongs under `tuning`, here.");
        check(&export.key("tuning"), "chunk_size", "Move it: `chunk_size` belongs under `exports[]`.");
        check(&Path::root(), "host", "Move it: `host` belongs under `source`.");
        check(&Path::root(), "export", "Did you mean `exports`?");
        check(&export, "webhok_url", "Did you mean `webhook_url`? It belongs under `notifications.slack`.");
    }
}
