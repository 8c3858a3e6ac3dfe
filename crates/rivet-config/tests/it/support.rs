use std::path::{Path, PathBuf};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use rivet_config::{Config, ConfigErrors, Environment, Overrides, parse_str};

/// The folder of the fixtures.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rivet-config")
}

/// The files of one folder of fixtures, by name.
pub(crate) fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(fixtures().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// The variables that fixtures read.
pub(crate) fn environment() -> Environment {
    Environment::from_iter([
        ("DB_PASSWORD", "s3cret"),
        ("DATABASE_URL", "postgres://u:s3cret@env.example/shop"),
        ("HOOK", "https://hooks.example/T0/s3cret"),
        ("DAY", "monday"),
        ("RIVET_LOG", "debug"),
    ])
}

pub(crate) fn params(pairs: &[(&str, &str)]) -> Overrides {
    let params = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Overrides { params, ..Overrides::default() }
}

pub(crate) fn parse(text: &str) -> Result<Config, ConfigErrors> {
    parse_str(text, Path::new("conf/rivet.yaml"), &environment(), &Overrides::default())
}

/// Renders an error as a person without colours sees it.
pub(crate) fn render(error: &dyn Diagnostic) -> String {
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
    handler.with_width(110).with_links(false).render_report(&mut text, error).unwrap();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A whole configuration around the keys of one source and one export.
pub(crate) fn with_source(source: &str) -> String {
    format!("source:\n{source}\nexports:\n  - {{ name: a, table: t, destination: {{ type: stdout }} }}\n")
}

pub(crate) fn with_export(keys: &str) -> String {
    format!(
        "source: {{ type: postgres, url: postgres://h/d }}\nexports:\n  - name: a\n    table: t\n    \
         destination: {{ type: stdout }}\n{keys}\n"
    )
}
