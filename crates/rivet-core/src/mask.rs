//! The masks of an export, and the keys that they work with.

use std::collections::BTreeMap;

use rivet_config::{Environment, ExportConfig, Mask as Configured};
use rivet_model::ColumnName;
use rivet_source::ScanSpec;
use rivet_writer::{Mask, MaskKey, MaskMethod};

use crate::EngineError;

/// Returns how columns are masked. It takes no key.
pub(crate) fn methods(config: &ExportConfig) -> BTreeMap<ColumnName, MaskMethod> {
    let method = |mask: &Configured| match mask {
        Configured::Hash => MaskMethod::Hash,
        Configured::Hmac { .. } => MaskMethod::Hmac,
        Configured::Null => MaskMethod::Null,
        Configured::Truncate { length } => MaskMethod::Truncate { length: *length },
    };
    config.mask.iter().map(|(column, mask)| (column.clone(), method(mask))).collect()
}

/// Returns the masks with their keys. Fails where a key is not there, or too short to be one.
pub(crate) fn masks(
    config: &ExportConfig,
    environment: &Environment,
) -> Result<BTreeMap<ColumnName, Mask>, EngineError> {
    let mut masks = BTreeMap::new();
    for (column, configured) in &config.mask {
        let mask = match configured {
            Configured::Hash => Mask::Hash,
            Configured::Hmac { key_env } => {
                let refused = |defect| EngineError::MaskKey {
                    export: config.name.clone(),
                    column: column.clone(),
                    variable: key_env.clone(),
                    defect,
                };
                Mask::Hmac(key(environment, key_env).map_err(refused)?)
            }
            Configured::Null => Mask::Null,
            Configured::Truncate { length } => Mask::Truncate { length: *length },
        };
        masks.insert(column.clone(), mask);
    }
    Ok(masks)
}

/// The error is what is wrong with the variable.
fn key(environment: &Environment, variable: &str) -> Result<MaskKey, String> {
    match environment.get(variable) {
        None => Err("is not set".to_owned()),
        Some("") => Err("is empty".to_owned()),
        Some(secret) => {
            MaskKey::new(secret.as_bytes()).ok_or_else(|| format!("holds fewer than {} bytes", MaskKey::LEAST_BYTES))
        }
    }
}

/// Names the masked columns of the key that rows are read by: their own values stand where it does.
pub(crate) fn masked_key(config: &ExportConfig, spec: &ScanSpec) -> Option<String> {
    let columns = spec.key.iter().chain(&spec.fallback).map(|column| &column.name);
    let masked: Vec<String> =
        columns.filter(|name| config.mask.contains_key(*name)).map(|name| format!("`{name}`")).collect();
    match masked.as_slice() {
        [] => None,
        [one] => Some(format!("the masked column {one}")),
        several => Some(format!("the masked columns {}", several.join(", "))),
    }
}
