use std::io::{IsTerminal as _, stdout};

use rivet_config::Environment;
use terminal_size::{Width, terminal_size_of};
use textwrap::{Options, WordSeparator, WordSplitter, wrap};

/// The columns of a text that no terminal shows.
const PLAIN_WIDTH: usize = 100;

/// The columns that a text takes of a terminal, at least and at most: longer lines are hard to read.
const WIDTHS: std::ops::RangeInclusive<usize> = 50..=120;

/// The columns of a label with its colon: what belongs to it stands after them.
const LABEL: usize = 15;

/// How much a piece of text wants to be seen. Nothing is told by the colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tone {
    /// Like all other text.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// All is well.
    Good,
    /// Look into it.
    Warning,
    /// It does harm, or does not work.
    Bad,
}

impl Tone {
    /// Returns the code of the ANSI escape sequence that begins it.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Good => Some("32"),
            Self::Warning => Some("33"),
            Self::Bad => Some("1;31"),
        }
    }

    /// Returns the name of its class in HTML.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Strong => "strong",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// What a text for a person is written on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paper {
    width: usize,
    colour: bool,
}

impl Paper {
    /// A file or a pipe: no colour, one width.
    pub(crate) const PLAIN: Self = Self { width: PLAIN_WIDTH, colour: false };

    /// Returns standard output as it is.
    pub(crate) fn stdout(environment: &Environment) -> Self {
        if !stdout().is_terminal() {
            return Self::PLAIN;
        }
        let width = terminal_size_of(stdout()).map_or(PLAIN_WIDTH, |(Width(columns), _)| columns.into());
        let colour = environment.get("TERM") != Some("dumb") && environment.get("NO_COLOR").is_none_or(str::is_empty);
        Self { width: width.clamp(*WIDTHS.start(), *WIDTHS.end()), colour }
    }

    #[cfg(test)]
    pub(crate) const fn new(width: usize, colour: bool) -> Self {
        Self { width, colour }
    }
}

/// A text that grows line by line, as wide as its paper.
#[derive(Debug)]
pub(crate) struct Page {
    paper: Paper,
    text: String,
}

impl Page {
    pub(crate) fn new(paper: Paper) -> Self {
        Self { paper, text: String::new() }
    }

    /// Returns the text, with a line end.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// Writes a line that nothing wraps, not even where it is too long: statements are copied.
    pub(super) fn raw(&mut self, indent: usize, text: &str) {
        let line = format!("{:indent$}{}", "", clean(text));
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Writes a blank line.
    pub(crate) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// Writes a heading.
    pub(crate) fn heading(&mut self, text: &str) {
        let painted = self.paint(Tone::Strong, &clean(text));
        self.text.push_str(&painted);
        self.text.push('\n');
    }

    /// Writes a label alone; what belongs to it follows in lines of its own.
    pub(super) fn label(&mut self, label: &str) {
        self.raw(2, &format!("{label:<11}:"));
    }

    /// Writes what belongs to a label beside it: `head` is painted, and `text` follows after a space.
    pub(crate) fn fact(&mut self, label: &str, tone: Tone, head: &str, text: &str) {
        let first = if label.is_empty() { " ".repeat(LABEL) } else { format!("  {label:<11}: ") };
        self.wrapped(&first, LABEL, tone, head, text);
    }

    /// Writes a line with a bullet.
    pub(super) fn bullet(&mut self, tone: Tone, head: &str, text: &str) {
        self.wrapped("    • ", 6, tone, head, text);
    }

    /// Writes lines that are indented, the second and later ones by `hanging`.
    pub(crate) fn wrapped(&mut self, first: &str, hanging: usize, tone: Tone, head: &str, text: &str) {
        let (head, text) = (clean(head), hold_together(&clean(text)));
        let whole = [head.as_str(), text.as_str()].join(if head.is_empty() || text.is_empty() { "" } else { " " });
        let rest = " ".repeat(hanging);
        let options = Options::new(self.paper.width)
            .initial_indent(first)
            .subsequent_indent(&rest)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation)
            .break_words(false);
        for (index, line) in wrap(&whole, &options).iter().enumerate() {
            let painted =
                (index == 0 && tone != Tone::Plain).then(|| line.strip_prefix(first)?.strip_prefix(&head)).flatten();
            match painted {
                Some(after) => {
                    let head = self.paint(tone, &head);
                    self.text.extend([first, &head, after]);
                }
                None => self.text.push_str(line.trim_end()),
            }
            // What kept a number and its unit together.
            self.release();
            self.text.push('\n');
        }
    }

