//! Values, as the server itself prints them.

mod support;

mod compared_choices;
mod compared_names;
mod compared_queries;
mod compared_relations;
mod compared_sizes;
mod compared_tables;
mod compared_texts;
mod compared_types;
mod compared_writers;
mod compared_zero_dates;
mod every_type;
