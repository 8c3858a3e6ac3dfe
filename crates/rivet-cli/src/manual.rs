//! Writes `docs/cli.md` from the command line itself. Compiled for tests only: a test compares the file.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use crate::app::App;
use crate::exit::Exit;

const INTRODUCTION: &str = "\
# Commands

This page is made from the program itself by `RIVET_UPDATE_DOCS=1 cargo test -p rivet-cli manual`; a test compares the
two. `rivet --help` and `rivet COMMAND --help` print the same.
";

const STREAMS: &str = "\
## Output

Standard output has data and nothing else: the rows of an export with the destination `stdout`, the report of
`run --json` and `apply --json`, a plan, what `check`, `doctor`, `metrics` and `state` answer, a schema, a completion
script.
Progress, the summary, errors and logs go to standard error.

On a terminal each export has a line that is drawn anew: rows, bytes, rates, chunks and the time left. Elsewhere there
are plain lines, at most one per export in ten seconds. Colour is used on a terminal only, and not where `NO_COLOR` is
set.

The report of `--json` and `--summary-output` is one JSON object: `rivet_version`, `status` (`success`, `failed` or
`interrupted`), `exit_code`, `duration_ms`, `peak_memory_bytes`, `exports` and `errors`. It is written also where the
run fails or does not begin. An entry of `exports` has, among others, `chunks`, `chunks_resumed` (those that an earlier
process had read), `statements`, and `cursor_before` and `cursor_after` with `columns` and typed `values`. One that was
run from a plan has `plan` with `plan_id` and, where that is so, what was `forced`; and `committed_by` with the run that
had committed it by the same plan before, in which case it was `skipped`.

The first ctrl-c (SIGINT) or SIGTERM stops a run cleanly: its statements are ended on the server, and files that are
not committed are removed, or kept out of sight where the run may be gone on with. The second one ends the process at
once; the next run then clears up what was left, or goes on with it.
";

/// Returns the whole page.
fn manual() -> String {
    let mut command = App::command();
    command.build();
    let mut page = INTRODUCTION.to_owned();
    section(&mut page, &command);
    page.push('\n');
    page.push_str(STREAMS);
    exit_codes(&mut page);
    page
}

/// Writes a command and, below it, its own commands.
fn section(page: &mut String, command: &Command) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    write(page, format_args!("\n## `{name}`\n\n{}\n\n", text(command.get_long_about().or(command.get_about()))));
    let usage = command.clone().render_usage().to_string();
    write(page, format_args!("```text\n{}\n```\n", usage.trim_start_matches("Usage: ").trim()));
    let commands: Vec<&Command> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    if !commands.is_empty() {
        page.push_str("\n| command | |\n|---|---|\n");
    }
    for command in &commands {
        write(page, format_args!("| `{}` | {} |\n", command.get_name(), text(command.get_about())));
    }
    arguments(page, command);
    for command in commands {
        section(page, command);
    }
}

/// Writes the arguments of a command; those that every command has stand with the first one.
fn arguments(page: &mut String, command: &Command) {
    let is_root = command.get_name() == "rivet";
    let is_listed = |argument: &&Arg| {
        let common = argument.is_global_set() || argument.get_id() == "help";
        !argument.is_hide_set() && (is_root || !common)
    };
    let mut begun = false;
    for argument in command.get_arguments().filter(is_listed) {
        if !begun {
            page.push('\n');
            begun = true;
        }
        write(page, format_args!("- {}: {}\n", spelling(argument), explanation(argument)));
    }
}

/// `-c`, `--config FILE`
fn spelling(argument: &Arg) -> String {
    let values: Vec<&str> =
        argument.get_value_names().unwrap_or_default().iter().map(clap::builder::Str::as_str).collect();
    let values = if argument.get_action().takes_values() { values.join(" ") } else { String::new() };
    let optional = argument.get_num_args().is_some_and(|count| count.min_values() == 0);
    let values = if optional && !values.is_empty() { format!("[{values}]") } else { values };
    let mut words = Vec::new();
    words.extend(argument.get_short().map(|short| format!("-{short}")));
    words.extend(argument.get_long().map(|long| format!("--{long} {values}").trim_end().to_owned()));
    if words.is_empty() {
        words.push(values);
    }
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn explanation(argument: &Arg) -> String {
    let mut explanation = text(argument.get_long_help().or(argument.get_help()));
    let words: Vec<String> =
        argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if argument.get_action().takes_values() && !words.is_empty() {
        write(&mut explanation, format_args!(" One of {}.", words.join(", ")));
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if argument.get_action().takes_values() && !defaults.is_empty() {
        write(&mut explanation, format_args!(" Default: {}.", defaults.join(", ")));
    }
    explanation
}

fn exit_codes(page: &mut String) {
    page.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for exit in Exit::ALL {
        write(page, format_args!("| {} | {} |\n", exit.code(), exit.meaning()));
    }
    page.push_str(
        "\nWhere several exports end in several ways, 130 comes before 3, 3 before 1, and 1 before 5: the code 5 says \
         that\nnothing but time is needed.\n",
    );
}

/// A help text as one paragraph that ends as a sentence: clap takes the last full stop away.
fn text(help: Option<&clap::builder::StyledStr>) -> String {
    let mut text = help.map(ToString::to_string).unwrap_or_default();
    text = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(sentence).collect::<Vec<_>>().join(" ");
    text
}

fn sentence(line: &str) -> String {
    if line.ends_with(['.', ':', ',', ';']) { line.to_owned() } else { format!("{line}.") }
}

fn write(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rivet_config::Environment;

    use super::*;

    #[test]
    fn the_manual_is_what_the_program_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
        let page = manual();
        if Environment::process().get("RIVET_UPDATE_DOCS").is_some() {
            fs::write(&path, &page).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, page, "run `RIVET_UPDATE_DOCS=1 cargo test -p rivet-cli manual`");
    }

    #[test]
    fn nothing_is_without_an_explanation() {
        fn check(command: &Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} of {}", argument.get_id(), command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&App::command());
    }
}
