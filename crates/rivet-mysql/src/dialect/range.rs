//! Ranges of rows as conditions, in the form that an index serves.

use rivet_model::{ColumnName, KeyBound, RowRange};
use rivet_source::{KeyColumn, ScanSpec, SourceError, SourceErrorKind};

use super::identifier;
use super::literal::typed;

/// Rows of a key range that one index can find. There are two where a column stands in for the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    /// The columns of the key as they stand in the statement.
    pub(crate) columns: Vec<String>,
    /// What holds for the rows, all of it; empty for all rows.
    pub(crate) conditions: Vec<String>,
}

/// Writes a column of the relation. A query's columns have names of their own: the server takes no two of one name.
pub(crate) fn column_name(name: &ColumnName) -> String {
    identifier(name.as_str())
}

/// The columns of the key, the one that stands in for the first included.
pub(crate) fn key_expressions(spec: &ScanSpec) -> Vec<String> {
    let mut names: Vec<_> = spec.key.iter().map(|column| column_name(&column.name)).collect();
    if let (Some(first), Some(fallback)) = (names.first_mut(), &spec.fallback) {
        *first = format!("COALESCE({first}, {})", column_name(&fallback.name));
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
                    let (first, fallback) = (column_name(&first.name), column_name(&fallback.name));
                    written.push(format!("({first} IS NULL AND {fallback} IS NULL)"));
                }
            }
            written.extend(nulls.into_iter().map(|column| format!("{} IS NULL", column_name(&column.name))));
            Ok(Some(if written.is_empty() { "FALSE".to_owned() } else { format!("({})", written.join(" OR ")) }))
        }
        RowRange::Pages { .. } => Err(unusable("tables of MySQL and MariaDB can't be read by their pages")),
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
    let mut made = vec![branch(&columns, lower, upper)?];
    if let Some(fallback) = &spec.fallback
        && columns[0].nullable
    {
        let mut others = columns.clone();
        others[0] = fallback;
        let mut other = branch(&others, lower, upper)?;
        other.conditions.insert(0, format!("{} IS NULL", column_name(&columns[0].name)));
        made.push(other);
    }
    Ok(made)
}

fn branch(key: &[&KeyColumn], lower: Option<&KeyBound>, upper: Option<&KeyBound>) -> Result<Branch, SourceError> {
    let columns: Vec<_> = key.iter().map(|column| column_name(&column.name)).collect();
    let mut conditions = Vec::new();
    for (bound, operator) in [(lower, ">"), (upper, "<")] {
        if let Some(bound) = bound {
            conditions.extend(comparison(key, &columns, operator, bound)?);
        }
    }
    // Comparing ends at the first column that differs: NULLs behind it go unseen.
    let compared = usize::from(!conditions.is_empty());
    let nullable = key.iter().zip(&columns).skip(compared).filter(|(column, _)| column.nullable);
    conditions.extend(nullable.map(|(_, name)| format!("{name} IS NOT NULL")));
    Ok(Branch { columns, conditions })
}

/// Writes a comparison with a bound: of its first column, and where it has several, all of them behind it.
///
/// Rows of columns are compared by reading the whole index here. Joined by OR they are ranges of it, and the first
/// column's own bound is where the server looks at least, whatever it makes of the rest.
fn comparison(
    key: &[&KeyColumn],
    columns: &[String],
    operator: &str,
    bound: &KeyBound,
) -> Result<Vec<String>, SourceError> {
    let count = bound.values.len();
    if count == 0 || count > key.len() {
        return Err(unusable(format!("a bound of {count} values does not fit a key of {} columns", key.len())));
    }
    let values = bound.values.iter().zip(key).map(|(value, column)| typed(value, &column.source_type));
    let values = values.collect::<Result<Vec<_>, _>>()?;
    let last_operator = if bound.inclusive { format!("{operator}=") } else { operator.to_owned() };
    if count == 1 {
        return Ok(vec![format!("{} {last_operator} {}", columns[0], values[0])]);
    }
    let ways = (0..count).map(|place| {
        let operator = if place + 1 == count { &last_operator } else { operator };
        let before = (0..place).map(|earlier| format!("{} = {} AND ", columns[earlier], values[earlier]));
        let before: String = before.collect();
        let way = format!("{before}{} {operator} {}", columns[place], values[place]);
        if place == 0 { way } else { format!("({way})") }
    });
    let ways: Vec<_> = ways.collect();
    Ok(vec![format!("{} {operator}= {}", columns[0], values[0]), format!("({})", ways.join(" OR "))])
}

#[cfg(test)]
mod tests {
    use rivet_model::{Relation, Scalar};
    use rivet_source::{SourceType, TypeShape};

    use super::*;
    use crate::kind;

    fn column(name: &str, position: usize, id: u32, nullable: bool) -> KeyColumn {
        let shape = TypeShape::Scalar;
        let source_type = SourceType { name: "t".to_owned(), base: "t".to_owned(), id, modifier: -1, shape };
        let kind = crate::key::kind(&source_type).unwrap();
        KeyColumn { name: name.parse().unwrap(), position, source_type, kind, nullable }
    }

