use rivet_model::{KeyBound, RowRange};

use super::range::{Keys, PAGE_ROWS, page_rows};
use super::table::Table;
use super::value::Value;
use crate::{Piece, ScanSpec, SourceError, SourceErrorKind, Split, SplitBy, SplitRequest};

/// Answers [`Source::split`](crate::Source::split).
pub(super) fn split(table: &Table, spec: &ScanSpec, request: &SplitRequest) -> Result<Split, SourceError> {
    match &request.within {
        RowRange::Pages { from, to, .. } => pages(table, spec, request.by, *from, *to),
        RowRange::All if spec.key.is_empty() => pages(table, spec, request.by, 0, None),
        within @ RowRange::NullKey => {
            let null_rows = Keys::new(table, spec)?.null_rows();
            Ok(Split { pieces: vec![piece(within.clone(), null_rows)], ..Split::default() })
        }
        within @ (RowRange::All | RowRange::Key { .. }) => keys(table, spec, request.by, within),
    }
}

fn piece(range: RowRange, rows: u64) -> Piece {
    Piece { range, estimated_rows: Some(rows) }
}

/// Returns how many pieces so many rows should make.
fn count(table: &Table, spec: &ScanSpec, by: SplitBy, rows: usize) -> Result<usize, SourceError> {
    let of_rows = |each: u64| rows.div_ceil(usize::try_from(each).unwrap_or(usize::MAX).max(1));
    let pieces = match by {
        SplitBy::Rows { rows, .. } => of_rows(rows),
        SplitBy::Count(count) => usize::try_from(count).unwrap_or(usize::MAX).min(rows),
        SplitBy::Bytes(bytes) => {
            let columns = spec.columns.iter().map(|column| table.rows.column(column.position));
            let width =
                columns.map(|column| column.get_array_memory_size()).sum::<usize>() / table.rows.num_rows().max(1);
            of_rows(bytes / (width.max(1) as u64))
        }
        SplitBy::Days(_) => {
            return Err(SourceError::new(SourceErrorKind::Config, "the key does not begin with days or moments")
                .with_help("Split by days over a column that holds days or moments."));
        }
    };
    Ok(pieces.max(1))
}

fn pages(table: &Table, spec: &ScanSpec, by: SplitBy, from: u64, to: Option<u64>) -> Result<Split, SourceError> {
    let (first, last) = page_rows(table, from, to);
    let held = (last - first).div_ceil(PAGE_ROWS);
    let pieces = count(table, spec, by, last - first)?.min(held.max(1));
    let mut cuts: Vec<u64> = (1..pieces).map(|at| from + (at * held / pieces) as u64).collect();
    cuts.dedup();
    let lower = std::iter::once(from).chain(cuts.iter().copied());
    let upper = cuts.iter().copied().map(Some).chain([to]);
    let pieces = lower.zip(upper).map(|(from, to)| {
        let (first, last) = page_rows(table, from, to);
        piece(RowRange::Pages { partition: None, from, to }, (last - first) as u64)
    });
    Ok(Split { pieces: pieces.collect(), needs_shared_view: true, ..Split::default() })
}

fn keys(table: &Table, spec: &ScanSpec, by: SplitBy, within: &RowRange) -> Result<Split, SourceError> {
    if table.rows.num_rows() == 0 {
        return Ok(Split { pieces: vec![piece(within.clone(), 0)], ..Split::default() });
    }
    let keys = Keys::new(table, spec)?;
    let sorted = keys.sorted(within)?;
    let cuts = match by {
        SplitBy::Days(days) if keys.first_type().is_temporal() => by_days(&keys, &sorted, days),
        by => by_rows(&sorted, count(table, spec, by, sorted.len())?),
    };
    let nulls = *within == RowRange::All && may_be_null(spec);
    if cuts.is_empty() && !nulls {
        return Ok(Split { pieces: vec![piece(within.clone(), sorted.len() as u64)], ..Split::default() });
    }
    let mut pieces = between(&keys, &sorted, &cuts, within)?;
    if nulls {
        pieces.push(piece(RowRange::NullKey, keys.null_rows()));
    }
    Ok(Split { pieces, ..Split::default() })
}

/// Returns whether there may be rows with a NULL in their key.
fn may_be_null(spec: &ScanSpec) -> bool {
    let mut columns = spec.key.iter();
    let first = columns.next().is_some_and(|column| column.nullable);
    let first = first && spec.fallback.as_ref().is_none_or(|fallback| fallback.nullable);
    first || columns.any(|column| column.nullable)
}

