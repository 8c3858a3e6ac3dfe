use rivet_source::{ServerInfo, SourceError, SourceErrorKind};

use crate::session::{Session, TextRow};

/// The oldest server that the tests run against.
const OLDEST: u32 = 120_000;

/// What a scan needs to know of the server, beside what everybody may.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) info: ServerInfo,
    /// Whether the role may ask for the position in the write-ahead log.
    pub(crate) tells_position: bool,
    /// Whether the database has no encoding, so that its texts may be any bytes.
    pub(crate) has_raw_text: bool,
}

/// The statement that gives the position: the one that is written on a primary, the one that is applied on a replica.
pub(crate) const POSITION: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() \
     THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END";

const IDENTIFY: &str = "SELECT current_setting('server_version'), current_setting('server_version_num'), \
     pg_catalog.pg_is_in_recovery()::int, pg_catalog.pg_backend_pid(), current_user, \
     coalesce(has_function_privilege(to_regprocedure('pg_catalog.pg_current_wal_lsn()'), 'execute') \
     AND has_function_privilege(to_regprocedure('pg_catalog.pg_last_wal_replay_lsn()'), 'execute'), false)::int, \
     coalesce(has_function_privilege(to_regprocedure('pg_catalog.pg_control_system()'), 'execute'), false)::int, \
     (current_setting('server_encoding') = 'SQL_ASCII')::int, current_database()";

/// Asks the server who it is.
pub(crate) async fn identify(session: &mut Session) -> Result<Server, SourceError> {
    let rows = session.query(IDENTIFY).await?;
    let row = rows.first().ok_or_else(unreadable)?;
    let product = value(row, 0)?;
    let version = value(row, 1)?.parse().map_err(|_number: std::num::ParseIntError| unreadable())?;
    if version < OLDEST {
        let message = format!("PostgreSQL {product} is older than what Rivet knows");
        return Err(SourceError::new(SourceErrorKind::Config, message).with_help("Read from PostgreSQL 12 or newer."));
    }
    let own_pid = session.tap().lock().backend_pid.map(|pid| pid.to_string());
    let mut info = ServerInfo {
        product: format!("PostgreSQL {product}"),
        version,
        replica: value(row, 2)? == "1",
        // A pooler answers with a process id of its own.
        pooled: own_pid.as_deref() != Some(value(row, 3)?),
        role: value(row, 4)?.to_owned(),
        system_id: None,
        database: value(row, 8)?.to_owned(),
    };
    if value(row, 6)? == "1" {
        let rows = session.query("SELECT system_identifier FROM pg_catalog.pg_control_system()").await?;
        info.system_id = rows.first().and_then(|row| row.first().cloned().flatten());
    }
    Ok(Server { info, tells_position: value(row, 5)? == "1", has_raw_text: value(row, 7)? == "1" })
}

fn value(row: &TextRow, column: usize) -> Result<&str, SourceError> {
    row.get(column).and_then(Option::as_deref).ok_or_else(unreadable)
}

fn unreadable() -> SourceError {
    SourceError::new(SourceErrorKind::Protocol, "the server did not say who it is")
        .with_help("Check that `source` leads to a PostgreSQL server.")
}
