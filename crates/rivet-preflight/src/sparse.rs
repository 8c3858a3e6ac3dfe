use rivet_model::{Relation, Scalar};

use crate::Strategy;
use crate::evidence::Evidence;
use crate::number::float;

/// Rows for each key of a span, below which most windows of it are nearly empty.
const SPARSE_DENSITY: f64 = 0.1;

/// Windows up to which it does not matter how many of them are empty.
const FEW_WINDOWS: u64 = 10;

/// How the rows of a chunked run are spread over the span of its integer keys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) rows: u64,
    /// Keys from the smallest to the largest, both included.
    pub(crate) span: u64,
    /// Windows of equal width that the span would make.
    pub(crate) windows: u64,
    /// The width of such a window, in keys.
    pub(crate) width: u64,
}

impl Spread {
    /// Measures it, where the run is chunked, the key is an integer, and its bounds and the rows are known.
    pub(crate) fn of(evidence: &Evidence<'_>) -> Option<Self> {
        let Strategy::Chunked(plan) = evidence.request.strategy else { return None };
        // What is known of a query's key is known of the table that it comes from, whose rows it may leave out.
        if evidence.request.reads_pages() || matches!(evidence.request.spec.relation, Relation::Query(_)) {
            return None;
        }
        let column = evidence.key_statistics()?;
        let (lowest, highest) = (integer(column.lowest.as_ref()?)?, integer(column.highest.as_ref()?)?);
        let rows = evidence.catalog_rows().or(evidence.rows)?;
        // The whole span of 64 bits is one more than a u64 holds; it is sparse either way.
        let span = u64::try_from((highest - lowest + 1).max(1)).unwrap_or(u64::MAX);
        let width = plan.chunk_rows.unwrap_or_else(|| span.div_ceil(plan.count.max(1).into())).max(1);
        Some(Self { rows, span, windows: span.div_ceil(width), width })
    }

    /// Returns rows for each key of the span.
    pub(crate) fn density(&self) -> f64 {
        float(self.rows) / float(self.span)
    }

    /// Returns whether most of the windows would be nearly empty, and there are many.
    pub(crate) fn is_sparse(&self) -> bool {
        self.density() < SPARSE_DENSITY && self.windows > FEW_WINDOWS
    }
}

fn integer(scalar: &Scalar) -> Option<i128> {
    match scalar {
        Scalar::Int(number) => Some((*number).into()),
        Scalar::Uint(number) => Some((*number).into()),
        Scalar::Decimal(_)
        | Scalar::Text(_)
        | Scalar::Bytes(_)
        | Scalar::Date(_)
        | Scalar::Timestamp(_)
        | Scalar::TimestampTz(_)
        | Scalar::Uuid(_) => None,
    }
}
