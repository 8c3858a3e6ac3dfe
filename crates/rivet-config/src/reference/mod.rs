//! The reference of all keys: what a person reads first, then tables made from the schema.

mod introduction;
mod modes;

use std::fmt::Write as _;

use crate::schema::{SECTIONS, Section};

/// Returns the reference of all keys as Markdown: what `docs/configuration.md` holds.
pub fn reference() -> String {
    let mut text = [introduction::INTRODUCTION, modes::MODES, introduction::TUNING, "\n## Keys\n"].concat();
    for section in SECTIONS.iter().filter(|section| is_listed(section)) {
        write_section(&mut text, section);
    }
    text
}

/// `defaults` has the keys of an export: they are listed once.
fn is_listed(section: &Section) -> bool {
    !section.place.starts_with("defaults") && section.place != "exports[].tuning"
}

fn write_section(text: &mut String, section: &Section) {
    let title = match section.place.as_str() {
        "" => "The root".to_owned(),
        "exports[]" => "`exports[]` and `defaults`".to_owned(),
        "source.tuning" => "`source.tuning` and `exports[].tuning`".to_owned(),
        "exports[].mask.*" => "`exports[].mask.COLUMN`".to_owned(),
        place => format!("`{place}`"),
    };
    writeln!(text, "\n### {title}\n").expect("writing to a string does not fail");
    if !section.place.is_empty() && !section.description.is_empty() {
        writeln!(text, "{}\n", section.description).expect("writing to a string does not fail");
    }
    text.push_str("| key | type | meaning |\n|---|---|---|\n");
    for key in &section.keys {
        let (kind, description) = (key.kind.replace('|', "\\|"), key.description.replace('|', "\\|"));
        writeln!(text, "| `{}` | {kind} | {description} |", key.name).expect("writing to a string does not fail");
    }
}
