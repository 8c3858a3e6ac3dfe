//! Errors of the server and the client library, told apart by what a caller does about them.

use std::io;

use rivet_model::ConnectionSettings;
use rivet_source::{SourceError, SourceErrorKind as Kind};
use tokio_postgres::error::{DbError, ErrorPosition};

/// Makes a source error of a library error.
pub(crate) fn from_postgres(error: tokio_postgres::Error, settings: &ConnectionSettings) -> SourceError {
    if let Some(server) = error.as_db_error() {
        return from_server(server, settings);
    }
    let cause = std::error::Error::source(&error);
    let reason = cause.map_or_else(|| error.to_string(), ToString::to_string);
    if cause.is_some_and(<dyn std::error::Error>::is::<io::Error>) && !error.to_string().contains("TLS") {
        return SourceError::new(Kind::ConnectionLost, format!("the connection to {settings} broke: {reason}"))
            .with_help("See the server's log; it may have restarted or ended the session.");
    }
    // The library keeps the kind of its errors to itself; its fixed first words are all there is.
    match error.to_string().as_str() {
        text if text.contains("TLS") => tls_error(&reason, settings),
        "connection closed" => SourceError::new(Kind::ConnectionLost, format!("{settings} closed the connection")),
        "invalid configuration" | "authentication error" => {
            SourceError::new(Kind::Authentication, format!("no authentication with {settings}: {reason}"))
                .with_help("Give the user's password with `password_env`, `url_env` or `url_file` in `source`.")
        }
        _ => SourceError::new(Kind::Protocol, format!("{settings}: {reason}")).with_source(error),
    }
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

fn from_server(error: &DbError, settings: &ConnectionSettings) -> SourceError {
    let code = error.code().code();
    let kind = kind_of(code, error.message());
    let message = match kind {
        Kind::Authentication | Kind::Unavailable => format!("{settings} refused: {}", error.message()),
        _ => without_values(code, error.message()),
    };
    let made = SourceError::new(kind, message).with_sqlstate(code);
    match help_for(kind, code).map(ToOwned::to_owned).or_else(|| error.hint().map(ToOwned::to_owned)) {
        Some(help) => made.with_help(help),
        None => made,
    }
}

/// Returns where the server points to in the statement that it was sent, in characters from 0.
pub(crate) fn position(error: &tokio_postgres::Error) -> Option<usize> {
    match error.as_db_error()?.position()? {
        ErrorPosition::Original(position) => usize::try_from(*position).ok()?.checked_sub(1),
        ErrorPosition::Internal { .. } => None,
    }
}

/// Maps an SQLSTATE. <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn kind_of(code: &str, message: &str) -> Kind {
    match code {
        "3D000" | "3F000" | "42P01" | "42703" | "42883" | "42704" => Kind::NotFound,
        "42501" => Kind::Permission,
        "40001" | "40P01" | "53200" | "57P04" | "72000" => Kind::Conflict,
        "53300" | "57P03" => Kind::Unavailable,
        "55P03" => Kind::LockTimeout,
        "57P01" | "57P02" | "57P05" | "25P03" => Kind::ConnectionLost,
        // One code for two things. The words differ in every language, but the timeout's are the only ones that
        // name it in the languages where `statement timeout` stays as it is.
        "57014" if message.contains("statement timeout") => Kind::StatementTimeout,
        "57014" => Kind::Cancelled,
        _ => match code.get(..2) {
            Some("08") => Kind::ConnectionLost,
            Some("22") => Kind::Value,
            Some("28") => Kind::Authentication,
            Some("0A" | "42" | "25") => Kind::Statement,
            _ => Kind::Server,
        },
    }
}

/// Messages about data quote the data: what stands in double quotes is taken out.
fn without_values(code: &str, message: &str) -> String {
    if !code.starts_with("22") {
        return message.to_owned();
    }
    let pieces = message.split('"').enumerate();
    pieces.map(|(i, piece)| if i % 2 == 1 { "\"…\"" } else { piece }).collect()
}

fn help_for(kind: Kind, code: &str) -> Option<&'static str> {
    Some(match kind {
        Kind::Authentication => "Check user and password in `source`, and the server's pg_hba.conf.",
        Kind::Permission => "Grant the role of `source` USAGE on the schema and SELECT on the table.",
        Kind::Unavailable if code == "53300" => {
            "Lower `parallel_exports`, or raise max_connections on the server or the pool size of the pooler."
        }
        Kind::Unavailable => "Wait until the server has started, then run the same command again.",
        Kind::StatementTimeout => "Raise `tuning.statement_timeout_s`, or read less at once.",
        Kind::LockTimeout => {
            "Somebody holds the table, as ALTER TABLE does: run the same command again later, or raise \
             `tuning.lock_timeout_s` or `tuning.max_retries`."
        }
        Kind::Value => "Correct the query, or the rows that it reads: the server can't compute a value of theirs.",
        Kind::Cancelled => "Somebody cancelled the statement on the server.",
        Kind::ConnectionLost => "See the server's log for why it ended the session, then run the same command again.",
        Kind::NotFound if code == "3D000" => "Check `database` in `source`.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_map_to_what_a_caller_does() {
        for (code, message, expected) in [
            ("28P01", "", Kind::Authentication),
            ("42P01", "", Kind::NotFound),
            ("42601", "", Kind::Statement),
            ("57014", "canceling statement due to statement timeout", Kind::StatementTimeout),
            ("57014", "canceling statement due to user request", Kind::Cancelled),
            ("40001", "canceling statement due to conflict with recovery", Kind::Conflict),
            ("57P01", "", Kind::ConnectionLost),
            ("57P03", "", Kind::Unavailable),
            ("22P02", "", Kind::Value),
            ("XX000", "", Kind::Server),
        ] {
            assert_eq!(kind_of(code, message), expected, "{code}");
        }
    }

    #[test]
    fn data_is_taken_out_of_messages_about_data() {
        let message = "invalid input syntax for type integer: \"4111 1111\"";
        assert_eq!(without_values("22P02", message), "invalid input syntax for type integer: \"…\"");
        assert_eq!(without_values("42P01", "relation \"t\" does not exist"), "relation \"t\" does not exist");
    }
}
