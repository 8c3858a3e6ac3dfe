use std::path::{Component, Path as FilePath};

use crate::check::Checker;
use crate::document::Path;
use crate::error::FindingKind;
use crate::interpolate::{self, Names};
use crate::mistakes::Mistake;
use crate::source::reason;

/// Returns a query without white space around it and without a semicolon at its end.
pub(crate) fn trimmed(text: &str, at: &Path, cx: &mut Checker<'_>) -> Option<String> {
    let query = text.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    if query.is_empty() {
        cx.invalid(at, format!("`{}` holds no statement", at.name()), "Write one `SELECT` statement.");
        return None;
    }
    Some(query.to_owned())
}

/// Reads a query from a file below the configuration's folder.
pub(crate) fn from_file(file: &str, at: &Path, cx: &mut Checker<'_>) -> Option<String> {
    let path = FilePath::new(file);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || escapes(cx.dir, &cx.dir.join(path)) {
        let message = "`query_file` leads outside of the configuration's folder";
        let help = "Keep the file in the configuration's folder or below it, and name it from there, without `..`.";
        cx.invalid(at, message, help);
        return None;
    }
    let text = match std::fs::read_to_string(cx.dir.join(path)) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("the file {} can't be read: {}", cx.quote(at, file), reason(&error));
            let help =
                "The path is relative to the configuration's folder. Check that the file exists and may be read.";
            cx.push(Mistake::new(FindingKind::FileNotReadable, at, message).help(help));
            return None;
        }
    };
    let names = Names { environment: cx.environment, params: Some(cx.params) };
    match interpolate::expand(&text, names) {
        Ok(filled) => trimmed(filled.as_deref().unwrap_or(&text), at, cx),
        Err(errors) => {
            interpolate::report(&errors, at, names, &mut cx.mistakes);
            None
        }
    }
}

/// Whether symbolic links lead out of the folder. A file that is not there leads nowhere.
fn escapes(dir: &FilePath, file: &FilePath) -> bool {
    let dir = if dir == FilePath::new("") { FilePath::new(".") } else { dir };
    match (dir.canonicalize(), file.canonicalize()) {
        (Ok(dir), Ok(file)) => !file.starts_with(dir),
        _ => false,
    }
}
