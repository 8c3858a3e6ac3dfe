//! Everything that is there, as data.

mod cursors;
mod groups;
mod histories;
mod sizes;
mod unknowns;
mod windows;

use super::scenario::Scenario;

/// All scenarios, in the order of the page.
pub(super) fn all() -> Vec<&'static Scenario> {
    [sizes::ALL, cursors::ALL, windows::ALL, groups::ALL, histories::ALL, unknowns::ALL].into_iter().flatten().collect()
}
