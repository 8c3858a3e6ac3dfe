//! What a relation's columns are and how they are read, found without reading a row.

pub(crate) mod catalog;
mod column;
mod key;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rivet_model::{ColumnName, Relation, RowRange, TableRef};
use rivet_source::{
    ColumnRequest, ColumnSpec, DescribeRequest, Description, KeyColumn, ScanLimits, ScanSpec, SourceError,
    SourceErrorKind, SourceType, StatementSpan,
};

use self::catalog::{CatalogColumn, CatalogTable, Index};
use self::column::plan;
use self::key::{Key, Known};
use crate::dialect;
use crate::estimate::estimate;
use crate::kind;
use crate::server::Server;
use crate::session::Session;
use crate::types::{Class, class};
use crate::wire::{Origin, ResultColumn};

/// Describing asks catalogs alone: a server that is slow at that should say so soon.
const LIMITS: ScanLimits = ScanLimits {
    statement_timeout: std::time::Duration::from_secs(30),
    lock_timeout: std::time::Duration::from_secs(5),
    statement_budget: std::time::Duration::ZERO,
    batch_rows: 0,
    batch_bytes: 0,
    max_value_bytes: 0,
};

/// What was found of a relation.
#[derive(Debug)]
struct Found {
    columns: Vec<ResultColumn>,
    /// The table, where the relation is one or a view.
    table: Option<CatalogTable>,
    notes: Vec<String>,
}

/// Describes a relation.
pub(crate) async fn describe(
    session: &mut Session,
    server: &Server,
    request: &DescribeRequest,
) -> Result<Description, SourceError> {
    let relation = checked(&request.relation)?;
    session.query(&dialect::patience(server.family, &LIMITS)).await?;
    session.record();
    let found = match &relation {
        Relation::Table(table) => of_table(session, server, &relation, table, &request.columns.select).await?,
        Relation::Query(query) => of_query(session, server, &relation, query).await?,
    };
    let chosen = choose(&relation, &found.columns, &request.columns)?;
    let is_table = found.table.as_ref().is_some_and(|table| table.is_base);
    let indexes = indexes(session, &found, request).await?;
    let known = Known { relation: &relation, result: &found.columns, is_table, indexes: &indexes };
    let key = request.key.as_ref().map_or_else(|| Ok(Key::default()), |key| known.resolve(key))?;
    let columns = plan_all(&found.columns, chosen, request)?;
    let spec = ScanSpec {
        relation_width: found.columns.len(),
        key_columns: if is_table { key_columns(&found.columns, &indexes) } else { Vec::new() },
        relation,
        columns,
        on_unrepresentable: request.on_unrepresentable,
        key: key.columns,
        fallback: key.fallback,
        range: RowRange::All,
    };
    let estimated_rows = match found.table {
        Some(CatalogTable { rows: Some(rows), is_base: true, .. }) => Some(rows),
        // A statement that can't be explained says why when it runs.
        _ => estimate(session, &dialect::select(&spec)?, &spec.relation).await.unwrap_or_default(),
    };
    let probes = session.take_probes();
    Ok(Description { spec, key: key.facts, estimated_rows, notes: found.notes, probes })
}

/// Takes white space and semicolon off a query, after making sure that it is one.
fn checked(relation: &Relation) -> Result<Relation, SourceError> {
    let Relation::Query(query) = relation else { return Ok(relation.clone()) };
    match dialect::checked(query) {
        Ok(statement) => Ok(Relation::Query(statement.to_owned())),
        Err(error) => Err(SourceError::new(SourceErrorKind::Statement, error.to_string())
            .with_help(
                "Give one SELECT, VALUES, TABLE or WITH statement in `query`, and double a quote inside of a text.",
            )
            .with_span(StatementSpan { statement: query.clone(), offset: error.offset() })),
    }
}

/// Finds the columns of a table or view, those that it does not show by itself among them.
async fn of_table(
    session: &mut Session,
    server: &Server,
    relation: &Relation,
    name: &TableRef,
    select: &[ColumnName],
) -> Result<Found, SourceError> {
    let table = catalog::find(session, name).await?;
    let mut listed = Vec::new();
    if let Some(table) = &table {
        let tables = [(table.database.clone(), table.name.clone())].into();
        listed = catalog::columns(session, server, &tables).await?;
    }
    let names: Vec<_> = listed.iter().map(|(origin, _)| origin.column.clone()).collect();
    // The catalog lists no column that the user may not read. Whoever asks for one of them, or for all that there are,
    // is told so by the server, which shows those that are not invisible.
    let is_listed = |name: &ColumnName| names.iter().any(|listed| listed == name.as_str());
    let asked = if !select.is_empty() && select.iter().all(is_listed) { names.as_slice() } else { &[] };
    let described = session.describe("the types of the columns", &dialect::columns(relation, asked), relation).await;
    let mut columns = match described {
        // What is there and can't be read, a broken view, is nothing to look for under another name.
        Err(error) if error.kind() == SourceErrorKind::NotFound && table.is_none() => {
            return Err(suggest(session, name, error).await);
        }
        described => described?,
    };
    if !names.is_empty() && !columns.iter().map(|column| &column.name).eq(&names) {
        columns = session.describe("the types of all columns", &dialect::columns(relation, &names), relation).await?;
    }
    let mut notes = Vec::new();
    for (column, (origin, facts)) in columns.iter_mut().zip(&listed) {
        // A view's column counts as its own.
        column.origin = Some(origin.clone());
        refine(&mut column.source_type, facts);
        if facts.invisible {
            let name = &column.name;
            notes.push(format!(
                "column `{name}` is invisible to `SELECT *` and is read all the same; `exclude` leaves it out"
            ));
        }
    }
    let without_views = table.as_ref().filter(|table| table.is_base && !table.is_innodb());
    notes.extend(without_views.map(|table| {
        let engine = &table.engine;
        format!("the {relation} is stored by {engine}, which has no read views: rows that change meanwhile may be read as they were or as they are")
    }));
    Ok(Found { columns, table, notes })
}

