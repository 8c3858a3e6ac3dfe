use memchr::{memchr, memchr3};
use rivet_model::CsvOptions;

use crate::error::WriteError;

/// Up to this length a look-up per byte is faster than setting up a vectorized search.
const SHORT_FIELD: usize = 16;

const HELP: &str = "Choose one ASCII character as the delimiter, and a text for NULL without quotes, delimiters and \
line ends; `null: ''` leaves NULL empty.";

/// Decides which fields are quoted, and quotes them.
///
/// A field is quoted where it holds a delimiter, a double quote or a line end, or where it reads like NULL. csv-async
/// quotes every field or none or what RFC 4180 asks for, and can't tell an empty text from NULL, so it is given
/// fields that are quoted already.
#[derive(Debug)]
pub(super) struct Quoting {
    delimiter: u8,
    null: Vec<u8>,
    special: [bool; 256],
    /// Whether numbers, dates and the like could hold the delimiter or read like NULL. With common options none
    /// does, and none is looked at.
    plain_may_need: bool,
    /// A column without neighbours.
    single: bool,
}

impl Quoting {
    /// Fails where what was written could not be read back.
    pub(super) fn new(options: &CsvOptions, columns: usize) -> Result<Self, WriteError> {
        let refuse = |message: &str| Err(WriteError::Options { message: message.to_owned(), help: HELP });
        let delimiter = options.delimiter;
        if !delimiter.is_ascii() || matches!(delimiter, b'"' | b'\n' | b'\r' | 0) {
            return refuse("the CSV delimiter must be one ASCII character, and no quote or line end");
        }
        let mut special = [false; 256];
        for byte in [delimiter, b'"', b'\n', b'\r'] {
            special[usize::from(byte)] = true;
        }
        if options.null.bytes().any(|byte| special[usize::from(byte)]) {
            return refuse("the CSV text for NULL holds a delimiter, a quote or a line end");
        }
        let plain_byte = delimiter.is_ascii_alphanumeric() || b"+-.: \\".contains(&delimiter);
        let null = options.null.clone().into_bytes();
        Ok(Self { delimiter, plain_may_need: plain_byte || !null.is_empty(), null, special, single: columns == 1 })
    }

    /// Returns what stands for NULL.
    pub(super) fn null(&self) -> &[u8] {
        &self.null
    }

    /// Returns whether a text needs quotes.
    pub(super) fn needs_quotes(&self, field: &[u8]) -> bool {
        if field == self.null || (self.single && field == b"\\.") {
            // A line of `\.` alone ends the data for PostgreSQL's own reader before version 18.
            return true;
        }
        if field.len() < SHORT_FIELD {
            field.iter().any(|&byte| self.special[usize::from(byte)])
        } else {
            memchr3(self.delimiter, b'"', b'\n', field).is_some() || memchr(b'\r', field).is_some()
        }
    }

    /// Returns whether the text of a number, a date, a boolean, a uuid or binary needs quotes.
    pub(super) fn plain_needs_quotes(&self, field: &[u8]) -> bool {
        self.plain_may_need && self.needs_quotes(field)
    }

    /// Appends the field in quotes, those within doubled.
    pub(super) fn push_quoted(field: &[u8], out: &mut Vec<u8>) {
        out.push(b'"');
        let mut rest = field;
        while let Some(at) = memchr(b'"', rest) {
            let (before, after) = rest.split_at(at + 1);
            out.extend_from_slice(before);
            out.push(b'"');
            rest = after;
        }
        out.extend_from_slice(rest);
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoting(delimiter: u8, null: &str) -> Result<Quoting, WriteError> {
        Quoting::new(&CsvOptions { header: true, delimiter, null: null.to_owned() }, 2)
    }

    #[test]
    fn only_what_would_read_differently_is_quoted() {
        let check = |null: &str, field: &str, expected| {
            assert_eq!(quoting(b',', null).unwrap().needs_quotes(field.as_bytes()), expected, "{null:?} {field:?}");
        };
        check("", "", true);
        check("\\N", "", false);
        check("\\N", "\\N", true);
        check("NULL", "NULL", true);
        check("NULL", "null", false);
        for (field, expected) in
            [("a", false), (" a ", false), ("a,b", true), ("a\"b", true), ("a\r", true), ("#", false)]
        {
            check("", field, expected);
            check("", &format!("{field}{}", "x".repeat(40)), expected);
        }
    }

    #[test]
    fn unreadable_options_are_refused() {
        for (delimiter, null) in
            [(b'"', ""), (b'\n', ""), (b'\r', ""), (0xe9, ""), (b',', "a,b"), (b',', "\""), (b'|', "|")]
        {
            assert!(quoting(delimiter, null).is_err(), "{delimiter} {null:?}");
        }
    }
}
