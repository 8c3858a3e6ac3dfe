//! Descriptions: of tables, views and queries.

use rivet_source::SourceErrorKind;
use rivet_testing::Family;

use crate::harness::{Server, export, query, rendered, request, run, table};

const TABLES: &str =
    "CREATE TABLE a (id int PRIMARY KEY, n int NOT NULL, u int unsigned NOT NULL, p decimal(12,4) NOT NULL);
     CREATE TABLE b (id int PRIMARY KEY, a_id int NOT NULL, w varchar(9) NOT NULL);
     INSERT INTO a VALUES (1, 10, 4000000000, 1.5), (2, 20, 1, 2.5); INSERT INTO b VALUES (1, 1, 'x')";

/// What a query says of NULLs has to hold: a column that has none would refuse them.
fn queries_know_their_types_and_nulls(family: Family) {
    run(async {
        let server = Server::with(family, TABLES).await;
        let source = server.source();
        let check = async |sql: &str, types: &[&str]| {
            let spec = source.describe(&request(query(sql))).await.unwrap().spec;
            let schema = spec.schema();
            let found: Vec<_> = schema
                .fields()
                .iter()
                .map(|field| format!("{}{}", field.data_type(), if field.is_nullable() { " null" } else { "" }))
                .collect();
            assert_eq!(found, types, "{sql}");
            let (batches, _) = export(source.as_ref(), &request(query(sql))).await.unwrap();
            assert!(!batches.is_empty(), "{sql}");
        };
        check("SELECT n, u, p FROM a", &["Int32", "UInt32", "Decimal128(12, 4)"]).await;
        check("SELECT a.id, b.w FROM a LEFT JOIN b ON b.a_id = a.id", &["Int32", "Utf8 null"]).await;
        check("SELECT b.id, a.n FROM b RIGHT JOIN a ON b.a_id = a.id", &["Int32 null", "Int32"]).await;
        check("SELECT COUNT(*) AS c, SUM(p) AS s FROM a", &["Int64", "Decimal128(34, 4) null"]).await;
        check("SELECT (SELECT w FROM b WHERE b.id = a.id) AS w FROM a", &["Utf8 null"]).await;
        // One of the two widens what it rolls up.
        let rolled = family.choose("Int64 null", "Int32 null");
        check("SELECT n, SUM(p) AS s FROM a GROUP BY n WITH ROLLUP", &[rolled, "Decimal128(34, 4) null"]).await;
        check("WITH x AS (SELECT n FROM a) SELECT n FROM x ORDER BY n LIMIT 1", &["Int32"]).await;
    });
}

/// Whatever the planner makes of them, rows come as they were described.
fn unions_and_constants_are_read(family: Family) {
    run(async {
        let server = Server::with(family, TABLES).await;
        let source = server.source();
        for (sql, expected) in [
            ("SELECT id, w FROM b UNION ALL SELECT id, NULL FROM a ORDER BY id, w DESC", &["1:x", "1:-", "2:-"][..]),
            ("SELECT 1 AS id, NULL AS w", &["1:-"]),
            ("SELECT id, CONCAT('it''s ', w, ' # -- /* ') AS w FROM b -- the end", &["1:it's x # -- /* "]),
            ("SELECT id, '?:x' AS w FROM b", &["1:?:x"]),
        ] {
            let (batches, _) = export(source.as_ref(), &request(query(sql))).await.unwrap();
            let ids = rendered(&batches, 0).into_iter().map(Option::unwrap_or_default);
            let words = rendered(&batches, 1).into_iter().map(|word| word.unwrap_or_else(|| "-".to_owned()));
            let found: Vec<_> = ids.zip(words).map(|(id, word)| format!("{id}:{word}")).collect();
            assert_eq!(found, expected, "{sql}");
        }
    });
}

fn describing_reads_no_row(family: Family) {
    run(async {
        let server = Server::with(family, TABLES).await;
        let started = std::time::Instant::now();
        let relation = query("SELECT SLEEP(30) AS x FROM a");
        let description = server.source().describe(&request(relation)).await.unwrap();
        assert_eq!(description.spec.columns[0].name.as_str(), "x");
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "nothing was run");
        assert!(!description.probes.is_empty());
    });
}

