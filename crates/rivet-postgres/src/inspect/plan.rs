use rivet_model::{KeyBound, RowRange, Scalar};
use rivet_source::{Access, AccessPath, Explanation, ScanSpec};
use serde_json::Value;

use super::condition::Condition;

/// Reads what EXPLAIN (FORMAT JSON) says of the statement of a scan. None where it is not a plan.
///
/// Nodes of kinds that are not known are gone through for what is below them: every version of the server, and every
/// extension, has some of its own.
pub(super) fn read(text: &str, spec: &ScanSpec, statement: String) -> Option<Explanation> {
    let explained: Value = serde_json::from_str(text).ok()?;
    let top = Node(explained.pointer("/0/Plan")?);
    let mut walker = Walker { columns: columns(spec), values: values(&spec.range), accesses: Vec::new() };
    walker.walk(top);
    Some(Explanation {
        statement,
        estimated_rows: top.rows(),
        row_bytes: top.number("Plan Width"),
        accesses: walker.accesses,
        sorts_result: top.sorts(),
    })
}

/// The columns by which a range bounds rows.
fn columns(spec: &ScanSpec) -> Vec<&str> {
    match spec.range {
        RowRange::All | RowRange::Pages { .. } => Vec::new(),
        RowRange::Key { .. } | RowRange::NullKey => {
            spec.key.first().into_iter().chain(&spec.fallback).map(|column| column.name.as_str()).collect()
        }
    }
}

/// The values of the first column that bound a range, as a plan writes them.
fn values(range: &RowRange) -> Vec<String> {
    let RowRange::Key { lower, upper } = range else { return Vec::new() };
    let first = |bound: &KeyBound| match bound.values.first()? {
        Scalar::Bytes(digits) => Some(format!("\\x{digits}")),
        other => Some(other.to_string()),
    };
    lower.iter().chain(upper).filter_map(first).collect()
}

/// A node of a plan.
#[derive(Debug, Clone, Copy)]
struct Node<'a>(&'a Value);

impl<'a> Node<'a> {
    fn text(self, field: &str) -> Option<&'a str> {
        self.0.get(field)?.as_str()
    }

    fn number(self, field: &str) -> Option<f64> {
        self.0.get(field)?.as_f64()
    }

    fn kind(self) -> &'a str {
        self.text("Node Type").unwrap_or_default()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate beyond u64 becomes its end"
    )]
    fn rows(self) -> Option<u64> {
        self.number("Plan Rows").map(|rows| rows.round() as u64)
    }

    fn children(self) -> impl Iterator<Item = Self> {
        self.0.get("Plans").and_then(Value::as_array).into_iter().flatten().map(Node)
    }

    /// What the node takes its rows from, rather than what it asks beside them.
    fn input(self) -> impl Iterator<Item = Self> {
        let inputs = ["Outer", "Inner", "Member", "Subquery"];
        self.children().filter(move |child| child.text("Parent Relationship").is_some_and(|is| inputs.contains(&is)))
    }

    /// Whether all rows of the result go through a sort, below nothing but nodes that pass on what comes.
    fn sorts(self) -> bool {
        match self.kind() {
            "Sort" => true,
            "Subquery Scan" | "Result" | "ProjectSet" | "Gather" | "Gather Merge" | "Unique" | "WindowAgg"
            | "LockRows" | "Materialize" => self.input().next().is_some_and(Self::sorts),
            "Merge Append" => self.input().next().is_some() && self.input().all(Self::sorts),
            _ => false,
        }
    }

    /// The nodes that find rows for a bitmap.
    fn is_of_bitmap(self) -> bool {
        matches!(self.kind(), "Bitmap Index Scan" | "BitmapAnd" | "BitmapOr")
    }

    /// Adds the indexes that a bitmap is made from.
    fn bitmap_indexes(self, found: &mut Vec<&'a str>) {
        if let Some(index) = self.text("Index Name").filter(|index| !found.contains(index)) {
            found.push(index);
        }
        self.children().for_each(|child| child.bitmap_indexes(found));
    }
}

/// Collects how relations are read.
struct Walker<'a> {
    columns: Vec<&'a str>,
    values: Vec<String>,
    accesses: Vec<Access>,
}

