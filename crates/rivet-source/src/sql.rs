use thiserror::Error;

/// Why a text is not one statement that can stand inside another.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Nothing but white space and comments.
    #[error("the query is empty")]
    Empty,
    /// A semicolon with more text after it.
    #[error("the query holds more than one statement")]
    Many {
        /// Where the first one ends, in bytes.
        offset: usize,
    },
    /// A parenthesis that nothing opens or closes.
    #[error("the parentheses of the query do not match")]
    Parenthesis {
        /// Where, in bytes.
        offset: usize,
    },
    /// A quote or comment that is never closed.
    #[error("a quote or a comment of the query is never closed")]
    Unclosed {
        /// Where it opens, in bytes.
        offset: usize,
    },
}

impl StatementError {
    /// Returns the place in the text, in bytes.
    pub fn offset(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Many { offset } | Self::Parenthesis { offset } | Self::Unclosed { offset } => *offset,
        }
    }
}

/// Checks that a query is one statement which can't leave the parentheses it is put into, and returns it without
/// white space around it and without a semicolon at its end.
///
/// It reads only as much of SQL as that takes: quotes, dollar quotes, comments, parentheses, semicolons. Where
/// two readings are possible (`\` in a string), the text must be safe in both.
///
/// ```
/// # use rivet_source::single_statement;
/// assert_eq!(single_statement("SELECT ';' -- one;\n;")?, "SELECT ';' -- one;");
/// assert!(single_statement("SELECT 1) q; DROP TABLE t; SELECT (1").is_err());
/// # Ok::<(), rivet_source::StatementError>(())
/// ```
pub fn single_statement(query: &str) -> Result<&str, StatementError> {
    let bytes = query.as_bytes();
    let mut depth = 0_usize;
    let mut opened_at = 0;
    let mut end = None;
    let mut seen = false;
    let mut at = 0;
    while at < bytes.len() {
        let next = skip_opaque(query, at)?;
        if next > at {
            let comment = matches!(bytes[at], b'-' | b'/');
            if !comment {
                if let Some(offset) = end {
                    return Err(StatementError::Many { offset });
                }
                seen = true;
            }
            at = next;
            continue;
        }
        let byte = bytes[at];
        match byte {
            b';' => end = end.or(Some(at)),
            _ if byte.is_ascii_whitespace() => {}
            _ if end.is_some() => return Err(StatementError::Many { offset: end.unwrap_or(at) }),
            b'(' => {
                if depth == 0 {
                    opened_at = at;
                }
                depth += 1;
            }
            b')' => depth = depth.checked_sub(1).ok_or(StatementError::Parenthesis { offset: at })?,
            _ => {}
        }
        seen |= !byte.is_ascii_whitespace() && byte != b';';
        at += 1;
    }
    if depth > 0 {
        return Err(StatementError::Parenthesis { offset: opened_at });
    }
    if !seen {
        return Err(StatementError::Empty);
    }
    let (statement, _) = query.split_at(end.unwrap_or(query.len()));
    Ok(statement.trim())
}

/// Returns the end of the quote or comment that begins at `at`, or `at` where none does.
fn skip_opaque(query: &str, at: usize) -> Result<usize, StatementError> {
    let bytes = query.as_bytes();
    let rest = &bytes[at..];
    let unclosed = StatementError::Unclosed { offset: at };
    match rest[0] {
        quote @ (b'\'' | b'"' | b'`') => end_of_quote(rest, quote).map(|length| at + length).ok_or(unclosed),
        b'-' if rest.starts_with(b"--") => Ok(at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())),
        b'/' if rest.starts_with(b"/*") => end_of_comment(rest).map(|length| at + length).ok_or(unclosed),
        b'$' if at == 0 || !is_word(bytes[at - 1]) => match dollar_tag(rest) {
            Some(tag) => find(&rest[tag..], &rest[..tag]).map(|found| at + tag + found + tag).ok_or(unclosed),
            None => Ok(at),
        },
        _ => Ok(at),
    }
}

/// A doubled quote stays inside. A backslash may or may not escape the next quote; the text is refused where
/// that would matter, by taking the string to end at the earlier place and looking on from there.
fn end_of_quote(rest: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while at < rest.len() {
        if rest[at] == quote {
            if rest.get(at + 1) == Some(&quote) {
                at += 2;
                continue;
            }
            return Some(at + 1);
        }
        at += 1;
    }
    None
}

/// Block comments nest in PostgreSQL.
fn end_of_comment(rest: &[u8]) -> Option<usize> {
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
    None
}

/// Returns the length of `$tag$` where one begins here.
fn dollar_tag(rest: &[u8]) -> Option<usize> {
    let inner = rest[1..].iter().position(|b| *b == b'$')?;
    let tag = &rest[1..=inner];
    let valid = tag.iter().all(|b| is_word(*b)) && !tag.first().is_some_and(u8::is_ascii_digit);
    valid.then_some(inner + 2)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_is_returned_without_its_semicolon() {
        for (query, expected) in [
            ("SELECT 1", "SELECT 1"),
            ("  SELECT 1 ; \n", "SELECT 1"),
            ("SELECT 1;; -- end\n /* ; */", "SELECT 1"),
            ("SELECT 'it''s; (' FROM \"a;)\"", "SELECT 'it''s; (' FROM \"a;)\""),
            ("SELECT $$;)$$, $t$ ;$$ $t$", "SELECT $$;)$$, $t$ ;$$ $t$"),
            ("SELECT /* /* ; */ ) */ (1)", "SELECT /* /* ; */ ) */ (1)"),
            ("SELECT a$1$b FROM t", "SELECT a$1$b FROM t"),
        ] {
            assert_eq!(single_statement(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn what_could_leave_the_parentheses_is_refused() {
        assert_eq!(single_statement(" -- nothing\n;"), Err(StatementError::Empty));
        assert_eq!(single_statement("SELECT 1; DROP TABLE t"), Err(StatementError::Many { offset: 8 }));
        assert_eq!(single_statement("SELECT 1; 'x'"), Err(StatementError::Many { offset: 8 }));
        assert_eq!(single_statement("SELECT 1) q"), Err(StatementError::Parenthesis { offset: 8 }));
        assert_eq!(single_statement("SELECT (1"), Err(StatementError::Parenthesis { offset: 7 }));
        assert_eq!(single_statement("SELECT 'a"), Err(StatementError::Unclosed { offset: 7 }));
        assert_eq!(single_statement("SELECT $x$ a $y$"), Err(StatementError::Unclosed { offset: 7 }));
        assert_eq!(single_statement("SELECT /* /* */ 1"), Err(StatementError::Unclosed { offset: 7 }));
    }
}
