use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::str::FromStr;

use rivet_model::ColumnName;

use crate::document::{Node, Path, is_variable_name};
use crate::environment::Environment;
use crate::error::FindingKind;
use crate::mistakes::{Mistake, Mistakes};
use crate::raw::OneOrMany;

/// What every judgement of a value needs.
pub(crate) struct Checker<'a> {
    /// The merged tree, as it was before mistakes were taken out.
    pub(crate) tree: &'a Node,
    pub(crate) environment: &'a Environment,
    pub(crate) params: &'a BTreeMap<String, String>,
    /// The configuration's folder.
    pub(crate) dir: &'a FilePath,
    pub(crate) mistakes: Mistakes,
}

impl Checker<'_> {
    /// Whether a key is there and says something.
    pub(crate) fn has(&self, at: &Path) -> bool {
        self.tree.get(at).is_some_and(|node| !node.is_null())
    }

    /// Whether a value stands in an export because `defaults` says so.
    pub(crate) fn is_inherited(&self, at: &Path) -> bool {
        self.tree.get(at).is_some_and(|node| node.inherited)
    }

    /// Returns a value for a message: what the file shows of it, never what a variable holds.
    pub(crate) fn quote(&self, at: &Path, value: &str) -> String {
        let shown = self.tree.get(at).is_some_and(|node| !node.expanded);
        if shown { format!("`{value}`") } else { format!("the value of `{}`", at.name()) }
    }

    pub(crate) fn push(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    pub(crate) fn missing(&mut self, at: &Path, message: impl Into<String>, help: impl Into<String>) {
        let mistake = Mistake::new(FindingKind::MissingKey, at, message).label("missing here").help(help);
        self.push(mistake);
    }

    pub(crate) fn invalid(&mut self, at: &Path, message: impl Into<String>, help: impl Into<String>) {
        self.push(Mistake::new(FindingKind::InvalidValue, at, message).help(help));
    }

    /// Says that a key means nothing where it stands.
    pub(crate) fn meaningless(&mut self, at: &Path, message: impl Into<String>, help: impl Into<String>) {
        let mistake = Mistake::new(FindingKind::Conflict, at, message).on_key().label("has no meaning here").help(help);
        self.push(mistake);
    }

    /// Says that two keys exclude each other; the second one is underlined first.
    pub(crate) fn exclusive(&mut self, at: &Path, first: &str, second: &str, help: impl Into<String>) {
        let mistake =
            Mistake::new(FindingKind::Conflict, &at.key(second), format!("`{second}` can't stand beside `{first}`"))
                .on_key()
                .label("this one")
                .also_key(&at.key(first), "and this one")
                .help(help);
        self.push(mistake);
    }

    /// Reads a text into its type.
    pub(crate) fn parse<T>(&mut self, at: &Path, text: &str, help: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                // The error may quote the value.
                let shown = self.tree.get(at).is_some_and(|node| !node.expanded);
                let message =
                    if shown { error.to_string() } else { format!("the value of `{}` can't be used", at.name()) };
                self.invalid(at, message, help);
                None
            }
        }
    }

    /// Reads the name of a column.
    pub(crate) fn column(&mut self, at: &Path, name: &str) -> Option<ColumnName> {
        self.parse(at, name, "Write the column's name as the source spells it.")
    }

    /// Reads a list of columns, each at most once.
    pub(crate) fn columns(&mut self, at: &Path, names: Option<&OneOrMany>) -> Vec<ColumnName> {
        let Some(OneOrMany(names)) = names else { return Vec::new() };
        let single = self.tree.get(at).is_some_and(|node| node.text().is_some());
        let mut columns = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let place = if single { at.clone() } else { at.index(index) };
            let Some(column) = self.column(&place, name) else { continue };
            if columns.contains(&column) {
                let message = format!("{} stands twice in `{}`", self.quote(&place, name), at.name());
                self.push(Mistake::new(FindingKind::DuplicateName, &place, message).help("Remove one of the two."));
            } else {
                columns.push(column);
            }
        }
        columns
    }

    /// Checks that a number is at least 1.
    pub(crate) fn positive<T: Copy + PartialOrd + From<u8>>(&mut self, at: &Path, number: Option<T>) -> Option<T> {
        let number = number?;
        if number < T::from(1) {
            self.invalid(
                at,
                format!("`{}` must be at least 1", at.name()),
                "Give a larger number, or leave the key out.",
            );
            return None;
        }
        Some(number)
    }

    /// Turns a number of MiB into bytes.
    pub(crate) fn mebibytes(&mut self, at: &Path, number: Option<u64>) -> Option<u64> {
        let number = number?;
        let bytes = number.checked_mul(1 << 20);
        if bytes.is_none() {
            self.invalid(at, format!("`{}` is too large", at.name()), "Give a number of MiB.");
        }
        bytes
    }

    /// Judges the name of a variable that is read later: what is no name may be the secret itself.
    pub(crate) fn variable_name(&mut self, at: &Path, name: &str) -> Option<String> {
        if is_variable_name(name) {
            return Some(name.to_owned());
        }
        let message = format!("`{}` takes the name of an environment variable, not a value", at.name());
        self.invalid(at, message, "Put the value into a variable, and give its name here.");
        None
    }

    /// Reads an environment variable that a key names.
    pub(crate) fn variable(&mut self, at: &Path, name: &str) -> Option<String> {
        match self.environment.get(name) {
            Some("") => {
                let message = format!("the environment variable `{name}` is empty");
                let mistake =
                    Mistake::new(FindingKind::UnsetVariable, at, message).help(format!("Give `{name}` its value."));
                self.push(mistake.label("named here"));
                None
            }
            Some(value) => Some(value.to_owned()),
            None if !is_variable_name(name) => {
                let message = format!("`{}` takes the name of an environment variable, not a value", at.name());
                let help = format!("Give the name alone, or use `{}`.", at.name().trim_end_matches("_env"));
                self.invalid(at, message, help);
                None
            }
            None => {
                let message = format!("the environment variable {} is not set", self.quote(at, name));
                let mistake = Mistake::new(FindingKind::UnsetVariable, at, message)
                    .label("named here")
                    .help("Set it where Rivet runs, or name another variable.");
                self.push(mistake);
                None
            }
        }
    }

    /// Returns a path as seen from where Rivet runs.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.dir.join(path)
    }
}
