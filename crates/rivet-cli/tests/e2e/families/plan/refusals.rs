//! What is no longer what was planned is not applied.

use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use rivet_core::Plan as Document;
use rivet_testing::{Family, MysqlDatabase, on_both_families};
use serde_json::Value;

use super::recorder::Recorder;
use super::support::{User, desk, fill, insert, table};
use crate::ledger::committed;
use crate::plan::refusals::assert_refused;
use crate::plan::support::Desk;

#[track_caller]
fn assert_says(said: &str, texts: &[&str]) {
    for text in texts {
        assert!(said.contains(text), "`{text}` is missing in: {said}");
    }
}

fn a_cursor_that_has_moved_since_is_refused(family: Family) {
    let database = table(family, 100);
    let desk = desk(&database, &["name: it, table: t, mode: incremental, cursor_column: id"]);
    desk.plan();
    desk.run_well();
    let said = assert_refused(&desk, 1, "rivet::plan::moved_cursor", &[]);
    assert_says(&said, &["it stood at the start", "stands at (100)", "Make a new plan with `rivet plan`"]);
    assert_refused(&desk, 1, "rivet::plan::moved_cursor", &["--force"]);
    // Back to the start by hand is another position, too.
    desk.plan();
    desk.command(&["state", "reset", "-e", "it"]).run().assert_code(0);
    let said = assert_refused(&desk, 1, "rivet::plan::moved_cursor", &[]);
    assert_says(&said, &["it stood at (100)", "stands at the start"]);
}

fn columns_that_have_changed_are_refused(family: Family) {
    let keys = "name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 2";
    for change in [
        "ALTER TABLE t ADD COLUMN more int",
        "ALTER TABLE t MODIFY at varchar(40)",
        "ALTER TABLE t CHANGE at moment timestamp NOT NULL",
        "ALTER TABLE t MODIFY id bigint unsigned",
    ] {
        let database = table(family, 100);
        let desk = desk(&database, &[keys]);
        desk.plan();
        database.execute(change);
        let said = assert_refused(&desk, 1, "rivet::plan::changed_columns", &[]);
        assert_says(&said, &["export `it`", "have changed since the plan was made", "Make a new plan"]);
    }
}

/// Whether a key may be NULL decides whether there is a chunk for such rows.
fn a_key_that_may_be_null_now_is_refused(family: Family) {
    let database = MysqlDatabase::create(family);
    let rows = insert("t", "n, NULL", 1, 1_000);
    fill(&database, &format!("CREATE TABLE t (id bigint NOT NULL UNIQUE, word text); {rows}"));
    let desk = desk(&database, &["name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 4"]);
    desk.plan();
    database.execute("ALTER TABLE t MODIFY id bigint NULL; INSERT INTO t VALUES (NULL, 'lost')");
    assert_refused(&desk, 1, "rivet::plan::changed_columns", &[]);
    desk.plan();
    assert_eq!(desk.apply_well(&[]).export(0)["rows"], 1_001);
}

fn an_address_that_leads_elsewhere_is_refused(family: Family) {
    let (planned, other) = (table(family, 100), table(family, 100));
    let desk = desk(&planned, &["name: it, table: t, mode: full"]);
    desk.plan();
    let desk = desk.led_to(other.url());
    let said = assert_refused(&desk, 2, "rivet::config::source_differs", &[]);
    assert_says(&said, &["SOURCE_URL", "it differs in `database`", planned.name(), "make a new plan"]);
    let said = assert_refused(&desk.led_to(""), 2, "rivet::config::credentials_variable", &[]);
    assert_says(&said, &["`SOURCE_URL` is empty", "Set `SOURCE_URL`"]);
}

fn an_export_that_could_not_be_planned_is_not_applied(family: Family) {
    let database = table(family, 1);
    let desk = desk(&database, &["name: good, table: t, mode: full", "name: gone, table: nowhere, mode: full"]);
    let plan = desk.try_plan(&[]);
    plan.finished.assert_code(1);
    assert!(plan.finished.stderr.contains("nowhere"), "{}", plan.finished.stderr);
    let outcome = desk.apply(&[]);
    outcome.finished.assert_code(1);
    assert_eq!(outcome.report["errors"][0]["code"], "rivet::plan::not_planned");
    assert_eq!(committed(&desk.project).len(), 1, "the other one is applied");
    // It is not begun later either, when the table is there: nobody has looked at it.
    database.execute("CREATE TABLE nowhere (id int)");
    assert_refused(&desk, 1, "rivet::plan::not_planned", &["-e", "gone"]);
}

