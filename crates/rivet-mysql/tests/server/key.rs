//! Keys: what they are, and ranges of them.

use rivet_model::{KeyBound, RowRange, Scalar};
use rivet_source::{DescribeRequest, KeyRequest, SourceErrorKind, Tiebreak};
use rivet_testing::Family;

use crate::harness::{Server, ids, key, keyed, query, request, run, table};

fn between(lower: Option<KeyBound>, upper: Option<KeyBound>) -> RowRange {
    RowRange::Key { lower, upper }
}

/// Values that are equal to the server are on one side of a bound, whatever their letters look like.
fn a_bound_keeps_together_what_is_equal(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (id bigint PRIMARY KEY, w varchar(20) COLLATE utf8mb4_general_ci, KEY (w));
             INSERT INTO t VALUES (1, 'apple'), (2, 'Apple'), (3, 'APPLE'), (4, 'banana'), (5, 'Äpple'), (6, 'zebra'), (7, NULL), (8, '')",
        )
        .await;
        let source = server.source();
        let spec = keyed(source.as_ref(), table("t"), key(&["w"], Tiebreak::None)).await;
        for word in ["apple", "Apple", "APPLE", "äpple", "b", "", "it's \\ 'quoted'", "x' OR 1=1 -- "] {
            let bound = |inclusive| KeyBound { values: vec![Scalar::Text(word.to_owned())], inclusive };
            let ranges = [
                between(None, Some(bound(false))),
                between(Some(bound(true)), Some(bound(true))),
                between(Some(bound(false)), None),
                RowRange::NullKey,
            ];
            let found = ids(source.as_ref(), &spec, &ranges).await;
            let mut all = found.concat();
            all.sort_unstable();
            assert_eq!(all, [1, 2, 3, 4, 5, 6, 7, 8], "{word}: every row once, in {found:?}");
            assert_eq!(found[3], [7]);
            let apples = found.iter().position(|rows| rows.contains(&1)).unwrap();
            assert!(found[apples].contains(&2) && found[apples].contains(&3), "{word}: {found:?}");
        }
    });
}

fn bounds_of_every_kind_find_their_row(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (id bigint PRIMARY KEY, u bigint unsigned, d decimal(30,10), f double, day date, m datetime(6), s timestamp(6), b varbinary(9), w varchar(9));
             INSERT INTO t VALUES (1, 1, -1.5, -0.1, '1999-12-31', '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00', x'00', 'a'),
             (2, 18446744073709551614, 0.0000000001, 0.1, '2026-01-05', '2026-01-05 10:00:00.5', '2026-01-05 10:00:00.5', x'00ff', 'it''s'),
             (3, 18446744073709551615, 99999999999999999999.5, 1e300, '9999-12-31', '9999-12-31 23:59:59', '2038-01-19 03:14:07', x'ff', 'z')",
        )
        .await;
        let source = server.source();
        let text = |text: &str| text.to_owned();
        for (column, value) in [
            ("u", Scalar::Uint(u64::MAX - 1)),
            ("d", Scalar::Decimal(text("0.0000000001"))),
            ("f", Scalar::Decimal(text("0.1"))),
            ("day", Scalar::Date(text("2026-01-05"))),
            ("m", Scalar::Timestamp(text("2026-01-05 10:00:00.500000"))),
            ("s", Scalar::TimestampTz(text("2026-01-05 10:00:00.5+00"))),
            ("b", Scalar::Bytes(text("00ff"))),
            ("w", Scalar::Text(text("it's"))),
        ] {
            let spec = keyed(source.as_ref(), table("t"), key(&[column], Tiebreak::None)).await;
            let bound = |inclusive| KeyBound { values: vec![value.clone()], inclusive };
            let ranges = [
                between(None, Some(bound(false))),
                between(Some(bound(true)), Some(bound(true))),
                between(Some(bound(false)), None),
            ];
            assert_eq!(ids(source.as_ref(), &spec, &ranges).await, [[1], [2], [3]], "{column}");
        }
    });
}

