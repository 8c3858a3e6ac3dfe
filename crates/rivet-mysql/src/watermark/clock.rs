use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use rivet_model::{KeyBound, Scalar, ScalarKind};
use rivet_source::{KeyColumn, SourceError, SourceErrorKind};

use super::NEVER;
use crate::key::is_temporal;
use crate::server::Family;
use crate::session::{Session, TextRow};

/// What a replica's delay is rounded down by, at most.
const ROUNDED: SignedDuration = SignedDuration::from_secs(1);

/// Where the row that a replica says of itself has whether it receives, whether it applies, and how many seconds it is
/// behind: the columns have other names from one server to the next, and the same places.
const RECEIVES: usize = 10;
const APPLIES: usize = 11;
const BEHIND: usize = 32;

/// Asks for the server's clock.
pub(super) async fn now(session: &mut Session) -> Result<Timestamp, SourceError> {
    let rows = session.ask("the clock of the source", "SELECT UNIX_TIMESTAMP(SYSDATE(6))").await?;
    let text = rows.into_iter().flatten().flatten().next().unwrap_or_default();
    seconds(&text).ok_or_else(|| SourceError::new(SourceErrorKind::Protocol, "the server's clock can't be read"))
}

/// What a lag can't be taken from.
pub(super) fn is_unknown() -> SourceError {
    let message = "the server is a replica and does not say how far it has replayed";
    SourceError::new(SourceErrorKind::Permission, message).with_help(
        "Start replication there, and grant the user of `source` the right to see it: REPLICATION CLIENT, on MariaDB \
         REPLICA MONITOR.",
    )
}

/// Reads seconds since 1970, with a fraction.
fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let micros: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    let whole: u32 = whole.parse().ok()?;
    Timestamp::from_microsecond(format!("{whole}{micros}").parse().ok()?).ok()
}

/// The moment up to which a replica shows what its primary has committed.
///
/// That is when the last transaction that it has applied was committed at its origin, as MySQL from version 8 on
/// says; where everything that was received is applied, also now less the delay that it tells of itself. `NEVER`
/// where neither is to be had.
pub(super) async fn replayed(session: &mut Session, family: Family) -> Result<Timestamp, SourceError> {
    let before = now(session).await?;
    let told = match told(session).await? {
        Some(rows) => rows.iter().map(delay).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max()),
        None => None,
    };
    let told = told.and_then(|delay| before.checked_sub(delay).ok()).unwrap_or(NEVER);
    let applied = if family == Family::Mysql { applied(session).await? } else { NEVER };
    Ok(told.max(applied).min(before))
}

