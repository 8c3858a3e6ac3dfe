//! Values of Arrow columns as text: the forms that PostgreSQL's own CSV has, and JSON for what has none.

mod civil;
pub(crate) mod column;
mod decimal;
mod float;
mod json;
mod moment;
mod part;
mod text;

pub(crate) use column::{Column, Values};
pub(crate) use part::push_date_part;
pub(crate) use text::{push_hex, push_text};

/// All pairs of decimal digits, one after the other.
const PAIRS: &[u8; 200] = b"00010203040506070809101112131415161718192021222324252627282930313233343536373839\
40414243444546474849505152535455565758596061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// Returns the two digits of a number below 100.
fn pair(number: u32) -> [u8; 2] {
    let at = (number % 100) as usize * 2;
    [PAIRS[at], PAIRS[at + 1]]
}
