use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::array_value_to_string;
use rivet_source::{ReadAs, ScanLimits, ScanSpec, SourceError, SourceErrorKind};

use super::build::decoder;
use super::{Cell, ColumnFault, Decode, Fault, Policy, Values};
use crate::types::{Class, class};

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

/// Turns the rows of one statement, or of several that follow each other, into batches.
#[derive(Debug)]
pub(crate) struct RowDecoder {
    schema: SchemaRef,
    names: Vec<String>,
    columns: Vec<Box<dyn Decode>>,
    /// The columns whose values name a row in a message.
    keys: Vec<usize>,
    batch_rows: usize,
    batch_bytes: usize,
    max_value_bytes: usize,
    rows: u64,
    wire_bytes: u64,
    pending_rows: usize,
    pending_bytes: usize,
}

impl RowDecoder {
    pub(crate) fn new(spec: &ScanSpec, limits: &ScanLimits) -> Self {
        let policy = Policy::new(spec.on_unrepresentable);
        let keys = spec.key_columns.iter().filter_map(|key| {
            let position = spec.columns.iter().position(|column| column.name == *key)?;
            let column = &spec.columns[position];
            let is_shown = matches!(class(&column.source_type), Class::Integer | Class::Text | Class::Uuid);
            (column.read_as == ReadAs::Native && is_shown).then_some(position)
        });
        Self {
            schema: spec.schema(),
            names: spec.columns.iter().map(|column| column.name.to_string()).collect(),
            keys: keys.collect(),
            columns: spec.columns.iter().map(|column| decoder(column, policy)).collect(),
            batch_rows: limits.batch_rows.max(1),
            batch_bytes: limits.batch_bytes.max(1),
            max_value_bytes: limits.max_value_bytes,
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

    /// Takes a row, whose first values are those of the columns. Gives a batch where that makes one full.
    pub(crate) fn push(&mut self, row: &impl Values) -> Result<Option<RecordBatch>, DecodeError> {
        if row.width() < self.columns.len() {
            let (count, expected) = (row.width(), self.columns.len());
            return Err(DecodeError::protocol(format!(
                "a row of {count} columns came where {expected} were asked for"
            )));
        }
        for (position, cell) in (0..self.columns.len()).zip(row.cells()) {
            match cell {
                Ok(Cell::Null) => self.columns[position].push_null(),
                Ok(Cell::Bytes(value)) if value.len() > self.max_value_bytes => {
                    let (length, limit) = (value.len(), self.max_value_bytes);
                    let message = format!("holds a value of {length} bytes, above the limit of {limit}");
                    let help = "Raise `tuning.max_value_mb`, or leave the column out with `exclude`.";
                    return Err(self.unfit(position, &self.row_name(row), &message, help));
                }
                Ok(cell) => {
                    if let Err(fault) = self.columns[position].push(cell) {
                        return Err(self.fault(position, row, &fault));
                    }
                }
                Err(fault) => return Err(self.fault(position, row, &fault)),
            }
        }
        let bytes = row.wire_bytes();
        self.rows += 1;
        self.wire_bytes += bytes as u64;
        self.pending_rows += 1;
        self.pending_bytes += bytes;
        let is_full = self.pending_rows >= self.batch_rows || self.pending_bytes >= self.batch_bytes;
        if is_full { self.finish() } else { Ok(None) }
    }

    /// Makes a batch of what is pending.
    pub(crate) fn finish(&mut self) -> Result<Option<RecordBatch>, DecodeError> {
        if self.pending_rows == 0 {
            return Ok(None);
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
        self.pending_rows = 0;
        self.pending_bytes = 0;
        Ok(Some(batch))
    }

    fn fault(&self, position: usize, row: &impl Values, fault: &Fault) -> DecodeError {
        let row = self.row_name(row);
        match fault {
            Fault::Unfit(what) => self.unfit(position, &row, &format!("holds {what}"), self.ways_out(position)),
            Fault::Malformed(what) => {
                let message = format!("column `{}`, {row}: the server sent {what}", self.names[position]);
                DecodeError { help: Some(CHANGED.to_owned()), ..DecodeError::protocol(message) }
            }
        }
    }

    fn ways_out(&self, position: usize) -> &'static str {
        match self.schema.field(position).data_type() {
            DataType::Boolean => TRUTH_WAYS_OUT,
            DataType::Time64(_) => TIME_WAYS_OUT,
            _ => WAYS_OUT,
        }
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
    fn row_name(&self, row: &impl Values) -> String {
        self.key_text(row).unwrap_or_else(|| format!("row {} of the result", self.rows + 1))
    }

    fn key_text(&self, row: &impl Values) -> Option<String> {
        let mut text = String::new();
        for position in &self.keys {
            let separator = if text.is_empty() { "the row with " } else { ", " };
            let name = &self.names[*position];
            match row.cell(*position).ok()? {
                Cell::Int(number) => write!(text, "{separator}{name} = {number}"),
                Cell::Uint(number) => write!(text, "{separator}{name} = {number}"),
                Cell::Bytes(bytes) => write!(text, "{separator}{name} = '{}'", std::str::from_utf8(bytes).ok()?),
                _ => return None,
            }
            .expect("writing to a string");
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
        let key = self.keys.first().and_then(|position| {
            let value = array_value_to_string(arrays.get(*position)?, row).ok()?;
            Some(format!("the row with {} = {value}", self.names[*position]))
        });
        let before = self.rows - self.pending_rows as u64;
        key.unwrap_or_else(|| format!("row {} of the result", before + row as u64 + 1))
    }
}

const WAYS_OUT: &str = "Set `on_unrepresentable: null` to write NULL for such values, or `columns: { {column}: text }` to \
                        keep the server's own text.";
const TRUTH_WAYS_OUT: &str = "Set `columns: { {column}: int2 }` to keep the number, or `on_unrepresentable: null` to \
                              write NULL for such values.";
const TIME_WAYS_OUT: &str = "Set `columns: { {column}: int8 }` for microseconds, `columns: { {column}: text }` for the \
                             server's own text, or `on_unrepresentable: null` to write NULL for such values.";
const CHANGED: &str = "Run the same command again: somebody may have changed the column meanwhile.";
/// Text has one fault only that shows at a batch's end: its encoding.
const AS_BYTES: &str = "Set `columns: { {column}: binary }` to keep the bytes as they are.";
const OTHER_TYPE: &str = "Choose another type for it in `columns: { {column}: … }`; `text` and `binary` hold most.";

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use rivet_model::{Fidelity, Relation, RowRange};
    use rivet_source::{ColumnSpec, SourceType, TypeShape};

    use super::*;
    use crate::kind;

    /// A row of the test's own making: nothing here knows the client library.
    struct Row<'a>(&'a [Cell<'a>]);

    impl Values for Row<'_> {
        fn width(&self) -> usize {
            self.0.len()
        }

        fn cell(&self, position: usize) -> Result<Cell<'_>, Fault> {
            Ok(self.0[position])
        }

        fn wire_bytes(&self) -> usize {
            10
        }
    }

    fn spec() -> ScanSpec {
        let column = |name: &str, position, id, modifier, data_type| ColumnSpec {
            name: name.parse().unwrap(),
            position,
            source_type: SourceType {
                name: "t".to_owned(),
                base: "t".to_owned(),
                id,
                modifier,
                shape: TypeShape::Scalar,
            },
            read_as: ReadAs::Native,
            field: Arc::new(Field::new(name, data_type, true)),
            fidelity: Fidelity::Exact,
        };
        ScanSpec {
            relation: Relation::Table("t".parse().unwrap()),
            relation_width: 3,
            columns: vec![
                column("id", 0, kind::LONG, -1, DataType::Int32),
                column("ok", 1, kind::TINY, 1, DataType::Boolean),
                column("w", 2, kind::VAR_STRING, -1, DataType::Utf8),
            ],
            on_unrepresentable: None,
            key_columns: vec!["id".parse().unwrap()],
            key: vec![],
            fallback: None,
            range: RowRange::All,
        }
    }

    fn decoder() -> RowDecoder {
        let limits = ScanLimits { batch_rows: 2, max_value_bytes: 4, ..ScanLimits::default() };
        RowDecoder::new(&spec(), &limits)
    }

    #[test]
    fn batches_end_at_their_limit() {
        let mut decoder = decoder();
        let row = Row(&[Cell::Int(1), Cell::Null, Cell::Bytes(b"a"), Cell::Int(99)]);
        assert!(decoder.push(&row).unwrap().is_none());
        assert_eq!(decoder.push(&row).unwrap().unwrap().num_rows(), 2);
        assert!(decoder.push(&row).unwrap().is_none());
        assert_eq!(decoder.finish().unwrap().unwrap().num_rows(), 1);
        assert!(decoder.finish().unwrap().is_none());
        assert_eq!((decoder.rows(), decoder.wire_bytes()), (3, 30));
    }

    #[test]
    fn an_error_names_column_and_row_and_no_value() {
        let check = |row: &[Cell<'_>], message: &str, help: &str| {
            let error = decoder().push(&Row(row)).unwrap_err();
            assert_eq!(error.message, message);
            assert!(error.help.unwrap_or_default().contains(help));
        };
        check(
            &[Cell::Int(7), Cell::Int(2), Cell::Null],
            "column `ok` holds a number other than 0 and 1, which is no truth value, in the row with id = 7",
            "columns: { ok: int2 }",
        );
        check(
            &[Cell::Null, Cell::Int(1), Cell::Bytes(b"secret")],
            "column `w` holds a value of 6 bytes, above the limit of 4, in row 1 of the result",
            "tuning.max_value_mb",
        );
        check(
            &[Cell::Bytes(b"x"), Cell::Int(1), Cell::Null],
            "column `id` holds text that is no number, in the row with id = 'x'",
            "text",
        );
        check(&[Cell::Int(7)], "a row of 1 columns came where 3 were asked for", "");
        check(
            &[Cell::Int(7), Cell::Double(0.5), Cell::Null],
            "column `ok`, the row with id = 7: the server sent a value of another kind than it announced",
            "",
        );
    }

    #[test]
    fn text_that_is_none_is_found_at_the_end_of_its_batch() {
        let mut decoder = decoder();
        decoder.push(&Row(&[Cell::Int(7), Cell::Null, Cell::Bytes(b"ok")])).unwrap();
        let error = decoder.push(&Row(&[Cell::Int(8), Cell::Null, Cell::Bytes(b"\xff")])).unwrap_err();
        assert_eq!(error.message, "column `w` holds bytes that are not UTF-8, in the row with id = 8");
    }
}
