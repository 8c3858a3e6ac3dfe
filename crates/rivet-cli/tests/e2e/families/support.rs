use rivet_testing::{MysqlDatabase, Project};

use crate::support::project_with;

/// A folder whose configuration reads from an address. Each export is the inside of a flow mapping.
pub(super) fn project_at(url: &str, exports: &[&str]) -> Project {
    project_with(&format!("type: mysql, url: {url:?}, environment: local"), exports)
}

/// A folder whose configuration reads from a database. Each export is the inside of a flow mapping.
pub(super) fn project(database: &MysqlDatabase, exports: &[&str]) -> Project {
    project_at(database.url(), exports)
}
