//! The built program writes to S3, Google Cloud Storage and Azure Blob Storage, as servers on this machine speak them.
//!
//! What is there in the end is looked at with the providers' own clients, and held against manifests and the state
//! store. `RIVET_TEST_KILLS` says how often a run dies at a random instant, `RIVET_TEST_SEED` at which ones.

mod compared;
mod crash;
mod faults;
mod lake;
mod modes;
mod rows;
