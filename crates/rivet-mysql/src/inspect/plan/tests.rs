use super::*;

/// A plan as MySQL 9.7, asked for version 1 or 2, or MariaDB 10.11 wrote it.
macro_rules! plan {
    ($dialect:literal, $name:literal) => {
        include_str!(concat!("../../../../../fixtures/rivet-mysql/plans/", $dialect, "/", $name, ".json"))
    };
}

/// One line for each relation, as it is bounded by a key of these columns.
fn written(plan: &Plan, key: &[&str]) -> Vec<String> {
    let by = Compared { columns: key.iter().map(|name| (*name).to_owned()).collect(), values: Vec::new() };
    let one = |read: &Read| {
        let access = read.access(&by);
        let index = access.index.map_or_else(String::new, |index| format!(" by {index}"));
        let bounded = if access.bounded { ", bounded" } else { "" };
        let rows = access.estimated_rows.map_or_else(|| "?".to_owned(), |rows| rows.to_string());
        format!("{:?} of {}{index}{bounded}: {rows}", access.path, access.relation)
    };
    plan.reads.iter().map(one).collect()
}

#[track_caller]
fn check(text: &str, key: &[&str], rows: u64, reads: &[&str]) -> Plan {
    let plan = Plan::read(text).unwrap();
    assert_eq!(written(&plan, key), reads);
    assert_eq!(plan.rows.map(whole), Some(rows));
    plan
}

/// Checks the three dialects, where they say the same.
macro_rules! check_all {
    ($name:literal, $key:expr, $rows:expr, $reads:expr) => {
        for text in [plan!("mysql_1", $name), plan!("mysql_2", $name), plan!("mariadb", $name)] {
            assert!(!check(text, $key, $rows, $reads).sorts, "nothing is sorted");
        }
    };
}

#[test]
fn tables_are_read_as_all_dialects_say() {
    check_all!("full", &["id"], 19_888, &["SequentialScan of events: 19888"]);
    check_all!("range", &["id"], 10, &["IndexScan of events by PRIMARY, bounded: 10"]);
    check_all!("range", &[], 10, &["IndexScan of events by PRIMARY: 10"]);
    check_all!("covering", &["MADE"], 1_829, &["IndexOnlyScan of events by by_made, bounded: 1829"]);
    check_all!("whole_index", &["made"], 19_888, &["IndexOnlyScan of events by by_made: 19888"]);
    check_all!("tuple", &["made"], 15, &["IndexScan of events by by_made, bounded: 15"]);
    check_all!("page", &["id"], 19_888, &["IndexScan of events by PRIMARY: 19888"]);
    check_all!("sorted_index", &["made"], 19_888, &["IndexOnlyScan of events by by_made: 19888"]);
    check_all!("parted", &["day"], 1_332, &["IndexScan of parted by day, bounded: 1332"]);
    check_all!("false", &["id"], 0, &[]);
    check_all!("const_none", &["id"], 0, &[]);
    check_all!("notables", &[], 1, &[]);
}

#[test]
fn merged_indexes_are_bounded_where_all_of_them_are() {
    check_all!("right_or", &["made", "upd"], 69, &["BitmapScan of events by by_made, by_upd, bounded: 69"]);
    for text in [plan!("mysql_2", "right_or"), plan!("mariadb", "right_or")] {
        check(text, &["made"], 69, &["BitmapScan of events by by_made, by_upd: 69"]);
    }
    check(
        plan!("mariadb", "coalesce"),
        &["upd", "made"],
        18,
        &["BitmapScan of events by by_upd, by_made, bounded: 18"],
    );
    check(plan!("mysql_1", "coalesce"), &["upd", "made"], 9_966, &["SequentialScan of events: 9966"]);
    check(plan!("mysql_2", "coalesce"), &["upd", "made"], 9_965, &["SequentialScan of events: 19888"]);
    let intersection = r#"{"query_block": {"table": {"table_name": "t", "access_type": "index_merge", "rows": 7,
        "index_merge": {"intersect": [{"range": {"key": "a", "used_key_parts": ["a"]}},
        {"range": {"key": "b", "used_key_parts": ["b"]}}]}}}}"#;
    check(intersection, &["b"], 7, &["BitmapScan of t by a, b, bounded: 7"]);
    let intersection = r#"{"query_plan": {"access_type": "rowid_intersection", "estimated_rows": 7, "inputs": [
        {"access_type": "index", "index_name": "a", "table_name": "t", "key_columns": ["a"]},
        {"access_type": "index", "index_name": "b", "table_name": "t", "key_columns": ["b"]}]}}"#;
    check(intersection, &["b"], 7, &["BitmapScan of t by a, b, bounded: 7"]);
}

