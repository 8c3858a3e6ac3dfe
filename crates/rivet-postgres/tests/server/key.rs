//! Keys: which columns order the rows of a relation, and what the source says of them.

use rivet_model::{KeyBound, RowRange, ScalarKind};
use rivet_source::{KeyRequest, ScanSpec, SourceErrorKind, Tiebreak};

use crate::harness::{Server, ids, key, keyed, query, table, try_keyed};

fn names(spec: &ScanSpec) -> Vec<&str> {
    spec.key.iter().map(|column| column.name.as_str()).collect()
}

#[tokio::test]
async fn the_own_key_is_one_that_tells_all_rows_apart() {
    let server = Server::with(
        "CREATE TABLE keyed (a int, b int, extra text, PRIMARY KEY (b, a) INCLUDE (extra));
         CREATE TABLE uniques (a int NOT NULL, b int NOT NULL, c int, doc jsonb NOT NULL, UNIQUE (a, b), UNIQUE (c), \
             UNIQUE (doc));
         CREATE UNIQUE INDEX ON uniques (b) WHERE a > 0;
         CREATE UNIQUE INDEX ON uniques ((a + b));
         CREATE TABLE bare (a int, b int);
         CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent);
         CREATE TABLE parted (day date NOT NULL, id int, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
         CREATE TABLE parted_all PARTITION OF parted DEFAULT;
         CREATE VIEW seen AS SELECT * FROM keyed",
    )
    .await;
    let source = server.source();
    for (relation, expected, unique, indexed) in [
        ("keyed", vec!["b", "a"], true, true),
        ("uniques", vec!["a", "b"], true, true),
        ("bare", vec![], false, false),
        ("parent", vec![], false, false),
        ("parted", vec!["day", "id"], true, true),
        ("seen", vec![], false, false),
    ] {
        let found = try_keyed(source.as_ref(), table(relation), KeyRequest::default()).await.unwrap();
        assert_eq!(names(&found.spec), expected, "{relation}");
        assert_eq!((found.key.unique, found.key.indexed), (unique, indexed), "{relation}");
        assert!(found.notes.is_empty(), "{relation} {:?}", found.notes);
    }
    let found = keyed(source.as_ref(), table("keyed"), KeyRequest::default()).await;
    assert_eq!(found.key_columns.iter().map(ToString::to_string).collect::<Vec<_>>(), ["b", "a"], "no included column");
}

#[tokio::test]
async fn a_key_takes_what_tells_its_rows_apart() {
    let server = Server::with(
        "CREATE TABLE t (id int PRIMARY KEY, code text NOT NULL UNIQUE, maybe text UNIQUE, at timestamptz, made timestamptz);
         CREATE INDEX ON t (at DESC); CREATE INDEX ON t (made) WHERE id > 0",
    )
    .await;
    let source = server.source();
    let check = async |request: KeyRequest, expected: &[&str], facts: (bool, bool, bool)| {
        let found = try_keyed(source.as_ref(), table("t"), request).await.unwrap();
        assert_eq!(names(&found.spec), expected);
        assert_eq!((found.key.unique, found.key.indexed, found.key.temporal), facts, "{expected:?}");
    };
    check(key(&["at"], Tiebreak::OwnKey), &["at", "id"], (true, true, true)).await;
    check(key(&["made"], Tiebreak::OwnKey), &["made", "id"], (true, false, true)).await;
    check(key(&["at"], Tiebreak::None), &["at"], (false, true, true)).await;
    check(key(&["code"], Tiebreak::OwnKey), &["code"], (true, true, false)).await;
    check(key(&["maybe"], Tiebreak::OwnKey), &["maybe", "id"], (true, true, false)).await;
    check(key(&["id", "at"], Tiebreak::OwnKey), &["id", "at"], (true, true, false)).await;
    let code = Tiebreak::Columns(vec!["code".parse().unwrap()]);
    check(key(&["at"], code), &["at", "code"], (true, true, true)).await;
    // Rows whose code stands in for another column are not told apart by it.
    let stood_in = KeyRequest { fallback: Some("code".parse().unwrap()), ..key(&["maybe"], Tiebreak::None) };
    check(stood_in, &["maybe"], (false, true, false)).await;

    let relation = || query("SELECT at AS moment, id + 1 AS n, id FROM t");
    let spec = keyed(source.as_ref(), relation(), key(&["moment", "n"], Tiebreak::OwnKey)).await;
    assert_eq!(names(&spec), ["moment", "n"], "a query has no key of its own");
    assert!(spec.key.iter().all(|column| column.nullable));
    let facts = try_keyed(source.as_ref(), relation(), key(&["moment"], Tiebreak::None)).await.unwrap().key;
    assert!(facts.indexed && facts.temporal && !facts.unique);
    let facts = try_keyed(source.as_ref(), relation(), key(&["n"], Tiebreak::None)).await.unwrap().key;
    assert!(!facts.indexed);
}

