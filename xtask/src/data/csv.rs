use bytes::Bytes;

use crate::database::Chunks;

/// The size at which a chunk is sent: large against a packet, small against memory.
const CHUNK_BYTES: usize = 256 << 10;

/// Groups lines into chunks. Each call of `line` appends one record with its line feed, or returns false at the end.
pub(super) fn chunks(mut line: impl FnMut(&mut String) -> bool + Send + 'static) -> Chunks {
    let mut ended = false;
    Box::new(std::iter::from_fn(move || {
        let mut chunk = String::with_capacity(CHUNK_BYTES + 8192);
        while !ended && chunk.len() < CHUNK_BYTES {
            ended = !line(&mut chunk);
        }
        (!chunk.is_empty()).then(|| Bytes::from(chunk))
    }))
}

/// Appends a quoted value: one that can hold anything.
pub(super) fn quote(record: &mut String, value: &str) {
    record.push('"');
    for (position, part) in value.split('"').enumerate() {
        if position > 0 {
            record.push_str("\"\"");
        }
        record.push_str(part);
    }
    record.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_inside_of_a_value_are_doubled() {
        let quoted = |value: &str| {
            let mut record = String::new();
            quote(&mut record, value);
            record
        };
        assert_eq!(quoted(""), r#""""#);
        assert_eq!(quoted("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
    }

    #[test]
    fn chunks_hold_every_line_once() {
        let mut left = 100_000;
        let made: Vec<Bytes> = chunks(move |record| {
            if left == 0 {
                return false;
            }
            left -= 1;
            record.push_str("12345678\n");
            true
        })
        .collect();
        assert_eq!(made.iter().map(Bytes::len).sum::<usize>(), 900_000);
        assert!(made.len() > 1 && made.iter().all(|chunk| chunk.len() <= CHUNK_BYTES + 9));
    }
}
