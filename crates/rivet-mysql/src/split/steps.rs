use rivet_model::{KeyBound, Scalar, ScalarKind};
use rivet_source::SourceError;

use super::choice::{Cut, Place, cuts};
use super::{Access, MAX_PIECES, Splitter, Within, conditions, too_many};
use crate::dialect::{self, Statement};

/// Which end of a range rows are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    First,
    Last,
}

impl Splitter<'_> {
    /// Writes the order of the key, from an end on.
    pub(super) fn order(&self, end: End) -> String {
        let direction = if end == End::Last { " DESC" } else { "" };
        let columns = self.spec.key.iter().map(|column| format!("{}{direction}", dialect::column_name(&column.name)));
        columns.collect::<Vec<_>>().join(", ")
    }

    /// Writes the statement that gives the key of the row so many behind an end, and a number behind it.
    pub(super) fn row(
        &self,
        access: &Access,
        conditions: &[String],
        end: End,
        offset: u64,
        number: usize,
    ) -> Statement {
        let names = self.spec.key.iter().map(|column| dialect::column_name(&column.name));
        let expressions: Vec<_> = names.chain([number.to_string()]).collect();
        let offset = if offset > 0 { format!(" OFFSET {offset}") } else { String::new() };
        dialect::filtered(&self.spec.relation, &expressions, &access.hint, conditions)
            .before(&format!(" ORDER BY {} LIMIT 1{offset}", self.order(end)))
    }

    /// Returns the key of the row so many behind an end.
    pub(super) async fn find(
        &mut self,
        access: &Access,
        within: &Within,
        end: End,
        offset: u64,
    ) -> Result<Option<Vec<Scalar>>, SourceError> {
        let conditions = conditions(self.spec, within.lower.as_ref(), within.upper.as_ref())?;
        let statement = self.row(access, &conditions, end, offset, 0);
        let found = self.keys("the key of a row", &statement).await?;
        Ok(found.into_iter().next().map(|(key, _)| key))
    }

    /// Steps over so many rows of the index at a time: each step is a statement of its own, and sends one row. None
    /// where there is no row.
    pub(super) async fn steps(
        &mut self,
        access: &Access,
        within: &Within,
        rows: u64,
    ) -> Result<Option<Vec<Cut>>, SourceError> {
        let Some(mut at) = self.find(access, within, End::First, 0).await? else { return Ok(None) };
        let mut places: Vec<Place> = Vec::new();
        let mut before = 0;
        loop {
            let rest = Within { lower: Some(KeyBound::including(at.clone())), upper: within.upper.clone() };
            let Some(next) = self.find(access, &rest, End::First, rows).await? else { break };
            let (next, passed) = if next == at || self.are_equal(access, &at, &next).await? {
                // More rows share the key than a piece should have.
                let behind = Within { lower: Some(KeyBound::excluding(at.clone())), upper: within.upper.clone() };
                let Some(next) = self.find(access, &behind, End::First, 0).await? else { break };
                let same = Within { lower: rest.lower, upper: Some(KeyBound::including(at)) };
                let shared = self.count(access, &same).await?;
                (next, shared)
            } else {
                (next, rows)
            };
            before += passed;
            places.push(Place { values: next.clone(), before });
            if places.len() >= MAX_PIECES {
                return Err(too_many(places.len() as u64 + 1));
            }
            at = next;
        }
        let rest = Within { lower: Some(KeyBound::including(at)), upper: within.upper.clone() };
        let all = before + self.count(access, &rest).await?;
        Ok(Some(cuts(places, all)))
    }

    /// Whether two keys that look different are one to the server, as texts may be. They come in their order.
    async fn are_equal(&mut self, access: &Access, one: &[Scalar], other: &[Scalar]) -> Result<bool, SourceError> {
        if self.spec.key.iter().all(|column| column.kind != ScalarKind::Text) {
            return Ok(false);
        }
        let lower = Some(KeyBound::excluding(one.to_vec()));
        let between = Within { lower, upper: Some(KeyBound::including(other.to_vec())) };
        Ok(self.find(access, &between, End::First, 0).await?.is_none())
    }

    /// Counts the rows between two ends.
    async fn count(&mut self, access: &Access, within: &Within) -> Result<u64, SourceError> {
        let conditions = conditions(self.spec, within.lower.as_ref(), within.upper.as_ref())?;
        let statement = dialect::filtered(&self.spec.relation, &["COUNT(*)".to_owned()], &access.hint, &conditions);
        let mut found = 0;
        let each = |row: &_| {
            found = super::number(row, 0);
            Ok(())
        };
        let (spec, timeout) = (self.spec, self.limits.statement_timeout);
        self.session.ask_for_rows("how many rows are left", &statement, &spec.relation, timeout, each).await?;
        Ok(found)
    }
}
