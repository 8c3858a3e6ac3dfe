use std::fmt::Write as _;

use rivet_config::ExportConfig;
use rivet_model::Fingerprint;
use rivet_source::ScanSpec;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Digests what decides which bytes an export writes, and nothing else: how hard it may work the server is left out.
pub(crate) fn of(config: &ExportConfig, spec: &ScanSpec) -> Fingerprint {
    let columns: Vec<_> = spec
        .columns
        .iter()
        .map(|column| json!([column.name, column.source_type, column.read_as, column.field.data_type().to_string()]))
        .collect();
    let decisive = json!({
        "export": config.name,
        "relation": spec.relation,
        "mode": config.mode,
        "columns": columns,
        "output": config.output,
        "destination": config.destination,
        "on_unrepresentable": spec.on_unrepresentable,
    });
    let digest = Sha256::digest(decisive.to_string());
    Fingerprint(digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    }))
}
