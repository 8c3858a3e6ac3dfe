//! What the catalog says of relations.

use rivet_model::{Relation, TableRef};
use rivet_source::{IndexFacts, KeyRequest, RelationStatistics, SourceErrorKind, Tiebreak};

use super::{column, settled};
use crate::harness::{Server, inspector, key, keyed, query, request, table};

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

#[tokio::test]
async fn indexes_are_listed_with_what_they_are_good_for() {
    let server = Server::with(
        "CREATE TABLE t (id int PRIMARY KEY, a int, b text, c text COLLATE \"C\", doc jsonb);
         CREATE INDEX i1 ON t (a, id); CREATE UNIQUE INDEX i2 ON t (b) INCLUDE (a); CREATE INDEX i3 ON t (a) WHERE id > 5;
         CREATE INDEX i4 ON t USING hash (a); CREATE INDEX i5 ON t USING brin (a); CREATE INDEX i6 ON t ((a + 1), b);
         CREATE INDEX i7 ON t (b text_pattern_ops); CREATE INDEX i8 ON t USING gin (doc);
         CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent)",
    )
    .await;
    let found = of(&server, "t", KeyRequest::default()).await;
    let expected = [
        "i1: a id",
        "i2: b, unique",
        "i3: a, partial",
        "i4: a, unusable",
        "i5: a",
        "i6:  b",
        "i7: b, unusable",
        "i8: doc, unusable",
        "t_pkey: id, unique",
    ];
    let mut indexes: Vec<_> = found.indexes.iter().map(|index| format!("{}: {}", index.name, written(index))).collect();
    assert_eq!(indexes[0], "t_pkey: id, unique", "the primary key first");
    indexes.sort();
    assert_eq!(indexes, expected);
    let parent = of(&server, "parent", key(&["id"], Tiebreak::None)).await;
    assert_eq!(parent.indexes.iter().map(written).collect::<Vec<_>>(), ["id"], "its children may have the same rows");
}

#[tokio::test]
async fn relations_are_told_apart_and_sized() {
    let server = Server::with(
        "CREATE TABLE plain (id int, pad text); INSERT INTO plain SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i;
         CREATE TABLE never (id int); INSERT INTO never SELECT i FROM generate_series(1, 500) i;
         CREATE TABLE empty (id int); CREATE UNLOGGED TABLE unlogged (id int);
         CREATE TABLE parted (id int) PARTITION BY RANGE (id);
         CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000) PARTITION BY RANGE (id);
         CREATE TABLE parted_1_1 PARTITION OF parted_1 FOR VALUES FROM (0) TO (1000);
         CREATE TABLE parted_2 PARTITION OF parted DEFAULT;
         INSERT INTO parted SELECT i FROM generate_series(1, 5000) i;
         CREATE MATERIALIZED VIEW kept AS SELECT * FROM plain; CREATE VIEW seen AS SELECT * FROM plain;
         ALTER TABLE plain SET (autovacuum_enabled = off); ALTER TABLE never SET (autovacuum_enabled = off)",
    )
    .await;
    // What is not known to have changed by now would count as changed since.
    settled(&server).await;
    server.execute("ANALYZE plain, parted, kept").await;
    let check = async |relation: &str, kind: &str, rows: Option<u64>, analyzed: bool, bytes: bool| {
        let spec = server.source().describe(&request(table(relation))).await.unwrap().spec;
        let found = inspector(&server).await.statistics(&spec).await.unwrap();
        assert_eq!((found.kind.as_str(), found.estimated_rows), (kind, rows), "{relation}");
        assert_eq!((found.analyzed_at.is_some(), found.bytes.is_some()), (analyzed, bytes), "{relation} {found:?}");
        found
    };
    let plain = check("plain", "table", Some(5_000), true, true).await;
    assert!(plain.bytes.unwrap() > 500_000 && plain.columns.is_empty(), "{plain:?}");
    let age = jiff::Timestamp::now().duration_since(plain.analyzed_at.unwrap());
    assert!(age.abs() < jiff::SignedDuration::from_mins(10), "{age}");
    check("never", "table", None, false, true).await;
    check("empty", "table", Some(0), false, true).await;
    check("unlogged", "unlogged table", Some(0), false, true).await;
    let parted = check("parted", "partitioned table", Some(5_000), true, true).await;
    assert!(parted.bytes.unwrap() > 100_000, "{parted:?}");
    check("kept", "materialized view", Some(5_000), true, true).await;
    check("seen", "view", None, false, false).await;
    server.execute("UPDATE plain SET pad = '' WHERE id <= 40").await;
    settled(&server).await;
    let changed = of(&server, "plain", key(&["id"], Tiebreak::None)).await.changed_rows;
    assert_eq!(changed, Some(40));
}

