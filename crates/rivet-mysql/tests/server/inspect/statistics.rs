//! What the catalog says of relations.

use std::time::Duration;

use rivet_model::Relation;
use rivet_source::{IndexFacts, KeyRequest, RelationStatistics, SourceErrorKind, Tiebreak};
use rivet_testing::Family;

use super::{EVENTS, column, inspector};
use crate::harness::{Server, key, keyed, query, request, run, table};

/// Rows of one to so many.
const COUNT: &str = "WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 900) SELECT";

async fn of(server: &Server, relation: &str, key: KeyRequest) -> RelationStatistics {
    of_relation(server, table(relation), key).await
}

async fn of_relation(server: &Server, relation: Relation, key: KeyRequest) -> RelationStatistics {
    let spec = keyed(server.source().as_ref(), relation, key).await;
    inspector(server).await.statistics(&spec).await.unwrap()
}

/// One line for an index: its columns, and what is said of it.
fn written(index: &IndexFacts) -> String {
    let mut said = index.columns.join(" ");
    for (holds, word) in [(index.unique, "unique"), (index.partial, "partial"), (!index.usable, "unusable")] {
        if holds {
            said.push_str(", ");
            said.push_str(word);
        }
    }
    said
}

/// The ends of the first column of the key.
fn ends(found: &RelationStatistics, name: &str) -> Option<(String, String)> {
    let column = column(found, name);
    Some((column.lowest.as_ref()?.to_string(), column.highest.as_ref()?.to_string()))
}

fn indexes_are_listed_with_what_they_are_good_for(family: Family) {
    run(async {
        let hidden = family.choose("INVISIBLE", "IGNORED");
        let functional = family.choose("CREATE INDEX i6 ON t ((a + 1), b)", "CREATE INDEX i6 ON t (b)");
        let server = Server::with(
            family,
            &format!(
                "CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(20), c text, d int) ENGINE InnoDB;
                 CREATE INDEX i1 ON t (a, id); CREATE UNIQUE INDEX i2 ON t (b); CREATE INDEX i3 ON t (c(10), a);
                 CREATE INDEX i4 ON t (a DESC); CREATE INDEX i5 ON t (d) {hidden}; {functional};
                 CREATE FULLTEXT INDEX i7 ON t (c); CREATE INDEX i8 ON t (a, c(10))"
            ),
        )
        .await;
        let found = of(&server, "t", KeyRequest::default()).await;
        let mut indexes: Vec<_> =
            found.indexes.iter().map(|index| format!("{}: {}", index.name, written(index))).collect();
        assert_eq!(indexes[0], "PRIMARY: id, unique", "the primary key first");
        indexes.sort();
        let expected = [
            "PRIMARY: id, unique",
            "i1: a id",
            "i2: b, unique",
            "i3:  a, unusable",
            "i4: a",
            "i5: d, unusable",
            family.choose("i6:  b", "i6: b"),
            "i7: c, unusable",
            "i8: a ",
        ];
        assert_eq!(indexes, expected);
    });
}

