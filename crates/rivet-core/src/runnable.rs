//! What this version runs, of all that a configuration may ask for.

use rivet_config::{Config, Destination, ExportConfig, Mode};
use rivet_model::ExportName;

use crate::{EngineBuilder, EngineError, mask};

/// Picks the exports that were asked for, in the order of the configuration.
pub(crate) fn select<'a>(config: &'a Config, names: &[ExportName]) -> Result<Vec<&'a ExportConfig>, EngineError> {
    if let Some(name) = names.iter().find(|name| config.exports.iter().all(|export| export.name != **name)) {
        let known = config.exports.iter().map(|export| format!("`{}`", export.name)).collect();
        return Err(EngineError::NoSuchExport { name: name.clone(), known });
    }
    Ok(config.exports.iter().filter(|export| names.is_empty() || names.contains(&export.name)).collect())
}

/// Refuses what is not run, or lacks the keys of its masks or of its destination, before anything is touched.
pub(crate) fn check_run(export: &ExportConfig, parts: &EngineBuilder) -> Result<(), EngineError> {
    check(export)?;
    mask::masks(export, &parts.environment)?;
    parts.destinations().check(export)
}

/// Refuses what is not run.
pub(crate) fn check(export: &ExportConfig) -> Result<(), EngineError> {
    let is_stream = matches!(export.destination, Destination::Stdout);
    let unsupported = match (&export.mode, &export.destination) {
        (Mode::Chunked(_), Destination::Stdout) => Some((
            "`mode: chunked` with `type: stdout`".to_owned(),
            "Use `mode: full`: a stream is one file, and the rows come in one order.",
        )),
        (Mode::Incremental(_), Destination::Stdout) => Some((
            "`mode: incremental` with `type: stdout`".to_owned(),
            "Write to a folder: a stream does not tell whether its rows arrived, so that the position would be a guess.",
        )),
        _ if is_stream && !export.partition_by.is_empty() => {
            Some(("`partition_by` with `type: stdout`".to_owned(), "Leave it out: a stream has no folders."))
        }
        _ if is_stream && export.output.max_file_size.is_some() => {
            Some(("`max_file_size` with `type: stdout`".to_owned(), "Leave it out: a stream is one file."))
        }
        _ => None,
    };
    match unsupported {
        None => Ok(()),
        Some((what, help)) => Err(EngineError::NotRun { export: export.name.clone(), what, help: help.to_owned() }),
    }
}

/// Names what the configuration asks for and this version passes over: it changes no row, so that the export runs, but
/// nobody should believe that it holds.
pub(crate) fn passed_over(export: &ExportConfig) -> Vec<String> {
    let asked = [
        (export.shape_drift_warn_factor.is_some(), "shape_drift_warn_factor"),
        (export.tuning.adaptive, "tuning.adaptive"),
    ];
    let asked = asked.into_iter().filter(|(is_asked, _)| *is_asked);
    asked.map(|(_, key)| format!("`{key}` is passed over: this version of Rivet does not know it yet")).collect()
}
