use rivet_model::Relation;
use rivet_source::RelationStatistics;

/// What a relation is, as far as a verdict depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RelationKind {
    Table,
    UnloggedTable,
    PartitionedTable,
    MaterializedView,
    View,
    ForeignTable,
    Query,
}

impl RelationKind {
    /// Takes what a catalog says; a table where it says nothing, since that is what most relations are.
    pub(crate) fn of(relation: &Relation, statistics: Option<&RelationStatistics>) -> Self {
        if matches!(relation, Relation::Query(_)) {
            return Self::Query;
        }
        match statistics.map(|statistics| statistics.kind.as_str()) {
            Some("unlogged table") => Self::UnloggedTable,
            Some("partitioned table") => Self::PartitionedTable,
            Some("materialized view") => Self::MaterializedView,
            Some("view") => Self::View,
            Some("foreign table") => Self::ForeignTable,
            Some("query") => Self::Query,
            _ => Self::Table,
        }
    }

    /// Returns whether its rows are kept by this server under its own name, so that its indexes are all that there
    /// are and a condition on a column always reaches them.
    pub(crate) fn is_stored(self) -> bool {
        match self {
            Self::Table | Self::UnloggedTable | Self::PartitionedTable | Self::MaterializedView => true,
            Self::View | Self::ForeignTable | Self::Query => false,
        }
    }
}
