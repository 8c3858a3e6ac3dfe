mod bucket;
mod program;
mod proxy;

pub(crate) use bucket::{AZURE_KEY, Bucket, Kind, environment, patience};
pub(crate) use program::Program;
pub(crate) use proxy::{Fault, Proxy};
