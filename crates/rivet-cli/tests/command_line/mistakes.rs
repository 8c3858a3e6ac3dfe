use insta::assert_snapshot;
use rivet_history::RedbStore;
use rivet_testing::Finished;

use crate::{config, project};

/// Port 1 is nobody's: what these tests look at comes before a connection.
const NOWHERE: u16 = 1;

fn run(config: &str, arguments: &[&str]) -> Finished {
    let mut all = vec!["run"];
    all.extend(arguments);
    let project = project(config);
    let finished = project.command(&all).run();
    assert!(project.all_files("out").is_empty());
    finished
}

const BROKEN: &str = "\
source:
  type: postgres
  host: localhost
  user: reader
  password: swordfish
exports:
  - name: orders
    tabel: sales.orders
    format: parket
    destination: { type: local, path: out }
  - name: orders
    table: sales.orders
    batch_size: 10
    destination: { type: local, path: out }
";

#[test]
fn every_mistake_of_a_file_is_shown_at_once() {
    let finished = run(BROKEN, &[]);
    finished.assert_code(2).assert_silent_about("swordfish");
    assert_snapshot!(finished.stderr, @"
    rivet::config::invalid

      × `rivet.yaml` holds 4 mistakes

    Error: rivet::config::unknown_key

      × unknown key `tabel` in `exports[0]`
       ╭─[rivet.yaml:8:5]
     7 │   - name: orders
     8 │     tabel: sales.orders
       ·     ──┬──
       ·       ╰── no such key here
     9 │     format: parket
       ╰────
      help: Did you mean `table`?

    Error: rivet::config::unknown_word

      × `parket` is no value of `format`
        ╭─[rivet.yaml:9:13]
      8 │     tabel: sales.orders
      9 │     format: parket
        ·             ───┬──
        ·                ╰── not a known word
     10 │     destination: { type: local, path: out }
        ╰────
      help: Did you mean `parquet`? Known: `parquet`, `csv`.

    Error: rivet::config::duplicate_name

      × two exports are named `orders`
        ╭─[rivet.yaml:7:11]
      6 │ exports:
      7 │   - name: orders
        ·           ───┬──
        ·              ╰── the first
      8 │     tabel: sales.orders
      9 │     format: parket
     10 │     destination: { type: local, path: out }
     11 │   - name: orders
        ·           ───┬──
        ·              ╰── the second
     12 │     table: sales.orders
        ╰────
      help: Rename one of them: the name keeps cursors, files and reports apart.

    Error: rivet::config::unknown_key

      × unknown key `batch_size` in `exports[1]`
        ╭─[rivet.yaml:13:5]
     12 │     table: sales.orders
     13 │     batch_size: 10
        ·     ─────┬────
        ·          ╰── no such key here
     14 │     destination: { type: local, path: out }
        ╰────
      help: Move it: `batch_size` belongs under `tuning`, here.
    ");
    assert_eq!(finished.stdout, "");
}

#[test]
fn every_mistake_is_a_line_of_json() {
    let finished = run(BROKEN, &["--json-errors"]);
    finished.assert_code(2).assert_silent_about("swordfish");
    assert_snapshot!(finished.stderr, @r#"
    {"code":"rivet::config::unknown_key","message":"unknown key `tabel` in `exports[0]`","help":"Did you mean `table`?","labels":[{"file":"rivet.yaml","line":8,"column":5,"offset":104,"length":5,"text":"no such key here"}],"retry":"never","exit_code":2}
    {"code":"rivet::config::unknown_word","message":"`parket` is no value of `format`","help":"Did you mean `parquet`? Known: `parquet`, `csv`.","labels":[{"file":"rivet.yaml","line":9,"column":13,"offset":136,"length":6,"text":"not a known word"}],"retry":"never","exit_code":2}
    {"code":"rivet::config::duplicate_name","message":"two exports are named `orders`","help":"Rename one of them: the name keeps cursors, files and reports apart.","labels":[{"file":"rivet.yaml","line":11,"column":11,"offset":197,"length":6,"text":"the second"},{"file":"rivet.yaml","line":7,"column":11,"offset":93,"length":6,"text":"the first"}],"retry":"never","exit_code":2}
    {"code":"rivet::config::unknown_key","message":"unknown key `batch_size` in `exports[1]`","help":"Move it: `batch_size` belongs under `tuning`, here.","labels":[{"file":"rivet.yaml","line":13,"column":5,"offset":232,"length":10,"text":"no such key here"}],"retry":"never","exit_code":2}
    "#);
}

#[test]
fn a_missing_file_is_named() {
    let finished = run("", &["-c", "elsewhere/rivet.yaml"]);
    finished.assert_code(2);
    assert_snapshot!(finished.stderr, @"
    rivet::config::file_not_found

      × there is no file `elsewhere/rivet.yaml`
      help: Name the file with `--config FILE`; the README has one to begin with.
    ");
}

#[test]
fn an_unknown_export_is_answered_with_those_that_there_are() {
    let finished = run(&config("localhost", NOWHERE), &["-e", "order"]);
    finished.assert_code(2);
    assert_snapshot!(finished.stderr, @"
    rivet::core::no_such_export

      × no export is named `order`
      help: The configuration has `orders`, `lines`.
    ");
}

#[test]
fn two_things_on_standard_output_are_refused() {
    let finished = run(&config("localhost", NOWHERE), &["--json"]);
    finished.assert_code(2);
    assert!(
        finished.stderr.contains("`--json` and export `lines` both write to standard output"),
        "{}",
        finished.stderr
    );

    let finished = run(&config("localhost", NOWHERE), &["--validate", "-e", "lines"]);
    finished.assert_code(2);
    assert!(finished.stderr.contains("can't read back what export `lines` writes"), "{}", finished.stderr);
}

#[test]
fn what_clap_refuses_is_a_line_of_json_too() {
    let finished = run("", &["--json-errors", "--parallel-exports", "none"]);
    finished.assert_code(2);
    assert_snapshot!(finished.stderr, @r#"{"code":"rivet::cli::usage","message":"invalid value 'none' for '--parallel-exports [<N>]': invalid digit found in string","help":"Run `rivet --help` to see what there is.","retry":"never","exit_code":2}"#);
}

#[test]
fn a_wrong_parameter_is_not_repeated() {
    let finished = run("", &["-p", "a=1", "-p", "swordfish"]);
    finished.assert_code(2).assert_silent_about("swordfish");
    assert!(finished.stderr.contains("`--param` number 2 is not of the form `KEY=VALUE`"), "{}", finished.stderr);
}

#[test]
fn a_wrong_log_level_is_refused() {
    let project = project(&config("localhost", NOWHERE));
    let finished = project.command(&["run"]).env("RIVET_LOG", "rivet=loud").run();
    finished.assert_code(2);
    assert!(finished.stderr.contains("`RIVET_LOG` is not a list of log levels"), "{}", finished.stderr);
}

#[test]
fn a_report_that_has_no_folder_is_refused_before_the_run() {
    let finished = run(&config("localhost", NOWHERE), &["--summary-output", "nowhere/report.json"]);
    finished.assert_code(2);
    assert!(
        finished.stderr.contains("`--summary-output nowhere/report.json` can't become a file"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_state_store_in_use_is_a_failure_that_passes() {
    let project = project(&config("localhost", NOWHERE));
    let store = RedbStore::open(project.path(".rivet/state.redb")).unwrap();
    let finished = project.command(&["run", "-e", "orders"]).run();
    finished.assert_code(5);
    assert!(finished.stderr.contains("rivet::history::locked"), "{}", finished.stderr);
    drop(store);
}

#[test]
fn a_state_store_on_a_server_is_not_opened_yet() {
    let text = format!("{}state: {{ url: 'postgres://reader@localhost/state' }}\n", config("localhost", NOWHERE));
    let finished = run(&text, &["-e", "orders"]);
    finished.assert_code(2);
    assert!(finished.stderr.contains("the state store is a database server"), "{}", finished.stderr);
}
