//! Reports made up for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rivet_core::{ExportReport, RunReport};
use rivet_model::{Consistency, CursorPosition, PartRecord, PlanRecord, RunStatus, Scalar};
use rivet_source::{SourceError, SourceErrorKind, StatementSpan};

/// An export that went well.
pub(crate) fn committed(name: &str) -> ExportReport {
    let part = |number: u64, rows: u64, bytes: u64| PartRecord {
        name: format!("{name}-{number}.parquet"),
        rows,
        bytes,
        sha256: "ab".repeat(32),
        partition: Vec::new(),
    };
    ExportReport {
        export: name.parse().unwrap(),
        run_id: Some("01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001".parse().unwrap()),
        status: RunStatus::Committed,
        rows: 6_001_215,
        bytes: 158_312_345,
        parts: vec![part(0, 4_000_000, 105_000_000), part(1, 2_001_215, 53_312_345)],
        duration: Duration::from_millis(9_812),
        chunks: 1,
        chunks_resumed: 0,
        statements: 1,
        retries: 0,
        longest_statement: Duration::from_millis(9_640),
        nulled: BTreeMap::new(),
        consistency: Some(Consistency::Snapshot { position: Some("0/1A2B3C8".to_owned()) }),
        cursor_before: None,
        cursor_after: None,
        destination: "/data/out".to_owned(),
        manifest: Some("_rivet/01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001.json".to_owned()),
        validated: None,
        plan: None,
        committed_by: None,
        error: None,
    }
}

/// An export whose query is wrong.
pub(crate) fn failed(name: &str) -> ExportReport {
    let statement = "SELECT *\nFORM orders".to_owned();
    let offset = statement.find("FORM").unwrap();
    let error = SourceError::new(SourceErrorKind::Statement, "the statement is not valid: syntax error at \"FORM\"")
        .with_help("Correct the query of the export.")
        .with_span(StatementSpan { statement, offset });
    ExportReport {
        status: RunStatus::Failed,
        rows: 0,
        bytes: 0,
        parts: Vec::new(),
        duration: Duration::from_millis(31),
        chunks: 0,
        statements: 0,
        retries: 0,
        longest_statement: Duration::ZERO,
        consistency: None,
        manifest: None,
        error: Some(Arc::new(error.into())),
        ..committed(name)
    }
}

/// A plan that a run was made from.
pub(crate) fn plan(forced: Vec<String>) -> PlanRecord {
    PlanRecord { plan_id: "01982222-7b3a-7cc0-8f43-1d2ab0c9e001".parse().unwrap(), forced }
}

/// A place of a cursor with a tie-break.
pub(crate) fn position(day: &str, id: i64) -> CursorPosition {
    CursorPosition {
        columns: vec!["updated_at".parse().unwrap(), "id".parse().unwrap()],
        values: vec![Scalar::TimestampTz(format!("{day} 12:00:00+00")), Scalar::Int(id)],
    }
}

/// A run of these exports.
pub(crate) fn run(exports: Vec<ExportReport>) -> RunReport {
    RunReport { exports, duration: Duration::from_millis(12_345) }
}
