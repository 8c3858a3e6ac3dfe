use std::fmt;

use rivet_core::PlannedExport;
use rivet_model::{ErrorRecord, ExportName};
use rivet_preflight::{Finding, Profile, Severity, Verdict};
use rivet_priority::Strategy;
use serde::Serialize;

use super::field;
use super::quantity::count;
use super::types::{ReportedColumn, Target, column_table, columns};

/// What was found out about exports before they run.
#[derive(Debug, Serialize)]
pub(crate) struct CheckReport {
    /// What the columns are compared with, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
    /// By name.
    exports: Vec<Checked>,
}

/// One export.
#[derive(Debug, Serialize)]
struct Checked {
    export: ExportName,
    strategy: Strategy,
    verdict: Verdict,
    findings: Vec<Finding>,
    profile: Advised<Profile>,
    parallelism: Advised<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// Why nothing could be found out, where that is so.
    error: Option<ErrorRecord>,
    /// Where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<ReportedColumn>>,
}

/// A setting: what is advised, why, and what is configured.
#[derive(Debug, Serialize)]
struct Advised<T> {
    recommended: T,
    reason: String,
    configured: T,
}

impl CheckReport {
    /// Takes what concerns a check from what was planned.
    pub(crate) fn of(planned: &[PlannedExport], lists_types: bool, target: Option<Target>) -> Self {
        let mut exports: Vec<Checked> = planned.iter().map(|export| Checked::of(export, lists_types, target)).collect();
        exports.sort_by(|a, b| a.export.cmp(&b.export));
        Self { target, exports }
    }

    /// Returns whether an export could not be looked at.
    pub(crate) fn has_errors(&self) -> bool {
        self.exports.iter().any(|export| export.error.is_some())
    }

    /// Returns whether something stands that is a warning or worse.
    pub(crate) fn has_warnings(&self) -> bool {
        self.exports.iter().any(|export| export.count(Severity::Warning) + export.count(Severity::Critical) > 0)
            || self.lost_columns() > 0
    }

    fn lost_columns(&self) -> usize {
        self.exports.iter().flat_map(|export| export.columns.iter().flatten()).filter(|column| column.is_lost()).count()
    }

    fn total(&self) -> String {
        let found = |severity| self.exports.iter().map(|export| export.count(severity)).sum::<usize>();
        let errors = self.exports.iter().filter(|export| export.error.is_some()).count();
        let mut parts = vec![things(self.exports.len(), "export")];
        for (number, thing) in [
            (errors, "error"),
            (found(Severity::Critical), "critical finding"),
            (found(Severity::Warning), "warning"),
            (self.lost_columns(), "column that does not fit"),
        ] {
            match number {
                0 => {}
                2.. if thing.starts_with("column") => parts.push(format!("{number} columns that do not fit")),
                _ => parts.push(things(number, thing)),
            }
        }
        if parts.len() == 1 {
            parts.push("nothing to warn of".to_owned());
        }
        format!("total: {}", parts.join(", "))
    }
}

