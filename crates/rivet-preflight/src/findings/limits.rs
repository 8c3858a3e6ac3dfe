//! What was asked for, against what there is and what is advised.

use super::{FindingRule, Note};
use crate::number::things;
use crate::{FindingCode, Severity};

pub(super) const CONNECTION_HEADROOM: FindingRule = FindingRule {
    code: FindingCode::ConnectionHeadroom,
    when: "more connections are asked for than the server has left (critical), or less than a tenth of all would be \
           left (a warning)",
    find: |facts| {
        let evidence = &facts.evidence;
        let most = evidence.vitals()?.max_connections?;
        let (left, workers) = (evidence.headroom()?, u64::from(evidence.request.workers.max(1)));
        let severity = match left.checked_sub(workers) {
            None => Severity::Critical,
            Some(rest) if rest < most / 10 => Severity::Warning,
            Some(_) => return None,
        };
        let asked = things(workers, "connection");
        let message = format!("{asked} will read, and the server has {left} left of {most}");
        let help = match facts.advice.parallelism {
            advised if workers > advised.into() => {
                format!("Set `parallel: {advised}`, or choose a quieter hour.")
            }
            _ => "Choose a quieter hour, or let the server allow more connections.".to_owned(),
        };
        Some(Note::new(severity, message, help))
    },
};

pub(super) const PROFILE_ABOVE_ADVICE: FindingRule = FindingRule {
    code: FindingCode::ProfileAboveAdvice,
    when: "the configuration asks for a bolder profile than is advised",
    find: |facts| {
        let asked = facts.evidence.request.profile.filter(|asked| *asked > facts.advice.profile)?;
        let (advised, why) = (facts.advice.profile, &facts.advice.profile_reason);
        let message = format!("`{asked}` is asked for, `{advised}` is advised: {why}");
        Some(Note::info(message, format!("Set `tuning.profile: {advised}`.")))
    },
};

pub(super) const PARALLELISM_ABOVE_ADVICE: FindingRule = FindingRule {
    code: FindingCode::ParallelismAboveAdvice,
    when: "the configuration asks for more connections than are advised",
    find: |facts| {
        let (asked, advised) = (facts.evidence.request.workers, facts.advice.parallelism);
        let why = &facts.advice.parallelism_reason;
        let message = format!("{asked} connections are asked for, {advised} advised: {why}");
        (asked > advised).then(|| Note::info(message, format!("Set `parallel: {advised}`.")))
    },
};