impl Walker<'_> {
    fn walk(&mut self, node: Node<'_>) {
        if let Some((path, index, bounded)) = self.way(node) {
            let relation = relation(node).to_owned();
            self.accesses.push(Access { relation, path, index, bounded, estimated_rows: node.rows() });
        }
        node.children().filter(|child| !child.is_of_bitmap()).for_each(|child| self.walk(child));
    }

    /// How a node comes to the rows of a relation; none where it works on those of other nodes.
    fn way(&self, node: Node<'_>) -> Option<(AccessPath, Option<String>, bool)> {
        let index = || node.text("Index Name").map(ToOwned::to_owned);
        Some(match node.kind() {
            "Seq Scan" | "Sample Scan" => (AccessPath::SequentialScan, None, false),
            // Places of rows are all that these scans are told.
            "Tid Range Scan" | "Tid Scan" => (AccessPath::PageRange, None, true),
            "Index Scan" => (AccessPath::IndexScan, index(), self.enters(node)),
            "Index Only Scan" => (AccessPath::IndexOnlyScan, index(), self.enters(node)),
            "Bitmap Heap Scan" => {
                let mut indexes = Vec::new();
                node.children()
                    .filter(|child| child.is_of_bitmap())
                    .for_each(|child| child.bitmap_indexes(&mut indexes));
                let bounded = node.children().any(|child| child.is_of_bitmap() && self.enters(child));
                (AccessPath::BitmapScan, (!indexes.is_empty()).then(|| indexes.join(", ")), bounded)
            }
            // They read again what another node of the plan has read.
            "CTE Scan" | "WorkTable Scan" | "Named Tuplestore Scan" | "Subquery Scan" => return None,
            kind if kind.ends_with("Scan") => (AccessPath::Other, None, false),
            _ => return None,
        })
    }

    /// Whether an index is entered at a bound of the range, in each of its branches.
    fn enters(&self, node: Node<'_>) -> bool {
        match node.kind() {
            "BitmapOr" => node.children().all(|child| self.enters(child)),
            "BitmapAnd" => node.children().any(|child| self.enters(child)),
            _ => node
                .text("Index Cond")
                .is_some_and(|condition| Condition::parse(condition).bounds(&self.columns, &self.values)),
        }
    }
}

fn relation(node: Node<'_>) -> &str {
    let names = ["Relation Name", "Relations", "Function Name", "Table Function Name", "Alias"];
    names.iter().find_map(|name| node.text(name)).unwrap_or("an unnamed relation")
}

#[cfg(test)]
mod tests {
    use rivet_model::{Relation, ScalarKind};
    use rivet_source::{KeyColumn, SourceType, TypeShape};

    use super::*;
    use crate::oid;

    fn column(name: &str) -> KeyColumn {
        let shape = TypeShape::Scalar;
        let source_type = SourceType { name: "int8".into(), base: "int8".into(), id: oid::INT8, modifier: -1, shape };
        KeyColumn { name: name.parse().unwrap(), position: 0, source_type, kind: ScalarKind::Int, nullable: false }
    }

    fn spec(key: &str, fallback: Option<&str>, range: RowRange) -> ScanSpec {
        ScanSpec {
            relation: Relation::Table("t".parse().unwrap()),
            relation_width: 1,
            columns: vec![],
            on_unrepresentable: None,
            key_columns: vec![],
            key: vec![column(key)],
            fallback: fallback.map(column),
            range,
        }
    }

    fn from(value: Scalar) -> RowRange {
        RowRange::Key { lower: Some(KeyBound::including(vec![value])), upper: None }
    }

    /// One line for each access.
    fn written(found: &Explanation) -> Vec<String> {
        let one = |access: &Access| {
            let index = access.index.as_ref().map_or_else(String::new, |index| format!(" by {index}"));
            let bounded = if access.bounded { ", bounded" } else { "" };
            let rows = access.estimated_rows.unwrap_or_default();
            format!("{:?} of {}{index}{bounded}: {rows}", access.path, access.relation)
        };
        found.accesses.iter().map(one).collect()
    }

    /// A plan as PostgreSQL 15 wrote it.
    macro_rules! plan {
        ($name:literal) => {
            include_str!(concat!("../../../../fixtures/rivet-postgres/plans/", $name, ".json"))
        };
    }

    #[track_caller]
    fn check(plan: &str, spec: &ScanSpec, rows: u64, width: f64, accesses: &[&str]) -> bool {
        let found = read(plan, spec, "SELECT".to_owned()).unwrap();
        assert_eq!(written(&found), accesses);
        assert_eq!((found.estimated_rows, found.row_bytes), (Some(rows), Some(width)));
        assert_eq!(found.statement, "SELECT");
        found.sorts_result
    }

