use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// What becomes of the values of a column before they are written.
#[derive(Clone)]
pub(crate) enum RawMask {
    Hash,
    Null,
    Options(RawMaskOptions),
}

/// A mask with its options.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMaskOptions {
    /// `hash`, `hmac`, `null` or `truncate`. Required.
    pub(crate) method: Option<RawMaskMethod>,
    /// `hmac`: the environment variable that holds the key, of at least 16 bytes. Required there.
    pub(crate) key_env: Option<String>,
    /// `truncate`: characters of text, or bytes of binary, that stay. Required there.
    pub(crate) length: Option<u64>,
}

/// How a value is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawMaskMethod {
    /// SHA-256 of the value.
    Hash,
    /// HMAC-SHA-256 of the value, with a key.
    Hmac,
    /// NULL.
    Null,
    /// The beginning of the value.
    Truncate,
}

impl<'de> Deserialize<'de> for RawMask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MaskVisitor;

        impl<'de> Visitor<'de> for MaskVisitor {
            type Value = RawMask;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`hash`, `null` or a mapping with `method`")
            }

            fn visit_unit<E>(self) -> Result<RawMask, E> {
                Ok(RawMask::Null)
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<RawMask, E> {
                match word {
                    "hash" => Ok(RawMask::Hash),
                    "null" => Ok(RawMask::Null),
                    _ => Err(E::unknown_variant(word, &["hash", "null"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawMask, A::Error> {
                RawMaskOptions::deserialize(MapAccessDeserializer::new(map)).map(RawMask::Options)
            }
        }

        deserializer.deserialize_any(MaskVisitor)
    }
}

impl JsonSchema for RawMask {
    fn schema_name() -> Cow<'static, str> {
        "Mask".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let options = generator.subschema_for::<RawMaskOptions>();
        json_schema!({ "anyOf": [{ "enum": ["hash", "null", null] }, options] })
    }
}
