use std::io;
use std::ops::Range;

use mysql_async::{DriverError, Error, IoError};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes that are read at once at most, and kept in memory. The server writes 16 KB at a time; what is waiting is taken
/// together.
const USUAL_CAPACITY: usize = 256 << 10;

/// Space that a read should have at least: with less, what is unread is moved to the front first.
const LEAST_SPACE: usize = 32 << 10;

/// Length and number of a piece.
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html>
const HEADER: usize = 4;

/// The length of a piece behind which another one of the same packet follows.
pub(super) const LONGEST_PIECE: usize = 0xFF_FFFF;

/// The longest packet that is taken: as much as the protocol lets a server be told to send.
const LONGEST_PACKET: usize = 1 << 30;

/// Bytes that the server sent, cut into packets in place.
#[derive(Debug)]
pub(super) struct Packets {
    bytes: Vec<u8>,
    /// Where the packet in front begins, with its header.
    start: usize,
    /// Where the bytes end that were read.
    end: usize,
    /// How much of the packet in front is in one piece behind its header.
    joined: usize,
    /// Pieces that it came in so far.
    pieces: usize,
    /// Bytes in front that were given away as a packet.
    taken: usize,
    /// Bytes from `start` on that it takes to go on.
    needed: usize,
    /// The number that the next piece has.
    number: u8,
}

/// A packet, in the place that it was read into: good until more is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    payload: Range<usize>,
    /// Bytes that it took on the wire, headers included.
    pub(super) wire_bytes: usize,
}

impl Packets {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; USUAL_CAPACITY],
            start: 0,
            end: 0,
            joined: 0,
            pieces: 0,
            taken: 0,
            needed: HEADER,
            number: 0,
        }
    }

    /// Says which number the next piece has: one more than that of the last piece that was sent.
    pub(super) fn expect(&mut self, number: u8) {
        self.number = number;
    }

    /// Returns the number that the next piece has, whoever sends it.
    pub(super) fn number(&self) -> u8 {
        self.number
    }

    /// Returns the bytes of a packet.
    pub(super) fn payload(&self, packet: &Packet) -> &[u8] {
        self.bytes.get(packet.payload.clone()).unwrap_or_default()
    }

    /// Whether everything that came was given away.
    pub(super) fn is_empty(&self) -> bool {
        self.start + self.taken == self.end
    }

    /// Returns the next packet that has come in full; `None` where more must be read first.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Packet>, Error> {
        self.start += self.taken;
        self.taken = 0;
        loop {
            // Where the header of the piece is that is looked at: the first one is kept before the bytes.
            let header = if self.pieces == 0 { 0 } else { HEADER + self.joined };
            let unread = self.bytes.get(self.start + header..self.end).unwrap_or_default();
            let Some(&[a, b, c, number]) = unread.first_chunk::<HEADER>() else {
                self.needed = header + HEADER;
                return Ok(None);
            };
            let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
            if self.joined + length > LONGEST_PACKET {
                return Err(DriverError::PacketTooLarge.into());
            }
            if unread.len() < HEADER + length {
                self.needed = header + HEADER + length;
                return Ok(None);
            }
            // A server that is about to hang up says so whenever it likes, and counts from zero.
            let is_error = self.pieces == 0 && unread.get(HEADER) == Some(&0xFF);
            if number != self.number && !is_error {
                return Err(unreadable("a packet came out of turn"));
            }
            self.number = number.wrapping_add(1);
            if self.pieces > 0 {
                let header = self.start + header;
                self.bytes.copy_within(header + HEADER..self.end, header);
                self.end -= HEADER;
            }
            self.pieces += 1;
            self.joined += length;
            if length < LONGEST_PIECE {
                return Ok(Some(self.take()));
            }
        }
    }

    fn take(&mut self) -> Packet {
        let begin = self.start + HEADER;
        let packet = Packet { payload: begin..begin + self.joined, wire_bytes: self.joined + HEADER * self.pieces };
        self.taken = HEADER + self.joined;
        self.joined = 0;
        self.pieces = 0;
        packet
    }

    /// Reads once. Packets that were given away before are gone.
    pub(super) async fn fill<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<(), Error> {
        self.make_room();
        let space = self.bytes.get_mut(self.end..).unwrap_or_default();
        match stream.read(space).await {
            Ok(0) => Err(DriverError::ConnectionClosed.into()),
            Ok(count) => {
                self.end += count;
                Ok(())
            }
            Err(error) => Err(Error::Io(IoError::Io(error))),
        }
    }

    fn make_room(&mut self) {
        self.start += self.taken;
        self.taken = 0;
        let unread = self.end - self.start;
        let fits = self.start + self.needed <= self.bytes.len() && self.bytes.len() - self.end >= LEAST_SPACE;
        if unread == 0 || !fits {
            self.bytes.copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = unread;
        }
        if self.needed > self.bytes.len() {
            self.bytes.resize(self.needed, 0);
        } else if self.bytes.len() > USUAL_CAPACITY && self.start == 0 && self.end.max(self.needed) <= USUAL_CAPACITY {
            // One huge row must not hold its memory for the rest of the scan.
            self.bytes.truncate(USUAL_CAPACITY);
            self.bytes.shrink_to_fit();
        }
    }
}

