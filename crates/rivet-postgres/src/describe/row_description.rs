use rivet_source::{SourceError, SourceErrorKind};

/// One field of a RowDescription message.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-ROWDESCRIPTION>
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResultColumn {
    pub(crate) name: String,
    /// The table that the column is taken from unchanged, and its number there; 0 for an expression.
    pub(crate) table: u32,
    pub(crate) number: i16,
    /// The type, domains already as what they are made on.
    pub(crate) type_id: u32,
    pub(crate) modifier: i32,
}

/// Takes the body of the message apart.
pub(crate) fn parse(body: &[u8]) -> Result<Vec<ResultColumn>, SourceError> {
    try_parse(body).ok_or_else(|| {
        SourceError::new(SourceErrorKind::Protocol, "the server described the result in a way that can't be read")
    })
}

fn try_parse(mut body: &[u8]) -> Option<Vec<ResultColumn>> {
    let count = u16::from_be_bytes(take(&mut body)?);
    let mut columns = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let end = body.iter().position(|byte| *byte == 0)?;
        let name = String::from_utf8_lossy(&body[..end]).into_owned();
        body = &body[end + 1..];
        let table = u32::from_be_bytes(take(&mut body)?);
        let number = i16::from_be_bytes(take(&mut body)?);
        let type_id = u32::from_be_bytes(take(&mut body)?);
        let _size: [u8; 2] = take(&mut body)?;
        let modifier = i32::from_be_bytes(take(&mut body)?);
        let _format: [u8; 2] = take(&mut body)?;
        columns.push(ResultColumn { name, table, number, type_id, modifier });
    }
    Some(columns)
}

fn take<const N: usize>(body: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = body.split_first_chunk::<N>()?;
    *body = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_ends_early_is_an_error() {
        let mut body = vec![0, 1];
        body.extend(b"id\0");
        body.extend([0, 0, 64, 0, 0, 1, 0, 0, 0, 20, 0, 8, 255, 255, 255, 255, 0, 0]);
        let expected = ResultColumn { name: "id".to_owned(), table: 16_384, number: 1, type_id: 20, modifier: -1 };
        assert_eq!(parse(&body).unwrap(), [expected]);
        for length in 0..body.len() {
            assert!(parse(&body[..length]).is_err(), "{length}");
        }
    }
}
