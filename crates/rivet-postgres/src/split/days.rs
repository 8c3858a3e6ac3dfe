use rivet_model::KeyBound;
use rivet_source::{SourceError, SourceErrorKind};

use super::cuts::{Cut, Cuts};
use super::{MAX_PIECES, Splitter, too_many};
use crate::describe::catalog::{number, text};
use crate::dialect;
use crate::key::is_temporal;
use crate::record::Ask as _;

impl Splitter<'_> {
    /// Cuts at every so many-th midnight (UTC), counted from the day of the first row. None where there is none.
    pub(super) async fn days(
        &mut self,
        days: u32,
        lower: Option<&KeyBound>,
        upper: Option<&KeyBound>,
    ) -> Result<Option<Cuts>, SourceError> {
        let Some(first) = self.spec.key.first() else { return Ok(None) };
        if !is_temporal(first.kind) {
            let message = format!("column `{}` is {}, which has no days", first.name, first.source_type.name);
            return Err(SourceError::new(SourceErrorKind::Config, message)
                .with_help("Name a column of days or moments in `chunk_column`, or use `chunk_size`."));
        }
        let Some((from, to)) = self.first_and_last_day(lower, upper).await? else { return Ok(None) };
        let count = u64::try_from((to - from) / i64::from(days)).unwrap_or(0);
        if count >= MAX_PIECES as u64 {
            return Err(too_many(count + 1));
        }
        let of = &first.source_type.base;
        let sql = format!(
            "SELECT (date '2000-01-01' + ({from} + i * {days})::pg_catalog.int4)::pg_catalog.{of} \
             FROM pg_catalog.generate_series(1::pg_catalog.int8, {count}) AS i ORDER BY i"
        );
        let rows = self.recorder.ask("the days between the pieces", &sql).await?;
        let cut = |row| {
            let value = first.kind.parse(&text(row, 0));
            let value = value.map_err(|error| SourceError::new(SourceErrorKind::Protocol, error.to_string()))?;
            Ok(Cut { values: vec![value], rows_before: None, rows_after: None })
        };
        rows.iter().map(cut).collect::<Result<_, _>>().map(|cuts| Some(Cuts(cuts)))
    }

    /// The days of the first and the last row, counted from 2000-01-01. Infinity is no day.
    async fn first_and_last_day(
        &mut self,
        lower: Option<&KeyBound>,
        upper: Option<&KeyBound>,
    ) -> Result<Option<(i64, i64)>, SourceError> {
        let mut found: Option<(i64, i64)> = None;
        for branch in dialect::branches(self.spec, lower, upper)? {
            let column = &branch.columns[0];
            let mut conditions = branch.conditions;
            conditions.extend([format!("{column} > '-infinity'"), format!("{column} < 'infinity'")]);
            // An index on the column gives the first and the last of these.
            let day = |of: &str| format!("pg_catalog.{of}({column})::pg_catalog.date - date '2000-01-01'");
            let statement = dialect::filtered(self.spec, &format!("{}, {}", day("min"), day("max")), &conditions);
            for row in self.ask("the first and the last day", &statement).await? {
                if row.iter().any(Option::is_none) {
                    continue;
                }
                let (from, to) = (number(&row, 0)?, number(&row, 1)?);
                found = Some(found.map_or((from, to), |(first, last)| (first.min(from), last.max(to))));
            }
        }
        Ok(found)
    }
}
