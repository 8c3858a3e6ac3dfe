use comfy_table::{ColumnConstraint, Width};
use rivet_writer::ManifestField;
use serde::Serialize;

use super::arrow;
use super::target::{Target, TargetType};
use crate::render::{plain_table, table_text};

/// The place of the Arrow type in a table. It has no spaces to be wrapped at.
const ARROW_TYPE: usize = 2;

/// Characters of an Arrow type that are kept on one line.
const WHOLE_TYPE: u16 = 32;

/// A column of an export's files.
#[derive(Debug, Serialize)]
pub(crate) struct ReportedColumn {
    #[serde(flatten)]
    field: ManifestField,
    /// What it becomes there, where a target was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<TargetType>,
}

/// Describes columns.
pub(crate) fn columns(fields: &[ManifestField], target: Option<Target>) -> Vec<ReportedColumn> {
    let column = |field: &ManifestField| ReportedColumn {
        target: target.map(|target| taken(field, target)),
        field: field.clone(),
    };
    fields.iter().map(column).collect()
}

fn taken(field: &ManifestField, target: Target) -> TargetType {
    // The word for what a column was at home stands in the place of Arrow's own.
    let meaning = field.logical_type.as_deref().map(|meaning| if meaning == "hstore" { "arrow.json" } else { meaning });
    match arrow::parse(&field.arrow_type) {
        Some(data_type) => target.take(&arrow::field(&field.name, data_type, field.nullable, meaning)),
        None => TargetType::none(format!("nothing is known of {}", field.arrow_type)),
    }
}

impl ReportedColumn {
    /// Returns whether a target was named that can't keep what the column holds.
    pub(crate) fn is_lost(&self) -> bool {
        self.target.as_ref().is_some_and(|target| !target.fits)
    }

    /// Returns what to know of the type that it becomes.
    pub(crate) fn remark(&self) -> Option<String> {
        let TargetType { name, remark, .. } = self.target.as_ref()?;
        let becomes = name.as_ref().map(|name| format!(" becomes {name}")).unwrap_or_default();
        remark.as_ref().map(|remark| format!("`{}`{becomes}: {remark}", self.field.name))
    }

    fn cells(&self) -> Vec<String> {
        let ManifestField { name, arrow_type, source_type, nullable, fidelity, logical_type } = &self.field;
        let meaning = logical_type.as_ref().map(|meaning| format!(" ({meaning})")).unwrap_or_default();
        let mut cells = vec![
            name.clone(),
            source_type.clone().unwrap_or_else(|| "-".to_owned()),
            format!("{}{meaning}", shown(arrow_type)),
            fidelity.clone().unwrap_or_else(|| "-".to_owned()),
            if *nullable { "yes" } else { "no" }.to_owned(),
        ];
        cells.extend(self.target.as_ref().map(|target| target.name.clone().unwrap_or_else(|| "none".to_owned())));
        cells
    }
}

/// A type without the metadata of what is in it: a person reads the types.
fn shown(arrow_type: &str) -> String {
    let Some(data_type) = arrow::parse(arrow_type) else { return arrow_type.to_owned() };
    arrow::bare(&data_type).to_string()
}

/// Writes columns below each other.
pub(crate) fn column_table(columns: &[ReportedColumn], target: Option<Target>) -> String {
    let header = ["column", "source type", "Arrow type", "fidelity", "NULLs"].map(ToOwned::to_owned);
    let header: Vec<String> = header.into_iter().chain(target.map(|target| format!("in {target}"))).collect();
    let mut table = plain_table(header);
    let rows: Vec<Vec<String>> = columns.iter().map(ReportedColumn::cells).collect();
    let length = |cells: &Vec<String>| cells.get(ARROW_TYPE).map_or(0, |cell| cell.chars().count());
    let longest = u16::try_from(rows.iter().map(length).max().unwrap_or_default()).unwrap_or(u16::MAX);
    table.add_rows(rows);
    for (position, column) in table.column_iter_mut().enumerate() {
        match position {
            ARROW_TYPE => {
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(longest.min(WHOLE_TYPE) + 2)));
            }
            3 | 4 => {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
            _ => {}
        }
    }
    table_text(&table)
}

#[cfg(test)]
pub(super) mod tests {
    use arrow_schema::{DataType, Field};
    use insta::assert_snapshot;

    use super::*;

    fn field(name: &str, arrow_type: &str, source_type: &str, logical_type: Option<&str>) -> ManifestField {
        ManifestField {
            name: name.to_owned(),
            arrow_type: arrow_type.to_owned(),
            source_type: Some(source_type.to_owned()),
            nullable: name != "id",
            fidelity: Some(if logical_type == Some("interval") { "text" } else { "exact" }.to_owned()),
            logical_type: logical_type.map(ToOwned::to_owned),
        }
    }

