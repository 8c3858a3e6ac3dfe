//! Says, before a run reads anything, what it will cost its source: a verdict, findings, and advice.
//!
//! ```
//! use rivet_preflight::{PreflightRequest, Profile, ScriptedInspector, Strategy, Verdict, preflight};
//! use rivet_model::{Relation, RowRange};
//! use rivet_source::{Access, AccessPath, Explanation, KeyFacts, RelationStatistics, ScanSpec, Vitals};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), rivet_model::NameError> {
//! // A driver has an inspector of its own; this one answers what it is told to.
//! let scan = Access {
//!     relation: "countries".to_owned(),
//!     path: AccessPath::SequentialScan,
//!     index: None,
//!     bounded: false,
//!     estimated_rows: Some(5_000),
//! };
//! let mut inspector = ScriptedInspector::default()
//!     .explanation(Ok(Explanation {
//!         statement: "SELECT * FROM countries".to_owned(),
//!         estimated_rows: Some(5_000),
//!         row_bytes: Some(60.0),
//!         accesses: vec![scan],
//!         sorts_result: false,
//!     }))
//!     .statistics(Ok(RelationStatistics { kind: "table".to_owned(), ..RelationStatistics::default() }))
//!     .vitals(Ok(Vitals { max_connections: Some(100), connections: Some(7), ..Vitals::default() }));
//!
//! // The very scan that the run will send.
//! let spec = ScanSpec {
//!     relation: Relation::Table("countries".parse()?),
//!     range: RowRange::All,
//! #   relation_width: 0,
//! #   columns: Vec::new(),
//! #   on_unrepresentable: None,
//! #   key_columns: Vec::new(),
//! #   key: Vec::new(),
//! #   fallback: None,
//!     // ...
//! };
//! let request = PreflightRequest::new(spec, KeyFacts::default(), Strategy::Full);
//! let report = preflight(&mut inspector, &request).await;
//!
//! assert_eq!(report.verdict, Verdict::Efficient);
//! assert_eq!((report.advice.profile, report.advice.parallelism), (Profile::Fast, 1));
//! for finding in &report.findings {
//!     println!("{} [{}] {}. {}", finding.severity, finding.code, finding.message, finding.help);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # From questions to a verdict
//!
//! [`preflight`] asks an [`Inspector`](rivet_source::Inspector) three things about one [`PreflightRequest`]: how the
//! source's planner would read the statement that the run will send, what the catalog says of the relation, and how
//! the server is doing. None of them reads a table. From the answers follow, in this order, how the rows are reached,
//! the [`Verdict`], the [`CursorQuality`], the [`Advice`] and the [`Finding`]s.
//!
//! What is said when is data: [`VERDICT_RULES`], [`CURSOR_RULES`] and [`FINDING_RULES`] are the rules that run, and
//! [`verdict_table`], [`cursor_table`] and [`findings_table`] write them down for a page of documentation.
//!
//! # What can't be asked
//!
//! Preflight never fails. A question that was refused, or took too long, becomes a finding; the [`PreflightReport`]
//! says what was not seen, so that whoever scores it trusts it less. The catalog without a plan can still prove that an
//! index is missing, and proves nothing good: then the verdict is [`Verdict::Unknown`].
//!
//! # Why this shape
//!
//! Nothing here knows a database. What a plan or a catalog looks like is the driver's business, and ends in the types
//! of `rivet-source`; the next database adds an inspector and has every verdict and finding at once.

mod advice;
mod cursor;
mod evidence;
mod finding;
mod findings;
mod number;
mod preflight;
mod pressure;
mod reach;
mod relation;
mod report;
mod request;
mod scripted;
mod sparse;
mod statistics;
mod verdict;
mod word;

pub use advice::{Advice, Profile};
pub use cursor::{CURSOR_RULES, CursorQuality, CursorRule, cursor_table};
pub use finding::{Finding, FindingCode, Severity};
pub use findings::{FINDING_RULES, FindingRule, findings_table};
pub use preflight::preflight;
pub use report::{Diagnostics, PreflightReport};
pub use request::{ChunkPlan, PreflightRequest, Strategy};
pub use scripted::ScriptedInspector;
pub use statistics::StatisticsState;
pub use verdict::{VERDICT_RULES, Verdict, VerdictRule, verdict_table};
