use rivet_source::{Access, AccessPath, Explanation};

use crate::evidence::Answers;
use crate::relation::RelationKind;
use crate::{PreflightRequest, Strategy};

/// Rows up to which a scan costs a server next to nothing: a planner that prefers one to an index is right.
pub(crate) const SMALL_ROWS: u64 = 100_000;

/// How the statements of a run come to their rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Every row is wanted: any way is right.
    Whole,
    /// By ranges of pages.
    Pages,
    /// By an index on the key, or by a scan that the planner rightly prefers to it.
    Index,
    /// By reading everything, although there is an index on the key.
    ScanDespiteIndex,
    /// By reading everything, for want of an index.
    Scan,
    /// Nobody can tell: the plan was not to be had, or shows a foreign table or a function.
    Unseen,
}

impl Reach {
    /// Finds out from the plan, the indexes and the range; `scanned_rows` are the rows of the whole relation.
    pub(crate) fn find(request: &PreflightRequest, answers: &Answers, scanned_rows: Option<u64>) -> Self {
        let statistics = answers.statistics();
        let kind = RelationKind::of(&request.spec.relation, statistics);
        let has_index = has_index(request, answers);
        let Some(explanation) = answers.explanation() else {
            // Without a plan the catalog alone can still prove that an index is missing.
            let proven = statistics.is_some() && kind.is_stored() && !has_index;
            return if request.selects_by_key() && proven { Self::Scan } else { Self::Unseen };
        };
        if !request.selects_by_key() {
            return whole(request, explanation);
        }
        if enters_index(kind, has_index, explanation) {
            return Self::Index;
        }
        if explanation.accesses.iter().all(|access| access.path == AccessPath::Other) && !kind.is_stored() {
            return Self::Unseen;
        }
        if !has_index {
            return Self::Scan;
        }
        let reads_nothing = explanation.accesses.is_empty();
        let is_small = scanned_rows.is_some_and(|rows| rows <= SMALL_ROWS);
        // One statement that reads most of a table rightly scans it. Around a query the condition may not reach the
        // index at all, which a range without a lower end does not show.
        let may_choose =
            !matches!(request.strategy, Strategy::Chunked(_)) && (kind.is_stored() || !request.has_lower_end());
        if reads_nothing || is_small || may_choose { Self::Index } else { Self::ScanDespiteIndex }
    }
}

/// Judges a run that wants every row, or ranges of pages.
fn whole(request: &PreflightRequest, explanation: &Explanation) -> Reach {
    if !request.reads_pages() {
        return Reach::Whole;
    }
    let by_pages = explanation.accesses.iter().any(|access| access.path == AccessPath::PageRange);
    if by_pages || request.chunk_count() == 1 { Reach::Pages } else { Reach::Scan }
}

/// Returns whether a whole index begins with the first column of the key, and one with the column that stands in for
/// it.
pub(crate) fn has_index(request: &PreflightRequest, answers: &Answers) -> bool {
    let Some(key) = request.key_column() else { return false };
    let listed = |name: &str| answers.index_on(name).is_some();
    let first = request.key.indexed || listed(key.name.as_str());
    let fallback = request.spec.fallback.as_ref().filter(|_| key.nullable);
    first && fallback.is_none_or(|fallback| listed(fallback.name.as_str()))
}

/// Returns whether the plan enters an index at a bound of the range. Of a partitioned table without an index of its
/// own, every partition must be read so.
pub(crate) fn enters_index(kind: RelationKind, has_index: bool, explanation: &Explanation) -> bool {
    let entered = |access: &Access| {
        let by_index =
            matches!(access.path, AccessPath::IndexScan | AccessPath::IndexOnlyScan | AccessPath::BitmapScan);
        by_index && access.bounded
    };
    let accesses = &explanation.accesses;
    match kind {
        RelationKind::PartitionedTable if !has_index => !accesses.is_empty() && accesses.iter().all(entered),
        _ => accesses.iter().any(entered),
    }
}
