//! The first packet of a server, and what is answered to it.

use std::collections::HashMap;

use mysql_async::consts::CapabilityFlags;
use mysql_common::packets::{AuthPlugin, HandshakeResponse, SslRequest};
use mysql_common::proto::MySerialize as _;

use super::value;

/// The version of the protocol that every server since 3.21 speaks.
const VERSION: u8 = 10;

/// The number of `utf8mb4_general_ci`, which both families know.
const UTF8MB4: u8 = 45;

/// As `UTF8MB4` is chosen by the library for servers from this version on, whatever theirs is called.
const KNOWS_UTF8MB4: (u16, u16, u16) = (5, 5, 3);

/// The bytes that a password is mixed with.
const NONCE: usize = 20;

/// What is asked for, where the server has it: plain rows and nothing that a proxy might stumble over. Without local
/// files the server can't ask for any.
const WANTED: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_LONG_PASSWORD)
    .union(CapabilityFlags::CLIENT_TRANSACTIONS)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH)
    .union(CapabilityFlags::CLIENT_CONNECT_ATTRS)
    .union(CapabilityFlags::CLIENT_DEPRECATE_EOF);

/// Without these nothing here is right.
const NEEDED: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH);

/// What a server says first.
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Greeting {
    /// The number of the connection.
    pub(super) id: u32,
    /// What both sides can, from here on.
    pub(super) capabilities: CapabilityFlags,
    /// Whether TLS is offered.
    pub(super) has_tls: bool,
    pub(super) nonce: Vec<u8>,
    /// The kind of authentication that the server suggests.
    pub(super) plugin: Vec<u8>,
}

impl Greeting {
    /// Reads the packet; `None` where it is not as it should be.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let mut rest = payload.strip_prefix(&[VERSION])?;
        value::until_zero(&mut rest)?;
        let id = u32::from_le_bytes(value::array(&mut rest)?);
        let mut nonce = value::bytes(&mut rest, 8)?.to_vec();
        value::bytes(&mut rest, 1)?;
        let low = u16::from_le_bytes(value::array(&mut rest)?);
        // The character set and the session's state.
        value::bytes(&mut rest, 3)?;
        let high = u16::from_le_bytes(value::array(&mut rest)?);
        let offered = CapabilityFlags::from_bits_truncate(u32::from(high) << 16 | u32::from(low));
        let [length] = value::array(&mut rest)?;
        value::bytes(&mut rest, 10)?;
        if !offered.contains(NEEDED) {
            return None;
        }
        let second = usize::from(length).saturating_sub(8).max(NONCE - 8 + 1).min(rest.len());
        nonce.extend_from_slice(value::bytes(&mut rest, second)?);
        // A zero ends it.
        nonce.resize(NONCE, 0);
        // Some servers forget the zero behind the name.
        let plugin = value::until_zero(&mut rest).unwrap_or(rest).to_vec();
        let has_tls = offered.contains(CapabilityFlags::CLIENT_SSL);
        Some(Self { id, capabilities: WANTED & offered, has_tls, nonce, plugin })
    }
}

/// Returns the request to go on by TLS.
pub(super) fn tls_request(capabilities: CapabilityFlags, longest_packet: u32) -> Vec<u8> {
    let mut out = Vec::new();
    SslRequest::new(capabilities | CapabilityFlags::CLIENT_SSL, longest_packet, UTF8MB4).serialize(&mut out);
    out
}

/// Who logs in, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Login<'a> {
    pub(super) user: Option<&'a str>,
    pub(super) database: Option<&'a str>,
    /// What the server shows as the name of the program.
    pub(super) program: &'a str,
    pub(super) longest_packet: u32,
}

