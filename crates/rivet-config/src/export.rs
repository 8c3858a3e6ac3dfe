use std::collections::BTreeMap;

use rivet_model::{
    ColumnName, ColumnType, ExportName, NumericDefault, OnUnrepresentable, OutputOptions, PartitionBy, Relation,
    TableRef,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::destination::Destination;
use crate::document::Path;
use crate::mask::{self, Mask};
use crate::mode::Mode;
use crate::output;
use crate::partition;
use crate::quality::Quality;
use crate::query;
use crate::raw::{NullOrError, RawExport, RawTuning};
use crate::resume::Resume;
use crate::source::EnvironmentKind;
use crate::tuning::Tuning;

/// What happens when the source's columns are not those of the last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnSchemaDrift {
    /// It is told, and the run goes on.
    #[default]
    Warn,
    /// The run goes on.
    Continue,
    /// The run fails before anything becomes visible.
    Fail,
}

/// One unit of work.
///
/// Its JSON form reads back as the same export: a plan keeps it. Secrets are not in it, but the names of the variables
/// that hold them. Keys that this version does not know are passed over, but for those of a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportConfig {
    /// Its name, unique in the file.
    pub name: ExportName,
    /// What it reads; a `query_file` has been read.
    pub relation: Relation,
    /// How much of it.
    pub mode: Mode,
    /// Whether it goes on by itself with a run that was cut off.
    pub resume: Resume,
    /// How rows become files.
    pub output: OutputOptions,
    /// Where they go.
    pub destination: Destination,
    /// Whether nothing at all is written where there are no rows.
    pub skip_empty: bool,
    /// The columns to read, in order; empty for all.
    pub select: Vec<ColumnName>,
    /// Columns to leave out.
    pub exclude: Vec<ColumnName>,
    /// Types in place of Rivet's own choice.
    pub overrides: BTreeMap<ColumnName, ColumnType>,
    /// What becomes of decimals without precision and scale.
    pub numeric_default: NumericDefault,
    /// What becomes of values without a form; each kind's own rule where absent.
    pub on_unrepresentable: Option<OnUnrepresentable>,
    /// How hard it may work the server and this machine.
    pub tuning: Tuning,
    /// Rules that a run must keep.
    pub quality: Option<Quality>,
    /// What happens when the source's columns change.
    pub on_schema_drift: OnSchemaDrift,
    /// The growth of a row's size that is told; above 1.
    pub shape_drift_warn_factor: Option<f64>,
    /// What it shares with other exports.
    pub source_group: Option<String>,
    /// Whether it will be reconciled.
    pub reconcile_required: bool,
    /// What becomes of values before they are written.
    pub mask: BTreeMap<ColumnName, Mask>,
    /// What names the folders that rows go to, level by level.
    pub partition_by: Vec<PartitionBy>,
}

impl ExportConfig {
    pub(crate) fn check(
        raw: RawExport,
        environment: Option<EnvironmentKind>,
        source_tuning: Option<&RawTuning>,
        at: &Path,
        cx: &mut Checker<'_>,
    ) -> Option<Self> {
        let name = name(&raw, at, cx);
        let relation = relation(&raw, at, cx);
        let mode = Mode::check(&raw, at, cx);
        let resume = Resume::check(&raw, mode.as_ref(), at, cx);
        let output = output::check(&raw, at, cx);
        let select = cx.columns(&at.key("select"), raw.select.as_ref());
        let exclude = cx.columns(&at.key("exclude"), raw.exclude.as_ref());
        refuse_both(&select, &exclude, at, cx);
        let overrides = overrides(&raw, at, cx);
        let numeric_default = numeric_default(&raw, at, cx);
        if let Some(tuning) = &raw.tuning {
            Tuning::check(tuning, &at.key("tuning"), cx);
        }
        let quality = raw.quality.as_ref().map(|quality| Quality::check(quality, &at.key("quality"), cx));
        let factor = drift_factor(&raw, at, cx);
        let mask = mask::check(raw.mask.as_ref(), &at.key("mask"), cx);
        let partition_by = partition::check(raw.partition_by.as_ref(), &exclude, &at.key("partition_by"), cx);
        let of_query = cx.has(&at.key("query")) || cx.has(&at.key("query_file"));
        let destination = if let Some(destination) = raw.destination {
            Destination::check(destination, of_query, &at.key("destination"), cx)
        } else {
            let help = "Add `destination: { type: local, path: out }`, or another type.";
            cx.missing(&at.key("destination"), "the export has no `destination`", help);
            None
        };
        if !partition_by.is_empty() && destination == Some(Destination::Stdout) {
            let help = "Remove it, or write to a folder or a bucket.";
            cx.meaningless(&at.key("partition_by"), "`partition_by` has no meaning for `type: stdout`", help);
        }
        Some(Self {
            name: name?,
            relation: relation?,
            mode: mode?,
            resume,
            output: output?,
            destination: destination?,
            skip_empty: raw.skip_empty.unwrap_or(false),
            select,
            exclude,
            overrides,
            numeric_default,
            on_unrepresentable: raw.on_unrepresentable.map(|word| match word {
                NullOrError::Null => OnUnrepresentable::Null,
                NullOrError::Error => OnUnrepresentable::Error,
            }),
            tuning: Tuning::resolve(environment, source_tuning, raw.tuning.as_ref()),
            quality,
            on_schema_drift: raw.on_schema_drift.unwrap_or_default(),
            shape_drift_warn_factor: factor,
            source_group: raw.source_group,
            reconcile_required: raw.reconcile_required.unwrap_or(false),
            mask,
            partition_by,
        })
    }
}

