//! Ranges of rows as conditions, in the form that an index serves.

use rivet_model::{ColumnName, KeyBound, Relation, RowRange};
use rivet_source::{KeyColumn, ScanSpec, SourceError, SourceErrorKind, TypeShape};

use super::literal::typed;
use super::{identifier, position_name};

/// Rows of a key range that one index can find. There are two where a column stands in for the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    /// The columns of the key as they stand in the statement.
    pub(crate) columns: Vec<String>,
    /// What holds for the rows, all of it; empty for all rows.
    pub(crate) conditions: Vec<String>,
}

/// Writes a column of the relation.
pub(crate) fn column_name(spec: &ScanSpec, name: &ColumnName, position: usize) -> String {
    match spec.relation {
        Relation::Table(_) => identifier(name.as_str()),
        Relation::Query(_) => position_name(position),
    }
}

fn name_of(spec: &ScanSpec, column: &KeyColumn) -> String {
    let name = column_name(spec, &column.name, column.position);
    match column.source_type.shape {
        // The server knows no comparison for a domain over an enumeration, and does not say that it is one.
        TypeShape::Enum => format!("{name}::{}", column.source_type.name),
        _ => name,
    }
}

/// The columns of the key, the one that stands in for the first included.
pub(crate) fn key_expressions(spec: &ScanSpec) -> Vec<String> {
    let mut names: Vec<_> = spec.key.iter().map(|column| name_of(spec, column)).collect();
    if let (Some(first), Some(fallback)) = (names.first_mut(), &spec.fallback) {
        *first = format!("coalesce({first}, {})", name_of(spec, fallback));
    }
    names
}

/// Writes what holds for the rows of a range; `None` for all rows.
pub(crate) fn condition(spec: &ScanSpec, range: &RowRange) -> Result<Option<String>, SourceError> {
    match range {
        RowRange::All => Ok(None),
        RowRange::Key { lower, upper } => {
            let branches = branches(spec, lower.as_ref(), upper.as_ref())?;
            let joined = branches.iter().map(|branch| branch.conditions.join(" AND "));
            let written: Vec<_> = joined.filter(|conditions| !conditions.is_empty()).collect();
            Ok(match written.as_slice() {
                [] => None,
                [one] => Some(one.clone()),
                // The planner reads the index of each and joins what it found: a BitmapOr.
                several => Some(format!("(({}))", several.join(") OR ("))),
            })
        }
        RowRange::NullKey => {
            has_key(spec)?;
            let mut nulls: Vec<_> = spec.key.iter().filter(|column| column.nullable).collect();
            let mut written = Vec::new();
            if let (Some(first), Some(fallback)) = (spec.key.first(), &spec.fallback)
                && first.nullable
            {
                nulls.remove(0);
                if fallback.nullable {
                    written.push(format!("({} IS NULL AND {} IS NULL)", name_of(spec, first), name_of(spec, fallback)));
                }
            }
            written.extend(nulls.into_iter().map(|column| format!("{} IS NULL", name_of(spec, column))));
            Ok(Some(if written.is_empty() { "false".to_owned() } else { format!("({})", written.join(" OR ")) }))
        }
        RowRange::Pages { from, to, .. } => {
            if matches!(spec.relation, Relation::Query(_)) {
                return Err(unusable("a query has no pages"));
            }
            let lower = format!("ctid >= '({from},0)'::pg_catalog.tid");
            Ok(Some(match to {
                Some(to) => format!("{lower} AND ctid < '({to},0)'::pg_catalog.tid"),
                None => lower,
            }))
        }
    }
}

fn unusable(message: impl Into<String>) -> SourceError {
    SourceError::new(SourceErrorKind::Statement, message)
}

fn has_key(spec: &ScanSpec) -> Result<(), SourceError> {
    if spec.key.is_empty() { Err(unusable("a range of keys needs a key")) } else { Ok(()) }
}

/// Writes the ways to find the rows of a key range: those with a first column, and those where another stands in.
pub(crate) fn branches(
    spec: &ScanSpec,
    lower: Option<&KeyBound>,
    upper: Option<&KeyBound>,
) -> Result<Vec<Branch>, SourceError> {
    has_key(spec)?;
    let columns: Vec<_> = spec.key.iter().collect();
    let mut made = vec![branch(spec, &columns, lower, upper)?];
    if let Some(fallback) = &spec.fallback
        && columns[0].nullable
    {
        let mut others = columns.clone();
        others[0] = fallback;
        let mut other = branch(spec, &others, lower, upper)?;
        other.conditions.insert(0, format!("{} IS NULL", name_of(spec, columns[0])));
        made.push(other);
    }
    Ok(made)
}

