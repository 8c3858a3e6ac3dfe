//! How the server is doing.

use std::time::Duration;

use rivet_testing::Family;
use url::Url;

use super::inspector;
use crate::harness::{Server, run};

fn a_server_says_how_it_is_doing(family: Family) {
    run(async {
        let server = Server::start(family).await;
        let mut inspector = inspector(&server).await;
        let found = inspector.vitals().await.unwrap();
        let port = Url::parse(&server.url).unwrap().port().unwrap();
        let host = server.column("SELECT @@hostname").await.remove(0);
        assert_eq!(found.address, Some(format!("{host}:{port}")));
        let most: u64 = server.column("SELECT @@max_connections").await[0].parse().unwrap();
        assert_eq!(found.max_connections, Some(most));
        assert!(
            found.connections.is_some_and(|found| (2..=most).contains(&found)),
            "this one, and the test's: {found:?}"
        );
        assert!(found.history_list_length.is_some(), "{found:?}");
        assert_eq!(found.replica_lag, None, "it is no replica");
        let probes = inspector.take_probes();
        assert!(probes.len() == 3 && probes.iter().all(|probe| probe.error.is_none()), "{probes:?}");
    });
}

fn an_open_transaction_has_an_age_and_a_history(family: Family) {
    run(async {
        let server =
            Server::with(family, "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0)").await;
        server.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT").await;
        // Another session changes what this one has seen.
        let database = server.database();
        let change = move || {
            let session = database.connect();
            (0..50).for_each(|value| session.execute(&format!("UPDATE t SET v = {value} + 1")));
        };
        tokio::task::spawn_blocking(change).await.unwrap();
        let mut inspector = inspector(&server).await;
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        let found = inspector.vitals().await.unwrap();
        assert!(found.oldest_transaction.unwrap() >= Duration::from_secs(1), "{found:?}");
        assert!(found.oldest_transaction.unwrap() < Duration::from_hours(12), "moments of one zone: {found:?}");
        assert!(found.history_list_length.unwrap() >= 40, "{found:?}");
        server.execute("COMMIT").await;
    });
}

rivet_testing::on_both_families!(a_server_says_how_it_is_doing, an_open_transaction_has_an_age_and_a_history);