#[tokio::test]
async fn ends_of_a_key_come_from_its_index() {
    let server = Server::with(
        "CREATE TABLE t (id int PRIMARY KEY, down int, first int, none int, part int, cash money, at timestamptz);
         INSERT INTO t SELECT i, i, i, i, i, i, timestamptz '2026-01-01Z' + i * interval '1 s' FROM generate_series(-5, 5000) i;
         INSERT INTO t VALUES (9999), (10000); CREATE INDEX ON t (down DESC NULLS LAST, id);
         CREATE INDEX ON t (first NULLS FIRST); CREATE INDEX ON t (part) WHERE part > 100; CREATE INDEX ON t (cash);
         CREATE INDEX ON t (at DESC)",
    )
    .await;
    let check = async |column: &str, expected: Option<(&str, &str)>| {
        let found = of(&server, "t", key(&[column], Tiebreak::OwnKey)).await;
        let expected = expected.map(|(low, high)| (low.to_owned(), high.to_owned()));
        assert_eq!(ends(&found, column), expected, "{column}");
    };
    check("id", Some(("-5", "10000"))).await;
    check("down", Some(("-5", "5000"))).await;
    check("first", Some(("-5", "5000"))).await;
    check("cash", Some(("-5.00", "5000.00"))).await;
    check("at", Some(("2025-12-31 23:59:55+00", "2026-01-01 01:23:20+00"))).await;
    // Nothing but a scan would tell, or a statistic that nobody has gathered.
    check("none", None).await;
    check("part", None).await;
    server.execute("ANALYZE t").await;
    check("none", Some(("-5", "5000"))).await;
    check("part", Some(("-5", "5000"))).await;
    let found = of(&server, "t", key(&["none"], Tiebreak::OwnKey)).await;
    let none = column(&found, "none");
    assert!(none.nullable && none.null_fraction.unwrap() > 0.0 && none.correlation.unwrap() > 0.9, "{none:?}");
    assert!(none.distinct.unwrap() < -0.9 && !column(&found, "id").nullable, "{found:?}");
    assert_eq!(found.columns.len(), 2, "the key, and nothing else");
}

#[tokio::test]
async fn parts_of_a_table_are_seen_as_one() {
    let server = Server::with(
        "CREATE TABLE parted (id int, v int) PARTITION BY RANGE (id);
         CREATE TABLE a PARTITION OF parted FOR VALUES FROM (0) TO (1000);
         CREATE TABLE b PARTITION OF parted FOR VALUES FROM (1000) TO (9000);
         INSERT INTO parted SELECT i, CASE WHEN i >= 1000 THEN i END FROM generate_series(0, 4999) i; ANALYZE a; ANALYZE b;
         CREATE TABLE parent (id int, v int); CREATE TABLE child () INHERITS (parent); CREATE INDEX ON parent (v);
         INSERT INTO parent SELECT i, i FROM generate_series(1, 100) i;
         INSERT INTO child SELECT i, i FROM generate_series(101, 200) i",
    )
    .await;
    let found = of(&server, "parted", key(&["v"], Tiebreak::None)).await;
    let v = column(&found, "v");
    assert!((v.null_fraction.unwrap() - 0.2).abs() < 0.01 && v.distinct.is_none(), "{v:?}");
    assert_eq!(ends(&found, "v"), Some(("1000".to_owned(), "4999".to_owned())));
    server.execute("CREATE INDEX ON parted (v, id); ANALYZE parted; INSERT INTO parted VALUES (6000, -7)").await;
    let found = of(&server, "parted", key(&["v"], Tiebreak::None)).await;
    assert!(column(&found, "v").distinct.is_some(), "{found:?}");
    assert_eq!(ends(&found, "v"), Some(("-7".to_owned(), "4999".to_owned())), "an index of every partition has it");
    let parent = of(&server, "parent", key(&["v"], Tiebreak::None)).await;
    assert_eq!(ends(&parent, "v"), None, "the index of a parent does not know the rows of its children");
    server.execute("ANALYZE parent; ANALYZE child").await;
    let parent = of(&server, "parent", key(&["v"], Tiebreak::None)).await;
    assert_eq!((parent.estimated_rows, ends(&parent, "v")), (Some(200), Some(("1".to_owned(), "200".to_owned()))));
}

