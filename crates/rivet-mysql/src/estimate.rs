use rivet_model::Relation;
use rivet_source::SourceError;

use crate::dialect::Statement;
use crate::session::{Session, TextRow};

/// Asks the planner how many rows it expects of a statement. It takes them for twice as many or for half, as often as
/// not, and says nothing at all of some.
pub(crate) async fn estimate(
    session: &mut Session,
    statement: &Statement,
    relation: &Relation,
) -> Result<Option<u64>, SourceError> {
    // A server may print its plans as trees unless it is told not to.
    let explain = statement.clone().after("EXPLAIN FORMAT=TRADITIONAL ");
    let rows = session.ask_of_user("the rows that the planner expects", &explain, relation).await?;
    Ok(expected(&rows))
}

/// Multiplies what each table of the outermost query gives for each row of those before it. The columns of the plan
/// are `id`, `select_type`, `table`, `partitions`, `type`, `possible_keys`, `key`, `key_len`, `ref`, `rows`,
/// `filtered` and `Extra`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate of rows needs no more than 52 bits, and is above zero"
)]
fn expected(plan: &[TextRow]) -> Option<u64> {
    let outermost = |row: &&TextRow| row.first().is_some_and(|id| id.as_deref() == Some("1"));
    let mut product = 1.0_f64;
    for row in plan.iter().filter(outermost) {
        // MariaDB leaves two columns out, unless it is asked for them.
        let from_end = if row.len() >= 12 { 3 } else { 2 };
        let rows: f64 = row.get(row.len().checked_sub(from_end)?)?.as_deref()?.parse().ok()?;
        let filtered: f64 = if row.len() >= 12 { row.get(row.len() - 2)?.as_deref()?.parse().ok()? } else { 100.0 };
        product *= rows * filtered / 100.0;
    }
    (product.is_finite() && !plan.is_empty()).then(|| product.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> TextRow {
        text.split('|').map(|value| (value != "NULL").then(|| value.to_owned())).collect()
    }

    #[test]
    fn tables_of_the_outermost_query_are_multiplied() {
        let check = |plan: &[&str], expected| {
            assert_eq!(super::expected(&plan.iter().map(|text| row(text)).collect::<Vec<_>>()), expected);
        };
        check(&["1|SIMPLE|t|NULL|ALL|NULL|NULL|NULL|NULL|9950|100.00|NULL"], Some(9_950));
        check(
            &[
                "1|PRIMARY|t|NULL|ALL|NULL|NULL|NULL|NULL|1000|33.33|Using where",
                "1|PRIMARY|<derived2>|NULL|ref|k|k|4|t.a|3|100.00|NULL",
                "2|DERIVED|u|NULL|ALL|NULL|NULL|NULL|NULL|777|100.00|NULL",
            ],
            Some(1_000),
        );
        check(&["1|SIMPLE|t|ALL|NULL|NULL|NULL|NULL|9950|"], Some(9_950));
        check(&["1|SIMPLE|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|No tables used"], None);
        check(&[], None);
    }
}
