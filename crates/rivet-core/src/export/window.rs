use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use rivet_config::{TimeColumnType, TimeWindow};
use rivet_model::{KeyBound, RowRange, Scalar, ScalarKind};
use rivet_source::Description;

use super::ExportRun;
use super::plan::ReadPlan;
use crate::EngineError;

impl ExportRun {
    /// Reads from the beginning of a day on: whole days, in the time zone of the window. There is no upper end, so that
    /// rows dated in the future are read as well.
    pub(super) fn plan_window(&self, description: &Description, window: &TimeWindow) -> Result<ReadPlan, EngineError> {
        let wrong = |what: String, help: String| EngineError::Mode { export: self.config.name.clone(), what, help };
        let begin = Begin::find(self.started_at, window)
            .map_err(|error| wrong(format!("no window can be made: {error}"), "Change `days_window`.".to_owned()))?;
        let column = &window.column;
        let kind = description.spec.key.first().map(|key| key.kind);
        let Some(value) = kind.and_then(|kind| begin.value(kind, window.column_type)) else {
            let help = match window.column_type {
                TimeColumnType::Timestamp => {
                    "Name a column of dates or timestamps, or set `time_column_type: unix` for one of seconds."
                }
                TimeColumnType::Unix => "Name a column of numbers, or leave `time_column_type` out.",
            };
            let what = format!("the column `{column}` does not hold what `time_column_type` says");
            return Err(wrong(what, help.to_owned()));
        };
        if !description.key.indexed {
            self.note(format!("no index begins with `{column}`: each run reads the whole relation"));
        }
        self.note(format!("reads rows whose `{column}` is {value} or later"));
        let lower = Some(KeyBound::including(vec![value]));
        Ok(ReadPlan::shared(vec![RowRange::Key { lower, upper: None }]))
    }
}

/// The beginning of a window.
#[derive(Debug)]
struct Begin {
    day: Date,
    /// The first moment of the day in the window's time zone.
    moment: Timestamp,
}

impl Begin {
    fn find(now: Timestamp, window: &TimeWindow) -> Result<Self, jiff::Error> {
        let zone = TimeZone::get(&window.time_zone)?;
        let day = now.to_zoned(zone.clone()).date().checked_sub(Span::new().try_days(window.days)?)?;
        // Where a day has no midnight, because clocks were turned then, this is its first moment.
        Ok(Self { day, moment: day.to_zoned(zone)?.start_of_day()?.timestamp() })
    }

    /// Returns the beginning as a column of this kind holds it.
    fn value(&self, kind: ScalarKind, column_type: TimeColumnType) -> Option<Scalar> {
        match (column_type, kind) {
            (TimeColumnType::Timestamp, ScalarKind::Date) => Some(Scalar::Date(self.day.to_string())),
            (TimeColumnType::Timestamp, ScalarKind::Timestamp) => {
                Some(Scalar::Timestamp(format!("{} 00:00:00", self.day)))
            }
            (TimeColumnType::Timestamp, ScalarKind::TimestampTz) => {
                Some(Scalar::TimestampTz(self.moment.strftime("%Y-%m-%d %H:%M:%S+00").to_string()))
            }
            (TimeColumnType::Unix, ScalarKind::Int) => Some(Scalar::Int(self.moment.as_second())),
            (TimeColumnType::Unix, ScalarKind::Decimal) => Some(Scalar::Decimal(self.moment.as_second().to_string())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_with_a_whole_day_of_its_zone() {
        let check = |now: &str, zone: &str, days, expected: [&str; 4]| {
            let window = TimeWindow {
                column: "at".parse().unwrap(),
                column_type: TimeColumnType::Timestamp,
                days,
                time_zone: zone.to_owned(),
            };
            let begin = Begin::find(now.parse().unwrap(), &window).unwrap();
            let text = |kind, column_type| begin.value(kind, column_type).unwrap().to_string();
            let found = [
                text(ScalarKind::Date, TimeColumnType::Timestamp),
                text(ScalarKind::Timestamp, TimeColumnType::Timestamp),
                text(ScalarKind::TimestampTz, TimeColumnType::Timestamp),
                text(ScalarKind::Int, TimeColumnType::Unix),
            ];
            assert_eq!(found, expected, "{now} in {zone}");
        };
        check(
            "2026-03-31T12:00:00Z",
            "UTC",
            7,
            ["2026-03-24", "2026-03-24 00:00:00", "2026-03-24 00:00:00+00", "1774310400"],
        );
        // Still the day before in New York, and summer time has begun since.
        check(
            "2026-03-10T02:00:00Z",
            "America/New_York",
            7,
            ["2026-03-02", "2026-03-02 00:00:00", "2026-03-02 05:00:00+00", "1772427600"],
        );
        // The clocks of Santiago skip midnight on this day.
        check(
            "2026-09-06T12:00:00Z",
            "America/Santiago",
            0,
            ["2026-09-06", "2026-09-06 00:00:00", "2026-09-06 04:00:00+00", "1788667200"],
        );
    }

    #[test]
    fn a_column_must_hold_what_was_said() {
        let window = TimeWindow {
            column: "at".parse().unwrap(),
            column_type: TimeColumnType::Timestamp,
            days: 1,
            time_zone: "UTC".to_owned(),
        };
        let begin = Begin::find(Timestamp::UNIX_EPOCH, &window).unwrap();
        for (kind, column_type) in [
            (ScalarKind::Int, TimeColumnType::Timestamp),
            (ScalarKind::Text, TimeColumnType::Timestamp),
            (ScalarKind::Date, TimeColumnType::Unix),
            (ScalarKind::Text, TimeColumnType::Unix),
        ] {
            assert_eq!(begin.value(kind, column_type), None);
        }
    }
}