#[tokio::test]
async fn what_can_be_no_key_is_named() {
    let server =
        Server::with("CREATE TABLE t (id int PRIMARY KEY, doc json, place point, at timestamptz, day date)").await;
    let source = server.source();
    let check = async |request: KeyRequest, kind: SourceErrorKind, words: &str| {
        let error = try_keyed(source.as_ref(), table("t"), request).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    check(key(&["doc"], Tiebreak::None), SourceErrorKind::UnsupportedType, "column `doc` is json").await;
    check(key(&["place"], Tiebreak::None), SourceErrorKind::UnsupportedType, "column `place` is point").await;
    check(key(&["Id"], Tiebreak::None), SourceErrorKind::NotFound, "no column `Id`").await;
    let tiebreak = Tiebreak::Columns(vec!["nowhere".parse().unwrap()]);
    check(key(&["id"], tiebreak), SourceErrorKind::NotFound, "no column `nowhere`").await;
    let stood_in = |name: &str| KeyRequest { fallback: Some(name.parse().unwrap()), ..key(&["at"], Tiebreak::OwnKey) };
    check(stood_in("nope"), SourceErrorKind::NotFound, "no column `nope`").await;
    check(stood_in("day"), SourceErrorKind::UnsupportedType, "`day` is date and can't stand in for `at`").await;
}

/// Reads the value of every row, then the rows up to each value: what is written to a literal is read back, and the
/// server compares it as it orders it.
#[tokio::test]
async fn every_type_that_orders_rows_compares_its_own_values() {
    let server = Server::with(
        "CREATE TYPE mood AS ENUM ('zest', 'calm', 'a''b'); CREATE DOMAIN short AS varchar(9);
         CREATE DOMAIN feeling AS mood; CREATE SCHEMA far; CREATE TYPE far.\"Odd Type\" AS ENUM ('b', 'a');
         CREATE TABLE every (id bigint PRIMARY KEY, i2 int2, i4 int4, o oid, n numeric, f4 float4, f8 float8, m money,
             t text, v varchar(20), b char(5), nm name, c \"char\", sh short, e mood, fe feeling, od far.\"Odd Type\",
             bo bool, u uuid, d date, ts timestamp, tz timestamptz, ti time, tt timetz, iv interval, ip inet,
             ci cidr, ma macaddr, by bytea, bi bit(3), vb varbit, ls pg_lsn);
         INSERT INTO every SELECT i, i - 3, -i, 4294967290 + i, power(-10::numeric, i * 7) / 3,
             (ARRAY['NaN', '-0', '1e30', '-Infinity', '0.1'])[i]::float4, (ARRAY['NaN', '0', '5e-324', 'Infinity', '0.3'])[i]::float8,
             (i - 3) * 1.25::numeric, (ARRAY['', 'it''s', E'back\\\\slash', 'ж', E'new\\nline'])[i], 'v' || i, 'b' || i, 'n' || i, chr(64 + i)::\"char\",
             's' || i, (enum_range(NULL::mood))[1 + i % 3], (enum_range(NULL::mood))[1 + i % 3], (enum_range(NULL::far.\"Odd Type\"))[1 + i % 2],
             i % 2 = 0, md5(i::text)::uuid, (ARRAY['-infinity', '0044-03-15 BC', '2026-01-31', '12026-01-31', 'infinity'])[i]::date,
             timestamp '2026-01-01' + i * interval '1.000001 s', timestamptz '1883-01-01 00:00+07:06:40' + i * interval '1 h',
             time '12:00' + i * interval '1 us', timetz '12:00+02', i * interval '1 mon -3 days', ('10.0.0.' || i)::inet, ('10.' || i || '.0.0/16')::cidr,
             ('08:00:2b:01:02:0' || i)::macaddr, decode(lpad(to_hex(i * 50), 4, '0'), 'hex'), i::bit(3), (i::bit(3))::varbit, ('16/B37484' || i)::pg_lsn
         FROM generate_series(1, 5) i",
    )
    .await;
    let source = server.source();
    let columns =
        server.column("SELECT attname FROM pg_attribute WHERE attrelid = 'every'::regclass AND attnum > 0").await;
    for column in columns {
        let spec = keyed(source.as_ref(), table("every"), key(&[&column], Tiebreak::OwnKey)).await;
        let count: usize =
            server.column(&format!("SELECT count(DISTINCT {column}) FROM every")).await[0].parse().unwrap();
        let pieces = source
            .split(
                &keyed(source.as_ref(), table("every"), key(&[&column], Tiebreak::None)).await,
                &rivet_source::SplitRequest {
                    by: rivet_source::SplitBy::Rows { rows: 1, exact: true },
                    within: RowRange::All,
                },
                &rivet_source::ScanLimits::default(),
            )
            .await
            .unwrap_or_else(|error| panic!("{column}: {error}"))
            .pieces;
        let values: Vec<_> = pieces
            .iter()
            .filter_map(|piece| match &piece.range {
                RowRange::Key { lower, .. } => lower.clone(),
                _ => None,
            })
            .collect();
        assert_eq!(values.len() + 1, count, "{column}: a piece for each value");
        for bound in values {
            let value = bound.values;
            let range =
                |inclusive| RowRange::Key { lower: Some(KeyBound { values: value.clone(), inclusive }), upper: None };
            let found = ids(source.as_ref(), &spec, &[range(true), range(false)]).await;
            assert!(found[0].len() > found[1].len(), "{column}: {value:?} is a value of a row");
        }
    }
    let spec = keyed(source.as_ref(), table("every"), key(&["n", "t", "u", "d", "by", "o"], Tiebreak::None)).await;
    let kinds: Vec<_> = spec.key.iter().map(|column| column.kind).collect();
    let expected =
        [ScalarKind::Decimal, ScalarKind::Text, ScalarKind::Uuid, ScalarKind::Date, ScalarKind::Bytes, ScalarKind::Int];
    assert_eq!(kinds, expected);
}
