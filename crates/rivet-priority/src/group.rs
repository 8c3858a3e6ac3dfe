use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::class::LAST_WAVE;
use crate::number::things;
use crate::word::words;
use crate::{CostClass, ForecastTotal, Recommendation, Signals};

/// From this many members on, a group without a collision gets a word too.
const MANY_MEMBERS: usize = 3;

/// What makes exports members of one group. Groups sort by name, a configured one before an implied one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    pub(crate) name: String,
    pub(crate) implied: bool,
}

impl GroupKey {
    /// Returns the group of an export: the one that a person has named, or else that of its server.
    pub(crate) fn of(signals: &Signals) -> Option<Self> {
        let configured = signals.source_group.clone().map(|name| Self { name, implied: false });
        configured.or_else(|| signals.implied_group.clone().map(|name| Self { name, implied: true }))
    }
}

/// The exports that read from one source, as far as anybody has said or seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceGroup {
    /// The name that the exports share, or what identifies their server.
    pub source_group: String,
    /// Whether no one has named it: its members merely read from one server.
    pub implied: bool,
    /// Its members, sorted.
    pub exports: Vec<String>,
    /// Those of them that are heavy, sorted.
    pub heavy_exports: Vec<String>,
    /// What all of them take, one after the other.
    pub forecast: ForecastTotal,
}

words! {
    /// What a warning about a group is about.
    #[non_exhaustive]
    pub enum SourceGroupWarningKind {
        /// Two or more heavy exports read from the source.
        HeavyCollision = "heavy_collision",
        /// Three or more exports read from it, of which one at most is heavy.
        ManyMembers = "many_members",
    }
}

/// A warning about the exports of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceGroupWarning {
    /// The name that the exports share, or what identifies their server.
    pub source_group: String,
    /// Whether no one has named it.
    pub implied: bool,
    /// What it is about.
    pub kind: SourceGroupWarningKind,
    /// Whom it is about, sorted: the heavy exports of a collision, else all members.
    pub exports: Vec<String>,
    /// The heavy exports that have to share the last wave, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sharing_last_wave: Vec<String>,
    /// The same for a person.
    pub message: String,
}

/// A group at work: its members by their places in the campaign, in the order of their scores.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    pub(crate) key: GroupKey,
    pub(crate) exports: Vec<&'a Recommendation>,
}

fn names<'a>(exports: impl IntoIterator<Item = &'a Recommendation>) -> Vec<String> {
    let mut names: Vec<String> = exports.into_iter().map(|export| export.export_name.clone()).collect();
    names.sort();
    names
}

impl<'a> Members<'a> {
    /// Sorts exports into their groups.
    pub(crate) fn all(exports: impl IntoIterator<Item = (&'a Signals, &'a Recommendation)>) -> Vec<Self> {
        let mut groups: BTreeMap<GroupKey, Vec<&'a Recommendation>> = BTreeMap::new();
        for (signals, recommendation) in exports {
            if let Some(key) = GroupKey::of(signals) {
                groups.entry(key).or_default().push(recommendation);
            }
        }
        groups.into_iter().map(|(key, exports)| Self { key, exports }).collect()
    }

    fn heavy(&self) -> impl Iterator<Item = &'a Recommendation> {
        self.exports.iter().copied().filter(|export| export.cost_class.is_heavy())
    }

    /// Sums the group up.
    pub(crate) fn summary(&self) -> SourceGroup {
        SourceGroup {
            source_group: self.key.name.clone(),
            implied: self.key.implied,
            exports: names(self.exports.iter().copied()),
            heavy_exports: names(self.heavy()),
            forecast: ForecastTotal::of(
                self.exports.iter().map(|export| (export.export_name.as_str(), export.forecast)),
            ),
        }
    }

    /// Warns of what two or more members may do to each other. Waves have been given before.
    pub(crate) fn warning(&self) -> Option<SourceGroupWarning> {
        if self.heavy().count() >= 2 {
            Some(self.collision())
        } else if self.exports.len() >= MANY_MEMBERS {
            Some(self.many_members())
        } else {
            None
        }
    }

    fn collision(&self) -> SourceGroupWarning {
        let exports = names(self.heavy());
        let last = names(self.heavy().filter(|export| export.recommended_wave == LAST_WAVE));
        let sharing_last_wave = if last.len() >= 2 { last } else { Vec::new() };
        let mut message = format!(
            "{} has {} heavy-cost exports ({}): run them one at a time",
            self.title(),
            exports.len(),
            exports.join(", ")
        );
        if !sharing_last_wave.is_empty() {
            let sharing = sharing_last_wave.join(", ");
            write!(message, "; no later wave is free for {sharing}, which share wave {LAST_WAVE}")
                .expect("a string takes every write");
        }
        self.finish(SourceGroupWarningKind::HeavyCollision, exports, sharing_last_wave, message)
    }

    fn many_members(&self) -> SourceGroupWarning {
        let exports = names(self.exports.iter().copied());
        let large = names(self.exports.iter().copied().filter(|export| export.cost_class > CostClass::Low));
        let advice = if large.is_empty() {
            "start the larger ones some time apart".to_owned()
        } else {
            format!("start the larger ones ({}) some time apart", large.join(", "))
        };
        let message = format!("{} has {}: {advice}", self.title(), things(exports.len() as u64, "export"));
        self.finish(SourceGroupWarningKind::ManyMembers, exports, Vec::new(), message)
    }

    fn title(&self) -> String {
        let kind = if self.key.implied { "implied source group" } else { "source group" };
        format!("{kind} `{}`", self.key.name)
    }

    fn finish(
        &self,
        kind: SourceGroupWarningKind,
        exports: Vec<String>,
        sharing_last_wave: Vec<String>,
        mut message: String,
    ) -> SourceGroupWarning {
        if self.key.implied {
            message.push_str(
                " (the group is implied: these exports read from one server, and none of them has a `source_group`; \
                 give them one `source_group` to name it, or one each to opt out)",
            );
        }
        SourceGroupWarning {
            source_group: self.key.name.clone(),
            implied: self.key.implied,
            kind,
            exports,
            sharing_last_wave,
            message,
        }
    }
}
