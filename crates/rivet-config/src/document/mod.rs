//! The tree that all layers are merged into: every value with the place that it came from.

mod node;
mod path;
mod redact;
mod yaml;

pub(crate) use node::{Node, Origin, Value};
pub(crate) use path::{Path, Step};
pub(crate) use redact::{Redacted, is_variable_name};
pub(crate) use yaml::{Parsed, parse, parse_scalar};
