use std::path::Path;
use std::sync::Arc;

use rivet_config::Config;
use rivet_history::{MemoryStore, RedbStore, StateStore};

use crate::failure::Failure;

/// Opens the state store of a configuration, and makes it where it is missing.
pub(crate) fn open(config: &Config) -> Result<Arc<dyn StateStore>, Failure> {
    refuse_server(config)?;
    open_at(&config.state.path)
}

/// Opens the state store in a file, and makes it where it is missing.
pub(crate) fn open_at(path: &Path) -> Result<Arc<dyn StateStore>, Failure> {
    Ok(Arc::new(RedbStore::open(path)?))
}

/// Opens the state store of a configuration to look at it. Where there is none yet, none is made: an empty one stands
/// in for it.
pub(crate) fn open_existing(config: &Config) -> Result<Arc<dyn StateStore>, Failure> {
    // What can't be looked at is the store's own to explain.
    if let Ok(false) = config.state.path.try_exists() {
        refuse_server(config)?;
        return Ok(Arc::new(MemoryStore::new()));
    }
    open(config)
}

pub(crate) fn refuse_server(config: &Config) -> Result<(), Failure> {
    if config.state.url.is_none() {
        return Ok(());
    }
    let message = "the state store is a database server, which this version of Rivet does not open";
    Err(Failure::usage(message, "Name a file with `state.path`, or leave `state` out."))
}
