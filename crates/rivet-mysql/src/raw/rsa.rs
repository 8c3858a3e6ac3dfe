//! A password for a server that has a key and no TLS.

use mysql_common::crypto::der::{PubKeyFileType, parse_pub_key};
use mysql_common::crypto::rsa::{GetRandom, Pkcs1OaepPadding, PublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;

use super::value;

/// Bytes that the padding takes of a key: two hashes and two bytes.
const PADDING: usize = 42;

/// The longest key that is taken, in bytes: of 16,384 bits. A longer one would keep the client busy for long.
const LONGEST_KEY: usize = 2_048;

/// Encrypts a password, which ends with a zero, by a key in PEM; `None` where the key is none.
pub(super) fn encrypt(password: &[u8], nonce: &[u8], pem: &[u8]) -> Option<Vec<u8>> {
    let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok()?;
    // What reads the key further on takes for granted that it is one.
    let octets = modulus(&key)?;
    let mixed: Vec<u8> = password.iter().zip(nonce.iter().cycle()).map(|(byte, noise)| byte ^ noise).collect();
    if nonce.is_empty() || mixed.len() + PADDING > octets || octets > LONGEST_KEY {
        return None;
    }
    let (modulus, exponent) = parse_pub_key(&key, PubKeyFileType::Pkcs8);
    Some(PublicKey::new(modulus, exponent).encrypt_block(mixed, Pkcs1OaepPadding::new(GetRandom)))
}

/// Returns how many bytes the modulus of a key has, where its DER is sound throughout and the numbers are no zeros.
fn modulus(der: &[u8]) -> Option<usize> {
    let (mut outer, _) = element(der, 0x30)?;
    (_, outer) = element(outer, 0x30)?;
    let (bits, _) = element(outer, 0x03)?;
    let (unused, key) = bits.split_first()?;
    let (numbers, _) = element(key, 0x30)?;
    let (modulus, numbers) = element(numbers, 0x02)?;
    let (exponent, _) = element(numbers, 0x02)?;
    let leading = modulus.iter().take_while(|byte| **byte == 0).count();
    let is_sound = *unused == 0 && exponent.iter().any(|byte| *byte != 0) && exponent.len() <= 8;
    // The library takes a key whose first bits are zeros for a shorter one.
    let is_full = modulus.get(leading).is_some_and(|first| *first >= 0x80) && leading <= 1;
    (is_sound && is_full).then_some(modulus.len() - leading)
}

/// Returns what is in an element with this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let mut rest = der;
    let [found, first] = value::array(&mut rest)?;
    let length = match first {
        0..=0x7F => usize::from(first),
        0x81 => usize::from(value::array::<1>(&mut rest)?[0]),
        0x82 => usize::from(u16::from_be_bytes(value::array(&mut rest)?)),
        _ => return None,
    };
    if found == tag { rest.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A key of 1,024 bits, made for this test; its other half was thrown away.
    const PEM: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCfkqzPMC1KOyARzoBJwZOmWgoL
faxM09zI6UCP2USIqqOi7Fn0eQXzXtxcSYIRvMml5YoTXzqyPWQQMJbntW8wBDw0
/EvzIQx6BbFAy17kX6Xq4uFswUFnJZ2YU9vVYilux/6RYEhJNovSyhutfBA2jdSr
+E+zfBhLfnkG41XNvwIDAQAB
-----END PUBLIC KEY-----
";

    #[test]
    fn a_password_takes_as_many_bytes_as_the_key() {
        let nonce = [7; 20];
        let encrypted = encrypt(b"secret\0", &nonce, PEM.as_bytes()).unwrap();
        assert_eq!(encrypted.len(), 128);
        assert_ne!(encrypted, encrypt(b"secret\0", &nonce, PEM.as_bytes()).unwrap(), "the padding is random");
        assert_eq!(encrypt(&[1; 87], &nonce, PEM.as_bytes()), None, "too long for the key");
        assert_eq!(encrypt(b"secret\0", &[], PEM.as_bytes()), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for pem in [
            "",
            "no key",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            PEM.trim_end_matches("-----\n"),
        ] {
            assert_eq!(encrypt(b"secret\0", &[1], pem.as_bytes()), None, "{pem}");
        }
    }

    proptest! {
        #[test]
        fn a_damaged_key_is_no_panic(place in 0_usize..162, byte in any::<u8>()) {
            let mut der = SubjectPublicKeyInfoDer::from_pem_slice(PEM.as_bytes()).unwrap().to_vec();
            der[place] = byte;
            if modulus(&der).is_some() {
                let _numbers = parse_pub_key(&der, PubKeyFileType::Pkcs8);
            }
            prop_assert_eq!(modulus(&der[..place]), None);
        }
    }
}
