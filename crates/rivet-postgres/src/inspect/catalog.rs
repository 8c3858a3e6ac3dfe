use rivet_source::{ScanSpec, SourceError, SourceErrorKind};
use serde::Deserialize;

use super::origin::{Origin, Place};
use super::{PostgresInspector, Question};
use crate::dialect;
use crate::key::output;

/// What keeps the planner from reading catalogs whole, which may be large, for the few rows of one table.
const LOOKUPS: &str =
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; ";

/// What the catalog says of a table: the answer to one statement.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CatalogEntry {
    pub(super) schema: String,
    pub(super) name: String,
    /// `relkind`
    pub(super) kind: String,
    /// Whether it is lost in a crash.
    pub(super) unlogged: bool,
    /// Whether there are tables that inherit from it, or partitions.
    pub(super) children: bool,
    /// Whether another server stores it, or a part of it.
    pub(super) foreign: bool,
    pub(super) rows: Option<f64>,
    pub(super) bytes: Option<i64>,
    /// In microseconds since 1970.
    pub(super) analyzed: Option<i64>,
    pub(super) changed: Option<i64>,
    pub(super) indexes: Option<Vec<CatalogIndex>>,
    pub(super) columns: Option<Vec<CatalogColumn>>,
    /// The names in the table of the columns that were asked for.
    pub(super) names: Option<Vec<CatalogName>>,
    /// The ends of what statistics saw of the first column.
    pub(super) lowest: Option<String>,
    pub(super) highest: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct CatalogIndex {
    pub(super) name: String,
    pub(super) unique: bool,
    pub(super) partial: bool,
    pub(super) serves: Serves,
    /// What `pg_index.indoption` says of the first column: 1 for descending, 2 for NULLs first.
    pub(super) options: u8,
    pub(super) columns: Option<Vec<CatalogIndexColumn>>,
}

/// What the first column of an index is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Serves {
    /// Ranges, and the order of values: it begins with the smallest and ends with the largest.
    Order,
    /// Ranges.
    Ranges,
    /// Neither: it is not ready, or of a kind for other questions.
    Nothing,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct CatalogIndexColumn {
    /// None for an expression.
    pub(super) name: Option<String>,
    /// Which of the columns that were asked for it is.
    pub(super) place: Option<usize>,
}

/// A row of `pg_stats`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CatalogColumn {
    pub(super) place: usize,
    /// Whether it is of the table with all of its parts, rather than of one of them.
    pub(super) whole: bool,
    /// Rows of the part.
    pub(super) rows: f64,
    pub(super) null_fraction: f64,
    pub(super) distinct: f64,
    pub(super) correlation: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct CatalogName {
    pub(super) place: usize,
    pub(super) name: String,
}

/// Reads what the catalog says of a table, in one statement.
pub(super) async fn read(
    inspector: &mut PostgresInspector,
    spec: &ScanSpec,
    origin: &Origin,
) -> Result<CatalogEntry, SourceError> {
    let question = Question::own("the catalog on the relation", statement(spec, origin));
    let rows = inspector.send(Question { settings: LOOKUPS, ..question }).await?;
    let text =
        rows.into_iter().flatten().flatten().next().ok_or_else(|| {
            SourceError::new(SourceErrorKind::NotFound, format!("the {} does not exist", spec.relation))
        })?;
    serde_json::from_str(&text).map_err(|error| {
        SourceError::new(SourceErrorKind::Protocol, "the server's catalog answered in a way that can't be read")
            .with_source(error)
    })
}

/// The columns that are asked for, as rows of their place, name and number. The first one gives the types and is
/// nobody's.
fn wanted(origin: &Origin) -> String {
    let row = |(place, column): (usize, &Place)| match column {
        Place::Name(name) => format!("({place}, {}, NULL)", dialect::literal(name)),
        Place::Number(number) => format!("({place}, NULL, {number})"),
        Place::Nowhere => format!("({place}, NULL, NULL)"),
    };
    let nobody = "(-1, NULL::pg_catalog.name, NULL::pg_catalog.int2)".to_owned();
    let rows: Vec<_> = std::iter::once(nobody).chain(origin.columns.iter().enumerate().map(row)).collect();
    rows.join(", ")
}

/// The values of the first column that statistics saw, as a subquery. They come as an array of any type, which takes
/// its own only by way of its text.
fn seen(spec: &ScanSpec) -> (String, String) {
    let first = spec.key.first();
    let Some((first, name)) = first.and_then(|first| Some((first, dialect::built_in(&first.source_type)?))) else {
        return ("NULL".to_owned(), "NULL".to_owned());
    };
    let values = |list: &str| format!("coalesce(s.{list}::pg_catalog.text, '{{}}')::{name}[]");
    let from = format!(
        "FROM statistics s CROSS JOIN LATERAL pg_catalog.unnest({} || {}) AS v (v) WHERE s.place = 0 ORDER BY v.v",
        values("most_common_vals"),
        values("histogram_bounds")
    );
    let value = format!("({})::pg_catalog.text", output("v.v", &first.source_type));
    (format!("(SELECT {value} {from} LIMIT 1)"), format!("(SELECT {value} {from} DESC LIMIT 1)"))
}

