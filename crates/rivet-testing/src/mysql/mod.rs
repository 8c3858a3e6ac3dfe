//! The same for MySQL and MariaDB: one handle for both, since every test of one is a test of the other.

mod column;
mod database;
mod dump;
mod family;
mod session;

pub use database::MysqlDatabase;
pub use family::Family;
pub use session::MysqlSession;
