//! `rivet.yaml`, the environment and flags into one validated [`Config`].
//!
//! ```
//! use std::path::Path;
//! use rivet_config::{Environment, Overrides, parse_str};
//!
//! let text = "
//! source: { type: postgres, url: 'postgres://reader:${DB_PASSWORD}@db.example/shop' }
//! exports:
//!   - { name: orders, tabel: sales.orders, destination: { type: local, path: out } }
//! ";
//! let environment = Environment::from_iter([("DB_PASSWORD", "not shown")]);
//! let errors = parse_str(text, Path::new("rivet.yaml"), &environment, &Overrides::default()).unwrap_err();
//!
//! let finding = &errors.findings()[0];
//! assert_eq!(finding.message(), "unknown key `tabel` in `exports[0]`");
//! assert_eq!(finding.advice(), Some("Did you mean `table`?"));
//! assert_eq!(finding.line_and_column(), Some((4, 21)));
//! ```
//!
//! # Concepts
//!
//! - Layers, later wins: built-in values, the file, `RIVET_*` variables, flags. `defaults` lies under every export.
//! - A *finding* is one mistake with its place. All findings of a file come at once, as [`ConfigErrors`].
//! - A *plan* outlives the configuration: an [`ExportConfig`] reads back from its own JSON, and a [`SourceReference`] is
//!   the source without its secrets, which are read again from where they were given.
//! - The raw types mirror the file; the JSON Schema ([`json_schema`]) and the reference ([`reference()`]) are made from
//!   them. The types that leave this crate hold what has been validated: durations, bytes, names, secrets.
//!
//! # Why this shape
//!
//! All layers are merged into one tree of our own whose every value knows where it came from: bytes of the file, a
//! variable, a flag. figment reads the typed values from that tree and tells the way to what it can't read; its own
//! layering is not used, because it can't tell the bytes of a value that came from `defaults` or lay a variable over
//! one entry of a list.

mod check;
mod chunked;
mod config;
mod connection_url;
mod credentials;
mod destination;
mod document;
mod environment;
mod error;
mod export;
mod extract;
mod incremental;
mod interpolate;
mod layers;
mod loader;
mod mask;
mod mistakes;
mod mode;
mod notifications;
mod output;
mod partition;
mod quality;
mod query;
mod raw;
mod reference;
mod resume;
mod schema;
mod size;
mod source;
mod source_reference;
mod template;
mod time_window;
mod time_zone;
mod tuning;

pub use chunked::{ChunkConsistency, ChunkSplit, Chunked};
pub use config::{Config, StateConfig};
pub use credentials::CredentialsReference;
pub use destination::{AzureDestination, Destination, GcsDestination, S3Destination};
pub use environment::Environment;
pub use error::{ConfigErrors, Finding, FindingKind};
pub use export::{ExportConfig, OnSchemaDrift};
pub use incremental::{CursorMode, CursorNulls, Incremental};
pub use loader::{Overrides, load, parse_str};
pub use mask::Mask;
pub use mode::Mode;
pub use notifications::{Notifications, NotifyOn, Webhook};
pub use quality::Quality;
pub use reference::reference;
pub use resume::Resume;
pub use schema::json_schema;
pub use source::{EnvironmentKind, SourceConfig};
pub use source_reference::{INLINE_PASSWORD_VARIABLE, SourceReference, SourceReferenceError};
pub use template::PathTemplate;
pub use time_window::{TimeColumnType, TimeWindow};
pub use tuning::{OnBatchMemoryExceeded, Profile, Tuning};
