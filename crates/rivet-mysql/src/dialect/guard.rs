//! Whether a query stays inside of the parentheses that it is put into, as MySQL and MariaDB read it.

use rivet_source::{StatementError, single_statement};

/// Checks that a query is one statement, by the rules that all databases share and by those of this one, and returns
/// it without white space around it and without a semicolon at its end.
///
/// A text that the two read in different ways, a quote behind a backslash for one, is refused.
pub(crate) fn checked(query: &str) -> Result<&str, StatementError> {
    let statement = single_statement(query)?;
    let bytes = statement.as_bytes();
    let mut depth = 0_usize;
    let mut opened_at = 0;
    let mut at = 0;
    while at < bytes.len() {
        let next = skip_opaque(bytes, at)?;
        if next > at {
            at = next;
            continue;
        }
        match bytes[at] {
            b'(' => {
                if depth == 0 {
                    opened_at = at;
                }
                depth += 1;
            }
            b')' => depth = depth.checked_sub(1).ok_or(StatementError::Parenthesis { offset: at })?,
            // The one at the end is gone, unless a comment follows it.
            b';' => return Err(StatementError::Many { offset: at }),
            _ => {}
        }
        at += 1;
    }
    if depth > 0 { Err(StatementError::Parenthesis { offset: opened_at }) } else { Ok(statement) }
}

/// Returns the end of the quote or comment that begins at `at`, or `at` where none does.
fn skip_opaque(bytes: &[u8], at: usize) -> Result<usize, StatementError> {
    let rest = &bytes[at..];
    let unclosed = StatementError::Unclosed { offset: at };
    match rest {
        [quote @ (b'\'' | b'"' | b'`'), ..] => end_of_quote(rest, *quote).map(|length| at + length).ok_or(unclosed),
        [b'#', ..] => Ok(at + end_of_line(rest)),
        [b'-', b'-', space, ..] if space.is_ascii_whitespace() || space.is_ascii_control() => {
            Ok(at + end_of_line(rest))
        }
        [b'-', b'-'] => Ok(bytes.len()),
        // What stands in these is not a comment to the server.
        [b'/', b'*', b'!', ..] | [b'/', b'*', b'M', b'!', ..] => Err(StatementError::Parenthesis { offset: at }),
        [b'/', b'*', ..] => {
            let end = rest.windows(2).skip(2).position(|window| window == b"*/");
            end.map(|found| at + found + 4).ok_or(unclosed)
        }
        _ => Ok(at),
    }
}

fn end_of_line(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
}

/// A doubled quote stays inside, and so does one behind a backslash, except in the name of a column.
fn end_of_quote(rest: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' if quote != b'`' => at += 2,
            byte if byte == quote && rest.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_is_returned_without_its_semicolon() {
        for (query, expected) in [
            ("SELECT 1;", "SELECT 1"),
            ("SELECT 'it''s (', `a;)` FROM t", "SELECT 'it''s (', `a;)` FROM t"),
            ("SELECT a # ;\nFROM t", "SELECT a # ;\nFROM t"),
            ("SELECT a -- ) ;\nFROM t", "SELECT a -- ) ;\nFROM t"),
            ("SELECT '50\\%', '\\\\'", "SELECT '50\\%', '\\\\'"),
            ("SELECT /* ) */ (1)", "SELECT /* ) */ (1)"),
        ] {
            let checked = checked(query);
            if query.contains("# ;") {
                // One reading has it end there.
                assert!(checked.is_err(), "{query}");
            } else {
                assert_eq!(checked, Ok(expected), "{query}");
            }
        }
    }

    #[test]
    fn what_could_leave_the_parentheses_is_refused() {
        for query in [
            "SELECT 1; DROP TABLE t",
            "SELECT 1) q",
            "SELECT '\\') q; DROP TABLE t -- '",
            "SELECT 5--1) q -- (",
            "SELECT # (\n1) q",
            "SELECT /*! 1) q */ (",
            "SELECT /*M! 1) q */ (",
            "SELECT $$)$$ FROM t",
            "SELECT 1 /* ( */ )",
            "SELECT 'a\\",
        ] {
            assert!(checked(query).is_err(), "{query}");
        }
    }
}
