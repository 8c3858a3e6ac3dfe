//! `docs/prioritization.md`: prose by hand, tables between markers by the program.

use std::fs;
use std::path::{Path, PathBuf};

use rivet_config::Environment;
use rivet_preflight::{cursor_table, findings_table, verdict_table};
use rivet_priority::{confidence_table, rules_table};

const ADVICE: &str = "run `RIVET_UPDATE_DOCS=1 cargo xtask e2e matrix`";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/prioritization.md")
}

/// The tables that say what the rules are.
fn rules() -> [(&'static str, String); 5] {
    [
        ("rules", rules_table()),
        ("confidence", confidence_table()),
        ("verdicts", verdict_table()),
        ("cursors", cursor_table()),
        ("findings", findings_table()),
    ]
}

fn is_to_be_written() -> bool {
    Environment::process().get("RIVET_UPDATE_DOCS").is_some()
}

/// Fails the test unless the page holds these tables; writes them, and those of the rules, where it is asked to.
#[track_caller]
pub(super) fn hold(tables: &[(&'static str, String)]) {
    let found = fs::read_to_string(path()).expect("the page is part of the repository");
    let mut page = found.clone();
    for (name, table) in tables {
        page = with(&page, name, table);
    }
    if is_to_be_written() {
        for (name, table) in rules() {
            page = with(&page, name, &table);
        }
        fs::write(path(), &page).expect("the repository can be written");
    } else {
        assert_eq!(found, page, "{ADVICE}");
    }
}

/// Returns the page with a table between its markers.
#[track_caller]
fn with(page: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- the table of {name}, made by a test: {ADVICE} -->\n");
    let end = "<!-- end of the table -->";
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("the page has no marker: {begin}"));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("the table of {name} has no end"));
    format!("{before}{begin}\n{table}\n{end}{after}")
}

#[test]
fn the_page_says_what_the_rules_are() {
    // Where it is written, the other test does it.
    if is_to_be_written() {
        return;
    }
    let found = fs::read_to_string(path()).expect("the page is part of the repository");
    let page = rules().iter().fold(found.clone(), |page, (name, table)| with(&page, name, table));
    assert_eq!(found, page, "{ADVICE}");
}
