use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimestampMicrosecondType};

use super::{ColumnFault, Decode, Fault};

/// Decodes in the column's own type and converts each batch to the type that the user asked for.
///
/// A value is converted only where nothing of it is lost: it must come back the same when it is converted again.
#[derive(Debug)]
pub(super) struct Converted {
    inner: Box<dyn Decode>,
    target: DataType,
}

impl Converted {
    pub(super) fn new(inner: Box<dyn Decode>, target: DataType) -> Self {
        Self { inner, target }
    }
}

/// Takes the zone off a type and gives it back: it is always UTC, and Arrow's conversions know none by its name.
fn without_zone(target: &DataType) -> (DataType, Option<Arc<str>>) {
    match target {
        DataType::Timestamp(unit, Some(zone)) => (DataType::Timestamp(*unit, None), Some(Arc::clone(zone))),
        other => (other.clone(), None),
    }
}

/// A conversion that leaves NULL where a value does not fit.
fn convert(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, ColumnFault> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    cast_with_options(array, target, &options)
        .map_err(|error| ColumnFault { row: None, message: format!("can't become {target}: {error}") })
}

impl Decode for Converted {
    fn push(&mut self, value: &[u8]) -> Result<(), Fault> {
        self.inner.push(value)
    }

    fn push_null(&mut self) {
        self.inner.push_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        let natural = self.inner.finish()?;
        let (target, zone) = without_zone(&self.target);
        let converted = convert(&natural, &target)?;
        let back = convert(&converted, natural.data_type())?;
        let same = not_distinct(&natural, &back)
            .map_err(|error| ColumnFault { row: None, message: format!("can't become {}: {error}", self.target) })?;
        if same.true_count() < natural.len() {
            let row = (0..same.len()).find(|row| !same.value(*row));
            let length = row.and_then(|row| natural.as_string_opt::<i32>().map(|text| text.value_length(row)));
            let length = length.map(|length| format!(" of {length} bytes")).unwrap_or_default();
            let message = format!("holds a value{length} that {} can't hold without loss", self.target);
            return Err(ColumnFault { row, message });
        }
        Ok(match zone {
            Some(zone) => Arc::new(converted.as_primitive::<TimestampMicrosecondType>().clone().with_timezone(zone)),
            None => converted,
        })
    }

    fn nulled(&self) -> u64 {
        self.inner.nulled()
    }
}
