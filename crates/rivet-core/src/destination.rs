use std::fmt;
use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rivet_config::{Destination, ExportConfig};
use rivet_model::{DestinationRecord, RunId};
use rivet_writer::{LocalStore, PartStore, StoreError, StreamStore};

use crate::EngineError;

/// The kind of a [`LocalStore`], in its record.
const LOCAL: &str = "local";

/// The kind of a [`StreamStore`] over standard output, in its record.
pub(crate) const STDOUT: &str = "stdout";

type Open = dyn Fn() -> Box<dyn Write + Send> + Send + Sync;

/// Where exports with the destination `stdout` write.
#[derive(Clone)]
pub(crate) struct Stream(pub(crate) Arc<Open>);

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

/// Opens the destination of a run, its placeholders filled in.
pub(crate) fn open(
    export: &ExportConfig,
    run: RunId,
    started_at: Timestamp,
    stream: Option<&Stream>,
) -> Result<Arc<dyn PartStore>, EngineError> {
    match &export.destination {
        Destination::Local { path } => {
            let date = started_at.to_zoned(TimeZone::UTC).date();
            let root = path.fill(date, &export.name, &export.relation, &run.to_string());
            Ok(Arc::new(LocalStore::new(root)?))
        }
        Destination::Stdout => match stream {
            Some(stream) => Ok(Arc::new(StreamStore::new(STDOUT, (stream.0)()))),
            None => Err(not_run(export)),
        },
        Destination::S3(_) | Destination::Gcs(_) | Destination::Azure(_) => Err(not_run(export)),
    }
}

fn not_run(export: &ExportConfig) -> EngineError {
    EngineError::NotRun {
        export: export.name.clone(),
        what: format!("the destination `{}`", export.destination.kind()),
        help: "Write to `type: local`.".to_owned(),
    }
}

/// Opens the destination of an earlier run again; `None` where it left nothing that could be settled.
pub(crate) fn reopen(record: &DestinationRecord) -> Result<Option<Arc<dyn PartStore>>, StoreError> {
    Ok(match record.kind.as_str() {
        LOCAL => Some(Arc::new(LocalStore::new(&record.root)?)),
        _ => None,
    })
}
