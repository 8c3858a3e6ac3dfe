//! A connection of our own for the rows of scans.
//!
//! The library hands out one row at a time, each in an allocation of its own and each value in an enum. Here rows are
//! decoded in the buffer that they were read into. What is asked of catalogs, and the orders to stop, stay with the
//! library; so do servers whose handshake is not spoken here.

mod auth;
mod connection;
mod handshake;
mod packets;
mod response;
mod row;
mod rsa;
mod stream;
mod value;

pub(crate) use connection::{RawConnection, Refusal, Request, Rows, Stop};
pub(crate) use row::OwnedRow;
pub(crate) use stream::Address;
