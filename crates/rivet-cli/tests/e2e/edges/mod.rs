//! Where tables, names and values end.

mod compared_empty;
mod compared_names;
mod compared_sizes;
mod refusals;
