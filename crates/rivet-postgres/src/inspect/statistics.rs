use std::collections::BTreeMap;

use jiff::Timestamp;
use rivet_model::Relation;
use rivet_source::{ColumnStatistics, IndexFacts, RelationStatistics, ScanSpec, SourceError};

use super::catalog::{self, CatalogColumn, CatalogEntry, CatalogIndex, Serves};
use super::origin::{key_columns, origin};
use super::{PostgresInspector, bounds};

/// Asks the catalog about the relation of a scan; of a query, about the table that its key is taken from.
pub(super) async fn statistics(
    inspector: &mut PostgresInspector,
    spec: &ScanSpec,
) -> Result<RelationStatistics, SourceError> {
    let Some(origin) = origin(inspector, spec).await? else {
        let columns = key_columns(spec).map(|column| {
            (column.name.clone(), ColumnStatistics { nullable: column.nullable, ..ColumnStatistics::default() })
        });
        return Ok(RelationStatistics {
            kind: "query".to_owned(),
            columns: columns.collect(),
            ..RelationStatistics::default()
        });
    };
    let entry = catalog::read(inspector, spec, &origin).await?;
    let (lowest, highest) = bounds::ends(inspector, spec, &entry).await;
    let mut columns = BTreeMap::new();
    for (place, column) in key_columns(spec).enumerate() {
        let known = merged(entry.columns.iter().flatten().filter(|found| found.place == place));
        columns.insert(column.name.clone(), ColumnStatistics { nullable: column.nullable, ..known });
    }
    if let Some(found) = spec.key.first().and_then(|first| columns.get_mut(&first.name)) {
        (found.lowest, found.highest) = (lowest, highest);
    }
    // How many of a table's rows a query gives is not the catalog's to say.
    let stored = matches!(spec.relation, Relation::Table(_));
    Ok(RelationStatistics {
        kind: if stored { kind(&entry) } else { "query" }.to_owned(),
        estimated_rows: entry.rows.filter(|_| stored).map(whole),
        bytes: entry.bytes.filter(|_| stored).map(|bytes| bytes.max(0).unsigned_abs()),
        analyzed_at: entry.analyzed.and_then(|moment| Timestamp::from_microsecond(moment).ok()),
        changed_rows: entry.changed.map(|rows| rows.max(0).unsigned_abs()),
        indexes: entry.indexes.iter().flatten().map(|index| facts(index, spec)).collect(),
        columns,
    })
}

fn kind(entry: &CatalogEntry) -> &'static str {
    match entry.kind.as_str() {
        "p" => "partitioned table",
        "v" => "view",
        "m" => "materialized view",
        "f" => "foreign table",
        _ if entry.unlogged => "unlogged table",
        _ => "table",
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate beyond u64 becomes its end")]
fn whole(rows: f64) -> u64 {
    rows.round() as u64
}

/// An index under the names that columns have in the relation. One that has no part in the key keeps its own, unless
/// that is the name of a column of the key.
fn facts(index: &CatalogIndex, spec: &ScanSpec) -> IndexFacts {
    let taken = |name: &str| key_columns(spec).any(|column| column.name.as_str() == name);
    let columns = index.columns.iter().flatten().map(|column| {
        let of_key = column.place.and_then(|place| key_columns(spec).nth(place));
        match (of_key, &column.name) {
            (Some(of_key), _) => of_key.name.as_str().to_owned(),
            (None, Some(name)) if !taken(name) => name.clone(),
            (None, _) => String::new(),
        }
    });
    IndexFacts {
        name: index.name.clone(),
        columns: columns.collect(),
        unique: index.unique,
        partial: index.partial,
        usable: index.serves != Serves::Nothing,
    }
}

/// What is known of a column: of the table as a whole, or of all of its parts together.
fn merged<'a>(found: impl Iterator<Item = &'a CatalogColumn>) -> ColumnStatistics {
    let mut parts: Vec<_> = found.collect();
    if let Some(of_all) = parts.iter().copied().find(|part| part.whole) {
        parts = vec![of_all];
    }
    // Parts without rows have a say only where none has any.
    let weight = |part: &CatalogColumn| part.rows.max(f64::MIN_POSITIVE);
    let mean = |value: fn(&CatalogColumn) -> Option<f64>| {
        let known = || parts.iter().filter_map(|part| Some((value(part)?, weight(part))));
        let total: f64 = known().map(|(_, weight)| weight).sum();
        (total > 0.0).then(|| known().map(|(value, weight)| value * (weight / total)).sum())
    };
    ColumnStatistics {
        null_fraction: mean(|part| Some(part.null_fraction)),
        // Whether parts have values in common nobody has counted.
        distinct: if let [part] = parts.as_slice() { Some(part.distinct).filter(|count| *count != 0.0) } else { None },
        correlation: mean(|part| part.correlation),
        ..ColumnStatistics::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(whole: bool, rows: f64, null_fraction: f64, distinct: f64) -> CatalogColumn {
        CatalogColumn { place: 0, whole, rows, null_fraction, distinct, correlation: (rows > 0.0).then_some(1.0) }
    }

    #[test]
    fn parts_count_by_their_rows() {
        let check = |parts: &[CatalogColumn], nulls: Option<f64>, distinct: Option<f64>, correlation: Option<f64>| {
            let found = merged(parts.iter());
            assert_eq!((found.null_fraction, found.distinct, found.correlation), (nulls, distinct, correlation));
        };
        check(&[], None, None, None);
        check(&[part(false, 10.0, 0.5, -1.0)], Some(0.5), Some(-1.0), Some(1.0));
        check(&[part(false, 10.0, 0.5, 0.0)], Some(0.5), None, Some(1.0));
        check(&[part(false, 30.0, 0.0, -1.0), part(false, 10.0, 1.0, 5.0)], Some(0.25), None, Some(1.0));
        check(&[part(false, 30.0, 0.0, -1.0), part(true, 0.0, 0.125, 7.0)], Some(0.125), Some(7.0), None);
        check(&[part(false, 0.0, 0.5, -1.0)], Some(0.5), Some(-1.0), None);
    }
}
