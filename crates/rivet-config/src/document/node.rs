use std::ops::Range;

use figment::value::{Dict, Empty, Num, Tag, Value as FigmentValue};

use super::path::{Path, Step};

/// Where a value or a key came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// These bytes of the file.
    File(Range<usize>),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

/// A value of the merged tree and its place.
///
/// There is no `Debug` form: a value may be a secret.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    /// Whether the text may stand for a number, a truth value or a list: it came from outside the file.
    pub(crate) loose: bool,
    /// Whether the value holds what the file does not show: `${NAME}` was replaced in it.
    pub(crate) expanded: bool,
    /// The text as the file has it, where `${NAME}` was replaced in it.
    pub(crate) written: Option<String>,
    /// Whether it stands in this export because `defaults` says so.
    pub(crate) inherited: bool,
}

/// What a [`Node`] holds.
#[derive(Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_origin: Origin,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn new(value: Value, origin: Origin) -> Self {
        Self { value, origin, loose: false, expanded: false, written: None, inherited: false }
    }

    /// Returns the value that the way leads to.
    pub(crate) fn get(&self, path: &Path) -> Option<&Self> {
        path.steps().iter().try_fold(self, |node, step| match step {
            Step::Key(key) => node.entry(key).map(|entry| &entry.node),
            Step::Index(index) => node.items().get(*index),
        })
    }

    pub(crate) fn get_mut(&mut self, path: &Path) -> Option<&mut Self> {
        path.steps().iter().try_fold(self, |node, step| match (step, &mut node.value) {
            (Step::Key(key), Value::Map(entries)) => {
                entries.iter_mut().find(|entry| entry.key == *key).map(|entry| &mut entry.node)
            }
            (Step::Index(index), Value::List(items)) => items.get_mut(*index),
            _ => None,
        })
    }

    /// Returns the entry of a mapping; none where this is not a mapping.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    pub(crate) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// Takes the entry that the way leads to out of its mapping.
    pub(crate) fn remove(&mut self, path: &Path) {
        let (Some(parent), Some(Step::Key(key))) = (path.parent(), path.steps().last()) else { return };
        if let Some(Self { value: Value::Map(entries), .. }) = self.get_mut(&parent) {
            entries.retain(|entry| entry.key != *key);
        }
    }

    /// Sets a key of a mapping; what is no mapping becomes one.
    pub(crate) fn set(&mut self, key: &str, node: Self) {
        let origin = node.origin.clone();
        *self.child(key, &origin) = node;
    }

    /// Returns the value of a key, made as null where it is absent. What is no mapping becomes one.
    pub(crate) fn child(&mut self, key: &str, origin: &Origin) -> &mut Self {
        if !matches!(self.value, Value::Map(_)) {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { unreachable!("made a mapping above") };
        let at = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
            let node = Self::new(Value::Null, origin.clone());
            entries.push(Entry { key: key.to_owned(), key_origin: origin.clone(), node });
            entries.len() - 1
        });
        &mut entries[at].node
    }

    /// Lays this tree over `lower`: mappings are joined, anything else is replaced.
    pub(crate) fn over(mut self, lower: &Self) -> Self {
        let (Value::Map(upper_entries), Value::Map(lower_entries)) = (&mut self.value, &lower.value) else {
            return self;
        };
        for lower_entry in lower_entries {
            match upper_entries.iter_mut().find(|entry| entry.key == lower_entry.key) {
                Some(entry) => entry.node = entry.node.clone().over(&lower_entry.node),
                None => upper_entries.push(lower_entry.clone()),
            }
        }
        self
    }

    /// Marks this value and all below it as inherited.
    pub(crate) fn inherit(&mut self) {
        self.inherited = true;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(Self::inherit),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| entry.node.inherit()),
            _ => {}
        }
    }

    /// Makes the value that figment reads typed values from.
    pub(crate) fn to_figment(&self) -> FigmentValue {
        let tag = Tag::Default;
        match &self.value {
            Value::Null => FigmentValue::Empty(tag, Empty::Unit),
            Value::Bool(truth) => FigmentValue::Bool(tag, *truth),
            Value::Int(number) => FigmentValue::Num(tag, integer(*number)),
            Value::Float(number) => FigmentValue::Num(tag, Num::F64(*number)),
            Value::Text(text) => FigmentValue::String(tag, text.clone()),
            Value::List(items) => FigmentValue::Array(tag, items.iter().map(Self::to_figment).collect()),
            Value::Map(entries) => {
                let dict: Dict = entries.iter().map(|entry| (entry.key.clone(), entry.node.to_figment())).collect();
                FigmentValue::Dict(tag, dict)
            }
        }
    }
}

/// The narrowest form: serde's own integer types refuse the wide ones.
fn integer(number: i128) -> Num {
    u64::try_from(number).map(Num::U64).or_else(|_| i64::try_from(number).map(Num::I64)).unwrap_or(Num::I128(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        Node::new(Value::Text(text.to_owned()), Origin::Flag("test".to_owned()))
    }

    fn map(entries: &[(&str, Node)]) -> Node {
        let mut node = Node::new(Value::Null, Origin::Flag("test".to_owned()));
        for (key, value) in entries {
            node.set(key, value.clone());
        }
        node
    }

    #[test]
    fn mappings_are_joined_and_everything_else_is_replaced() {
        let lower = map(&[("a", text("lower")), ("b", map(&[("c", text("lower")), ("d", text("lower"))]))]);
        let upper = map(&[("b", map(&[("c", text("upper"))]))]);
        let merged = upper.over(&lower);
        let at = |path: Path| merged.get(&path).and_then(Node::text).map(ToOwned::to_owned);
        assert_eq!(at(Path::root().key("a")).as_deref(), Some("lower"));
        assert_eq!(at(Path::root().key("b").key("c")).as_deref(), Some("upper"));
        assert_eq!(at(Path::root().key("b").key("d")).as_deref(), Some("lower"));
    }

    #[test]
    fn a_removed_key_is_gone() {
        let mut node = map(&[("a", map(&[("b", text("x"))]))]);
        let path = Path::root().key("a").key("b");
        node.remove(&path);
        assert!(node.get(&path).is_none());
        assert!(node.get(&Path::root().key("a")).is_some());
    }
}
