use std::path::Path;

use proptest::prelude::*;
use rivet_config::{Overrides, parse_str};

use crate::round_trip;
use crate::support::{environment, render, yaml_files};

/// What is put into a file in place of some of its characters.
const SHARDS: &[&str] = &[
    "",
    " ",
    "\n",
    "\n  ",
    "- ",
    ":",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "'",
    "\"",
    "#",
    "&a",
    "*a",
    "<<: ",
    "|",
    "~",
    "null",
    "${",
    "${X}",
    "$${X}",
    "é",
    "\u{feff}",
    "0x1F",
    "1e400",
    "-1",
    ".nan",
    "18446744073709551616",
    "!!int ",
    "---\n",
    "\t",
    "true",
    "source",
    "exports: 5\n",
    "defaults: [1]\n",
];

fn texts() -> Vec<String> {
    let files = yaml_files("valid").into_iter().chain(yaml_files("errors"));
    files.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Puts shards into a text, each in place of a few characters.
fn damaged(text: &str, wounds: &[(prop::sample::Index, usize, usize)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, length, shard) in wounds {
        let start = at.index(chars.len() + 1);
        let end = (start + length).min(chars.len());
        chars.splice(start..end, SHARDS[*shard].chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_judged_and_every_place_can_be_shown(
        file in any::<prop::sample::Index>(),
        wounds in prop::collection::vec((any::<prop::sample::Index>(), 0..6_usize, 0..SHARDS.len()), 1..5),
    ) {
        let texts = texts();
        let text = damaged(&texts[file.index(texts.len())], &wounds);
        match parse_str(&text, Path::new("conf/rivet.yaml"), &environment(), &Overrides::default()) {
            Ok(config) => round_trip::check(&config),
            Err(errors) => {
                prop_assert!(!errors.findings().is_empty());
                let shown = render(&errors);
                prop_assert!(!shown.contains("OutOfBounds"), "{}", shown);
            }
        }
    }
}
