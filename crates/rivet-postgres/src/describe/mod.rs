//! What a relation's columns are and how they are read, found without reading a row.

pub(crate) mod catalog;
mod column;
mod index;
mod key;
pub(crate) mod row_description;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rivet_model::{ColumnName, NumericDefault, Relation, RowRange};
use rivet_source::{
    ColumnRequest, ColumnSpec, DescribeRequest, Description, ScanLimits, ScanSpec, SourceError, SourceErrorKind,
    SourceType, StatementSpan, single_statement,
};

use self::catalog::{Catalog, number, text};
use self::column::{Wishes, plan};
use self::index::Index;
use self::key::{Key, Known};
use self::row_description::ResultColumn;
use crate::dialect;
use crate::estimate::estimate;
use crate::oid;
use crate::record::{Ask as _, Recorder};
use crate::session::Session;

/// Describing asks catalogs alone: a server that is slow at that should say so soon.
const LIMITS: ScanLimits = ScanLimits {
    statement_timeout: std::time::Duration::from_secs(30),
    lock_timeout: std::time::Duration::from_secs(5),
    statement_budget: std::time::Duration::ZERO,
    batch_rows: 0,
    batch_bytes: 0,
    max_value_bytes: 0,
};

/// What `pg_attribute` says of a column of a table.
#[derive(Debug, Clone, Copy)]
struct Attribute {
    not_null: bool,
    dimensions: u32,
}

/// Describes a relation, in one transaction.
pub(crate) async fn describe(session: &mut Session, request: &DescribeRequest) -> Result<Description, SourceError> {
    let relation = checked(&request.relation)?;
    session.query(&dialect::begin(None, false, &LIMITS)).await?;
    let mut recorder = Recorder::new(session);
    let result = result_columns(&mut recorder, &relation).await?;
    let chosen = choose(&relation, &result, &request.columns)?;
    let attributes = attributes(&mut recorder, &result).await?;
    let indexes = indexes(&mut recorder, &relation, &result, request).await?;
    // A key need not be among the columns that are read.
    let typed = if request.key.is_some() { result.iter().collect() } else { chosen.clone() };
    let uses: Vec<_> = typed.iter().map(|column| (column.type_id, column.modifier)).collect();
    let catalog = Catalog::read(&mut recorder, &uses).await?;
    let money_scale = if uses.iter().any(|(id, _)| *id == oid::MONEY) { money_scale(&mut recorder).await? } else { 2 };
    let known = Known {
        relation: &relation,
        result: &result,
        attributes: &attributes,
        catalog: &catalog,
        money_scale,
        indexes: &indexes,
    };
    let key = request.key.as_ref().map_or_else(|| Ok(Key::default()), |key| known.resolve(key))?;

    let typed = chosen.into_iter().map(|column| {
        let attribute = attributes.get(&(column.table, column.number));
        let dimensions = attribute.map_or(1, |attribute| attribute.dimensions);
        let source_type = catalog.source_type(column.type_id, column.modifier, dimensions, money_scale);
        // A query's outer join gives NULLs to columns that have none at home.
        let not_null = matches!(relation, Relation::Table(_)) && attribute.is_some_and(|found| found.not_null);
        (column, source_type, not_null)
    });
    let columns = plan_all(&result, typed, request)?;
    let notes = columns.iter().filter_map(|column| note(column, request)).collect();
    let spec = ScanSpec {
        relation_width: result.len(),
        key_columns: primary_key(&relation, &result, &indexes),
        relation,
        columns,
        on_unrepresentable: request.on_unrepresentable,
        key: key.columns,
        fallback: key.fallback,
        range: RowRange::All,
    };
    // A statement that can't be explained says why when it runs; the transaction is over then, and COMMIT ends it all
    // the same.
    let estimate = estimate(&mut recorder, &dialect::select(&spec)?, &spec.relation, LIMITS.statement_timeout).await;
    recorder.session.query("COMMIT").await?;
    let estimated_rows = estimate.ok().map(|found| found.rows);
    Ok(Description { spec, key: key.facts, estimated_rows, notes, probes: recorder.finish() })
}

/// Takes white space and semicolon off a query, after making sure that it is one.
fn checked(relation: &Relation) -> Result<Relation, SourceError> {
    let Relation::Query(query) = relation else { return Ok(relation.clone()) };
    match single_statement(query) {
        Ok(statement) => Ok(Relation::Query(statement.to_owned())),
        Err(error) => Err(SourceError::new(SourceErrorKind::Statement, error.to_string())
            .with_help("Give one SELECT, VALUES, TABLE or WITH statement in `query`.")
            .with_span(StatementSpan { statement: query.clone(), offset: error.offset() })),
    }
}

/// Has the server describe the relation's columns.
async fn result_columns(recorder: &mut Recorder<'_>, relation: &Relation) -> Result<Vec<ResultColumn>, SourceError> {
    let statement = dialect::describe(relation);
    let timeout = LIMITS.statement_timeout;
    let answered = recorder.ask_of_user("the columns of the relation", &statement, relation, timeout).await;
    let columns = match answered {
        Err(error) if error.kind() == SourceErrorKind::NotFound => {
            return Err(suggest(recorder.session, relation, error).await);
        }
        answered => {
            let _no_rows = answered?;
            let body = recorder.session.tap().lock().row_description.take();
            row_description::parse(&body.unwrap_or_default())?
        }
    };
    if columns.is_empty() {
        let message = format!("the {relation} has no columns");
        return Err(SourceError::new(SourceErrorKind::Statement, message));
    }
    Ok(columns)
}