/// Finds the columns of a query.
async fn of_query(
    session: &mut Session,
    server: &Server,
    relation: &Relation,
    query: &str,
) -> Result<Found, SourceError> {
    // Inside of another statement nothing but a query can stand: what changes something is refused here.
    let mut columns = session.describe("the types of the columns", &dialect::columns(relation, &[]), relation).await?;
    // By itself it says more of where its columns come from.
    let bare = session.describe("where the columns come from", &dialect::bare(query), relation).await?;
    for (column, by_itself) in columns.iter_mut().zip(bare) {
        column.not_null &= by_itself.not_null;
        column.origin = by_itself.origin;
    }
    let origins = columns.iter().filter_map(|column| column.origin.as_ref());
    let tables: BTreeSet<_> = origins.map(|origin| (origin.database.clone(), origin.table.clone())).collect();
    let listed: BTreeMap<_, _> = catalog::columns(session, server, &tables).await?.into_iter().collect();
    for column in &mut columns {
        if let Some(facts) = column.origin.as_ref().and_then(|origin| listed.get(origin)) {
            refine(&mut column.source_type, facts);
        }
    }
    Ok(Found { columns, table: None, notes: Vec::new() })
}

/// Adds what the catalog knows of a column's type and the protocol does not tell.
fn refine(source: &mut SourceType, facts: &CatalogColumn) {
    let dimension = || facts.declared.strip_prefix("vector(")?.strip_suffix(')')?.parse::<i32>().ok();
    match facts.base.as_str() {
        "uuid" => source.id = kind::UUID,
        "inet4" | "inet6" => source.id = kind::INET,
        "vector" => {
            source.id = kind::VECTOR;
            source.modifier = dimension().unwrap_or(source.modifier);
        }
        _ if facts.json && class(source) == Class::Text => source.id = kind::JSON,
        _ => {}
    }
    if class(source) == Class::Geometry {
        source.modifier = facts.srid.unwrap_or(-1);
    }
    source.name = if facts.json { "json".to_owned() } else { facts.declared.clone() };
    source.base = if facts.json { "json".to_owned() } else { facts.base.clone() };
}

/// Adds the names that a missing table's name may have meant.
async fn suggest(session: &mut Session, table: &TableRef, error: SourceError) -> SourceError {
    let names = catalog::similar(session, table).await.unwrap_or_default();
    if names.is_empty() {
        let help = "Check the spelling, and give the database as in `table: sales.orders` where it is another one.";
        return error.with_help(help);
    }
    error.with_help(format!("Did you mean {}?", names.join(" or ")))
}

/// Columns that an error lists, at most.
const LISTED: usize = 20;

/// Says which columns there are: those whose names differ in case alone from missing ones, or the first of all.
fn known_columns(missing: &BTreeSet<&str>, result: &[ResultColumn]) -> String {
    let names = || result.iter().map(|column| column.name.as_str());
    let same = |name: &&str| missing.iter().any(|other| other.to_lowercase() == name.to_lowercase());
    let similar: Vec<_> = names().filter(same).take(LISTED).collect();
    if !similar.is_empty() {
        return format!("Did you mean {}? Upper and lower case are told apart.", quoted(similar.into_iter()));
    }
    let listed = quoted(names().take(LISTED));
    match result.len().saturating_sub(LISTED) {
        0 => format!("Its columns are {listed}."),
        more => format!("Its columns are {listed} and {more} more."),
    }
}

