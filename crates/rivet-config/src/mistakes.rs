use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use miette::NamedSource;

use crate::document::{Node, Origin, Path, Redacted};
use crate::error::{Finding, FindingKind};

/// Which part of a place is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Key,
    Value,
}

/// A mistake before its place is looked up.
pub(crate) struct Mistake {
    kind: FindingKind,
    at: Path,
    part: Part,
    message: String,
    label: String,
    help: Option<String>,
    also: Vec<(Path, Part, String)>,
    also_spans: Vec<(Range<usize>, String)>,
    /// The part of the value's text that is meant.
    within: Option<String>,
    /// A place of its own, where the tree does not hold it.
    origin: Option<Origin>,
}

impl Mistake {
    pub(crate) fn new(kind: FindingKind, at: &Path, message: impl Into<String>) -> Self {
        Self {
            kind,
            at: at.clone(),
            part: Part::Value,
            message: message.into(),
            label: "here".to_owned(),
            help: None,
            also: Vec::new(),
            also_spans: Vec::new(),
            within: None,
            origin: None,
        }
    }

    pub(crate) fn on_key(mut self) -> Self {
        self.part = Part::Key;
        self
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Narrows the place to a part of the value's text.
    pub(crate) fn within(mut self, part: String) -> Self {
        self.within = Some(part);
        self
    }

    /// Adds a second place.
    pub(crate) fn also(mut self, at: &Path, label: impl Into<String>) -> Self {
        self.also.push((at.clone(), Part::Value, label.into()));
        self
    }

    /// Adds a key as a second place.
    pub(crate) fn also_key(mut self, at: &Path, label: impl Into<String>) -> Self {
        self.also.push((at.clone(), Part::Key, label.into()));
        self
    }

    /// Adds a second place, where the tree does not hold it.
    pub(crate) fn also_span(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.also_spans.push((span, label.into()));
        self
    }

    pub(crate) fn origin(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }
}

/// Collects mistakes. What stands at or below a place already found wrong is not judged again.
#[derive(Default)]
pub(crate) struct Mistakes {
    list: Vec<Mistake>,
    wrong: BTreeSet<Path>,
}

impl Mistakes {
    pub(crate) fn push(&mut self, mistake: Mistake) {
        if !self.is_wrong(&mistake.at) {
            self.list.push(mistake);
        }
    }

    /// Adds a mistake that takes the value out of the tree.
    pub(crate) fn push_wrong(&mut self, mistake: Mistake) {
        let at = mistake.at.clone();
        self.push(mistake);
        self.wrong.insert(at);
    }

    /// Says that a place is not to be judged: a mistake told already is the cause of what is wrong there.
    pub(crate) fn pass_over(&mut self, at: Path) {
        self.wrong.insert(at);
    }

    pub(crate) fn is_wrong(&self, at: &Path) -> bool {
        self.wrong.iter().any(|wrong| at.starts_with(wrong))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Looks every place up in the tree as it was before mistakes were taken out of it.
    pub(crate) fn into_findings(
        self,
        tree: &Node,
        shown: &Redacted,
        source: &Arc<NamedSource<String>>,
    ) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for mistake in self.list {
            let finding = place(mistake, tree, shown, source);
            // One value of `defaults` is judged in every export that inherits it.
            let known = findings.iter().any(|known| is_same(known, &finding));
            if !known {
                findings.push(finding);
            }
        }
        findings.sort_by_key(|finding| finding.labels.first().map_or(usize::MAX, |(span, _)| span.start));
        findings
    }
}

fn is_same(left: &Finding, right: &Finding) -> bool {
    let message = left.message == right.message || left.kind == FindingKind::UnknownKey && !left.labels.is_empty();
    left.kind == right.kind && left.labels == right.labels && message
}

fn place(mistake: Mistake, tree: &Node, shown: &Redacted, source: &Arc<NamedSource<String>>) -> Finding {
    let origin = mistake.origin.unwrap_or_else(|| origin_of(tree, &mistake.at, mistake.part));
    let mut message = mistake.message;
    let mut labels = Vec::new();
    match origin {
        Origin::File(span) => {
            let place = shown.shift(&span);
            labels.push((narrowed(place, mistake.within.as_deref(), &shown.text), mistake.label));
        }
        Origin::Environment(name) => message = format!("{message}, from the environment variable `{name}`"),
        Origin::Flag(flag) => message = format!("{message}, from `{flag}`"),
    }
    for (at, part, label) in mistake.also {
        if let Origin::File(span) = origin_of(tree, &at, part) {
            labels.push((shown.shift(&span), label));
        }
    }
    labels.extend(mistake.also_spans.into_iter().map(|(span, label)| (shown.shift(&span), label)));
    let source_code = (!labels.is_empty()).then(|| Arc::clone(source));
    let at = mistake.at.to_string();
    Finding { kind: mistake.kind, at, message, help: mistake.help, labels, source_code, cause: None }
}

fn narrowed(place: Range<usize>, part: Option<&str>, text: &str) -> Range<usize> {
    let found = part.and_then(|part| text.get(place.clone())?.find(part).map(|at| (at, part.len())));
    found.map_or(place.clone(), |(at, length)| place.start + at..place.start + at + length)
}

/// The origin of a value or a key; of the nearest one above it where it is not there.
pub(crate) fn origin_of(tree: &Node, at: &Path, part: Part) -> Origin {
    let mut path = at.clone();
    let mut missing = false;
    loop {
        if let Some(node) = tree.get(&path) {
            let key = (missing || part == Part::Key || node.is_null()).then(|| key_origin(tree, &path)).flatten();
            return key.unwrap_or_else(|| node.origin.clone());
        }
        missing = true;
        path = path.parent().expect("the root is always there");
    }
}

fn key_origin(tree: &Node, path: &Path) -> Option<Origin> {
    let parent = tree.get(&path.parent()?)?;
    let crate::document::Step::Key(key) = path.steps().last()? else { return None };
    Some(parent.entry(key)?.key_origin.clone())
}
