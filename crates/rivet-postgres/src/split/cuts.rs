use rivet_model::{RowRange, Scalar};
use rivet_source::{ScanSpec, SourceError};

use super::basis::{Basis, percent};
use super::{MAX_PIECES, Splitter, too_many};
use crate::describe::catalog::number;
use crate::dialect::{self, Statement};
use crate::key::{output, read};

/// Rows up to which a relation is read whole to cut it up: a fifth of a second.
const FEW_ROWS: u64 = 200_000;

/// How large a piece should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Size {
    /// So many rows.
    Rows(u64),
    /// The part of all that so many pieces have.
    Count(u64),
    /// So many bytes.
    Bytes(u64),
}

/// Where a piece ends and the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// The key of the first row behind it.
    pub(super) values: Vec<Scalar>,
    /// Rows between the cut before and this one.
    pub(super) rows_before: Option<u64>,
    /// Rows between this cut and the next.
    pub(super) rows_after: Option<u64>,
}

/// The cuts of a range with rows in it, in their order: none where it is too small for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cuts(pub(super) Vec<Cut>);

/// Which of the rows in their order become cuts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pick {
    /// Every so many-th.
    Every(u64),
    /// Those that make so many pieces of the same size.
    Count(u64),
    /// Those that make as few pieces of the same size as have no more than so many rows.
    AtMost(f64),
}

impl Pick {
    /// The condition on a row's number `i`, from 1, among `n`.
    fn condition(self) -> String {
        let pieces = match self {
            Self::Every(rows) => return format!("(i - 1) % {rows} = 0"),
            Self::Count(count) => format!("{count}::pg_catalog.int8"),
            Self::AtMost(rows) => format!("pg_catalog.ceil(n / {rows:e}::pg_catalog.float8)::pg_catalog.int8"),
        };
        // Rows are dealt out to the pieces in order; a cut is a row whose piece is not that of the row before.
        format!("i > 1 AND (i - 1) * {pieces} / n <> (i - 2) * {pieces} / n")
    }
}