    fn fields() -> Vec<ManifestField> {
        let uuids = r#"List(FixedSizeBinary(16), metadata: {"ARROW:extension:name": "arrow.uuid"})"#;
        vec![
            field("id", "Int64", "bigint", None),
            field("key", "FixedSizeBinary(16)", "uuid", Some("arrow.uuid")),
            field("keys", uuids, "uuid[]", None),
            field("amount", "Decimal256(50, 2)", "numeric(50,2)", None),
            field("attributes", "Utf8", "hstore", Some("hstore")),
            field("took", "Utf8", "interval", Some("interval")),
            field("at", "Timestamp(µs, \"UTC\")", "timestamp with time zone", None),
            ManifestField { source_type: None, fidelity: None, ..field("odd", "Int33", "", None) },
        ]
    }

    fn report(target: Option<Target>) -> String {
        column_table(&columns(&fields(), target), target)
    }

    #[test]
    fn columns_are_listed_with_their_types() {
        assert_snapshot!(report(None), @r#"
        column      source type               Arrow type                        fidelity  NULLs
        id          bigint                    Int64                             exact     no
        key         uuid                      FixedSizeBinary(16) (arrow.uuid)  exact     yes
        keys        uuid[]                    List(FixedSizeBinary(16))         exact     yes
        amount      numeric(50,2)             Decimal256(50, 2)                 exact     yes
        attributes  hstore                    Utf8 (hstore)                     exact     yes
        took        interval                  Utf8 (interval)                   text      yes
        at          timestamp with time zone  Timestamp(µs, "UTC")              exact     yes
        odd         -                         Int33                             -         yes
        "#);
    }

    #[test]
    fn columns_are_listed_with_what_they_become() {
        assert_snapshot!(report(Some(Target::DuckDb)), @r#"
        column      source type        Arrow type                        fidelity  NULLs  in DuckDB
        id          bigint             Int64                             exact     no     BIGINT
        key         uuid               FixedSizeBinary(16) (arrow.uuid)  exact     yes    UUID
        keys        uuid[]             List(FixedSizeBinary(16))         exact     yes    UUID[]
        amount      numeric(50,2)      Decimal256(50, 2)                 exact     yes    DOUBLE
        attributes  hstore             Utf8 (hstore)                     exact     yes    JSON
        took        interval           Utf8 (interval)                   text      yes    VARCHAR
        at          timestamp with     Timestamp(µs, "UTC")              exact     yes    TIMESTAMP WITH
                    time zone                                                             TIME ZONE
        odd         -                  Int33                             -         yes    none
        "#);
        assert_snapshot!(report(Some(Target::Snowflake)), @r#"
        column      source type     Arrow type                        fidelity  NULLs  in Snowflake
        id          bigint          Int64                             exact     no     NUMBER(38, 0)
        key         uuid            FixedSizeBinary(16) (arrow.uuid)  exact     yes    BINARY(16)
        keys        uuid[]          List(FixedSizeBinary(16))         exact     yes    ARRAY
        amount      numeric(50,2)   Decimal256(50, 2)                 exact     yes    none
        attributes  hstore          Utf8 (hstore)                     exact     yes    VARCHAR
        took        interval        Utf8 (interval)                   text      yes    VARCHAR
        at          timestamp with  Timestamp(µs, "UTC")              exact     yes    TIMESTAMP_LTZ(6)
                    time zone
        odd         -               Int33                             -         yes    none
        "#);
    }

    #[test]
    fn what_a_column_becomes_is_in_the_document() {
        let columns = columns(&fields()[3..5], Some(Target::BigQuery));
        assert_snapshot!(serde_json::to_string_pretty(&columns).unwrap(), @r#"
        [
          {
            "name": "amount",
            "type": "Decimal256(50, 2)",
            "source_type": "numeric(50,2)",
            "nullable": true,
            "fidelity": "exact",
            "target": {
              "type": "STRING",
              "fits": false,
              "remark": "it has more digits than BIGNUMERIC"
            }
          },
          {
            "name": "attributes",
            "type": "Utf8",
            "source_type": "hstore",
            "nullable": true,
            "fidelity": "exact",
            "logical_type": "hstore",
            "target": {
              "type": "STRING",
              "fits": true
            }
          }
        ]
        "#);
        assert_eq!(columns.iter().map(ReportedColumn::is_lost).collect::<Vec<_>>(), [true, false]);
    }

    /// Compares what a column of a type becomes.
    #[track_caller]
    pub(in crate::render::types) fn check(
        take: fn(&Field) -> TargetType,
        data_type: DataType,
        meaning: Option<&str>,
        expected: &str,
    ) {
        let TargetType { name, fits, remark } = take(&arrow::field("c", data_type, true, meaning));
        let remark = remark.map(|remark| format!(" ({}{remark})", if fits { "" } else { "does not fit: " }));
        let name = name.unwrap_or_else(|| "none".to_owned());
        assert_eq!(format!("{name}{}", remark.unwrap_or_default()), expected);
    }
}
