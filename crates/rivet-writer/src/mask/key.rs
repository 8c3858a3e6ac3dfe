use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// The key of a [`Mask::Hmac`](super::Mask::Hmac). Its `Debug` form does not show it.
#[derive(Clone)]
pub struct MaskKey(Hmac<Sha256>);

impl MaskKey {
    /// A key has at least so many bytes: 128 bits, which nobody can try one after the other.
    pub const LEAST_BYTES: usize = 16;

    /// Makes a key; `None` where it has fewer than [`Self::LEAST_BYTES`].
    pub fn new(secret: &[u8]) -> Option<Self> {
        (secret.len() >= Self::LEAST_BYTES).then(|| Self::of_any_length(secret))
    }

    pub(super) fn of_any_length(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("an HMAC takes keys of any length"))
    }

    /// Returns an HMAC that has taken in the key, and no message yet.
    pub(super) const fn begun(&self) -> &Hmac<Sha256> {
        &self.0
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey")
    }
}
