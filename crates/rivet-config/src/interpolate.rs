use std::collections::BTreeMap;

use crate::document::{Node, Path, Step, Value};
use crate::environment::Environment;
use crate::error::FindingKind;
use crate::mistakes::{Mistake, Mistakes};

/// What `${NAME}` reads.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) environment: &'a Environment,
    /// `--param` values, for queries; they win over the environment.
    pub(crate) params: Option<&'a BTreeMap<String, String>>,
}

impl Names<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let param = self.params.and_then(|params| params.get(name)).map(String::as_str);
        param.or_else(|| self.environment.get(name))
    }
}

/// Why a text can't be expanded. It names names, never values.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ExpandError {
    /// A name that nothing sets.
    Unset(String),
    /// What stands between the braces is no name.
    NoName(String),
    /// A `${` without its `}`.
    Unclosed,
}

/// Fills every `${NAME}`; `$${` stands for `${` itself. Returns none where there is nothing to fill.
pub(crate) fn expand(text: &str, names: Names<'_>) -> Result<Option<String>, Vec<ExpandError>> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut filled = String::with_capacity(text.len());
    let mut errors = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(escaped) = before.strip_suffix('$') {
            filled.push_str(escaped);
            filled.push_str("${");
            rest = after;
            continue;
        }
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            errors.push(ExpandError::Unclosed);
            break;
        };
        match names.get(name) {
            Some(value) => filled.push_str(value),
            None if is_name(name) => errors.push(ExpandError::Unset(name.to_owned())),
            None => errors.push(ExpandError::NoName(name.to_owned())),
        }
        rest = after;
    }
    filled.push_str(rest);
    if errors.is_empty() { Ok(Some(filled)) } else { Err(errors) }
}

/// Whether a text may stand between `${` and `}`.
pub(crate) fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// Fills every text of the file's tree.
pub(crate) fn expand_tree(
    root: &mut Node,
    environment: &Environment,
    params: &BTreeMap<String, String>,
    mistakes: &mut Mistakes,
) {
    let mut walk = Walk { environment, params, mistakes };
    walk.node(root, &Path::root());
}

struct Walk<'a> {
    environment: &'a Environment,
    params: &'a BTreeMap<String, String>,
    mistakes: &'a mut Mistakes,
}

impl Walk<'_> {
    fn node(&mut self, node: &mut Node, at: &Path) {
        match &mut node.value {
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.node(item, &at.index(index));
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    self.node(&mut entry.node, &at.key(&entry.key));
                }
            }
            Value::Text(text) => {
                let names = Names { environment: self.environment, params: is_query(at).then_some(self.params) };
                match expand(text, names) {
                    Ok(None) => {}
                    Ok(Some(filled)) => {
                        node.written = Some(std::mem::replace(text, filled));
                        node.expanded = true;
                        node.loose = true;
                    }
                    Err(errors) => report(&errors, at, names, self.mistakes),
                }
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        }
    }
}

fn is_query(at: &Path) -> bool {
    matches!(at.steps(), [Step::Key(root), Step::Index(_), Step::Key(key)] if root == "exports" && key == "query")
}

/// Adds the errors of one text; the text is judged no further.
pub(crate) fn report(errors: &[ExpandError], at: &Path, names: Names<'_>, mistakes: &mut Mistakes) {
    let (last, others) = errors.split_last().expect("a text that fails has an error");
    for error in others {
        mistakes.push(mistake(error, at, names));
    }
    mistakes.push_wrong(mistake(last, at, names));
}

/// Makes the mistake of one error.
fn mistake(error: &ExpandError, at: &Path, names: Names<'_>) -> Mistake {
    let kind = FindingKind::UnsetVariable;
    match error {
        ExpandError::Unset(name) => {
            let similar = nearest_name(name, names).map(|near| format!(" Did you mean `{near}`?")).unwrap_or_default();
            let (what, way) = if names.params.is_some() {
                ("neither a parameter nor an environment variable", format!("Pass `--param {name}=VALUE`"))
            } else {
                ("no environment variable", format!("Set the environment variable `{name}`"))
            };
            Mistake::new(kind, at, format!("`${{{name}}}` is not set: there is {what} of this name"))
                .label(format!("reads `{name}`"))
                .within(format!("${{{name}}}"))
                .help(format!("{way}, or write `$${{{name}}}` where the text itself is meant.{similar}"))
        }
        ExpandError::NoName(_) => Mistake::new(kind, at, "what stands between `${` and `}` is not a name")
            .help("Write a name of letters, digits, `_`, `.` and `-`, or `$${` where the text itself is meant."),
        ExpandError::Unclosed => Mistake::new(kind, at, "a `${` is never closed")
            .help("Close it with `}`, or write `$${` where the text itself is meant."),
    }
}

/// Returns a name that differs in its case or by one letter: more would tell about unrelated variables.
fn nearest_name(name: &str, names: Names<'_>) -> Option<String> {
    let params = names.params.into_iter().flat_map(BTreeMap::keys).map(String::as_str);
    let all: Vec<&str> = params.chain(names.environment.names()).collect();
    let same = all.iter().find(|other| other.eq_ignore_ascii_case(name));
    let near = || all.iter().find(|other| strsim::osa_distance(name, other) == 1);
    same.or_else(near).map(|near| (*near).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Option<&str>, Vec<ExpandError>>) {
        let environment = Environment::from_iter([("HOST", "db"), ("DAY", "from the environment")]);
        let params = BTreeMap::from([("DAY".to_owned(), "monday".to_owned())]);
        let names = Names { environment: &environment, params: Some(&params) };
        assert_eq!(expand(text, names), expected.map(|text| text.map(ToOwned::to_owned)), "{text}");
    }

    #[test]
    fn names_are_filled_and_escapes_are_kept() {
        check("plain $x {y}", Ok(None));
        check("${HOST}:${HOST}", Ok(Some("db:db")));
        check("on ${DAY}", Ok(Some("on monday")));
        check("$${HOST} and ${HOST}", Ok(Some("${HOST} and db")));
        check("$$ ${HOST} $$", Ok(Some("$$ db $$")));
        check("${NOWHERE}", Err(vec![ExpandError::Unset("NOWHERE".to_owned())]));
        check("${a b}${HOST", Err(vec![ExpandError::NoName("a b".to_owned()), ExpandError::Unclosed]));
    }
}
