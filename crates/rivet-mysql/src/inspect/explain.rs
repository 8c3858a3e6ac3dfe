use rivet_model::{KeyBound, Relation, RowRange};
use rivet_source::{Explanation, ScanLimits, ScanSpec, SourceError, SourceErrorKind};

use super::plan::{Compared, Plan, Read, whole};
use super::width::row_bytes;
use crate::describe::catalog::{self, CatalogTable};
use crate::dialect::{self, Statement};
use crate::pace::Walk;
use crate::session::Session;

/// Rows beyond which InnoDB takes a range for twice as many as it has. It counts those of up to 10 pages, which hold
/// hardly more than so many entries of the shortest indexes, and doubles what it reckons for others
/// (`btr_estimate_n_rows_in_range`; measured on MySQL 9.7 and MariaDB 10.11: 1.8 to 2.1 times from there on).
const COUNTED_ROWS: f64 = 10_000.0;

/// Bytes of those pages. Where rows are as wide as the catalog says, what it counts of the table itself is in them, and
/// what it doubles has twice as many or more; rows of some pages may be half as wide again.
const COUNTED_BYTES: f64 = 1.5 * 10.0 * 16_384.0;

/// Has the planner explain what a scan sends.
pub(super) async fn explain(
    session: &mut Session,
    spec: &ScanSpec,
    limits: &ScanLimits,
) -> Result<Explanation, SourceError> {
    let select = dialect::select(spec)?;
    let mut plan = plan_of(session, "the plan of the scan", &select, spec).await?;
    let table = match &spec.relation {
        // Where this fails the plan is left, and the record says why.
        Relation::Table(name) => catalog::find(session, name).await.ok().flatten().filter(|table| table.is_base),
        Relation::Query(_) => None,
    };
    if let Some(table) = &table {
        correct(&mut plan, table);
    }
    let parts = rows_of_parts(session, spec, table.as_ref()).await;
    let by = compared(spec);
    let (first, walk) = Walk::first(session, spec, limits).await?;
    if walk.is_some() {
        let _seen = plan_of(session, "the plan of the first of several statements", &first, spec).await;
    }
    Ok(Explanation {
        statement: first.sql,
        estimated_rows: parts.or(plan.rows).map(whole),
        row_bytes: Some(row_bytes(spec, table.as_ref())),
        accesses: plan.reads.iter().map(|read| read.access(&by)).collect(),
        sorts_result: plan.sorts,
    })
}

/// Asks for the rows of a range that two columns order, the one where there is a value of it and the other elsewhere: by
/// each of them. Together they are two ranges of two indexes, of which MySQL takes neither, and half of the table for
/// what is left of all rows. None for any other range, and where the answer failed, which the record says.
async fn rows_of_parts(session: &mut Session, spec: &ScanSpec, table: Option<&CatalogTable>) -> Option<f64> {
    let RowRange::Key { lower, upper } = &spec.range else { return None };
    let branches = dialect::branches(spec, lower.as_ref(), upper.as_ref()).ok()?;
    if branches.len() < 2 {
        return None;
    }
    let mut sum = 0.0;
    for branch in branches {
        let part = dialect::filtered(&spec.relation, &["1".to_owned()], "", &branch.conditions);
        let purpose = "the plan of the rows by one column, which the planner misjudges together with those by another";
        let mut plan = plan_of(session, purpose, &part, spec).await.ok()?;
        if let Some(table) = table {
            correct(&mut plan, table);
        }
        sum += plan.rows?;
    }
    Some(sum)
}

async fn plan_of(
    session: &mut Session,
    purpose: &str,
    statement: &Statement,
    spec: &ScanSpec,
) -> Result<Plan, SourceError> {
    let explain = statement.clone().after("EXPLAIN FORMAT=JSON ");
    let rows = session.ask_of_user(purpose, &explain, &spec.relation).await?;
    let text: String = rows.into_iter().flatten().flatten().collect();
    Plan::read(&text).ok_or_else(|| {
        SourceError::new(SourceErrorKind::Protocol, "the server explained the statement in a way that can't be read")
    })
}