/// What the server says of itself as a replica, a row for each primary; none where the role may not ask.
async fn told(session: &mut Session) -> Result<Option<Vec<TextRow>>, SourceError> {
    for sql in ["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"] {
        match session.ask("how far the replica is behind", sql).await {
            Ok(rows) => return Ok((!rows.is_empty()).then_some(rows)),
            // Servers know one word or the other.
            Err(error) if error.kind() == SourceErrorKind::Statement => {}
            Err(error) if error.kind() == SourceErrorKind::Permission => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// How far a replica is behind a primary, where it receives and applies what that one has.
fn delay(row: &TextRow) -> Option<SignedDuration> {
    let is_on = |place: usize| row.get(place).is_some_and(|value| value.as_deref() == Some("Yes"));
    let behind: i64 = row.get(BEHIND)?.as_deref()?.parse().ok()?;
    (is_on(RECEIVES) && is_on(APPLIES)).then(|| SignedDuration::from_secs(behind) + ROUNDED)
}

/// When the last transaction was committed at its origin that this server has applied. Workers that apply several at
/// once have all that came before the one that has come least far.
async fn applied(session: &mut Session) -> Result<Timestamp, SourceError> {
    let sql = "SELECT UNIX_TIMESTAMP(IF(@@global.replica_preserve_commit_order, MAX(t), MIN(t))) FROM (SELECT \
         LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP AS t \
         FROM performance_schema.replication_applier_status_by_worker) AS w WHERE t > '1970-01-02'";
    match session.ask("what the replica has applied", sql).await {
        Ok(rows) => Ok(rows.into_iter().flatten().flatten().next().and_then(|text| seconds(&text)).unwrap_or(NEVER)),
        Err(error) if error.kind() == SourceErrorKind::ConnectionLost => Err(error),
        // Older servers do not have it, and not every role may see it.
        Err(_unknown) => Ok(NEVER),
    }
}

/// Makes sure that a clock can be compared with a column.
pub(super) fn can_hold_back(first: &KeyColumn, time_zone: &str) -> Result<(), SourceError> {
    if !is_temporal(first.kind) {
        let message = format!("column `{}` is {}, which no clock can hold back", first.name, first.source_type.name);
        return Err(SourceError::new(SourceErrorKind::Config, message)
            .with_help("Follow a column of days or moments, or take `cursor_lag` out."));
    }
    zone(time_zone).map(drop)
}

fn zone(name: &str) -> Result<TimeZone, SourceError> {
    TimeZone::get(name).map_err(|_unknown| {
        SourceError::new(SourceErrorKind::Config, format!("no time zone is named `{name}`"))
            .with_help("Give the IANA name of a zone in `time_zone`, for example Europe/Berlin or UTC.")
    })
}

/// The end of what the clock and a lag let through. The moment is computed here: a server need not know time zones.
pub(super) fn held_back(
    first: &KeyColumn,
    now: Timestamp,
    lag: Duration,
    time_zone: &str,
) -> Result<KeyBound, SourceError> {
    let moment = SignedDuration::try_from(lag).ok().and_then(|lag| now.checked_sub(lag).ok()).unwrap_or(NEVER);
    let moment = moment.max(NEVER);
    let written = |moment: &Zoned| moment.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string();
    Ok(match first.kind {
        ScalarKind::TimestampTz => {
            let utc = format!("{}+00", written(&moment.to_zoned(TimeZone::UTC)));
            KeyBound::including(vec![Scalar::TimestampTz(utc)])
        }
        // A day counts once it is over.
        ScalarKind::Date => {
            let day = moment.to_zoned(zone(time_zone)?).date();
            KeyBound::excluding(vec![Scalar::Date(day.to_string())])
        }
        _ => {
            let local = written(&moment.to_zoned(zone(time_zone)?));
            KeyBound::including(vec![Scalar::Timestamp(local)])
        }
    })
}

#[cfg(test)]
mod tests {
    use rivet_source::{SourceType, TypeShape};

    use super::*;
    use crate::kind;

    fn column(id: u32) -> KeyColumn {
        let shape = TypeShape::Scalar;
        let source_type = SourceType { name: "t".to_owned(), base: "t".to_owned(), id, modifier: -1, shape };
        let kind = crate::key::kind(&source_type).unwrap();
        KeyColumn { name: "k".parse().unwrap(), position: 0, source_type, kind, nullable: false }
    }

    #[test]
    fn a_lag_ends_in_the_columns_own_time() {
        let now: Timestamp = "2026-07-01T00:30:00.000005Z".parse().unwrap();
        let check = |id, hours, zone: &str, expected: &str, inclusive| {
            let found = held_back(&column(id), now, Duration::from_hours(hours), zone).unwrap();
            assert_eq!((found.values[0].to_string().as_str(), found.inclusive), (expected, inclusive));
        };
        check(kind::TIMESTAMP, 1, "Europe/Berlin", "2026-06-30 23:30:00.000005+00", true);
        check(kind::DATETIME, 1, "Europe/Berlin", "2026-07-01 01:30:00.000005", true);
        check(kind::DATETIME, 1, "UTC", "2026-06-30 23:30:00.000005", true);
        check(kind::DATE, 1, "Europe/Berlin", "2026-07-01", false);
        check(kind::DATE, 1, "America/New_York", "2026-06-30", false);
        check(kind::TIMESTAMP, 1_000_000, "UTC", "1970-01-01 00:00:00.000000+00", true);
    }

    #[test]
    fn what_no_clock_holds_is_refused() {
        let check = |id, zone: &str, words: &str| {
            let error = can_hold_back(&column(id), zone).unwrap_err();
            assert_eq!(error.kind(), SourceErrorKind::Config);
            assert!(error.to_string().contains(words), "{error}");
        };
        check(kind::LONG, "UTC", "which no clock can hold back");
        check(kind::DATE, "Mars/Olympus", "no time zone is named `Mars/Olympus`");
    }

    #[test]
    fn a_replica_says_how_far_it_is_behind() {
        let check = |receives: &str, behind: Option<&str>, expected: Option<i64>| {
            let mut row: TextRow = vec![None; 60];
            row[RECEIVES] = Some(receives.to_owned());
            row[APPLIES] = Some("Yes".to_owned());
            row[BEHIND] = behind.map(ToOwned::to_owned);
            assert_eq!(delay(&row).map(|delay| delay.as_secs()), expected);
        };
        check("Yes", Some("0"), Some(1));
        check("Yes", Some("70"), Some(71));
        check("Yes", None, None);
        // What it has received is all that it knows.
        check("Connecting", Some("0"), None);
    }

    #[test]
    fn clocks_are_read_to_the_microsecond() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(seconds(text).map(|moment| moment.to_string()).as_deref(), expected);
        };
        check("1795390687.710663", Some("2026-11-22T23:38:07.710663Z"));
        check("1795390687", Some("2026-11-22T23:38:07Z"));
        check("", None);
    }
}
