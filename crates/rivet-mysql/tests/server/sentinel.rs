//! Values without a form.

use rivet_model::OnUnrepresentable;
use rivet_source::{DescribeRequest, SourceErrorKind};
use rivet_testing::Family;

use crate::harness::{Server, export, overriding, query, rendered, request, run, table};

const DATES: &str = "SET SESSION sql_mode = '';
     CREATE TABLE t (id int PRIMARY KEY, d date NOT NULL, m datetime(6), s timestamp NULL);
     INSERT INTO t VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00'), (2, '2026-00-00', '2026-07-00 10:00:00', NULL),
     (3, '2026-01-05', '2026-01-05 10:00:00.5', '2026-01-05 10:00:00')";

fn zero_dates_become_null_and_are_counted(family: Family) {
    run(async {
        let server = Server::with(family, DATES).await;
        let source = server.source();
        let (batches, summary) = export(source.as_ref(), &request(table("t"))).await.unwrap();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(rendered(&batches, 1), [None, None, some("2026-01-05")]);
        assert_eq!(rendered(&batches, 2), [None, None, some("2026-01-05 10:00:00.500")]);
        assert_eq!(rendered(&batches, 3), [None, None, some("2026-01-05 10:00:00")]);
        assert!(batches[0].schema().field(1).is_nullable(), "NULL at the source or not");
        let nulled: Vec<_> = summary.nulled.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(nulled, [("d", 2), ("m", 2), ("s", 1)]);
        let kept = export(source.as_ref(), &overriding(table("t"), "d", "text")).await.unwrap().0;
        assert_eq!(rendered(&kept, 1), [some("0000-00-00"), some("2026-00-00"), some("2026-01-05")]);
        let strict = DescribeRequest { on_unrepresentable: Some(OnUnrepresentable::Error), ..request(table("t")) };
        let error = export(source.as_ref(), &strict).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Value);
        assert!(
            error.to_string().contains("column `d` holds a date") && error.to_string().contains("id = 1"),
            "{error}"
        );
    });
}

fn spans_are_an_error_with_ways_out(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (id int PRIMARY KEY, c time(6));
             INSERT INTO t VALUES (1, '-838:59:59'), (2, '838:59:59'), (3, '24:00:00'), (4, '-00:00:00.000001'), (5, '12:00:00')",
        )
        .await;
        let source = server.source();
        let error = export(source.as_ref(), &request(table("t"))).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Value);
        assert!(error.help_text().unwrap().contains("columns: { c: int8 }"), "{error:?}");
        let some = |text: &str| Some(text.to_owned());
        let numbers = export(source.as_ref(), &overriding(table("t"), "c", "int8")).await.unwrap().0;
        let expected = ["-3020399000000", "3020399000000", "86400000000", "-1", "43200000000"];
        assert_eq!(rendered(&numbers, 1), expected.map(some));
        let texts = export(source.as_ref(), &overriding(table("t"), "c", "text")).await.unwrap().0;
        assert_eq!(rendered(&texts, 1)[3], some("-00:00:00.000001"));
        let nulls = DescribeRequest { on_unrepresentable: Some(OnUnrepresentable::Null), ..request(table("t")) };
        let (batches, summary) = export(source.as_ref(), &nulls).await.unwrap();
        assert_eq!((rendered(&batches, 1)[4].clone(), summary.nulled["c"]), (some("12:00:00"), 4));
    });
}

fn a_truth_value_is_0_or_1(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (id int PRIMARY KEY, c tinyint(1)); INSERT INTO t VALUES (1, 1), (7, 2)",
        )
        .await;
        let source = server.source();
        let error = export(source.as_ref(), &request(table("t"))).await.unwrap_err();
        assert!(error.to_string().contains("the row with id = 7"), "{error}");
        assert!(error.help_text().unwrap().contains("columns: { c: int2 }"), "{error:?}");
        let batches = export(source.as_ref(), &overriding(table("t"), "c", "int2")).await.unwrap().0;
        assert_eq!(rendered(&batches, 1), [Some("1".to_owned()), Some("2".to_owned())]);
    });
}

fn overrides_read_what_fits(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (id int PRIMARY KEY, n bigint, d decimal(10,2), m datetime, w varchar(40), b bit(12), x binary(16));
             INSERT INTO t VALUES (1, 1, 5.00, '2026-01-05 00:00:00', '0190d0a0-0000-7000-8000-0000000000ff', b'101', x'0190d0a0000070008000000000000001')",
        )
        .await;
        let source = server.source();
        for (column, wish, arrow, expected) in [
            ("n", "bool", "Boolean", "1"),
            ("n", "int2", "Int16", "1"),
            ("n", "float8", "Float64", "1.0"),
            ("n", "decimal(20,2)", "Decimal128(20, 2)", "1.00"),
            ("n", "text", "Utf8", "1"),
            ("d", "int8", "Int64", "5"),
            ("d", "text", "Utf8", "5.00"),
            ("m", "date", "Date32", "2026-01-05"),
            ("m", "timestamp_tz", "Timestamp(µs, \"UTC\")", "2026-01-05 00:00:00"),
            ("m", "text", "Utf8", "2026-01-05 00:00:00"),
            ("w", "uuid", "FixedSizeBinary(16)", "0190D0A00000700080000000000000FF"),
            ("w", "binary", "Binary", "30313930643061302D303030302D373030302D383030302D303030303030303030306666"),
            ("b", "int4", "Int32", "5"),
            ("b", "text", "Utf8", "000000000101"),
            ("x", "uuid", "FixedSizeBinary(16)", "0190D0A0000070008000000000000001"),
        ] {
            let (batches, _) = export(source.as_ref(), &overriding(table("t"), column, wish)).await.unwrap();
            let place = batches[0].schema().index_of(column).unwrap();
            assert_eq!(batches[0].schema().field(place).data_type().to_string(), arrow, "{column} as {wish}");
            assert_eq!(rendered(&batches, place), [Some(expected.to_owned())], "{column} as {wish}");
        }
        for (column, wish) in [("w", "int4"), ("w", "date"), ("n", "json"), ("m", "int8"), ("x", "text")] {
            let error = export(source.as_ref(), &overriding(table("t"), column, wish)).await.unwrap_err();
            let expected = [SourceErrorKind::Value, SourceErrorKind::UnsupportedType];
            assert!(
                expected.contains(&error.kind()) && error.to_string().contains(column),
                "{column} as {wish}: {error}"
            );
        }
    });
}

fn values_beyond_the_limit_are_named(family: Family) {
    run(async {
        let server = Server::start(family).await;
        let source = server.source();
        let relation = query("SELECT 5 AS id, REPEAT('x', 2000) AS c");
        let spec = source.describe(&request(relation)).await.unwrap().spec;
        let limits = rivet_source::ScanLimits { max_value_bytes: 1_000, ..rivet_source::ScanLimits::default() };
        let error = crate::harness::read(source.as_ref(), &spec, &limits).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Value);
        assert!(error.to_string().contains("a value of 2000 bytes, above the limit of 1000"), "{error}");
    });
}

rivet_testing::on_both_families!(
    zero_dates_become_null_and_are_counted,
    spans_are_an_error_with_ways_out,
    a_truth_value_is_0_or_1,
    overrides_read_what_fits,
    values_beyond_the_limit_are_named,
);
