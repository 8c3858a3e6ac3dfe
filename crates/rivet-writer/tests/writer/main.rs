//! What is written reads back, and survives what may happen to it.

#[cfg(test)]
mod ahead;
#[cfg(test)]
mod csv;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod local;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod parquet;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod support;
