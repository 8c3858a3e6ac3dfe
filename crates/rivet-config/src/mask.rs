use std::collections::BTreeMap;

use rivet_model::ColumnName;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::document::Path;
use crate::raw::{RawMask, RawMaskMethod, RawMaskOptions};

/// What becomes of the values of a column before they are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase", try_from = "RawMaskOptions")]
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

/// An option that is not known is refused: without it, values could be written that should be hidden.
impl TryFrom<RawMaskOptions> for Mask {
    type Error = &'static str;

    fn try_from(options: RawMaskOptions) -> Result<Self, &'static str> {
        match (options.method, options.key_env, options.length) {
            (Some(RawMaskMethod::Hash), None, None) => Ok(Self::Hash),
            (Some(RawMaskMethod::Null), None, None) => Ok(Self::Null),
            (Some(RawMaskMethod::Hmac), Some(key_env), None) => Ok(Self::Hmac { key_env }),
            (Some(RawMaskMethod::Truncate), None, Some(length)) => Ok(Self::Truncate { length }),
            _ => Err("the options of a mask do not fit its method"),
        }
    }
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
            let key_env = cx.variable_name(&at.key("key_env"), options.key_env.as_deref()?)?;
            Some(Mask::Hmac { key_env })
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