impl Checked {
    fn of(export: &PlannedExport, lists_types: bool, target: Option<Target>) -> Self {
        let found = &export.diagnostics;
        let config = &export.resolved_plan.export;
        Self {
            export: export.export_name.clone(),
            strategy: export.strategy,
            verdict: found.verdict,
            findings: found.findings.clone(),
            profile: Advised {
                recommended: found.recommended_profile,
                reason: found.recommended_profile_reason.clone(),
                configured: configured_profile(config.tuning.profile),
            },
            parallelism: Advised {
                recommended: found.recommended_parallelism,
                reason: found.recommended_parallelism_reason.clone(),
                configured: configured_parallelism(&config.mode),
            },
            notes: export.notes.clone(),
            error: export.error.clone(),
            columns: lists_types.then(|| columns(&export.resolved_plan.columns, target)),
        }
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    fn write(&self, f: &mut String, target: Option<Target>) -> fmt::Result {
        if let Some(error) = &self.error {
            // What to do about it stands on standard error.
            return field(f, "error", &format_args!("{}: {}", error.code, error.message));
        }
        field(f, "verdict", &self.verdict)?;
        self.profile.write(f, "profile")?;
        self.parallelism.write(f, "readers")?;
        for finding in &self.findings {
            let code = finding.code.as_str();
            let code = code.strip_prefix("rivet::preflight::").unwrap_or(code);
            field(f, finding.severity.as_str(), &format_args!("{code}: {}", finding.message))?;
            field(f, "", &finding.help)?;
        }
        for note in &self.notes {
            field(f, "note", note)?;
        }
        for column in self.columns.iter().flatten() {
            if let Some(remark) = column.remark() {
                let severity = if column.is_lost() { Severity::Warning } else { Severity::Info };
                field(f, severity.as_str(), &remark)?;
            }
        }
        if let Some(columns) = self.columns.as_ref().filter(|columns| !columns.is_empty()) {
            let table = column_table(columns, target);
            f.push('\n');
            for line in table.lines() {
                f.push_str(format!("  {line}").trim_end());
                f.push('\n');
            }
        }
        Ok(())
    }
}

impl<T: fmt::Display + PartialEq> Advised<T> {
    fn write(&self, f: &mut String, name: &str) -> fmt::Result {
        let Self { recommended, reason, configured } = self;
        if recommended == configured {
            field(f, name, &format_args!("{recommended}, as advised: {reason}"))
        } else {
            field(f, name, &format_args!("{recommended} is advised, {configured} is configured: {reason}"))
        }
    }
}

fn configured_profile(profile: rivet_config::Profile) -> Profile {
    match profile {
        rivet_config::Profile::Safe => Profile::Safe,
        rivet_config::Profile::Balanced => Profile::Balanced,
        rivet_config::Profile::Fast => Profile::Fast,
    }
}

fn configured_parallelism(mode: &rivet_config::Mode) -> u32 {
    match mode {
        rivet_config::Mode::Chunked(chunked) => u32::try_from(chunked.parallel).unwrap_or(u32::MAX),
        rivet_config::Mode::Full | rivet_config::Mode::Incremental(_) | rivet_config::Mode::TimeWindow(_) => 1,
    }
}

fn things(number: usize, thing: &str) -> String {
    count(u64::try_from(number).unwrap_or(u64::MAX), thing)
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for export in &self.exports {
            let mut fields = String::new();
            export.write(&mut fields, self.target)?;
            writeln!(f, "{} ({})\n{fields}", export.export, export.strategy)?;
        }
        writeln!(f, "{}", self.total())
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use rivet_writer::ManifestField;

    use super::*;
    use crate::render::plan::sample;

    fn with_columns(mut export: PlannedExport) -> PlannedExport {
        let field = |name: &str, arrow_type: &str, source_type: &str| ManifestField {
            name: name.to_owned(),
            arrow_type: arrow_type.to_owned(),
            source_type: Some(source_type.to_owned()),
            nullable: name != "id",
            fidelity: Some("exact".to_owned()),
            logical_type: None,
        };
        export.resolved_plan.columns = vec![
            field("id", "Int64", "bigint"),
            field("amount", "Decimal256(60, 2)", "numeric(60,2)"),
            field("tags", "List(Utf8)", "text[]"),
        ];
        export
    }

    #[test]
    fn a_check_says_what_was_found() {
        let report = CheckReport::of(&[sample::users(), sample::missing(), sample::events()], false, None);
        assert!(report.has_errors() && report.has_warnings());
        assert_snapshot!(report, @r#"
        events (chunked)
          verdict    efficient
          profile    balanced is advised, fast is configured: it reads about 8.0 M rows from a server that others may need
          readers    1 is advised, 4 is configured: it is read over one connection
          warning    statistics_stale: 2.0 M rows were changed since the last analysis, of 8.0 M
                     Analyze the table, then plan again.
          info       profile_above_advice: `fast` is asked for
                     Set `balanced`.
          note       the pieces follow a sample of 2.4 % of the table's pages

        missing (full)
          error      rivet::source::not_found: relation "nowhere" does not exist

        users_dim (full)
          verdict    efficient
          profile    balanced, as advised: it reads about 8.0 M rows from a server that others may need
          readers    1, as advised: it is read over one connection

        total: 3 exports, 1 error, 1 warning
        "#);
    }

    #[test]
    fn nothing_to_warn_of_is_said() {
        let report = CheckReport::of(&[sample::orders()], false, None);
        assert!(!report.has_errors() && !report.has_warnings());
        assert_snapshot!(report, @"
        orders (incremental)
          verdict    efficient
          profile    balanced, as advised: it reads about 8.0 M rows from a server that others may need
          readers    1, as advised: it is read over one connection

        total: 1 export, nothing to warn of
        ");
    }

    #[test]
    fn columns_are_listed_and_what_does_not_fit_is_a_warning() {
        let exports = [with_columns(sample::users())];
        let plain = CheckReport::of(&exports, true, None);
        assert!(!plain.has_warnings());
        assert_snapshot!(plain, @"
        users_dim (full)
          verdict    efficient
          profile    balanced, as advised: it reads about 8.0 M rows from a server that others may need
          readers    1, as advised: it is read over one connection

          column  source type    Arrow type         fidelity  NULLs
          id      bigint         Int64              exact     no
          amount  numeric(60,2)  Decimal256(60, 2)  exact     yes
          tags    text[]         List(Utf8)         exact     yes

        total: 1 export, nothing to warn of
        ");
        let targeted = CheckReport::of(&exports, true, Some(Target::BigQuery));
        assert!(targeted.has_warnings());
        assert_snapshot!(targeted, @"
        users_dim (full)
          verdict    efficient
          profile    balanced, as advised: it reads about 8.0 M rows from a server that others may need
          readers    1, as advised: it is read over one connection
          warning    `amount` becomes STRING: it has more digits than BIGNUMERIC
          info       `tags` becomes ARRAY<STRING>: a NULL element is refused

          column  source type    Arrow type         fidelity  NULLs  in BigQuery
          id      bigint         Int64              exact     no     INT64
          amount  numeric(60,2)  Decimal256(60, 2)  exact     yes    STRING
          tags    text[]         List(Utf8)         exact     yes    ARRAY<STRING>

        total: 1 export, 1 column that does not fit
        ");
    }

    #[test]
    fn a_check_is_a_document() {
        let report = CheckReport::of(&[with_columns(sample::events())], true, Some(Target::Snowflake));
        assert_snapshot!(serde_json::to_string_pretty(&report).unwrap(), @r#"
        {
          "target": "snowflake",
          "exports": [
            {
              "export": "events",
              "strategy": "chunked",
              "verdict": "efficient",
              "findings": [
                {
                  "code": "rivet::preflight::statistics_stale",
                  "severity": "warning",
                  "message": "2.0 M rows were changed since the last analysis, of 8.0 M",
                  "help": "Analyze the table, then plan again."
                },
                {
                  "code": "rivet::preflight::profile_above_advice",
                  "severity": "info",
                  "message": "`fast` is asked for",
                  "help": "Set `balanced`."
                }
              ],
              "profile": {
                "recommended": "balanced",
                "reason": "it reads about 8.0 M rows from a server that others may need",
                "configured": "fast"
              },
              "parallelism": {
                "recommended": 1,
                "reason": "it is read over one connection",
                "configured": 4
              },
              "notes": [
                "the pieces follow a sample of 2.4 % of the table's pages"
              ],
              "error": null,
              "columns": [
                {
                  "name": "id",
                  "type": "Int64",
                  "source_type": "bigint",
                  "nullable": false,
                  "fidelity": "exact",
                  "target": {
                    "type": "NUMBER(38, 0)",
                    "fits": true
                  }
                },
                {
                  "name": "amount",
                  "type": "Decimal256(60, 2)",
                  "source_type": "numeric(60,2)",
                  "nullable": true,
                  "fidelity": "exact",
                  "target": {
                    "type": null,
                    "fits": false,
                    "remark": "NUMBER has 38 digits, 37 of them after the point; export the column as `text`"
                  }
                },
                {
                  "name": "tags",
                  "type": "List(Utf8)",
                  "source_type": "text[]",
                  "nullable": true,
                  "fidelity": "exact",
                  "target": {
                    "type": "ARRAY",
                    "fits": true
                  }
                }
              ]
            }
          ]
        }
        "#);
    }
}