fn columns_that_hide_are_read(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (id int PRIMARY KEY, seen int, hidden int INVISIBLE, made int AS (seen * 2) VIRTUAL, kept int AS (seen + 1) STORED,
             `we``ird \"name` int);
             INSERT INTO t (id, seen, hidden) VALUES (1, 2, 3); CREATE VIEW v AS SELECT id, seen * 2 AS twice FROM t",
        )
        .await;
        let source = server.source();
        let description = source.describe(&request(table("t"))).await.unwrap();
        let names: Vec<_> = description.spec.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "seen", "hidden", "made", "kept", "we`ird \"name"]);
        assert_eq!(description.notes.len(), 1, "{:?}", description.notes);
        assert!(!description.spec.columns[0].field.is_nullable());
        let (batches, _) = export(source.as_ref(), &request(table("t"))).await.unwrap();
        let row: Vec<_> = (0..6).map(|place| rendered(&batches, place).remove(0).unwrap_or_default()).collect();
        assert_eq!(row, ["1", "2", "3", "4", "3", ""]);
        let (batches, _) = export(source.as_ref(), &request(table("v"))).await.unwrap();
        assert_eq!(rendered(&batches, 1), [Some("4".to_owned())]);
    });
}

fn what_is_wrong_is_said(family: Family) {
    run(async {
        let server = Server::with(family, TABLES).await;
        let source = server.source();
        let check = async |sql: &str, kind: SourceErrorKind, says: &str| {
            let error = source.describe(&request(query(sql))).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{sql}: {error}");
            let told = format!("{error} {}", error.help_text().unwrap_or_default());
            assert!(told.contains(says), "{sql}: {told}");
        };
        check("SELECT id, n AS id FROM a", SourceErrorKind::Statement, "Duplicate column name").await;
        check("SELEC 1", SourceErrorKind::Statement, "syntax").await;
        check("SELECT ? FROM a", SourceErrorKind::Statement, "placeholder").await;
        check("DELETE FROM a", SourceErrorKind::Statement, "SELECT").await;
        check("SELECT 1 FROM nowhere", SourceErrorKind::NotFound, "nowhere").await;
        check("SELECT 1; DROP TABLE a", SourceErrorKind::Statement, "more than one").await;
        let text = "SELECT 'ж' AS a,\n       no_such_column FROM a";
        let error = source.describe(&request(query(text))).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::NotFound);
        let labels: Vec<_> = miette::Diagnostic::labels(&error).unwrap().collect();
        assert_eq!(labels[0].offset(), text.find("no_such_column").unwrap());
        let error = source.describe(&request(table("nowhere.else"))).await.unwrap_err();
        assert!(matches!(error.kind(), SourceErrorKind::NotFound), "{error}");
        assert_eq!(server.column("SELECT COUNT(*) FROM a").await, ["2"]);
    });
}

fn a_server_is_known(family: Family) {
    run(async {
        let server = Server::start(family).await;
        let info = server.source().server().await.unwrap();
        let (name, least) = family.choose(("MySQL ", 50_700), ("MariaDB ", 100_600));
        assert!(info.product.starts_with(name) && info.version >= least, "{info:?}");
        assert!(!info.replica && !info.pooled && info.role.contains('@'), "{info:?}");
        assert_eq!(info.database, server.database().name());
        if family == Family::Mysql {
            assert_eq!(info.system_id, server.column("SELECT @@server_uuid").await.pop());
        }
    });
}

/// A table without read views says so.
fn engines_without_views_are_noted(family: Family) {
    run(async {
        let server = Server::with(family, "CREATE TABLE t (id int PRIMARY KEY) ENGINE = MyISAM").await;
        let description = server.source().describe(&request(table("t"))).await.unwrap();
        assert!(description.notes[0].contains("MyISAM"), "{:?}", description.notes);
    });
}

rivet_testing::on_both_families!(
    queries_know_their_types_and_nulls,
    unions_and_constants_are_read,
    describing_reads_no_row,
    columns_that_hide_are_read,
    what_is_wrong_is_said,
    a_server_is_known,
    engines_without_views_are_noted,
);
