use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use rivet_model::DestinationRecord;
use rivet_writer::{ObjectStoreParts, PartStore, StreamStore, conformance};
use tokio::runtime::Handle;

use crate::support::Local;

fn parts_in(store: impl ObjectStore, root: &str) -> Arc<dyn PartStore> {
    let record = DestinationRecord { kind: "memory".to_owned(), root: format!("memory:///{root}") };
    let path = Path::parse(root).unwrap();
    Arc::new(ObjectStoreParts::new(Arc::new(store), path, record, Handle::current()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_store_conforms() {
    let local = Local::new();
    conformance::durable(Arc::clone(&local.store) as Arc<dyn PartStore>).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn object_store_conforms() {
    conformance::durable(parts_in(InMemory::new(), "bucket/prefix")).await;
}

#[tokio::test]
async fn object_store_conforms_at_its_root_and_on_one_thread() {
    conformance::durable(parts_in(InMemory::new(), "")).await;
}

/// A second backend behind the same interface, with files below it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn object_store_over_files_conforms() {
    let local = Local::new();
    let files = LocalFileSystem::new_with_prefix(local.folder.path()).unwrap();
    conformance::durable(parts_in(files, "prefix")).await;
}

#[tokio::test]
async fn stream_store_conforms() {
    conformance::streaming(Arc::new(StreamStore::new("stream", std::io::sink()))).await;
}
