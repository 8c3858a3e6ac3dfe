use std::time::Duration;

use rivet_source::{SourceError, Vitals};

use crate::server::{Family, Server};
use crate::session::{Session, TextRow};

/// What everybody may ask.
///
/// A server does not know by which address it is reached: it may listen at all that its machine has, and a client's
/// own name for it may be one of several. The name of its machine and its port are the same for all who ask, and differ
/// from server to server.
const SETTINGS: &str = "SELECT @@global.hostname, @@global.port, @@global.max_connections";

/// Counters, of which MariaDB has both.
const COUNTERS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected', 'Innodb_history_list_length')";

/// What takes the right to see what others do (`PROCESS`). InnoDB writes moments in the zone of its machine. Sessions
/// without a thread are branches of distributed transactions.
const TRANSACTIONS: &str = "SELECT MAX(TIMESTAMPDIFF(SECOND, trx_started, \
     CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM'))) FROM information_schema.INNODB_TRX \
     WHERE trx_mysql_thread_id <> CONNECTION_ID()";

/// The same, with MySQL's only place for the history list.
const TRANSACTIONS_AND_HISTORY: &str = "SELECT MAX(TIMESTAMPDIFF(SECOND, trx_started, \
     CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM'))), (SELECT `COUNT` FROM information_schema.INNODB_METRICS \
     WHERE NAME = 'trx_rseg_history_len' AND STATUS = 'enabled') FROM information_schema.INNODB_TRX \
     WHERE trx_mysql_thread_id <> CONNECTION_ID()";

/// The column `Seconds_Behind_Source` of a replica's status: the same place in every version of either database.
const SECONDS_BEHIND: usize = 32;

/// Asks how the server is doing. What the role may not know stays unknown, and the record says why.
pub(super) async fn vitals(session: &mut Session, server: &Server) -> Result<Vitals, SourceError> {
    let settings = session.ask("the settings of the server", SETTINGS).await?;
    let settings = settings.into_iter().next().unwrap_or_default();
    let counters = session.ask("the counters of the server", COUNTERS).await.unwrap_or_default();
    let transactions = match server.family {
        Family::Mysql => TRANSACTIONS_AND_HISTORY,
        Family::Mariadb => TRANSACTIONS,
    };
    let transactions = session.ask("the oldest transaction", transactions).await.unwrap_or_default();
    let transactions = transactions.into_iter().next().unwrap_or_default();
    let replica_lag = if server.info.replica { lag(session).await } else { None };
    Ok(Vitals {
        address: address(&settings),
        max_connections: number(&settings, 2),
        connections: counter(&counters, "Threads_connected"),
        replica_lag,
        oldest_transaction: number(&transactions, 0).map(Duration::from_secs),
        history_list_length: counter(&counters, "Innodb_history_list_length").or_else(|| number(&transactions, 1)),
    })
}

/// Asks how far a replica is behind: the furthest of its sources. None where nobody knows, as while it is stopped.
async fn lag(session: &mut Session) -> Option<Duration> {
    for sql in ["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"] {
        // Servers know one word or the other.
        if let Ok(rows) = session.ask("the lag of the replica", sql).await {
            return rows.iter().filter_map(|row| number(row, SECONDS_BEHIND)).max().map(Duration::from_secs);
        }
    }
    None
}

/// Puts host and port together. A machine without a name of its own says nothing.
fn address(row: &TextRow) -> Option<String> {
    let (host, port) = (value(row, 0)?, value(row, 1)?);
    let is_name = !host.is_empty() && !host.to_lowercase().starts_with("localhost");
    is_name.then(|| format!("{host}:{port}"))
}

fn counter(rows: &[TextRow], name: &str) -> Option<u64> {
    let row = rows.iter().find(|row| value(row, 0).is_some_and(|found| found.eq_ignore_ascii_case(name)))?;
    number(row, 1)
}

fn value(row: &TextRow, column: usize) -> Option<&str> {
    row.get(column).and_then(Option::as_deref)
}

/// Reads a number; clocks of two machines may make less than none of a difference.
fn number(row: &TextRow, column: usize) -> Option<u64> {
    let number: i64 = value(row, column)?.parse().ok()?;
    Some(number.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[&str]) -> TextRow {
        values.iter().map(|value| Some((*value).to_owned())).collect()
    }

    #[test]
    fn servers_are_named_by_their_machines() {
        let check = |host: &str, expected: Option<&str>| {
            assert_eq!(address(&row(&[host, "3306"])).as_deref(), expected);
        };
        check("db-1", Some("db-1:3306"));
        check("localhost", None);
        check("localhost.localdomain", None);
        check("", None);
        assert_eq!(address(&TextRow::new()), None);
    }

    #[test]
    fn numbers_are_never_below_zero() {
        let check = |text: &str, expected| assert_eq!(number(&row(&[text]), 0), expected);
        check("15", Some(15));
        check("-3", Some(0));
        check("", None);
        assert_eq!(number(&vec![None], 0), None);
        let counters = [row(&["THREADS_CONNECTED", "7"])];
        assert_eq!(counter(&counters, "Threads_connected"), Some(7));
        assert_eq!(counter(&counters, "Innodb_history_list_length"), None);
    }
}
