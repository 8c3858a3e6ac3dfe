use rivet_source::{Inspector, Probe};

use crate::evidence::{Answers, Evidence};
use crate::findings::{Facts, find};
use crate::sparse::Spread;
use crate::{Advice, CursorQuality, PreflightReport, PreflightRequest, StatisticsState, Verdict};

/// Asks a source what a run will cost it, and judges the answers.
///
/// It sends what the inspector sends for three questions: the plan of the statement, the statistics of the relation,
/// and the state of the server. It never fails: a question without an answer becomes a finding, and whatever would
/// have followed from it stays unknown.
pub async fn preflight(inspector: &mut dyn Inspector, request: &PreflightRequest) -> PreflightReport {
    let explanation = inspector.explain(&request.spec, &request.limits).await;
    let statistics = inspector.statistics(&request.spec).await;
    let vitals = inspector.vitals().await;
    let answers = Answers { explanation, statistics, vitals };
    judge(request, &answers, inspector.take_probes())
}

/// Makes a report of the answers.
fn judge(request: &PreflightRequest, answers: &Answers, probes: Vec<Probe>) -> PreflightReport {
    let evidence = Evidence::new(request, answers);
    let verdict = Verdict::of(&evidence);
    let facts = Facts {
        verdict,
        cursor: CursorQuality::of(&evidence),
        spread: Spread::of(&evidence),
        statistics: StatisticsState::of(answers.statistics()),
        advice: Advice::of(&evidence, verdict),
        evidence,
    };
    let findings = find(&facts);
    let Facts { evidence, cursor, spread, statistics, advice, .. } = facts;
    let explained = answers.explanation.is_ok();
    PreflightReport {
        verdict,
        findings,
        advice,
        estimated_rows: evidence.rows,
        estimated_row_bytes: evidence.row_bytes,
        cursor_quality: cursor,
        sparse_range: spread.map(|spread| spread.is_sparse()),
        statistics,
        bounds_observed: evidence.bounds_observed(),
        explained,
        failed: !explained,
        server_address: evidence.vitals().and_then(|vitals| vitals.address.clone()),
        explanation: answers.explanation().cloned(),
        probes,
    }
}