#[test]
fn lookups_by_a_value_are_bounded_and_those_of_joins_are_not() {
    let constant = "IndexScan of events by PRIMARY, bounded: 1";
    for text in [plan!("mysql_1", "const"), plan!("mariadb", "const")] {
        check(text, &["id"], 1, &[constant]);
    }
    // It was read while it was planned.
    check(plan!("mysql_2", "const"), &["id"], 1, &[]);
    for text in [plan!("mysql_1", "nullkey"), plan!("mysql_2", "nullkey")] {
        check(text, &["upd"], 9_944, &["IndexScan of events by by_upd, bounded: 9944"]);
    }
    check(plan!("mariadb", "nullkey"), &["upd"], 9_944, &["SequentialScan of events: 9944"]);
    let by_primary = |outer: &str, inner: &str| {
        let outer = format!("IndexScan of {outer} by PRIMARY, bounded: 10");
        [outer, format!("IndexOnlyScan of {inner} by PRIMARY: 1")]
    };
    for (text, reads) in [
        (plan!("mysql_1", "join"), by_primary("o", "c")),
        (plan!("mysql_2", "join"), by_primary("orders", "customers")),
        (plan!("mariadb", "join"), by_primary("o", "c")),
    ] {
        check(text, &["id"], 10, &reads.each_ref().map(String::as_str));
    }
}

#[test]
fn columns_with_other_names_are_known_by_the_values_that_they_are_compared_with() {
    let bounded = |text: &str, values: &[&str]| {
        let by =
            Compared { columns: vec!["at".to_owned()], values: values.iter().map(|value| (*value).into()).collect() };
        Plan::read(text).unwrap().reads[0].is_bounded(&by)
    };
    for text in [plan!("mysql_1", "tuple"), plan!("mariadb", "tuple")] {
        assert!(
            bounded(text, &["2026-01-01 00:00:30"]) && !bounded(text, &["2026-01-01 00:00:31"]) && !bounded(text, &[])
        );
    }
}

#[test]
fn texts_with_quotes_in_them_are_read_all_the_same() {
    let text = r#"{
        "query_block": {
          "table": {
            "table_name": "t", "access_type": "ALL", "rows": 3,
            "attached_condition": "t.pad <> '\'' and t.pad <> 'a\\b"c\nd'",
            "filtered": 100
          }
        }
      }"#;
    let plan = Plan::read(text).unwrap();
    assert_eq!((plan.rows, plan.reads[0].conditions[0].contains("b\"c")), (Some(3.0), true));
}

#[test]
fn what_is_read_again_is_not_read_twice() {
    let check = |text, rows, reads: &[&str]| check(text, &[], rows, reads);
    check(plan!("mysql_1", "grouped"), 6_547, &["SequentialScan of orders: 6547"]);
    check(plan!("mariadb", "grouped"), 19_735, &["SequentialScan of orders: 19735"]);
    let parts = |orders: u64| {
        [
            format!("IndexOnlyScan of orders by PRIMARY: {orders}"),
            "IndexOnlyScan of customers by PRIMARY: 99".to_owned(),
        ]
    };
    check(plan!("mysql_1", "union"), 9_920, &parts(9_821).each_ref().map(String::as_str));
    check(plan!("mysql_2", "union"), 9_920, &parts(9_821).each_ref().map(String::as_str));
    check(plan!("mariadb", "union"), 9_966, &parts(9_867).each_ref().map(String::as_str));
    let all = |orders: u64| {
        [
            format!("IndexOnlyScan of orders by PRIMARY: {orders}"),
            "IndexOnlyScan of customers by PRIMARY: 1000".to_owned(),
        ]
    };
    check(plan!("mysql_1", "union_bare"), 20_643, &all(19_643).each_ref().map(String::as_str));
    check(plan!("mariadb", "union_bare"), 20_735, &all(19_735).each_ref().map(String::as_str));
    check(plan!("mysql_1", "limited"), 33, &["SequentialScan of orders: 19643"]);
    check(plan!("mysql_2", "limited"), 33, &["SequentialScan of orders: 19643"]);
    check(plan!("mysql_1", "cte"), 19_000, &["SequentialScan of c: 1000", "SequentialScan of orders: 19643"]);
    check(plan!("mariadb", "cte"), 19_000, &["SequentialScan of c: 1000", "SequentialScan of orders: 19735"]);
    let exists = ["IndexOnlyScan of c by PRIMARY: 1000", "SequentialScan of o: 19643"];
    check(plan!("mysql_1", "exists"), 1_000, &exists);
    let beside = ["IndexOnlyScan of c by PRIMARY: 9", "SequentialScan of o: 1964"];
    check(plan!("mysql_1", "subselect"), 9, &beside);
    check(plan!("mysql_1", "json_table"), 2, &["Other of j: 2"]);
    check(plan!("mysql_2", "json_table"), 2, &["Other of a table function: 2"]);
    check(plan!("mariadb", "json_table"), 40, &["Other of j: 40"]);
    check(
        plan!("mariadb", "hash_join"),
        196_096_758,
        &["IndexScan of o by PRIMARY: 9867", "SequentialScan of n: 19874"],
    );
}

