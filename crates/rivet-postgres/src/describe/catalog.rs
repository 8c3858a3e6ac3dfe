use std::collections::{BTreeMap, BTreeSet};

use rivet_source::{SourceError, SourceErrorKind, SourceType, TypeShape};

use crate::oid;
use crate::record::{Ask as _, Recorder};
use crate::session::TextRow;

/// Types of types of types, at most: the server itself has no limit.
const MAX_DEPTH: usize = 32;

/// One row of `pg_type`, with what is needed of the tables around it.
#[derive(Debug, Clone)]
struct CatalogType {
    base: String,
    kind: char,
    /// The element of a true array; 0 else.
    element: u32,
    /// What a domain is made on; 0 else.
    domain_base: u32,
    domain_modifier: i32,
    /// What a range is over; 0 else.
    range_of: u32,
    fields: Vec<(String, u32, i32)>,
}

/// The types that a description needs, read from the catalog.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    types: BTreeMap<u32, CatalogType>,
    names: BTreeMap<(u32, i32), String>,
}

/// Reads a number that the server wrote; the statements of this module return nothing else in its place.
pub(crate) fn number<T: std::str::FromStr>(row: &TextRow, column: usize) -> Result<T, SourceError> {
    let text = row.get(column).and_then(Option::as_deref);
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| SourceError::new(SourceErrorKind::Protocol, "the server's catalog answered without a number"))
}

pub(crate) fn text(row: &TextRow, column: usize) -> String {
    row.get(column).cloned().flatten().unwrap_or_default()
}

fn list(ids: impl IntoIterator<Item = u32>) -> String {
    ids.into_iter().map(|id| id.to_string()).collect::<Vec<_>>().join(",")
}

impl Catalog {
    /// Reads the types of these columns, and what they are made of.
    pub(super) async fn read(recorder: &mut Recorder<'_>, columns: &[(u32, i32)]) -> Result<Self, SourceError> {
        let mut catalog = Self::default();
        let mut missing: BTreeSet<u32> = columns.iter().map(|(id, _)| *id).collect();
        let mut uses: BTreeSet<(u32, i32)> = columns.iter().copied().collect();
        for _ in 0..MAX_DEPTH {
            if missing.is_empty() {
                break;
            }
            let found = catalog.read_types(recorder, &missing).await?;
            uses.extend(found.iter().copied());
            missing = found.into_iter().map(|(id, _)| id).filter(|id| !catalog.types.contains_key(id)).collect();
        }
        catalog.read_names(recorder, &uses).await?;
        Ok(catalog)
    }

    /// Reads rows of `pg_type` and returns the types that they mention.
    async fn read_types(
        &mut self,
        recorder: &mut Recorder<'_>,
        ids: &BTreeSet<u32>,
    ) -> Result<Vec<(u32, i32)>, SourceError> {
        let ids = list(ids.iter().copied());
        // An array type is one whose element points back at it; some other types have an element as well.
        let types = format!(
            "SELECT t.oid, t.typname, t.typtype, CASE WHEN e.typarray = t.oid THEN t.typelem ELSE 0 END, \
             t.typbasetype, t.typtypmod, coalesce(r.rngsubtype, 0) \
             FROM pg_catalog.pg_type t \
             LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem \
             LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid WHERE t.oid IN ({ids})"
        );
        let mut found = Vec::new();
        for row in recorder.ask("the types of the columns", &types).await? {
            let kind = text(&row, 2).chars().next().unwrap_or('b');
            let made = CatalogType {
                base: text(&row, 1),
                kind,
                element: number(&row, 3)?,
                domain_base: number(&row, 4)?,
                domain_modifier: number(&row, 5)?,
                range_of: if kind == 'r' { number(&row, 6)? } else { 0 },
                fields: Vec::new(),
            };
            found.extend([(made.element, -1), (made.domain_base, made.domain_modifier), (made.range_of, -1)]);
            self.types.insert(number(&row, 0)?, made);
        }
        found.extend(self.read_fields(recorder, &ids).await?);
        found.retain(|(id, _)| *id != 0);
        Ok(found)
    }

    async fn read_fields(&mut self, recorder: &mut Recorder<'_>, ids: &str) -> Result<Vec<(u32, i32)>, SourceError> {
        let fields = format!(
            "SELECT t.oid, a.attname, a.atttypid, a.atttypmod FROM pg_catalog.pg_type t \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped \
             WHERE t.typtype = 'c' AND t.oid IN ({ids}) ORDER BY t.oid, a.attnum"
        );
        let mut found = Vec::new();
        for row in recorder.ask("the fields of composite types", &fields).await? {
            let (id, modifier) = (number(&row, 2)?, number(&row, 3)?);
            if let Some(composite) = self.types.get_mut(&number(&row, 0)?) {
                composite.fields.push((text(&row, 1), id, modifier));
            }
            found.push((id, modifier));
        }
        Ok(found)
    }

    async fn read_names(
        &mut self,
        recorder: &mut Recorder<'_>,
        uses: &BTreeSet<(u32, i32)>,
    ) -> Result<(), SourceError> {
        let pairs = uses.iter().map(|(id, modifier)| format!("({id}::oid,{modifier})")).collect::<Vec<_>>().join(",");
        let sql = format!("SELECT i, m, pg_catalog.format_type(i, m) FROM (VALUES {pairs}) AS v (i, m)");
        for row in recorder.ask("the names of the types", &sql).await? {
            self.names.insert((number(&row, 0)?, number(&row, 1)?), text(&row, 2));
        }
        Ok(())
    }

    /// Puts a type together. `dimensions` is how deep the catalog says that an array column is.
    pub(super) fn source_type(&self, id: u32, modifier: i32, dimensions: u32, money_scale: i32) -> SourceType {
        let nested = |id, modifier| self.source_type(id, modifier, 1, money_scale);
        let Some(found) = self.types.get(&id) else {
            return SourceType {
                name: format!("type {id}"),
                base: String::new(),
                id,
                modifier,
                shape: TypeShape::Scalar,
            };
        };
        if found.domain_base != 0 {
            let modifier = if found.domain_modifier >= 0 { found.domain_modifier } else { modifier };
            let mut base = self.source_type(found.domain_base, modifier, dimensions, money_scale);
            base.name = self.name(id, -1);
            return base;
        }
        let shape = if found.element != 0 {
            // The modifier of an array is that of its elements.
            TypeShape::List { depth: dimensions.max(1), element: Box::new(nested(found.element, modifier)) }
        } else {
            match found.kind {
                'e' => TypeShape::Enum,
                'c' => TypeShape::Struct {
                    fields: found
                        .fields
                        .iter()
                        .map(|(name, id, modifier)| (name.clone(), nested(*id, *modifier)))
                        .collect(),
                },
                'r' => TypeShape::Range { element: Box::new(nested(found.range_of, -1)) },
                _ => TypeShape::Scalar,
            }
        };
        let modifier = if id == oid::MONEY { money_scale } else { modifier };
        SourceType { name: self.name(id, modifier), base: found.base.clone(), id, modifier, shape }
    }

    fn name(&self, id: u32, modifier: i32) -> String {
        let known = self.names.get(&(id, modifier)).or_else(|| self.names.get(&(id, -1)));
        known.cloned().unwrap_or_else(|| self.types.get(&id).map(|found| found.base.clone()).unwrap_or_default())
    }
}
