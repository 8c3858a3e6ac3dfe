use std::ops::Range;

use super::node::{Node, Origin, Value};

/// What stands in place of a secret.
const MASK: &str = "***";

/// The text of a file without its secrets, fit to be shown around an error.
///
/// A mask says nothing of the length of what it covers, so places move: [`Redacted::shift`] says where to.
#[derive(Debug, Clone)]
pub(crate) struct Redacted {
    pub(crate) text: String,
    cuts: Vec<Range<usize>>,
}

impl Redacted {
    /// Covers the secrets of a file. Without a tree (the file is no YAML) the lines alone have to tell.
    pub(crate) fn new(text: &str, root: Option<&Node>) -> Self {
        let mut cuts = Vec::new();
        line_secrets(text, root.is_none(), &mut cuts);
        if let Some(root) = root {
            tree_secrets(text, root, &mut cuts);
        }
        Self::cover(text, around_names(text, merged(cuts)))
    }

    fn cover(text: &str, cuts: Vec<Range<usize>>) -> Self {
        let mut shown = String::with_capacity(text.len());
        let mut at = 0;
        for cut in &cuts {
            shown.push_str(text.get(at..cut.start).unwrap_or_default());
            shown.push_str(MASK);
            at = cut.end;
        }
        shown.push_str(text.get(at..).unwrap_or_default());
        Self { text: shown, cuts }
    }

    /// Returns where a place of the file is in the text that is shown.
    pub(crate) fn shift(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.shift_offset(span.start, false);
        start..self.shift_offset(span.end, true).max(start)
    }

    fn shift_offset(&self, offset: usize, end: bool) -> usize {
        let mut shifted = offset;
        for cut in &self.cuts {
            if cut.end <= offset {
                shifted = shifted + MASK.len() - cut.len();
            } else if cut.start < offset {
                // Inside of the mask: its beginning, or its end.
                return shifted - (offset - cut.start) + if end { MASK.len() } else { 0 };
            }
        }
        shifted
    }
}

fn merged(mut cuts: Vec<Range<usize>>) -> Vec<Range<usize>> {
    cuts.retain(|cut| !cut.is_empty());
    cuts.sort_by_key(|cut| cut.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for cut in cuts {
        match merged.last_mut() {
            Some(last) if cut.start <= last.end => last.end = last.end.max(cut.end),
            _ => merged.push(cut),
        }
    }
    merged
}

/// Leaves `${NAME}` out of the cuts: a name is no secret, and it is what an error speaks of.
fn around_names(text: &str, cuts: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let mut start = cut.start;
        for name in names_in(text, &cut) {
            pieces.push(start..name.start);
            start = name.end;
        }
        pieces.push(start..cut.end);
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn names_in(text: &str, cut: &Range<usize>) -> Vec<Range<usize>> {
    let source = text.get(cut.clone()).unwrap_or_default();
    let name = |(at, _): (usize, &str)| {
        let inner = source.get(at + 2..)?.split_once('}')?.0;
        let escaped = source.get(..at)?.ends_with('$');
        (is_variable_name(inner) && !escaped).then(|| cut.start + at..cut.start + at + inner.len() + 3)
    };
    source.match_indices("${").filter_map(name).collect()
}

/// Whether a text can be the name of an environment variable.
pub(crate) fn is_variable_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether the value of this key is a secret; a misspelled `password` counts.
fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    if key.ends_with("_env") || key.ends_with("_file") {
        return false;
    }
    let telling = ["pass", "pwd", "secret", "token", "webhook", "access_key", "account_key"];
    telling.iter().any(|word| key.contains(word)) || strsim::osa_distance(&key, "password") <= 3
}

/// Finds what single lines give away: user info in URLs, everywhere, comments included; and the values of secret
/// keys, in comments or, where there is no tree, everywhere.
fn line_secrets(text: &str, everywhere: bool, cuts: &mut Vec<Range<usize>>) {
    let mut start = 0;
    // The indentation of a secret key whose value may go on in deeper lines.
    let mut open: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let indent = content.len() - content.trim_start().len();
        url_secrets(content, start, cuts);
        let comment = content.trim_start().starts_with('#');
        if everywhere || comment {
            if open.is_some_and(|depth| indent > depth) && !content.is_empty() {
                cuts.push(start + indent..start + content.len());
            } else if let Some(value) = secret_value(content) {
                cuts.push(start + value..start + content.len());
                open = Some(indent);
            } else if !content.is_empty() {
                open = None;
            }
        }
        start += line.len();
    }
}

fn url_secrets(line: &str, offset: usize, cuts: &mut Vec<Range<usize>>) {
    let Some(begin) = line.find("://").map(|at| at + "://".len()) else { return };
    if let Some(end) = line.rfind('@').filter(|end| *end > begin) {
        cuts.push(offset + begin..offset + end);
    }
    let lower = line.to_ascii_lowercase();
    for word in ["password=", "pwd=", "token=", "secret=", "sslpassword="] {
        for (at, _) in lower.match_indices(word) {
            let value = at + word.len();
            let rest = line.get(value..).unwrap_or_default();
            let length = rest.find(|c: char| c == '&' || c.is_whitespace()).unwrap_or(rest.len());
            cuts.push(offset + value..offset + value + length);
        }
    }
}

