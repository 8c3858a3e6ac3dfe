use std::fmt::{self, Write as _};
use std::path::{Component, Path};

use jiff::civil::Date;
use rivet_model::{ExportName, Relation};
use serde::{Deserialize, Serialize};

/// The names that may stand in braces.
pub(crate) const PLACEHOLDERS: &[&str] = &["date", "export", "table", "run_id"];

/// A path with placeholders: `{date}`, `{export}`, `{table}` and `{run_id}`. `{{` stands for `{` itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathTemplate {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Date,
    Export,
    Table,
    RunId,
}

/// Why a text is no template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TemplateError {
    Unknown(String),
    Unclosed,
}

impl PathTemplate {
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            push_text(&mut pieces, before);
            if let Some(after) = after.strip_prefix('{') {
                push_text(&mut pieces, "{");
                rest = after;
                continue;
            }
            let (name, after) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
            pieces.push(match name {
                "date" => Piece::Date,
                "export" => Piece::Export,
                "table" => Piece::Table,
                "run_id" => Piece::RunId,
                other => return Err(TemplateError::Unknown(other.to_owned())),
            });
            rest = after;
        }
        push_text(&mut pieces, rest);
        Ok(Self { pieces })
    }

    /// Makes a relative path one below a folder.
    pub(crate) fn below(mut self, dir: &Path) -> Self {
        let absolute = matches!(self.pieces.first(), Some(Piece::Text(text)) if Path::new(text).is_absolute());
        if !absolute && dir != Path::new("") {
            let mut root = dir.to_string_lossy().into_owned();
            if !root.ends_with('/') {
                root.push('/');
            }
            // One text with what follows it: the path equals the one that its own text is read into.
            match self.pieces.first_mut() {
                Some(Piece::Text(text)) => *text = root + without_dot(text),
                _ => self.pieces.insert(0, Piece::Text(root)),
            }
        }
        self
    }

    /// Whether `{table}` stands in it.
    pub(crate) fn names_table(&self) -> bool {
        self.pieces.contains(&Piece::Table)
    }

    /// Fills the placeholders. A value is made fit for one component of a path: what has a meaning in paths or
    /// globs is percent-encoded, so that two values never become one.
    ///
    /// `{table}` is the table as the configuration names it, its schema included; a query leaves nothing there.
    pub fn fill(&self, date: Date, export: &ExportName, relation: &Relation, run_id: &str) -> String {
        let table = match relation {
            Relation::Table(table) => {
                table.schema().map_or_else(|| table.name().to_owned(), |schema| format!("{schema}.{}", table.name()))
            }
            Relation::Query(_) => String::new(),
        };
        let value = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Date => date.to_string(),
            Piece::Export => component(export.as_str()),
            Piece::Table => component(&table),
            Piece::RunId => component(run_id),
        };
        self.pieces.iter().map(value).collect()
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => f.write_str(&text.replace('{', "{{"))?,
                Piece::Date => f.write_str("{date}")?,
                Piece::Export => f.write_str("{export}")?,
                Piece::Table => f.write_str("{table}")?,
                Piece::RunId => f.write_str("{run_id}")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for PathTemplate {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).map_err(|error| match error {
            TemplateError::Unknown(_) => "a path has a placeholder that is not known",
            TemplateError::Unclosed => "a path has a `{` that is never closed",
        })
    }
}

impl From<PathTemplate> for String {
    fn from(template: PathTemplate) -> Self {
        template.to_string()
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// Takes `./` away: it is written so often that `dir/./out` would stand in every record.
fn without_dot(text: &str) -> &str {
    if Path::new(text).components().next() == Some(Component::CurDir) {
        text.trim_start_matches('.').trim_start_matches('/')
    } else {
        text
    }
}

fn component(value: &str) -> String {
    let only_dots = value.chars().all(|c| c == '.');
    let mut safe = String::with_capacity(value.len());
    for c in value.chars() {
        let plain = c.is_alphanumeric() || matches!(c, '-' | '_' | ' ' | '=' | '+' | ',') || (c == '.' && !only_dots);
        if plain {
            safe.push(c);
        } else {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                write!(safe, "%{byte:02X}").expect("writing to a string does not fail");
            }
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn fill(template: &str, export: &str, table: &str) -> String {
        let relation = Relation::Table(table.parse().unwrap());
        PathTemplate::parse(template).unwrap().fill(date(2026, 3, 1), &export.parse().unwrap(), &relation, "0190-a")
    }

    #[test]
    fn placeholders_are_filled() {
        assert_eq!(
            fill("dt={date}/{export}/{table}/{run_id}", "orders", "sales.orders"),
            "dt=2026-03-01/orders/sales.orders/0190-a"
        );
        assert_eq!(fill("plain/path", "orders", "t"), "plain/path");
        assert_eq!(fill("{export}", "../../etc", "t"), "..%2F..%2Fetc");
        assert_eq!(fill("{export}", "..", "t"), "%2E%2E");
        assert_eq!(fill("{export}", "заказы 1", "t"), "заказы 1");
    }

    #[test]
    fn unknown_names_are_refused() {
        assert_eq!(PathTemplate::parse("a/{day}"), Err(TemplateError::Unknown("day".to_owned())));
        assert_eq!(PathTemplate::parse("a/{date"), Err(TemplateError::Unclosed));
    }

    #[test]
    fn relative_paths_go_below_the_folder() {
        let check = |text: &str, dir: &str, expected: &str| {
            assert_eq!(PathTemplate::parse(text).unwrap().below(Path::new(dir)).to_string(), expected);
        };
        check("out", "conf", "conf/out");
        check("./out", "conf", "conf/out");
        check("../out", "conf", "conf/../out");
        check("{export}/x", "/etc/rivet/", "/etc/rivet/{export}/x");
        check("/data", "conf", "/data");
        check("out", "/a{b}c", "/a{{b}c/out");
    }

    #[test]
    fn a_doubled_brace_is_one() {
        assert_eq!(fill("a{{b}/{{{export}", "orders", "t"), "a{b}/{orders");
        assert_eq!(fill("{{{{", "orders", "t"), "{{");
    }

    proptest! {
        #[test]
        fn a_value_stays_in_its_component(name in "[^\\p{Cc}]{1,12}x") {
            let filled = fill("{export}", &name, "t");
            prop_assert!(!filled.contains('/') && !filled.contains('\\'));
            prop_assert!(filled != "." && filled != "..");
        }

        #[test]
        fn a_template_reads_back(text in "(\\{\\{|\\{date\\}|\\{export\\}|[a}./ж ]){0,6}", dir in "[a-z{}/. ]{0,6}") {
            let template = PathTemplate::parse(&text).unwrap().below(Path::new(&dir));
            prop_assert_eq!(PathTemplate::parse(&template.to_string()), Ok(template));
        }

        #[test]
        fn two_values_never_become_one(left in "[a-z./%]{1,6}", right in "[a-z./%]{1,6}") {
            prop_assume!(left != right);
            prop_assert_ne!(component(&left), component(&right));
        }
    }
}
