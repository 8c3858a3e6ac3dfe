use std::fmt;

use rivet_model::{ColumnName, CursorPosition, KeyBound, RowRange, Scalar};

/// Characters of a text value that are shown: the whole of it stands in the JSON forms.
const TEXT_LENGTH: usize = 60;

/// A place in the order of a cursor, for a person: `updated_at 2026-03-01 12:00:00+00, id 17`.
#[derive(Debug)]
pub(crate) struct Position<'a>(pub(crate) &'a CursorPosition);

impl fmt::Display for Position<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (columns, value)) in paired(self.0).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{columns} {}", Value(value))?;
        }
        Ok(())
    }
}

/// Pairs values with the names of their columns. A column that stands in for the first has no value of its own.
fn paired(position: &CursorPosition) -> impl Iterator<Item = (String, &Scalar)> {
    let stands_in = position.columns.len() > position.values.len();
    let mut names: Vec<String> = position.columns.iter().map(|name: &ColumnName| name.to_string()).collect();
    if stands_in && names.len() > 1 {
        let fallback = names.remove(1);
        names[0] = format!("{} or {fallback}", names[0]);
    }
    names.into_iter().zip(&position.values)
}

/// One value, for a person: texts in quotes, without control characters, and not endless.
struct Value<'a>(&'a Scalar);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Scalar::Text(text) | Scalar::Bytes(text)) = self.0 else { return write!(f, "{}", self.0) };
        let shown: String = text.chars().take(TEXT_LENGTH).collect();
        let rest = if shown.len() < text.len() { "…" } else { "" };
        match self.0 {
            Scalar::Bytes(_) => write!(f, "0x{shown}{rest}"),
            _ => write!(f, "\"{}\"{rest}", shown.escape_debug()),
        }
    }
}

/// The rows of a chunk, for a person: `>= 10 and < 20`.
#[derive(Debug)]
pub(crate) struct Range<'a>(pub(crate) &'a RowRange);

impl fmt::Display for Range<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            RowRange::All => f.write_str("all rows"),
            RowRange::NullKey => f.write_str("rows with a NULL in the key"),
            RowRange::Key { lower, upper } => key_range(f, lower.as_ref(), upper.as_ref()),
            RowRange::Pages { partition, from, to } => {
                match to {
                    Some(to) => write!(f, "pages {from} to {}", to.saturating_sub(1))?,
                    None => write!(f, "pages from {from}")?,
                }
                partition.as_ref().map_or(Ok(()), |partition| write!(f, " of `{partition}`"))
            }
        }
    }
}

fn key_range(f: &mut fmt::Formatter<'_>, lower: Option<&KeyBound>, upper: Option<&KeyBound>) -> fmt::Result {
    let bound = |f: &mut fmt::Formatter<'_>, sign: &str, bound: &KeyBound| {
        write!(f, "{sign}{} {}", if bound.inclusive { "=" } else { "" }, Tuple(&bound.values))
    };
    match (lower, upper) {
        (None, None) => f.write_str("all keys"),
        (Some(lower), None) => bound(f, ">", lower),
        (None, Some(upper)) => bound(f, "<", upper),
        (Some(lower), Some(upper)) => {
            bound(f, ">", lower)?;
            f.write_str(" and ")?;
            bound(f, "<", upper)
        }
    }
}

/// The values of a bound: one alone, or several in brackets.
struct Tuple<'a>(&'a [Scalar]);

impl fmt::Display for Tuple<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [value] = self.0 {
            return Value(value).fmt(f);
        }
        let values: Vec<String> = self.0.iter().map(|value| Value(value).to_string()).collect();
        write!(f, "({})", values.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_name_their_columns() {
        let check = |columns: &[&str], values: Vec<Scalar>, expected: &str| {
            let columns = columns.iter().map(|name| name.parse().unwrap()).collect();
            assert_eq!(Position(&CursorPosition { columns, values }).to_string(), expected);
        };
        check(&["id"], vec![Scalar::Int(-7)], "id -7");
        let day = || Scalar::Date("2026-01-31".to_owned());
        check(&["day", "id"], vec![day(), Scalar::Int(5)], "day 2026-01-31, id 5");
        check(&["day", "born", "id"], vec![day(), Scalar::Int(5)], "day or born 2026-01-31, id 5");
        check(&["day", "born"], vec![day()], "day or born 2026-01-31");
        check(&["name"], vec![Scalar::Text("a \"b\"\u{1b}[31m".to_owned())], r#"name "a \"b\"\u{1b}[31m""#);
        check(&["name"], vec![Scalar::Text("ö".repeat(61))], &format!("name \"{}\"…", "ö".repeat(60)));
        check(&["key"], vec![Scalar::Bytes("00ff".to_owned())], "key 0x00ff");
    }

    #[test]
    fn ranges_are_comparisons() {
        let check = |range: RowRange, expected: &str| assert_eq!(Range(&range).to_string(), expected);
        let key = |lower, upper| RowRange::Key { lower, upper };
        let (one, two) = (|| vec![Scalar::Int(1)], || vec![Scalar::Int(2), Scalar::Text("b".to_owned())]);
        check(RowRange::All, "all rows");
        check(RowRange::NullKey, "rows with a NULL in the key");
        check(key(None, None), "all keys");
        check(key(Some(KeyBound::including(one())), None), ">= 1");
        check(key(None, Some(KeyBound::excluding(two()))), "< (2, \"b\")");
        check(key(Some(KeyBound::excluding(one())), Some(KeyBound::including(two()))), "> 1 and <= (2, \"b\")");
        check(RowRange::Pages { partition: None, from: 0, to: Some(9) }, "pages 0 to 8");
        let partition = Some("sales.p1".parse().unwrap());
        check(RowRange::Pages { partition, from: 9, to: None }, "pages from 9 of `sales.p1`");
    }
}
