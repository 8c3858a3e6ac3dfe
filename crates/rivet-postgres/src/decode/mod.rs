//! COPY binary rows into Arrow arrays: one decoder per column, chosen once.

mod build;
mod bytes;
mod converted;
mod fixed;
mod list;
mod network;
mod numeric;
mod range;
mod record;
mod row;
mod temporal;
mod vector;

use std::fmt;

use arrow::array::ArrayRef;
use rivet_model::OnUnrepresentable;
use rivet_source::{ColumnFull, NotUtf8};

pub(crate) use build::{conversion_base, decodes};
pub(crate) use row::{DecodeError, RowDecoder};

/// Collects the values of one column.
///
/// A value that fails leaves the decoder as it was.
pub(crate) trait Decode: fmt::Debug + Send {
    /// Takes one value in its binary form.
    fn push(&mut self, value: &[u8]) -> Result<(), Fault>;

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
    /// The bytes are not what the type's binary form allows.
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
    /// Infinite dates and timestamps.
    sentinel: OnUnrepresentable,
    /// Values beyond what the type holds.
    unfit: OnUnrepresentable,
}

impl Policy {
    /// Without a choice by the user, a sentinel becomes NULL and an unfit value is an error.
    pub(crate) fn new(choice: Option<OnUnrepresentable>) -> Self {
        Self { sentinel: choice.unwrap_or(OnUnrepresentable::Null), unfit: choice.unwrap_or(OnUnrepresentable::Error) }
    }
}

/// What a reader makes of a value's bytes.
pub(crate) enum Reading<T> {
    /// The value.
    Value(T),
    /// A value that stands for none: infinity.
    Sentinel(&'static str),
    /// A value beyond what the type holds.
    Unfit(&'static str),
}

impl Policy {
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

/// Takes exactly `N` bytes.
fn exact<const N: usize>(value: &[u8]) -> Result<[u8; N], Fault> {
    value.try_into().map_err(|_length: std::array::TryFromSliceError| Fault::Malformed("a value of the wrong length"))
}

/// Takes the first `N` bytes off.
fn split<const N: usize>(value: &mut &[u8]) -> Result<[u8; N], Fault> {
    let (head, rest) = value.split_first_chunk::<N>().ok_or(Fault::Malformed("a value that ends too early"))?;
    *value = rest;
    Ok(*head)
}

/// Takes a length and that many bytes off; `None` for NULL.
fn split_value<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Fault> {
    let length = i32::from_be_bytes(split(rest)?);
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    let (value, tail) = rest.split_at_checked(length).ok_or(Fault::Malformed("a value that ends too early"))?;
    *rest = tail;
    Ok(Some(value))
}