impl Splitter<'_> {
    /// Cuts a range of keys where its quantiles are. None where it has no row.
    #[expect(clippy::cast_precision_loss, reason = "rows are estimates here")]
    pub(super) async fn cuts(
        &mut self,
        within: &RowRange,
        size: Size,
        exact: bool,
    ) -> Result<Option<Cuts>, SourceError> {
        let expected = self.expect(within).await?;
        let rows = match size {
            Size::Rows(rows) => Some(rows),
            Size::Bytes(bytes) => Some((bytes / self.row_bytes(expected).await?).max(1)),
            Size::Count(_) => None,
        };
        let pieces = match (size, rows) {
            (Size::Count(count), _) => count,
            (_, rows) => expected.rows.div_ceil(rows.unwrap_or(1)).max(1),
        };
        // An estimate may be wrong, but hardly so wrong.
        if pieces > 4 * MAX_PIECES as u64 {
            return Err(too_many(pieces));
        }
        if exact && let Some(rows) = rows {
            return self.quantiles(&self.spec.clone(), within, Pick::Every(rows), None, Scale::One).await;
        }
        let few = expected.rows <= FEW_ROWS;
        let basis = self.basis(within, expected, few).await?;
        let Some(Basis { spec, pages, own }) = basis else {
            let pick = rows.map_or(Pick::Count(pieces), |rows| Pick::AtMost(rows as f64));
            return self.quantiles(&self.spec.clone(), within, pick, None, Scale::One).await;
        };
        let part = self.selectivity(within, expected.rows).await?;
        let percent = percent(pages, pieces, part);
        let fraction = percent.map_or(1.0, |percent| percent / 100.0);
        // What a query makes of its table is the planner's word alone.
        let (pick, scale) = match rows {
            Some(rows) if own => (Pick::AtMost(rows as f64 * fraction), Scale::Each(1.0 / fraction)),
            _ if own => (Pick::Count(pieces), Scale::Each(1.0 / fraction)),
            _ => (Pick::Count(pieces), Scale::Total(expected.rows)),
        };
        let cuts = self.quantiles(&spec, within, pick, percent, scale).await?;
        if let Some(percent) = percent {
            self.notes.push(format!("the pieces follow a sample of {percent:.1} % of the table's pages"));
        }
        Ok(cuts)
    }

    /// How much of the whole a range is, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "rows are estimates here")]
    async fn selectivity(&mut self, within: &RowRange, expected: u64) -> Result<f64, SourceError> {
        if matches!(within, RowRange::Key { lower: None, upper: None }) {
            return Ok(1.0);
        }
        let all = self.expect(&RowRange::All).await?.rows;
        Ok((expected as f64 / all.max(1) as f64).clamp(0.0, 1.0))
    }

    /// Has the server order keys and return those at the cuts.
    async fn quantiles(
        &mut self,
        spec: &ScanSpec,
        within: &RowRange,
        pick: Pick,
        percent: Option<f64>,
        scale: Scale,
    ) -> Result<Option<Cuts>, SourceError> {
        let statement = quantiles(spec, within, pick, percent)?;
        let found = self.ask("where the pieces end", &statement).await?;
        let mut cuts: Vec<Cut> = Vec::with_capacity(found.len());
        let mut before: Option<u64> = None;
        let mut total = None;
        for row in found {
            let rank: u64 = number(&row, 0)?;
            total = row.get(1).and_then(Option::as_deref).and_then(|total| total.parse::<u64>().ok());
            if let Some(before) = before {
                let rows = scale.apply(rank - before, total);
                if let Some(last) = cuts.last_mut() {
                    last.rows_after = Some(rows);
                }
                cuts.push(Cut { values: read(&spec.key, &row, 2)?, rows_before: Some(rows), rows_after: None });
            }
            // The first of all rows is no cut: nothing is before it.
            before = Some(rank);
        }
        if let (Some(last), Some(before), Some(total)) = (cuts.last_mut(), before, total) {
            last.rows_after = Some(scale.apply((total + 1).saturating_sub(before), Some(total)));
        }
        self.warn_of_duplicates(spec, &cuts);
        Ok(before.map(|_| Cuts(cuts)))
    }

    /// Pieces of very unequal size have keys that many rows share.
    fn warn_of_duplicates(&mut self, spec: &ScanSpec, cuts: &[Cut]) {
        let mut rows: Vec<u64> = cuts.iter().filter_map(|cut| cut.rows_before).collect();
        rows.extend(cuts.last().and_then(|cut| cut.rows_after));
        rows.sort_unstable();
        let (Some(largest), Some(median)) = (rows.last(), rows.get(rows.len() / 2)) else { return };
        if rows.len() > 2 && *largest > 2 * median && spec.key.len() == 1 {
            self.notes.push(format!(
                "many rows share a value of `{}`: the largest piece has about {largest} rows, half of them have {median} \
                 or fewer",
                spec.key[0].name
            ));
        }
    }
}

/// How many rows of the relation a row that was looked at stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    One,
    Each(f64),
    /// All of them together stand for so many.
    Total(u64),
}

impl Scale {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "rows are estimates here, and never negative"
    )]
    fn apply(self, rows: u64, seen: Option<u64>) -> u64 {
        let each = match self {
            Self::One => return rows,
            Self::Each(each) => each,
            Self::Total(total) => total as f64 / seen.unwrap_or(1).max(1) as f64,
        };
        (rows as f64 * each).round() as u64
    }
}

/// Writes the statement: `r` is where a key begins in the order, so that keys which rows share are cut before the
/// first of them, and once.
fn quantiles(spec: &ScanSpec, within: &RowRange, pick: Pick, percent: Option<f64>) -> Result<Statement, SourceError> {
    let expressions = dialect::key_expressions(spec);
    let outputs = expressions.iter().zip(&spec.key).map(|(name, column)| output(name, &column.source_type));
    let values: Vec<_> = outputs.enumerate().map(|(place, output)| format!("{output} AS v{place}")).collect();
    let names: Vec<_> = (0..values.len()).map(|place| format!("v{place}")).collect();
    // Counting all rows keeps them all: not where every row of a large relation is counted anyway.
    let total = if matches!(pick, Pick::Every(_)) { "NULL::pg_catalog.int8" } else { "pg_catalog.count(*) OVER ()" };
    let inner = format!(
        "{}, pg_catalog.row_number() OVER w AS i, pg_catalog.rank() OVER w AS r, {total} AS n",
        values.join(", ")
    );
    let order = expressions.join(", ");
    let before = format!("SELECT DISTINCT ON (r) r, n, {} FROM (", names.join(", "));
    let after = format!(
        " WINDOW w AS (ORDER BY {order})) AS s WHERE i = 1 OR ({}) ORDER BY r LIMIT {}",
        pick.condition(),
        MAX_PIECES + 1
    );
    Ok(dialect::sample(spec, &inner, within, percent)?.within(&before, &after))
}

