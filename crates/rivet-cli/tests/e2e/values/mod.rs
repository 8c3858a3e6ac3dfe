//! What is in the files is what is in the database.

mod compared_choices;
mod compared_relations;
mod compared_tables;
mod compared_types;
