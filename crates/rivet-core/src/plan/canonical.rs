use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::fingerprint::hexadecimal;

/// Returns the SHA-256 of a JSON value's canonical form, in lower hexadecimal: keys sorted, no white space.
pub(super) fn digest(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

/// Sorts keys itself: whether `serde_json`'s maps do depends on a feature that any crate may turn on.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            let mut separator = "{";
            for (key, value) in sorted {
                text.push_str(separator);
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
                separator = ",";
            }
            text.push_str(if map.is_empty() { "{}" } else { "}" });
        }
        Value::Array(items) => {
            let mut separator = "[";
            for item in items {
                text.push_str(separator);
                write(item, text);
                separator = ",";
            }
            text.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter_and_everything_else_does() {
        let one = digest(&json!({ "a": [1, {}], "b": { "x": null, "y": [] } }));
        let turned: Value = serde_json::from_str(r#"{ "b": { "y": [], "x": null }, "a": [1, {}] }"#).unwrap();
        assert_eq!(one, digest(&turned));
        let mut text = String::new();
        write(&turned, &mut text);
        assert_eq!(text, r#"{"a":[1,{}],"b":{"x":null,"y":[]}}"#);
        for other in
            [json!({ "a": [1, {}], "b": { "x": 0, "y": [] } }), json!({ "a": [{}, 1], "b": { "x": null, "y": [] } })]
        {
            assert_ne!(one, digest(&other));
        }
    }
}
