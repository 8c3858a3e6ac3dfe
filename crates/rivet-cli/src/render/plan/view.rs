use std::collections::BTreeSet;

use rivet_core::{Plan, PlannedExport};
use rivet_priority::{Recommendation, Signals};

/// A plan, and how much of it is shown.
#[derive(Debug)]
pub(crate) struct PlanView<'a> {
    pub(super) plan: &'a Plan,
    pub(super) explain: bool,
    pub(super) older: Option<&'a Plan>,
    /// What would be said of every export alike.
    pub(super) common_notes: BTreeSet<&'a String>,
}

impl<'a> PlanView<'a> {
    /// Looks at a plan.
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let mut notes = plan.exports.iter().map(|export| export.notes.iter().collect::<BTreeSet<_>>());
        let first = notes.next().unwrap_or_default();
        let common = notes.fold(first, |common, notes| common.intersection(&notes).copied().collect());
        let common_notes = if plan.exports.len() > 1 { common } else { BTreeSet::new() };
        Self { plan, explain: false, older: None, common_notes }
    }

    /// Shows how each score comes about, and from what.
    #[must_use]
    pub(crate) fn explain(self, explain: bool) -> Self {
        Self { explain, ..self }
    }

    /// Shows what has changed since another plan.
    #[must_use]
    pub(crate) fn since(self, older: Option<&'a Plan>) -> Self {
        Self { older, ..self }
    }

    /// Returns the exports in the order of the campaign, with what is advised for each.
    pub(super) fn exports(&self) -> Vec<(&'a PlannedExport, Option<&'a Recommendation>)> {
        let place = |export: &PlannedExport| {
            let mut advice = self.plan.prioritization.recommendations.iter();
            advice.position(|advice| advice.export_name == export.export_name.as_str())
        };
        let mut exports: Vec<&PlannedExport> = self.plan.exports.iter().collect();
        exports.sort_by_key(|export| place(export).unwrap_or(usize::MAX));
        let advice = |export: &PlannedExport| self.plan.prioritization.recommendation(export.export_name.as_str());
        exports.into_iter().map(|export| (export, advice(export))).collect()
    }

    /// Returns the signals that an export was judged by.
    pub(super) fn signals(&self, export: &str) -> Option<&'a Signals> {
        self.plan.prioritization.signals.iter().find(|signals| signals.export_name == export)
    }

    /// Returns where the plan comes from, for a title.
    pub(super) fn title(&self) -> String {
        let paths = self.plan.config_path.iter().map(|path| path.display().to_string());
        format!("Plan of {}", paths.collect::<Vec<_>>().join(", "))
    }
}
