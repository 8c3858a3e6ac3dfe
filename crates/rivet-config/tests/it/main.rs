//! The crate as its callers see it.
#![cfg(test)]

mod damage;
mod errors;
mod layers;
mod reference;
mod round_trip;
mod secrets;
mod source_reference;
mod support;
mod valid;
