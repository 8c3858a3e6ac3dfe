//! Ways to the server.

mod pgbouncer;
mod tls;