fn missing_columns(relation: &Relation, missing: &BTreeSet<&str>, result: &[ResultColumn]) -> SourceError {
    let message = format!("the {relation} has no column {}", quoted(missing.iter().copied()));
    SourceError::new(SourceErrorKind::NotFound, message).with_help(known_columns(missing, result))
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Picks the columns that were asked for, in the order that was asked for.
fn choose<'a>(
    relation: &Relation,
    result: &'a [ResultColumn],
    request: &ColumnRequest,
) -> Result<Vec<&'a ResultColumn>, SourceError> {
    let asked = request.select.iter().chain(&request.exclude).chain(request.overrides.keys());
    let is_missing = |name: &&str| result.iter().all(|column| column.name != *name);
    let missing: BTreeSet<_> = asked.map(ColumnName::as_str).filter(is_missing).collect();
    if !missing.is_empty() {
        return Err(missing_columns(relation, &missing, result));
    }
    let wanted: Vec<&ResultColumn> = if request.select.is_empty() {
        result.iter().collect()
    } else {
        let find = |name: &ColumnName| result.iter().find(|column| column.name == name.as_str());
        request.select.iter().filter_map(find).collect()
    };
    let excluded = |column: &ResultColumn| request.exclude.iter().any(|name| name.as_str() == column.name);
    let wanted: Vec<_> = wanted.into_iter().filter(|column| !excluded(column)).collect();
    if wanted.is_empty() {
        let message = format!("no column of the {relation} is left to read");
        return Err(SourceError::new(SourceErrorKind::Config, message)
            .with_help("Take a column out of `exclude`, or name one in `select`."));
    }
    Ok(wanted)
}

/// Reads the indexes of the table, or of the one that the first key column of a query is taken from.
async fn indexes(session: &mut Session, found: &Found, request: &DescribeRequest) -> Result<Vec<Index>, SourceError> {
    let asked = request.key.as_ref().and_then(|key| key.columns.first());
    let origin = match &found.table {
        Some(table) => Some((table.database.as_str(), table.name.as_str())),
        None => asked.and_then(|name| {
            let column = found.columns.iter().find(|column| column.name == name.as_str())?;
            column.origin.as_ref().map(|Origin { database, table, .. }| (database.as_str(), table.as_str()))
        }),
    };
    match origin {
        Some((database, table)) => catalog::indexes(session, database, table).await,
        None => Ok(Vec::new()),
    }
}

/// The columns that name a row.
fn key_columns(result: &[ResultColumn], indexes: &[Index]) -> Vec<ColumnName> {
    let primary = indexes.iter().find(|index| index.primary);
    let names = primary.map(|index| index.columns.as_slice()).unwrap_or_default();
    let known = names.iter().filter(|name| result.iter().any(|column| column.name == **name));
    known.filter_map(|name| name.parse().ok()).collect()
}

/// Plans every column, and names all that can't be read in one error.
fn plan_all(
    result: &[ResultColumn],
    chosen: Vec<&ResultColumn>,
    request: &DescribeRequest,
) -> Result<Vec<ColumnSpec>, SourceError> {
    let mut columns = Vec::new();
    let mut refused = Vec::new();
    for column in chosen {
        let position = result.iter().position(|other| other.name == column.name).unwrap_or_default();
        let name: ColumnName = column.name.parse().map_err(|error: rivet_model::NameError| {
            let message = format!("column {} of the {} can't be named: {error}", position + 1, request.relation);
            SourceError::new(SourceErrorKind::Statement, message)
                .with_help("Give the column another name with AS in a `query`, or `select` the columns without it.")
        })?;
        let wish = request.columns.overrides.get(&name).copied();
        match plan(name.as_str(), &column.source_type, column.not_null, wish, request.on_unrepresentable) {
            Ok(planned) => columns.push(ColumnSpec {
                position,
                name,
                source_type: column.source_type.clone(),
                read_as: planned.read_as,
                field: Arc::new(planned.field),
                fidelity: planned.fidelity,
            }),
            Err(why) => refused.push(format!("column `{name}` {why}")),
        }
    }
    if refused.is_empty() {
        return Ok(columns);
    }
    Err(SourceError::new(SourceErrorKind::UnsupportedType, refused.join("; ")).with_help(
        "Choose a type in `columns: { name: type }`, for example text or decimal(38,10), or leave the column out \
         with `exclude`.",
    ))
}

/// Finds the primary key of a table whose rows are stored in its order and seen through one view; none for others,
/// and for keys whose values can't be compared with what they were.
pub(crate) async fn primary_key(
    session: &mut Session,
    table: &TableRef,
) -> Result<Option<Vec<KeyColumn>>, SourceError> {
    let Some(found) = catalog::find(session, table).await? else { return Ok(None) };
    if !found.is_base || !found.is_innodb() {
        return Ok(None);
    }
    let indexes = catalog::indexes(session, &found.database, &found.name).await?;
    let Some(primary) = indexes.into_iter().find(|index| index.primary && index.ordered) else { return Ok(None) };
    if primary.columns.iter().any(String::is_empty) {
        return Ok(None);
    }
    let relation = Relation::Table(table.clone());
    let columns =
        session.describe("the types of the key", &dialect::columns(&relation, &primary.columns), &relation).await?;
    let keyed = columns.into_iter().enumerate().map(|(position, column)| {
        let kind = crate::key::kind(&column.source_type)?;
        let name = column.name.parse().ok()?;
        Some(KeyColumn { name, position, source_type: column.source_type, kind, nullable: false })
    });
    Ok(keyed.collect())
}
