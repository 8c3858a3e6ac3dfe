//! What the catalog says of a relation, and how old that is.
//!
//! `TABLE_ROWS` starts from a sample, may be off by up to half, and is counted on with every row that is written.
//! InnoDB takes that sample, and those of its indexes, when a table is analyzed, and by itself soon after a tenth of
//! the rows has changed; `mysql.innodb_table_stats` has its number of rows and its time. The difference of the two
//! numbers is what is known to have changed since. It is less than all that was changed: updates leave both as they
//! are, and so does a deletion beside an insertion. A sample of a table that was empty, which is what each
//! begins with, counts as none once there are rows. Where the role may not read that table of statistics, nobody knows
//! when they were gathered, and they are trusted; other engines count their rows and keep no time.

use std::collections::BTreeMap;

use rivet_model::Relation;
use rivet_source::{
    ColumnStatistics, IndexFacts, KeyColumn, RelationStatistics, ScanSpec, SourceError, SourceErrorKind,
};

use super::bounds;
use super::catalog::{self, CatalogIndex};
use super::origin::{Origin, key_columns, origin};
use super::stored::{self, Gathered, Histogram};
use crate::describe::catalog::{CatalogTable, find};
use crate::server::Server;
use crate::session::Session;

/// Engines that read what another server stores.
const FOREIGN: [&str; 4] = ["FEDERATED", "CONNECT", "SPIDER", "S3"];

/// What is known of the table behind a relation.
#[derive(Debug)]
struct Known {
    origin: Origin,
    table: CatalogTable,
    indexes: Vec<CatalogIndex>,
    gathered: Option<Gathered>,
    histograms: Vec<Histogram>,
}

/// Asks the catalog about the relation of a scan; of a query, about the table that its key is taken from.
pub(super) async fn statistics(
    session: &mut Session,
    server: &Server,
    spec: &ScanSpec,
) -> Result<RelationStatistics, SourceError> {
    let found = match origin(session, spec).await? {
        Some(origin) => find(session, &origin.table).await?.map(|table| (origin, table)),
        None => None,
    };
    match found {
        Some((origin, table)) if table.is_base => of_table(session, server, spec, origin, table).await,
        Some(_) if matches!(spec.relation, Relation::Table(_)) => Ok(unknown(spec, "view")),
        None if matches!(spec.relation, Relation::Table(_)) => Err(missing(spec)),
        _ => Ok(unknown(spec, "query")),
    }
}

fn missing(spec: &ScanSpec) -> SourceError {
    let message = format!("the {} does not exist, or the role may not see it", spec.relation);
    SourceError::new(SourceErrorKind::NotFound, message)
        .with_help("Check the name, and grant the user of `source` SELECT on it.")
}

/// What is known of a relation that the catalog has no statistics of.
fn unknown(spec: &ScanSpec, kind: &str) -> RelationStatistics {
    let columns = key_columns(spec).map(|column| {
        (column.name.clone(), ColumnStatistics { nullable: column.nullable, ..ColumnStatistics::default() })
    });
    RelationStatistics { kind: kind.to_owned(), columns: columns.collect(), ..RelationStatistics::default() }
}

async fn of_table(
    session: &mut Session,
    server: &Server,
    spec: &ScanSpec,
    origin: Origin,
    table: CatalogTable,
) -> Result<RelationStatistics, SourceError> {
    let indexes = catalog::indexes(session, server, &table).await?;
    // Where these fail less is known, and the record says why.
    let gathered = if table.is_innodb() { stored::gathered(session, &table).await.unwrap_or_default() } else { None };
    let mut known = Known { origin, table, indexes, gathered, histograms: Vec::new() };
    let wanted = known.unexplored(spec);
    if !wanted.is_empty() {
        let found = stored::histograms(session, server, &known.table, &wanted).await;
        known.histograms = found.unwrap_or_default();
    }
    let ends = bounds::ends(session, spec, &known.origin, &known.table, &known.indexes).await;
    let mut answer = known.answer(spec);
    if let (Some(first), Some((lowest, highest))) = (spec.key.first(), ends)
        && let Some(column) = answer.columns.get_mut(&first.name)
    {
        (column.lowest, column.highest) = (lowest, highest);
    }
    Ok(answer)
}

