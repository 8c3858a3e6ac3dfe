use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, SchemaRef};
use rivet_model::{DatePart, PartitionBy, PartitionKey, PartitionKind, PartitionScalar, PartitionValue};

use super::folder::{MOST_BYTES, NULL_VALUE, push_escaped};
use crate::error::WriteError;
use crate::value::{Column, push_date_part, push_text};

/// One level of folders, bound to the column of a schema.
#[derive(Debug, Clone)]
pub(super) struct Level {
    key: PartitionKey,
    /// Where its column stands.
    pub(super) place: usize,
    field: Field,
    pub(super) part: Option<DatePart>,
    kind: PartitionKind,
}

impl Level {
    /// Finds the column. Fails where it is not there, or its values can't name folders.
    pub(super) fn bind(by: &PartitionBy, schema: &SchemaRef) -> Result<Self, WriteError> {
        let name = by.column.as_str();
        let Ok(place) = schema.index_of(name) else {
            let columns = schema.fields().iter().map(|field| format!("`{}`", field.name())).collect();
            return Err(WriteError::NoColumnToPartitionBy { column: name.to_owned(), columns });
        };
        let field = schema.field(place).clone();
        let kind = match by.part {
            None => kind_of(&field).ok_or_else(|| WriteError::NotPartitioned {
                column: name.to_owned(),
                data_type: field.data_type().clone(),
            })?,
            Some(part) => kind_of_part(part, field.data_type()).ok_or_else(|| WriteError::NoDatePart {
                column: name.to_owned(),
                data_type: field.data_type().clone(),
                part,
            })?,
        };
        Ok(Self { key: by.key.clone(), place, field, part: by.part, kind })
    }

    pub(super) fn key(&self) -> &str {
        self.key.as_str()
    }

    /// Binds the level's column in a batch.
    pub(super) fn column<'a>(&self, batch: &'a RecordBatch) -> Result<Column<'a>, WriteError> {
        Column::bind_named(&self.field, batch.column(self.place), "a folder")
    }

    /// Writes the text of a row's value. Returns whether there is one.
    fn render<'t>(&self, column: &Column<'_>, row: usize, text: &'t mut Vec<u8>) -> Option<&'t str> {
        if column.is_null(row) {
            return None;
        }
        text.clear();
        match self.part {
            None => push_text(column, row, text),
            Some(part) => push_date_part(column, row, part, text),
        }
        Some(std::str::from_utf8(text).expect("numbers, moments and Arrow's text are UTF-8"))
    }

    /// Appends the name of the folder that a row goes to.
    pub(super) fn push_folder(
        &self,
        column: &Column<'_>,
        row: usize,
        text: &mut Vec<u8>,
        folder: &mut String,
    ) -> Result<(), WriteError> {
        let start = folder.len();
        folder.push_str(self.key());
        folder.push('=');
        match self.render(column, row, text) {
            None => folder.push_str(NULL_VALUE),
            Some(NULL_VALUE) => return Err(WriteError::ReservedFolder { column: self.field.name().clone() }),
            Some(value) => push_escaped(value, folder),
        }
        let bytes = folder.len() - start;
        if bytes > MOST_BYTES {
            return Err(WriteError::LongFolder { column: self.field.name().clone(), bytes, most: MOST_BYTES });
        }
        Ok(())
    }

    /// Returns a row's value with its type.
    pub(super) fn value(&self, column: &Column<'_>, row: usize, text: &mut Vec<u8>) -> PartitionValue {
        let value = self.render(column, row, text).map(|value| match self.kind {
            PartitionKind::Bool => PartitionScalar::Bool(value == "true"),
            PartitionKind::Int => match (value.parse(), value.parse()) {
                (Ok(number), _) => PartitionScalar::Int(number),
                (_, Ok(number)) => PartitionScalar::Uint(number),
                _ => PartitionScalar::Text(value.to_owned()),
            },
            _ => PartitionScalar::Text(value.to_owned()),
        });
        PartitionValue { key: self.key.clone(), kind: self.kind, value }
    }
}

/// Returns what values are that name folders; nothing for those that can't. Two floating-point numbers are rarely the
/// same, and what is binary, a list or JSON has no plain text.
fn kind_of(field: &Field) -> Option<PartitionKind> {
    let mut data_type = field.data_type();
    while let DataType::Dictionary(_, values) = data_type {
        data_type = values;
    }
    Some(match data_type {
        DataType::Boolean => PartitionKind::Bool,
        data_type if data_type.is_integer() => PartitionKind::Int,
        data_type if data_type.is_decimal() => PartitionKind::Decimal,
        DataType::Date32 | DataType::Date64 => PartitionKind::Date,
        DataType::Time32(_) | DataType::Time64(_) => PartitionKind::Time,
        DataType::Timestamp(_, None) => PartitionKind::Timestamp,
        DataType::Timestamp(_, Some(_)) => PartitionKind::TimestampTz,
        DataType::FixedSizeBinary(16) if field.extension_type_name() == Some("arrow.uuid") => PartitionKind::Uuid,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null
            if field.extension_type_name() != Some("arrow.json") =>
        {
            PartitionKind::Text
        }
        _ => return None,
    })
}

/// Returns what a part of a date is; nothing where values have no such part.
fn kind_of_part(part: DatePart, data_type: &DataType) -> Option<PartitionKind> {
    match (part, data_type) {
        (DatePart::Hour, DataType::Date32 | DataType::Date64) => None,
        (_, DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _)) => Some(match part {
            DatePart::Year => PartitionKind::Int,
            DatePart::Day => PartitionKind::Date,
            DatePart::Month | DatePart::Hour => PartitionKind::Text,
        }),
        _ => None,
    }
}
