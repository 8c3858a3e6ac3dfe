//! inet and cidr, as the server writes them: its cast to text adds a prefix length that its own output leaves out.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Fault, exact};

/// Address families as `inet_send` numbers them: that of the system's IPv4 and one above it.
const IPV4: u8 = 2;
const IPV6: u8 = 3;

const UNKNOWN_FAMILY: Fault = Fault::Malformed("a network address of an unknown family");

/// Writes a network address: family, prefix length, whether it is a cidr, length of the address, address.
pub(super) fn render(value: &[u8]) -> Result<String, Fault> {
    let [family, prefix, is_cidr, _length, address @ ..] = value else { return Err(UNKNOWN_FAMILY) };
    let (text, whole) = match *family {
        IPV4 => (Ipv4Addr::from(exact::<4>(address)?).to_string(), 32),
        IPV6 => (ipv6(exact::<16>(address)?), 128),
        _ => return Err(UNKNOWN_FAMILY),
    };
    // A cidr always shows its prefix, an inet only where it is shorter than the address.
    Ok(if *is_cidr == 1 || *prefix < whole { format!("{text}/{prefix}") } else { text })
}

/// The server writes the last four bytes with dots behind six zero groups as well as behind `::ffff:`.
fn ipv6(bytes: [u8; 16]) -> String {
    let address = Ipv6Addr::from(bytes);
    let [.., seventh, _] = address.segments();
    if bytes[..12].iter().all(|byte| *byte == 0) && seventh != 0 {
        let [.., a, b, c, d] = bytes;
        return format!("::{}", Ipv4Addr::new(a, b, c, d));
    }
    address.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(text: &str, prefix: u8, is_cidr: u8) -> String {
        let address: Ipv6Addr = text.parse().unwrap();
        render(&[&[IPV6, prefix, is_cidr, 16], &address.octets()[..]].concat()).unwrap()
    }

    #[test]
    fn addresses_read_as_the_server_writes_them() {
        assert_eq!(render(&[IPV4, 32, 0, 4, 10, 0, 0, 1]).unwrap(), "10.0.0.1");
        assert_eq!(render(&[IPV4, 24, 0, 4, 10, 0, 0, 1]).unwrap(), "10.0.0.1/24");
        assert_eq!(render(&[IPV4, 32, 1, 4, 10, 0, 0, 1]).unwrap(), "10.0.0.1/32");
        for (address, expected) in [
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("::", "::"),
            ("::1", "::1"),
            ("::102:304", "::1.2.3.4"),
            ("::ffff:102:304", "::ffff:1.2.3.4"),
            ("1::", "1::"),
        ] {
            assert_eq!(v6(address, 128, 0), expected);
        }
        assert_eq!(v6("2001:db8::", 32, 1), "2001:db8::/32");
    }

    #[test]
    fn other_bytes_are_malformed() {
        for bytes in [&[][..], &[9, 0, 0, 4, 1, 2, 3, 4], &[IPV4, 32, 0, 4, 1, 2, 3]] {
            assert!(render(bytes).is_err());
        }
    }
}
