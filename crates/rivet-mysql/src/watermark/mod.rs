//! The position that an export which follows a key may be read up to.

mod clock;

use std::time::Duration;

use jiff::Timestamp;
use rivet_model::{KeyBound, RowRange, Scalar};
use rivet_source::{Hold, ScanLimits, ScanSpec, SourceError, SourceErrorKind, Watermark, WatermarkRequest};

use crate::decode::{Cell, Values as _};
use crate::dialect::{self, Branch, Statement};
use crate::key::read;
use crate::server::Server;
use crate::session::Session;
use crate::wire::AnyRow;

/// Finds the position, in one transaction that sees at least what had been committed by the clock's moment.
pub(crate) async fn watermark(
    session: &mut Session,
    server: &Server,
    spec: &ScanSpec,
    request: &WatermarkRequest,
    limits: &ScanLimits,
) -> Result<Watermark, SourceError> {
    let Some(first) = spec.key.first() else {
        let message = format!("the {} has no key that an export could follow", spec.relation);
        return Err(SourceError::new(SourceErrorKind::Config, message).with_help("Name its cursor in `cursor_column`."));
    };
    if let Hold::Clock { time_zone, .. } = &request.hold {
        clock::can_hold_back(first, time_zone)?;
    }
    session.query(&dialect::patience(server.family, limits)).await?;
    session.record();
    // Before the transaction sees anything: what it sees is at least as new as its clock says.
    let now =
        if server.info.replica { clock::replayed(session, server.family).await? } else { clock::now(session).await? };
    session.query(dialect::BEGIN).await?;
    let upper = match &request.hold {
        Hold::Nothing => None,
        Hold::Position(values) => Some(KeyBound::including(values.clone())),
        Hold::Clock { .. } if now == NEVER => return Err(clock::is_unknown()),
        Hold::Clock { lag, time_zone } => Some(clock::held_back(first, now, *lag, time_zone)?),
    };
    let lower = request.after.clone().map(KeyBound::excluding);
    let mut asker = Asker { session, spec, limits };
    let highest = asker.last(lower.as_ref(), upper.as_ref()).await?;
    let newest = match (&upper, &highest) {
        (None, Some(highest)) => Some(highest.clone()),
        _ => asker.last(None, None).await?,
    };
    let null_rows = if request.count_nulls { Some(asker.count_nulls().await?) } else { None };
    let seen_at = clock::now(session).await?;
    // What a replica's own sessions do says nothing of the writers on its primary.
    let oldest_transaction = if server.info.replica { None } else { oldest_transaction(session).await? };
    let probes = session.take_probes();
    session.query("COMMIT").await?;
    Ok(Watermark { highest, newest, null_rows, now, seen_at, oldest_transaction, probes })
}

struct Asker<'a> {
    session: &'a mut Session,
    spec: &'a ScanSpec,
    limits: &'a ScanLimits,
}

impl Asker<'_> {
    /// The key of the last row between two ends.
    async fn last(
        &mut self,
        lower: Option<&KeyBound>,
        upper: Option<&KeyBound>,
    ) -> Result<Option<Vec<Scalar>>, SourceError> {
        let branches = dialect::branches(self.spec, lower, upper)?;
        let parts: Vec<_> = branches.iter().map(|branch| self.last_of(branch)).collect();
        let statement = match parts.as_slice() {
            [one] => one.clone(),
            several => {
                let order: Vec<_> = (1..=self.spec.key.len()).map(|place| format!("{place} DESC")).collect();
                Statement::all(several).before(&format!(" ORDER BY {} LIMIT 1", order.join(", ")))
            }
        };
        let (spec, timeout) = (self.spec, self.limits.statement_timeout);
        let mut found = None;
        let each = |row: &_| {
            found = Some(read(&spec.key, row, 0)?);
            Ok(())
        };
        self.session.ask_for_rows("the last row", &statement, &spec.relation, timeout, each).await?;
        Ok(found)
    }

    /// The statement that gives the last row of a branch: the first that its index has from behind.
    fn last_of(&self, branch: &Branch) -> Statement {
        let order: Vec<_> = branch.columns.iter().map(|name| format!("{name} DESC")).collect();
        dialect::filtered(&self.spec.relation, &branch.columns, "", &branch.conditions)
            .before(&format!(" ORDER BY {} LIMIT 1", order.join(", ")))
    }

    /// Rows that no range of keys holds.
    async fn count_nulls(&mut self) -> Result<u64, SourceError> {
        let Some(condition) = dialect::condition(self.spec, &RowRange::NullKey)? else { return Ok(0) };
        if condition == "FALSE" {
            return Ok(0);
        }
        let statement = dialect::filtered(&self.spec.relation, &["COUNT(*)".to_owned()], "", &[condition]);
        let (spec, timeout) = (self.spec, self.limits.statement_timeout);
        let mut found = 0;
        let each = |row: &AnyRow| {
            if let Ok(Cell::Int(rows)) = row.cell(0) {
                found = rows.max(0).unsigned_abs();
            }
            Ok(())
        };
        self.session.ask_for_rows("rows without a cursor", &statement, &spec.relation, timeout, each).await?;
        Ok(found)
    }
}

/// The age of the oldest transaction of the server that has written or still may, as far as the role may see: of all
/// databases, for the server does not say which of them one writes to.
///
/// Those of this program can't write. The server gives their beginning in its own time zone, whatever the session's is.
async fn oldest_transaction(session: &mut Session) -> Result<Option<Duration>, SourceError> {
    let innodb = "SELECT TIMESTAMPDIFF(MICROSECOND, CONVERT_TZ(MIN(trx_started), 'SYSTEM', '+00:00'), \
         UTC_TIMESTAMP(6)) FROM information_schema.INNODB_TRX \
         WHERE trx_is_read_only = 0 AND trx_mysql_thread_id <> CONNECTION_ID()";
    // MySQL fails to list its transactions there while one of them runs a statement with a letter of four bytes in it.
    // Not every role may look here, and not every server does: the age stays unknown then, and no run fails for it.
    let instrumented = "SELECT MAX(TIMER_WAIT) DIV 1000000 FROM performance_schema.events_transactions_current \
         WHERE STATE = 'ACTIVE' AND ACCESS_MODE = 'READ WRITE' AND THREAD_ID <> PS_CURRENT_THREAD_ID()";
    for sql in [innodb, instrumented] {
        match session.ask("the oldest transaction that may write", sql).await {
            Ok(rows) => {
                let age = rows.into_iter().flatten().flatten().next().and_then(|age| age.parse::<i64>().ok());
                return Ok(age.map(|age| Duration::from_micros(age.max(0).unsigned_abs())));
            }
            Err(error) if error.kind() == SourceErrorKind::ConnectionLost => return Err(error),
            Err(error) if error.kind() == SourceErrorKind::Permission => return Ok(None),
            Err(_unreadable) => {}
        }
    }
    Ok(None)
}

/// A moment of a server's clock that was never: before everything.
const NEVER: Timestamp = Timestamp::UNIX_EPOCH;