fn read(desk: &Desk) -> String {
    fs::read_to_string(desk.project.path("plan.json")).expect("it was planned")
}

fn a_plan_that_was_edited_or_has_expired_is_refused(family: Family) {
    let database = table(family, 1_000);
    let desk = desk(&database, &["name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 4"]);
    desk.plan();
    let plan: Value = serde_json::from_str(&read(&desk)).expect("a plan is JSON");
    let edits: [fn(&mut Value); 4] = [
        |plan| plan["exports"][0]["computed"]["chunk_ranges"][1]["upper"]["values"][0]["value"] = 751.into(),
        |plan| plan["expires_at"] = "2999-01-01T00:00:00Z".into(),
        |plan| plan["exports"][0]["probes"][0]["times"] = 2.into(),
        |plan| plan["seal"] = "00".repeat(32).into(),
    ];
    for edit in edits {
        let mut edited = plan.clone();
        edit(&mut edited);
        assert_ne!(edited, plan, "nothing was edited");
        desk.project.write("plan.json", &edited.to_string());
        for more in [&[][..], &["--force"]] {
            let said = assert_refused(&desk, 2, "rivet::plan::broken_seal", more);
            assert_says(&said, &["was changed after it was sealed", "Change the configuration instead"]);
        }
    }
    let mut newer = plan.clone();
    newer["format_version"] = 2.into();
    desk.project.write("plan.json", &newer.to_string());
    assert_refused(&desk, 2, "rivet::plan::newer_format", &["--force"]);
    // The same, sealed a day ago.
    let document = Document::from_json(&plan.to_string()).expect("it was sealed");
    let made = Timestamp::now() - SignedDuration::from_hours(25);
    let aged = Document::seal(document.exports, vec![PathBuf::from("rivet.yaml")], &[], made).expect("it was one plan");
    desk.project.write("plan.json", &aged.to_json());
    let said = assert_refused(&desk, 2, "rivet::plan::expired", &[]);
    assert_says(&said, &["it was made 25 h ago", "`--force`"]);
    desk.apply_well(&["--force"]);
}

on_both_families!(
    a_cursor_that_has_moved_since_is_refused,
    columns_that_have_changed_are_refused,
    a_key_that_may_be_null_now_is_refused,
    an_address_that_leads_elsewhere_is_refused,
    an_export_that_could_not_be_planned_is_not_applied,
    a_plan_that_was_edited_or_has_expired_is_refused,
);

/// A proxy in between, so that the address stays the same.
#[test]
fn a_plan_is_not_applied_to_another_server_at_the_same_address_mysql_and_mariadb() {
    let (one, two) = (table(Family::Mysql, 100), table(Family::Mariadb, 100));
    two.execute(&format!("CREATE DATABASE {0}; RENAME TABLE {1}.t TO {0}.t", one.name(), two.name()));
    let user = User::create(&one, "same", &[("SELECT", "t")]);
    two.execute(&format!("CREATE USER {0} IDENTIFIED BY 'same'; GRANT SELECT ON *.* TO {0}", user.name()));
    let place = Recorder::start(one.url());
    let desk = Desk::at(&place.url(&user.url("same")), &["name: it, table: t, mode: full"]);
    let plan = desk.plan();
    let planned_for = plan.export("it")["resolved_plan"]["server"]["system_id"].clone();
    place.lead_to(two.url());
    let outcome = desk.apply(&[]);
    two.execute(&format!("DROP DATABASE {}; DROP USER {}", one.name(), user.name()));
    let error = &outcome.report["errors"][0];
    assert_eq!(error["code"], "rivet::plan::other_server", "{error:#}");
    let said = format!("{error}");
    assert_says(&said, &[planned_for.as_str().expect("a server says who it is"), "make a new plan"]);
}
