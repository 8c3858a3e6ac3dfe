use std::fmt::{Arguments, Write as _};

/// HTML that grows element by element. Whatever is not written in this program goes through [`escape`].
#[derive(Debug, Default)]
pub(super) struct Markup {
    html: String,
}

impl Markup {
    /// Writes what this program itself says, as it is.
    pub(super) fn raw(&mut self, html: &'static str) {
        self.html.push_str(html);
    }

    /// Writes text.
    pub(super) fn text(&mut self, text: &str) {
        self.html.push_str(&escape(text));
    }

    /// Begins an element. The class is none of an outsider's words.
    pub(super) fn open(&mut self, tag: &'static str, class: &'static str) {
        match class {
            "" => self.put(format_args!("<{tag}>")),
            _ => self.put(format_args!("<{tag} class=\"{class}\">")),
        }
    }

    /// Begins an element that links lead to.
    pub(super) fn open_with_id(&mut self, tag: &'static str, id: &str) {
        self.put(format_args!("<{tag} id=\"{}\">", escape(id)));
    }

    /// Ends an element.
    pub(super) fn close(&mut self, tag: &'static str) {
        self.put(format_args!("</{tag}>\n"));
    }

    /// Writes an element that holds text alone.
    pub(super) fn element(&mut self, tag: &'static str, class: &'static str, text: &str) {
        self.open(tag, class);
        self.text(text);
        self.put(format_args!("</{tag}>"));
    }

    /// Writes a link to an element of this page.
    pub(super) fn link(&mut self, id: &str, text: &str) {
        self.put(format_args!("<a href=\"#{}\">{}</a>", escape(id), escape(text)));
    }

    /// Writes a bar on a scale of 0 to 100, from one place to another.
    pub(super) fn bar(&mut self, class: &'static str, from: i32, to: i32) {
        let (from, to) = (from.clamp(0, 100), to.clamp(0, 100));
        let (left, width) = (from.min(to), from.abs_diff(to));
        self.put(format_args!(
            "<span class=\"bar\"><span class=\"{class}\" style=\"left:{left}%;width:{width}%\"></span></span>"
        ));
    }

    /// Returns the HTML.
    pub(super) fn finish(self) -> String {
        self.html
    }

    fn put(&mut self, text: Arguments<'_>) {
        self.html.write_fmt(text).expect("a string takes every write");
    }
}

/// Makes text of whatever it is: within elements and within quoted attributes alike. Control characters, which HTML
/// does not allow, become the sign for what can't be shown.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            _ if character.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        let check = |text: &str, expected: &str| assert_eq!(escape(text), expected);
        check("orders — 8 µs", "orders — 8 µs");
        check("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
        check("\" onload=\"x", "&quot; onload=&quot;x");
        check("&lt;", "&amp;lt;");
        check("a\u{1b}[31m\0b\nc", "a\u{fffd}[31m\u{fffd}b\nc");
    }

    #[test]
    fn bars_stay_on_their_scale() {
        let check = |from, to, expected: &str| {
            let mut markup = Markup::default();
            markup.bar("loss", from, to);
            let html = markup.finish();
            assert!(html.contains(expected), "{html}");
        };
        check(50, 62, "left:50%;width:12%");
        check(62, 50, "left:50%;width:12%");
        check(20, -15, "left:0%;width:20%");
        check(95, 120, "left:95%;width:5%");
    }
}
