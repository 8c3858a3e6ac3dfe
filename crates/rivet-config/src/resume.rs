use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::chunked::ChunkConsistency;
use crate::document::Path;
use crate::mode::Mode;
use crate::raw::RawExport;

/// Whether a run goes on where an earlier process has left it, without being asked on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Resume {
    /// It does, where the configuration still asks for the same files and the run began less than 24 hours ago.
    Auto,
    /// It begins anew.
    Never,
}

impl Resume {
    /// Judges the key beside the mode, which is none where a mistake was told.
    pub(crate) fn check(raw: &RawExport, mode: Option<&Mode>, at: &Path, cx: &mut Checker<'_>) -> Self {
        let place = at.key("resume");
        let asked = if cx.is_inherited(&place) { None } else { raw.resume };
        let inherited = raw.resume.filter(|_| asked.is_none());
        let obstacle = mode.and_then(obstacle);
        match (asked, obstacle) {
            (Some(Self::Auto), Some((key, why))) => {
                cx.exclusive(at, key, "resume", why);
                Self::Never
            }
            (None, Some(_)) => Self::Never,
            (Some(asked), _) => asked,
            (None, None) => inherited.unwrap_or(match mode {
                Some(Mode::Chunked(_)) => Self::Auto,
                _ => Self::Never,
            }),
        }
    }
}

/// Returns the key that leaves nothing to go on with, and what to do about it.
fn obstacle(mode: &Mode) -> Option<(&'static str, &'static str)> {
    let Mode::Chunked(chunked) = mode else { return None };
    if !chunked.checkpoint {
        return Some((
            "chunk_checkpoint",
            "Without checkpoints there is nothing to go on with: remove one of the two.",
        ));
    }
    (chunked.consistency == ChunkConsistency::Snapshot).then_some((
        "consistency",
        "A snapshot ends with the process that holds it: use `consistency: chunk`, or remove `resume`.",
    ))
}
