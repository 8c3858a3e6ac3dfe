use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::word::quoted;
use crate::{SignalName, Signals, Strategy, UnknownWord};

/// Shorter names, for people who type them.
const SHORT_NAMES: [(&str, SignalName); 4] = [
    ("rows", SignalName::EstimatedRows),
    ("row_bytes", SignalName::EstimatedRowBytes),
    ("chunks", SignalName::ChunkCount),
    ("warnings", SignalName::PreflightWarnings),
];

/// A signal that a person sets in place of a measurement, to see what would be advised then.
///
/// It is written as `EXPORT.SIGNAL=VALUE`: `orders.rows=50000000`, `events.verdict=degraded`. The signal is a field of
/// [`Signals`]; `rows`, `row_bytes`, `chunks` and `warnings` stand for the longer names. `unknown` takes a signal away
/// that can be missing, and `none` a group.
///
/// ```
/// use rivet_priority::{Assumption, Signals, Strategy, assume};
///
/// let mut signals = [Signals::new("orders", Strategy::Full)];
/// let assumption: Assumption = "orders.rows=50_000_000".parse()?;
/// assume(&mut signals, &[assumption])?;
/// assert_eq!(signals[0].estimated_rows, Some(50_000_000));
///
/// let error = "orders.size=3".parse::<Assumption>().unwrap_err();
/// assert!(error.to_string().contains("`estimated_rows`"), "it names the signals that there are");
/// # Ok::<(), rivet_priority::AssumeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    export_name: String,
    signal: SignalName,
    value: String,
}

impl Assumption {
    /// Makes an assumption from its parts. The value is checked.
    pub fn new(export_name: &str, signal: SignalName, value: &str) -> Result<Self, AssumeError> {
        set(&mut Signals::new("", Strategy::Full), signal, value).map_err(|expected| AssumeError::Value {
            signal,
            value: value.to_owned(),
            expected,
        })?;
        Ok(Self { export_name: export_name.to_owned(), signal, value: value.to_owned() })
    }

    /// Returns the export that it is about.
    pub fn export_name(&self) -> &str {
        &self.export_name
    }

    /// Returns the signal that it sets.
    pub fn signal(&self) -> SignalName {
        self.signal
    }
}

impl FromStr for Assumption {
    type Err = AssumeError;

    fn from_str(text: &str) -> Result<Self, AssumeError> {
        let shape = || AssumeError::Shape { text: text.to_owned() };
        // From the right, because the name of an export may hold points and equal signs.
        let (target, value) = text.rsplit_once('=').ok_or_else(shape)?;
        let (export_name, signal) = target.rsplit_once('.').ok_or_else(shape)?;
        if export_name.is_empty() {
            return Err(shape());
        }
        let signal = signal.trim();
        let short = SHORT_NAMES.iter().find(|(name, _)| *name == signal).map(|(_, signal)| *signal);
        let signal = match short {
            Some(signal) => signal,
            None => signal.parse().map_err(|unknown| AssumeError::Signal { unknown })?,
        };
        Self::new(export_name, signal, value.trim())
    }
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}={}", self.export_name, self.signal, self.value)
    }
}

/// Why an assumption can't be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssumeError {
    /// The text is not of the form `EXPORT.SIGNAL=VALUE`.
    Shape {
        /// The whole text.
        text: String,
    },
    /// There is no such signal.
    Signal {
        /// What was written, and the names that there are.
        unknown: UnknownWord,
    },
    /// The signal can't have this value.
    Value {
        /// Which signal.
        signal: SignalName,
        /// What was written.
        value: String,
        /// What would have been understood.
        expected: String,
    },
    /// No such export is planned.
    Export {
        /// What was written.
        export_name: String,
        /// The exports that are planned, sorted.
        known: Vec<String>,
    },
}

impl fmt::Display for AssumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { text } => {
                write!(f, "`{text}` is no assumption; expected `EXPORT.SIGNAL=VALUE`, as in `orders.rows=50000000`")
            }
            Self::Signal { unknown } => {
                let short = quoted(SHORT_NAMES.iter().map(|(name, _)| name));
                write!(f, "no such signal: {unknown}, or for short {short}")
            }
            Self::Value { signal, value, expected } => {
                write!(f, "`{value}` is no value of the signal `{signal}`; expected {expected}")
            }
            Self::Export { export_name, known } => {
                write!(f, "no export `{export_name}` is planned; there is {}", quoted(known))
            }
        }
    }
}

