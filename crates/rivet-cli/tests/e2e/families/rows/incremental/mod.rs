//! Exports that follow a cursor.

mod coalesce;
mod cursors;
mod lag;
mod nulls;
mod positions;
mod ties;
