use crate::document::{Node, Origin, Path, Value, parse_scalar};
use crate::environment::Environment;
use crate::error::FindingKind;
use crate::loader::Overrides;
use crate::mistakes::{Mistake, Mistakes};
use crate::schema::{place_of, root_keys, section};

const PREFIX: &str = "RIVET_";

/// Keys that answer one question: where an export gives one of them, `defaults` says nothing about the others.
const ALTERNATIVES: &[(Option<&str>, &[&str])] = &[
    (None, &["compression", "compression_level", "compression_profile"]),
    (None, &["chunk_size", "chunk_count", "chunk_by_days", "chunk_size_memory_mb"]),
    // `chunk_size` beside it is the size of its chunks.
    (None, &["chunk_by_key", "chunk_count", "chunk_by_days", "chunk_size_memory_mb"]),
    (None, &["chunk_column", "chunk_by_key"]),
    (Some("tuning"), &["batch_size", "batch_size_memory_mb"]),
    (Some("parquet"), &["row_group_strategy", "row_group_rows", "target_row_group_mb"]),
];

/// Lays the environment over the file: `RIVET_SOURCE__TUNING__PROFILE` is `source.tuning.profile`, and
/// `RIVET_EXPORTS__0__MODE` is the mode of the first export.
///
/// A variable whose first segment is no key of the root is not ours.
pub(crate) fn lay_environment(root: &mut Node, environment: &Environment, mistakes: &mut Mistakes) {
    for (name, value) in environment.iter() {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let segments: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        if !root_keys().any(|key| segments.first().is_some_and(|first| first == key)) {
            continue;
        }
        let origin = Origin::Environment(name.to_owned());
        if let Some(place) = descend(root, &segments, &origin, mistakes) {
            *place = of_variable(value, &segments, origin);
        }
    }
}

/// Makes the value of a variable. It stays a text until its key turns out to take something else; where a key takes a
/// text as well as a list, the bracket tells.
fn of_variable(value: &str, segments: &[String], origin: Origin) -> Node {
    let list = (value.starts_with('[') && takes_list(segments)).then(|| parse_scalar(value, &origin)).flatten();
    let mut node = list.unwrap_or_else(|| Node::new(Value::Text(value.to_owned()), origin));
    node.loose = true;
    node.expanded = true;
    node
}

fn takes_list(segments: &[String]) -> bool {
    let at = segments.iter().fold(Path::root(), |at, segment| match segment.parse() {
        Ok(index) => at.index(index),
        Err(_) => at.key(segment),
    });
    let place = at.parent().map(|parent| place_of(&parent)).unwrap_or_default();
    let key = section(&place).and_then(|section| section.keys.iter().find(|key| key.name == at.name()));
    key.is_some_and(|key| key.kind.contains("list"))
}

fn descend<'n>(
    root: &'n mut Node,
    segments: &[String],
    origin: &Origin,
    mistakes: &mut Mistakes,
) -> Option<&'n mut Node> {
    let mut node = root;
    let mut at = Path::root();
    for segment in segments {
        if matches!(node.value, Value::List(_)) || at == Path::root().key("exports") {
            let length = node.items().len();
            let Some(index) = segment.parse::<usize>().ok().filter(|index| *index < length) else {
                let message = format!("there is no entry `{segment}` in `{at}`");
                let help = format!("Use the entry's position in the file: 0 is the first of {length}.");
                mistakes.push(Mistake::new(FindingKind::UnknownKey, &at, message).help(help).origin(origin.clone()));
                return None;
            };
            at = at.index(index);
            let Value::List(items) = &mut node.value else { unreachable!("a list has entries") };
            node = &mut items[index];
        } else {
            at = at.key(segment);
            node = node.child(segment, origin);
        }
    }
    Some(node)
}

/// Lays the flags of the command line over everything.
pub(crate) fn lay_overrides(root: &mut Node, overrides: &Overrides) {
    if let Some(count) = overrides.parallel_exports {
        let origin = Origin::Flag("--parallel-exports".to_owned());
        root.set("parallel_exports", Node::new(Value::Int(i128::try_from(count).unwrap_or(i128::MAX)), origin));
    }
}

/// Lays every export over `defaults`.
pub(crate) fn lay_defaults(root: &mut Node) {
    let Some(mut defaults) = root.get(&Path::root().key("defaults")).cloned() else { return };
    let Some(Node { value: Value::List(exports), .. }) = root.get_mut(&Path::root().key("exports")) else { return };
    defaults.inherit();
    for export in exports {
        if matches!(export.value, Value::Map(_)) {
            *export = export.clone().over(&lower_for(export, &defaults));
        }
    }
}

/// Returns what `defaults` has to say to one export.
fn lower_for(export: &Node, defaults: &Node) -> Node {
    let mut lower = defaults.clone();
    for (section, group) in ALTERNATIVES {
        let at = section.map_or_else(Path::root, |section| Path::root().key(section));
        if group.iter().any(|key| export.get(&at.key(key)).is_some()) {
            for key in *group {
                lower.remove(&at.key(key));
            }
        }
    }
    // The keys of one kind of destination mean nothing to another.
    let kind = Path::root().key("destination").key("type");
    let (own, inherited) = (export.get(&kind).and_then(Node::text), defaults.get(&kind).and_then(Node::text));
    if own.is_some() && inherited.is_some() && own != inherited {
        lower.remove(&Path::root().key("destination"));
    }
    lower
}