/// What came can't be read.
pub(super) fn unreadable(what: &'static str) -> Error {
    Error::Io(IoError::Io(io::Error::new(io::ErrorKind::InvalidData, what)))
}

/// Appends a packet to what is sent, in as many pieces as it takes. Returns the number that follows.
pub(super) fn write(payload: &[u8], mut number: u8, out: &mut Vec<u8>) -> u8 {
    let mut rest = payload;
    loop {
        let (piece, behind) = rest.split_at(rest.len().min(LONGEST_PIECE));
        let length = u32::try_from(piece.len()).unwrap_or(0).to_le_bytes();
        out.extend_from_slice(&[length[0], length[1], length[2], number]);
        out.extend_from_slice(piece);
        number = number.wrapping_add(1);
        rest = behind;
        if piece.len() < LONGEST_PIECE {
            return number;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use proptest::prelude::*;
    use tokio::io::ReadBuf;

    use super::*;

    /// Gives its bytes in pieces of these sizes, over and over.
    struct Pieces {
        bytes: Vec<u8>,
        sizes: Vec<usize>,
        read: usize,
        turn: usize,
    }

    impl Pieces {
        fn new(bytes: Vec<u8>, sizes: Vec<usize>) -> Self {
            Self { bytes, sizes, read: 0, turn: 0 }
        }
    }

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let size = self.sizes[self.turn % self.sizes.len()].min(out.remaining()).min(self.bytes.len() - self.read);
            out.put_slice(&self.bytes[self.read..self.read + size]);
            self.read += size;
            self.turn += 1;
            Poll::Ready(Ok(()))
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    /// All packets until the stream ends, with their bytes on the wire.
    fn read(bytes: Vec<u8>, sizes: Vec<usize>) -> (Vec<Vec<u8>>, usize, Error) {
        let (mut stream, mut packets) = (Pieces::new(bytes, sizes), Packets::new());
        let (mut all, mut wire_bytes) = (Vec::new(), 0);
        block_on(async {
            loop {
                match packets.next() {
                    Ok(Some(packet)) => {
                        wire_bytes += packet.wire_bytes;
                        all.push(packets.payload(&packet).to_vec());
                    }
                    Ok(None) => {
                        if let Err(error) = packets.fill(&mut stream).await {
                            return (all, wire_bytes, error);
                        }
                    }
                    Err(error) => return (all, wire_bytes, error),
                }
            }
        })
    }

    fn written(payloads: &[Vec<u8>]) -> Vec<u8> {
        let (mut bytes, mut number) = (Vec::new(), 0);
        for payload in payloads {
            number = write(payload, number, &mut bytes);
        }
        bytes
    }

    proptest! {
        #[test]
        fn packets_cut_anywhere_come_out_whole(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..40),
            sizes in proptest::collection::vec(1_usize..200, 1..8),
        ) {
            let bytes = written(&payloads);
            let length = bytes.len();
            let (found, wire_bytes, error) = read(bytes, sizes);
            prop_assert_eq!(found, payloads);
            prop_assert_eq!(wire_bytes, length);
            prop_assert!(matches!(error, Error::Driver(DriverError::ConnectionClosed)));
        }

        #[test]
        fn bytes_without_sense_end_in_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..2_000),
            sizes in proptest::collection::vec(1_usize..200, 1..8),
        ) {
            let (found, wire_bytes, _) = read(bytes.clone(), sizes);
            prop_assert!(wire_bytes <= bytes.len() && found.len() <= bytes.len() / HEADER);
        }
    }

    #[test]
    fn pieces_of_a_long_packet_are_joined() {
        let payloads: Vec<Vec<u8>> = [LONGEST_PIECE - 1, LONGEST_PIECE, 3, 2 * LONGEST_PIECE + 5, 0, 7]
            .iter()
            .zip(1_u8..)
            .map(|(length, byte)| vec![byte; *length])
            .collect();
        let bytes = written(&payloads);
        let length = bytes.len();
        let (found, wire_bytes, _) = read(bytes, vec![1 << 20, 17, 300_000]);
        assert!(found == payloads, "the packets that were written");
        assert_eq!(wire_bytes, length);
    }

    #[test]
    fn a_number_out_of_turn_is_an_error_unless_the_server_says_good_bye() {
        let check = |first: u8, expected: usize| {
            let (found, _, _) = read(vec![1, 0, 0, 5, first], vec![100]);
            assert_eq!(found.len(), expected);
        };
        check(0x00, 0);
        check(0xFF, 1);
    }

    #[test]
    fn a_long_packet_leaves_its_memory() {
        let bytes = written(&[vec![1; 1 << 20], vec![2; 10]]);
        let (mut stream, mut packets) = (Pieces::new(bytes, vec![(1 << 20) + HEADER]), Packets::new());
        block_on(async {
            while packets.next().unwrap().is_none() {
                packets.fill(&mut stream).await.unwrap();
            }
            assert!(packets.bytes.len() > USUAL_CAPACITY);
            while packets.next().unwrap().is_none() {
                packets.fill(&mut stream).await.unwrap();
            }
        });
        assert_eq!(packets.bytes.len(), USUAL_CAPACITY);
    }
}
