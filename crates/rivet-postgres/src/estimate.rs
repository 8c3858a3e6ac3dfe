use std::time::Duration;

use rivet_model::Relation;
use rivet_source::{SourceError, SourceErrorKind};

use crate::dialect::Statement;
use crate::record::Recorder;

/// What the planner expects of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// Rows that it returns.
    pub(crate) rows: u64,
    /// Bytes of a row, without what is stored beside the table.
    pub(crate) width: u64,
}

/// Has the planner explain a statement, without running it.
pub(crate) async fn estimate(
    recorder: &mut Recorder<'_>,
    statement: &Statement,
    relation: &Relation,
    statement_timeout: Duration,
) -> Result<Estimate, SourceError> {
    let explain = statement.clone().within("EXPLAIN (FORMAT JSON) ", "");
    let rows = recorder.ask_of_user("the planner's estimate", &explain, relation, statement_timeout).await?;
    let text: String = rows.into_iter().flatten().flatten().collect();
    parse(&text).ok_or_else(|| {
        SourceError::new(SourceErrorKind::Protocol, "the server explained a statement in a way that can't be read")
    })
}

fn parse(text: &str) -> Option<Estimate> {
    let plan: serde_json::Value = serde_json::from_str(text).ok()?;
    let number = |path| plan.pointer(path)?.as_u64();
    Some(Estimate { rows: number("/0/Plan/Plan Rows")?, width: number("/0/Plan/Plan Width")? })
}
