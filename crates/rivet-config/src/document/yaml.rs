use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use super::node::{Entry, Node, Origin, Value};

/// A file that is YAML.
pub(crate) struct Parsed {
    pub(crate) root: Node,
    /// Keys that stand twice in one mapping: the key, the first and the second place.
    pub(crate) duplicates: Vec<(String, Range<usize>, Range<usize>)>,
}

/// A file that is not YAML.
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) span: Range<usize>,
}

/// Reads a file into the tree.
pub(crate) fn parse(text: &str) -> Result<Parsed, SyntaxError> {
    let read: Spanned<Any> =
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| syntax(&error, text))?;
    let mut reader = Reader { text, duplicates: Vec::new() };
    let root = reader.node(read);
    Ok(Parsed { root, duplicates: reader.duplicates })
}

/// Reads a text that came from outside the file as the value that it would be in the file.
pub(crate) fn parse_scalar(text: &str, origin: &Origin) -> Option<Node> {
    let mut root = parse(text).ok()?.root;
    settle(&mut root, origin);
    Some(root)
}

fn settle(node: &mut Node, origin: &Origin) {
    node.origin = origin.clone();
    node.loose = true;
    node.expanded = true;
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| settle(item, origin)),
        Value::Map(entries) => {
            for entry in entries {
                entry.key_origin = origin.clone();
                settle(&mut entry.node, origin);
            }
        }
        _ => {}
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    }
}

/// Any value, its spans kept.
enum Any {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<Key>, Spanned<Self>)>),
}

/// A key: its text, or nothing where the file's own text is the key (`null`, `7`).
struct Key(Option<String>);

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Any, E> {
        Ok(Any::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Any, E> {
        Ok(Any::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Any, E> {
        Ok(Any::Int(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Any, E> {
        Ok(Any::Int(number.into()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Any, E> {
        Ok(Any::Int(number))
    }

    fn visit_u128<E: serde::de::Error>(self, number: u128) -> Result<Any, E> {
        i128::try_from(number).ok().map(Any::Int).ok_or_else(|| E::custom("the number is too large"))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Any, E> {
        Ok(Any::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Any, E> {
        Ok(Any::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Any, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Any::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Any, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Any::Map(map))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Any::deserialize(deserializer)? {
            Any::Text(text) => Ok(Self(Some(text))),
            Any::Null | Any::Bool(_) | Any::Int(_) | Any::Float(_) => Ok(Self(None)),
            Any::List(_) | Any::Map(_) => Err(D::Error::custom("a key must be a plain text")),
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    duplicates: Vec<(String, Range<usize>, Range<usize>)>,
}

impl Reader<'_> {
    fn node(&mut self, read: Spanned<Any>) -> Node {
        let mut span = self.span(read.referenced);
        let value = match read.value {
            Any::Null => Value::Null,
            Any::Bool(truth) => Value::Bool(truth),
            Any::Int(number) => Value::Int(number),
            Any::Float(number) => Value::Float(number),
            Any::Text(text) => Value::Text(text),
            Any::List(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect()),
            Any::Map(entries) => {
                let entries = self.entries(entries);
                // The label of a mapping goes to its first key: the whole of it would underline a page.
                if let Some(Entry { key_origin: Origin::File(key), .. }) = entries.first() {
                    span = key.clone();
                }
                Value::Map(entries)
            }
        };
        Node::new(value, Origin::File(span))
    }

    fn entries(&mut self, read: Vec<(Spanned<Key>, Spanned<Any>)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(read.len());
        for (key, value) in read {
            let span = self.span(key.referenced);
            let name = key.value.0.unwrap_or_else(|| self.text.get(span.clone()).unwrap_or_default().to_owned());
            let node = self.node(value);
            match entries.iter().find(|entry| entry.key == name).map(|entry| &entry.key_origin) {
                Some(Origin::File(first)) => self.duplicates.push((name, first.clone(), span)),
                _ => entries.push(Entry { key: name, key_origin: Origin::File(span), node }),
            }
        }
        entries
    }

    fn span(&self, location: Location) -> Range<usize> {
        span_of(location, self.text)
    }
}

/// The bytes of a location. Errors of the scanner know line and column only.
fn span_of(location: Location, text: &str) -> Range<usize> {
    let span = location.span();
    let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let range = if let (Some(offset), Some(length)) = (span.byte_offset(), span.byte_len()) {
        index(offset)..index(offset).saturating_add(index(length))
    } else {
        let offset = offset_of(text, index(location.line()), index(location.column()));
        offset..offset
    };
    let start = range.start.min(text.len());
    let end = range.end.clamp(start, text.len());
    if text.get(start..end).is_none() {
        return 0..0;
    }
    // A place without width would draw no line under anything.
    let width = text.get(start..).and_then(|rest| rest.chars().next()).filter(|c| *c != '\n').map_or(0, char::len_utf8);
    start..end.max(start + width)
}

/// The byte at a line and a column, both counted from 1, the column in characters.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.chars().take_while(|c| *c != '\n').take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
}

fn syntax(error: &serde_saphyr::Error, text: &str) -> SyntaxError {
    let error = error.without_snippet();
    let span = error.location().map_or(0..0, |location| span_of(location, text));
    let whole = error.to_string();
    let message = match error {
        serde_saphyr::Error::MultipleDocuments { .. } => "a second document begins".to_owned(),
        _ => whole.split(" at line ").next().unwrap_or(&whole).to_owned(),
    };
    SyntaxError { message, span }
}

#[cfg(test)]
mod tests {
    use super::super::path::Path;
    use super::*;

    fn place(text: &str, path: &Path) -> String {
        let parsed = parse(text).ok().expect("the text is YAML");
        match &parsed.root.get(path).expect("the way exists").origin {
            Origin::File(span) => text.get(span.clone()).unwrap_or_default().to_owned(),
            Origin::Environment(_) | Origin::Flag(_) => unreachable!("read from a file"),
        }
    }

    #[test]
    fn values_know_their_bytes() {
        let text = "\u{feff}ж: é\nlist:\n  - name: 'x''y' # note\n    null: 7\n";
        assert_eq!(place(text, &Path::root().key("ж")), "é");
        assert_eq!(place(text, &Path::root().key("list").index(0)), "name");
        assert_eq!(place(text, &Path::root().key("list").index(0).key("name")), "'x''y'");
        assert_eq!(place(text, &Path::root().key("list").index(0).key("null")), "7");
    }

    #[test]
    fn a_key_that_stands_twice_is_told_and_the_first_is_kept() {
        let parsed = parse("a: 1\nb: 2\na: 3\n").ok().expect("the text is YAML");
        assert_eq!(parsed.duplicates, [("a".to_owned(), 0..1, 10..11)]);
        assert_eq!(parsed.root.entries().len(), 2);
    }

    #[test]
    fn errors_of_the_scanner_have_a_place() {
        let check = |text: &str, expected: Range<usize>| {
            assert_eq!(parse(text).err().expect("the text is not YAML").span, expected, "{text}");
        };
        check("a: [1, 2", 3..4);
        check("é: 'x", 4..5);
        check("a: 1\n b: 2", 7..8);
        check("a: 1\n---\nb: 2", 9..10);
    }
}