/// Adds the names that a missing table's name may have meant.
async fn suggest(session: &mut Session, relation: &Relation, error: SourceError) -> SourceError {
    let Relation::Table(name) = relation else { return error };
    let sql = format!(
        "ROLLBACK; SELECT n.nspname, c.relname FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND lower(c.relname) = lower({}) \
         AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2 LIMIT 3",
        dialect::literal(name.name())
    );
    let found = session.query(&sql).await.unwrap_or_default();
    if found.is_empty() {
        let help =
            "Check the spelling, and give the schema as in `table: sales.orders` where it is not in the search path.";
        return error.with_help(help);
    }
    let names: Vec<_> = found.iter().map(|row| format!("`{}.{}`", text(row, 0), text(row, 1))).collect();
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
    let mut seen = BTreeSet::new();
    if let Some(twice) = result.iter().find(|column| !seen.insert(column.name.as_str())) {
        let message = format!("the {relation} has two columns named `{}`", twice.name);
        return Err(SourceError::new(SourceErrorKind::Statement, message)
            .with_help("Give each column of the query a name of its own with AS."));
    }
    let asked = request.select.iter().chain(&request.exclude).chain(request.overrides.keys());
    let missing: BTreeSet<_> = asked.map(ColumnName::as_str).filter(|name| !seen.contains(name)).collect();
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

/// Reads what the catalog says of the columns that are taken from tables unchanged.
async fn attributes(
    recorder: &mut Recorder<'_>,
    result: &[ResultColumn],
) -> Result<BTreeMap<(u32, i16), Attribute>, SourceError> {
    let tables: BTreeSet<u32> = result.iter().map(|column| column.table).filter(|table| *table != 0).collect();
    if tables.is_empty() {
        return Ok(BTreeMap::new());
    }
    let tables: Vec<_> = tables.iter().map(ToString::to_string).collect();
    let sql = format!(
        "SELECT attrelid, attnum, attnotnull::int, attndims FROM pg_catalog.pg_attribute \
         WHERE attrelid IN ({}) AND attnum > 0 AND NOT attisdropped",
        tables.join(",")
    );
    let rows = recorder.ask("what the columns of the table allow", &sql).await?;
    rows.iter()
        .map(|row| {
            let attribute = Attribute { not_null: number::<u8>(row, 2)? == 1, dimensions: number(row, 3)? };
            Ok(((number(row, 0)?, number(row, 1)?), attribute))
        })
        .collect()
}

/// Asks how many fraction digits `lc_monetary` gives to money.
async fn money_scale(recorder: &mut Recorder<'_>) -> Result<i32, SourceError> {
    let rows = recorder.ask("the scale of money", "SELECT pg_catalog.scale(1::money::numeric)").await?;
    rows.first().map_or(Ok(2), |row| number(row, 0))
}

/// Reads the indexes of the table, or of the one that the first key column of a query is taken from.
async fn indexes(
    recorder: &mut Recorder<'_>,
    relation: &Relation,
    result: &[ResultColumn],
    request: &DescribeRequest,
) -> Result<Vec<Index>, SourceError> {
    let column = match relation {
        Relation::Table(_) => result.first(),
        Relation::Query(_) => {
            let name = request.key.as_ref().and_then(|key| key.columns.first());
            name.and_then(|name| result.iter().find(|column| column.name == name.as_str()))
        }
    };
    match column {
        Some(column) if column.table != 0 => index::read(recorder, column.table).await,
        _ => Ok(Vec::new()),
    }
}

/// The columns that name a row.
fn primary_key(relation: &Relation, result: &[ResultColumn], indexes: &[Index]) -> Vec<ColumnName> {
    let primary = indexes.iter().find(|index| index.primary).filter(|_| matches!(relation, Relation::Table(_)));
    let numbers = primary.map(|index| index.columns.as_slice()).unwrap_or_default();
    let names = numbers.iter().filter_map(|number| result.iter().find(|column| column.number == *number));
    names.filter_map(|column| column.name.parse().ok()).collect()
}

/// Plans every column, and names all that can't be read in one error.
fn plan_all<'a>(
    result: &[ResultColumn],
    typed: impl Iterator<Item = (&'a ResultColumn, SourceType, bool)>,
    request: &DescribeRequest,
) -> Result<Vec<ColumnSpec>, SourceError> {
    let wishes = Wishes { numeric_default: request.numeric_default, on_unrepresentable: request.on_unrepresentable };
    let mut columns = Vec::new();
    let mut refused = Vec::new();
    for (column, source_type, not_null) in typed {
        let position = result.iter().position(|other| other.name == column.name).unwrap_or_default();
        let name: ColumnName = column.name.parse().map_err(|error: rivet_model::NameError| {
            let message = format!("column {} of the {} can't be named: {error}", position + 1, request.relation);
            SourceError::new(SourceErrorKind::Statement, message)
                .with_help("Give the column another name with AS in a `query`, or `select` the columns without it.")
        })?;
        let wish = request.columns.overrides.get(&name).copied();
        match plan(name.as_str(), &source_type, not_null, wish, wishes) {
            Ok(planned) => columns.push(ColumnSpec {
                position,
                name,
                source_type,
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

/// What a person should know of a column before it is read.
fn note(column: &ColumnSpec, request: &DescribeRequest) -> Option<String> {
    let chosen = request.columns.overrides.contains_key(&column.name);
    let bare = column.source_type.id == oid::NUMERIC && column.source_type.modifier < 0;
    let NumericDefault::Decimal { precision, scale } = request.numeric_default else { return None };
    (bare && !chosen).then(|| {
        format!(
            "column `{}` is numeric without precision and becomes decimal({precision},{scale}); a value that does \
             not fit is an error",
            column.name
        )
    })
}
