use figment::error::{Actual, Error, Kind};

use crate::document::{Node, Origin, Path, Step, Value, parse_scalar};
use crate::error::FindingKind;
use crate::mistakes::{Mistake, Mistakes};
use crate::raw::RawConfig;
use crate::schema::{advice, meant, nearest};

/// Mistakes of type that are looked for, at most: more than a person would read.
const LIMIT: usize = 200;

/// Reads the merged tree into its types.
///
/// Reading stops at the first mistake; so the offending value is taken out and the rest is read again, until
/// nothing is wrong any more.
pub(crate) fn extract(tree: &Node, mistakes: &mut Mistakes) -> RawConfig {
    let mut work = tree.clone();
    for _ in 0..LIMIT {
        match work.to_figment().deserialize::<RawConfig>() {
            Ok(config) => return config,
            Err(error) => {
                let at = locate(&work, &error.path);
                if !reread(&mut work, &at, &error.kind) {
                    let mistake = mistake(tree, &at, &error);
                    if at == Path::root() {
                        mistakes.push_wrong(mistake);
                        return RawConfig::default();
                    }
                    mistakes.push_wrong(mistake);
                    if let (Kind::UnknownField(key, _), Some(parent)) = (&error.kind, at.parent()) {
                        // The key that was meant is not missing as well.
                        let meant = meant(&parent, key).map(|meant| parent.key(meant));
                        if let Some(meant) = meant.filter(|meant| tree.get(meant).is_none()) {
                            mistakes.pass_over(meant);
                        }
                    }
                    take_out(&mut work, &at, &error.kind);
                }
            }
        }
    }
    // Nothing could be read: what is missing now is not the user's mistake.
    mistakes.pass_over(Path::root());
    RawConfig::default()
}

/// Figment names entries of lists by their number.
fn locate(root: &Node, names: &[String]) -> Path {
    let mut at = Path::root();
    for name in names {
        let index =
            name.parse().ok().filter(|_| root.get(&at).is_some_and(|node| matches!(node.value, Value::List(_))));
        at = index.map_or_else(|| at.key(name), |index| at.index(index));
    }
    at
}

/// Takes a text from outside the file for what it would be in the file: `5` for a number, `[a, b]` for a list.
fn reread(work: &mut Node, at: &Path, kind: &Kind) -> bool {
    let Some(node) = work.get_mut(at) else { return false };
    let (true, Kind::InvalidType(..), Value::Text(text)) = (node.loose, kind, &node.value) else { return false };
    let Some(mut read) = parse_scalar(text, &node.origin) else { return false };
    let scalar = matches!(read.value, Value::Bool(_) | Value::Int(_) | Value::Float(_));
    let environment = matches!(node.origin, Origin::Environment(_));
    let fits = scalar || environment && matches!(read.value, Value::List(_) | Value::Map(_));
    if fits {
        read.inherited = node.inherited;
        *node = read;
    }
    fits
}

/// Takes a value out; an entry of a list is replaced, so that the others keep their numbers.
fn take_out(work: &mut Node, at: &Path, kind: &Kind) {
    match at.steps().last() {
        Some(Step::Index(_)) => {
            let neutral = neutral(kind);
            let parent = at.parent().unwrap_or_default();
            match (work.get_mut(at), neutral) {
                (Some(node), Some(value)) if !same_kind(&node.value, &value) => node.value = value,
                _ => {
                    if let Some(list) = work.get_mut(&parent) {
                        list.value = Value::List(Vec::new());
                    }
                }
            }
        }
        _ => work.remove(at),
    }
}

fn same_kind(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left == right,
        _ => std::mem::discriminant(left) == std::mem::discriminant(right),
    }
}

/// A value that the place takes.
fn neutral(kind: &Kind) -> Option<Value> {
    match kind {
        Kind::UnknownVariant(_, words) => words.first().map(|word| Value::Text((*word).to_owned())),
        Kind::InvalidType(_, expected) if expected.starts_with("struct") || expected.contains("map") => {
            Some(Value::Map(Vec::new()))
        }
        Kind::InvalidType(_, expected) if expected.contains("string") => Some(Value::Text("-".to_owned())),
        _ => None,
    }
}

fn mistake(tree: &Node, at: &Path, error: &Error) -> Mistake {
    let name = at.called();
    match &error.kind {
        Kind::UnknownField(key, _) => {
            let parent = at.parent().unwrap_or_default();
            let place = if parent == Path::root() { String::new() } else { format!(" in `{parent}`") };
            Mistake::new(FindingKind::UnknownKey, at, format!("unknown key `{key}`{place}"))
                .on_key()
                .label("no such key here")
                .help(advice(&parent, key))
        }
        Kind::UnknownVariant(word, words) => unknown_word(tree, at, word, words),
        Kind::InvalidType(actual, expected) => {
            let (expected, found) = (expected_words(expected), found_words(actual));
            let help = (matches!(actual, Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) | Actual::Bool(_))
                && expected == "a text")
                .then(|| "Put the value in quotes.".to_owned());
            Mistake::new(FindingKind::WrongType, at, format!("{name} must be {expected}, not {found}"))
                .label(format!("this is {found}"))
                .maybe_help(help)
        }
        Kind::InvalidValue(_, expected) => {
            let expected = expected_words(expected);
            Mistake::new(FindingKind::InvalidValue, at, format!("{name} must be {expected}"))
                .label("outside of what it can be")
        }
        _ => Mistake::new(FindingKind::InvalidValue, at, format!("{name} can't be used as it stands")),
    }
}

fn unknown_word(tree: &Node, at: &Path, word: &str, words: &[&str]) -> Mistake {
    let name = at.name();
    let listed = crate::schema::listed(words);
    // Only what the file itself shows may stand in a message.
    let shown = tree.get(at).is_some_and(|node| !node.expanded);
    let what =
        if shown { format!("`{word}` is no value of `{name}`") } else { format!("the value of `{name}` is unknown") };
    let near = nearest(word, words.iter().copied()).filter(|_| shown);
    let help = match near {
        Some(near) => format!("Did you mean `{near}`? Known: {listed}."),
        None => format!("Use one of {listed}."),
    };
    Mistake::new(FindingKind::UnknownWord, at, what).label("not a known word").help(help)
}

fn expected_words(expected: &str) -> String {
    let words = match expected {
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or more",
        "i64" => "a whole number",
        "f64" => "a number",
        "a string" | "string" => "a text",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list (lines that begin with `- `)",
        "a map" => "a mapping (`key: value`)",
        other if other.starts_with("struct") => "a mapping (`key: value`)",
        other if other.contains("enum") || other.contains("variant") => "one of its words",
        other => other,
    };
    words.to_owned()
}

fn found_words(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "a truth value",
        Actual::Unsigned(_) | Actual::Signed(_) => "a whole number",
        Actual::Float(_) => "a number with a fraction",
        Actual::Char(_) | Actual::Str(_) | Actual::Bytes(_) => "a text",
        Actual::Unit | Actual::Option => "nothing",
        Actual::Seq => "a list",
        Actual::Map => "a mapping",
        _ => "something else",
    }
}
