//! Questions that get no answer.

use rivet_preflight::{CursorQuality, FindingCode, Profile, Severity, StatisticsState, Verdict};
use rivet_source::SourceErrorKind;

use crate::support::{ROWS, Scenario};

const KINDS: [SourceErrorKind; 6] = [
    SourceErrorKind::Permission,
    SourceErrorKind::StatementTimeout,
    SourceErrorKind::LockTimeout,
    SourceErrorKind::NotFound,
    SourceErrorKind::ConnectionLost,
    SourceErrorKind::Server,
];

#[test]
fn without_a_plan_the_checks_have_failed() {
    for kind in KINDS {
        for scenario in Scenario::all() {
            let report = scenario.with(|it| it.explanation = Err(kind)).report();
            assert!(report.failed && !report.explained);
            assert_eq!(report.verdict, Verdict::Unknown);
            assert_eq!(report.advice.profile, Profile::Balanced);
            assert_eq!(report.advice.parallelism, 1);
            assert_eq!(report.explanation, None);
            assert_eq!(report.statistics, StatisticsState::Fresh);
        }
    }
    let rows = |scenario: Scenario| scenario.with(|it| it.explanation = Err(KINDS[0])).report().estimated_rows;
    assert_eq!(rows(Scenario::full()), Some(ROWS));
    assert_eq!(rows(Scenario::chunked()), Some(ROWS));
    assert_eq!(rows(Scenario::incremental()), None, "the table's rows are not those of the run");
    assert_eq!(rows(Scenario::time_window()), None);
}

#[test]
fn without_statistics_they_are_missing() {
    for kind in KINDS {
        let report = Scenario::incremental().with(|it| it.statistics = Err(kind)).report();
        assert!(!report.failed && report.explained && !report.bounds_observed);
        assert_eq!(report.statistics, StatisticsState::Missing);
        assert_eq!(report.verdict, Verdict::Efficient);
        let codes: Vec<_> = report.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [FindingCode::StatisticsFailed, FindingCode::WeakCursor], "and nothing that follows from it");
    }
    let sparse = Scenario::chunked().with(|it| it.statistics = Err(KINDS[0])).report().sparse_range;
    assert_eq!(sparse, None);
}

#[test]
fn without_vitals_nothing_bold_is_advised() {
    for kind in KINDS {
        let small = Scenario::full().rows(100).with(|it| it.vitals = Err(kind)).report();
        assert_eq!((small.verdict, small.advice.profile), (Verdict::Efficient, Profile::Balanced));
        assert_eq!((small.server_address, small.failed), (None, false));
        let chunked = Scenario::chunked().rows(9_000_000).with(|it| it.vitals = Err(kind)).report();
        assert_eq!(chunked.advice.parallelism, 2);
    }
}

#[test]
fn without_any_answer_there_is_still_a_report() {
    for scenario in Scenario::all() {
        let silent = scenario.with(|it| {
            it.explanation = Err(SourceErrorKind::ConnectionLost);
            it.statistics = Err(SourceErrorKind::ConnectionLost);
            it.vitals = Err(SourceErrorKind::ConnectionLost);
        });
        let report = silent.report();
        assert_eq!(report.verdict, Verdict::Unknown);
        let failures = [FindingCode::ExplainFailed, FindingCode::StatisticsFailed, FindingCode::VitalsFailed];
        assert!(failures.iter().all(|code| report.findings.iter().any(|finding| finding.code == *code)));
        assert_eq!(report.probes.len(), 3, "what failed was sent as well");
        assert!(report.probes.iter().all(|probe| probe.error.is_some()));
        assert_ne!(report.cursor_quality, CursorQuality::StrongMonotonic);
    }
}

#[test]
fn each_failure_says_what_to_do() {
    let mut helps: Vec<_> = KINDS
        .iter()
        .map(|kind| {
            let failed = Scenario::full().with(|it| it.explanation = Err(*kind));
            let finding = failed.finding(FindingCode::ExplainFailed).unwrap();
            assert_eq!(finding.severity, Severity::Warning);
            assert!(finding.message.ends_with(&format!("({})", kind.code())), "{}", finding.message);
            finding.help
        })
        .collect();
    helps.sort_unstable();
    helps.dedup();
    assert_eq!(helps.len(), KINDS.len());
}
