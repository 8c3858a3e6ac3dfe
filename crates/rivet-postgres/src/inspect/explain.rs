use rivet_model::{KeyBound, RowRange};
use rivet_source::{Explanation, ScanLimits, ScanSpec, SourceError, SourceErrorKind};

use super::{PostgresInspector, Question, plan};
use crate::dialect;
use crate::pace::Walk;

/// Has the planner explain what a scan sends.
pub(super) async fn explain(
    inspector: &mut PostgresInspector,
    spec: &ScanSpec,
    limits: &ScanLimits,
) -> Result<Explanation, SourceError> {
    let mut found = plan_of(inspector, "the plan of the scan", spec).await?;
    if let Some(wider) = by_first_column(spec) {
        // Where this fails the first answer is left, and the record says why.
        let purpose = "the rows by the bounds of the first column alone: tuples at both ends are estimated too low";
        if let Ok(wider) = plan_of(inspector, purpose, &wider).await {
            found.estimated_rows = wider.estimated_rows;
        }
    }
    let version = inspector.version;
    if let Some(mut walk) = Walk::of(inspector, version, spec, limits).await? {
        let first = spec.with_range(walk.step().0);
        found.statement = dialect::select(&first)?.sql;
        let _seen = plan_of(inspector, "the plan of the first range of pages", &first).await;
    }
    Ok(found)
}

async fn plan_of(
    inspector: &mut PostgresInspector,
    purpose: &'static str,
    spec: &ScanSpec,
) -> Result<Explanation, SourceError> {
    let select = dialect::select(spec)?;
    let statement = select.clone().within("EXPLAIN (FORMAT JSON) ", "");
    let rows = inspector.send(Question::of(purpose, statement, spec)).await?;
    let text: String = rows.into_iter().flatten().flatten().collect();
    plan::read(&text, spec, select.sql).ok_or_else(|| {
        SourceError::new(SourceErrorKind::Protocol, "the server explained the statement in a way that can't be read")
    })
}

/// The same scan between the values of the first column alone, where tuples are compared at both ends.
///
/// The planner takes each comparison of tuples for a condition of its own, beside the bounds of the first column that
/// say the same, and multiplies the parts of the table that it expects of them: a hundredth becomes a hundredth of a
/// hundredth.
fn by_first_column(spec: &ScanSpec) -> Option<ScanSpec> {
    let RowRange::Key { lower: Some(lower), upper: Some(upper) } = &spec.range else { return None };
    if lower.values.len().max(upper.values.len()) < 2 {
        return None;
    }
    let first = |bound: &KeyBound| Some(KeyBound::including(bound.values.get(..1)?.to_vec()));
    let range = RowRange::Key { lower: Some(first(lower)?), upper: Some(first(upper)?) };
    Some(ScanSpec { key: spec.key.get(..1)?.to_vec(), range, ..spec.clone() })
}
