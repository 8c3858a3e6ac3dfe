//! Rows into Arrow arrays: one decoder per column, chosen once.
//!
//! Nothing here knows where rows come from: a row is what implements [`Values`], and a value is a [`Cell`].

mod build;
mod bytes;
mod cell;
mod decimal;
mod fixed;
mod number;
mod row;
mod temporal;
mod vector;

use std::fmt;

use arrow::array::ArrayRef;
use rivet_model::OnUnrepresentable;
use rivet_source::{ColumnFull, NotUtf8};

pub(crate) use cell::{Calendar, Cell, Span, Values};
pub(crate) use row::{DecodeError, RowDecoder};

/// Collects the values of one column.
///
/// A value that fails leaves the decoder as it was.
pub(crate) trait Decode: fmt::Debug + Send {
    /// Takes one value; never NULL.
    fn push(&mut self, cell: Cell<'_>) -> Result<(), Fault>;

    /// Takes a NULL.
    fn push_null(&mut self);

    /// Gives the array of all values taken since the last call.
    fn finish(&mut self) -> Result<ArrayRef, ColumnFault>;

    /// Values that became NULL since the scan began because the Arrow type has no form for them.
    fn nulled(&self) -> u64;
}

/// Why one value can't be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The Arrow type can't hold it: what it is, without the value itself.
    Unfit(&'static str),
    /// It is of another kind than the column's description says.
    Malformed(&'static str),
}

/// Why the values of a batch do not make an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnFault {
    /// The row of the batch, where one is to blame.
    pub(crate) row: Option<usize>,
    /// What is wrong, without the value itself.
    pub(crate) message: String,
}

impl From<ColumnFull> for Fault {
    fn from(_full: ColumnFull) -> Self {
        Self::Unfit("more than 2 GiB in one batch")
    }
}

impl From<NotUtf8> for ColumnFault {
    fn from(NotUtf8(row): NotUtf8) -> Self {
        Self { row: Some(row), message: "holds bytes that are not UTF-8".to_owned() }
    }
}

/// What becomes of values without a form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Zero dates.
    sentinel: OnUnrepresentable,
    /// Values beyond what the type holds.
    unfit: OnUnrepresentable,
}

impl Policy {
    /// Without a choice by the user, a sentinel becomes NULL and an unfit value is an error.
    pub(crate) fn new(choice: Option<OnUnrepresentable>) -> Self {
        Self { sentinel: choice.unwrap_or(OnUnrepresentable::Null), unfit: choice.unwrap_or(OnUnrepresentable::Error) }
    }

    /// Returns the value, or `None` where it becomes NULL.
    fn settle<T>(self, reading: Reading<T>) -> Result<Option<T>, Fault> {
        match reading {
            Reading::Value(value) => Ok(Some(value)),
            Reading::Sentinel(_) if self.sentinel == OnUnrepresentable::Null => Ok(None),
            Reading::Unfit(_) if self.unfit == OnUnrepresentable::Null => Ok(None),
            Reading::Sentinel(what) | Reading::Unfit(what) => Err(Fault::Unfit(what)),
        }
    }
}

/// What a reader makes of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading<T> {
    /// The value.
    Value(T),
    /// A value that stands for none: a zero date.
    Sentinel(&'static str),
    /// A value beyond what the type holds.
    Unfit(&'static str),
}

/// A value of a kind that the column's description does not allow.
const STRANGE: Fault = Fault::Malformed("a value of another kind than it announced");