fn branch(
    spec: &ScanSpec,
    key: &[&KeyColumn],
    lower: Option<&KeyBound>,
    upper: Option<&KeyBound>,
) -> Result<Branch, SourceError> {
    let columns: Vec<_> = key.iter().map(|column| name_of(spec, column)).collect();
    let is_between = lower.is_some() && upper.is_some();
    let mut conditions = Vec::new();
    for (bound, operator) in [(lower, ">"), (upper, "<")] {
        let Some(bound) = bound else { continue };
        if let Some(value) = bound.values.first().filter(|_| is_between && bound.values.len() > 1) {
            // It follows from the comparison of the tuples. The planner sees that two bounds of one column are the
            // ends of a range, and does not see it of tuples: it then takes what lies above the one for as much as if
            // there was no other, and reads the whole table for a small part in its middle.
            conditions.push(comparison(key, &columns, operator, &KeyBound::including(vec![value.clone()]))?);
        }
        conditions.push(comparison(key, &columns, operator, bound)?);
    }
    // Comparing tuples ends at the first column that differs: NULLs behind it go unseen.
    let compared = usize::from(!conditions.is_empty());
    let nullable = key.iter().zip(&columns).skip(compared).filter(|(column, _)| column.nullable);
    conditions.extend(nullable.map(|(_, name)| format!("{name} IS NOT NULL")));
    Ok(Branch { columns, conditions })
}

fn comparison(key: &[&KeyColumn], columns: &[String], operator: &str, bound: &KeyBound) -> Result<String, SourceError> {
    let count = bound.values.len();
    if count == 0 || count > key.len() {
        return Err(unusable(format!("a bound of {count} values does not fit a key of {} columns", key.len())));
    }
    let values: Vec<_> =
        bound.values.iter().zip(key).map(|(value, column)| typed(value, &column.source_type)).collect();
    let equal = if bound.inclusive { "=" } else { "" };
    if count == 1 {
        return Ok(format!("{} {operator}{equal} {}", columns[0], values[0]));
    }
    Ok(format!("({}) {operator}{equal} ({})", columns[..count].join(", "), values.join(", ")))
}

#[cfg(test)]
mod tests {
    use rivet_model::Scalar;
    use rivet_source::SourceType;

    use super::*;
    use crate::oid;

    fn column(name: &str, position: usize, base: &str, id: u32, nullable: bool) -> KeyColumn {
        let shape = TypeShape::Scalar;
        let source_type = SourceType { name: base.to_owned(), base: base.to_owned(), id, modifier: -1, shape };
        let kind = crate::key::kind(&source_type).unwrap();
        KeyColumn { name: name.parse().unwrap(), position, source_type, kind, nullable }
    }

    fn spec(relation: Relation, key: Vec<KeyColumn>, fallback: Option<KeyColumn>) -> ScanSpec {
        ScanSpec {
            relation,
            relation_width: 4,
            columns: Vec::new(),
            on_unrepresentable: None,
            key_columns: Vec::new(),
            key,
            fallback,
            range: RowRange::All,
        }
    }

    fn table() -> Relation {
        Relation::Table("t".parse().unwrap())
    }

    fn between(lower: Option<KeyBound>, upper: Option<KeyBound>) -> RowRange {
        RowRange::Key { lower, upper }
    }

    fn at(moment: &str, id: i64) -> Vec<Scalar> {
        vec![Scalar::Timestamp(moment.to_owned()), Scalar::Int(id)]
    }

    fn written(spec: &ScanSpec, range: &RowRange) -> String {
        condition(spec, range).unwrap().unwrap_or_else(|| "all rows".to_owned())
    }

    #[test]
    fn one_column_is_compared_by_itself() {
        let check = |nullable: bool, range: RowRange, expected: &str| {
            let spec = spec(table(), vec![column("id", 0, "int8", oid::INT8, nullable)], None);
            assert_eq!(written(&spec, &range), expected);
        };
        let (from, to) = (KeyBound::including(vec![Scalar::Int(1)]), KeyBound::excluding(vec![Scalar::Int(9)]));
        check(
            true,
            between(Some(from), Some(to.clone())),
            "\"id\" >= '1'::pg_catalog.int8 AND \"id\" < '9'::pg_catalog.int8",
        );
        check(false, between(None, Some(to)), "\"id\" < '9'::pg_catalog.int8");
        check(false, between(None, None), "all rows");
        check(true, between(None, None), "\"id\" IS NOT NULL");
        check(true, RowRange::NullKey, "(\"id\" IS NULL)");
        check(false, RowRange::NullKey, "false");
        check(false, RowRange::All, "all rows");
    }

