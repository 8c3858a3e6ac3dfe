use insta::assert_snapshot;
use rivet_testing::Project;

use super::{refused, refused_command};

fn project(text: &str) -> Project {
    Project::new(env!("CARGO_BIN_EXE_rivet"), text)
}

/// A configuration that is right but for what a test changes in it.
fn changed(from: &str, to: &str) -> Project {
    let right = "\
source:
  type: postgres
  host: localhost
  user: reader
  password: swordfish
  database: shop
exports:
  - name: orders
    table: orders
    destination: { type: local, path: out }
";
    assert!(right.contains(from));
    project(&right.replace(from, to))
}

#[test]
fn an_unknown_key() {
    assert_snapshot!(refused(&changed("table:", "tabel:"), 2), @"
    rivet::config::unknown_key

      × unknown key `tabel` in `exports[0]`
        ╭─[rivet.yaml:9:5]
      8 │   - name: orders
      9 │     tabel: orders
        ·     ──┬──
        ·       ╰── no such key here
     10 │     destination: { type: local, path: out }
        ╰────
      help: Did you mean `table`?
    ");
}

#[test]
fn a_value_of_a_wrong_type() {
    assert_snapshot!(refused(&changed("database: shop", "database: shop\n  tuning: { max_retries: often }"), 2), @"
    rivet::config::wrong_type

      × `max_retries` must be a whole number from 0 to 4294967295, not a text
       ╭─[rivet.yaml:7:26]
     6 │   database: shop
     7 │   tuning: { max_retries: often }
       ·                          ──┬──
       ·                            ╰── this is a text
     8 │ exports:
       ╰────
    ");
}

#[test]
fn two_exports_of_one_name() {
    let twice = "  - name: orders\n    table: orders\n    destination: { type: local, path: out }\n";
    assert_snapshot!(refused(&changed(twice, &twice.repeat(2)), 2), @"
    rivet::config::duplicate_name

      × two exports are named `orders`
        ╭─[rivet.yaml:8:11]
      7 │ exports:
      8 │   - name: orders
        ·           ───┬──
        ·              ╰── the first
      9 │     table: orders
     10 │     destination: { type: local, path: out }
     11 │   - name: orders
        ·           ───┬──
        ·              ╰── the second
     12 │     table: orders
        ╰────
      help: Rename one of them: the name keeps cursors, files and reports apart.
    ");
}

#[test]
fn a_variable_that_is_not_set() {
    assert_snapshot!(refused(&changed("password: swordfish", "password: ${SHOP_PASSWORD}"), 2), @"
    rivet::config::unset_variable

      × `${SHOP_PASSWORD}` is not set: there is no environment variable of this name
       ╭─[rivet.yaml:5:13]
     4 │   user: reader
     5 │   password: ${SHOP_PASSWORD}
       ·             ────────┬───────
       ·                     ╰── reads `SHOP_PASSWORD`
     6 │   database: shop
       ╰────
      help: Set the environment variable `SHOP_PASSWORD`, or write `$${SHOP_PASSWORD}` where the text
            itself is meant.
    ");
    assert_snapshot!(refused(&changed("password: swordfish", "password_env: SHOP_PASSWORD"), 2), @"
    rivet::config::unset_variable

      × the environment variable `SHOP_PASSWORD` is not set
       ╭─[rivet.yaml:5:17]
     4 │   user: reader
     5 │   password_env: SHOP_PASSWORD
       ·                 ──────┬──────
       ·                       ╰── named here
     6 │   database: shop
       ╰────
      help: Set it where Rivet runs, or name another variable.
    ");
}

#[test]
fn a_file_that_is_no_yaml() {
    assert_snapshot!(refused(&changed("  type: postgres", "  type: [postgres"), 2), @"
    rivet::config::syntax

      × the file is not valid YAML: illegal placement of ':' indicator
       ╭─[rivet.yaml:3:7]
     2 │   type: [postgres
     3 │   host: localhost
       ·       ┬
       ·       ╰── here
     4 │   user: reader
       ╰────
      help: Check indentation, quotes and brackets at this place and on the line above; a text with
            `{` in it needs quotes.
    ");
}

#[test]
fn a_query_file_that_is_not_there_or_no_file() {
    assert_snapshot!(refused(&changed("table: orders", "query_file: orders.sql"), 2), @"
    rivet::config::file_not_readable

      × the file `orders.sql` can't be read: there is no such file
        ╭─[rivet.yaml:9:17]
      8 │   - name: orders
      9 │     query_file: orders.sql
        ·                 ─────┬────
        ·                      ╰── here
     10 │     destination: { type: local, path: out }
        ╰────
      help: The path is relative to the configuration's folder. Check that the file exists and may be
            read.
    ");
    let project = changed("table: orders", "query_file: queries");
    project.write("queries/orders.sql", "SELECT 1");
    assert_snapshot!(refused(&project, 2), @"
    rivet::config::file_not_readable

      × the file `queries` can't be read: it is a folder
        ╭─[rivet.yaml:9:17]
      8 │   - name: orders
      9 │     query_file: queries
        ·                 ───┬───
        ·                    ╰── here
     10 │     destination: { type: local, path: out }
        ╰────
      help: The path is relative to the configuration's folder. Check that the file exists and may be
            read.
    ");
}

#[test]
fn an_export_that_does_not_exist() {
    let project = changed("", "");
    assert_snapshot!(refused_command(&project, project.command(&["run", "-e", "order"]), 2), @"
    rivet::core::no_such_export

      × no export is named `order`
      help: The configuration has `orders`.
    ");
}

#[test]
fn a_mode_that_a_stream_is_not_for() {
    let project = changed(
        "destination: { type: local, path: out }",
        "mode: incremental\n    cursor_column: updated_at\n    destination: { type: stdout }",
    );
    assert_snapshot!(refused_command(&project, project.command(&["run"]), 2), @"
    rivet::core::not_run

      × export `orders` asks for `mode: incremental` with `type: stdout`, which this version of Rivet does not run
      help: Write to a folder: a stream does not tell whether its rows arrived, so that the position
            would be a guess.
    ");
}

#[test]
fn a_destination_without_its_keys() {
    let destination = "{ type: s3, bucket: lake, access_key_env: RIVET_TEST_UNSET, secret_key_env: RIVET_TEST_UNSET }";
    assert_snapshot!(refused(&changed("{ type: local, path: out }", destination), 2), @"
    rivet::writer::credentials

      × cannot use `s3://lake`: the variable `RIVET_TEST_UNSET` is not set
      help: Set `RIVET_TEST_UNSET`, which `access_key_env` names, or name another variable there.
    ");
}

#[test]
fn a_file_that_is_not_there() {
    let project = changed("", "");
    assert_snapshot!(refused_command(&project, project.command(&["run", "-c", "rivet.yml"]), 2), @"
    rivet::config::file_not_found

      × there is no file `rivet.yml`
      help: Name the file with `--config FILE`; the README has one to begin with.
    ");
}