impl Known {
    /// The name in the table of a column of the key.
    fn name(&self, place: usize) -> Option<&str> {
        self.origin.columns.get(place)?.as_deref()
    }

    /// The index that begins with a column of the key.
    fn index(&self, place: usize) -> Option<&CatalogIndex> {
        let name = self.name(place)?;
        self.indexes.iter().find(|index| index.usable && index.first() == Some(name))
    }

    /// Columns of the key of which a histogram may tell what no index does.
    fn unexplored(&self, spec: &ScanSpec) -> Vec<&str> {
        let columns = key_columns(spec).enumerate();
        let open = columns.filter(|(place, column)| column.nullable || (*place == 0 && self.index(0).is_none()));
        open.filter_map(|(place, _)| self.name(place)).collect()
    }

    fn answer(&self, spec: &ScanSpec) -> RelationStatistics {
        // How many of a table's rows a query gives is not the catalog's to say.
        let is_table = matches!(spec.relation, Relation::Table(_));
        let rows = self.table.rows;
        // What was gathered of a table that was empty says nothing of the rows that came since.
        let told = self.gathered.filter(|gathered| gathered.rows > 0 || rows == Some(0));
        let changed = self.gathered.and_then(|gathered| Some(rows?.abs_diff(gathered.rows)));
        let columns: BTreeMap<_, _> = key_columns(spec)
            .enumerate()
            .map(|(place, column)| (column.name.clone(), self.column(place, column)))
            .collect();
        RelationStatistics {
            kind: if is_table { self.kind() } else { "query" }.to_owned(),
            estimated_rows: rows.filter(|_| is_table),
            bytes: self.table.bytes.filter(|_| is_table),
            analyzed_at: told.map(|gathered| gathered.at),
            changed_rows: changed,
            indexes: self.indexes.iter().map(|index| self.facts(index, spec)).collect(),
            columns,
        }
    }

    fn kind(&self) -> &'static str {
        if FOREIGN.iter().any(|engine| self.table.engine.eq_ignore_ascii_case(engine)) {
            "foreign table"
        } else if self.table.partitioned {
            "partitioned table"
        } else {
            "table"
        }
    }

    fn column(&self, place: usize, column: &KeyColumn) -> ColumnStatistics {
        let name = self.name(place);
        let histogram = name.and_then(|name| self.histograms.iter().find(|found| found.column == name));
        let index = self.index(place);
        let end = |text: Option<&String>| text.and_then(|text| column.kind.parse(text).ok());
        // Partitions have orders of their own.
        let is_stored_by =
            index.is_some_and(CatalogIndex::is_primary) && self.table.is_innodb() && !self.table.partitioned;
        let distinct = match index {
            Some(index) if index.unique && index.columns.len() == 1 && !column.nullable => Some(-1.0),
            Some(index) => index.distinct.and_then(|count| u32::try_from(count).ok()).map(f64::from),
            None => histogram.and_then(|histogram| histogram.distinct),
        };
        ColumnStatistics {
            nullable: column.nullable,
            null_fraction: histogram.and_then(|histogram| histogram.null_fraction),
            distinct,
            correlation: is_stored_by.then_some(1.0),
            lowest: end(histogram.and_then(|histogram| histogram.lowest.as_ref()).filter(|_| place == 0)),
            highest: end(histogram.and_then(|histogram| histogram.highest.as_ref()).filter(|_| place == 0)),
        }
    }

    /// An index under the names that columns have in the relation. One that has no part in the key keeps its own,
    /// unless that is the name of a column of the key.
    fn facts(&self, index: &CatalogIndex, spec: &ScanSpec) -> IndexFacts {
        let taken = |name: &str| key_columns(spec).any(|column| column.name.as_str() == name);
        let columns = index.columns.iter().map(|column| {
            let Some(column) = column.as_deref() else { return String::new() };
            let place = self.origin.columns.iter().position(|name| name.as_deref() == Some(column));
            match place.and_then(|place| key_columns(spec).nth(place)) {
                Some(of_key) => of_key.name.as_str().to_owned(),
                None if taken(column) => String::new(),
                None => column.to_owned(),
            }
        });
        IndexFacts {
            name: index.name.clone(),
            columns: columns.collect(),
            unique: index.unique,
            // Neither server has such a thing.
            partial: false,
            usable: index.usable,
        }
    }
}
