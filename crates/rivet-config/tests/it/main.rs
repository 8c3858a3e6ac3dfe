//! The crate as its callers see it.
#![cfg(test)]

mod damage;
mod errors;
mod layers;
mod reference;
mod secrets;
mod support;
mod valid;