/// The server reads a range of a composite key, and not the whole of its index.
fn composite_ranges_are_ranges_of_the_index(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (a int NOT NULL, id bigint NOT NULL, PRIMARY KEY (a, id));
             INSERT INTO t WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 1000) SELECT n DIV 10, n FROM k",
        )
        .await;
        let source = server.source();
        let spec = keyed(source.as_ref(), table("t"), KeyRequest::default()).await;
        let names: Vec<_> = spec.key.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["a", "id"]);
        let range = between(
            Some(KeyBound::excluding(vec![Scalar::Int(50), Scalar::Int(505)])),
            Some(KeyBound::including(vec![Scalar::Int(52), Scalar::Int(521)])),
        );
        assert_eq!(ids(source.as_ref(), &spec, &[range]).await, [(506..=521).collect::<Vec<_>>()]);
        let before = server.column(READ).await;
        let condition = "`a` >= 50 AND (`a` > 50 OR (`a` = 50 AND `id` > 505)) AND `a` <= 52 AND (`a` < 52 OR (`a` = 52 AND `id` <= 521))";
        server.query(&format!("SELECT * FROM t WHERE {condition}")).await;
        let after = server.column(READ).await;
        let count = |rows: &[String]| rows.iter().map(|row| row.parse::<u64>().unwrap()).sum::<u64>();
        assert!(count(&after) - count(&before) < 200, "rows that were looked at");
    });
}

/// Rows that the session has read from tables, whichever way.
const READ: &str = "SELECT VARIABLE_VALUE FROM performance_schema.session_status \
     WHERE VARIABLE_NAME IN ('Handler_read_next', 'Handler_read_rnd_next', 'Handler_read_key')";

fn keys_are_known(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (id bigint PRIMARY KEY, upd datetime, made timestamp NULL, w varchar(300), e enum('a','b'), n int NOT NULL,
             UNIQUE KEY (n), KEY (w(10)), KEY (upd));
             CREATE TABLE second (x int NOT NULL, y int, UNIQUE KEY (y), UNIQUE KEY (x))",
        )
        .await;
        let source = server.source();
        let check = async |relation, asked: KeyRequest, unique, indexed, temporal, names: &[&str]| {
            let description =
                source.describe(&DescribeRequest { key: Some(asked), ..request(relation) }).await.unwrap();
            let facts = (description.key.unique, description.key.indexed, description.key.temporal);
            assert_eq!(facts, (unique, indexed, temporal), "{names:?}");
            let found: Vec<_> = description.spec.key.iter().map(|column| column.name.as_str()).collect();
            assert_eq!(found, names);
        };
        check(table("t"), key(&["upd"], Tiebreak::OwnKey), true, true, true, &["upd", "id"]).await;
        check(table("t"), key(&["made"], Tiebreak::None), false, false, true, &["made"]).await;
        check(table("t"), key(&["n"], Tiebreak::OwnKey), true, true, false, &["n"]).await;
        check(table("t"), key(&["w"], Tiebreak::None), false, false, false, &["w"]).await;
        check(table("second"), KeyRequest::default(), true, true, false, &["x"]).await;
        check(query("SELECT id, upd FROM t"), key(&["upd"], Tiebreak::None), false, true, true, &["upd"]).await;
        let wrong = DescribeRequest { key: Some(key(&["e"], Tiebreak::None)), ..request(table("t")) };
        assert_eq!(source.describe(&wrong).await.unwrap_err().kind(), SourceErrorKind::UnsupportedType);
        let asked = KeyRequest { fallback: Some("made".parse().unwrap()), ..key(&["upd"], Tiebreak::OwnKey) };
        let spec = keyed(source.as_ref(), table("t"), asked).await;
        assert_eq!(spec.fallback.unwrap().name.as_str(), "made");
        assert_eq!(spec.key_columns.iter().map(rivet_model::ColumnName::as_str).collect::<Vec<_>>(), ["id"]);
    });
}

rivet_testing::on_both_families!(
    a_bound_keeps_together_what_is_equal,
    bounds_of_every_kind_find_their_row,
    composite_ranges_are_ranges_of_the_index,
    keys_are_known,
);
