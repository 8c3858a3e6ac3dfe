//! What the server answers, beside rows.

use mysql_async::consts::CapabilityFlags;
use mysql_async::{Column, Error, ServerError};
use mysql_common::io::ParseBuf;

use super::packets::unreadable;
use super::value;

/// The first byte of a packet that says that all went well.
pub(super) const OK: u8 = 0x00;
/// The first byte of one that asks for more of a password.
pub(super) const MORE: u8 = 0x01;
/// The first byte of one that asks for a file.
const LOCAL_FILE: u8 = 0xFB;
/// The first byte of one that ends rows or columns, or asks for another kind of authentication.
pub(super) const END: u8 = 0xFE;
/// The first byte of an error.
pub(super) const ERROR: u8 = 0xFF;

/// The longest packet that ends rows without being of the newer form.
const OLD_END: usize = 9;

/// Reads an error of the server.
///
/// One that comes before the server knows of us has no SQLSTATE.
pub(super) fn error(payload: &[u8]) -> Error {
    let mut rest = payload.get(1..).unwrap_or_default();
    let Some(code) = value::array(&mut rest).map(u16::from_le_bytes) else {
        return unreadable("an error without a number came");
    };
    let (state, message) = match rest {
        [b'#', state @ ..] if state.len() >= 5 => state.split_at(5),
        message => (&b"HY000"[..], message),
    };
    Error::Server(ServerError {
        code,
        message: String::from_utf8_lossy(message).into_owned(),
        state: String::from_utf8_lossy(state).into_owned(),
    })
}

/// Whether a packet ends rows. One that begins like it may be a row of the text protocol whose first value is long.
pub(super) fn is_end(payload: &[u8], capabilities: CapabilityFlags) -> bool {
    let longest = if capabilities.contains(CapabilityFlags::CLIENT_DEPRECATE_EOF) {
        super::packets::LONGEST_PIECE
    } else {
        OLD_END
    };
    payload.first() == Some(&END) && payload.len() < longest
}

/// Reads how many warnings the server has for the statement whose rows end here.
pub(super) fn warnings(payload: &[u8], capabilities: CapabilityFlags) -> u16 {
    let mut rest = payload.get(1..).unwrap_or_default();
    let read = |rest: &mut &[u8]| {
        if capabilities.contains(CapabilityFlags::CLIENT_DEPRECATE_EOF) {
            // Rows that were changed, the last number that was given out, and the state of the session.
            value::length(rest)?;
            value::length(rest)?;
            value::bytes(rest, 2)?;
        }
        value::array(rest).map(u16::from_le_bytes)
    };
    read(&mut rest).unwrap_or(0)
}

/// What follows a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing: it has no rows.
    Done,
    /// So many definitions of columns, and rows.
    Columns(usize),
}

/// Reads the first packet of an answer.
pub(super) fn answer(payload: &[u8]) -> Result<Answer, Error> {
    match payload.first() {
        Some(&OK) => Ok(Answer::Done),
        Some(&ERROR) => Err(error(payload)),
        Some(&LOCAL_FILE) => Err(unreadable("it asks for a file of this machine")),
        _ => {
            let count = value::length(&mut &*payload).and_then(|count| usize::try_from(count).ok());
            // A table of either server has fewer, and a statement of ours no more than its table.
            let count = count.filter(|count| u16::try_from(*count).is_ok());
            count.map(Answer::Columns).ok_or_else(|| unreadable("an answer that is none came"))
        }
    }
}

/// A statement that was prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) id: u32,
    pub(super) columns: u16,
    pub(super) parameters: u16,
}

/// Reads the answer to a statement that was sent to be prepared.
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_prepare.html>
pub(super) fn prepared(payload: &[u8]) -> Result<Prepared, Error> {
    let mut rest = match payload.split_first() {
        Some((&OK, rest)) => rest,
        Some((&ERROR, _)) => return Err(error(payload)),
        _ => return Err(unreadable("a statement was prepared in an unknown way")),
    };
    let mut read = || {
        let id = u32::from_le_bytes(value::array(&mut rest)?);
        let columns = u16::from_le_bytes(value::array(&mut rest)?);
        let parameters = u16::from_le_bytes(value::array(&mut rest)?);
        Some(Prepared { id, columns, parameters })
    };
    read().ok_or_else(|| unreadable("a statement that was prepared has no number"))
}

