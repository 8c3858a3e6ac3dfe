use rivet_testing::{Fault, FaultProxy};

use super::OwnServer;
use crate::faults::{CHUNKED, assert_chunks, folder};
use crate::support::Outcome;

/// The server goes away in the middle of a run and comes back: the run waits for it.
#[test]
fn a_server_that_restarts_in_the_middle_costs_retries() {
    let server = OwnServer::start();
    server.connect().execute(
        "CREATE TABLE rows AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, 100000) i; \
         ALTER TABLE rows ADD PRIMARY KEY (id); ANALYZE rows; CHECKPOINT",
    );
    let proxy = FaultProxy::start(&server.url());
    for (keys, how) in [
        (CHUNKED.to_owned(), "fast"),
        (CHUNKED.to_owned(), "immediate"),
        (format!("{CHUNKED}, consistency: snapshot"), "fast"),
        ("table: rows, format: csv".to_owned(), "immediate"),
    ] {
        proxy.set(Fault::Slow(1_500_000));
        let project = folder(&proxy.url(&server.url()), &keys, "max_retries: 8, retry_backoff_ms: 50");
        let mut running = project.command(&["run", "--json"]).spawn();
        running.wait_until("rows on their way", |_| !project.all_files("out/.rivet-staging").is_empty());
        server.restart(how);
        proxy.set(Fault::None);
        let finished = running.wait();
        finished.assert_code(0);
        let report = serde_json::from_str(&finished.stdout).expect("`--json` prints a report");
        let outcome = Outcome { finished, report };
        assert_chunks(&project, &outcome);
        assert!(outcome.export(0)["retries"].as_u64() >= Some(1), "{keys}, {how}: {}", outcome.report);
    }
}
