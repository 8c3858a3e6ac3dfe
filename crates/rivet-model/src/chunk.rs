use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ColumnName, Scalar, TableRef};

/// The position of a chunk in its run, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChunkId(pub u32);

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One end of a range of keys: as many values as the key has columns, or fewer, which are compared with the key's
/// first columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyBound {
    /// The values, in the order of the key's columns.
    pub values: Vec<Scalar>,
    /// Whether rows with these very values are in the range.
    pub inclusive: bool,
}

impl KeyBound {
    /// Makes an end that is in the range.
    pub fn including(values: Vec<Scalar>) -> Self {
        Self { values, inclusive: true }
    }

    /// Makes an end that is not in the range.
    pub fn excluding(values: Vec<Scalar>) -> Self {
        Self { values, inclusive: false }
    }
}

/// Which rows of a relation are read.
///
/// A key is one or several columns that are compared together, as a tuple. [`RowRange::Key`] ranges that meet, with
/// one [`RowRange::NullKey`] beside them, hold every row exactly once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rows", rename_all = "snake_case")]
pub enum RowRange {
    /// All rows.
    #[default]
    All,
    /// Rows without a NULL in their key, between two ends.
    Key {
        /// The lower end; none for no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lower: Option<KeyBound>,
        /// The upper end; none for no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        upper: Option<KeyBound>,
    },
    /// Rows with a NULL in their key.
    NullKey,
    /// Rows that are stored in these pages. They stay where they are within one read view only.
    Pages {
        /// The partition that the pages belong to; none for the relation itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        partition: Option<TableRef>,
        /// The first page.
        from: u64,
        /// The page after the last one; none for all that follow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
    },
}

/// A bounded range of rows that is read by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Which.
    pub id: ChunkId,
    /// Its rows.
    #[serde(flatten)]
    pub range: RowRange,
    /// Rows that are expected in it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_rows: Option<u64>,
}

/// How much of the source the scans of one run see in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadView {
    /// All scans see the source at one moment.
    Shared,
    /// Each scan sees it at a moment of its own: nothing is held open between them.
    PerScan,
}

/// A place in the order of an export's cursor: the cursor's value and those of its tie-break columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorPosition {
    /// The columns: the cursor, the column that stands in for it if there is one, and the tie-break.
    pub columns: Vec<ColumnName>,
    /// A value for the cursor and one for each column of the tie-break.
    pub values: Vec<Scalar>,
}

impl fmt::Display for CursorPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, value) in self.values.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            value.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_flat_json_and_reads_back() {
        let check = |range: RowRange, json: &str| {
            let chunk = Chunk { id: ChunkId(3), range, estimated_rows: None };
            assert_eq!(serde_json::to_string(&chunk).unwrap(), json);
            assert_eq!(serde_json::from_str::<Chunk>(json).unwrap(), chunk);
        };
        check(RowRange::All, r#"{"id":3,"rows":"all"}"#);
        check(RowRange::NullKey, r#"{"id":3,"rows":"null_key"}"#);
        check(RowRange::Pages { partition: None, from: 0, to: Some(9) }, r#"{"id":3,"rows":"pages","from":0,"to":9}"#);
        check(
            RowRange::Key { lower: None, upper: Some(KeyBound::excluding(vec![Scalar::Int(7)])) },
            r#"{"id":3,"rows":"key","upper":{"values":[{"type":"int","value":7}],"inclusive":false}}"#,
        );
    }
}
