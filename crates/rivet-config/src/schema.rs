use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

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

/// A mapping of the schema.
pub(crate) struct Section {
    /// Where it stands: empty for the root, `exports[]`, `exports[].tuning`.
    pub(crate) place: String,
    /// What it is.
    pub(crate) description: String,
    /// Its keys, in alphabetical order.
    pub(crate) keys: Vec<KnownKey>,
}

/// A key of a [`Section`].
pub(crate) struct KnownKey {
    pub(crate) name: String,
    /// Its type for a person: words, or `text`, `number`, `list of text`.
    pub(crate) kind: String,
    pub(crate) description: String,
}

/// All sections, from the root down, everything in alphabetical order.
pub(crate) static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| {
    let root = json_schema();
    let mut sections = Vec::new();
    Walk { root: &root, sections: &mut sections }.mapping(&root, "");
    sections
});

/// Collects the sections of a schema.
struct Walk<'a> {
    root: &'a Value,
    sections: &'a mut Vec<Section>,
}

impl<'a> Walk<'a> {
    fn mapping(&mut self, schema: &'a Value, place: &str) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        // The order of a JSON object depends on how serde_json was built.
        let mut properties: Vec<(&String, &Value)> = properties.iter().collect();
        properties.sort_by_key(|(name, _)| *name);
        let key = |(name, schema): &(&String, &'a Value)| KnownKey {
            name: (*name).clone(),
            kind: self.kind(schema),
            description: description(schema),
        };
        let keys = properties.iter().map(key).collect();
        self.sections.push(Section { place: place.to_owned(), description: description(schema), keys });
        for (name, property) in properties {
            let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            for (branch, suffix) in self.branches(property) {
                self.mapping(branch, &format!("{place}{suffix}"));
            }
        }
    }

    /// The schemas of the mappings that may stand below a key, with what the way to them adds.
    fn branches(&self, property: &'a Value) -> Vec<(&'a Value, &'static str)> {
        let mut found: Vec<_> = self.alternatives(property).into_iter().map(|branch| (branch, "")).collect();
        for items in self.alternatives(property).into_iter().filter_map(|branch| branch.get("items")) {
            found.extend(self.alternatives(items).into_iter().map(|branch| (branch, "[]")));
        }
        if let Some(values) = property.get("additionalProperties").filter(|values| values.is_object()) {
            found.extend(self.alternatives(values).into_iter().map(|branch| (branch, ".*")));
        }
        found
    }

    /// A schema and everything that it may stand for.
    fn alternatives(&self, schema: &'a Value) -> Vec<&'a Value> {
        let target =
            schema.get("$ref").and_then(Value::as_str).and_then(|name| self.root.pointer(name.strip_prefix('#')?));
        let listed = ["anyOf", "oneOf"].into_iter().filter_map(|word| schema.get(word)?.as_array()).flatten();
        let mut found = vec![schema];
        found.extend(target.into_iter().chain(listed).flat_map(|branch| self.alternatives(branch)));
        found
    }

    /// Returns the words that a schema allows.
    fn words(&self, schema: &'a Value) -> Vec<&'a str> {
        let word = |schema: &'a Value| {
            let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
            listed.chain(schema.get("const")).filter_map(Value::as_str)
        };
        self.alternatives(schema).into_iter().flat_map(word).collect()
    }

    /// Returns the type of a schema for a person.
    fn kind(&self, schema: &'a Value) -> String {
        let words = self.words(schema);
        let alternatives = self.alternatives(schema);
        let mapping = alternatives.iter().any(|branch| branch.get("properties").is_some());
        if !words.is_empty() {
            let mapping = if mapping { ", mapping" } else { "" };
            return format!("{}{mapping}", listed(&words));
        }
        let mut kinds: Vec<String> = Vec::new();
        let typed = alternatives.iter().filter_map(|branch| Some((*branch, branch.get("type")?)));
        for (branch, name) in
            typed.flat_map(|(branch, types)| type_names(types).into_iter().map(move |name| (branch, name)))
        {
            let kind = self.one_kind(name, branch);
            if name != "null" && !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds.join(" or ")
    }

    fn one_kind(&self, name: &str, schema: &'a Value) -> String {
        match name {
            "string" => "text".to_owned(),
            "integer" => "whole number".to_owned(),
            "boolean" => "`true`, `false`".to_owned(),
            "array" => {
                format!("list of {}", schema.get("items").map_or_else(|| "values".to_owned(), |items| self.kind(items)))
            }
            "object" => match schema.get("additionalProperties").filter(|values| values.is_object()) {
                Some(values) => format!("mapping of column to {}", self.kind(values)),
                None => "mapping".to_owned(),
            },
            other => other.to_owned(),
        }
    }
}

fn type_names(types: &Value) -> Vec<&str> {
    match types {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

fn description(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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

/// Returns the key that was meant where a key is unknown, when one is near.
pub(crate) fn meant(parent: &Path, key: &str) -> Option<&'static str> {
    let here = place_of(parent);
    let siblings = section(&here).into_iter().flat_map(|section| &section.keys).map(|key| key.name.as_str());
    home(&here, key).is_none().then(|| nearest(key, siblings)).flatten()
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
