use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::{Field, Schema};
use jiff::Timestamp;
use rivet_model::{
    ChunkId, Compression, Consistency, DestinationRecord, ExportName, FIDELITY_KEY, Fingerprint, Format,
    LOGICAL_TYPE_KEY, PartRecord, PartitionBy, RowRange, RunId, SOURCE_TYPE_KEY,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::layout::{hex, manifest_name};
use crate::store::StoreError;

/// The list of a run's parts. Creating it commits the run: rows in parts that no manifest lists do not count.
///
/// It is stored as JSON. Readers pass over fields that they do not know, and refuse a `format_version` above their
/// own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form: [`Manifest::FORMAT_VERSION`].
    pub format_version: u32,
    /// The release that wrote it.
    pub rivet_version: String,
    /// Which export.
    pub export: ExportName,
    /// Which run.
    pub run_id: RunId,
    /// What decided the run's bytes.
    pub fingerprint: Fingerprint,
    /// When the manifest was made.
    pub created_at: Timestamp,
    /// Where the parts are.
    pub destination: DestinationRecord,
    /// The format of the parts.
    pub format: Format,
    /// Their compression.
    pub compression: Compression,
    /// The columns, in their order. Those of `partition_by` without a part of a date stand in no file: the parts list
    /// their values.
    pub schema: Vec<ManifestField>,
    /// A digest of `schema`: the same for two runs with the same columns.
    pub schema_fingerprint: String,
    /// What the folders are named after that parts lie in, level by level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_by: Vec<PartitionBy>,
    /// The parts, in the order of their chunks.
    pub parts: Vec<ManifestPart>,
    /// Rows in all parts.
    pub rows: u64,
    /// Bytes of all parts.
    pub bytes: u64,
    /// Values that became NULL because their Arrow type has no form for them, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nulled: BTreeMap<String, u64>,
    /// The columns whose values were hidden, with the word of the [`MaskMethod`](crate::MaskMethod).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub masked: BTreeMap<String, String>,
    /// How much of the run shows the source at one moment.
    pub consistency: Consistency,
    /// How many chunks were read, those without rows included.
    pub chunk_count: u32,
    /// The chunks and their ranges, where they are more than all rows in one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<ManifestChunk>,
    /// The server that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ManifestSource>,
    /// The cursor that the run began after; null for a full export.
    #[serde(default)]
    pub cursor_before: Option<Value>,
    /// The cursor that the next run begins after; null for a full export.
    #[serde(default)]
    pub cursor_after: Option<Value>,
}

/// One part of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPart {
    /// The part itself.
    #[serde(flatten)]
    pub record: PartRecord,
    /// The chunk whose rows it holds.
    pub chunk: ChunkId,
}

/// One chunk of a manifest: the range of the key or cursor that its parts hold, and how many rows that were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestChunk {
    /// Which chunk.
    pub chunk: ChunkId,
    /// Its rows.
    #[serde(flatten)]
    pub range: RowRange,
    /// Rows that were read.
    pub rows_read: u64,
}

/// The server that a run read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSource {
    /// The product and version, as the server names itself.
    pub server: String,
    /// What tells this server's data from any other's, where it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_id: Option<String>,
}

/// One column of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestField {
    /// The column's name.
    pub name: String,
    /// Its Arrow type, as Arrow's Rust library prints it.
    #[serde(rename = "type")]
    pub arrow_type: String,
    /// Its type as the source names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_type: Option<String>,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// How faithfully the Arrow type holds its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<String>,
    /// What the values mean where the Arrow type does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_type: Option<String>,
}

impl ManifestField {
    /// Describes the columns of a schema.
    pub fn of_schema(schema: &Schema) -> Vec<Self> {
        schema.fields().iter().map(|field| Self::of_field(field)).collect()
    }

    fn of_field(field: &Field) -> Self {
        let metadata = |key| field.metadata().get(key).cloned();
        Self {
            name: field.name().clone(),
            arrow_type: field.data_type().to_string(),
            source_type: metadata(SOURCE_TYPE_KEY),
            nullable: field.is_nullable(),
            fidelity: metadata(FIDELITY_KEY),
            logical_type: metadata(LOGICAL_TYPE_KEY).or_else(|| field.extension_type_name().map(ToOwned::to_owned)),
        }
    }
}

/// Returns the digest of a list of columns, in lower hexadecimal.
pub fn schema_fingerprint(fields: &[ManifestField]) -> String {
    let value = serde_json::to_value(fields).expect("a field holds nothing but text and booleans");
    digest(&value)
}

/// What a reader looks at before it reads the rest.
#[derive(Deserialize)]
struct Version {
    format_version: u64,
}

impl Manifest {
    /// The version that this release writes, and the latest that it reads.
    pub const FORMAT_VERSION: u32 = 1;

    /// Returns its name below the root of a destination that keeps manifests.
    pub fn name(&self) -> String {
        manifest_name(&self.export, self.run_id)
    }

    /// Returns the SHA-256 of the manifest's canonical JSON (keys sorted, no white space), in lower hexadecimal.
    pub fn digest(&self) -> String {
        digest(&self.to_value())
    }

    /// Returns the bytes that are stored: JSON that a person can read.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(&self.to_value()).expect("a JSON value has text keys only");
        bytes.push(b'\n');
        bytes
    }

    /// Reads stored bytes. Gives the digest of what is stored too, which counts fields that this release skips.
    pub(crate) fn from_bytes(name: &str, bytes: &[u8]) -> Result<(Self, String), StoreError> {
        let invalid = |source| StoreError::Manifest { name: name.to_owned(), source };
        let value: Value = serde_json::from_slice(bytes).map_err(invalid)?;
        let found = Version::deserialize(&value).map_err(invalid)?.format_version;
        if found > u64::from(Self::FORMAT_VERSION) {
            return Err(StoreError::ManifestVersion { name: name.to_owned(), found, known: Self::FORMAT_VERSION });
        }
        let digest = digest(&value);
        Ok((serde_json::from_value(value).map_err(invalid)?, digest))
    }

    fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a manifest's maps have text keys")
    }

    /// Returns the names of all parts.
    pub(crate) fn part_names(&self) -> BTreeSet<&str> {
        self.parts.iter().map(|part| part.record.name.as_str()).collect()
    }

    /// Returns whether a part of this name is listed.
    pub(crate) fn lists(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.record.name == name)
    }
}

/// The pointer to an export's latest run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Latest {
    pub(crate) format_version: u32,
    pub(crate) run_id: RunId,
    /// The manifest's name below the root.
    pub(crate) manifest: String,
    /// The manifest's digest.
    pub(crate) digest: String,
}

impl Latest {
    pub(crate) fn new(manifest: &Manifest, name: &str) -> Self {
        Self {
            format_version: Manifest::FORMAT_VERSION,
            run_id: manifest.run_id,
            manifest: name.to_owned(),
            digest: manifest.digest(),
        }
    }

    /// Returns whether it may replace what is there. A run that is settled late does not push a later one aside;
    /// run ids sort by time. What can't be read is replaced.
    pub(crate) fn replaces(&self, present: Option<&[u8]>) -> bool {
        let present = present.and_then(|bytes| serde_json::from_slice::<Self>(bytes).ok());
        present.is_none_or(|present| present.run_id <= self.run_id)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a pointer holds nothing but text and numbers");
        bytes.push(b'\n');
        bytes
    }
}

fn digest(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    hex(&Sha256::digest(text.as_bytes()))
}

/// Sorts keys itself: whether `serde_json`'s maps do depends on a feature that any crate may turn on.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            text.push('{');
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}
