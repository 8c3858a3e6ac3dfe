use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use miette::NamedSource;

use crate::check::Checker;
use crate::config::Config;
use crate::document::{self, Node, Origin, Path, Redacted, Value};
use crate::environment::Environment;
use crate::error::{ConfigErrors, Finding, FindingKind};
use crate::extract::extract;
use crate::interpolate::expand_tree;
use crate::layers::{lay_defaults, lay_environment, lay_overrides};
use crate::mistakes::{Mistake, Mistakes};

/// What the command line lays over the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--param key=value`: what `${key}` in a query stands for.
    pub params: BTreeMap<String, String>,
    /// `--parallel-exports`: how many exports run at a time.
    pub parallel_exports: Option<usize>,
}

/// Reads and validates a configuration file.
///
/// # Errors
///
/// Returns every mistake of the file at once, or one where the file can't be read.
pub fn load(path: &FilePath, environment: &Environment, overrides: &Overrides) -> Result<Config, ConfigErrors> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse_str(&text, path, environment, overrides),
        Err(error) => {
            let shown = path.display();
            let finding = if error.kind() == ErrorKind::NotFound {
                let help = "Name the file with `--config FILE`; the README has one to begin with.";
                Finding::unplaced(FindingKind::FileNotFound, format!("there is no file `{shown}`"), help)
            } else {
                let message = format!("the file `{shown}` can't be read");
                Finding::unplaced(
                    FindingKind::FileNotReadable,
                    message,
                    "Check that it is a text file that you may read.",
                )
                .with_cause(error)
            };
            Err(ConfigErrors::new(path, vec![finding]))
        }
    }
}

/// Validates the text of a configuration; `path` is the file that errors name and whose folder relative paths
/// start from.
///
/// ```
/// use std::path::Path;
/// use rivet_config::{Environment, Overrides, parse_str};
///
/// let text = "
/// source: { type: postgres, url: postgres://reader@db.example/shop }
/// exports:
///   - name: orders
///     table: sales.orders
///     destination: { type: local, path: out }
/// ";
/// let config = parse_str(text, Path::new("rivet.yaml"), &Environment::empty(), &Overrides::default())?;
/// assert_eq!(config.exports[0].name.as_str(), "orders");
/// # Ok::<(), rivet_config::ConfigErrors>(())
/// ```
///
/// # Errors
///
/// Returns every mistake of the text at once.
pub fn parse_str(
    text: &str,
    path: &FilePath,
    environment: &Environment,
    overrides: &Overrides,
) -> Result<Config, ConfigErrors> {
    let dir = match path.parent() {
        Some(dir) if dir != FilePath::new("") => dir.to_owned(),
        _ => PathBuf::from("."),
    };
    // A plan keeps paths for a process that may run elsewhere. Where there is no current folder, they stay as they are.
    let dir = std::path::absolute(&dir).unwrap_or(dir);
    let mut mistakes = Mistakes::default();
    let mut tree = match document::parse(text) {
        Ok(parsed) => {
            duplicates(&parsed, &mut mistakes);
            parsed.root
        }
        Err(error) => {
            let message = format!("the file is not valid YAML: {}", error.message);
            let mistake = Mistake::new(FindingKind::Syntax, &Path::root(), message)
                .origin(Origin::File(error.span))
                .help("Check indentation, quotes and brackets at this place and on the line above; a text with `{` in it needs quotes.");
            mistakes.push(mistake);
            return Err(errors(mistakes, &Node::new(Value::Null, Origin::File(0..0)), None, text, path));
        }
    };
    // Secrets are looked for in the file as it is, before variables are filled in.
    let file = tree.clone();
    if tree.is_null() {
        tree.value = Value::Map(Vec::new());
    }
    expand_tree(&mut tree, environment, &overrides.params, &mut mistakes);
    lay_environment(&mut tree, environment, &mut mistakes);
    lay_overrides(&mut tree, overrides);
    lay_defaults(&mut tree);

    let raw = extract(&tree, &mut mistakes);
    let params = &overrides.params;
    let mut checker = Checker { tree: &tree, environment, params, dir: &dir, mistakes };
    match Config::check(raw, path.to_owned(), &mut checker) {
        Some(config) if checker.mistakes.is_empty() => Ok(config),
        _ => Err(errors(checker.mistakes, &tree, Some(&file), text, path)),
    }
}

fn duplicates(parsed: &document::Parsed, mistakes: &mut Mistakes) {
    for (key, first, second) in &parsed.duplicates {
        let mistake = Mistake::new(FindingKind::DuplicateKey, &Path::root(), format!("the key `{key}` stands twice"))
            .origin(Origin::File(second.clone()))
            .label("the second")
            .also_span(first.clone(), "the first")
            .help("Keep one of the two: YAML does not say which one counts.");
        mistakes.push(mistake);
    }
}

fn errors(mistakes: Mistakes, tree: &Node, file: Option<&Node>, text: &str, path: &FilePath) -> ConfigErrors {
    let shown = Redacted::new(text, file);
    let source = NamedSource::new(path.display().to_string(), shown.text.clone()).with_language("yaml");
    ConfigErrors::new(path, mistakes.into_findings(tree, &shown, &Arc::new(source)))
}
