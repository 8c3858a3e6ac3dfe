use std::sync::Arc;

use mysql_async::Column;
use mysql_async::consts::{ColumnFlags, ColumnType as T};

use super::value;
use crate::decode::{Calendar, Cell, Fault, Span, Values};

const CUT: Fault = Fault::Malformed("a row that ended too early");
const STRANGE_LENGTH: Fault = Fault::Malformed("a date or time of unknown length");

/// How the binary protocol writes the values of a column.
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
    /// A day or a moment.
    Date,
    /// A span.
    Time,
    /// Bytes behind their length.
    Bytes,
}

impl From<&Column> for Form {
    fn from(column: &Column) -> Self {
        let unsigned = column.flags().contains(ColumnFlags::UNSIGNED_FLAG);
        let either = |signed, other| if unsigned { other } else { signed };
        match column.column_type() {
            T::MYSQL_TYPE_TINY => either(Self::I8, Self::U8),
            T::MYSQL_TYPE_SHORT | T::MYSQL_TYPE_YEAR => either(Self::I16, Self::U16),
            T::MYSQL_TYPE_LONG | T::MYSQL_TYPE_INT24 => either(Self::I32, Self::U32),
            T::MYSQL_TYPE_LONGLONG => either(Self::I64, Self::U64),
            T::MYSQL_TYPE_FLOAT => Self::F32,
            T::MYSQL_TYPE_DOUBLE => Self::F64,
            T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_DATETIME | T::MYSQL_TYPE_TIMESTAMP => Self::Date,
            T::MYSQL_TYPE_TIME => Self::Time,
            _ => Self::Bytes,
        }
    }
}

/// How the rows of a result are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shape {
    forms: Vec<Form>,
}

impl Shape {
    pub(super) fn new(columns: &[Column]) -> Self {
        Self { forms: columns.iter().map(Form::from).collect() }
    }

    /// Returns how many bytes say which values are absent. The first two bits stand for nothing.
    fn bitmap(&self) -> usize {
        (self.forms.len() + 2).div_ceil(8)
    }
}

/// A row in the place that it was read into.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawRow<'a> {
    shape: &'a Shape,
    nulls: &'a [u8],
    values: &'a [u8],
    wire_bytes: usize,
}

impl<'a> RawRow<'a> {
    /// Takes a packet for a row, or not, where it does not begin as one.
    #[inline]
    pub(super) fn new(shape: &'a Shape, payload: &'a [u8], wire_bytes: usize) -> Option<Self> {
        let (nulls, values) = payload.strip_prefix(&[0])?.split_at_checked(shape.bitmap())?;
        Some(Self { shape, nulls, values, wire_bytes })
    }

    /// Reads the values one after the other.
    #[inline]
    fn into_cells(self) -> impl Iterator<Item = Result<Cell<'a>, Fault>> {
        let (mut rest, nulls) = (self.values, self.nulls);
        self.shape.forms.iter().enumerate().map(move |(position, form)| {
            let bit = position + 2;
            if nulls.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1) {
                return Ok(Cell::Null);
            }
            take(*form, &mut rest)
        })
    }
}

impl Values for RawRow<'_> {
    fn width(&self) -> usize {
        self.shape.forms.len()
    }

    fn cell(&self, position: usize) -> Result<Cell<'_>, Fault> {
        self.cells().nth(position).unwrap_or(Err(CUT))
    }

    #[inline]
    fn cells(&self) -> impl Iterator<Item = Result<Cell<'_>, Fault>> {
        self.into_cells()
    }

    fn wire_bytes(&self) -> usize {
        self.wire_bytes
    }
}

#[inline]
fn take<'a>(form: Form, rest: &mut &'a [u8]) -> Result<Cell<'a>, Fault> {
    let taken = match form {
        Form::Bytes => value::text(rest).map(Cell::Bytes),
        Form::I64 => value::array(rest).map(|bytes| Cell::Int(i64::from_le_bytes(bytes))),
        Form::U64 => value::array(rest).map(|bytes| Cell::Uint(u64::from_le_bytes(bytes))),
        Form::I32 => value::array(rest).map(|bytes| Cell::Int(i32::from_le_bytes(bytes).into())),
        Form::U32 => value::array(rest).map(|bytes| Cell::Uint(u32::from_le_bytes(bytes).into())),
        Form::Date => return date(rest),
        Form::F64 => value::array(rest).map(|bytes| Cell::Double(f64::from_le_bytes(bytes))),
        Form::F32 => value::array(rest).map(|bytes| Cell::Float(f32::from_le_bytes(bytes))),
        Form::I8 => value::array(rest).map(|bytes| Cell::Int(i8::from_le_bytes(bytes).into())),
        Form::U8 => value::array(rest).map(|[byte]| Cell::Uint(byte.into())),
        Form::I16 => value::array(rest).map(|bytes| Cell::Int(i16::from_le_bytes(bytes).into())),
        Form::U16 => value::array(rest).map(|bytes| Cell::Uint(u16::from_le_bytes(bytes).into())),
        Form::Time => return time(rest),
    };
    taken.ok_or(CUT)
}

