use jiff::tz;

use crate::check::Checker;
use crate::document::Path;
use crate::error::FindingKind;
use crate::mistakes::Mistake;
use crate::schema::listed;

/// The zone where nothing is said.
const DEFAULT: &str = "UTC";

/// Names that are suggested, at most.
const SUGGESTIONS: usize = 3;

/// Reads the name of a zone of the IANA database, which is built in; returns it as the database spells it.
pub(crate) fn check(name: Option<&str>, at: &Path, cx: &mut Checker<'_>) -> Option<String> {
    let Some(name) = name else { return Some(DEFAULT.to_owned()) };
    if let Some(known) = known(name) {
        return Some(known);
    }
    let shown = cx.tree.get(at).is_some_and(|node| !node.expanded);
    let near = if shown { nearest(name) } else { Vec::new() };
    let help = if near.is_empty() {
        "Write a name such as `UTC`, `Europe/Berlin` or `America/New_York`.".to_owned()
    } else {
        format!("Did you mean {}?", listed(&near).replace(", ", " or "))
    };
    let message = format!("{} is no time zone of the IANA database", cx.quote(at, name));
    cx.push(Mistake::new(FindingKind::UnknownWord, at, message).label("not a known name").help(help));
    None
}

fn known(name: &str) -> Option<String> {
    let zone = tz::db().get(name).ok().filter(|zone| !zone.is_unknown())?;
    zone.iana_name().map(ToOwned::to_owned)
}

/// Returns the names that are nearest to what was written: as a whole, or in their last part, so that `berlin` leads to
/// `Europe/Berlin`.
fn nearest(written: &str) -> Vec<String> {
    let written = written.trim().to_lowercase().replace([' ', '-'], "_");
    // A third of the letters may differ: more is another word.
    let limit = written.chars().count() / 3;
    let mut names: Vec<(usize, String)> = tz::db()
        .available()
        .map(|name| name.to_string())
        .map(|name| (distance(&written, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    names.sort();
    let best = names.first().map_or(0, |(distance, _)| *distance);
    // Names that are farther off than the best ones only distract.
    names.retain(|(distance, _)| *distance <= best);
    names.truncate(SUGGESTIONS);
    names.into_iter().map(|(_, name)| name).collect()
}

fn distance(written: &str, name: &str) -> usize {
    let last = name.rsplit('/').next().unwrap_or(name);
    strsim::osa_distance(written, name).min(strsim::osa_distance(written, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_the_database_spells_them() {
        let check = |name: &str, expected: Option<&str>| assert_eq!(known(name).as_deref(), expected, "{name}");
        check("UTC", Some("UTC"));
        check("europe/berlin", Some("Europe/Berlin"));
        check("Etc/GMT-2", Some("Etc/GMT-2"));
        check("Berlin", None);
        check("+02:00", None);
        check("Etc/Unknown", None);
        check("", None);
    }

    #[test]
    fn what_is_near_is_suggested() {
        let check = |written: &str, expected: &[&str]| assert_eq!(nearest(written), expected, "{written}");
        check("Europe/Berln", &["Europe/Berlin"]);
        check("new york", &["America/New_York"]);
        check("berlin", &["Europe/Berlin"]);
        check("+02:00", &[]);
        check("nowhere in particular", &[]);
        check("", &[]);
    }
}
