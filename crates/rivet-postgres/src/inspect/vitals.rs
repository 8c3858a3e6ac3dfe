use std::time::Duration;

use rivet_source::{SourceError, Vitals};

use super::PostgresInspector;
use crate::record::Ask as _;
use crate::session::TextRow;

/// How the server is doing. Connections are counted by database, which every role may see.
const VITALS: &str = "SELECT pg_catalog.host(pg_catalog.inet_server_addr()), pg_catalog.inet_server_port(), \
     pg_catalog.current_setting('max_connections')::pg_catalog.int8 \
     - pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int8 \
     - coalesce(pg_catalog.current_setting('reserved_connections', true)::pg_catalog.int8, 0), \
     (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database), \
     (SELECT pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.min(began)) * 1000000) \
     ::pg_catalog.int8 FROM (SELECT xact_start AS began FROM pg_catalog.pg_stat_activity \
     WHERE pid <> pg_catalog.pg_backend_pid() \
     AND backend_type NOT IN ('autovacuum worker', 'parallel worker', 'walsender') \
     UNION ALL SELECT prepared FROM pg_catalog.pg_prepared_xacts) AS t), \
     pg_catalog.pg_is_in_recovery()::pg_catalog.int4";

/// How far a replica is behind. One that has applied all that it has received, and still receives, is not: the last
/// transaction of an idle primary may be long ago.
const LAG: &str = "SELECT CASE WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() \
     AND EXISTS (SELECT 1 FROM pg_catalog.pg_stat_wal_receiver) THEN 0 \
     ELSE pg_catalog.floor(extract(epoch FROM pg_catalog.now() - pg_catalog.pg_last_xact_replay_timestamp()) \
     * 1000000)::pg_catalog.int8 END";

/// Asks how the server is doing.
pub(super) async fn vitals(inspector: &mut PostgresInspector) -> Result<Vitals, SourceError> {
    let rows = inspector.ask("the state of the server", VITALS).await?;
    let row = rows.into_iter().next().unwrap_or_default();
    // Not every service that speaks the protocol knows these functions: the rest is worth having without.
    let lag = if number(&row, 5) == Some(1) { inspector.ask("the lag of the replica", LAG).await.ok() } else { None };
    Ok(Vitals {
        address: address(&row),
        max_connections: number(&row, 2),
        connections: number(&row, 3),
        oldest_transaction: age(&row, 4),
        replica_lag: lag.and_then(|rows| age(rows.first()?, 0)),
        history_list_length: None,
    })
}

/// Puts host and port together.
fn address(row: &TextRow) -> Option<String> {
    let (host, port) = (value(row, 0)?, value(row, 1)?);
    Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

fn value(row: &TextRow, column: usize) -> Option<&str> {
    row.get(column).and_then(Option::as_deref)
}

fn number(row: &TextRow, column: usize) -> Option<u64> {
    let number: i64 = value(row, column)?.parse().ok()?;
    Some(number.max(0).unsigned_abs())
}

/// Reads microseconds; clocks of two machines may make less than none of them.
fn age(row: &TextRow, column: usize) -> Option<Duration> {
    number(row, column).map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_server() {
        let check = |host: Option<&str>, expected: Option<&str>| {
            let row = vec![host.map(ToOwned::to_owned), host.map(|_| "5432".to_owned())];
            assert_eq!(address(&row).as_deref(), expected);
        };
        check(Some("10.0.0.7"), Some("10.0.0.7:5432"));
        check(Some("fd00::7"), Some("[fd00::7]:5432"));
        check(None, None);
    }

    #[test]
    fn ages_are_never_below_zero() {
        let row = |text: &str| vec![Some(text.to_owned())];
        assert_eq!(age(&row("1500000"), 0), Some(Duration::from_millis(1_500)));
        assert_eq!(age(&row("-3"), 0), Some(Duration::ZERO));
        assert_eq!(age(&vec![None], 0), None);
    }
}
