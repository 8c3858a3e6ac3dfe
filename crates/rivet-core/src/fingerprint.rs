use std::fmt::Write as _;

use rivet_config::{ExportConfig, Mode};
use rivet_model::Fingerprint;
use rivet_source::ScanSpec;
use rivet_writer::MaskMethod;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::mask;

/// Digests what decides which bytes an export writes, and nothing else: how hard it may work the server is left out.
pub(crate) fn of(config: &ExportConfig, spec: &ScanSpec, source: &str) -> Fingerprint {
    let columns: Vec<_> = spec
        .columns
        .iter()
        .map(|column| json!([column.name, column.source_type, column.read_as, column.field.data_type().to_string()]))
        .collect();
    let mut decisive = json!({
        "export": config.name,
        "source": source,
        "relation": spec.relation,
        "mode": decisive_mode(&config.mode),
        // Whether a key may be NULL decides whether there is a range for such rows.
        "key": spec.key.iter().chain(&spec.fallback).map(|column| json!([column.name, column.nullable])).collect::<Vec<_>>(),
        "columns": columns,
        "output": config.output,
        "destination": config.destination,
        "on_unrepresentable": spec.on_unrepresentable,
    });
    if !config.mask.is_empty() {
        decisive["mask"] = decisive_masks(config);
    }
    if !config.partition_by.is_empty() {
        decisive["partition_by"] = json!(config.partition_by);
    }
    Fingerprint(hexadecimal(&Sha256::digest(decisive.to_string())))
}

/// Returns lower hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

/// How columns are masked: not with which key, nor where that is.
fn decisive_masks(config: &ExportConfig) -> Value {
    let length = |method| match method {
        MaskMethod::Truncate { length } => Some(length),
        MaskMethod::Hash | MaskMethod::Hmac | MaskMethod::Null => None,
    };
    let masks = mask::methods(config).into_iter();
    masks.map(|(column, method)| json!([column, method.as_str(), length(method)])).collect()
}

/// What a mode says about rows and where they are cut: not how many are read at a time, or how often they are tried.
fn decisive_mode(mode: &Mode) -> Value {
    match mode {
        Mode::Chunked(chunked) => json!(["chunked", chunked.column, chunked.split, chunked.consistency]),
        Mode::Full | Mode::Incremental(_) | Mode::TimeWindow(_) => json!(mode),
    }
}