    #[test]
    fn several_columns_are_compared_as_a_tuple() {
        let key = vec![column("at", 2, "timestamp", oid::TIMESTAMP, true), column("id", 0, "int8", oid::INT8, true)];
        let of_table = spec(table(), key.clone(), None);
        let of_query = spec(Relation::Query("SELECT".to_owned()), key, None);
        let range = between(
            Some(KeyBound::excluding(at("2026-01-01 00:00:00", 7))),
            Some(KeyBound::including(vec![Scalar::Timestamp("2026-02-01 00:00:00".to_owned())])),
        );
        assert_eq!(
            written(&of_table, &range),
            "\"at\" >= '2026-01-01 00:00:00'::pg_catalog.timestamp \
             AND (\"at\", \"id\") > ('2026-01-01 00:00:00'::pg_catalog.timestamp, '7'::pg_catalog.int8) \
             AND \"at\" <= '2026-02-01 00:00:00'::pg_catalog.timestamp AND \"id\" IS NOT NULL"
        );
        assert_eq!(
            written(&of_query, &range),
            "c2 >= '2026-01-01 00:00:00'::pg_catalog.timestamp \
             AND (c2, c0) > ('2026-01-01 00:00:00'::pg_catalog.timestamp, '7'::pg_catalog.int8) \
             AND c2 <= '2026-02-01 00:00:00'::pg_catalog.timestamp AND c0 IS NOT NULL"
        );
        assert_eq!(written(&of_query, &RowRange::NullKey), "(c2 IS NULL OR c0 IS NULL)");
    }

    #[test]
    fn a_column_that_stands_in_makes_a_second_branch() {
        let key = vec![column("upd", 1, "timestamp", oid::TIMESTAMP, true), column("id", 0, "int8", oid::INT8, false)];
        let fallback = column("made", 2, "timestamp", oid::TIMESTAMP, true);
        let spec = spec(table(), key, Some(fallback));
        assert_eq!(
            written(&spec, &between(Some(KeyBound::excluding(at("2026-01-01", 7))), None)),
            "(((\"upd\", \"id\") > ('2026-01-01'::pg_catalog.timestamp, '7'::pg_catalog.int8)) OR \
             (\"upd\" IS NULL AND (\"made\", \"id\") > ('2026-01-01'::pg_catalog.timestamp, '7'::pg_catalog.int8)))"
        );
        assert_eq!(
            written(&spec, &between(None, None)),
            "((\"upd\" IS NOT NULL) OR (\"upd\" IS NULL AND \"made\" IS NOT NULL))"
        );
        assert_eq!(written(&spec, &RowRange::NullKey), "((\"upd\" IS NULL AND \"made\" IS NULL))");
        assert_eq!(key_expressions(&spec), ["coalesce(\"upd\", \"made\")", "\"id\""]);
    }

    #[test]
    fn pages_are_compared_by_place() {
        let check = |from, to, expected: &str| {
            assert_eq!(written(&spec(table(), vec![], None), &RowRange::Pages { partition: None, from, to }), expected);
        };
        check(0, Some(9), "ctid >= '(0,0)'::pg_catalog.tid AND ctid < '(9,0)'::pg_catalog.tid");
        check(9, None, "ctid >= '(9,0)'::pg_catalog.tid");
    }

    #[test]
    fn what_does_not_fit_the_key_is_refused() {
        let keyless = spec(table(), vec![], None);
        let keyed = spec(table(), vec![column("id", 0, "int8", oid::INT8, false)], None);
        let two = KeyBound::including(vec![Scalar::Int(1), Scalar::Int(2)]);
        let query = spec(Relation::Query("SELECT".to_owned()), vec![], None);
        assert!(condition(&keyless, &RowRange::NullKey).is_err());
        assert!(condition(&keyless, &between(None, None)).is_err());
        assert!(condition(&keyed, &between(Some(two), None)).is_err());
        assert!(condition(&keyed, &between(Some(KeyBound::including(vec![])), None)).is_err());
        assert!(condition(&query, &RowRange::Pages { partition: None, from: 0, to: None }).is_err());
    }
}
