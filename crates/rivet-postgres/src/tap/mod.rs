//! A stream between the socket and `tokio-postgres` that takes the rows of a COPY out and decodes them in place.
//!
//! `tokio-postgres` hands COPY data on as one allocation per row through a channel. Here the frames are decoded
//! in the buffer that they were read into, and every other frame is passed on untouched, so that errors,
//! notices, command tags and the state of the connection stay with the library.

mod buffer;
mod state;
mod stream;

pub(crate) use state::TapHandle;
pub(crate) use stream::Tap;
