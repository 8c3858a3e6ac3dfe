//! Rows that are sorted into folders by what they have in common.

mod folder;
mod level;
mod limits;
mod partitioner;
mod router;
#[cfg(test)]
mod tests;

pub use self::partitioner::Partitioner;

pub(crate) use self::folder::is_folder;
pub(crate) use self::router::PartitionRouter;