/// Returns the keys that pieces of the same number of rows begin with. Rows with the same key stay together.
fn by_rows(sorted: &[&[Value]], pieces: usize) -> Vec<Vec<Value>> {
    let mut cuts: Vec<_> = (1..pieces).map(|at| sorted[at * sorted.len() / pieces].to_vec()).collect();
    cuts.dedup();
    cuts.retain(|cut| sorted.first().is_some_and(|first| *first < cut.as_slice()));
    cuts
}

/// Returns the first moments of the days that pieces begin with.
fn by_days(keys: &Keys, sorted: &[&[Value]], days: u32) -> Vec<Vec<Value>> {
    let value_type = keys.first_type();
    let day = |key: Option<&&[Value]>| key.and_then(|key| value_type.day(&key[0]));
    let (Some(first), Some(last)) = (day(sorted.first()), day(sorted.last())) else { return Vec::new() };
    let step = usize::try_from(days).unwrap_or(usize::MAX).max(1);
    (first..=last).step_by(step).skip(1).map(|day| vec![value_type.start_of_day(day)]).collect()
}

/// Makes the pieces between cuts, from the lower end of `within` to its upper one.
fn between(
    keys: &Keys,
    sorted: &[&[Value]],
    cuts: &[Vec<Value>],
    within: &RowRange,
) -> Result<Vec<Piece>, SourceError> {
    let (first, last) = match within {
        RowRange::Key { lower, upper } => (lower.clone(), upper.clone()),
        RowRange::All | RowRange::NullKey | RowRange::Pages { .. } => (None, None),
    };
    let mut pieces = Vec::with_capacity(cuts.len() + 1);
    let (mut lower, mut begin) = (first, 0);
    for cut in cuts {
        let end = sorted.partition_point(|key| &key[..cut.len()] < cut.as_slice());
        let values = keys.scalars(cut)?;
        let upper = Some(KeyBound::excluding(values.clone()));
        pieces.push(piece(RowRange::Key { lower, upper }, (end - begin) as u64));
        (lower, begin) = (Some(KeyBound::including(values)), end);
    }
    pieces.push(piece(RowRange::Key { lower, upper: last }, (sorted.len() - begin) as u64));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;
    use rivet_model::{ColumnName, Relation};

    use super::*;
    use crate::memory::describe::description;
    use crate::memory::range;
    use crate::{DescribeRequest, KeyRequest, Tiebreak};

    /// Describes a table with a key of these columns.
    fn spec(table: &Table, key: Option<(&[&str], Option<&str>)>) -> ScanSpec {
        let name = |name: &&str| -> ColumnName { name.parse().unwrap() };
        let key = key.map(|(columns, fallback)| KeyRequest {
            columns: columns.iter().map(name).collect(),
            fallback: fallback.as_ref().map(name),
            tiebreak: Tiebreak::None,
        });
        let request = DescribeRequest {
            relation: Relation::Table("t".parse().unwrap()),
            columns: <_>::default(),
            numeric_default: <_>::default(),
            on_unrepresentable: None,
            key,
        };
        description(table, &request).unwrap().spec
    }

    /// Rows `n`, `a`, `b` and `c`, of which `n` counts them.
    fn table(rows: &[(Option<i64>, Option<i32>, Option<String>)]) -> Table {
        let count = i64::try_from(rows.len()).unwrap();
        let numbers: Int64Array = (0..count).collect();
        let a: Int64Array = rows.iter().map(|row| row.0).collect();
        let b: Int32Array = rows.iter().map(|row| row.1).collect();
        let c: StringArray = rows.iter().map(|row| row.2.clone()).collect();
        let columns =
            [("n", Arc::new(numbers) as _), ("a", Arc::new(a) as _), ("b", Arc::new(b) as _), ("c", Arc::new(c) as _)];
        let columns = columns.map(|(name, array)| (name, array, name != "n"));
        Table::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap())
    }

    fn read(table: &Table, spec: &ScanSpec, range: RowRange) -> Vec<i64> {
        use arrow::array::AsArray as _;
        let rows = range::rows(table, &spec.with_range(range)).unwrap();
        rows.column(0).as_primitive::<Int64Type>().values().to_vec()
    }

    fn sizes() -> impl Strategy<Value = SplitBy> {
        prop_oneof![
            (1..80_u64, any::<bool>()).prop_map(|(rows, exact)| SplitBy::Rows { rows, exact }),
            (1..80_u32).prop_map(SplitBy::Count),
            (1..4_000_u64).prop_map(SplitBy::Bytes),
        ]
    }

    fn row() -> impl Strategy<Value = (Option<i64>, Option<i32>, Option<String>)> {
        let a = prop_oneof![-3..3_i64, any::<i64>()];
        (proptest::option::of(a), proptest::option::of(-2..2_i32), proptest::option::of("[ab]{0,2}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        /// Pieces hold every row once, and the pieces of each piece hold its rows once; what each says of its rows is so.
        #[test]
        fn pieces_tile(rows in proptest::collection::vec(row(), 0..300), by in sizes(), again in sizes()) {
            let table = table(&rows);
            let all: Vec<i64> = (0..i64::try_from(rows.len()).unwrap()).collect();
            let keys: [Option<(&[&str], Option<&str>)>; 8] = [
                None,
                Some((&["n"], None)),
                Some((&["a"], None)),
                Some((&["b", "a"], None)),
                Some((&["c", "b", "n"], None)),
                Some((&["a"], Some("b"))),
                Some((&["a", "n"], Some("n"))),
                Some((&["a", "b"], Some("n"))),
            ];
            for key in keys {
                let spec = spec(&table, key);
                let whole = split(&table, &spec, &SplitRequest { by, within: RowRange::All }).unwrap();
                let mut found = Vec::new();
                for piece in whole.pieces {
                    let rows = read(&table, &spec, piece.range.clone());
                    prop_assert_eq!(piece.estimated_rows, Some(rows.len() as u64), "{:?}", piece.range);
                    let request = SplitRequest { by: again, within: piece.range };
                    let parts = split(&table, &spec, &request).unwrap().pieces;
                    let mut of_parts: Vec<_> =
                        parts.into_iter().flat_map(|part| read(&table, &spec, part.range)).collect();
                    of_parts.sort_unstable();
                    prop_assert_eq!(&of_parts, &rows);
                    found.extend(rows);
                }
                found.sort_unstable();
                prop_assert_eq!(&found, &all, "{:?}", key);
            }
        }

        /// Where every key is another one, no piece is much larger than the next.
        #[test]
        fn pieces_of_a_unique_key_are_alike(count in 1..500_usize, pieces in 1..60_u32) {
            let table = table(&vec![(None, None, None); count]);
            let request = SplitRequest { by: SplitBy::Count(pieces), within: RowRange::All };
            let split = split(&table, &spec(&table, Some((&["n"], None))), &request).unwrap();
            let rows: Vec<_> = split.pieces.iter().filter_map(|piece| piece.estimated_rows).collect();
            prop_assert_eq!(rows.len(), count.min(pieces.try_into().unwrap()));
            prop_assert!(rows.iter().max().unwrap() - rows.iter().min().unwrap() <= 1, "{rows:?}");
        }
    }

    #[test]
    fn days_are_whole() {
        const DAY: i64 = 86_400_000_000;
        let at =
            TimestampMicrosecondArray::from(vec![Some(-1), Some(0), Some(DAY - 1), None, Some(DAY), Some(5 * DAY)]);
        let table = Table::new(RecordBatch::try_from_iter([("at", Arc::new(at) as _)]).unwrap());
        let request = SplitRequest { by: SplitBy::Days(2), within: RowRange::All };
        let spec = spec(&table, Some((&["at"], None)));
        let pieces = split(&table, &spec, &request).unwrap().pieces;
        let text = |bound: &Option<KeyBound>| bound.as_ref().map_or(String::new(), |bound| bound.values[0].to_string());
        let lines: Vec<_> = pieces
            .iter()
            .map(|piece| match &piece.range {
                RowRange::Key { lower, upper } => {
                    format!("[{}, {}): {}", text(lower), text(upper), piece.estimated_rows.unwrap())
                }
                other => format!("{other:?}: {}", piece.estimated_rows.unwrap()),
            })
            .collect();
        assert_eq!(
            lines,
            [
                "[, 1970-01-02 00:00:00): 3",
                "[1970-01-02 00:00:00, 1970-01-04 00:00:00): 1",
                "[1970-01-04 00:00:00, 1970-01-06 00:00:00): 0",
                "[1970-01-06 00:00:00, ): 1",
                "NullKey: 1",
            ]
        );
    }

    #[test]
    fn days_need_a_key_that_holds_some() {
        let table = table(&[(Some(1), None, None)]);
        for key in [None, Some((&["a"][..], None))] {
            let request = SplitRequest { by: SplitBy::Days(1), within: RowRange::All };
            let error = split(&table, &spec(&table, key), &request).unwrap_err();
            assert_eq!(error.kind(), SourceErrorKind::Config);
        }
    }
}