/// Returns where, in a line, the value of a secret key begins.
fn secret_value(line: &str) -> Option<usize> {
    line.match_indices(':').find_map(|(at, _)| {
        let before = line.get(..at)?.trim_end().trim_end_matches(['"', '\'']);
        let word = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).next()?;
        let rest = line.get(at + 1..)?;
        let value = at + 1 + (rest.len() - rest.trim_start().len());
        (!word.is_empty() && is_secret_key(word) && value < line.len()).then_some(value)
    })
}

fn tree_secrets(text: &str, node: &Node, cuts: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| tree_secrets(text, item, cuts)),
        Value::Map(entries) => {
            for entry in entries {
                let secret = is_secret_key(&entry.key) && entry.key != "webhook";
                if secret || is_misused(&entry.key, &entry.node) {
                    cover_all(text, &entry.node, cuts);
                } else if let Some(url) = entry.node.entry("url").filter(|_| entry.key == "webhook") {
                    cover_all(text, &url.node, cuts);
                } else if entry.key == "url" || entry.key == "endpoint" {
                    cover_url(text, &entry.node, cuts);
                    if entry.key == "endpoint" {
                        cover_query(text, &entry.node, cuts);
                    }
                } else {
                    tree_secrets(text, &entry.node, cuts);
                }
            }
        }
        _ => {}
    }
}

/// Whether a key that takes the name of a variable was given something else: very likely the secret itself.
fn is_misused(key: &str, node: &Node) -> bool {
    key.ends_with("_env") && node.text().is_some_and(|text| !is_variable_name(text))
}

fn cover_all(text: &str, node: &Node, cuts: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| cover_all(text, item, cuts)),
        Value::Map(entries) => entries.iter().for_each(|entry| cover_all(text, &entry.node, cuts)),
        Value::Null => {}
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {
            if let Origin::File(span) = &node.origin {
                // The span of a block ends behind its last line's end.
                let source = text.get(span.clone()).unwrap_or_default();
                cuts.push(span.start..span.start + source.trim_end().len());
            }
        }
    }
}

/// Covers the user info of a URL that a line alone does not show as one: without `://`, with escapes, or broken
/// over lines.
fn cover_url(text: &str, node: &Node, cuts: &mut Vec<Range<usize>>) {
    let Origin::File(span) = &node.origin else { return };
    let Some(source) = text.get(span.clone()) else { return };
    if !matches!(node.value, Value::Text(_)) || source.contains(['\n', '\\']) {
        return cover_all(text, node, cuts);
    }
    if let Some(end) = source.rfind('@').filter(|_| !source.contains("://")) {
        cuts.push(span.start..span.start + end);
    }
}

/// Covers what follows the `?` of an endpoint: a signature, very likely.
fn cover_query(text: &str, node: &Node, cuts: &mut Vec<Range<usize>>) {
    let Origin::File(span) = &node.origin else { return };
    let Some(source) = text.get(span.clone()) else { return };
    if let Some(at) = source.find('?') {
        let end = source.trim_end().trim_end_matches(['"', '\'']).len();
        cuts.push(span.start + at + 1..span.start + end.max(at + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse;
    use super::*;

    fn shown(text: &str) -> String {
        let parsed = parse(text).ok();
        Redacted::new(text, parsed.as_ref().map(|parsed| &parsed.root)).text
    }

    #[test]
    fn secrets_are_covered_wherever_they_stand() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected);
        check("url: postgres://u:s3cret@host/db", "url: postgres://***@host/db");
        check("url: postgres://u:p@s:3/c@host/db", "url: postgres://***@host/db");
        check("url: 'postgres:/u:s3cret@host/db'", "url: ***@host/db'");
        check("# url: postgres://u:s3cret@host/db\na: 1", "# url: postgres://***@host/db\na: 1");
        check("# password: s3cret\na: 1", "# password: ***\na: 1");
        check("password: |\n  s3\n  cret\nport: 1", "password: |\n  ***\nport: 1");
        check("url: postgres://u:${DB}x@host/db", "url: postgres://***${DB}***@host/db");
        check("endpoint: 'https://h/?sig=s3cret'", "endpoint: 'https://h/?***'");
        check("endpoint: https://h?s3cret # x", "endpoint: https://h?*** # x");
        check("password_env: s3-cret", "password_env: ***");
        check("webhook: { url: https://x/s3cret, on: [failure] }", "webhook: { url: ***, on: [failure] }");
        check("{user: u, pasword: s3cret, port: 1}", "{user: u, pasword: ***, port: 1}");
        check("password: 'open\n  s3cret\nport: 1", "password: ***\n  ***\nport: 1");
        check("password_env: DB_PASSWORD", "password_env: DB_PASSWORD");
        check("url: postgres://host/db?user=u&password=s3cret&x=1", "url: postgres://host/db?user=u&password=***&x=1");
    }

    #[test]
    fn places_move_with_the_masks() {
        let text = "url: postgres://u:a-long-s3cret@host/db\nport: x";
        let redacted = Redacted::new(text, None);
        let at = text.find("port").unwrap();
        let place = redacted.shift(&(at..at + 4));
        assert_eq!(redacted.text.get(place), Some("port"));
        let inside = redacted.shift(&(20..25));
        assert_eq!(redacted.text.get(inside), Some(MASK));
    }
}
