//! Version 1 of MySQL's plans, and those of MariaDB: blocks of tables, each with the way to its rows, inside of what is
//! done with them.

use rivet_source::AccessPath;
use serde_json::{Map, Value};

use super::{Entry, Plan, Read, by_index, is_temporary, is_true, number, text, texts};

/// What a block takes its rows from, rather than what it asks beside them.
const INPUTS: [&str; 16] = [
    "query_block",
    "union_result",
    "ordering_operation",
    "grouping_operation",
    "duplicates_removal",
    "windowing",
    "buffer_result",
    "filesort",
    "temporary_table",
    "read_sorted_file",
    "window_functions_computation",
    "block-nl-join",
    "range-checked-for-each-record",
    "expression_cache",
    "nested_loop",
    "table",
];

/// What of a table was made by a query of its own.
const MADE: [&str; 3] = ["materialized_from_subquery", "materialized", "sharing_temporary_table_with"];

pub(super) fn read(block: &Value) -> Plan {
    let mut reads = Vec::new();
    walk(block, &mut reads);
    Plan { rows: rows(block), reads, sorts: sorts(block) }
}

/// Collects how tables are read: those of the result before those of what is asked beside it.
fn walk(value: &Value, found: &mut Vec<Read>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
        Value::Object(fields) => {
            found.extend(table(fields));
            let of_result = |name: &str| INPUTS.contains(&name);
            fields.iter().filter(|(name, _)| of_result(name)).for_each(|(_, value)| walk(value, found));
            fields.iter().filter(|(name, _)| !of_result(name)).for_each(|(_, value)| walk(value, found));
        }
        _ => {}
    }
}

/// Reads how a table is read; none for other fields, and for what was read before and is read again.
fn table(fields: &Map<String, Value>) -> Option<Read> {
    let relation = text(fields, "table_name")?;
    let access = text(fields, "access_type")?;
    if is_temporary(relation) || MADE.iter().any(|name| fields.contains_key(*name)) {
        return None;
    }
    // A join that hashes, and a filter of row numbers, stand beside the way itself.
    let access = access.strip_prefix("hash_").unwrap_or(access).split('|').next().unwrap_or_default();
    let covering = is_true(fields, "using_index") || fields.contains_key("using_index_for_group_by");
    let first_part = || texts(fields, "used_key_parts").take(1).map(ToOwned::to_owned).collect();
    let (path, entry) = match access {
        "ALL" | "system" if !fields.contains_key("table_function") => (AccessPath::SequentialScan, Entry::Nowhere),
        "range" => (by_index(covering), Entry::Each(first_part())),
        "const" | "ref" | "eq_ref" | "ref_or_null" if texts(fields, "ref").next() == Some("const") => {
            (by_index(covering), Entry::Each(first_part()))
        }
        "index" | "const" | "ref" | "eq_ref" | "ref_or_null" | "unique_subquery" | "index_subquery" | "fulltext" => {
            (by_index(covering), Entry::Nowhere)
        }
        "index_merge" => (AccessPath::BitmapScan, fields.get("index_merge").map_or(Entry::Unsaid, merged)),
        _ => (AccessPath::Other, Entry::Nowhere),
    };
    let conditions = ["index_condition", "attached_condition"].iter().filter_map(|name| text(fields, name));
    Some(Read {
        relation: relation.to_owned(),
        path,
        index: index(fields),
        conditions: conditions.map(ToOwned::to_owned).collect(),
        ranged: match &entry {
            // The rows of a scan that would be left of one by an index.
            Entry::Nowhere => left(fields).filter(|_| fields.contains_key("possible_keys")),
            _ => examined(fields),
        },
        entry,
        rows: left(fields),
    })
}

