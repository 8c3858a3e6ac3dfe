use rivet_source::{ColumnSpec, SourceError};

use super::steps::End;
use super::{Access, Splitter, Within, conditions, number};
use crate::dialect::{self, Statement};
use crate::kind;
use crate::types::{Class, class};

/// Rows that are looked at, at each end of a range, for their mean size. Values that are stored beside the table are
/// read for it.
const SAMPLED_ROWS: u64 = 200;

impl Splitter<'_> {
    /// The mean size of a row's columns that are read, at least 1 byte.
    pub(super) async fn row_bytes(&mut self, access: Option<&Access>, within: &Within) -> Result<u64, SourceError> {
        let mut statements = vec![self.sizes(access, within, End::First)?];
        if access.is_some() {
            statements.push(self.sizes(access, within, End::Last)?);
        }
        let statement = Statement::all(&statements);
        let (mut rows, mut bytes) = (0, 0);
        let each = |row: &_| {
            rows += 1;
            bytes += number(row, 0);
            Ok(())
        };
        let (spec, timeout) = (self.spec, self.limits.statement_timeout);
        self.session.ask_for_rows("the size of some rows", &statement, &spec.relation, timeout, each).await?;
        Ok((bytes / rows.max(1)).max(1))
    }

    fn sizes(&self, access: Option<&Access>, within: &Within, end: End) -> Result<Statement, SourceError> {
        let sizes: Vec<_> = self.spec.columns.iter().map(size).collect();
        let sizes = if sizes.is_empty() { "1".to_owned() } else { sizes.join(" + ") };
        let Some(access) = access else {
            let range = within.range();
            let conditions: Vec<_> = dialect::condition(self.spec, &range)?.into_iter().collect();
            return Ok(dialect::filtered(&self.spec.relation, &[sizes], "", &conditions)
                .before(&format!(" LIMIT {SAMPLED_ROWS}")));
        };
        let conditions = conditions(self.spec, within.lower.as_ref(), within.upper.as_ref())?;
        let order = self.order(end);
        Ok(dialect::filtered(&self.spec.relation, &[sizes], &access.hint, &conditions)
            .before(&format!(" ORDER BY {order} LIMIT {SAMPLED_ROWS}")))
    }
}

/// The bytes of a value, as an expression.
fn size(column: &ColumnSpec) -> String {
    let fixed = match class(&column.source_type) {
        Class::Integer => match kind::code(column.source_type.id) {
            kind::TINY => 1,
            kind::SHORT | kind::YEAR => 2,
            kind::LONGLONG => 8,
            _ => 4,
        },
        Class::Float if kind::code(column.source_type.id) == kind::FLOAT => 4,
        Class::Float | Class::Bit | Class::Moment | Class::Time => 8,
        Class::Date => 4,
        Class::Uuid => 16,
        Class::Decimal | Class::Text | Class::Binary | Class::Json | Class::Geometry | Class::Vector => {
            return format!("COALESCE(LENGTH({}), 0)", dialect::column_name(&column.name));
        }
    };
    fixed.to_string()
}
