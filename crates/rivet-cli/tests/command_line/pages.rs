use std::io::pipe;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;

use crate::project;

fn page(arguments: &[&str]) -> String {
    let finished = project("").command(arguments).env("COLUMNS", "100").run();
    finished.assert_code(0);
    assert_eq!(finished.stderr, "");
    let lines: Vec<&str> = finished.stdout.lines().map(str::trim_end).collect();
    lines.join("\n")
}

#[test]
fn help_says_what_there_is() {
    assert_snapshot!(page(&["--help"]), @"
    Tables and queries out of PostgreSQL, MySQL and MariaDB into Parquet and CSV.

    Data goes to standard output, everything else to standard error.

    Usage: rivet [OPTIONS] <COMMAND>

    Commands:
      run          Run the exports of a configuration
      plan         Find out what a run would read and what it would cost, and what to run first
      apply        Run a sealed plan, as `rivet plan` has written it
      check        Say what is to be said of exports before they run: verdicts, findings, profiles,
                   types
      doctor       Try everything that runs need: the state store, the destinations and the source
      metrics      Show what earlier runs took and gave, and what planning takes from them
      state        Show and change what Rivet remembers of exports
      schema       Print the schema of a file that Rivet reads
      completions  Print a script that completes `rivet` in a shell

    Options:
          --json-errors
              Write each error as one line of JSON, and nothing else, to standard error.

              The object has the keys `code`, `message`, `retry` (`never` or `backoff`) and `exit_code`,
              and where there is something to say also `help`, `causes`, `export` and `labels`: places
              with `file`, `line`, `column`, `offset`, `length` and `text`.

          --log-format <FORMAT>
              How log lines and the events of a run are written

              Possible values:
              - text: Lines for a person
              - json: One JSON object per line, for errors too; the summary is left out

              [default: text]

      -v, --verbose...
              Log more: once for milestones, twice for every chunk, three times for everything.

              The environment variable `RIVET_LOG` sets the same by crate, for example
              `rivet_core=debug`, and wins.

          --no-progress
              Show no progress; the summary stays

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version
    ");
    assert_snapshot!(page(&["run", "-h"]), @"
    Run the exports of a configuration

    Usage: rivet run [OPTIONS]

    Options:
      -c, --config <FILE>           The configuration [default: rivet.yaml]
          --json-errors             Write each error as one line of JSON, and nothing else, to standard
                                    error
          --log-format <FORMAT>     How log lines and the events of a run are written [default: text]
                                    [possible values: text, json]
      -p, --param <KEY=VALUE>       What `${KEY}` in a query stands for; may be given several times
      -e, --export <NAME>           Run this export only; may be given several times
      -v, --verbose...              Log more: once for milestones, twice for every chunk, three times
                                    for everything
          --no-progress             Show no progress; the summary stays
          --resume                  Go on with runs that did not come to their end, in every mode and
                                    however old they are, where the configuration still asks for the
                                    same files
          --parallel-exports [<N>]  How many exports run at once; without a number all of them, at most
                                    one per core
          --validate                Read every part back and compare it with its manifest before
                                    anything becomes visible
          --summary-output <FILE>   Write the report as JSON to a file, however the run ends
          --json                    Write the report as JSON to standard output, in place of the summary
      -h, --help                    Print help (see more with '--help')
    ");
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(page(&["--version"]), format!("rivet {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_schema_is_json() {
    let schema: Value = serde_json::from_str(&page(&["schema", "config"])).unwrap();
    assert!(schema["properties"]["exports"].is_object());
}

#[test]
fn completions_are_written_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = page(&["completions", shell]);
        assert!(script.contains("summary-output"), "{shell}");
    }
}

#[test]
fn a_completion_script_is_valid_bash() {
    let project = project("");
    project.write("rivet.bash", &page(&["completions", "bash"]));
    let checked = Command::new("bash").arg("-n").arg(project.path("rivet.bash")).status().unwrap();
    assert!(checked.success());
}

#[test]
fn no_command_is_a_mistake() {
    let finished = project("").command(&[]).run();
    finished.assert_code(2);
    assert!(finished.stderr.contains("Usage: rivet"), "{}", finished.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for arguments in [&["schema", "config"][..], &["completions", "bash"], &["--help"]] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_rivet")).args(arguments).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{arguments:?}");
    }
}
