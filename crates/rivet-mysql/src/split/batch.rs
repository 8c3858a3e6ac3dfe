use rivet_model::Scalar;
use rivet_source::SourceError;

use super::{Access, Splitter, Within};
use crate::dialect::Statement;
use crate::session::TextRow;

/// Statements that go as one, and the bytes that they have then, at most.
const BATCH: usize = 100;
const BATCH_BYTES: usize = 64 << 10;

impl Splitter<'_> {
    /// As [`Self::rows_of`], of statements that are numbered one by one.
    pub(super) async fn rows(
        &mut self,
        purpose: &str,
        statements: &[Statement],
    ) -> Result<Vec<Option<Vec<Scalar>>>, SourceError> {
        self.rows_of(purpose, statements, statements.len()).await
    }

    /// Asks several statements for one key each, and returns the keys by the statements' numbers.
    pub(super) async fn rows_of(
        &mut self,
        purpose: &str,
        statements: &[Statement],
        count: usize,
    ) -> Result<Vec<Option<Vec<Scalar>>>, SourceError> {
        let mut found = vec![None; count];
        for batch in batches(statements) {
            for (key, number) in self.keys(purpose, &Statement::all(batch)).await? {
                if let Some(place) = usize::try_from(number).ok().and_then(|number| found.get_mut(number)) {
                    *place = Some(key);
                }
            }
        }
        Ok(found)
    }

    /// Asks the server how many rows it takes ranges for. `None` where it does not say.
    pub(super) async fn estimates(
        &mut self,
        access: &Access,
        parts: &[Within],
    ) -> Result<Option<Vec<u64>>, SourceError> {
        let statements = parts.iter().map(|part| self.part(part, &access.hint)).collect::<Result<Vec<_>, _>>()?;
        let mut found = Vec::with_capacity(parts.len());
        for batch in batches(&statements) {
            let plan = self.explained(batch).await?;
            if plan.len() != batch.len() {
                return Ok(None);
            }
            found.extend(plan.iter().map(planned));
        }
        Ok(Some(found))
    }

    /// Has the planner explain statements, and returns its rows for them.
    pub(super) async fn explained(&mut self, statements: &[Statement]) -> Result<Vec<TextRow>, SourceError> {
        // Of a statement by itself that is told its index, MySQL does not look how many rows there are.
        let explain = Statement::all(statements).before(" UNION ALL (SELECT 1)").after("EXPLAIN FORMAT=TRADITIONAL ");
        let rows = self.session.ask_of_user("how many rows are between keys", &explain, &self.spec.relation).await?;
        // What joins them is a row of its own to some servers.
        let mut plan: Vec<_> = rows.into_iter().filter(|row| row.first().is_some_and(Option::is_some)).collect();
        plan.pop();
        Ok(plan)
    }
}

/// Deals statements out to as many as go as one.
fn batches(statements: &[Statement]) -> Vec<&[Statement]> {
    let mut made = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (index, statement) in statements.iter().enumerate() {
        if index > from && (index - from == BATCH || bytes + statement.sql.len() > BATCH_BYTES) {
            made.push(&statements[from..index]);
            (from, bytes) = (index, 0);
        }
        bytes += statement.sql.len();
    }
    if from < statements.len() {
        made.push(&statements[from..]);
    }
    made
}

/// The rows that the planner expects a table to give: a column that counts from the end, for one of the two lists
/// partitions.
fn planned(row: &TextRow) -> u64 {
    let from_end = if row.len() >= 12 { 3 } else { 2 };
    let rows = row.len().checked_sub(from_end).and_then(|place| row[place].as_deref());
    rows.and_then(|rows| rows.parse().ok()).unwrap_or_default()
}
