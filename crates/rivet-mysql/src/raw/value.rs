//! The pieces that packets are made of. Each function takes one off the front; `None` where the bytes end too early.

/// Takes so many bytes.
#[inline]
pub(super) fn bytes<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}

/// Takes as many bytes as an array has.
#[inline]
pub(super) fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*taken)
}

/// Takes a number that says its own length.
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html>
#[inline]
pub(super) fn length(rest: &mut &[u8]) -> Option<u64> {
    let [first] = array(rest)?;
    match first {
        0..=0xFA => Some(u64::from(first)),
        0xFC => Some(u64::from(u16::from_le_bytes(array(rest)?))),
        0xFD => {
            let [a, b, c] = array(rest)?;
            Some(u64::from(u32::from_le_bytes([a, b, c, 0])))
        }
        0xFE => Some(u64::from_le_bytes(array(rest)?)),
        // NULL, and the first byte of an error.
        0xFB | 0xFF => None,
    }
}

/// Takes bytes behind their length.
#[inline]
pub(super) fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(length(rest)?).ok()?;
    bytes(rest, length)
}

/// Takes bytes up to a zero, and the zero.
pub(super) fn until_zero<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == 0)?;
    let taken = bytes(rest, end)?;
    bytes(rest, 1)?;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_say_how_long_they_are() {
        let check = |mut given: &[u8], expected, left: usize| {
            assert_eq!((length(&mut given), given.len()), (expected, left));
        };
        check(&[0], Some(0), 0);
        check(&[250, 9], Some(250), 1);
        check(&[0xFC, 1, 2, 9], Some(0x201), 1);
        check(&[0xFD, 1, 2, 3], Some(0x3_0201), 0);
        check(&[0xFE, 1, 0, 0, 0, 0, 0, 0, 0x80], Some((1 << 63) + 1), 0);
        for cut in [&[][..], &[0xFB], &[0xFF], &[0xFC, 1], &[0xFD, 1, 2], &[0xFE, 1, 2, 3, 4, 5, 6, 7]] {
            assert_eq!(length(&mut &*cut), None, "{cut:?}");
        }
    }

    #[test]
    fn texts_end_where_they_say() {
        let mut rest = &b"\x03abcd"[..];
        assert_eq!((text(&mut rest), rest), (Some(&b"abc"[..]), &b"d"[..]));
        assert_eq!(text(&mut &b"\x05abcd"[..]), None);
        assert_eq!(text(&mut &[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1][..]), None);
        let mut rest = &b"name\0more"[..];
        assert_eq!((until_zero(&mut rest), rest), (Some(&b"name"[..]), &b"more"[..]));
        assert_eq!(until_zero(&mut &b"name"[..]), None);
    }
}