fn relations_are_told_apart_and_sized(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{EVENTS}; CREATE TABLE nothing (id int PRIMARY KEY);
                 CREATE TABLE never (id int PRIMARY KEY, pad varchar(90)) STATS_AUTO_RECALC = 0;
                 CREATE TABLE isam (id int PRIMARY KEY) ENGINE MyISAM; INSERT INTO isam VALUES (1), (2);
                 CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3;
                 INSERT INTO parted {COUNT} n FROM k; ANALYZE TABLE parted, nothing"
            ),
        )
        .await;
        // Statistics of the empty table are stored before rows come.
        server.query("SELECT * FROM never").await;
        server
            .execute(&format!("INSERT INTO never {COUNT} a.n * 900 + b.n, 'x' FROM k a JOIN k b WHERE a.n < 6"))
            .await;
        let check = async |relation: &str, kind: &str, rows: Option<u64>, analyzed: bool| {
            let spec = server.source().describe(&request(table(relation))).await.unwrap().spec;
            let found = inspector(&server).await.statistics(&spec).await.unwrap();
            assert_eq!((found.kind.as_str(), found.analyzed_at.is_some()), (kind, analyzed), "{relation} {found:?}");
            // Samples may be off.
            let near = |rows: u64| found.estimated_rows.is_some_and(|found| found.abs_diff(rows) <= rows / 3);
            assert!(rows.map_or(found.estimated_rows.is_none(), near), "{relation} {found:?}");
            assert_eq!(found.bytes.is_some(), rows.is_some(), "{relation}");
            found
        };
        let events = check("events", "table", Some(20_000), true).await;
        assert!(events.bytes.unwrap() > 2_000_000 && events.columns.is_empty(), "{events:?}");
        assert!(events.changed_rows.is_some_and(|rows| rows < 1_000), "{events:?}");
        let age = jiff::Timestamp::now().duration_since(events.analyzed_at.unwrap());
        assert!(age.abs() < jiff::SignedDuration::from_mins(10), "{age}");
        check("nothing", "table", Some(0), true).await;
        // What is known of a table that was empty is not what is known of this one.
        let never = check("never", "table", Some(4_500), false).await;
        assert!(never.changed_rows.is_some_and(|rows| rows > 3_000), "{never:?}");
        server.execute("ANALYZE TABLE never").await;
        let analyzed = check("never", "table", Some(4_500), true).await;
        assert!(analyzed.changed_rows.is_some_and(|rows| rows < 1_000), "{analyzed:?}");
        let isam = check("isam", "table", Some(2), false).await;
        assert_eq!(isam.changed_rows, None, "nobody counts what changes");
        check("parted", "partitioned table", Some(900), true).await;
        check("seen", "view", None, false).await;
        server.execute("DELETE FROM never WHERE id % 2 = 0").await;
        let changed = of(&server, "never", KeyRequest::default()).await.changed_rows;
        assert!(changed.is_some_and(|rows| rows > 1_000), "{changed:?}");
    });
}

fn ends_of_a_key_come_from_its_index(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "CREATE TABLE t (id bigint PRIMARY KEY, down int, few int, none int, hash binary(4), at datetime(3),
                     name varchar(30) CHARACTER SET latin1, KEY (down DESC, id), KEY (few), KEY (hash), KEY (at), KEY (name));
                 INSERT INTO t {COUNT} n - 5, n, NULLIF(n % 7, 0), n, UNHEX(LPAD(HEX(n), 8, '0')),
                     TIMESTAMP'2026-01-01 00:00:00' + INTERVAL n SECOND, CONCAT(CHAR(233 USING latin1), n) FROM k;
                 INSERT INTO t (id) VALUES (10000); CREATE TABLE nothing (id int PRIMARY KEY)"
            ),
        )
        .await;
        let check = async |relation: &str, column: &str, expected: Option<(&str, &str)>| {
            let found = of(&server, relation, key(&[column], Tiebreak::OwnKey)).await;
            let expected = expected.map(|(low, high)| (low.to_owned(), high.to_owned()));
            assert_eq!(ends(&found, column), expected, "{column}");
            found
        };
        let own = check("t", "id", Some(("-4", "10000"))).await;
        let id = column(&own, "id");
        assert_eq!((id.nullable, id.distinct, id.correlation), (false, Some(-1.0), Some(1.0)), "rows are stored by it");
        let down = check("t", "down", Some(("1", "900"))).await;
        assert_eq!((column(&down, "down").correlation, down.columns.len()), (None, 2), "the key, and nothing else");
        check("t", "few", Some(("1", "6"))).await;
        check("t", "hash", Some(("00000001", "00000384"))).await;
        check("t", "at", Some(("2026-01-01 00:00:01.000", "2026-01-01 00:15:00.000"))).await;
        check("t", "name", Some(("é1", "é99"))).await;
        check("nothing", "id", None).await;
        // Nothing but a scan would tell, or a histogram that nobody has made.
        check("t", "none", None).await;
        server
            .execute(family.choose(
                "ANALYZE TABLE t UPDATE HISTOGRAM ON none, few WITH 20 BUCKETS; ANALYZE TABLE t",
                "SET use_stat_tables = 'preferably'; ANALYZE TABLE t PERSISTENT FOR COLUMNS (none, few) INDEXES ()",
            ))
            .await;
        let none = check("t", "none", Some(("1", "900"))).await;
        let none = column(&none, "none");
        assert!(none.nullable && none.null_fraction.unwrap() > 0.0 && none.correlation.is_none(), "{none:?}");
        assert!((800.0..=1_000.0).contains(&none.distinct.unwrap()), "{none:?}");
        let few = of(&server, "t", key(&["few"], Tiebreak::None)).await;
        let few = column(&few, "few");
        assert!((few.null_fraction.unwrap() - 129.0 / 901.0).abs() < 0.01, "{few:?}");
        // Samples of an index may be off by twice as many.
        assert!((3.0..=20.0).contains(&few.distinct.unwrap()), "{few:?}");
    });
}