/// Takes a day or a moment, from whose end zeros are left out.
fn date<'a>(rest: &mut &[u8]) -> Result<Cell<'a>, Fault> {
    let [length] = value::array(rest).ok_or(CUT)?;
    let mut parts = Calendar::default();
    if !matches!(length, 0 | 4 | 7 | 11) {
        return Err(STRANGE_LENGTH);
    }
    if length >= 4 {
        let [low, high, month, day] = value::array(rest).ok_or(CUT)?;
        parts = Calendar { year: u16::from_le_bytes([low, high]), month, day, ..parts };
    }
    if length >= 7 {
        let [hour, minute, second] = value::array(rest).ok_or(CUT)?;
        parts = Calendar { hour, minute, second, ..parts };
    }
    if length >= 11 {
        parts.micros = u32::from_le_bytes(value::array(rest).ok_or(CUT)?);
    }
    Ok(Cell::Date(parts))
}

/// Takes a span, likewise.
fn time<'a>(rest: &mut &[u8]) -> Result<Cell<'a>, Fault> {
    let [length] = value::array(rest).ok_or(CUT)?;
    let mut span = Span::default();
    if !matches!(length, 0 | 8 | 12) {
        return Err(STRANGE_LENGTH);
    }
    if length >= 8 {
        let [negative] = value::array(rest).ok_or(CUT)?;
        let days = u32::from_le_bytes(value::array(rest).ok_or(CUT)?);
        let [hours, minutes, seconds] = value::array(rest).ok_or(CUT)?;
        span = Span { negative: negative != 0, days, hours, minutes, seconds, micros: 0 };
    }
    if length >= 12 {
        span.micros = u32::from_le_bytes(value::array(rest).ok_or(CUT)?);
    }
    Ok(Cell::Time(span))
}

/// A row that outlives the place it was read into.
#[derive(Debug, Clone)]
pub(crate) struct OwnedRow {
    shape: Arc<Shape>,
    payload: Vec<u8>,
    wire_bytes: usize,
}

impl OwnedRow {
    pub(super) fn new(shape: Arc<Shape>, payload: Vec<u8>, wire_bytes: usize) -> Self {
        Self { shape, payload, wire_bytes }
    }

    fn row(&self) -> Option<RawRow<'_>> {
        RawRow::new(&self.shape, &self.payload, self.wire_bytes)
    }
}

impl Values for OwnedRow {
    fn width(&self) -> usize {
        self.shape.forms.len()
    }

