use super::Fault;

/// One value of a row, as the binary protocol knows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    /// NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// A whole number without a sign.
    Uint(u64),
    /// A number of 32 bits.
    Float(f32),
    /// A number of 64 bits.
    Double(f64),
    /// Text, digits or bytes.
    Bytes(&'a [u8]),
    /// A day or a moment.
    Date(Calendar),
    /// A span of time.
    Time(Span),
}

/// A day or a moment by its parts, each of which may be zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calendar {
    /// 0 to 9999.
    pub(crate) year: u16,
    /// 1 to 12.
    pub(crate) month: u8,
    /// 1 to 31.
    pub(crate) day: u8,
    /// 0 to 23.
    pub(crate) hour: u8,
    /// 0 to 59.
    pub(crate) minute: u8,
    /// 0 to 59.
    pub(crate) second: u8,
    /// 0 to 999,999.
    pub(crate) micros: u32,
}

/// A span of time by its parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// Whether it goes back.
    pub(crate) negative: bool,
    /// 0 to 34.
    pub(crate) days: u32,
    /// 0 to 23.
    pub(crate) hours: u8,
    /// 0 to 59.
    pub(crate) minutes: u8,
    /// 0 to 59.
    pub(crate) seconds: u8,
    /// 0 to 999,999.
    pub(crate) micros: u32,
}

/// The values of one row.
pub(crate) trait Values {
    /// Returns how many there are.
    fn width(&self) -> usize;

    /// Returns all of them, one after the other.
    #[inline]
    fn cells(&self) -> impl Iterator<Item = Result<Cell<'_>, Fault>> {
        (0..self.width()).map(|position| self.cell(position))
    }

    /// Returns one of them.
    fn cell(&self, position: usize) -> Result<Cell<'_>, Fault>;

    /// Returns how many bytes the row took on the wire.
    fn wire_bytes(&self) -> usize;
}