/// The statement. A table without rows on disk has none, whether or not anybody has counted; a server that replays
/// what another one writes counts no changes. The view of statistics is a barrier that nothing but a subquery of its
/// own, which OFFSET keeps one, leads a name through.
fn statement(spec: &ScanSpec, origin: &Origin) -> String {
    let (wanted, table) = (wanted(origin), &origin.table);
    let (lowest, highest) = seen(spec);
    format!(
        "WITH RECURSIVE root AS (\
         SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = {table}), \
         tree AS (SELECT oid FROM root UNION \
         SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid), \
         parts AS (SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples, c.relpages, \
         CASE WHEN c.relkind IN ('r', 'm') THEN coalesce(pg_catalog.pg_relation_size(c.oid), 0) ELSE 0 END AS size, \
         CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_table_size(c.oid) END AS bytes, \
         greatest(pg_catalog.pg_stat_get_last_analyze_time(c.oid), \
         pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid)) AS analyzed, \
         pg_catalog.pg_stat_get_mod_since_analyze(c.oid) AS changed \
         FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace), \
         storage AS (SELECT p.*, NOT (p.reltuples < 0 OR (p.reltuples = 0 AND p.relpages = 0 AND p.analyzed IS NULL)) \
         OR (p.size = 0 AND p.relkind <> 'f') AS known FROM parts p WHERE p.relkind IN ('r', 'm', 'f')), \
         wanted AS (SELECT w.place, a.attnum, a.attname FROM (VALUES {wanted}) AS w (place, name, number) \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = (SELECT oid FROM root) \
         AND (a.attname = w.name OR a.attnum = w.number)), \
         statistics AS (SELECT w.place, s.inherited, greatest(p.reltuples, 0) AS rows, s.null_frac, s.n_distinct, \
         s.correlation, s.most_common_vals, s.histogram_bounds FROM wanted w CROSS JOIN parts p CROSS JOIN LATERAL \
         (SELECT * FROM pg_catalog.pg_stats t WHERE t.schemaname = p.nspname AND t.tablename = p.relname \
         AND t.attname = w.attname OFFSET 0) AS s WHERE p.oid = (SELECT oid FROM root) OR NOT s.inherited) \
         SELECT pg_catalog.json_build_object(\
         'schema', root.nspname, 'name', root.relname, 'kind', root.relkind, 'unlogged', root.relpersistence = 'u', \
         'children', (SELECT pg_catalog.count(*) > 1 FROM tree), \
         'foreign', (SELECT pg_catalog.bool_or(relkind = 'f') FROM parts), \
         'rows', (SELECT CASE WHEN pg_catalog.bool_and(known) THEN pg_catalog.sum(greatest(reltuples, 0)) END \
         FROM storage), \
         'bytes', (SELECT pg_catalog.sum(bytes) FROM storage), \
         'analyzed', (SELECT pg_catalog.floor(extract(epoch FROM CASE \
         WHEN pg_catalog.bool_or(analyzed IS NULL) FILTER (WHERE size > 0) THEN NULL \
         ELSE coalesce(pg_catalog.min(analyzed) FILTER (WHERE size > 0), pg_catalog.max(analyzed)) END) * 1000000) \
         ::pg_catalog.int8 FROM storage), \
         'changed', CASE WHEN NOT pg_catalog.pg_is_in_recovery() \
         THEN (SELECT pg_catalog.sum(changed)::pg_catalog.int8 FROM storage) END, \
         'indexes', ({INDEXES}), \
         'columns', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('place', place, 'whole', inherited, \
         'rows', rows, 'null_fraction', null_frac, 'distinct', n_distinct, 'correlation', correlation)) \
         FROM statistics), \
         'names', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('place', place, 'name', attname)) \
         FROM wanted), \
         'lowest', {lowest}, 'highest', {highest}) FROM root"
    )
}

/// The indexes of the table, as JSON. An index serves ranges where comparisons with its first column follow its order.
const INDEXES: &str = "SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', f.relname, \
     'unique', f.indisunique AND NOT (root.relkind = 'r' AND (SELECT pg_catalog.count(*) > 1 FROM tree)), \
     'partial', f.partial, 'serves', CASE WHEN f.valid AND f.usual_order THEN 'order' \
     WHEN f.valid AND f.amname = 'brin' THEN 'ranges' ELSE 'nothing' END, 'options', f.options, 'columns', f.columns) \
     ORDER BY f.indisprimary DESC, f.indnkeyatts, f.relname) \
     FROM (SELECT c.relname, m.amname, i.indisunique, i.indisprimary, i.indnkeyatts, i.indpred IS NOT NULL AS partial, \
     i.indisvalid AND i.indisready AND i.indislive AS valid, i.indoption[0] AS options, \
     m.amname = 'btree' AND coalesce(o.opcdefault AND (i.indkey[0] = 0 OR i.indcollation[0] = a.attcollation), false) \
     AS usual_order, \
     (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', b.attname, \
     'place', (SELECT pg_catalog.min(w.place) FROM wanted w WHERE w.attnum = b.attnum)) ORDER BY k.place) \
     FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (number, place) \
     LEFT JOIN pg_catalog.pg_attribute b ON b.attrelid = i.indrelid AND b.attnum = k.number AND k.number > 0 \
     WHERE k.place <= i.indnkeyatts) AS columns \
     FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
     JOIN pg_catalog.pg_am m ON m.oid = c.relam \
     LEFT JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[0] \
     LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND i.indkey[0] > 0 \
     WHERE i.indrelid = root.oid) AS f";
