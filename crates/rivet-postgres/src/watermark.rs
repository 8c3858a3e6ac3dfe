//! The position that an export which follows a key may be read up to.

use std::time::Duration;

use jiff::Timestamp;
use rivet_model::{KeyBound, RowRange, Scalar};
use rivet_source::{Hold, KeyColumn, ScanLimits, ScanSpec, SourceError, SourceErrorKind, Watermark, WatermarkRequest};

use crate::describe::catalog::number;
use crate::dialect::{self, Branch};
use crate::key::{is_temporal, output, read};
use crate::oid;
use crate::record::{Ask as _, Recorder};
use crate::session::Session;

/// Finds the position, in one transaction whose moment is the clock's.
pub(crate) async fn watermark(
    session: &mut Session,
    replica: bool,
    spec: &ScanSpec,
    request: &WatermarkRequest,
    limits: &ScanLimits,
) -> Result<Watermark, SourceError> {
    let Some(first) = spec.key.first() else {
        let message = format!("the {} has no key that an export could follow", spec.relation);
        return Err(SourceError::new(SourceErrorKind::Config, message).with_help("Name its cursor in `cursor_column`."));
    };
    // Before the transaction sees anything: what it sees is at least as new as its clock says.
    let mut recorder = Recorder::new(session);
    let clock = if replica { replayed_clock(&mut recorder).await? } else { "pg_catalog.now()".to_owned() };
    recorder.session.query(&dialect::begin_with_keys(&spec.relation, limits)).await?;
    let mut asker = Asker { recorder, spec, limits, clock };
    let now = asker.now().await?;
    let upper = match &request.hold {
        Hold::Nothing => None,
        Hold::Position(values) => Some(KeyBound::including(values.clone())),
        Hold::Clock { lag, time_zone } => Some(asker.held_back(first, *lag, time_zone).await?),
    };
    let lower = request.after.clone().map(KeyBound::excluding);
    let highest = asker.last(lower.as_ref(), upper.as_ref()).await?;
    let newest = match (&upper, &highest) {
        (None, Some(highest)) => Some(highest.clone()),
        _ => asker.last(None, None).await?,
    };
    let null_rows = if request.count_nulls { Some(asker.count_nulls().await?) } else { None };
    let seen_at = asker.moment("pg_catalog.clock_timestamp()").await?;
    // What a replica's own sessions do says nothing of the writers on its primary.
    let oldest_transaction = if replica { None } else { asker.oldest_transaction().await? };
    asker.recorder.session.query("COMMIT").await?;
    let probes = asker.recorder.finish();
    Ok(Watermark { highest, newest, null_rows, now, seen_at, oldest_transaction, probes })
}

/// The moment, as a literal, up to which a replica shows what its primary has committed.
///
/// That is when the last replayed transaction was committed; where everything that was received is replayed, also when
/// the last message was sent, as far as the role may see it. The order matters: what arrives between the two
/// questions is newer than the first answer.
async fn replayed_clock(recorder: &mut Recorder<'_>) -> Result<String, SourceError> {
    let sql = "SELECT last_msg_send_time FROM pg_catalog.pg_stat_wal_receiver";
    let sent = recorder.ask("what the primary sent last", sql).await?;
    let sent = sent.into_iter().flatten().flatten().next();
    let sent = sent.map_or_else(|| "NULL".to_owned(), |sent| dialect::literal(&sent));
    let sql = format!(
        "SELECT coalesce(greatest(pg_catalog.pg_last_xact_replay_timestamp(), \
         CASE WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() \
         THEN {sent}::pg_catalog.timestamptz END), '1970-01-01 00:00:00+00')"
    );
    let replayed = recorder.ask("what the replica has replayed", &sql).await?;
    let replayed = replayed.into_iter().flatten().flatten().next().unwrap_or_default();
    Ok(format!("least({}::pg_catalog.timestamptz, pg_catalog.now())", dialect::literal(&replayed)))
}

struct Asker<'a> {
    recorder: Recorder<'a>,
    spec: &'a ScanSpec,
    limits: &'a ScanLimits,
    /// The clock that a lag is taken from, as an expression.
    clock: String,
}

