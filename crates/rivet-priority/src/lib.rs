//! Says what to extract first, what later, and what alone: advice from signals that were measured elsewhere.
//!
//! The crate is a function. It asks no database, reads no file, knows no clock, draws no random number and depends on
//! serde alone; the same signals give the same bytes, in whatever order the exports come. It needs nothing else of
//! Rivet: fill in [`Signals`] from what your own scheduler knows, and leave out what it doesn't.
//!
//! ```
//! use rivet_priority::{CursorQuality, Signals, Statistics, Strategy, Verdict, prioritize};
//!
//! let orders = Signals {
//!     source_group: Some("replica_a".to_owned()),
//!     estimated_rows: Some(8_000_000),
//!     estimated_row_bytes: Some(180.0),
//!     cursor_quality: CursorQuality::StrongMonotonic,
//!     cursor_bounds_observed: true,
//!     statistics: Statistics::Fresh,
//!     verdict: Verdict::Efficient,
//!     ..Signals::new("orders", Strategy::Incremental)
//! };
//! let events = Signals {
//!     source_group: Some("replica_a".to_owned()),
//!     estimated_rows: Some(8_000_000),
//!     chunk_count: Some(12),
//!     ..Signals::new("events", Strategy::Chunked)
//! };
//! let plan = prioritize([events, orders]);
//!
//! // The higher the score, the earlier the run; and every point of it has a reason.
//! let orders = &plan.recommendations[0];
//! assert_eq!((orders.export_name.as_str(), orders.priority_score, orders.recommended_wave), ("orders", 68, 2));
//! for reason in &orders.reasons {
//!     println!("{:>4}  [{}] {}", reason.points, reason.kind, reason.message);
//! }
//!
//! // Two heavy exports of one source are kept apart.
//! let campaign = plan.campaign.expect("there are two exports");
//! assert_eq!(campaign.source_group_warnings[0].exports, ["events", "orders"]);
//! assert!(orders.isolate_on_source);
//! ```
//!
//! # From signals to advice
//!
//! [`recommend`] judges one export. Its score starts at 50, and each rule of [`RULES`] that applies changes it by its
//! points and gives a [`Reason`], so that `50` and all points are the score, always. From score, cost and risk come
//! the classes and the wave. [`campaign`] then looks at the exports together: it orders them, and where heavy ones
//! read from one source it marks them, moves them into waves of their own and warns. [`prioritize`] does both.
//!
//! Four things can be done with the result. A [`Forecast`] says what a run will take; waves and source groups have
//! theirs summed up. [`diff`] says what moved since an earlier plan, and which signal moved it. [`assume`] sets signals
//! as a person supposes them, to be judged again and shown as assumed. And everything can be written as JSON and read
//! back.
//!
//! # What is not known
//!
//! A signal that nobody has measured is `None`, `unknown` or `missing`, never zero. Less knowledge gives weaker advice:
//! the [`Confidence`] falls, the score is drawn toward 50, and a reason says what is lacking. An export whose checks
//! failed is never of high priority, never in the first wave, and never without risk.
//!
//! # Why it is only advice
//!
//! What a business needs first is in no catalog. So nothing here starts, holds back or slows down a run: a person, or
//! a scheduler that a person has set up, reads the waves and decides.

mod assume;
mod campaign;
mod class;
mod confidence;
mod diff;
mod forecast;
mod group;
mod history;
mod number;
mod reason;
mod rule;
mod score;
mod signals;
mod word;

pub use assume::{AssumeError, Assumption, assume};
pub use campaign::{Campaign, OrderedExport, Prioritization, Wave, campaign, prioritize};
pub use class::{CostClass, PriorityClass, RiskClass};
pub use confidence::{CONFIDENCE_RULES, Confidence, ConfidenceRule};
pub use diff::{Change, Difference, Move, SignalChange, diff};
pub use forecast::{Estimate, Forecast, ForecastBasis, ForecastTotal};
pub use group::{SourceGroup, SourceGroupWarning, SourceGroupWarningKind};
pub use history::{History, PastRun, RunOutcome, Throughput};
pub use reason::{Reason, ReasonKind};
pub use rule::{Points, RULES, Rule, confidence_table, rules_table};
pub use score::{NEUTRAL_SCORE, Recommendation, recommend};
pub use signals::{CursorQuality, Freshness, SignalName, Signals, Statistics, Strategy, Verdict};
pub use word::UnknownWord;