fn name(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<ExportName> {
    let at = at.key("name");
    if raw.name.is_none() || cx.is_inherited(&at) {
        cx.missing(&at, "the export has no `name`", "Add `name:`, unique in the file.");
    }
    cx.parse(&at, raw.name.as_deref()?, "Give the export a name of one line.")
}

fn relation(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<Relation> {
    let help = "Say what to read by exactly one of `table`, `query` and `query_file`.";
    let keys = ["table", "query", "query_file"];
    let given: Vec<&str> = keys.into_iter().filter(|key| cx.has(&at.key(key))).collect();
    match given.as_slice() {
        [] if keys.iter().any(|key| cx.mistakes.is_wrong(&at.key(key))) => None,
        [] => {
            cx.missing(&at.key("table"), "the export does not say what to read", help);
            None
        }
        [first, second, ..] => {
            cx.exclusive(at, first, second, help);
            None
        }
        ["table"] => {
            let help = "Write `table` or `schema.table`; put a part that holds a dot in double quotes.";
            cx.parse::<TableRef>(&at.key("table"), raw.table.as_deref()?, help).map(Relation::Table)
        }
        ["query"] => query::trimmed(raw.query.as_deref()?, &at.key("query"), cx).map(Relation::Query),
        _ => query::from_file(raw.query_file.as_deref()?, &at.key("query_file"), cx).map(Relation::Query),
    }
}

fn refuse_both(select: &[ColumnName], exclude: &[ColumnName], at: &Path, cx: &mut Checker<'_>) {
    if let Some(column) = select.iter().find(|column| exclude.contains(column)) {
        let shown = cx.quote(&at.key("select"), column.as_str());
        let message = format!("{shown} stands in `select` and in `exclude`");
        cx.invalid(&at.key("exclude"), message, "Remove it from one of the two.");
    }
}

fn overrides(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> BTreeMap<ColumnName, ColumnType> {
    let mut overrides = BTreeMap::new();
    for (name, word) in raw.columns.iter().flatten() {
        let place = at.key("columns").key(name);
        let help = "Use one of those types; a decimal has 1 to 76 digits and no more of them behind the point.";
        let column_type = cx.parse(&place, word, help);
        if let (Some(column), Some(column_type)) = (cx.column(&place, name), column_type) {
            overrides.insert(column, column_type);
        }
    }
    overrides
}

fn numeric_default(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> NumericDefault {
    let Some(word) = raw.numeric_default.as_deref() else { return NumericDefault::default() };
    match word.parse() {
        Ok(ColumnType::Text) => NumericDefault::Text,
        Ok(ColumnType::Decimal { precision, scale }) => NumericDefault::Decimal { precision, scale },
        _ => {
            let message = "`numeric_default` is neither `text` nor `decimal(p,s)`";
            let help =
                "Write `text`, or for example `decimal(38,18)`: 1 to 76 digits, no more of them behind the point.";
            cx.invalid(&at.key("numeric_default"), message, help);
            NumericDefault::default()
        }
    }
}

fn drift_factor(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<f64> {
    let factor = raw.shape_drift_warn_factor?;
    if !(factor > 1.0 && factor.is_finite()) {
        let help = "Write 2 to be told when rows have doubled in size.";
        cx.invalid(&at.key("shape_drift_warn_factor"), "`shape_drift_warn_factor` must be above 1", help);
    }
    Some(factor)
}
