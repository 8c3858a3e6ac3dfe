use rivet_config::Environment;
use rivet_writer::{RefusalKind, StoreError};

use crate::place::Place;

/// Reads the variable that a key of the configuration names.
pub(crate) fn variable<'e>(
    environment: &'e Environment,
    key: &str,
    name: &str,
    place: &Place,
) -> Result<&'e str, StoreError> {
    match environment.get(name).map(str::trim) {
        Some(value) if !value.is_empty() => Ok(value),
        found => {
            let what = if found.is_some() { "empty" } else { "not set" };
            let message = format!("the variable `{name}` is {what}");
            let help = format!("Set `{name}`, which `{key}` names, or name another variable there.");
            Err(place.refuse(RefusalKind::Credentials, message, help))
        }
    }
}
