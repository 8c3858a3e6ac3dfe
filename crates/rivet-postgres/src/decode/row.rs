use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::array_value_to_string;
use rivet_source::{ReadAs, ScanLimits, ScanSpec, SourceError, SourceErrorKind};

use super::build::decoder;
use super::{ColumnFault, Decode, Fault, Policy, split, split_value};
use crate::oid;

/// What a COPY in binary begins with; 32 bits of flags and of header extension follow.
/// <https://www.postgresql.org/docs/current/sql-copy.html>
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Why a scan can't go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecodeError {
    kind: SourceErrorKind,
    message: String,
    help: Option<String>,
}

impl DecodeError {
    fn protocol(message: impl Into<String>) -> Self {
        Self { kind: SourceErrorKind::Protocol, message: message.into(), help: None }
    }
}

impl From<DecodeError> for SourceError {
    fn from(error: DecodeError) -> Self {
        let made = Self::new(error.kind, error.message);
        match error.help {
            Some(help) => made.with_help(help),
            None => made,
        }
    }
}

/// Turns the rows of one COPY, or of several that follow each other, into batches.
#[derive(Debug)]
pub(crate) struct RowDecoder {
    schema: SchemaRef,
    names: Vec<String>,
    columns: Vec<Box<dyn Decode>>,
    keys: Vec<KeyColumn>,
    batch_rows: usize,
    batch_bytes: usize,
    max_value_bytes: usize,
    header_seen: bool,
    rows: u64,
    wire_bytes: u64,
    pending_rows: usize,
    pending_bytes: usize,
}

/// A column whose value names a row in a message.
#[derive(Debug)]
struct KeyColumn {
    position: usize,
    oid: u32,
}

