//! Version 2 of MySQL's plans: a tree of operations, each with those that it takes its rows from.

use rivet_source::AccessPath;
use serde_json::{Map, Value};

use super::{Entry, Plan, Read, by_index, is_temporary, is_true, number, text, texts};

/// Operations that make one list of row numbers of several indexes.
const MERGES: [&str; 3] = ["index_merge", "rowid_union", "rowid_intersection"];

pub(super) fn read(root: &Value) -> Plan {
    let mut reads = Vec::new();
    walk(root, &mut reads);
    Plan { rows: root.as_object().and_then(rows), reads, sorts: root.as_object().is_some_and(sorts) }
}

fn kind(node: &Map<String, Value>) -> &str {
    text(node, "access_type").unwrap_or_default()
}

fn rows(node: &Map<String, Value>) -> Option<f64> {
    number(node, "estimated_rows")
}

fn inputs(node: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    node.get("inputs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// Collects how tables are read: those of the result before those of what is asked beside it.
fn walk(value: &Value, found: &mut Vec<Read>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
        Value::Object(node) => {
            found.extend(read_of(node));
            if MERGES.contains(&kind(node)) {
                return;
            }
            node.get("inputs").into_iter().for_each(|value| walk(value, found));
            node.iter().filter(|(name, _)| *name != "inputs").for_each(|(_, value)| walk(value, found));
        }
        _ => {}
    }
}

/// How an operation comes to the rows of a table; none where it works on those of other operations.
fn read_of(node: &Map<String, Value>) -> Option<Read> {
    let relation = text(node, "table_name");
    let index = text(node, "index_name").map(ToOwned::to_owned);
    let covering = is_true(node, "covering");
    let (relation, path, index, entry) = match kind(node) {
        // They read again what their inputs have written.
        "table" | "index" if relation.is_none_or(is_temporary) || inputs(node).next().is_some() => return None,
        "table" => (relation?, AccessPath::SequentialScan, None, Entry::Nowhere),
        "index" => (relation?, by_index(covering), index, entry(node)),
        "materialized_table_function" => {
            (relation.unwrap_or("a table function"), AccessPath::Other, None, Entry::Nowhere)
        }
        merge if MERGES.contains(&merge) => {
            let merged = Merged::of(node);
            (merged.relation?, AccessPath::BitmapScan, Some(merged.indexes.join(", ")), merged.entry)
        }
        // A kind of table or index that is not known yet.
        _ => (relation?, AccessPath::Other, index, Entry::Nowhere),
    };
    let conditions = texts(node, "ranges").chain(text(node, "pushed_index_condition")).map(ToOwned::to_owned);
    let ranged = if entry == Entry::Nowhere { None } else { rows(node) };
    let (relation, conditions) = (relation.to_owned(), conditions.collect());
    Some(Read { relation, path, index, entry, conditions, ranged, rows: rows(node) })
}

fn entry(node: &Map<String, Value>) -> Entry {
    let first = || Entry::Each(texts(node, "key_columns").take(1).map(ToOwned::to_owned).collect());
    match text(node, "index_access_type") {
        Some("index_range_scan") => first(),
        Some("index_lookup") if texts(node, "lookup_references").next() == Some("const") => first(),
        _ => Entry::Nowhere,
    }
}

/// What several indexes are merged to.
struct Merged<'a> {
    relation: Option<&'a str>,
    indexes: Vec<&'a str>,
    entry: Entry,
}

impl<'a> Merged<'a> {
    fn of(node: &'a Map<String, Value>) -> Self {
        let mut merged = Self { relation: None, indexes: Vec::new(), entry: Entry::Nowhere };
        let mut columns = Vec::new();
        merged.gather(node, &mut columns);
        let intersects = kind(node) == "rowid_intersection";
        merged.entry = if intersects { Entry::Any(columns) } else { Entry::Each(columns) };
        merged
    }

    fn gather(&mut self, node: &'a Map<String, Value>, columns: &mut Vec<String>) {
        for input in inputs(node) {
            self.relation = self.relation.or(text(input, "table_name"));
            self.indexes.extend(text(input, "index_name"));
            columns.extend(texts(input, "key_columns").take(1).map(ToOwned::to_owned));
            self.gather(input, columns);
        }
    }
}

/// Whether all rows go through a sort, below nothing but operations that pass on what comes.
fn sorts(node: &Map<String, Value>) -> bool {
    match kind(node) {
        "sort" => true,
        "filter" | "window" | "stream" => inputs(node).next().is_some_and(sorts),
        _ => false,
    }
}
