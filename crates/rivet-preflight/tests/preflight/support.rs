//! Runs that are well in every way, to be made worse one thing at a time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rivet_model::{KeyBound, Relation, RowRange, Scalar, ScalarKind};
use rivet_preflight::{
    ChunkPlan, Finding, FindingCode, PreflightReport, PreflightRequest, ScriptedInspector, Strategy, preflight,
};
use rivet_source::{
    Access, AccessPath, ColumnStatistics, Explanation, IndexFacts, KeyColumn, KeyFacts, RelationStatistics, ScanSpec,
    ServerInfo, SourceErrorKind, SourceType, TypeShape, Vitals,
};

/// A request, and what the source answers.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) request: PreflightRequest,
    pub(crate) explanation: Result<Explanation, SourceErrorKind>,
    pub(crate) statistics: Result<RelationStatistics, SourceErrorKind>,
    pub(crate) vitals: Result<Vitals, SourceErrorKind>,
}

/// Rows of the table in a calm scenario: more than a small table, less than one that a scan hurts.
pub(crate) const ROWS: u64 = 200_000;

pub(crate) fn column(name: &str, kind: ScalarKind) -> KeyColumn {
    let source_type = SourceType {
        name: "bigint".to_owned(),
        base: "int8".to_owned(),
        id: 20,
        modifier: -1,
        shape: TypeShape::Scalar,
    };
    KeyColumn { name: name.parse().unwrap(), position: 0, source_type, kind, nullable: false }
}

pub(crate) fn index(column: &str) -> IndexFacts {
    IndexFacts {
        name: format!("{column}_index"),
        columns: vec![column.to_owned()],
        unique: false,
        partial: false,
        usable: true,
    }
}

pub(crate) fn access(path: AccessPath, bounded: bool) -> Access {
    Access { relation: "orders".to_owned(), path, index: None, bounded, estimated_rows: None }
}

pub(crate) fn server(replica: bool, pooled: bool) -> ServerInfo {
    ServerInfo {
        database: "db".to_owned(),
        product: "PostgreSQL 16.2".to_owned(),
        version: 160_002,
        replica,
        pooled,
        role: "reader".to_owned(),
        system_id: None,
    }
}

impl Scenario {
    /// A table with an index on its unique key, of which nothing bad can be said.
    fn calm(strategy: Strategy, range: RowRange, path: AccessPath) -> Self {
        let spec = ScanSpec {
            relation: Relation::Table("orders".parse().unwrap()),
            relation_width: 1,
            columns: Vec::new(),
            on_unrepresentable: None,
            key_columns: vec!["id".parse().unwrap()],
            key: vec![column("id", ScalarKind::Int)],
            fallback: None,
            range,
        };
        let bounds = ColumnStatistics {
            nullable: false,
            null_fraction: Some(0.0),
            distinct: Some(-1.0),
            correlation: Some(1.0),
            lowest: Some(Scalar::Int(1)),
            highest: Some(Scalar::Int(200_000)),
        };
        Self {
            request: PreflightRequest::new(spec, KeyFacts { unique: true, indexed: true, temporal: false }, strategy),
            explanation: Ok(Explanation {
                statement: "SELECT id FROM orders".to_owned(),
                estimated_rows: Some(ROWS),
                row_bytes: Some(100.0),
                accesses: vec![access(path, path == AccessPath::IndexScan)],
                sorts_result: false,
            }),
            statistics: Ok(RelationStatistics {
                kind: "table".to_owned(),
                estimated_rows: Some(ROWS),
                bytes: Some(ROWS * 100),
                analyzed_at: Some(Timestamp::UNIX_EPOCH),
                changed_rows: Some(0),
                indexes: vec![IndexFacts { unique: true, ..index("id") }],
                columns: BTreeMap::from([("id".parse().unwrap(), bounds)]),
            }),
            vitals: Ok(Vitals {
                address: Some("10.0.0.1:5432".to_owned()),
                max_connections: Some(100),
                connections: Some(10),
                replica_lag: None,
                oldest_transaction: None,
                history_list_length: None,
            }),
        }
    }

    pub(crate) fn full() -> Self {
        Self::calm(Strategy::Full, RowRange::All, AccessPath::SequentialScan)
    }

    pub(crate) fn incremental() -> Self {
        Self::calm(Strategy::Incremental, after(100_000), AccessPath::IndexScan)
    }

    pub(crate) fn time_window() -> Self {
        Self::calm(Strategy::TimeWindow { days: 7 }, after(100_000), AccessPath::IndexScan)
    }

    pub(crate) fn chunked() -> Self {
        let plan = ChunkPlan { count: 4, estimated_rows: Some(ROWS), chunk_rows: Some(50_000) };
        Self::calm(Strategy::Chunked(plan), after(50_000), AccessPath::IndexScan)
    }

    /// The four of them.
    pub(crate) fn all() -> [Self; 4] {
        [Self::full(), Self::incremental(), Self::time_window(), Self::chunked()]
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn plan(&mut self) -> &mut Explanation {
        self.explanation.as_mut().unwrap()
    }

    pub(crate) fn catalog(&mut self) -> &mut RelationStatistics {
        self.statistics.as_mut().unwrap()
    }

    pub(crate) fn server(&mut self) -> &mut Vitals {
        self.vitals.as_mut().unwrap()
    }

    /// What statistics say of the key.
    pub(crate) fn key(&mut self) -> &mut ColumnStatistics {
        self.catalog().columns.values_mut().next().unwrap()
    }

    /// Reads another number of rows, of a table with as many.
    pub(crate) fn rows(mut self, rows: u64) -> Self {
        if let Strategy::Chunked(plan) = &mut self.request.strategy {
            plan.estimated_rows = Some(rows);
        }
        self.plan().estimated_rows = Some(rows);
        self.catalog().estimated_rows = Some(rows);
        self.key().highest = Some(Scalar::Int(i64::try_from(rows).unwrap()));
        self
    }

    /// Takes the index away, and lets the plan scan.
    pub(crate) fn unindexed(mut self) -> Self {
        self.request.key.indexed = false;
        self.catalog().indexes.clear();
        self.scanned()
    }

    /// Lets the plan scan, whatever indexes there are.
    pub(crate) fn scanned(mut self) -> Self {
        self.plan().accesses = vec![access(AccessPath::SequentialScan, false)];
        self
    }

    /// Reads a query in place of the table: no indexes of its own are known.
    pub(crate) fn query(mut self) -> Self {
        self.request.spec.relation = Relation::Query("SELECT id FROM orders".to_owned());
        self.request.spec.key_columns.clear();
        "query".clone_into(&mut self.catalog().kind);
        self
    }

    /// Asks and judges.
    pub(crate) fn report(&self) -> PreflightReport {
        let mut inspector = ScriptedInspector::default()
            .explanation(self.explanation.clone())
            .statistics(self.statistics.clone())
            .vitals(self.vitals.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(preflight(&mut inspector, &self.request))
    }

    /// Returns the finding with a code.
    pub(crate) fn finding(&self, code: FindingCode) -> Option<Finding> {
        self.report().findings.into_iter().find(|finding| finding.code == code)
    }
}

/// The keys after a number.
pub(crate) fn after(number: i64) -> RowRange {
    RowRange::Key { lower: Some(KeyBound::excluding(vec![Scalar::Int(number)])), upper: None }
}
