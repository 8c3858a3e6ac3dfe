//! Ways to the server.

mod pgbouncer;
pub(crate) mod tls;
