//! What others rely on: words, JSON, the table in the documentation, and that there is nothing to install.

use rivet_priority::{Prioritization, ReasonKind, SignalName, Signals, confidence_table, prioritize, rules_table};

use crate::support::replica;

#[test]
fn words_are_stable() {
    let lines = |words: Vec<&'static str>| words.join("\n");
    insta::assert_snapshot!(lines(ReasonKind::ALL.iter().map(|it| it.as_str()).collect()), @r"
    small_table
    large_table
    huge_table
    simple_scan
    strong_cursor
    weak_cursor
    chunking_heavy
    no_time_cursor
    sparse_range_risk
    reconcile_required
    freshness_hint_recent
    preflight_efficient
    preflight_degraded
    preflight_unsafe
    recent_failure_history
    high_retry_rate_history
    slow_history
    low_confidence_metadata
    shared_source_heavy_conflict
    nothing_stands_out
    ");
    insta::assert_snapshot!(lines(SignalName::ALL.iter().map(|it| it.as_str()).collect()), @r"
    source_group
    implied_group
    strategy
    estimated_rows
    estimated_row_bytes
    chunk_count
    cursor_quality
    cursor_bounds_observed
    sparse_range
    verdict
    preflight_failed
    preflight_warnings
    statistics
    reconcile_required
    freshness
    history
    ");
    for kind in ReasonKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        assert_eq!(kind.as_str().parse(), Ok(*kind));
    }
    for name in SignalName::ALL {
        assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
    }
}

#[test]
fn signals_need_a_name_and_a_strategy_and_no_more() {
    let signals: Signals = serde_json::from_str(r#"{"export_name": "orders", "strategy": "time_window"}"#).unwrap();
    assert_eq!(signals, Signals::new("orders", rivet_priority::Strategy::TimeWindow));
}

#[test]
fn the_json_form() {
    let plan = prioritize(replica());
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan.recommendation("events")).unwrap(), @r#"
    {
      "export_name": "events",
      "priority_score": 32,
      "priority_class": "low",
      "cost_class": "high",
      "risk_class": "low",
      "recommended_wave": 4,
      "isolate_on_source": true,
      "confidence": 1.0,
      "reasons": [
        {
          "kind": "large_table",
          "points": -8,
          "message": "a heavy read: about 8.0 M rows"
        },
        {
          "kind": "chunking_heavy",
          "points": -10,
          "message": "12 windows: more statements, and more time on the source"
        },
        {
          "kind": "shared_source_heavy_conflict",
          "points": 0,
          "message": "one of 2 heavy exports of source group `replica_a`: run it alone on that source"
        }
      ],
      "forecast": {
        "rows": {
          "low": 6400000,
          "expected": 8000000,
          "high": 10000000
        },
        "seconds": {
          "low": 32,
          "expected": 80,
          "high": 500
        },
        "basis": "default"
      }
    }
    "#);
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan.campaign).unwrap(), @r#"
    {
      "ordered_exports": [
        {
          "export_name": "orders",
          "priority_score": 68,
          "priority_class": "medium",
          "cost_class": "high",
          "risk_class": "low",
          "recommended_wave": 2,
          "isolate_on_source": true
        },
        {
          "export_name": "users_dim",
          "priority_score": 67,
          "priority_class": "medium",
          "cost_class": "low",
          "risk_class": "low",
          "recommended_wave": 2,
          "isolate_on_source": false
        },
        {
          "export_name": "events",
          "priority_score": 32,
          "priority_class": "low",
          "cost_class": "high",
          "risk_class": "low",
          "recommended_wave": 4,
          "isolate_on_source": true
        }
      ],
      "waves": [
        {
          "wave": 2,
          "exports": [
            "orders",
            "users_dim"
          ],
          "forecast": {
            "rows": {
              "low": 6432000,
              "expected": 8040000,
              "high": 10050000
            },
            "seconds": {
              "low": 33,
              "expected": 81,
              "high": 503
            },
            "basis": "default",
            "incomplete": [
              "orders",
              "users_dim"
            ]
          }
        },
        {
          "wave": 4,
          "exports": [
            "events"
          ],
          "forecast": {
            "rows": {
              "low": 6400000,
              "expected": 8000000,
              "high": 10000000
            },
            "seconds": {
              "low": 32,
              "expected": 80,
              "high": 500
            },
            "basis": "default",
            "incomplete": [
              "events"
            ]
          }
        }
      ],
      "source_groups": [
        {
          "source_group": "replica_a",
          "implied": false,
          "exports": [
            "events",
            "orders"
          ],
          "heavy_exports": [
            "events",
            "orders"
          ],
          "forecast": {
            "rows": {
              "low": 12800000,
              "expected": 16000000,
              "high": 20000000
            },
            "seconds": {
              "low": 64,
              "expected": 160,
              "high": 1000
            },
            "basis": "default",
            "incomplete": [
              "events",
              "orders"
            ]
          }
        }
      ],
      "source_group_warnings": [
        {
          "source_group": "replica_a",
          "implied": false,
          "kind": "heavy_collision",
          "exports": [
            "events",
            "orders"
          ],
          "message": "source group `replica_a` has 2 heavy-cost exports (events, orders): run them one at a time"
        }
      ]
    }
    "#);
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan.signals[0]).unwrap(), @r#"
    {
      "export_name": "orders",
      "source_group": "replica_a",
      "strategy": "incremental",
      "estimated_rows": 8000000,
      "cursor_quality": "strong_monotonic",
      "cursor_bounds_observed": true,
      "verdict": "efficient",
      "preflight_failed": false,
      "preflight_warnings": 0,
      "statistics": "fresh",
      "reconcile_required": false,
      "freshness": "unknown"
    }
    "#);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Prioritization>(&text).unwrap(), plan);
}

