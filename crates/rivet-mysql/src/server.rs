use rivet_source::{ServerInfo, SourceError, SourceErrorKind};

use crate::session::{Session, TextRow};

/// Which of the two databases a server is. Percona Server is a MySQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// MySQL and what is built from it.
    Mysql,
    /// MariaDB.
    Mariadb,
}

/// The oldest servers that are known: MySQL 5.7 and MariaDB 10.6.
const OLDEST: [(Family, u32); 2] = [(Family::Mysql, 50_700), (Family::Mariadb, 100_600)];

/// What the driver needs to know of the server, beside what everybody may.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) info: ServerInfo,
    pub(crate) family: Family,
    /// Whether transactions have numbers of their own, which say where a read view stands.
    pub(crate) has_gtids: bool,
}

impl Server {
    /// What has a session see the numbers of the catalog as they are now, rather than as they were up to a day ago,
    /// where the server keeps such.
    pub(crate) fn live_catalog(&self) -> Option<&'static str> {
        let keeps = self.family == Family::Mysql && self.info.version >= 80_000;
        keeps.then_some("SET SESSION information_schema_stats_expiry = 0")
    }
}

const IDENTIFY: &str = "SELECT VERSION(), @@version_comment, CURRENT_USER(), DATABASE(), CONNECTION_ID(), \
     @@global.read_only OR @@global.innodb_read_only";

/// Asks the server who it is.
pub(crate) async fn identify(session: &mut Session) -> Result<Server, SourceError> {
    let rows = session.query(IDENTIFY).await?;
    let row = rows.first().ok_or_else(unreadable)?;
    let (text, comment) = (value(row, 0)?, value(row, 1)?);
    let identity = Identity::parse(text, comment).ok_or_else(unreadable)?;
    let Identity { family, product, version } = identity;
    if OLDEST.iter().any(|(of, oldest)| *of == family && version < *oldest) {
        let message = format!("{product} is older than what Rivet knows");
        return Err(SourceError::new(SourceErrorKind::Config, message)
            .with_help("Read from MySQL 5.7, MariaDB 10.6, or newer."));
    }
    let is_proxy = |name: &str| comment.to_lowercase().contains(name) || text.to_lowercase().contains(name);
    let info = ServerInfo {
        product,
        version,
        replica: is_replica(session, value(row, 5)? == "1").await?,
        // One that passes statements on gives a number of its own, or says so in its name.
        pooled: value(row, 4)? != session.id().to_string() || is_proxy("proxysql") || is_proxy("maxscale"),
        role: value(row, 2)?.to_owned(),
        system_id: system_id(session, family).await?,
        database: row.get(3).cloned().flatten().unwrap_or_default(),
    };
    let has_gtids =
        family == Family::Mysql && optional(session, "SELECT @@global.gtid_mode").await? == Some("ON".to_owned());
    Ok(Server { info, family, has_gtids })
}

/// What a server's version says of it.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    family: Family,
    product: String,
    version: u32,
}

impl Identity {
    fn parse(text: &str, comment: &str) -> Option<Self> {
        let is = |name: &str| text.to_lowercase().contains(name) || comment.to_lowercase().contains(name);
        // MariaDB once claimed to be 5.5.5, for the sake of clients that did not know it.
        let plain = text.strip_prefix("5.5.5-").unwrap_or(text);
        let end = plain.find(|character: char| !character.is_ascii_digit() && character != '.');
        let (number, _) = plain.split_at(end.unwrap_or(plain.len()));
        let mut parts = number.split('.').map(str::parse::<u32>);
        let (major, minor, patch) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next().and_then(Result::ok));
        let (family, name) = if is("mariadb") {
            (Family::Mariadb, "MariaDB")
        } else if is("percona") {
            (Family::Mysql, "Percona Server")
        } else {
            (Family::Mysql, "MySQL")
        };
        let version = major * 10_000 + minor * 100 + patch.unwrap_or(0).min(99);
        Some(Self { family, product: format!("{name} {number}"), version })
    }
}

/// Asks whether the server takes what it has from another one. The role may have to guess it from what it forbids.
async fn is_replica(session: &mut Session, is_read_only: bool) -> Result<bool, SourceError> {
    for sql in ["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"] {
        match session.query(sql).await {
            Ok(rows) => return Ok(!rows.is_empty()),
            // Servers know one word or the other.
            Err(error) if error.kind() == SourceErrorKind::Statement => {}
            Err(error) if error.kind() == SourceErrorKind::Permission => return Ok(is_read_only),
            Err(error) => return Err(error),
        }
    }
    Ok(is_read_only)
}

/// Asks for what tells servers apart. MariaDB has such a thing in some versions only; what identifies it elsewhere is
/// its address, which the caller knows.
async fn system_id(session: &mut Session, family: Family) -> Result<Option<String>, SourceError> {
    match family {
        Family::Mysql => optional(session, "SELECT @@global.server_uuid").await,
        Family::Mariadb => optional(session, "SELECT @@global.server_uid").await,
    }
}

/// Asks for a value that not every server has.
async fn optional(session: &mut Session, sql: &str) -> Result<Option<String>, SourceError> {
    match session.query(sql).await {
        Ok(rows) => Ok(rows.into_iter().flatten().flatten().next()),
        Err(error) if error.kind() == SourceErrorKind::ConnectionLost => Err(error),
        Err(_unknown) => Ok(None),
    }
}

fn value(row: &TextRow, column: usize) -> Result<&str, SourceError> {
    row.get(column).and_then(Option::as_deref).ok_or_else(unreadable)
}

fn unreadable() -> SourceError {
    SourceError::new(SourceErrorKind::Protocol, "the server did not say who it is")
        .with_help("Check that `source` leads to a MySQL or MariaDB server.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_told_apart() {
        let check = |text: &str, comment: &str, product: &str, version, family| {
            let expected = Identity { family, product: product.to_owned(), version };
            assert_eq!(Identity::parse(text, comment), Some(expected), "{text}");
        };
        check("9.7.4-2", "(Debian)", "MySQL 9.7.4", 90_704, Family::Mysql);
        check("5.7.44-log", "MySQL Community Server (GPL)", "MySQL 5.7.44", 50_744, Family::Mysql);
        check("8.0.36-28", "Percona Server (GPL), Release 28", "Percona Server 8.0.36", 80_036, Family::Mysql);
        check("10.11.19-MariaDB-0+deb12u1", "Debian 12", "MariaDB 10.11.19", 101_119, Family::Mariadb);
        check("5.5.5-10.6.18-MariaDB", "", "MariaDB 10.6.18", 100_618, Family::Mariadb);
        check("11.4.2", "mariadb.org binary distribution", "MariaDB 11.4.2", 110_402, Family::Mariadb);
        assert_eq!(Identity::parse("", ""), None);
    }
}
