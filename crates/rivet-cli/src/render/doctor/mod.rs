//! What the doctor found: for a person, and as a document whose form is a promise.

mod document;
mod page;
#[cfg(test)]
mod sample;

pub(crate) use document::DoctorView;