    fn spec(key: Vec<KeyColumn>, fallback: Option<KeyColumn>) -> ScanSpec {
        ScanSpec {
            relation: Relation::Table("t".parse().unwrap()),
            relation_width: 4,
            columns: Vec::new(),
            on_unrepresentable: None,
            key_columns: Vec::new(),
            key,
            fallback,
            range: RowRange::All,
        }
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
            let spec = spec(vec![column("id", 0, kind::LONGLONG, nullable)], None);
            assert_eq!(written(&spec, &range), expected);
        };
        let (from, to) = (KeyBound::including(vec![Scalar::Int(1)]), KeyBound::excluding(vec![Scalar::Int(9)]));
        check(true, between(Some(from), Some(to.clone())), "`id` >= 1 AND `id` < 9");
        check(false, between(None, Some(to)), "`id` < 9");
        check(false, between(None, None), "all rows");
        check(true, between(None, None), "`id` IS NOT NULL");
        check(true, RowRange::NullKey, "(`id` IS NULL)");
        check(false, RowRange::NullKey, "FALSE");
        check(false, RowRange::All, "all rows");
    }

    #[test]
    fn several_columns_are_compared_one_by_one() {
        let key = vec![
            column("at", 2, kind::DATETIME, true),
            column("id", 0, kind::LONGLONG, true),
            column("no", 1, kind::LONG, false),
        ];
        let spec = spec(key, None);
        let lower = KeyBound::excluding(at("2026-01-01 00:00:00", 7));
        let upper = KeyBound::including(vec![Scalar::Timestamp("2026-02-01 00:00:00".to_owned())]);
        assert_eq!(
            written(&spec, &between(Some(lower), Some(upper))),
            "`at` >= TIMESTAMP'2026-01-01 00:00:00' AND (`at` > TIMESTAMP'2026-01-01 00:00:00' \
             OR (`at` = TIMESTAMP'2026-01-01 00:00:00' AND `id` > 7)) \
             AND `at` <= TIMESTAMP'2026-02-01 00:00:00' AND `id` IS NOT NULL"
        );
        let all = [at("2026-01-01 00:00:00", 7), vec![Scalar::Int(3)]].concat();
        assert_eq!(
            written(&spec, &between(None, Some(KeyBound::including(all)))),
            "`at` <= TIMESTAMP'2026-01-01 00:00:00' AND (`at` < TIMESTAMP'2026-01-01 00:00:00' \
             OR (`at` = TIMESTAMP'2026-01-01 00:00:00' AND `id` < 7) \
             OR (`at` = TIMESTAMP'2026-01-01 00:00:00' AND `id` = 7 AND `no` <= 3)) AND `id` IS NOT NULL"
        );
        assert_eq!(written(&spec, &RowRange::NullKey), "(`at` IS NULL OR `id` IS NULL)");
    }

    #[test]
    fn a_column_that_stands_in_makes_a_second_branch() {
        let key = vec![column("upd", 1, kind::DATETIME, true), column("id", 0, kind::LONGLONG, false)];
        let spec = spec(key, Some(column("made", 2, kind::DATETIME, true)));
        assert_eq!(
            written(&spec, &between(Some(KeyBound::excluding(at("2026-01-01", 7))), None)),
            "((`upd` >= TIMESTAMP'2026-01-01' AND (`upd` > TIMESTAMP'2026-01-01' \
             OR (`upd` = TIMESTAMP'2026-01-01' AND `id` > 7))) OR \
             (`upd` IS NULL AND `made` >= TIMESTAMP'2026-01-01' AND (`made` > TIMESTAMP'2026-01-01' \
             OR (`made` = TIMESTAMP'2026-01-01' AND `id` > 7))))"
        );
        assert_eq!(
            written(&spec, &between(None, None)),
            "((`upd` IS NOT NULL) OR (`upd` IS NULL AND `made` IS NOT NULL))"
        );
        assert_eq!(written(&spec, &RowRange::NullKey), "((`upd` IS NULL AND `made` IS NULL))");
        assert_eq!(key_expressions(&spec), ["COALESCE(`upd`, `made`)", "`id`"]);
    }

    #[test]
    fn what_does_not_fit_the_key_is_refused() {
        let keyless = spec(vec![], None);
        let keyed = spec(vec![column("id", 0, kind::LONGLONG, false)], None);
        let two = KeyBound::including(vec![Scalar::Int(1), Scalar::Int(2)]);
        assert!(condition(&keyless, &RowRange::NullKey).is_err());
        assert!(condition(&keyless, &between(None, None)).is_err());
        assert!(condition(&keyed, &between(Some(two), None)).is_err());
        assert!(condition(&keyed, &between(Some(KeyBound::including(vec![])), None)).is_err());
        assert!(condition(&keyed, &RowRange::Pages { partition: None, from: 0, to: None }).is_err());
    }
}
