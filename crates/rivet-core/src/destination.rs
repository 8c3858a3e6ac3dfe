use std::fmt;
use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rivet_config::{Destination, Environment, ExportConfig, PathTemplate};
use rivet_model::{DestinationRecord, RunId};
use rivet_writer::{LocalStore, PartStore, StoreError, StreamStore};

use crate::EngineError;

/// The kind of a [`LocalStore`], in its record.
const LOCAL: &str = "local";

/// The kind of a [`StreamStore`] over standard output, in its record.
pub(crate) const STDOUT: &str = "stdout";

/// Makes the stores of destinations that the engine does not know by itself: those that are no folder of this machine
/// and no stream.
///
/// A function of this shape is one.
pub trait DestinationFactory: Send + Sync + 'static {
    /// Makes the store of a destination below `prefix`, which is the destination's own prefix with its placeholders
    /// filled in; `None` where it is of a kind that belongs to another factory. Secrets that the destination names are
    /// read from `environment`. Sends nothing: what is wrong with the store is found by the first call that needs it.
    ///
    /// What `record` of the store says of its place without a prefix is what its records with prefixes begin with,
    /// followed by `/`: so the places of earlier runs are found again.
    fn open(
        &self,
        destination: &Destination,
        prefix: &str,
        environment: &Environment,
    ) -> Result<Option<Arc<dyn PartStore>>, StoreError>;
}

impl<F> DestinationFactory for F
where
    F: Fn(&Destination, &str, &Environment) -> Result<Option<Arc<dyn PartStore>>, StoreError> + Send + Sync + 'static,
{
    fn open(
        &self,
        destination: &Destination,
        prefix: &str,
        environment: &Environment,
    ) -> Result<Option<Arc<dyn PartStore>>, StoreError> {
        self(destination, prefix, environment)
    }
}

type Open = dyn Fn() -> Box<dyn Write + Send> + Send + Sync;

/// What opens the destinations of exports.
#[derive(Clone, Default)]
pub(crate) struct Destinations {
    /// Where exports with the destination `stdout` write.
    stream: Option<Arc<Open>>,
    factories: Vec<Arc<dyn DestinationFactory>>,
    environment: Environment,
}

impl fmt::Debug for Destinations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let factories = self.factories.len();
        f.debug_struct("Destinations").field("factories", &factories).finish_non_exhaustive()
    }
}

impl Destinations {
    pub(crate) fn set_stream(&mut self, open: impl Fn() -> Box<dyn Write + Send> + Send + Sync + 'static) {
        self.stream = Some(Arc::new(open));
    }

    pub(crate) fn add(&mut self, factory: impl DestinationFactory) {
        self.factories.push(Arc::new(factory));
    }

    /// Says where the secrets are that destinations name.
    pub(crate) fn with_environment(mut self, environment: &Environment) -> Self {
        self.environment = environment.clone();
        self
    }

    /// Finds out whether the destination of an export can be opened. Sends nothing.
    pub(crate) fn check(&self, export: &ExportConfig) -> Result<(), EngineError> {
        let is_there = match &export.destination {
            Destination::Local { .. } => true,
            Destination::Stdout => self.stream.is_some(),
            other => self.by_factory(other, "")?.is_some(),
        };
        if is_there { Ok(()) } else { Err(not_run(export)) }
    }

    /// Opens the destination of a run, its placeholders filled in.
    pub(crate) fn open(
        &self,
        export: &ExportConfig,
        run: RunId,
        started_at: Timestamp,
    ) -> Result<Arc<dyn PartStore>, EngineError> {
        let fill = |template: &PathTemplate| {
            let date = started_at.to_zoned(TimeZone::UTC).date();
            template.fill(date, &export.name, &export.relation, &run.to_string())
        };
        let prefix = match &export.destination {
            Destination::Local { path } => return Ok(Arc::new(LocalStore::new(fill(path))?)),
            Destination::Stdout => {
                let open = self.stream.as_ref().ok_or_else(|| not_run(export))?;
                return Ok(Arc::new(StreamStore::new(STDOUT, open())));
            }
            Destination::S3(s3) => &s3.prefix,
            Destination::Gcs(gcs) => &gcs.prefix,
            Destination::Azure(azure) => &azure.prefix,
        };
        self.by_factory(&export.destination, &fill(prefix))?.ok_or_else(|| not_run(export))
    }

    /// Opens the destination of an earlier run again. A record holds no credentials: they come from what is
    /// configured for the export today, as long as that is the same place.
    pub(crate) fn reopen(
        &self,
        record: &DestinationRecord,
        configured: Option<&Destination>,
    ) -> Result<Reopened, StoreError> {
        match record.kind.as_str() {
            LOCAL => return Ok(Reopened::Store(Arc::new(LocalStore::new(&record.root)?))),
            STDOUT => return Ok(Reopened::Nothing),
            _ => {}
        }
        let Some(configured) = configured else { return Ok(Reopened::Unknown) };
        let Some(place) = self.by_factory(configured, "")?.map(|store| store.record()) else {
            return Ok(Reopened::Unknown);
        };
        let Some(prefix) = prefix_below(&place, record) else { return Ok(Reopened::Unknown) };
        let store = self.by_factory(configured, prefix)?;
        Ok(store.filter(|store| store.record() == *record).map_or(Reopened::Unknown, Reopened::Store))
    }

    fn by_factory(&self, destination: &Destination, prefix: &str) -> Result<Option<Arc<dyn PartStore>>, StoreError> {
        for factory in &self.factories {
            if let Some(store) = factory.open(destination, prefix, &self.environment)? {
                return Ok(Some(store));
            }
        }
        Ok(None)
    }
}

/// The destination of an earlier run.
#[derive(Debug)]
pub(crate) enum Reopened {
    /// It is this one.
    Store(Arc<dyn PartStore>),
    /// It was a stream: nothing is there that could be settled.
    Nothing,
    /// Nobody says with which credentials.
    Unknown,
}

/// Returns what a record has below a place; `None` where it is elsewhere.
fn prefix_below<'r>(place: &DestinationRecord, record: &'r DestinationRecord) -> Option<&'r str> {
    let rest = record.root.strip_prefix(&place.root).filter(|_| record.kind == place.kind)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

fn not_run(export: &ExportConfig) -> EngineError {
    EngineError::NotRun {
        export: export.name.clone(),
        what: format!("the destination `{}`", export.destination.kind()),
        help: "Write to `type: local`.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_lies_below_its_place() {
        let check = |place: &str, root: &str, expected: Option<&str>| {
            let record = |root: &str| DestinationRecord { kind: "s3".to_owned(), root: root.to_owned() };
            assert_eq!(prefix_below(&record(place), &record(root)), expected, "{place} {root}");
        };
        check("s3://lake", "s3://lake", Some(""));
        check("s3://lake", "s3://lake/raw/2026", Some("raw/2026"));
        check("s3://lake", "s3://lake2/raw", None);
        check("s3://lake", "http://127.0.0.1:9000/lake/raw", None);
        let local = DestinationRecord { kind: "local".to_owned(), root: "s3://lake/raw".to_owned() };
        let place = DestinationRecord { kind: "s3".to_owned(), root: "s3://lake".to_owned() };
        assert_eq!(prefix_below(&place, &local), None);
    }
}