fn a_query_is_known_by_the_table_of_its_key(family: Family) {
    run(async {
        let server = Server::with(family, EVENTS).await;
        let key = || key(&["at", "no"], Tiebreak::None);
        let found = of_relation(&server, query("SELECT id AS no, pad, made AS at FROM events"), key()).await;
        assert_eq!((found.kind.as_str(), found.estimated_rows, found.bytes), ("query", None, None));
        assert!(found.analyzed_at.is_some() && ends(&found, "at").is_some(), "{found:?}");
        let indexes: Vec<_> = found.indexes.iter().map(written).collect();
        assert_eq!(indexes, ["no, unique", "at no", "upd no"]);
        // A name that another column has now is none.
        let found = of_relation(&server, query("SELECT id AS no, upd AS made, made AS at FROM events"), key()).await;
        assert!(found.indexes.iter().any(|index| index.columns == ["upd", "no"]), "{found:?}");
        let swapped = query("SELECT id AS no, made AS at, id + 1 AS upd FROM events");
        let found = of_relation(&server, swapped, KeyRequest { fallback: None, ..key() }).await;
        assert_eq!(found.columns.len(), 2);
        let computed =
            query("SELECT id + 1 AS no, made AS at FROM (SELECT id, MAX(made) AS made FROM events GROUP BY id) e");
        let found = of_relation(&server, computed, key()).await;
        assert_eq!((found.kind.as_str(), found.indexes.len(), ends(&found, "at")), ("query", 0, None));
        let view =
            of(&server, "seen", KeyRequest { columns: vec!["at".parse().unwrap()], ..KeyRequest::default() }).await;
        assert_eq!((view.kind.as_str(), view.indexes.len(), ends(&view, "at")), ("view", 0, None));
    });
}

/// A server may keep the numbers of its catalog for a day.
fn numbers_are_those_of_now(family: Family) {
    run(async {
        let server = Server::with(family, "CREATE TABLE t (id int PRIMARY KEY)").await;
        let source = server.source();
        let rows = async || source.describe(&request(table("t"))).await.unwrap().estimated_rows;
        assert_eq!(rows().await, Some(0));
        server.query("SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()").await;
        server.execute(&format!("INSERT INTO t {COUNT} n FROM k; ANALYZE TABLE t")).await;
        assert_eq!(rows().await, Some(900));
    });
}

fn a_relation_that_is_gone_is_not_found(family: Family) {
    run(async {
        let server = Server::with(family, "CREATE TABLE t (id int PRIMARY KEY)").await;
        let spec = keyed(server.source().as_ref(), table("t"), KeyRequest::default()).await;
        server.execute("DROP TABLE t").await;
        let mut inspector = server.source().inspector(Duration::from_secs(5)).await.unwrap();
        assert_eq!(inspector.statistics(&spec).await.unwrap_err().kind(), SourceErrorKind::NotFound);
    });
}

rivet_testing::on_both_families!(
    indexes_are_listed_with_what_they_are_good_for,
    relations_are_told_apart_and_sized,
    ends_of_a_key_come_from_its_index,
    a_query_is_known_by_the_table_of_its_key,
    numbers_are_those_of_now,
    a_relation_that_is_gone_is_not_found,
);