    fn cell(&self, position: usize) -> Result<Cell<'_>, Fault> {
        self.row().and_then(|row| row.into_cells().nth(position)).unwrap_or(Err(CUT))
    }

    fn wire_bytes(&self) -> usize {
        self.wire_bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape(types: &[(T, ColumnFlags)]) -> Shape {
        let columns: Vec<_> = types.iter().map(|(of, flags)| Column::new(*of).with_flags(*flags)).collect();
        Shape::new(&columns)
    }

    const PLAIN: ColumnFlags = ColumnFlags::empty();
    const UNSIGNED: ColumnFlags = ColumnFlags::UNSIGNED_FLAG;

    /// What a row of one value holds.
    fn one(of: T, flags: ColumnFlags, value: &[u8]) -> String {
        let shape = shape(&[(of, flags)]);
        let payload = [&[0, 0][..], value].concat();
        let row = RawRow::new(&shape, &payload, payload.len() + 4).unwrap();
        assert_eq!((row.width(), row.wire_bytes()), (1, payload.len() + 4));
        let found = format!("{:?}", row.cell(0));
        let owned = OwnedRow::new(Arc::new(shape.clone()), payload.clone(), 0);
        assert_eq!(format!("{:?}", owned.cell(0)), found);
        found
    }

    #[test]
    fn values_are_read_as_the_protocol_writes_them() {
        let check = |of, flags, value: &[u8], expected: Cell<'_>| {
            assert_eq!(one(of, flags, value), format!("{:?}", Ok::<_, Fault>(expected)));
            for length in 0..value.len() {
                assert!(one(of, flags, &value[..length]).starts_with("Err"), "{of:?} cut at {length}");
            }
        };
        check(T::MYSQL_TYPE_TINY, PLAIN, &[0xFF], Cell::Int(-1));
        check(T::MYSQL_TYPE_TINY, UNSIGNED, &[0xFF], Cell::Uint(255));
        check(T::MYSQL_TYPE_SHORT, PLAIN, &[0, 0x80], Cell::Int(-32_768));
        check(T::MYSQL_TYPE_YEAR, UNSIGNED, &[0xEA, 7], Cell::Uint(2026));
        check(T::MYSQL_TYPE_INT24, PLAIN, &[0xFF; 4], Cell::Int(-1));
        check(T::MYSQL_TYPE_LONG, UNSIGNED, &[0xFF; 4], Cell::Uint(u32::MAX.into()));
        check(T::MYSQL_TYPE_LONGLONG, PLAIN, &i64::MIN.to_le_bytes(), Cell::Int(i64::MIN));
        check(T::MYSQL_TYPE_LONGLONG, UNSIGNED, &[0xFF; 8], Cell::Uint(u64::MAX));
        check(T::MYSQL_TYPE_FLOAT, PLAIN, &0.1_f32.to_le_bytes(), Cell::Float(0.1));
        check(T::MYSQL_TYPE_DOUBLE, PLAIN, &0.1_f64.to_le_bytes(), Cell::Double(0.1));
        check(T::MYSQL_TYPE_NEWDECIMAL, PLAIN, b"\x041.50", Cell::Bytes(b"1.50"));
        check(T::MYSQL_TYPE_BLOB, PLAIN, b"\0", Cell::Bytes(b""));
        let day = Calendar { year: 2026, month: 1, day: 5, ..Calendar::default() };
        check(T::MYSQL_TYPE_DATE, PLAIN, &[4, 0xEA, 7, 1, 5], Cell::Date(day));
        check(T::MYSQL_TYPE_DATETIME, PLAIN, &[0], Cell::Date(Calendar::default()));
        let noon = Calendar { hour: 12, minute: 34, second: 56, ..day };
        check(T::MYSQL_TYPE_TIMESTAMP, PLAIN, &[7, 0xEA, 7, 1, 5, 12, 34, 56], Cell::Date(noon));
        let fine = Calendar { micros: 0x0102_0304, ..noon };
        check(T::MYSQL_TYPE_DATETIME, PLAIN, &[11, 0xEA, 7, 1, 5, 12, 34, 56, 4, 3, 2, 1], Cell::Date(fine));
        let span = Span { negative: true, days: 34, hours: 22, minutes: 59, seconds: 58, micros: 7 };
        check(T::MYSQL_TYPE_TIME, PLAIN, &[12, 1, 34, 0, 0, 0, 22, 59, 58, 7, 0, 0, 0], Cell::Time(span));
        check(T::MYSQL_TYPE_TIME, PLAIN, &[0], Cell::Time(Span::default()));
        assert!(one(T::MYSQL_TYPE_DATE, PLAIN, &[5, 0xEA, 7, 1, 5, 0]).contains("unknown length"));
        assert!(one(T::MYSQL_TYPE_TIME, PLAIN, &[4, 0, 0, 0, 0]).contains("unknown length"));
    }

    #[test]
    fn absent_values_are_marked_by_their_bit() {
        let shape = shape(&[(T::MYSQL_TYPE_TINY, PLAIN); 9]);
        // The 1st, the 7th and the 9th.
        let payload = [0, 0b0000_0100, 0b0000_0101, 1, 2, 3, 4, 5, 6];
        let row = RawRow::new(&shape, &payload, 0).unwrap();
        let found: Vec<_> = row.cells().map(Result::unwrap).collect();
        let values = |from: i64, to: i64| (from..=to).map(Cell::Int);
        let expected: Vec<_> =
            [Cell::Null].into_iter().chain(values(1, 5)).chain([Cell::Null, Cell::Int(6), Cell::Null]).collect();
        assert_eq!(found, expected);
        assert!(RawRow::new(&shape, &payload[..2], 0).is_none());
        assert!(RawRow::new(&shape, &[1, 0, 0], 0).is_none());
    }

    proptest! {
        #[test]
        fn rows_without_sense_are_faults(payload in proptest::collection::vec(any::<u8>(), 0..80)) {
            let shape = shape(&[
                (T::MYSQL_TYPE_LONGLONG, PLAIN),
                (T::MYSQL_TYPE_DATETIME, PLAIN),
                (T::MYSQL_TYPE_TIME, PLAIN),
                (T::MYSQL_TYPE_BLOB, PLAIN),
                (T::MYSQL_TYPE_FLOAT, PLAIN),
            ]);
            if let Some(row) = RawRow::new(&shape, &payload, 0) {
                prop_assert_eq!(row.cells().count(), 5);
            }
        }
    }
}
