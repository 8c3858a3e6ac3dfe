//! What decides how rows become files.

mod compared_csv;
mod compared_meta;
mod compared_parquet;
mod compared_parts;
mod gates;
mod stdout;
