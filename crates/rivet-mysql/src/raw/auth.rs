//! What is answered to a server that asks who we are.

use mysql_async::Error;
use mysql_common::scramble::{scramble_native, scramble_sha256};

use super::packets::unreadable;
use super::response::{self, END, ERROR, MORE, OK};
use super::{rsa, value};

/// The name of a kind of authentication, as servers write it.
const NATIVE: &[u8] = b"mysql_native_password";
const CACHING_SHA2: &[u8] = b"caching_sha2_password";

/// What the server says of a password that it remembers: it was the right one.
const KNOWN: u8 = 3;
/// What it says of one that it does not remember: it wants to see it.
const SHOW: u8 = 4;
/// What asks the server for its key.
const KEY_PLEASE: u8 = 2;

/// Why a connection was not made.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The server speaks of something that is not known here. The library may know it.
    Unspoken,
    /// As with any connection.
    Error(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// A kind of authentication that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plugin {
    Native,
    CachingSha2,
}

impl Plugin {
    fn of(name: &[u8]) -> Option<Self> {
        match name {
            NATIVE => Some(Self::Native),
            CACHING_SHA2 => Some(Self::CachingSha2),
            _ => None,
        }
    }
}

/// What to do after a packet of the server's.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Answer it.
    Send(Vec<u8>),
    /// Wait for the next one.
    Wait,
    /// We are in.
    Done,
}

/// A conversation about a password.
pub(super) struct Auth<'a> {
    password: &'a [u8],
    /// Whether nobody else can listen.
    is_private: bool,
    plugin: Plugin,
    nonce: Vec<u8>,
    switched: bool,
    asked_for_key: bool,
}

impl<'a> Auth<'a> {
    /// Begins with the kind that the server suggests, where it is known.
    pub(super) fn new(password: &'a [u8], is_private: bool, plugin: &[u8], nonce: Vec<u8>) -> Self {
        // A server that suggests another kind is told of this one, and may ask for what it wants.
        let plugin = Plugin::of(plugin).unwrap_or(Plugin::Native);
        Self { password, is_private, plugin, nonce, switched: false, asked_for_key: false }
    }

    /// Returns the name of the kind.
    pub(super) fn plugin(&self) -> &'static [u8] {
        match self.plugin {
            Plugin::Native => NATIVE,
            Plugin::CachingSha2 => CACHING_SHA2,
        }
    }

    /// Returns what shows that we know the password without saying it. No password needs none.
    pub(super) fn proof(&self) -> Vec<u8> {
        let proof = match self.plugin {
            Plugin::Native => scramble_native(&self.nonce, self.password).map(Vec::from),
            Plugin::CachingSha2 => scramble_sha256(&self.nonce, self.password).map(Vec::from),
        };
        proof.unwrap_or_default()
    }

    /// Returns what follows a packet of the server's.
    pub(super) fn step(&mut self, payload: &[u8]) -> Result<Step, Refusal> {
        match (payload, self.plugin) {
            ([OK, ..], _) => Ok(Step::Done),
            ([ERROR, ..], _) => Err(response::error(payload).into()),
            ([END, rest @ ..], _) if !self.switched => self.switch(rest),
            ([MORE, KNOWN], Plugin::CachingSha2) => Ok(Step::Wait),
            ([MORE, SHOW], Plugin::CachingSha2) if self.is_private => Ok(Step::Send(self.plain())),
            ([MORE, SHOW], Plugin::CachingSha2) if !self.asked_for_key => {
                self.asked_for_key = true;
                Ok(Step::Send(vec![KEY_PLEASE]))
            }
            ([MORE, key @ ..], Plugin::CachingSha2) if self.asked_for_key => {
                let encrypted = rsa::encrypt(&self.plain(), &self.nonce, key);
                encrypted.map(Step::Send).ok_or_else(|| unreadable("the server's key for passwords is none").into())
            }
            _ => Err(Refusal::Unspoken),
        }
    }

    fn plain(&self) -> Vec<u8> {
        [self.password, &[0]].concat()
    }

    /// Goes on with the kind that the server asks for.
    fn switch(&mut self, request: &[u8]) -> Result<Step, Refusal> {
        let mut rest = request;
        let plugin = value::until_zero(&mut rest).and_then(Plugin::of).ok_or(Refusal::Unspoken)?;
        self.switched = true;
        self.plugin = plugin;
        self.nonce = rest.strip_suffix(&[0]).unwrap_or(rest).to_vec();
        Ok(Step::Send(self.proof()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn auth(is_private: bool, plugin: &[u8]) -> Auth<'static> {
        Auth::new(b"secret", is_private, plugin, (1..=20).collect())
    }

    fn send(step: Result<Step, Refusal>) -> Vec<u8> {
        match step {
            Ok(Step::Send(bytes)) => bytes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_password_that_the_server_remembers_is_never_said() {
        let mut auth = auth(false, CACHING_SHA2);
        assert_eq!((auth.plugin(), auth.proof().len()), (CACHING_SHA2, 32));
        assert_eq!(auth.step(&[1, 3]).unwrap(), Step::Wait);
        assert_eq!(auth.step(&[0, 0, 0, 2, 0, 0, 0]).unwrap(), Step::Done);
    }

    #[test]
    fn a_password_is_said_where_nobody_listens() {
        assert_eq!(send(auth(true, CACHING_SHA2).step(&[1, 4])), b"secret\0");
        let mut listened_to = auth(false, CACHING_SHA2);
        assert_eq!(send(listened_to.step(&[1, 4])), [2]);
        assert!(matches!(listened_to.step(b"\x01no key"), Err(Refusal::Error(_))));
    }

    #[test]
    fn the_server_may_ask_for_another_kind_once() {
        let mut auth = auth(false, b"client_ed25519");
        assert_eq!((auth.plugin(), auth.proof().len()), (NATIVE, 20));
        let request = [b"\xfecaching_sha2_password\0", &[9; 20][..], &[0]].concat();
        let proof = send(auth.step(&request));
        assert_eq!(proof, scramble_sha256(&[9; 20], b"secret").unwrap());
        assert!(matches!(auth.step(&request), Err(Refusal::Unspoken)));
    }

    #[test]
    fn what_is_not_known_is_left_to_the_library() {
        for packet in [&b"\xfeclient_ed25519\0abc"[..], b"\xfe", b"\xfemysql_clear_password\0", b"\x02next", b""] {
            assert!(matches!(auth(true, NATIVE).step(packet), Err(Refusal::Unspoken)), "{packet:?}");
        }
        assert!(matches!(auth(true, NATIVE).step(b"\xff\x15\x04#28000Access denied"), Err(Refusal::Error(_))));
    }

    #[test]
    fn no_password_has_no_proof() {
        for plugin in [NATIVE, CACHING_SHA2] {
            assert!(Auth::new(b"", false, plugin, vec![1; 20]).proof().is_empty());
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_a_panic(packets in proptest::collection::vec(
            (0_usize..5, proptest::collection::vec(any::<u8>(), 0..60)), 0..6,
        )) {
            let mut auth = auth(false, CACHING_SHA2);
            for (kind, rest) in packets {
                let front = [&[0][..], &[1], &[1, 4], b"\xfemysql_native_password\0", &[0xFF]][kind];
                drop(auth.step(&[front, &rest].concat()));
            }
        }
    }
}