    #[test]
    fn tables_are_read_as_their_nodes_say() {
        let check = |plan, spec: &ScanSpec, rows, width, accesses: &[&str]| {
            assert!(!check(plan, spec, rows, width, accesses), "nothing is sorted");
        };
        let all = spec("id", None, RowRange::All);
        let by_id = spec("id", None, from(Scalar::Int(10)));
        check(plan!("seq_scan"), &all, 20_000, 105.0, &["SequentialScan of events: 20000"]);
        check(plan!("index_scan"), &by_id, 10, 105.0, &["IndexScan of events by events_pkey, bounded: 10"]);
        check(plan!("index_only_scan"), &by_id, 10, 4.0, &["IndexOnlyScan of events by events_pkey, bounded: 10"]);
        // What the user's own text compares with bounds nothing of the run's.
        check(plan!("index_scan"), &all, 10, 105.0, &["IndexScan of events by events_pkey: 10"]);
        let whole = ["IndexOnlyScan of events by events_pkey: 20000"];
        check(plan!("index_without_bound"), &by_id, 20_000, 4.0, &whole);
        let pages = spec("id", None, RowRange::Pages { partition: None, from: 10, to: Some(20) });
        check(plan!("tid_range_scan"), &pages, 530, 4.0, &["PageRange of events, bounded: 530"]);
        check(plan!("foreign_scan"), &by_id, 2_560, 4.0, &["Other of far: 2560"]);
    }

    #[test]
    fn a_bitmap_is_bounded_where_all_of_its_branches_are() {
        let range = || from(Scalar::TimestampTz("2026-01-01 00:00:30+00".to_owned()));
        let both = ["BitmapScan of events by by_upd, by_made, bounded: 24"];
        check(plan!("bitmap_or"), &spec("upd", Some("made"), range()), 24, 105.0, &both);
        let neither = ["BitmapScan of events by by_upd, by_made: 24"];
        check(plan!("bitmap_or"), &spec("upd", None, from(Scalar::Int(1))), 24, 105.0, &neither);
    }

    #[test]
    fn partitions_are_relations_of_their_own() {
        let by_day = spec("day", None, from(Scalar::Date("2026-01-30".to_owned())));
        let parts = [
            "BitmapScan of parted_1 by parted_1_pkey, bounded: 800",
            "BitmapScan of parted_2 by parted_2_pkey, bounded: 800",
        ];
        check(plan!("partitions"), &by_day, 1_600, 8.0, &parts);
        let parts = ["SequentialScan of parted_1: 12400", "SequentialScan of parted_2: 7600"];
        check(plan!("partitions_whole"), &by_day, 20_000, 8.0, &parts);
    }

    #[test]
    fn queries_are_taken_apart() {
        let by_id = spec("id", None, from(Scalar::Int(99_990)));
        let join =
            ["IndexScan of orders by orders_pkey, bounded: 10", "IndexOnlyScan of customers by customers_pkey: 1"];
        check(plan!("join"), &by_id, 10, 8.0, &join);
        let with = ["SequentialScan of orders: 100000", "SequentialScan of customers: 100000"];
        check(plan!("query_with_cte"), &by_id, 33_333, 8.0, &with);
        check(plan!("function"), &by_id, 2_000, 4.0, &["Other of generate_series: 1000", "Other of *VALUES*: 2"]);
        check(plan!("nothing"), &by_id, 0, 4.0, &[]);
    }

    #[test]
    fn a_result_is_sorted_where_all_of_it_waits_for_a_sort() {
        let all = spec("id", None, RowRange::All);
        let orders = ["SequentialScan of orders: 100000"];
        assert!(check(plan!("sorted"), &all, 100_000, 8.0, &orders));
        assert!(!check(plan!("sorted_and_limited"), &all, 10, 8.0, &orders));
        let in_order = ["IndexScan of events by events_pkey: 20000"];
        assert!(!check(plan!("incremental_sort"), &all, 20_000, 4.0, &in_order));
        assert!(check(plan!("parallel"), &all, 83_334, 8.0, &["SequentialScan of orders: 41667"]));
    }

    #[test]
    fn what_is_not_known_is_gone_through() {
        let all = spec("id", None, RowRange::All);
        let plan = r#"[{"Plan": {"Node Type": "Custom Scan", "Relation Name": "t", "Plan Rows": 1e30, "Plans": [
            {"Node Type": "New Append", "Plans": [{"Node Type": "Seq Scan", "Alias": "a"}, {}]},
            {"Node Type": "Tuple Heap Scan"}]}}]"#;
        let found = read(plan, &all, String::new()).unwrap();
        let end = u64::MAX;
        let expected = [&format!("Other of t: {end}"), "SequentialScan of a: 0", "Other of an unnamed relation: 0"];
        assert_eq!(written(&found), expected);
        assert_eq!((found.estimated_rows, found.row_bytes), (Some(end), None));
        for text in ["", "[]", "{}", "[{\"Plan\": 1", "[{\"Other\": {}}]"] {
            assert!(read(text, &all, String::new()).is_none(), "{text}");
        }
    }
}
