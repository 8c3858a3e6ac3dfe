/// Whether a condition compares a column with one of these values, the column first.
///
/// Both servers write conditions as expressions, in which columns may have the names of their databases and tables
/// before them, and backticks around them.
pub(super) fn compares(condition: &str, column: &str, values: &[String]) -> bool {
    let mut rest = condition;
    while let Some(place) = rest.find(column) {
        let (before, found) = rest.split_at(place);
        let (_, after) = found.split_at(column.len());
        let is_whole = !before.ends_with(is_of_word) && !after.starts_with(is_of_word);
        if is_whole && literal(after).is_some_and(|literal| values.iter().any(|value| equals(literal, value))) {
            return true;
        }
        rest = after;
    }
    false
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

/// The value that stands behind a column and a comparison.
fn literal(text: &str) -> Option<&str> {
    let text = text.trim_start_matches('`').trim_start();
    let value = text.trim_start_matches(['<', '>', '=']);
    if value.len() == text.len() {
        return None;
    }
    // The name of a type or a character set may stand before a text.
    let value = value.trim_start();
    let bare = value.trim_start_matches(is_of_word);
    match bare.trim_start().strip_prefix('\'') {
        Some(quoted) => quoted.split('\'').next(),
        None => value.split(|character: char| character.is_whitespace() || matches!(character, ')' | ',')).next(),
    }
}

/// Whether a literal is of a value. Moments may have more digits behind the point than were written.
fn equals(literal: &str, value: &str) -> bool {
    let as_number = |text: &str| text.parse::<f64>().ok().map(f64::to_bits);
    let rest = literal.strip_prefix(value);
    let bytes = literal.strip_prefix("0x").unwrap_or(literal);
    rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('.') && value.contains(':')))
        || bytes.eq_ignore_ascii_case(value)
        || as_number(literal).is_some_and(|number| as_number(value) == Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_compared_with_values() {
        let check = |condition: &str, column: &str, value: &str, expected: bool| {
            assert_eq!(compares(condition, column, &[value.to_owned()]), expected, "{condition}");
        };
        let moment = "2026-01-01 00:00:30";
        check("((`shop`.`e`.`id` >= 10) and (`shop`.`e`.`id` < 20))", "id", "10", true);
        check("((`shop`.`e`.`id` >= 10) and (`shop`.`e`.`id` < 20))", "id", "20", true);
        check("((`shop`.`e`.`id` >= 10) and (`shop`.`e`.`id` < 20))", "id", "1", false);
        check("((`shop`.`e`.`paid` >= 10) and (`shop`.`e`.`id` < 20))", "id", "10", false);
        check("(`shop`.`e`.`made` > TIMESTAMP'2026-01-01 00:00:30')", "made", moment, true);
        check("`events`.made >= '2026-01-01 00:00:30.000000' and x", "made", moment, true);
        check("`events`.made >= TIMESTAMP'2026-01-01 00:00:3'", "made", moment, false);
        check("e.code > _utf8mb4'it'", "code", "it", true);
        check("e.price > 1.50", "price", "1.5", true);
        check("e.key > X'00ff'", "key", "00ff", true);
        check("e.key > 0x00FF", "key", "00ff", true);
        check("e.id = o.customer_id", "id", "10", false);
        check("e.id is not null", "id", "10", false);
        check("", "id", "10", false);
    }
}