impl Asker<'_> {
    async fn now(&mut self) -> Result<Timestamp, SourceError> {
        let clock = self.clock.clone();
        self.moment(&clock).await
    }

    async fn moment(&mut self, expression: &str) -> Result<Timestamp, SourceError> {
        let sql = format!("SELECT (extract(epoch FROM {expression}) * 1000000)::pg_catalog.int8");
        let rows = self.recorder.ask("the clock of the source", &sql).await?;
        let moment = rows.first().map_or(Ok(0), |row| number(row, 0))?;
        Timestamp::from_microsecond(moment)
            .map_err(|error| SourceError::new(SourceErrorKind::Protocol, format!("the server's clock: {error}")))
    }

    /// The end of what the clock and a lag let through.
    async fn held_back(&mut self, first: &KeyColumn, lag: Duration, time_zone: &str) -> Result<KeyBound, SourceError> {
        if !is_temporal(first.kind) {
            let message =
                format!("column `{}` is {}, which no clock can hold back", first.name, first.source_type.name);
            return Err(SourceError::new(SourceErrorKind::Config, message)
                .with_help("Follow a column of days or moments, or take `cursor_lag` out."));
        }
        let moment = format!("({} - interval '{}.{:06} seconds')", self.clock, lag.as_secs(), lag.subsec_micros());
        let local = format!("({moment} AT TIME ZONE {})", dialect::literal(time_zone));
        // A day counts once it is over.
        let (expression, inclusive) = match first.source_type.id {
            oid::DATE => (format!("{local}::pg_catalog.date"), false),
            oid::TIMESTAMP => (local, true),
            _ => (moment, true),
        };
        let rows = self.recorder.ask("the end of what the lag lets through", &format!("SELECT {expression}")).await;
        let rows = rows.map_err(|error| match error.sqlstate() {
            Some("22023") => unknown_zone(time_zone),
            _ => error,
        })?;
        let text = rows.into_iter().flatten().flatten().next().unwrap_or_default();
        let value = first.kind.parse(&text);
        let value = value.map_err(|error| SourceError::new(SourceErrorKind::Protocol, error.to_string()))?;
        Ok(KeyBound { values: vec![value], inclusive })
    }

    /// The key of the last row between two ends.
    async fn last(
        &mut self,
        lower: Option<&KeyBound>,
        upper: Option<&KeyBound>,
    ) -> Result<Option<Vec<Scalar>>, SourceError> {
        let branches = dialect::branches(self.spec, lower, upper)?;
        let mut probes = branches.iter().map(|branch| self.probe(branch));
        let first = probes.next().expect("a key has a branch");
        let statement = match probes.next() {
            None => first,
            Some(second) => {
                let values: Vec<_> = (0..self.spec.key.len()).map(|place| format!("v{place} DESC")).collect();
                let after = format!(") UNION ALL ({}) ORDER BY {} LIMIT 1", second.sql, values.join(", "));
                first.within("(", &after)
            }
        };
        let timeout = self.limits.statement_timeout;
        let rows = self.recorder.ask_of_user("the last row", &statement, &self.spec.relation, timeout).await?;
        rows.first().map(|row| read(&self.spec.key, row, 0)).transpose()
    }

    /// The statement that gives the last row of a branch: the first that its index has from behind.
    fn probe(&self, branch: &Branch) -> dialect::Statement {
        let columns = branch.columns.iter().zip(&self.spec.key).enumerate();
        let outputs =
            columns.map(|(place, (name, column))| format!("{} AS v{place}", output(name, &column.source_type)));
        let outputs: Vec<_> = outputs.collect();
        let order: Vec<_> = branch.columns.iter().map(|name| format!("{name} DESC")).collect();
        let after = format!(" ORDER BY {} LIMIT 1", order.join(", "));
        dialect::filtered(self.spec, &outputs.join(", "), &branch.conditions).within("", &after)
    }

    /// Rows that no range of keys holds.
    async fn count_nulls(&mut self) -> Result<u64, SourceError> {
        let condition = dialect::condition(self.spec, &RowRange::NullKey)?;
        if condition.as_deref() == Some("false") {
            return Ok(0);
        }
        let statement = dialect::rows(self.spec, "pg_catalog.count(*)", &RowRange::NullKey)?;
        let timeout = self.limits.statement_timeout;
        let rows = self.recorder.ask_of_user("rows without a cursor", &statement, &self.spec.relation, timeout).await?;
        rows.first().map_or(Ok(0), |row| number(row, 0))
    }

    /// The age of the oldest transaction of the database that has written or still may, as far as the role may see.
    /// Those of this program only read, until they are given an identifier.
    async fn oldest_transaction(&mut self) -> Result<Option<Duration>, SourceError> {
        let sql = "SELECT pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.min(began)) \
             * 1000000)::pg_catalog.int8 FROM (\
             SELECT xact_start AS began FROM pg_catalog.pg_stat_activity \
             WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() \
             AND backend_type NOT IN ('autovacuum worker', 'parallel worker', 'walsender') \
             AND (backend_xid IS NOT NULL OR (state IN ('active', 'idle in transaction', 'fastpath function call') \
             AND application_name <> pg_catalog.current_setting('application_name'))) \
             UNION ALL SELECT prepared FROM pg_catalog.pg_prepared_xacts \
             WHERE database = pg_catalog.current_database()) AS t";
        let rows = self.recorder.ask("the oldest transaction that may write", sql).await?;
        let age = rows.into_iter().flatten().flatten().next();
        Ok(age.and_then(|age| age.parse::<i64>().ok()).map(|age| Duration::from_micros(age.max(0).unsigned_abs())))
    }
}

fn unknown_zone(time_zone: &str) -> SourceError {
    SourceError::new(SourceErrorKind::Config, format!("the server knows no time zone `{time_zone}`"))
        .with_help("Give the IANA name of a zone in `time_zone`, for example Europe/Berlin or UTC.")
}
