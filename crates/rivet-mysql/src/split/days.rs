use jiff::civil::Date;
use rivet_model::{KeyBound, Scalar, ScalarKind};
use rivet_source::{SourceError, SourceErrorKind};

use super::choice::Cut;
use super::{MAX_PIECES, Splitter, too_many};
use crate::decode::{Cell, Values};
use crate::dialect;
use crate::key::is_temporal;

impl Splitter<'_> {
    /// Cuts at every so many-th midnight (UTC), counted from the day of the first row. None where there is none.
    pub(super) async fn days(
        &mut self,
        days: u32,
        lower: Option<&KeyBound>,
        upper: Option<&KeyBound>,
    ) -> Result<Option<Vec<Cut>>, SourceError> {
        let Some(first) = self.spec.key.first() else { return Ok(None) };
        if !is_temporal(first.kind) {
            let message = format!("column `{}` is {}, which has no days", first.name, first.source_type.name);
            return Err(SourceError::new(SourceErrorKind::Config, message)
                .with_help("Name a column of days or moments in `chunk_column`, or use `chunk_size`."));
        }
        let Some((from, to)) = self.first_and_last_day(lower, upper).await? else { return Ok(None) };
        let count = (to - from).get_days().unsigned_abs() / days;
        if u64::from(count) >= MAX_PIECES as u64 {
            return Err(too_many(u64::from(count) + 1));
        }
        let span = |number: u32| jiff::Span::new().days(i64::from(number) * i64::from(days));
        let cut = |number| {
            let day = from.saturating_add(span(number));
            Cut { values: vec![midnight(day, first.kind)], rows_before: None, rows_after: None }
        };
        Ok(Some((1..=count).map(cut).collect()))
    }

    /// The days of the first and the last row. One without a year is no day.
    async fn first_and_last_day(
        &mut self,
        lower: Option<&KeyBound>,
        upper: Option<&KeyBound>,
    ) -> Result<Option<(Date, Date)>, SourceError> {
        let mut found: Option<(Date, Date)> = None;
        for branch in dialect::branches(self.spec, lower, upper)? {
            let column = &branch.columns[0];
            let mut conditions = branch.conditions;
            conditions.push(format!("{column} >= {}", earliest(self.spec.key[0].kind)));
            // An index on the column gives the first and the last of these.
            let ends = ["MIN", "MAX"].map(|of| format!("DATE({of}({column}))"));
            let statement = dialect::filtered(&self.spec.relation, &ends, "", &conditions);
            let (spec, timeout) = (self.spec, self.limits.statement_timeout);
            let each = |row: &_| {
                if let (Some(from), Some(to)) = (day(row, 0), day(row, 1)) {
                    found = Some(found.map_or((from, to), |(first, last)| (first.min(from), last.max(to))));
                }
                Ok(())
            };
            let purpose = "the first and the last day";
            self.session.ask_for_rows(purpose, &statement, &spec.relation, timeout, each).await?;
        }
        Ok(found)
    }
}

/// Reads a day. Parts of it may be zero, as tables may hold them.
fn day(row: &impl Values, position: usize) -> Option<Date> {
    let Ok(Cell::Date(parts)) = row.cell(position) else { return None };
    let part = |part: u8| i8::try_from(part.max(1)).unwrap_or(1);
    Date::new(i16::try_from(parts.year).ok()?, part(parts.month), part(parts.day)).ok()
}

/// The first day that is one. MySQL reads the whole index for what no `timestamp` can be.
fn earliest(kind: ScalarKind) -> &'static str {
    if kind == ScalarKind::TimestampTz { "TIMESTAMP'1970-01-01 00:00:01'" } else { "DATE'0001-01-01'" }
}

fn midnight(day: Date, kind: ScalarKind) -> Scalar {
    match kind {
        ScalarKind::Date => Scalar::Date(day.to_string()),
        ScalarKind::TimestampTz => Scalar::TimestampTz(format!("{day} 00:00:00+00")),
        _ => Scalar::Timestamp(format!("{day} 00:00:00")),
    }
}
