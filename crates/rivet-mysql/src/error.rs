//! Errors of the server and the client library, told apart by what a caller does about them.

use std::io;

use mysql_async::{DriverError, Error, IoError, ServerError};
use rivet_model::ConnectionSettings;
use rivet_source::{SourceError, SourceErrorKind as Kind};

/// Makes a source error of a library error.
pub(crate) fn from_mysql(error: Error, settings: &ConnectionSettings) -> SourceError {
    match error {
        Error::Server(server) => from_server(&server, settings),
        Error::Io(IoError::Tls(tls)) => tls_error(&tls.to_string(), settings),
        Error::Io(IoError::Io(io)) => from_io(&io, settings),
        Error::Driver(driver) => from_driver(driver, settings),
        Error::Other(other) => SourceError::new(Kind::Protocol, format!("{settings}: {other}")),
        Error::Url(url) => SourceError::new(Kind::Config, format!("{settings}: {url}")),
    }
}

fn from_io(error: &io::Error, settings: &ConnectionSettings) -> SourceError {
    if let Some(tls) = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        return tls_error(&tls.to_string(), settings);
    }
    if error.kind() == io::ErrorKind::InvalidData {
        return SourceError::new(Kind::Protocol, format!("{settings} sent what can't be read: {error}"));
    }
    SourceError::new(Kind::ConnectionLost, format!("the connection to {settings} broke: {error}"))
        .with_help("See the server's log; it may have restarted or ended the session.")
}

fn from_driver(error: DriverError, settings: &ConnectionSettings) -> SourceError {
    match error {
        DriverError::ConnectionClosed => {
            SourceError::new(Kind::ConnectionLost, format!("{settings} closed the connection"))
        }
        DriverError::NoClientSslFlagFromServer => SourceError::new(Kind::Tls, format!("{settings} offers no TLS"))
            .with_help("Switch TLS on at the server, or set `tls.mode` to prefer or disable."),
        DriverError::UnknownAuthPlugin { .. }
        | DriverError::MysqlOldPasswordDisabled
        | DriverError::CleartextPluginDisabled => {
            let reason = match error {
                DriverError::UnknownAuthPlugin { name } => format!("Rivet does not know the account's plugin `{name}`"),
                other => other.to_string(),
            };
            SourceError::new(Kind::Authentication, format!("no authentication with {settings}: {reason}")).with_help(
                "Give the user a password of the plugin caching_sha2_password, mysql_native_password, ed25519 or parsec on \
                 the server.",
            )
        }
        // It holds what came, which may be data.
        DriverError::UnexpectedPacket { .. } => {
            SourceError::new(Kind::Protocol, format!("{settings} sent a packet out of turn"))
        }
        DriverError::PacketTooLarge => {
            SourceError::new(Kind::Value, format!("{settings} sent a row of more than 1 GiB"))
                .with_help("Leave its largest column out with `exclude`.")
        }
        // Names behind a colon stand for values to the library, and there are none of them here.
        DriverError::Params(_) | DriverError::MixedParams | DriverError::StmtParamsMismatch { .. } => placeholders(),
        other => SourceError::new(Kind::Protocol, format!("{settings}: {other}")),
    }
}

/// The query holds marks that stand for values.
pub(crate) fn placeholders() -> SourceError {
    SourceError::new(Kind::Statement, "the query holds a placeholder for a value, and there is none to put in")
        .with_help("Write the value in place of each `?` and of each name behind a colon.")
}

/// Explains what the TLS library says in words of its own.
fn tls_error(reason: &str, settings: &ConnectionSettings) -> SourceError {
    let (reason, help) = if reason.contains("UnknownIssuer") {
        (
            "no authority that is trusted here has signed the server's certificate",
            "Name the PEM file of the server's authority in `tls.ca_file`; `mode: require` encrypts without checking \
             the certificate.",
        )
    } else {
        (reason, "Check `tls.mode` and `tls.ca_file`; `mode: require` encrypts without checking the certificate.")
    };
    SourceError::new(Kind::Tls, format!("TLS with {settings} failed: {reason}")).with_help(help)
}

