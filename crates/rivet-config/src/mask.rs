use std::collections::BTreeMap;

use rivet_model::ColumnName;
use serde::Serialize;

use crate::check::Checker;
use crate::document::Path;
use crate::raw::{RawMask, RawMaskMethod};

/// What becomes of the values of a column before they are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "method", rename_all = "lowercase")]
pub enum Mask {
    /// SHA-256 of the value.
    Hash,
    /// HMAC-SHA-256 of the value.
    Hmac {
        /// The variable that holds the key.
        key_env: String,
    },
    /// NULL.
    Null,
    /// The beginning of the value.
    Truncate {
        /// Characters (or bytes) that stay.
        length: u64,
    },
}

pub(crate) fn check(
    raw: Option<&BTreeMap<String, RawMask>>,
    at: &Path,
    cx: &mut Checker<'_>,
) -> BTreeMap<ColumnName, Mask> {
    let mut masks = BTreeMap::new();
    for (name, raw) in raw.into_iter().flatten() {
        let place = at.key(name);
        if let (Some(column), Some(mask)) = (cx.column(&place, name), mask(raw, &place, cx)) {
            masks.insert(column, mask);
        }
    }
    masks
}

fn mask(raw: &RawMask, at: &Path, cx: &mut Checker<'_>) -> Option<Mask> {
    let options = match raw {
        RawMask::Hash => return Some(Mask::Hash),
        RawMask::Null => return Some(Mask::Null),
        RawMask::Options(options) => options,
    };
    // `method: null` is no value to YAML.
    let said_null = cx.tree.get(&at.key("method")).is_some_and(crate::document::Node::is_null);
    let method = options.method.or_else(|| said_null.then_some(RawMaskMethod::Null));
    let Some(method) = method else {
        cx.missing(&at.key("method"), "the mask has no `method`", "Add `method: hash`, `hmac`, `null` or `truncate`.");
        return None;
    };
    for (key, owner) in [("key_env", RawMaskMethod::Hmac), ("length", RawMaskMethod::Truncate)] {
        if cx.has(&at.key(key)) && method != owner {
            cx.meaningless(&at.key(key), format!("`{key}` has no meaning for this method"), "Remove it.");
        }
    }
    match method {
        RawMaskMethod::Hash => Some(Mask::Hash),
        RawMaskMethod::Null => Some(Mask::Null),
        RawMaskMethod::Hmac => {
            if options.key_env.is_none() {
                let help = "Add `key_env:` with the environment variable that holds the key.";
                cx.missing(&at.key("key_env"), "`method: hmac` needs `key_env`", help);
            }
            options.key_env.clone().map(|key_env| Mask::Hmac { key_env })
        }
        RawMaskMethod::Truncate => {
            if options.length.is_none() {
                let help = "Add `length:` with the number of characters that stay.";
                cx.missing(&at.key("length"), "`method: truncate` needs `length`", help);
            }
            options.length.map(|length| Mask::Truncate { length })
        }
    }
}
