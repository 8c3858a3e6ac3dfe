//! Plans made up for tests.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rivet_config::{Config, Environment, Overrides, parse_str};
use rivet_core::{Cause, Computed, Plan, PlannedExport, ResolvedPlan};
use rivet_model::{
    Chunk, ChunkId, CursorRecord, ErrorRecord, Fingerprint, KeyBound, ReadView, Retry, RowRange, Scalar,
};
use rivet_preflight::{Diagnostics, Finding, FindingCode, Profile, Severity, Verdict};
use rivet_priority::{Assumption, CursorQuality, History, Signals, Statistics, Strategy};
use rivet_source::{Probe, ServerInfo};

use crate::render::sample::position;

const CONFIG: &str = "\
source: { type: postgres, host: db, user: reader, database: shop }
defaults: { destination: { type: local, path: /data/out }, source_group: replica_a }
exports:
  - { name: orders, table: sales.orders, mode: incremental, cursor_column: updated_at }
  - { name: events, table: events, mode: chunked, chunk_column: id, parallel: 4, tuning: { profile: fast } }
  - { name: users_dim, query: \"SELECT *\\nFROM users\", source_group: other }
  - { name: missing, table: nowhere, source_group: other }
";

fn config() -> Config {
    parse_str(CONFIG, Path::new("rivet.yaml"), &Environment::empty(), &Overrides::default()).unwrap()
}

fn server() -> ServerInfo {
    ServerInfo {
        product: "PostgreSQL 16.2".to_owned(),
        version: 160_002,
        replica: true,
        pooled: false,
        role: "reader".to_owned(),
        system_id: Some("7000000000000000001".to_owned()),
        database: "shop".to_owned(),
    }
}

/// An export of which planning has found nothing remarkable.
fn plain(name: &str, signals: Signals) -> PlannedExport {
    let config = config();
    let export = config.exports.iter().find(|export| export.name.as_str() == name).unwrap().clone();
    let statement = format!("SELECT \"id\" FROM {name}");
    let probe = |purpose: &str, milliseconds| Probe {
        purpose: purpose.to_owned(),
        statement: format!("EXPLAIN {statement}"),
        times: 1,
        milliseconds,
        rows: 1,
        error: None,
    };
    PlannedExport {
        export_name: export.name.clone(),
        strategy: signals.strategy,
        plan_fingerprint: Some(Fingerprint("aa".repeat(32))),
        resolved_plan: ResolvedPlan {
            source: config.source_reference(),
            server: server(),
            state_path: PathBuf::from("/data/.rivet/state.redb"),
            export,
            view: ReadView::Shared,
            statement: Some(statement.clone()),
            columns: Vec::new(),
        },
        computed: Computed {
            chunk_ranges: vec![Chunk { id: ChunkId(0), range: RowRange::All, estimated_rows: signals.estimated_rows }],
            chunk_count: Some(1),
            cursor_snapshot: None,
            row_estimate: signals.estimated_rows,
            deferred: None,
        },
        diagnostics: Diagnostics {
            verdict: Verdict::Efficient,
            findings: Vec::new(),
            warnings: Vec::new(),
            recommended_profile: Profile::Balanced,
            recommended_profile_reason: "it reads about 8.0 M rows from a server that others may need".to_owned(),
            recommended_parallelism: 1,
            recommended_parallelism_reason: "it is read over one connection".to_owned(),
        },
        notes: Vec::new(),
        error: None,
        cause: Cause::default(),
        probes: vec![probe("the plan of the scan", 2), probe("the catalog on the relation", 40)],
        signals,
    }
}

fn signals(name: &str, strategy: Strategy) -> Signals {
    let group = if matches!(name, "orders" | "events") { "replica_a" } else { "other" };
    Signals {
        source_group: Some(group.to_owned()),
        implied_group: Some("10.0.0.7:5432".to_owned()),
        estimated_rows: Some(8_000_000),
        estimated_row_bytes: Some(180.0),
        statistics: Statistics::Fresh,
        cursor_bounds_observed: true,
        verdict: rivet_priority::Verdict::Efficient,
        ..Signals::new(name, strategy)
    }
}

/// An incremental export with a history and a position.
pub(crate) fn orders() -> PlannedExport {
    let history = History {
        runs: 20,
        failures: 1,
        newest_failed: true,
        retries: 3,
        average_duration_ms: Some(12_340),
        average_bytes: None,
        throughput: None,
    };
    let signals = Signals {
        cursor_quality: CursorQuality::StrongMonotonic,
        history: Some(history),
        ..signals("orders", Strategy::Incremental)
    };
    let mut orders = plain("orders", signals);
    orders.computed.cursor_snapshot = Some(CursorRecord {
        before: Some(position("2026-03-01", 17)),
        watermark: Some(position("2026-03-02", 4711)),
        seen: None,
        awaited: None,
    });
    orders
}

/// A chunked export of twelve chunks that asks for more than is advised.
pub(crate) fn events() -> PlannedExport {
    let signals = Signals {
        chunk_count: Some(12),
        statistics: Statistics::Stale,
        cursor_quality: CursorQuality::StrongMonotonic,
        ..signals("events", Strategy::Chunked)
    };
    let bound = |value: i64| vec![Scalar::Int(value * 1_000_000)];
    let chunk = |id: u32| {
        let lower = (id > 0).then(|| KeyBound::including(bound(id.into())));
        let upper = (id < 11).then(|| KeyBound::excluding(bound(i64::from(id) + 1)));
        Chunk { id: ChunkId(id), range: RowRange::Key { lower, upper }, estimated_rows: Some(666_666) }
    };
    let mut events = plain("events", signals);
    events.computed.chunk_ranges = (0..12).map(chunk).collect();
    events.computed.chunk_count = Some(12);
    events.resolved_plan.view = ReadView::PerScan;
    let finding = |code, severity, message: &str, help: &str| Finding {
        code,
        severity,
        message: message.to_owned(),
        help: help.to_owned(),
    };
    events.diagnostics.findings = vec![
        finding(
            FindingCode::StatisticsStale,
            Severity::Warning,
            "2.0 M rows were changed since the last analysis, of 8.0 M",
            "Analyze the table, then plan again.",
        ),
        finding(FindingCode::ProfileAboveAdvice, Severity::Info, "`fast` is asked for", "Set `balanced`."),
    ];
    events.notes = vec!["the pieces follow a sample of 2.4 % of the table's pages".to_owned()];
    events
}

/// A small query.
pub(crate) fn users() -> PlannedExport {
    let signals = Signals {
        estimated_rows: Some(5_000),
        estimated_row_bytes: Some(17.0),
        ..signals("users_dim", Strategy::Full)
    };
    plain("users_dim", signals)
}

/// An export that could not be planned.
pub(crate) fn missing() -> PlannedExport {
    let signals = Signals {
        source_group: Some("other".to_owned()),
        preflight_failed: true,
        ..Signals::new("missing", Strategy::Full)
    };
    let mut missing = plain("missing", signals);
    missing.error = Some(ErrorRecord {
        code: "rivet::source::not_found".to_owned(),
        message: "relation \"nowhere\" does not exist".to_owned(),
        retry: Retry::Never,
    });
    missing.resolved_plan.statement = None;
    missing.plan_fingerprint = None;
    missing.computed = Computed::default();
    missing.probes.clear();
    missing
}

/// Seals a plan whose name and time are always the same.
pub(crate) fn plan(exports: Vec<PlannedExport>, assumptions: &[&str]) -> Plan {
    let assumptions: Vec<Assumption> = assumptions.iter().map(|text| text.parse().unwrap()).collect();
    let made: Timestamp = "2026-03-02T12:00:00.5Z".parse().unwrap();
    let mut plan = Plan::seal(exports, vec![PathBuf::from("rivet.yaml")], &assumptions, made).unwrap();
    plan.plan_id = "01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001".parse().unwrap();
    plan.rivet_version = "1.2.3".to_owned();
    plan
}
