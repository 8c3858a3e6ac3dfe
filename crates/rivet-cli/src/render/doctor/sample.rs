//! Reports made up for tests.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rivet_core::{CheckOutcome, CheckStep, CheckedPlace, Checkup, DoctorReport, EngineError};
use rivet_source::{SourceError, SourceErrorKind};
use rivet_writer::StoreError;

fn step(step: &'static str, tried: &'static str, outcome: CheckOutcome) -> CheckStep {
    CheckStep { step, tried, export: None, outcome }
}

fn of(export: &str, step: CheckStep) -> CheckStep {
    CheckStep { export: Some(export.parse().unwrap()), ..step }
}

fn found(text: &str) -> CheckOutcome {
    CheckOutcome::Passed(Some(text.to_owned()))
}

fn failed(error: impl Into<EngineError>) -> CheckOutcome {
    CheckOutcome::Failed(Arc::new(error.into()))
}

fn check(place: CheckedPlace, name: &str, exports: &[&str], steps: Vec<CheckStep>) -> Checkup {
    let exports = exports.iter().map(|export| export.parse().unwrap()).collect();
    Checkup { place, name: name.to_owned(), exports, steps }
}

fn report(checks: Vec<Checkup>) -> DoctorReport {
    DoctorReport { checks, interrupted: false, duration: Duration::from_millis(321) }
}

/// Everything is well.
pub(crate) fn healthy() -> DoctorReport {
    report(vec![
        check(CheckedPlace::Configuration, "", &[], vec![step("exports", "run what is asked for", found("1 export"))]),
        check(
            CheckedPlace::Destination,
            "",
            &["orders"],
            vec![step("nothing", "try what a run does", found("nothing is to be tried"))],
        ),
    ])
}

/// Something of each kind is wrong.
pub(crate) fn ill() -> DoctorReport {
    let full = StoreError::Full {
        action: "write to",
        path: "/data/out".to_owned(),
        source: io::ErrorKind::StorageFull.into(),
    };
    let denied = SourceError::new(SourceErrorKind::Permission, "permission denied for table orders")
        .with_help("Grant SELECT on the table to `reader`.");
    let low = CheckOutcome::Warning {
        code: None,
        message: "12 MB are free".to_owned(),
        help: Some("Free some room.".to_owned()),
    };
    let put = step("put", "write a probe", failed(full));
    let skipped = step("delete", "remove the probes", CheckOutcome::Skipped("no probe could be written".to_owned()));
    let connect = found("PostgreSQL 16.2, primary, database `shop`, as `reader`");
    let read = step("read", "select from the relation", failed(denied));
    report(vec![
        check(
            CheckedPlace::Destination,
            "/data/out",
            &["orders", "users"],
            vec![step("room", "look for free room", low), put, skipped],
        ),
        check(
            CheckedPlace::Source,
            "reader@db:5432/shop",
            &[],
            vec![step("connect", "connect, and ask who answers", connect), of("orders", read)],
        ),
    ])
}
