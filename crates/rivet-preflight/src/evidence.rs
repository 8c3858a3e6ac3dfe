use rivet_source::{ColumnStatistics, Explanation, IndexFacts, RelationStatistics, SourceError, Vitals};

use crate::number::float;
use crate::reach::{Reach, enters_index, has_index};
use crate::relation::RelationKind;
use crate::{PreflightRequest, Strategy};

/// What the source answered, or why it did not.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) explanation: Result<Explanation, SourceError>,
    pub(crate) statistics: Result<RelationStatistics, SourceError>,
    pub(crate) vitals: Result<Vitals, SourceError>,
}

impl Answers {
    pub(crate) fn explanation(&self) -> Option<&Explanation> {
        self.explanation.as_ref().ok()
    }

    pub(crate) fn statistics(&self) -> Option<&RelationStatistics> {
        self.statistics.as_ref().ok()
    }

    /// Returns an index that begins with a column, holds every row, and may be used.
    pub(crate) fn index_on(&self, column: &str) -> Option<&IndexFacts> {
        let begins = |index: &&IndexFacts| index.columns.first().is_some_and(|first| first == column);
        let mut whole = self.statistics()?.indexes.iter().filter(|index| index.usable && !index.partial);
        whole.find(begins)
    }
}

/// How far the first column of a key is filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Nulls {
    /// It holds no NULL: it can't, or statistics saw none.
    Never,
    /// This part of the rows has none, above 0 and up to 1.
    Some(f64),
    /// It may hold NULLs, and nobody knows how many.
    Unknown,
}

/// What the answers mean for the run: the numbers and facts that every rule looks at.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) request: &'a PreflightRequest,
    pub(crate) answers: &'a Answers,
    pub(crate) kind: RelationKind,
    /// Rows that the run will read.
    pub(crate) rows: Option<u64>,
    /// Rows that a scan of the relation reads.
    pub(crate) scanned_rows: Option<u64>,
    /// Bytes of a row, on average.
    pub(crate) row_bytes: Option<f64>,
    pub(crate) reach: Reach,
}

impl<'a> Evidence<'a> {
    pub(crate) fn new(request: &'a PreflightRequest, answers: &'a Answers) -> Self {
        let catalog_rows = answers.statistics().and_then(|statistics| statistics.estimated_rows);
        let rows = run_rows(request, answers);
        let scanned_rows = catalog_rows.max(rows);
        Self {
            request,
            answers,
            kind: RelationKind::of(&request.spec.relation, answers.statistics()),
            rows,
            scanned_rows,
            row_bytes: row_bytes(answers),
            reach: Reach::find(request, answers, scanned_rows),
        }
    }

    pub(crate) fn vitals(&self) -> Option<&Vitals> {
        self.answers.vitals.as_ref().ok()
    }

    /// Returns bytes that the run will read.
    pub(crate) fn bytes(&self) -> Option<f64> {
        Some(float(self.rows?) * self.row_bytes?)
    }

    /// Returns rows that the catalog expects in the relation.
    pub(crate) fn catalog_rows(&self) -> Option<u64> {
        self.answers.statistics()?.estimated_rows
    }

    /// Returns what statistics say of the first column of the key.
    pub(crate) fn key_statistics(&self) -> Option<&ColumnStatistics> {
        self.answers.statistics()?.columns.get(&self.request.key_column()?.name)
    }

    /// Returns how far the first column of the key is filled.
    pub(crate) fn nulls(&self) -> Nulls {
        let Some(key) = self.request.key_column() else { return Nulls::Unknown };
        let statistics = self.key_statistics();
        let nullable = key.nullable && statistics.is_none_or(|column| column.nullable);
        match statistics.and_then(|column| column.null_fraction) {
            _ if !nullable => Nulls::Never,
            Some(fraction) if fraction > 0.0 => Nulls::Some(fraction.min(1.0)),
            Some(_) => Nulls::Never,
            None => Nulls::Unknown,
        }
    }

    /// Returns whether an index serves the first column of the key, by the catalog or by the plan.
    pub(crate) fn has_key_index(&self) -> bool {
        let has_index = has_index(self.request, self.answers);
        has_index || self.answers.explanation().is_some_and(|plan| enters_index(self.kind, has_index, plan))
    }

    /// Returns whether an index was there, and the plan goes another way all the same.
    pub(crate) fn leaves_index_aside(&self) -> bool {
        let plan = self.answers.explanation().filter(|plan| !plan.accesses.is_empty());
        let entered = |plan: &Explanation| enters_index(self.kind, true, plan);
        self.request.selects_by_key()
            && matches!(self.reach, Reach::Index | Reach::ScanDespiteIndex)
            && has_index(self.request, self.answers)
            && plan.is_some_and(|plan| !entered(plan))
    }

    /// Returns whether the smallest and the largest value of the key are known. An empty relation has none to know,
    /// and ranges of pages need none.
    pub(crate) fn bounds_observed(&self) -> bool {
        if self.request.reads_pages() {
            return true;
        }
        let is_empty = self
            .answers
            .statistics()
            .is_some_and(|relation| relation.analyzed_at.is_some() && relation.estimated_rows == Some(0));
        let known = |column: &ColumnStatistics| column.lowest.is_some() && column.highest.is_some();
        self.request.key_column().is_some() && (is_empty || self.key_statistics().is_some_and(known))
    }

    /// Returns connections that the server has left.
    pub(crate) fn headroom(&self) -> Option<u64> {
        let vitals = self.vitals()?;
        Some(vitals.max_connections?.saturating_sub(vitals.connections?))
    }

    /// Returns the first column of the key as messages name it.
    pub(crate) fn key_name(&self) -> String {
        match self.request.key_column() {
            Some(key) => format!("`{}`", key.name),
            None => "a key".to_owned(),
        }
    }
}

/// Finds the rows of the run. The plan is of the very statement; for a chunked run it is of one chunk only, so that
/// the chunks themselves and the catalog know better.
fn run_rows(request: &PreflightRequest, answers: &Answers) -> Option<u64> {
    let explained = answers.explanation().and_then(|explanation| explanation.estimated_rows);
    let cataloged = answers.statistics().and_then(|statistics| statistics.estimated_rows);
    match request.strategy {
        Strategy::Full => explained.or(cataloged),
        Strategy::Incremental | Strategy::TimeWindow { .. } => request.whole_rows.or(explained),
        Strategy::Chunked(plan) => plan
            .estimated_rows
            .or(cataloged)
            .or_else(|| explained.map(|rows| rows.saturating_mul(plan.count.max(1).into()))),
    }
}

/// Finds the average row: as wide as the plan says, else what the relation takes on disk by its rows.
fn row_bytes(answers: &Answers) -> Option<f64> {
    let explained = answers.explanation().and_then(|explanation| explanation.row_bytes);
    let sane = |bytes: &f64| bytes.is_finite() && *bytes >= 0.0;
    explained.filter(sane).or_else(|| {
        let statistics = answers.statistics()?;
        let rows = statistics.estimated_rows.filter(|rows| *rows > 0)?;
        Some(float(statistics.bytes?) / float(rows))
    })
}
