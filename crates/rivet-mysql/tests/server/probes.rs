//! What is sent to find out where a relation is cut, and how far it may be read.

use std::time::Duration;

use rivet_model::RowRange;
use rivet_source::{Hold, Probe, ScanLimits, SplitBy, Tiebreak, WatermarkRequest};
use rivet_testing::Family;

use crate::harness::{NUMBERS, Server, key, keyed, run, split, table};

/// What the statements were for, after making sure that the server takes each of them.
async fn purposes<'a>(server: &Server, probes: &'a [Probe]) -> Vec<&'a str> {
    for probe in probes {
        assert_eq!(probe.error, None, "{probe:?}");
        assert_eq!(server.query(&probe.statement).await.len() as u64, probe.rows, "{probe:?}");
    }
    probes.iter().map(|probe| probe.purpose.as_str()).collect()
}

fn what_is_asked_is_listed(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE orders (id bigint PRIMARY KEY, at timestamp NULL, KEY (at));
                 INSERT INTO orders SELECT n, '2026-01-01' + INTERVAL n * 10 MINUTE FROM k; ANALYZE TABLE orders"
            ),
        )
        .await;
        let source = server.source();
        let spec = keyed(source.as_ref(), table("orders"), key(&["at"], Tiebreak::OwnKey)).await;
        let check = async |by: SplitBy, within: RowRange, expected: &[&str]| {
            let made = split(source.as_ref(), &spec, by, within).await;
            assert_eq!(purposes(&server, &made.probes).await, expected, "{by:?}");
        };
        let expects = "the rows that the planner expects";
        let index = ["the table", "the indexes of the table"];
        let cut = [index[0], index[1], expects, "where the pieces end", expects];
        check(SplitBy::Count(3), RowRange::All, &cut).await;
        check(SplitBy::Days(1), RowRange::All, &["the first and the last day", expects]).await;
        check(SplitBy::Count(3), RowRange::NullKey, &[]).await;

        let hold = Hold::Clock { lag: Duration::from_mins(1), time_zone: "UTC".to_owned() };
        let request = WatermarkRequest { after: None, hold, count_nulls: true };
        let found = source.watermark(&spec, &request, &ScanLimits::default()).await.unwrap();
        let expected = [
            "the clock of the source",
            "the last row",
            "the last row",
            "rows without a cursor",
            "the clock of the source",
            "the oldest transaction that may write",
        ];
        assert_eq!(purposes(&server, &found.probes).await, expected);
    });
}

rivet_testing::on_both_families!(what_is_asked_is_listed);