fn from_server(error: &ServerError, settings: &ConnectionSettings) -> SourceError {
    let kind = kind_of(error.code, &error.state);
    let message = match kind {
        Kind::Authentication | Kind::Unavailable => format!("{settings} refused: {}", error.message),
        Kind::Value => without_values(&error.message),
        Kind::Statement if error.code == 1064 => syntax_error(&error.message),
        _ => error.message.clone(),
    };
    let made = SourceError::new(kind, message).with_sqlstate(error.code.to_string());
    match help_for(kind, error.code) {
        Some(help) => made.with_help(help),
        None => made,
    }
}

/// Maps an error number, and where it is none of those that matter, its SQLSTATE.
/// <https://dev.mysql.com/doc/mysql-errors/9.1/en/server-error-reference.html> and
/// <https://mariadb.com/kb/en/mariadb-error-code-reference/>
fn kind_of(code: u16, state: &str) -> Kind {
    match code {
        1045 | 1129 | 1130 | 1251 | 1275 | 1524 | 1698 | 1820 | 1862 | 3118 | 3955 | 4151 => Kind::Authentication,
        1044 | 1095 | 1142 | 1143 | 1227 | 1345 | 1370 => Kind::Permission,
        1049 | 1051 | 1054 | 1109 | 1146 | 1176 | 1305 | 1356 => Kind::NotFound,
        1040 | 1203 | 1226 | 3032 | 3168 => Kind::Unavailable,
        1317 => Kind::Cancelled,
        1969 | 3024 => Kind::StatementTimeout,
        1205 | 3572 => Kind::LockTimeout,
        // The source changed under the statement, or ran out of memory.
        1020 | 1037 | 1038 | 1041 | 1213 | 1412 | 1615 => Kind::Conflict,
        1053 | 1077 | 1079 | 1152 | 1158..=1161 | 1184 | 1927 | 2006 | 2013 | 3058 | 3169 | 4031 => {
            Kind::ConnectionLost
        }
        1153 | 1264 | 1292 | 1301 | 1366 | 1411 | 1690 | 3140..=3157 | 3854 => Kind::Value,
        _ => match state.get(..2) {
            Some("08") => Kind::ConnectionLost,
            Some("22") => Kind::Value,
            Some("28") => Kind::Authentication,
            Some("42") => Kind::Statement,
            _ => match code {
                // Of what SQLSTATE calls a general error, these are about the statement.
                1060 | 1111 | 1210 | 1221 | 1222 | 1235 | 1241 | 1242 | 1247 | 1248 | 1267 | 1270 | 1271 | 1295
                | 1525 | 1582 | 1792 => Kind::Statement,
                _ => Kind::Server,
            },
        },
    }
}

/// Says where a statement stops being one. The server quotes its rest, which may go on for lines and end with our own
/// text, and counts lines of the statement that it was put into.
fn syntax_error(message: &str) -> String {
    let quoted = message.split_once("near '").and_then(|(_, rest)| rest.rsplit_once("' at line"));
    let near = quoted.map_or("", |(quoted, _)| quoted.trim_start().lines().next().unwrap_or_default());
    if near.is_empty() || near.starts_with(") AS rivet_query") {
        return "syntax error at the end of the query".to_owned();
    }
    format!("syntax error at or near '{near}'")
}

/// Messages about data quote the data: what stands in quotes is taken out.
fn without_values(message: &str) -> String {
    let pieces = message.split('\'').enumerate();
    pieces.map(|(place, piece)| if place % 2 == 1 { "'…'" } else { piece }).collect()
}