impl RowDecoder {
    pub(crate) fn new(spec: &ScanSpec, limits: &ScanLimits) -> Self {
        let policy = Policy::new(spec.on_unrepresentable);
        let keys = spec.key_columns.iter().filter_map(|key| {
            let position = spec.columns.iter().position(|column| column.name == *key)?;
            let column = &spec.columns[position];
            (column.read_as == ReadAs::Native).then_some(KeyColumn { position, oid: column.source_type.id })
        });
        Self {
            schema: spec.schema(),
            names: spec.columns.iter().map(|column| column.name.to_string()).collect(),
            keys: keys.collect(),
            columns: spec.columns.iter().map(|column| decoder(column, policy)).collect(),
            batch_rows: limits.batch_rows.max(1),
            batch_bytes: limits.batch_bytes.max(1),
            max_value_bytes: limits.max_value_bytes,
            header_seen: false,
            rows: 0,
            wire_bytes: 0,
            pending_rows: 0,
            pending_bytes: 0,
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn wire_bytes(&self) -> u64 {
        self.wire_bytes
    }

    pub(crate) fn nulled(&self) -> BTreeMap<String, u64> {
        // Asked for with every batch: names are copied for the few columns that have something to tell.
        let counts = self.names.iter().zip(&self.columns).map(|(name, column)| (name, column.nulled()));
        counts.filter(|(_, count)| *count > 0).map(|(name, count)| (name.clone(), count)).collect()
    }

    /// Takes the body of one CopyData message. The server sends one per row; the first one begins with the
    /// header, the last one is the trailer.
    pub(crate) fn push(&mut self, body: &[u8], ready: &mut VecDeque<RecordBatch>) -> Result<(), DecodeError> {
        let mut rest = body;
        if !self.header_seen {
            rest = strip_header(rest)?;
            self.header_seen = true;
        }
        while !rest.is_empty() {
            let count = i16::from_be_bytes(split(&mut rest).map_err(|_fault| truncated())?);
            if count == -1 {
                return Ok(());
            }
            if usize::try_from(count) != Ok(self.columns.len()) {
                let expected = self.columns.len();
                return Err(DecodeError::protocol(format!(
                    "a row of {count} columns came where {expected} were asked for"
                )));
            }
            let row = rest;
            self.push_row(&mut rest)?;
            self.end_row(row.len() - rest.len() + 2, ready)?;
        }
        Ok(())
    }

    /// Goes on with the rows of another COPY.
    pub(crate) fn expect_header(&mut self) {
        self.header_seen = false;
    }

    fn push_row(&mut self, rest: &mut &[u8]) -> Result<(), DecodeError> {
        let row = *rest;
        for (position, column) in self.columns.iter_mut().enumerate() {
            let Some(value) = split_value(rest).map_err(|_fault| truncated())? else {
                column.push_null();
                continue;
            };
            if value.len() > self.max_value_bytes {
                let (length, limit) = (value.len(), self.max_value_bytes);
                let message = format!("holds a value of {length} bytes, above the limit of {limit}");
                let help = "Raise `tuning.max_value_mb`, or leave the column out with `exclude`.";
                return Err(self.unfit(position, &self.row_name(row), &message, help));
            }
            if let Err(fault) = column.push(value) {
                return Err(self.fault(position, row, &fault));
            }
        }
        Ok(())
    }

    fn end_row(&mut self, bytes: usize, ready: &mut VecDeque<RecordBatch>) -> Result<(), DecodeError> {
        self.rows += 1;
        self.wire_bytes += bytes as u64;
        self.pending_rows += 1;
        self.pending_bytes += bytes;
        if self.pending_rows >= self.batch_rows || self.pending_bytes >= self.batch_bytes {
            self.finish(ready)?;
        }
        Ok(())
    }

    /// Makes a batch of what is pending.
    pub(crate) fn finish(&mut self, ready: &mut VecDeque<RecordBatch>) -> Result<(), DecodeError> {
        if self.pending_rows == 0 {
            return Ok(());
        }
        let mut arrays = Vec::with_capacity(self.columns.len());
        for position in 0..self.columns.len() {
            match self.columns[position].finish() {
                Ok(array) => arrays.push(array),
                Err(fault) => return Err(self.column_fault(position, &fault, &arrays)),
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.pending_rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|error| DecodeError::protocol(format!("the rows do not fit their description: {error}")))?;
        ready.push_back(batch);
        self.pending_rows = 0;
        self.pending_bytes = 0;
        Ok(())
    }

    fn fault(&self, position: usize, row: &[u8], fault: &Fault) -> DecodeError {
        let row = self.row_name(row);
        match fault {
            Fault::Unfit(what) => self.unfit(position, &row, &format!("holds {what}"), self.ways_out(position)),
            Fault::Malformed(what) => {
                DecodeError::protocol(format!("column `{}`, {row}: the server sent {what}", self.names[position]))
            }
        }
    }

    fn ways_out(&self, position: usize) -> &'static str {
        if self.schema.field(position).data_type().is_nested() { NESTED_WAYS_OUT } else { WAYS_OUT }
    }

    fn unfit(&self, position: usize, row: &str, message: &str, help: &str) -> DecodeError {
        let name = &self.names[position];
        DecodeError {
            kind: SourceErrorKind::Value,
            message: format!("column `{name}` {message}, in {row}"),
            help: Some(help.replace("{column}", name)),
        }
    }

    /// Names a row by its key, or else by its position in the result.
    fn row_name(&self, row: &[u8]) -> String {
        self.key_text(row).unwrap_or_else(|| format!("row {} of the result", self.rows + 1))
    }

    fn key_text(&self, mut row: &[u8]) -> Option<String> {
        let values: Vec<_> = (0..self.columns.len()).map_while(|_| split_value(&mut row).ok()).collect();
        let mut text = String::new();
        for key in &self.keys {
            let value = render_key(key.oid, (*values.get(key.position)?)?)?;
            let separator = if text.is_empty() { "the row with " } else { ", " };
            write!(text, "{separator}{} = {value}", self.names[key.position]).ok()?;
        }
        (!text.is_empty()).then_some(text)
    }

    fn column_fault(&self, position: usize, fault: &ColumnFault, arrays: &[ArrayRef]) -> DecodeError {
        let row = fault.row.map_or_else(|| "a row".to_owned(), |row| self.batch_row_name(row, arrays));
        let is_text = *self.schema.field(position).data_type() == DataType::Utf8;
        self.unfit(position, &row, &fault.message, if is_text { AS_BYTES } else { OTHER_TYPE })
    }

    /// As [`Self::row_name`], from the arrays of the columns before the one at fault.
    fn batch_row_name(&self, row: usize, arrays: &[ArrayRef]) -> String {
        let key = self.keys.first().and_then(|key| {
            let value = array_value_to_string(arrays.get(key.position)?, row).ok()?;
            Some(format!("the row with {} = {value}", self.names[key.position]))
        });
        let before = self.rows - self.pending_rows as u64;
        key.unwrap_or_else(|| format!("row {} of the result", before + row as u64 + 1))
    }
}

const WAYS_OUT: &str = "Set `on_unrepresentable: null` to write NULL for such values, or `columns: { {column}: text }` to \
                        keep the server's own text.";
const NESTED_WAYS_OUT: &str = "Set `on_unrepresentable: null` to write NULL for such values, or `columns: { {column}: json }`, \
                               which takes any shape.";
/// Text has one fault only that shows at a batch's end: its encoding.
const AS_BYTES: &str = "Set `columns: { {column}: binary }` to keep the bytes as they are.";
const OTHER_TYPE: &str = "Choose another type for it in `columns: { {column}: … }`; `text` and `binary` hold most.";

fn truncated() -> DecodeError {
    DecodeError::protocol("a row ended too early")
}

fn strip_header(body: &[u8]) -> Result<&[u8], DecodeError> {
    let no_header = || DecodeError::protocol("the server's COPY does not begin as the binary format does");
    let mut rest = body.strip_prefix(SIGNATURE).ok_or_else(no_header)?;
    let _flags: [u8; 4] = split(&mut rest).map_err(|_fault| no_header())?;
    split_value(&mut rest).map_err(|_fault| no_header())?;
    Ok(rest)
}

/// Renders the value of a key column; `None` for types that keys seldom have.
fn render_key(type_id: u32, value: &[u8]) -> Option<String> {
    Some(match type_id {
        oid::INT2 => i16::from_be_bytes(value.try_into().ok()?).to_string(),
        oid::INT4 => i32::from_be_bytes(value.try_into().ok()?).to_string(),
        oid::INT8 => i64::from_be_bytes(value.try_into().ok()?).to_string(),
        oid::TEXT | oid::VARCHAR | oid::BPCHAR => format!("'{}'", std::str::from_utf8(value).ok()?),
        oid::UUID => value.iter().fold(String::new(), |mut text, byte| {
            let dash = if matches!(text.len(), 8 | 13 | 18 | 23) { "-" } else { "" };
            write!(text, "{dash}{byte:02x}").expect("writing to a string");
            text
        }),
        _ => return None,
    })
}