#[cfg(test)]
mod tests {
    use rivet_model::{Relation, ScalarKind};
    use rivet_source::{KeyColumn, SourceType, TypeShape};

    use super::*;
    use crate::oid;

    fn spec(relation: Relation) -> ScanSpec {
        let column = |name: &str, position, base: &str, id, kind| KeyColumn {
            name: name.parse().unwrap(),
            position,
            source_type: SourceType {
                name: base.to_owned(),
                base: base.to_owned(),
                id,
                modifier: -1,
                shape: TypeShape::Scalar,
            },
            kind,
            nullable: true,
        };
        ScanSpec {
            relation,
            relation_width: 2,
            columns: Vec::new(),
            on_unrepresentable: None,
            key_columns: Vec::new(),
            key: vec![
                column("paid", 1, "money", oid::MONEY, ScalarKind::Decimal),
                column("id", 0, "int8", oid::INT8, ScalarKind::Int),
            ],
            fallback: None,
            range: RowRange::All,
        }
    }

    fn sql(relation: Relation, pick: Pick, percent: Option<f64>) -> String {
        let within = RowRange::Key { lower: None, upper: None };
        quantiles(&spec(relation), &within, pick, percent).unwrap().sql
    }

    #[test]
    fn the_server_returns_nothing_but_the_cuts() {
        let table = Relation::Table("t".parse().unwrap());
        assert_eq!(
            sql(table, Pick::AtMost(2_500.0), Some(2.5)),
            "SELECT DISTINCT ON (r) r, n, v0, v1 FROM (SELECT \"paid\"::pg_catalog.numeric AS v0, \"id\" AS v1, \
             pg_catalog.row_number() OVER w AS i, pg_catalog.rank() OVER w AS r, pg_catalog.count(*) OVER () AS n \
             FROM \"t\" TABLESAMPLE SYSTEM (2.500000) REPEATABLE (0) \
             WHERE \"paid\" IS NOT NULL AND \"id\" IS NOT NULL WINDOW w AS (ORDER BY \"paid\", \"id\")) AS s \
             WHERE i = 1 OR (i > 1 AND \
             (i - 1) * pg_catalog.ceil(n / 2.5e3::pg_catalog.float8)::pg_catalog.int8 / n <> \
             (i - 2) * pg_catalog.ceil(n / 2.5e3::pg_catalog.float8)::pg_catalog.int8 / n) ORDER BY r LIMIT 100001"
        );
        assert_eq!(
            sql(Relation::Query("SELECT 1, 2".to_owned()), Pick::Every(10), None),
            "SELECT DISTINCT ON (r) r, n, v0, v1 FROM (SELECT c1::pg_catalog.numeric AS v0, c0 AS v1, \
             pg_catalog.row_number() OVER w AS i, pg_catalog.rank() OVER w AS r, NULL::pg_catalog.int8 AS n \
             FROM (\nSELECT 1, 2\n) AS rivet_query (c0, c1) WHERE c1 IS NOT NULL AND c0 IS NOT NULL \
             WINDOW w AS (ORDER BY c1, c0)) AS s WHERE i = 1 OR ((i - 1) % 10 = 0) ORDER BY r LIMIT 100001"
        );
    }

    #[test]
    fn rows_of_a_sample_stand_for_others() {
        assert_eq!(Scale::One.apply(7, Some(100)), 7);
        assert_eq!(Scale::Each(40.0).apply(7, Some(100)), 280);
        assert_eq!(Scale::Total(1_000).apply(7, Some(100)), 70);
        assert_eq!(Scale::Total(1_000).apply(0, None), 0);
    }
}
