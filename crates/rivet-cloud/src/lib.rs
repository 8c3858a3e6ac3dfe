//! S3, Google Cloud Storage and Azure Blob Storage as destinations.
//!
//! [`open`] makes the store of a destination; an engine is given it as its factory. Nothing is sent before the first
//! call that needs an answer.
//!
//! ```
//! use rivet_config::Environment;
//!
//! # fn destination() -> rivet_config::Destination { rivet_config::Destination::Stdout }
//! let (destination, environment) = (destination(), Environment::empty());
//! assert!(rivet_cloud::open(&destination, "orders/2026", &environment)?.is_none(), "standard output is no store");
//! # Ok::<(), rivet_writer::StoreError>(())
//! ```
//!
//! # Why this shape
//!
//! The `object_store` crate speaks the three protocols, repeats what may be repeated, and signs. What it does not do
//! stands here: credentials come through the one door to the environment that the workspace has, and from AWS
//! profiles; and what a server refuses becomes a [`StoreRefusal`](rivet_writer::StoreRefusal) that says what to do,
//! made where the answer arrives, since its code and its headers are gone further up. Bodies of refusals go no further
//! than that: some servers quote the signed request in them, with its session token.

mod answer;
mod azure;
mod client;
mod digest;
mod explain;
mod gcs;
mod patience;
mod place;
mod profile;
mod s3;
mod secret;
mod uploads;

use std::sync::Arc;

use rivet_config::{Destination, Environment};
use rivet_writer::{PartStore, StoreError};

pub use patience::Patience;

/// Makes the store of a destination below `prefix`, the destination's own prefix with its placeholders filled in;
/// `None` where the destination is none of S3, GCS and Azure. Secrets that it names are read from `environment`.
///
/// It is called inside of a Tokio runtime, on which the requests are sent.
///
/// # Errors
///
/// [`StoreError::Unusable`] where a variable is not set, a file of credentials can't be used, or a prefix is none.
pub fn open(
    destination: &Destination,
    prefix: &str,
    environment: &Environment,
) -> Result<Option<Arc<dyn PartStore>>, StoreError> {
    open_with(&Patience::default(), destination, prefix, environment)
}

/// Does what [`open`] does, with a patience of one's own.
pub fn open_with(
    patience: &Patience,
    destination: &Destination,
    prefix: &str,
    environment: &Environment,
) -> Result<Option<Arc<dyn PartStore>>, StoreError> {
    match destination {
        Destination::S3(s3) => s3::open(s3, prefix, environment, patience).map(Some),
        Destination::Gcs(gcs) => gcs::open(gcs, prefix, environment, patience).map(Some),
        Destination::Azure(azure) => azure::open(azure, prefix, environment, patience).map(Some),
        Destination::Local { .. } | Destination::Stdout => Ok(None),
    }
}
