//! The process dies, is started again, and nothing is lost, doubled or left.

mod kills;
mod steps;