/// Returns the answer to the greeting.
pub(super) fn response(login: Login<'_>, capabilities: CapabilityFlags, plugin: &[u8], proof: &[u8]) -> Vec<u8> {
    let attributes = capabilities
        .contains(CapabilityFlags::CLIENT_CONNECT_ATTRS)
        .then(|| HashMap::from([("program_name".to_owned(), login.program.to_owned())]));
    let mut out = Vec::new();
    HandshakeResponse::new(
        Some(proof),
        KNOWS_UTF8MB4,
        login.user.map(str::as_bytes),
        login.database.map(str::as_bytes),
        Some(AuthPlugin::from_bytes(plugin)),
        capabilities,
        attributes,
        login.longest_packet,
    )
    .serialize(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use mysql_common::io::ParseBuf;
    use proptest::prelude::*;

    use super::*;

    /// What a MySQL 8.0 sends, with a nonce of the test's own.
    fn greeting(capabilities: CapabilityFlags, plugin: &[u8]) -> Vec<u8> {
        let [low, high] = [capabilities.bits() & 0xFFFF, capabilities.bits() >> 16].map(u32::to_le_bytes);
        let mut payload = b"\x0a8.0.36\0\x2a\x01\0\0abcdefgh\0".to_vec();
        payload.extend_from_slice(&low[..2]);
        payload.extend_from_slice(&[255, 2, 0]);
        payload.extend_from_slice(&high[..2]);
        payload.push(21);
        payload.extend_from_slice(&[0; 10]);
        payload.extend_from_slice(b"ijklmnopqrst\0");
        payload.extend_from_slice(plugin);
        payload
    }

    #[test]
    fn a_greeting_says_who_is_there_and_what_both_can() {
        let offered = WANTED | CapabilityFlags::CLIENT_SSL | CapabilityFlags::CLIENT_LOCAL_FILES;
        for name in [&b"caching_sha2_password\0"[..], b"caching_sha2_password"] {
            let found = Greeting::read(&greeting(offered, name)).unwrap();
            assert_eq!((found.id, found.has_tls, found.capabilities), (298, true, WANTED));
            assert_eq!(found.nonce, b"abcdefghijklmnopqrst");
            assert_eq!(found.plugin, b"caching_sha2_password");
        }
        let old = WANTED - CapabilityFlags::CLIENT_DEPRECATE_EOF;
        let found = Greeting::read(&greeting(old, b"x\0")).unwrap();
        assert_eq!((found.has_tls, found.capabilities), (false, old));
    }

    #[test]
    fn a_greeting_that_is_none_is_left_to_others() {
        assert_eq!(Greeting::read(&greeting(CapabilityFlags::CLIENT_PROTOCOL_41, b"x\0")), None);
        let whole = greeting(WANTED, b"");
        for length in 0..whole.len() - 13 {
            assert_eq!(Greeting::read(&whole[..length]), None, "{length}");
        }
        assert_eq!(Greeting::read(b"\xff\x10\x04Too many connections"), None);
    }

    #[test]
    fn the_answer_holds_what_the_server_needs() {
        let login = Login { user: Some("me"), database: Some("shop"), program: "rivet", longest_packet: 1 << 30 };
        let payload = response(login, WANTED, b"mysql_native_password", &[9; 20]);
        let read: HandshakeResponse<'_> = ParseBuf(&payload).parse(()).unwrap();
        assert_eq!((read.user(), read.db_name(), read.scramble_buf()), (&b"me"[..], Some(&b"shop"[..]), &[9; 20][..]));
        assert_eq!(read.capabilities(), WANTED | CapabilityFlags::CLIENT_CONNECT_WITH_DB);
        assert_eq!(read.connect_attributes().unwrap()["program_name"], "rivet");
        assert_eq!(read.collation(), UTF8MB4);
        assert_eq!(tls_request(WANTED, 1 << 30).len(), 32);
    }

    proptest! {
        #[test]
        fn no_greeting_is_a_panic(
            payload in proptest::collection::vec(any::<u8>(), 0..120),
            place in 0_usize..90,
            byte in any::<u8>(),
        ) {
            drop(Greeting::read(&payload));
            let mut damaged = greeting(WANTED, b"caching_sha2_password\0");
            if let Some(at) = damaged.get_mut(place) {
                *at = byte;
            }
            if let Some(found) = Greeting::read(&damaged) {
                prop_assert_eq!(found.nonce.len(), NONCE);
            }
        }
    }
}