fn help_for(kind: Kind, code: u16) -> Option<&'static str> {
    Some(match kind {
        Kind::Authentication if code == 1129 => {
            "Let an administrator run FLUSH HOSTS on the server: too many connections of this host have failed."
        }
        Kind::Authentication if matches!(code, 1820 | 1862) => {
            "Give the account a new password: log in with another client, or have an administrator do it."
        }
        Kind::Authentication if matches!(code, 3118 | 4151) => "Have an administrator unlock the account.",
        Kind::Authentication => "Check user, host and password of the account in `source`, as the server knows it.",
        Kind::Permission if code == 1044 => {
            "Grant the user of `source` SELECT on the tables of the database, or check `database` in `source`."
        }
        Kind::Permission => {
            "Grant the user of `source` SELECT on the table, or name the columns that it may read in `select`."
        }
        Kind::Unavailable => {
            "Lower `parallel_exports`, or raise max_connections or the user's max_user_connections on the server."
        }
        Kind::StatementTimeout => "Raise `tuning.statement_timeout_s`, or read less at once.",
        Kind::LockTimeout => {
            "Somebody holds the table, as ALTER TABLE does: run the same command again later, or raise \
             `tuning.lock_timeout_s` or `tuning.max_retries`."
        }
        Kind::Value if matches!(code, 1153 | 1301) => {
            "Raise max_allowed_packet on the server, or leave the large column out with `exclude`."
        }
        Kind::Value => "Correct the query, or the rows that it reads: the server can't compute a value of theirs.",
        Kind::Conflict if code == 1412 => "Somebody changed the table's structure: run the same command again.",
        Kind::Cancelled => "Somebody cancelled the statement on the server.",
        Kind::ConnectionLost => "See the server's log for why it ended the session, then run the same command again.",
        Kind::NotFound if code == 1049 => "Check `database` in `source`.",
        Kind::NotFound if code == 1356 => {
            "Have the view's owner repair it: what it reads is gone, or its definer may not read it."
        }
        Kind::NotFound => "Check that it is there, and how its name is spelled in the export.",
        Kind::Statement if code == 1060 => "Give each column a name of its own with AS.",
        Kind::Statement => "Correct the export's query: one SELECT, VALUES, TABLE or WITH statement.",
        _ => return None,
    })
}

/// Returns where the server points to in a statement, in bytes: it quotes what stands there, or the name that it does
/// not know.
pub(crate) fn position(error: &Error, sql: &str) -> Option<usize> {
    let Error::Server(server) = error else { return None };
    let quoted = match server.code {
        1064 => server.message.split_once("near '")?.1.rsplit_once("' at line")?.0,
        1054 => server.message.split('\'').nth(1)?.rsplit('.').next()?,
        _ => return None,
    };
    // The end of the statement quotes nothing, and points nowhere.
    (!quoted.is_empty()).then(|| sql.find(quoted)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_map_to_what_a_caller_does() {
        for (code, state, expected) in [
            (1045, "28000", Kind::Authentication),
            (1044, "42000", Kind::Permission),
            (1146, "42S02", Kind::NotFound),
            (1064, "42000", Kind::Statement),
            (1060, "42S21", Kind::Statement),
            (1317, "70100", Kind::Cancelled),
            (3024, "HY000", Kind::StatementTimeout),
            (1969, "70100", Kind::StatementTimeout),
            (1205, "HY000", Kind::LockTimeout),
            (1213, "40001", Kind::Conflict),
            (1040, "08004", Kind::Unavailable),
            (1053, "08S01", Kind::ConnectionLost),
            (1690, "22003", Kind::Value),
            (1105, "HY000", Kind::Server),
        ] {
            assert_eq!(kind_of(code, state), expected, "{code}");
        }
    }

    #[test]
    fn a_syntax_error_quotes_one_line_of_the_query() {
        let check = |quoted: &str, expected: &str| {
            let message =
                format!("You have an error; check the manual for the right syntax to use near '{quoted}' at line 2");
            assert_eq!(syntax_error(&message), expected, "{quoted}");
        };
        check("orders\n) AS rivet_query", "syntax error at or near 'orders'");
        check("it's\nmore", "syntax error at or near 'it's'");
        check("\n) AS rivet_query", "syntax error at the end of the query");
        check("", "syntax error at the end of the query");
    }

    #[test]
    fn data_is_taken_out_of_messages_about_data() {
        let message = "Incorrect DATETIME value: '4111 1111'";
        assert_eq!(without_values(message), "Incorrect DATETIME value: '…'");
    }

    #[test]
    fn the_server_points_by_quoting() {
        let check = |code, message: &str, expected| {
            let error = Error::Server(ServerError { code, message: message.to_owned(), state: "42000".to_owned() });
            assert_eq!(position(&error, "SELECT a FROM (\nSELEC 1\n) AS q"), expected, "{message}");
        };
        check(
            1064,
            "You have an error; check the manual for the right syntax to use near 'SELEC 1\n) AS q' at line 2",
            Some(16),
        );
        check(1064, "You have an error; check the manual for the right syntax to use near '' at line 2", None);
        check(1054, "Unknown column 'q.a' in 'field list'", Some(7));
        check(1146, "Table 'x.y' doesn't exist", None);
    }
}
