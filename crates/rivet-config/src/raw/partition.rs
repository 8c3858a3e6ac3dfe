use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// The levels of folders: one, or a list of them.
#[derive(Clone, Default)]
pub(crate) struct RawPartitions(pub(crate) Vec<RawPartition>);

/// One level of folders.
#[derive(Clone)]
pub(crate) enum RawPartition {
    /// By the values of a column.
    Column(String),
    Options(RawPartitionOptions),
}

/// A level of folders with its options.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPartitionOptions {
    /// The column. Required.
    pub(crate) column: Option<String>,
    /// What of a date or timestamp names the folder: `2026`, `2026-01`, `2026-01-31` or `2026-01-31-23`, in UTC where
    /// the column has a zone. Default: the whole value.
    pub(crate) part: Option<RawDatePart>,
    /// What stands before the `=`. Default: the column's name, with `part` behind it where there is one:
    /// `created_at_day`.
    #[serde(rename = "as")]
    pub(crate) key: Option<String>,
}

/// A part of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawDatePart {
    /// `2026`
    Year,
    /// `2026-01`
    Month,
    /// `2026-01-31`
    Day,
    /// `2026-01-31-23`
    Hour,
}

struct LevelVisitor;

impl<'de> Visitor<'de> for LevelVisitor {
    type Value = RawPartition;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's name or a mapping with `column`")
    }

    fn visit_str<E>(self, name: &str) -> Result<RawPartition, E> {
        Ok(RawPartition::Column(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawPartition, A::Error> {
        RawPartitionOptions::deserialize(MapAccessDeserializer::new(map)).map(RawPartition::Options)
    }
}

impl<'de> Deserialize<'de> for RawPartition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LevelVisitor)
    }
}

impl<'de> Deserialize<'de> for RawPartitions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LevelsVisitor;

        impl<'de> Visitor<'de> for LevelsVisitor {
            type Value = RawPartitions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column's name, a mapping with `column`, or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<RawPartitions, E> {
                LevelVisitor.visit_str(name).map(|level| RawPartitions(vec![level]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawPartitions, A::Error> {
                LevelVisitor.visit_map(map).map(|level| RawPartitions(vec![level]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawPartitions, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(RawPartitions)
            }
        }

        deserializer.deserialize_any(LevelsVisitor)
    }
}

impl JsonSchema for RawPartition {
    fn schema_name() -> Cow<'static, str> {
        "Partition".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let options = generator.subschema_for::<RawPartitionOptions>();
        json_schema!({ "anyOf": [{ "type": "string" }, options] })
    }
}

impl JsonSchema for RawPartitions {
    fn schema_name() -> Cow<'static, str> {
        "Partitions".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let level = generator.subschema_for::<RawPartition>();
        let options = generator.subschema_for::<RawPartitionOptions>();
        // One mapping alone is described as those of a list are, and once is enough for the reference.
        let single = json_schema!({ "type": "object", "allOf": [options] });
        json_schema!({ "anyOf": [{ "type": "string" }, single, { "type": "array", "items": level }] })
    }
}
