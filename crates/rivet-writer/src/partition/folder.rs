use rivet_model::{PartitionKey, is_plain_in_folders};

/// What stands for NULL in the name of a folder, as in Hive.
pub(super) const NULL_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// Common file systems take names of so many bytes.
pub(super) const MOST_BYTES: usize = 255;

/// Appends a value as it stands behind the `=`: readers take every `%` and two digits back.
///
/// Besides the characters that are never plain, a dot or a space at the end is escaped, which Azure and Windows cut
/// off.
pub(super) fn push_escaped(value: &str, folder: &mut String) {
    let last = value.len() - value.chars().next_back().map_or(0, char::len_utf8);
    for (index, c) in value.char_indices() {
        if is_plain_in_folders(c) && !(index == last && matches!(c, '.' | ' ')) {
            folder.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            folder.push('%');
            folder.extend([byte >> 4, byte & 15].map(digit));
        }
    }
}

fn digit(nibble: u8) -> char {
    char::from(if nibble < 10 { b'0' + nibble } else { b'A' - 10 + nibble })
}

/// Returns whether a folder's name is one that rows are sorted into.
pub(crate) fn is_folder(name: &str) -> bool {
    let Some((key, value)) = name.split_once('=') else { return false };
    name.len() <= MOST_BYTES
        && key.parse::<PartitionKey>().is_ok()
        && value.chars().all(|c| c == '%' || is_plain_in_folders(c))
        && !value.ends_with(['.', ' '])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(value: &str) -> String {
        let mut folder = String::new();
        push_escaped(value, &mut folder);
        folder
    }

    /// Takes every `%` and two digits back, as readers do.
    fn unescaped(text: &str) -> String {
        let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
        while let [first, tail @ ..] = rest {
            rest = match (first, tail) {
                (b'%', [high, low, tail @ ..]) => {
                    let digits = [*high, *low];
                    bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                    tail
                }
                _ => {
                    bytes.push(*first);
                    tail
                }
            };
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn values_are_safe_and_readable() {
        let check = |value, expected| assert_eq!(escaped(value), expected);
        check("DE", "DE");
        check("", "");
        check("a/b", "a%2Fb");
        check("..", ".%2E");
        check(".", "%2E");
        check("a=b", "a%3Db");
        check("50%", "50%25");
        check("12:34:56", "12%3A34%3A56");
        check("New York ", "New York%20");
        check("C:\\x", "C%3A%5Cx");
        check("Zoë 🦀 ж", "Zoë 🦀 ж");
        check("a\nb\0", "a%0Ab%00");
        check("\u{ffff}", "%EF%BF%BF");
    }

    #[test]
    fn what_is_no_such_folder_is_told_apart() {
        for name in ["c=", "c=a", "c=__HIVE_DEFAULT_PARTITION__", "a b=%2F", "ж=ж"] {
            assert!(is_folder(name), "{name}");
        }
        let long = format!("c={}", "x".repeat(254));
        for name in ["", "c", "=a", "..", "_rivet", "_c=a", ".c=a", "c=a.", "c=..", "c=a\\b", "c=a=b", "c=\n", &long] {
            assert!(!is_folder(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_value_comes_back(value in any::<String>()) {
            let escaped = escaped(&value);
            prop_assert_eq!(unescaped(&escaped), value);
            let folder = format!("c={escaped}");
            prop_assert!(folder.len() > MOST_BYTES || is_folder(&folder));
        }
    }
}