#[test]
fn a_result_is_sorted_where_all_of_it_waits_for_a_sort() {
    let sorts = |text| Plan::read(text).unwrap().sorts;
    for text in [
        plan!("mysql_1", "sorted"),
        plan!("mysql_2", "sorted"),
        plan!("mariadb", "sorted"),
        plan!("mysql_1", "join_sorted"),
        plan!("mysql_2", "join_sorted"),
        plan!("mariadb", "join_sorted"),
        plan!("mysql_1", "union_order"),
        plan!("mysql_2", "union_order"),
        plan!("mysql_1", "window"),
        plan!("mysql_2", "window"),
        plan!("mariadb", "window"),
        // Its limit is not in the plan.
        plan!("mysql_1", "sorted_limit"),
    ] {
        assert!(sorts(text), "{text}");
    }
    for text in [plan!("mysql_2", "sorted_limit"), plan!("mysql_1", "grouped"), plan!("mysql_1", "distinct")] {
        assert!(!sorts(text), "{text}");
    }
}

#[test]
fn older_and_newer_versions_have_shapes_of_their_own() {
    // MySQL 5.7: https://dev.mysql.com/doc/refman/5.7/en/explain-extended.html
    let of_5_7 = r#"{"query_block": {"select_id": 1, "cost_info": {"query_cost": "2.01"}, "ordering_operation": {
        "using_filesort": true, "table": {"table_name": "t", "access_type": "range", "possible_keys": ["i"], "key": "i",
        "used_key_parts": ["a"], "key_length": "5", "rows_examined_per_scan": 40, "rows_produced_per_join": 10,
        "filtered": "25.00", "using_MRR": true}}}}"#;
    assert!(check(of_5_7, &["a"], 10, &["IndexScan of t by i, bounded: 10"]).sorts);
    // MariaDB 10.6 has no loop around a single table, and tables of a join stand side by side.
    let of_10_6 = r#"{"query_block": {"select_id": 1, "table": {"table_name": "t", "access_type": "ref",
        "possible_keys": ["i"], "key": "i", "key_length": "5", "used_key_parts": ["a"], "ref": ["const"], "rows": 3,
        "filtered": 100}}}"#;
    check(of_10_6, &["a"], 3, &["IndexScan of t by i, bounded: 3"]);
    // MariaDB 11 adds costs, and filters of row numbers.
    let of_11 = r##"{"query_block": {"select_id": 1, "cost": 0.1, "nested_loop": [{"table": {"table_name": "t",
        "access_type": "range", "key": "i", "used_key_parts": ["a", "b"], "loops": 1, "rows": 30, "cost": 0.02,
        "filtered": 50, "rowid_filter": {"range": {"key": "j", "used_key_parts": ["c"]}, "rows": 9,
        "selectivity_pct": 1}}}, {"table": {"table_name": "u", "access_type": "hash_ALL", "key": "#hash#$hj",
        "rows": 4, "filtered": 100}}]}}"##;
    let joined = ["IndexScan of t by i, bounded: 15", "SequentialScan of u by #hash#$hj: 4"];
    check(of_11, &["a"], 60, &joined);
    // The first form of version 2.
    let of_8_3 = r#"{"query": "select 1", "operation": "Table scan on t", "table_name": "t", "access_type": "table",
        "estimated_rows": 5.0, "estimated_total_cost": 0.75}"#;
    check(of_8_3, &[], 5, &["SequentialScan of t: 5"]);
}

#[test]
fn what_is_not_known_is_gone_through() {
    let new = r#"{"query_block": {"new_operation": {"table": {"table_name": "t", "access_type": "new way"}}}}"#;
    let plan = Plan::read(new).unwrap();
    assert_eq!((written(&plan, &["a"]), plan.rows), (vec!["Other of t: ?".to_owned()], None));
    let new = r#"{"query_plan": {"access_type": "new", "inputs": [{"access_type": "table", "table_name": "t",
        "estimated_rows": 1e30}]}}"#;
    let plan = Plan::read(new).unwrap();
    assert_eq!(written(&plan, &[]), [format!("SequentialScan of t: {}", u64::MAX)]);
    for text in ["", "[]", "{}", "{\"query_block\": ", "7"] {
        assert_eq!(Plan::read(text), None, "{text}");
    }
}
