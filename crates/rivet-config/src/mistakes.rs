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
    also: Vec<(Path, String)>,
    also_spans: Vec<(Range<usize>, String)>,
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

    /// Adds a second place.
    pub(crate) fn also(mut self, at: &Path, label: impl Into<String>) -> Self {
        self.also.push((at.clone(), label.into()));
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
            let known = findings.iter().any(|known| {
                (known.kind, &known.message, &known.labels) == (finding.kind, &finding.message, &finding.labels)
            });
            if !known {
                findings.push(finding);
            }
        }
        findings.sort_by_key(|finding| finding.labels.first().map_or(usize::MAX, |(span, _)| span.start));
        findings
    }
}

fn place(mistake: Mistake, tree: &Node, shown: &Redacted, source: &Arc<NamedSource<String>>) -> Finding {
    let origin = mistake.origin.unwrap_or_else(|| origin_of(tree, &mistake.at, mistake.part));
    let mut message = mistake.message;
    let mut labels = Vec::new();
    match origin {
        Origin::File(span) => labels.push((shown.shift(&span), mistake.label)),
        Origin::Environment(name) => message.push_str(&format!(", from the environment variable `{name}`")),
        Origin::Flag(flag) => message.push_str(&format!(", from `{flag}`")),
    }
    for (at, label) in mistake.also {
        if let Origin::File(span) = origin_of(tree, &at, Part::Value) {
            labels.push((shown.shift(&span), label));
        }
    }
    labels.extend(mistake.also_spans.into_iter().map(|(span, label)| (shown.shift(&span), label)));
    let source_code = (!labels.is_empty()).then(|| Arc::clone(source));
    let at = mistake.at.to_string();
    Finding { kind: mistake.kind, at, message, help: mistake.help, labels, source_code, cause: None }
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
