//! Plans, as EXPLAIN FORMAT=JSON writes them: in three dialects, of which MySQL has two and MariaDB one.
//!
//! Whatever is not known is gone through for what is below it: every version has some words of its own.

mod condition;
mod tables;
#[cfg(test)]
mod tests;
mod tree;

use rivet_source::{Access, AccessPath};
use serde_json::{Map, Value};

/// What a plan says of a statement.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Plan {
    /// Rows of the result.
    pub(super) rows: Option<f64>,
    /// How each relation is read, in the order of the plan.
    pub(super) reads: Vec<Read>,
    /// Whether the whole result is sorted before its first row comes.
    pub(super) sorts: bool,
}

/// How one relation is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Read {
    /// The relation as the plan names it.
    pub(super) relation: String,
    pub(super) path: AccessPath,
    pub(super) index: Option<String>,
    pub(super) entry: Entry,
    /// What holds for its rows, in the server's own hand.
    pub(super) conditions: Vec<String>,
    /// Rows that ranges of indexes are expected to have, whether or not they are read by them; none where nobody has
    /// looked at any.
    pub(super) ranged: Option<f64>,
    /// Rows that come of it.
    pub(super) rows: Option<f64>,
}

/// What a run compares with: the first column of its key, the one that stands in for it, and values of theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) columns: Vec<String>,
    pub(super) values: Vec<String>,
}

/// Where an index is entered: by comparing which of its columns with values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Entry {
    /// Nowhere: there is none, it is read whole, or entered once for each row of another relation.
    #[default]
    Nowhere,
    /// At a value of each of these columns, one for each index.
    Each(Vec<String>),
    /// At a value of one or the other of these columns, the rows of which are those of all.
    Any(Vec<String>),
    /// At values of columns that the plan does not name.
    Unsaid,
}

impl Plan {
    /// Reads a plan. None where it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let explained = parse(text)?;
        let fields = explained.as_object()?;
        match (fields.get("query_plan"), fields.get("query_block")) {
            (Some(root), _) => Some(tree::read(root)),
            (None, Some(block)) => Some(tables::read(block)),
            // What came between the two.
            (None, None) => fields.contains_key("access_type").then(|| tree::read(&explained)),
        }
    }
}

/// Reads a document. MariaDB puts conditions into texts as they are, with quotes and all.
fn parse(text: &str) -> Option<Value> {
    let parsed = serde_json::from_str(text);
    parsed.ok().or_else(|| serde_json::from_str(&text.lines().map(mended).collect::<Vec<_>>().join("\n")).ok())
}

/// Puts a line right that holds one text, where it can't be read.
fn mended(line: &str) -> String {
    let plain = line.trim().trim_end_matches(',');
    let parts = plain.split_once(": \"").and_then(|(name, rest)| Some((name, rest.strip_suffix('"')?)));
    match parts {
        Some((name, text)) if serde_json::from_str::<Value>(&format!("{{{plain}}}")).is_err() => {
            format!("{name}: {}{}", Value::from(text), if line.trim_end().ends_with(',') { "," } else { "" })
        }
        _ => line.to_owned(),
    }
}

impl Read {
    /// Whether an index is entered at what the run compares with: where several are, each of them, unless the rows are
    /// those of all. Views and queries may call columns by other names than their tables; there the values tell.
    pub(super) fn is_bounded(&self, by: &Compared) -> bool {
        let named = |name: &String| by.columns.iter().any(|column| column.eq_ignore_ascii_case(name));
        let compared = |name: &String| {
            let compare = |condition: &String| condition::compares(condition, name, &by.values);
            self.conditions.iter().any(compare)
        };
        let bounded = |name: &String| named(name) || compared(name);
        !by.columns.is_empty()
            && match &self.entry {
                Entry::Nowhere => false,
                Entry::Each(names) => !names.is_empty() && names.iter().all(bounded),
                Entry::Any(names) => names.iter().any(bounded),
                Entry::Unsaid => true,
            }
    }

    /// Makes what is told of it.
    pub(super) fn access(&self, by: &Compared) -> Access {
        Access {
            relation: self.relation.clone(),
            path: self.path,
            index: self.index.clone(),
            bounded: self.is_bounded(by),
            estimated_rows: self.rows.map(whole),
        }
    }
}

/// Rounds an estimate.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate beyond u64 becomes its end")]
pub(super) fn whole(rows: f64) -> u64 {
    rows.round() as u64
}

/// Reads a number, which may be written as a text.
fn number(fields: &Map<String, Value>, name: &str) -> Option<f64> {
    let value = fields.get(name)?;
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name)?.as_str()
}

fn is_true(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The texts of a list.
fn texts<'a>(fields: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a str> {
    fields.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The way to rows by one index.
fn by_index(covering: bool) -> AccessPath {
    if covering { AccessPath::IndexOnlyScan } else { AccessPath::IndexScan }
}

/// Whether a name is one of the server's own for what it has read before.
fn is_temporary(name: &str) -> bool {
    name.starts_with('<')
}
