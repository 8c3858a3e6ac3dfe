use rivet_model::{ColumnName, DatePart, PartitionBy, PartitionKey};

use crate::check::Checker;
use crate::document::Path;
use crate::error::FindingKind;
use crate::mistakes::Mistake;
use crate::raw::{RawDatePart, RawPartition, RawPartitions};

/// Judges the levels of folders; `exclude` are columns that are not read.
pub(crate) fn check(
    raw: Option<&RawPartitions>,
    exclude: &[ColumnName],
    at: &Path,
    cx: &mut Checker<'_>,
) -> Vec<PartitionBy> {
    let Some(RawPartitions(raw)) = raw else { return Vec::new() };
    let is_list = cx.tree.get(at).is_some_and(|node| !node.items().is_empty());
    let mut levels: Vec<PartitionBy> = Vec::new();
    for (index, raw) in raw.iter().enumerate() {
        let place = if is_list { at.index(index) } else { at.clone() };
        let Some(level) = level(raw, &place, cx) else { continue };
        if exclude.contains(&level.column) {
            let message = format!("{} stands in `exclude`", cx.quote(&place, level.column.as_str()));
            cx.invalid(&place, message, "Read the column, or partition by another one.");
        }
        let same = |other: &PartitionBy| other.key.as_str().eq_ignore_ascii_case(level.key.as_str());
        if levels.iter().any(same) {
            let message = format!("two levels of folders are named {}", cx.quote(&place, level.key.as_str()));
            let help = "Remove one of the two, or give it another name with `as`.";
            cx.push(Mistake::new(FindingKind::DuplicateName, &place, message).help(help));
        } else {
            levels.push(level);
        }
    }
    levels
}

fn level(raw: &RawPartition, at: &Path, cx: &mut Checker<'_>) -> Option<PartitionBy> {
    let (column_place, name, part, key) = match raw {
        RawPartition::Column(name) => (at.clone(), Some(name), None, None),
        RawPartition::Options(options) => {
            (at.key("column"), options.column.as_ref(), options.part, options.key.as_deref())
        }
    };
    let Some(name) = name else {
        cx.missing(&at.key("column"), "the level of folders has no `column`", "Add `column:` with a column's name.");
        return None;
    };
    let column = cx.column(&column_place, name);
    let part = part.map(date_part);
    let key = match (key, part) {
        (Some(key), _) => parse_key(&at.key("as"), key, cx),
        (None, Some(part)) => parse_key(&column_place, &format!("{name}_{part}"), cx),
        (None, None) => parse_key(&column_place, name, cx),
    };
    Some(PartitionBy { key: key?, column: column?, part })
}

fn parse_key(at: &Path, key: &str, cx: &mut Checker<'_>) -> Option<PartitionKey> {
    cx.parse(at, key, "Give the folders a plain name: `{ column: ..., as: name }`.")
}

fn date_part(raw: RawDatePart) -> DatePart {
    match raw {
        RawDatePart::Year => DatePart::Year,
        RawDatePart::Month => DatePart::Month,
        RawDatePart::Day => DatePart::Day,
        RawDatePart::Hour => DatePart::Hour,
    }
}
