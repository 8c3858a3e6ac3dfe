//! Plans: costs, verdicts, campaigns, and what is made of them.
//!
//! Tables are as large as statistics say where a whole table counts. What lies between two keys InnoDB looks up in its
//! index, whatever statistics say: such ranges have the rows that they have.

mod recorder;
mod support;

mod campaign;
mod check;
mod cost;
mod crash;
mod estimates;
mod exact;
mod failed_preflight;
mod groups;
mod history;
mod records;
mod refusals;
mod secrets;
mod statements;
mod verdicts;
