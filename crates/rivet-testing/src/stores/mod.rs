//! Object stores for tests: servers that speak the real protocols, what their providers' clients see in them, and a
//! network that understands requests.

mod bucket;
mod client;
mod http_proxy;
mod protocol;
mod server;

pub use bucket::Bucket;
pub use http_proxy::{HttpFault, HttpProxy};
pub use protocol::{AZURE_ACCOUNT, AZURE_KEY, Protocol};