/// The index, or the indexes that are merged: `sort_union(a,b)` in MySQL, a tree in MariaDB.
fn index(fields: &Map<String, Value>) -> Option<String> {
    if let Some(merge) = fields.get("index_merge") {
        let mut names = Vec::new();
        ranges(merge, &mut |range| names.extend(text(range, "key")));
        return Some(names.join(", "));
    }
    let key = text(fields, "key")?;
    let inner = key.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    match inner.filter(|_| text(fields, "access_type") == Some("index_merge")) {
        Some(names) => Some(names.replace(',', ", ")),
        None => Some(key.to_owned()),
    }
}

/// Where the indexes of MariaDB's merge are entered.
fn merged(merge: &Value) -> Entry {
    let mut columns = Vec::new();
    ranges(merge, &mut |range| columns.extend(texts(range, "used_key_parts").take(1).map(ToOwned::to_owned)));
    let intersects = merge.as_object().is_some_and(|merge| merge.keys().all(|kind| kind.contains("intersect")));
    if intersects { Entry::Any(columns) } else { Entry::Each(columns) }
}

/// Goes through the ranges of a merge.
fn ranges<'a>(merge: &'a Value, each: &mut impl FnMut(&'a Map<String, Value>)) {
    match merge {
        Value::Array(values) => values.iter().for_each(|value| ranges(value, each)),
        Value::Object(fields) => {
            if fields.contains_key("key") {
                each(fields);
            }
            fields.values().for_each(|value| ranges(value, each));
        }
        _ => {}
    }
}

/// Rows of a table that are looked at.
fn examined(fields: &Map<String, Value>) -> Option<f64> {
    number(fields, "rows_examined_per_scan").or_else(|| number(fields, "rows"))
}

/// Rows of a table that are left of them.
fn left(fields: &Map<String, Value>) -> Option<f64> {
    Some(examined(fields)? * number(fields, "filtered").unwrap_or(100.0) / 100.0)
}

/// Rows that come out of a block: of joined tables, what each gives for every row of those before it. Groups and
/// limits are not in these plans.
fn rows(value: &Value) -> Option<f64> {
    let fields = match value {
        Value::Array(values) => return values.iter().map(rows).product(),
        Value::Object(fields) => fields,
        _ => return None,
    };
    if let Some(message) = text(fields, "message") {
        return of_message(message);
    }
    if let Some(parts) = fields.get("query_specifications").and_then(Value::as_array) {
        return parts.iter().map(rows).sum();
    }
    if fields.contains_key("access_type") {
        return left(fields);
    }
    INPUTS.iter().find_map(|name| fields.get(*name)).and_then(rows)
}

/// What takes the place of a plan where none is needed.
fn of_message(message: &str) -> Option<f64> {
    let says = |words: &[&str]| words.iter().any(|word| message.to_lowercase().contains(word));
    if says(&["impossible", "no matching", "not found", "zero limit", "is empty"]) {
        Some(0.0)
    } else if says(&["no tables used", "optimized away"]) {
        Some(1.0)
    } else {
        None
    }
}

/// Whether all rows of a block go through a sort, below nothing but what passes on what comes.
fn sorts(value: &Value) -> bool {
    let fields = match value {
        // The first table of a join sends nothing before it is sorted, and so does the join.
        Value::Array(values) => return values.first().is_some_and(sorts),
        Value::Object(fields) => fields,
        _ => return false,
    };
    let windows = fields.get("windows").and_then(Value::as_array).into_iter().flatten();
    let sorts_here = is_true(fields, "using_filesort")
        || fields.contains_key("sort_key")
        || fields.get("sorts").is_some_and(|sorts| sorts.as_array().is_some_and(|sorts| !sorts.is_empty()))
        || windows.filter_map(Value::as_object).any(|window| is_true(window, "using_filesort"));
    if sorts_here {
        return true;
    }
    if fields.contains_key("access_type") {
        return false;
    }
    // Grouping sends fewer rows than it sorts.
    let input = INPUTS.iter().filter(|name| **name != "grouping_operation").find_map(|name| fields.get(*name));
    input.is_some_and(sorts)
}