// Without a source: what an unknown signal is told of is in the message already.
impl Error for AssumeError {}

/// Sets signals as a person assumes them and marks them as assumed. Of two assumptions about one signal the later one
/// holds. On an error nothing has been set.
pub fn assume(signals: &mut [Signals], assumptions: &[Assumption]) -> Result<(), AssumeError> {
    let known: BTreeSet<&str> = signals.iter().map(|signals| signals.export_name.as_str()).collect();
    if let Some(stranger) = assumptions.iter().find(|it| !known.contains(it.export_name.as_str())) {
        return Err(AssumeError::Export {
            export_name: stranger.export_name.clone(),
            known: known.into_iter().map(ToOwned::to_owned).collect(),
        });
    }
    for Assumption { export_name, signal, value } in assumptions {
        for signals in signals.iter_mut().filter(|signals| signals.export_name == *export_name) {
            set(signals, *signal, value).expect("the value was checked when the assumption was made");
            signals.assumed.insert(*signal);
        }
    }
    Ok(())
}

/// Sets a signal from a text. On an error returns what would have been understood.
fn set(signals: &mut Signals, name: SignalName, value: &str) -> Result<(), String> {
    match name {
        SignalName::SourceGroup => signals.source_group = group(value)?,
        SignalName::ImpliedGroup => signals.implied_group = group(value)?,
        SignalName::Strategy => signals.strategy = word(value)?,
        SignalName::EstimatedRows => signals.estimated_rows = number(value)?,
        SignalName::EstimatedRowBytes => signals.estimated_row_bytes = bytes(value)?,
        SignalName::ChunkCount => signals.chunk_count = number(value)?,
        SignalName::CursorQuality => signals.cursor_quality = word(value)?,
        SignalName::CursorBoundsObserved => signals.cursor_bounds_observed = flag(value)?,
        SignalName::SparseRange => signals.sparse_range = optional_flag(value)?,
        SignalName::Verdict => signals.verdict = word(value)?,
        SignalName::PreflightFailed => signals.preflight_failed = flag(value)?,
        SignalName::PreflightWarnings => signals.preflight_warnings = number(value)?,
        SignalName::Statistics => signals.statistics = word(value)?,
        SignalName::ReconcileRequired => signals.reconcile_required = flag(value)?,
        SignalName::Freshness => signals.freshness = word(value)?,
        SignalName::History => match value {
            UNKNOWN => signals.history = None,
            _ => return Err("`unknown`, which leaves earlier runs out".to_owned()),
        },
    }
    Ok(())
}

/// What stands for a signal that is not known.
const UNKNOWN: &str = "unknown";

fn word<T: FromStr<Err = UnknownWord>>(value: &str) -> Result<T, String> {
    value.parse().map_err(|error: UnknownWord| format!("one of {}", error.expected()))
}

fn group(value: &str) -> Result<Option<String>, String> {
    match value {
        "" => Err("the name of a group, or `none`".to_owned()),
        "none" => Ok(None),
        name => Ok(Some(name.to_owned())),
    }
}

fn number<T: FromStr>(value: &str) -> Result<Option<T>, String> {
    if value == UNKNOWN {
        return Ok(None);
    }
    // A plus sign would parse too.
    let digits = value.starts_with(|c: char| c.is_ascii_digit()).then(|| value.replace('_', ""));
    let number = digits.and_then(|digits| digits.parse().ok());
    number.map(Some).ok_or_else(|| "a whole number that is not too large, or `unknown`".to_owned())
}

fn bytes(value: &str) -> Result<Option<f64>, String> {
    if value == UNKNOWN {
        return Ok(None);
    }
    let bytes = value.replace('_', "").parse().ok().filter(|bytes: &f64| bytes.is_finite() && *bytes >= 0.0);
    bytes.map(Some).ok_or_else(|| "a number of bytes, or `unknown`".to_owned())
}

fn flag(value: &str) -> Result<bool, String> {
    value.parse().ok().ok_or_else(|| "`true` or `false`".to_owned())
}

fn optional_flag(value: &str) -> Result<Option<bool>, String> {
    match value {
        UNKNOWN => Ok(None),
        _ => value.parse().map(Some).ok().ok_or_else(|| "`true`, `false` or `unknown`".to_owned()),
    }
}
