//! The crate as its callers see it.

mod errors;
mod layers;
mod reference;
mod secrets;
mod support;
mod valid;