/// Reads the definition of a column.
pub(super) fn column(payload: &[u8]) -> Result<Column, Error> {
    match payload.first() {
        Some(&ERROR) => Err(error(payload)),
        _ => ParseBuf(payload).parse(()).map_err(|_cut| unreadable("a column is defined in an unknown way")),
    }
}

/// Reads a row of the text protocol.
pub(super) fn text_row(payload: &[u8], columns: usize) -> Result<Vec<Option<String>>, Error> {
    let mut rest = payload;
    let value = |_| {
        if let Some((0xFB, behind)) = rest.split_first() {
            rest = behind;
            return Some(None);
        }
        value::text(&mut rest).map(|text| Some(String::from_utf8_lossy(text).into_owned()))
    };
    let row = (0..columns).map(value).collect::<Option<Vec<_>>>();
    row.ok_or_else(|| unreadable("a row ended too early"))
}

#[cfg(test)]
mod tests {
    use mysql_async::consts::ColumnType;
    use mysql_common::proto::MySerialize as _;
    use proptest::prelude::*;

    use super::*;

    const NEW: CapabilityFlags = CapabilityFlags::CLIENT_DEPRECATE_EOF;
    const OLD: CapabilityFlags = CapabilityFlags::empty();

    #[test]
    fn errors_have_number_state_and_message() {
        let check = |payload: &[u8], code, state: &str, message: &str| match error(payload) {
            Error::Server(found) => {
                assert_eq!((found.code, found.state.as_str(), found.message.as_str()), (code, state, message));
            }
            other => panic!("{other}"),
        };
        check(b"\xff\x28\x04#42000You have an error", 1064, "42000", "You have an error");
        check(b"\xff\x10\x04Too many connections", 1040, "HY000", "Too many connections");
        check(b"\xff\x10\x04#420", 1040, "HY000", "#420");
        assert!(matches!(error(b"\xff\x10"), Error::Io(_)));
    }

    #[test]
    fn both_ends_of_rows_are_known() {
        let check = |payload: &[u8], capabilities, end, count| {
            assert_eq!((is_end(payload, capabilities), warnings(payload, capabilities)), (end, count), "{payload:?}");
        };
        // Warnings stand before the session's state in the older form, and behind it in the newer one.
        check(&[0xFE, 3, 0, 2, 0], OLD, true, 3);
        check(&[0xFE, 0, 0, 2, 0, 3, 0], NEW, true, 3);
        check(&[0xFE, 0, 0, 2, 0, 3, 0, 0, 0, 0, 0], NEW, true, 3);
        check(&[0xFE], OLD, true, 0);
        check(&[0xFE, 0], NEW, true, 0);
        check(&[0; 5], NEW, false, 0);
        assert!(!is_end(&[0xFE, 0, 0, 0, 1, 0, 0, 0, 0, 1], OLD));
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(answer(&[0, 0, 0, 2, 0, 0, 0]).unwrap(), Answer::Done);
        assert_eq!(answer(&[17]).unwrap(), Answer::Columns(17));
        for payload in [&b"\xfbfile"[..], b"", b"\xff", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert!(matches!(answer(payload), Err(Error::Io(_))), "{payload:?}");
        }
        let expected = Prepared { id: 7, columns: 2, parameters: 1 };
        assert_eq!(prepared(&[0, 7, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0]).unwrap(), expected);
        assert!(prepared(&[0, 7, 0, 0, 0, 2]).is_err());
        assert!(prepared(&[]).is_err());
    }

    #[test]
    fn columns_are_defined_as_the_library_knows_them() {
        let given = Column::new(ColumnType::MYSQL_TYPE_LONGLONG).with_name(b"id").with_org_table(b"t");
        let mut payload = Vec::new();
        given.serialize(&mut payload);
        assert_eq!(column(&payload).unwrap(), given);
        for length in 0..payload.len() {
            assert!(column(&payload[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn rows_of_text_have_a_value_for_each_column() {
        assert_eq!(text_row(b"\x01a\xfb", 2).unwrap(), [Some("a".to_owned()), None]);
        assert!(text_row(b"\x01a", 2).is_err());
        assert!(text_row(b"\x05a", 1).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_a_panic(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop((error(&payload), answer(&payload), prepared(&payload), column(&payload), text_row(&payload, 3)));
            let _numbers = (is_end(&payload, NEW), warnings(&payload, NEW), warnings(&payload, OLD));
        }
    }
}
