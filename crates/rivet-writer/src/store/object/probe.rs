use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use object_store::ObjectStoreExt as _;
use rivet_model::RunId;

use super::ObjectStoreParts;
use crate::layout::MANIFEST_FOLDER;
use crate::store::StoreError;
use crate::store::upload::begin;

/// How old a probe is that no process will remove any more: the one that had put it was killed.
const STALE: Duration = Duration::from_hours(1);

/// What went wrong while a store was tried.
enum Probe {
    /// Nothing was put.
    Put(StoreError),
    /// The probe may be there.
    After(StoreError),
}

impl ObjectStoreParts {
    /// Does in small what a run does: put, list, read, begin an upload and give it up, remove.
    pub(super) async fn try_out(&self) -> Result<(), StoreError> {
        let name = format!("{}{}", begin_of_names(), RunId::generate());
        let probed = self.probe(&name).await;
        if !matches!(probed, Err(Probe::Put(_))) {
            self.abort_uploads(|found| found == name || is_stale(found)).await;
        }
        // What was put is removed whatever came after it.
        let removed = match &probed {
            Err(Probe::Put(_)) => Ok(()),
            _ => self.store.delete(&self.path(&name)?).await,
        };
        match (probed, removed) {
            (Err(Probe::Put(error) | Probe::After(error)), _) => Err(error),
            (Ok(()), Ok(()) | Err(object_store::Error::NotFound { .. })) => Ok(()),
            (Ok(()), Err(source)) => Err(StoreError::object("remove a probe from", self, source)),
        }
    }

    async fn probe(&self, name: &str) -> Result<(), Probe> {
        let path = self.path(name).map_err(Probe::Put)?;
        let put = self.store.put(&path, "check".into()).await;
        put.map_err(|source| Probe::Put(StoreError::object("write to", self, source)))?;
        let failed = |action| move |source| Probe::After(StoreError::object(action, self, source));
        let stale = self.stale_probes().await.map_err(Probe::After)?;
        let got = self.store.get(&path).await.map_err(failed("read from"))?;
        got.bytes().await.map_err(failed("read from"))?;
        let mut upload = begin(self.store.as_ref(), &path).await.map_err(Probe::After)?;
        upload.abort().await.map_err(failed("give up an upload to"))?;
        for name in stale {
            self.remove(&name).await.map_err(Probe::After)?;
        }
        Ok(())
    }

    /// Lists the probes of processes that were killed.
    async fn stale_probes(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.path(MANIFEST_FOLDER)?;
        // The names of probes come one after the other.
        let offset = self.path(begin_of_names().trim_end_matches('-'))?;
        let mut listed = self.store.list_with_offset(Some(&folder), &offset);
        let mut stale = Vec::new();
        while let Some(object) = listed.next().await {
            let object = object.map_err(|source| StoreError::object("list", self, source))?;
            match self.name_of(&object.location) {
                Some(name) if name.starts_with(&begin_of_names()) => {
                    stale.extend(is_stale(name).then(|| name.to_owned()));
                }
                _ => break,
            }
        }
        Ok(stale)
    }
}

/// Returns what the names of probes begin with; what follows is made like the id of a run.
fn begin_of_names() -> String {
    format!("{MANIFEST_FOLDER}/check-")
}

/// Whether a name is that of an old probe. The first 48 bits of its id are the milliseconds of its time.
fn is_stale(name: &str) -> bool {
    let Some(id) = name.strip_prefix(&begin_of_names()) else { return false };
    let id = id.strip_suffix("-pieces").unwrap_or(id);
    if id.parse::<RunId>().is_err() {
        return false;
    }
    let digits: String = id.chars().filter(|digit| *digit != '-').take(12).collect();
    let put_at = i64::from_str_radix(&digits, 16).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
    put_at.is_some_and(|put_at| Timestamp::now().duration_since(put_at) > STALE.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt as _};
    use rivet_model::DestinationRecord;
    use tokio::runtime::Handle;

    use super::*;
    use crate::store::PartStore as _;

    /// Of the year 2025.
    const OLD: [&str; 2] = [
        "_rivet/check-0197a000-0000-7000-8000-000000000000",
        "_rivet/check-0197a000-0000-7000-8000-000000000000-pieces",
    ];

    #[tokio::test]
    async fn probes_of_killed_processes_are_removed_and_nothing_else_is() {
        let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let fresh = format!("_rivet/check-{}", RunId::generate());
        let others =
            [fresh.as_str(), "_rivet/check-orders/latest.json", "_rivet/check-1", "_rivet/a/1.json", "part.csv"];
        for name in others.iter().chain(&OLD) {
            memory.put(&Path::from(format!("raw/{name}")), "check".into()).await.unwrap();
        }
        let record = DestinationRecord { kind: "memory".to_owned(), root: "memory://raw".to_owned() };
        let store = ObjectStoreParts::new(Arc::clone(&memory), Path::from("raw"), record, Handle::current());
        store.check().await.unwrap();
        let left: Vec<String> = memory.list(None).map(|object| object.unwrap().location.to_string()).collect().await;
        let mut expected = others.map(|name| format!("raw/{name}"));
        expected.sort();
        assert_eq!(left, expected);
    }
}