    fn release(&mut self) {
        if self.text.contains(HELD) {
            self.text = self.text.replace(HELD, " ");
        }
    }

    /// Puts a text into its colour, where there are colours.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        match tone.code().filter(|_| self.paper.colour && !text.is_empty()) {
            Some(code) => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            None => text.to_owned(),
        }
    }
}

/// Stands between a number and its unit while lines are broken: the space that no line ends at.
const HELD: char = '\u{a0}';
const HELD_TEXT: &str = "\u{a0}";

/// Words that stand with the number before them.
const UNITS: [&str; 14] = ["s", "ms", "min", "h", "B", "kB", "MB", "GB", "TB", "PB", "k", "M", "G", "rows"];

/// Characters in back-ticks that stay on one line: `mode: full` is copied, and a query is not that short.
const HELD_LENGTH: usize = 32;

/// Keeps numbers and their units on one line, and what is short and in back-ticks.
fn hold_together(text: &str) -> String {
    let mut held = String::with_capacity(text.len());
    for (place, piece) in text.split('`').enumerate() {
        if place > 0 {
            held.push('`');
        }
        let is_quoted = place % 2 == 1;
        if is_quoted && piece.len() <= HELD_LENGTH {
            held.push_str(&piece.replace(' ', HELD_TEXT));
        } else {
            hold_units(&mut held, piece);
        }
    }
    held
}

fn hold_units(held: &mut String, text: &str) {
    for (place, word) in text.split(' ').enumerate() {
        let is_unit = UNITS.contains(&word.trim_end_matches([',', ';', ')', ':', '.']));
        let follows_number = held.ends_with(|last: char| last.is_ascii_digit());
        if place > 0 {
            held.push_str(if is_unit && follows_number { HELD_TEXT } else { " " });
        }
        held.push_str(word);
    }
}

/// Returns a text without control characters: names and queries come from outside, and a terminal obeys them.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' | '\n' | '\r' | HELD => clean.push(' '),
            _ if character.is_control() => clean.extend(character.escape_default()),
            _ => clean.push(character),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn page(paper: Paper) -> String {
        let mut page = Page::new(paper);
        page.heading("orders");
        page.fact(
            "Verdict",
            Tone::Bad,
            "unsafe",
            "because no index finds the rows that are wanted, and there are many",
        );
        page.fact("", Tone::Plain, "", "second line");
        page.label("Findings");
        page.bullet(
            Tone::Warning,
            "warning",
            "[no_usable_index] a name that can't be broken: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        );
        page.gap();
        page.raw(4, "SELECT 1, 'a text that is longer than the paper is wide, and is let be'\u{1b}[31m  ");
        page.finish()
    }

    #[test]
    fn lines_are_as_wide_as_the_paper() {
        assert_snapshot!(page(Paper::new(50, false)), @r#"
        orders
          Verdict    : unsafe because no index finds the
                       rows that are wanted, and there are
                       many
                       second line
          Findings   :
            • warning [no_usable_index] a name that can't
              be broken:
              aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

            SELECT 1, 'a text that is longer than the paper is wide, and is let be'\u{1b}[31m
        "#);
    }

    #[test]
    fn what_belongs_together_stays_on_one_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(hold_together(text).replace(HELD, "_"), expected);
        };
        check("about 12 rows, 3 min 05 s (1 s to 9 s)", "about 12_rows, 3_min 05_s (1_s to 9_s)");
        check("use `mode: full`, or 3 of `a b`", "use `mode:_full`, or 3 of `a_b`");
        let query = "query `SELECT customer, sum(amount) FROM orders`";
        check(query, query);
        check("s one  two ", "s one  two ");
    }

    #[test]
    fn colours_are_around_words_and_change_nothing_else() {
        let coloured = page(Paper::new(50, true));
        assert!(coloured.contains("  Verdict    : \u{1b}[1;31munsafe\u{1b}[0m because"), "{coloured}");
        assert!(coloured.contains("    • \u{1b}[33mwarning\u{1b}[0m ["), "{coloured}");
        let mut plain = coloured;
        for code in ["1", "33", "1;31", "0"] {
            plain = plain.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(plain, page(Paper::new(50, false)));
    }
}