/// What a range compares with.
fn compared(spec: &ScanSpec) -> Compared {
    let columns = spec.key.iter().take(1).chain(&spec.fallback).map(|column| column.name.as_str().to_owned());
    let first = |bound: &KeyBound| bound.values.first().map(ToString::to_string);
    match &spec.range {
        RowRange::All | RowRange::Pages { .. } => Compared::default(),
        RowRange::NullKey => Compared { columns: columns.collect(), values: Vec::new() },
        RowRange::Key { lower, upper } => {
            Compared { columns: columns.collect(), values: lower.iter().chain(upper).filter_map(first).collect() }
        }
    }
}

/// Corrects the rows of ranges: a table has half of what InnoDB says, once it has stopped to count. Half of the table
/// is the most that it ever says of a range, which may then have a quarter of the rows or all of them, and is left as
/// it is. So are the ranges of views and queries, whose tables' sizes nobody has asked for.
fn correct(plan: &mut Plan, table: &CatalogTable) {
    let [read] = plan.reads.as_mut_slice() else { return };
    if is_doubled(read, table) {
        read.rows = read.rows.map(|rows| rows / 2.0);
        plan.rows = plan.rows.map(|rows| rows / 2.0);
    }
}

fn is_doubled(read: &Read, table: &CatalogTable) -> bool {
    let (Some(ranged), Some(all)) = (read.ranged, table.rows) else { return false };
    let by_rows = read.index.as_deref() == Some("PRIMARY");
    let width = table.row_bytes.filter(|bytes| by_rows && *bytes > 0).map(float);
    let counted = width.map_or(COUNTED_ROWS, |bytes| (COUNTED_BYTES / bytes).min(COUNTED_ROWS));
    table.is_innodb() && ranged > counted && ranged < float(all) / 2.0 - 1.0
}

#[expect(clippy::cast_precision_loss, reason = "a count beyond 2^53 is huge whatever its last digits are")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use rivet_source::AccessPath;

    use super::super::plan::Entry;
    use super::*;

    #[test]
    fn estimates_of_ranges_are_halved_once_they_are_doubled() {
        let check_by = |index: &str, ranged: Option<f64>, engine: &str, rows: u64, expected: f64| {
            let engine = engine.to_owned();
            let table = CatalogTable { engine, rows: Some(rows), row_bytes: Some(164), ..CatalogTable::default() };
            let read = Read {
                relation: "t".to_owned(),
                path: AccessPath::IndexScan,
                index: Some(index.to_owned()),
                entry: Entry::Each(vec!["id".to_owned()]),
                conditions: Vec::new(),
                ranged,
                rows: Some(5_000.0),
            };
            let mut plan = Plan { rows: read.rows, reads: vec![read], sorts: false };
            correct(&mut plan, &table);
            assert_eq!((plan.rows, plan.reads[0].rows), (Some(expected), Some(expected)));
        };
        let check = |ranged, engine, rows, expected| check_by("by_at", ranged, engine, rows, expected);
        check(Some(20_000.0), "InnoDB", 300_000, 2_500.0);
        // Ten pages of the table itself have 1,000 rows.
        check_by("PRIMARY", Some(2_000.0), "InnoDB", 300_000, 2_500.0);
        check_by("PRIMARY", Some(1_000.0), "InnoDB", 300_000, 5_000.0);
        // These were counted.
        check(Some(10_000.0), "InnoDB", 300_000, 5_000.0);
        check(Some(20_000.0), "MyISAM", 300_000, 5_000.0);
        // This is as much as is ever said.
        check(Some(148_764.0), "InnoDB", 297_529, 5_000.0);
        check(None, "InnoDB", 300_000, 5_000.0);
    }
}
