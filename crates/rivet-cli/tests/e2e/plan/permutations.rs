//! The order of the exports in a configuration is no matter.

use serde_json::Value;

use super::exact::table;
use super::support::{Desk, fill, swell};

const EXPORTS: [&str; 6] = [
    "name: whole, table: t, mode: full, source_group: one",
    "name: chunks, table: big, mode: chunked, chunk_column: id, chunk_count: 9, source_group: one",
    "name: cursor, table: big, mode: incremental, cursor_column: id, source_group: one",
    "name: window, table: t, mode: time_window, time_column: at, days_window: 3",
    "name: query, query: 'SELECT id FROM t', mode: full",
    "name: broken, table: nowhere, mode: full",
];

/// Blanks identifiers and times.
fn blanked(value: &Value) -> Value {
    const TIMES: [&str; 6] = ["plan_id", "seal", "created_at", "expires_at", "milliseconds", "at"];
    match value {
        Value::Object(fields) => {
            let blank = |(key, value): (&String, &Value)| {
                (key.clone(), if TIMES.contains(&key.as_str()) { Value::Null } else { blanked(value) })
            };
            Value::Object(fields.iter().map(blank).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(blanked).collect()),
        scalar => scalar.clone(),
    }
}

#[test]
fn no_byte_of_a_plan_depends_on_the_order_of_its_exports() {
    let database = table(500);
    fill(&database, "CREATE TABLE big (id bigint PRIMARY KEY); INSERT INTO big SELECT generate_series(1, 9000)");
    swell(&database, "big", 6_000_000);
    assert_same_in_every_order(&Desk::new(&database, &EXPORTS));
}

/// Fails the test unless a plan that has a collision of heavy exports, and one that can't be planned, is the same in
/// every order of the exports.
#[track_caller]
pub(crate) fn assert_same_in_every_order(desk: &Desk) {
    let config = std::fs::read_to_string(desk.project.path("rivet.yaml")).expect("every project has one");
    let (head, exports) = config.split_once("exports:\n").expect("it has exports");
    let mut exports: Vec<&str> = exports.lines().collect();
    assert_eq!(exports.len(), 6);

    let mut plans: Vec<String> = Vec::new();
    for turn in 0..4 {
        match turn {
            0 => {}
            1 => exports.reverse(),
            2 => exports.rotate_left(2),
            _ => exports.sort_unstable_by_key(|export| (export.len() % 5, export.len())),
        }
        desk.project.write("rivet.yaml", &format!("{head}exports:\n{}\n", exports.join("\n")));
        let plan = desk.try_plan(&[]);
        plan.finished.assert_code(1);
        plans.push(format!("{:#}", blanked(&plan.value)));
    }
    for (turn, plan) in plans.iter().enumerate().skip(1) {
        let place = plans[0].lines().zip(plan.lines()).find(|(first, other)| first != other);
        assert_eq!(place, None, "turn {turn}");
        assert_eq!(plans[0], *plan, "turn {turn}");
    }
    // The text itself has them in one order, too: keys as well as items.
    assert!(plans[0].contains("\"heavy_collision\""), "{}", plans[0]);
}