#[test]
fn the_table_of_the_documentation() {
    insta::assert_snapshot!(rules_table(), @r"
    | reason | when | points |
    |---|---|---|
    | `small_table` | the cost class is `low` | +12 |
    | `large_table` | the cost class is `medium`, with 1 M rows or 1 GiB and more | 0 |
    | `large_table` | the cost class is `high` | -8 |
    | `huge_table` | the cost class is `very_high` | -15 |
    | `simple_scan` | a `full` export of cost class `low` or `medium` | +5 |
    | `strong_cursor` | an `incremental` export whose cursor is `strong_monotonic` | +18 |
    | `weak_cursor` | an `incremental` export whose cursor is `weak_time` or `weak_multi_candidate` | -8 |
    | `weak_cursor` | an `incremental` export whose cursor quality is `none` | -12 |
    | `weak_cursor` | an `incremental` export whose cursor is `fallback_only` | -14 |
    | `chunking_heavy` | a `chunked` export of 2 to 7 windows | -4 |
    | `chunking_heavy` | a `chunked` export of 8 windows or more | -10 |
    | `no_time_cursor` | a `time_window` export whose cursor quality is `none`: no index finds its rows | -6 |
    | `sparse_range_risk` | the range of keys is sparse | -18 |
    | `reconcile_required` | source and files are to be compared after the run | -12 |
    | `freshness_hint_recent` | the freshness is `recent` | +6 |
    | `preflight_efficient` | the verdict is `efficient` | +8 |
    | `preflight_degraded` | the verdict is `degraded` | -12 |
    | `preflight_unsafe` | the verdict is `unsafe` | -25 |
    | `recent_failure_history` | the newest run failed | -8 |
    | `high_retry_rate_history` | more than 0.3 retries a run, over 3 runs or more | -5 |
    | `slow_history` | 5 minutes or more on average, over 3 runs or more | -4 |
    | `low_confidence_metadata` | the confidence is below 1; where there is no row estimate, 3 points less on top of that | toward 50 |
    | `shared_source_heavy_conflict` | one of two or more heavy exports of a source group | 0 |
    | `nothing_stands_out` | no other rule has spoken | 0 |
    ");
    insta::assert_snapshot!(confidence_table(), @r"
    | when | confidence |
    |---|---|
    | the checks before the run came to no end | x0.5 |
    | there is no row estimate | x0.7 |
    | the server has no statistics of the table | x0.7 |
    | the statistics are far from the live number of rows | x0.9 |
    | the export is `incremental` or `chunked` and the bounds of its column were not observed | x0.9 |
    ");
}

#[test]
fn serde_is_all_that_the_crate_needs() {
    let manifest = include_str!("../../Cargo.toml");
    let sections = manifest.split("\n[").filter_map(|section| section.split_once("]\n"));
    // `[dependencies]`, `[build-dependencies]`, `[target.X.dependencies]`, `[dependencies.X]`
    let is_needed =
        |name: &str| name.split('.').any(|part| part.ends_with("dependencies") && part != "dev-dependencies");
    let needed: Vec<_> = sections
        .filter(|(name, _)| is_needed(name))
        .flat_map(|(name, lines)| lines.lines().map(move |line| (name, line)))
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    assert_eq!(needed, [("dependencies", "serde.workspace = true")]);
}