#[tokio::test]
async fn a_query_is_known_by_the_table_of_its_key() {
    let server = Server::with(
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer int, made timestamptz NOT NULL, note text);
         CREATE INDEX by_made ON orders (made, id); CREATE INDEX by_note ON orders (note);
         INSERT INTO orders SELECT i, i, timestamptz '2026-01-01Z' + i * interval '1 s', 'x' FROM generate_series(1, 500) i;
         CREATE TABLE customers (id int PRIMARY KEY, name text); ANALYZE orders",
    )
    .await;
    let source = server.source();
    let mut inspector = inspector(&server).await;
    let mut check = async |text: &str, key: KeyRequest| {
        let spec = keyed(source.as_ref(), query(text), key).await;
        let found = inspector.statistics(&spec).await.unwrap();
        assert_eq!((found.kind.as_str(), found.estimated_rows, found.bytes), ("query", None, None), "{text}");
        found
    };
    // The other table's name of the note is one that the key has.
    let text =
        "SELECT o.made AS at, o.id AS note, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer -- all";
    let found = check(text, key(&["at", "note"], Tiebreak::None)).await;
    let indexes: Vec<_> = found.indexes.iter().map(|index| format!("{}: {}", index.name, written(index))).collect();
    assert_eq!(indexes, ["orders_pkey: note, unique", "by_note: ", "by_made: at note"]);
    let expected = ("2026-01-01 00:00:01+00".to_owned(), "2026-01-01 00:08:20+00".to_owned());
    assert_eq!(ends(&found, "at"), Some(expected));
    assert!(column(&found, "note").distinct.is_some() && found.analyzed_at.is_some(), "{found:?}");

    let found = check("SELECT id + 1 AS id FROM orders", key(&["id"], Tiebreak::None)).await;
    assert!(found.indexes.is_empty() && column(&found, "id").null_fraction.is_none(), "{found:?}");
    for (text, known) in [
        ("SELECT note, customer FROM orders", true),
        ("SELECT o.note, c.name FROM orders o, customers c", false),
        ("SELECT 1 AS one", false),
    ] {
        let spec = source.describe(&request(query(text))).await.unwrap().spec;
        let found = inspector.statistics(&spec).await.unwrap();
        assert_eq!((found.analyzed_at.is_some(), !found.indexes.is_empty()), (known, known), "{text}");
    }
}

#[tokio::test]
async fn names_are_taken_as_they_are() {
    let server = Server::with(
        "CREATE SCHEMA \"It's\"; CREATE TABLE \"It's\".\"T \"\"1\" (\"k'\" text PRIMARY KEY, e int);
         INSERT INTO \"It's\".\"T \"\"1\" VALUES ('a\\b', 1), ('z''z', 2);
         CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE moods (m mood, v varchar(9), u uuid, c \"char\");
         INSERT INTO moods SELECT 'glad', 'v', '0190d0a0-0000-7000-8000-000000000001', 'c' FROM generate_series(1, 9);
         ANALYZE moods; CREATE INDEX ON moods (m)",
    )
    .await;
    let relation = Relation::Table(TableRef::new(Some("It's"), "T \"1").unwrap());
    let found = of_relation(&server, relation, key(&["k'"], Tiebreak::None)).await;
    assert_eq!(ends(&found, "k'"), Some(("a\\b".to_owned(), "z'z".to_owned())));
    for (column, value) in [("m", "glad"), ("v", "v"), ("u", "0190d0a0-0000-7000-8000-000000000001"), ("c", "c")] {
        let found = of(&server, "moods", key(&[column], Tiebreak::None)).await;
        assert_eq!(ends(&found, column), Some((value.to_owned(), value.to_owned())), "{column}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_an_error() {
    let server = Server::with("CREATE TABLE t (id int)").await;
    let spec = server.source().describe(&request(table("t"))).await.unwrap().spec;
    server.execute("DROP TABLE t").await;
    let error = inspector(&server).await.statistics(&spec).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (SourceErrorKind::NotFound, "the table `t` does not exist"));
}
