use std::str::Chars;

/// What the condition of an index compares: its columns with values.
///
/// The plan writes a condition as an expression, in the server's own hand: strings and types in full, names without
/// quotes where they need none, keywords in upper case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Condition {
    /// The columns, without those that are merely said to hold something.
    columns: Vec<String>,
    /// The values that they are compared with.
    values: Vec<String>,
    /// Whether one is said to hold nothing.
    is_null: bool,
}

impl Condition {
    pub(super) fn parse(text: &str) -> Self {
        let mut reader = Reader { rest: text.chars(), found: Self::default() };
        reader.read();
        reader.found
    }

    /// Whether it compares with one of these values, or one of these columns with any value: not with a column of
    /// another table, as joins do.
    pub(super) fn bounds(&self, columns: &[&str], values: &[String]) -> bool {
        let compares = !self.values.is_empty() || self.is_null;
        let named = || self.columns.iter().any(|column| columns.contains(&column.as_str()));
        self.values.iter().any(|value| values.contains(value)) || (compares && named())
    }
}

struct Reader<'a> {
    rest: Chars<'a>,
    found: Condition,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(character) = self.peek() {
            match character {
                '\'' => {
                    let value = self.quoted('\'', false);
                    self.found.values.push(value);
                }
                '"' => {
                    let name = self.quoted('"', false);
                    self.column(name);
                }
                ':' => {
                    self.rest.next();
                    if self.peek() == Some(':') {
                        self.rest.next();
                        self.skip_type();
                    }
                }
                '$' => {
                    self.rest.next();
                    self.word();
                }
                _ if character.is_ascii_digit() => {
                    let value = self.word();
                    self.found.values.push(value);
                }
                _ if is_of_word(character) => {
                    let word = self.word();
                    self.named(word);
                }
                _ => {
                    self.rest.next();
                }
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    /// Takes what is in quotes; a doubled quote stands for one.
    fn quoted(&mut self, quote: char, escaped: bool) -> String {
        self.rest.next();
        let mut text = String::new();
        while let Some(character) = self.rest.next() {
            if character == quote {
                if self.peek() != Some(quote) {
                    break;
                }
                self.rest.next();
            } else if character == '\\' && escaped {
                text.extend(self.rest.next());
                continue;
            }
            text.push(character);
        }
        text
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(character) = self.peek().filter(|character| is_of_word(*character)) {
            word.push(character);
            self.rest.next();
        }
        // The fraction of a number.
        let number = word.starts_with(|first: char| first.is_ascii_digit());
        if number && self.peek() == Some('.') {
            self.rest.next();
            word = format!("{word}.{}", self.word());
        }
        word
    }

    fn named(&mut self, word: String) {
        match word.as_str() {
            "E" if self.peek() == Some('\'') => {
                let value = self.quoted('\'', true);
                self.found.values.push(value);
            }
            "IS" => self.null_test(),
            "true" | "false" => self.found.values.push(word),
            _ if word.contains(char::is_uppercase) => {}
            _ => self.column(word),
        }
    }

    /// Takes a name for that of a column, unless a table or a function has it.
    fn column(&mut self, name: String) {
        if !matches!(self.peek(), Some('.' | '(')) {
            self.found.columns.push(name);
        }
    }

    fn null_test(&mut self) {
        let words: Vec<_> = self.rest.as_str().split_ascii_whitespace().take(2).collect();
        match words.as_slice() {
            // Whatever it holds, it bounds nothing.
            ["NOT", null] if null.starts_with("NULL") => {
                self.found.columns.pop();
            }
            [null, ..] if null.starts_with("NULL") => self.found.is_null = true,
            _ => {}
        }
    }

    /// Skips a type, with its schema, its modifiers, and the rules of a comparison that follow it.
    fn skip_type(&mut self) {
        while let Some(character) = self.peek() {
            match character {
                '"' => {
                    self.quoted('"', false);
                }
                '(' => {
                    let _modifiers = self.rest.by_ref().find(|character| *character == ')');
                }
                // Types of several words have them in lower case; COLLATE and a name may follow.
                ' ' if !self.goes_on() => return,
                ' ' | '.' | '[' | ']' => {
                    self.rest.next();
                }
                _ if is_of_word(character) => {
                    self.word();
                }
                _ => return,
            }
        }
    }

    /// Whether another word of a type, or of the rules of a comparison, comes next.
    fn goes_on(&self) -> bool {
        let next = self.rest.as_str().trim_start();
        next.starts_with(|first: char| first.is_lowercase() || first == '"') || next.starts_with("COLLATE ")
    }
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_taken_apart() {
        let check = |text: &str, columns: &[&str], values: &[&str]| {
            let found = Condition::parse(text);
            assert_eq!((found.columns.as_slice(), found.values.as_slice()), (&owned(columns)[..], &owned(values)[..]));
        };
        check("((id >= '10'::bigint) AND (id < '20'::bigint))", &["id", "id"], &["10", "20"]);
        check(
            "((ROW(made, id) > ROW('2026-01-01 00:00:30+00'::timestamp with time zone, '5'::bigint)))",
            &["made", "id"],
            &["2026-01-01 00:00:30+00", "5"],
        );
        check("(e.made >= '2026-01-31'::date)", &["made"], &["2026-01-31"]);
        check("((e.\"Made At\" > 1.50) AND (zone = -7))", &["Made At", "zone"], &["1.50", "7"]);
        check("((label)::text > 'it''s'::text COLLATE \"C\")", &["label"], &["it's"]);
        check("((code)::text = E'a\\\\b'::text)", &["code"], &["a\\b"]);
        check("(amount = '5'::numeric(10,2))", &["amount"], &["5"]);
        check("(mood > 'sad'::public.\"Mood\")", &["mood"], &["sad"]);
        check("(id = ANY ('{1,2}'::integer[]))", &["id"], &["{1,2}"]);
        check("(lower(email) = 'x'::text)", &["email"], &["x"]);
        check("((upd IS NULL) AND (ROW(made, id) > ROW('a'::text, 1)))", &["upd", "made", "id"], &["a", "1"]);
        check("((at)::date IS NOT NULL)", &[], &[]);
        check("(id = $0)", &["id"], &[]);
        check("(id = o.customer_id)", &["id", "customer_id"], &[]);
        check("active = true", &["active"], &["true"]);
        check("'unclosed", &[], &["unclosed"]);
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_bound_is_a_value_of_the_range_or_any_value_of_the_key() {
        let check = |text: &str, values: &[&str], expected: bool| {
            assert_eq!(Condition::parse(text).bounds(&["id"], &owned(values)), expected, "{text}");
        };
        check("(id > '10'::bigint)", &["10"], true);
        check("(number > '10'::bigint)", &["10"], true);
        check("(id > '2026-01-01'::date)", &["2026-01-01 00:00:00"], true);
        check("(number > '10'::bigint)", &["11"], false);
        check("(id IS NULL)", &[], true);
        check("(id IS NOT NULL)", &[], false);
        check("(id = o.customer_id)", &["10"], false);
        check("", &["10"], false);
    }
}
