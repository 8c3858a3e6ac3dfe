//! The server that is read from.

use super::{FindingRule, Note};
use crate::number::{count, duration};
use crate::pressure::{LAGGING, LONG_HISTORY as MANY, LONG_TRANSACTION as LONG};
use crate::{FindingCode, Strategy};

pub(super) const REPLICA: FindingRule = FindingRule {
    code: FindingCode::Replica,
    when: "the server is a replica",
    find: |facts| {
        let server = facts.evidence.request.server.as_ref().filter(|server| server.replica)?;
        let lag = facts.evidence.vitals().and_then(|vitals| vitals.replica_lag);
        let message = match lag {
            Some(lag) => format!("{} is a replica, {} behind its primary", server.product, duration(lag)),
            None => format!("{} is a replica", server.product),
        };
        let help = "Keep statements short: a replica may cancel one that is in the way of what its primary sends.";
        Some(Note::info(message, help))
    },
};

pub(super) const REPLICA_LAG: FindingRule = FindingRule {
    code: FindingCode::ReplicaLag,
    when: "a replica is a minute or more behind its primary",
    find: |facts| {
        let lag = facts.evidence.vitals()?.replica_lag.filter(|lag| *lag >= LAGGING)?;
        let message = format!("the replica is {} behind its primary: what was written since is missing", duration(lag));
        Some(Note::warning(message, "Wait until the replica has caught up, or read from another one."))
    },
};

pub(super) const POOLER: FindingRule = FindingRule {
    code: FindingCode::Pooler,
    when: "a connection pooler stands in front of the server",
    find: |facts| {
        facts.evidence.request.server.as_ref().filter(|server| server.pooled)?;
        let message = "a connection pooler stands in front of the server, and its own limits hold as well";
        let help = "Read from the server itself, where long statements or many connections get into trouble.";
        Some(Note::info(message, help))
    },
};

pub(super) const LONG_TRANSACTION: FindingRule = FindingRule {
    code: FindingCode::LongTransaction,
    when: "a transaction on the server has been open for an hour or more",
    find: |facts| {
        let evidence = &facts.evidence;
        let age = evidence.vitals()?.oldest_transaction.filter(|age| *age >= LONG)?;
        let message = format!("a transaction has been open on the server for {}", duration(age));
        let help = match evidence.request.strategy {
            Strategy::Incremental => {
                "End it where it was forgotten, or set `cursor_lag` above its age: what it has written and not yet \
                 committed is missed."
            }
            Strategy::Full | Strategy::Chunked(_) | Strategy::TimeWindow { .. } => {
                "End it where it was forgotten: it keeps old versions of rows, through which every scan has to go."
            }
        };
        Some(Note::warning(message, help))
    },
};

pub(super) const LONG_HISTORY: FindingRule = FindingRule {
    code: FindingCode::LongHistory,
    when: "the server keeps old versions of rows for 1 M transactions or more (the history list of InnoDB)",
    find: |facts| {
        let length = facts.evidence.vitals()?.history_list_length.filter(|length| *length >= MANY)?;
        let message = format!("the server keeps the old versions of rows that {} transactions changed", count(length));
        let help = "End transactions that were forgotten, and choose a quieter hour: a scan has to go through old \
                    versions, and one that lasts makes more of them stay.";
        Some(Note::warning(message, help))
    },
};
