use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rivet_model::RowRange;

use super::range::{Keys, compare};
use super::table::Table;
use super::value::Value;
use crate::{Hold, ScanSpec, SourceError, SourceErrorKind, Watermark, WatermarkRequest};

/// Answers [`Source::watermark`](crate::Source::watermark).
pub(super) fn watermark(table: &Table, spec: &ScanSpec, request: &WatermarkRequest) -> Result<Watermark, SourceError> {
    let now = Timestamp::now();
    let keys = Keys::new(table, spec)?;
    let sorted = keys.sorted(&RowRange::Key { lower: None, upper: None })?;
    let after = request.after.as_deref().map(|values| keys.position(values)).transpose()?;
    let until = held_back(&keys, &request.hold, now)?;
    let free =
        sorted.partition_point(|key| until.as_ref().is_none_or(|values| compare(key, values) != Ordering::Greater));
    let highest = sorted[..free].last();
    let highest = highest.filter(|key| after.as_ref().is_none_or(|values| compare(key, values) == Ordering::Greater));
    let scalars = |key: Option<&&[Value]>| key.map(|key| keys.scalars(key)).transpose();
    Ok(Watermark {
        highest: scalars(highest)?,
        newest: scalars(sorted.last())?,
        null_rows: request.count_nulls.then(|| keys.null_rows()),
        now,
        seen_at: Timestamp::now(),
        oldest_transaction: None,
        probes: Vec::new(),
    })
}

/// Returns the last position that may be read, none for no limit.
fn held_back(keys: &Keys, hold: &Hold, now: Timestamp) -> Result<Option<Vec<Value>>, SourceError> {
    let config = |message: String| SourceError::new(SourceErrorKind::Config, message);
    match hold {
        Hold::Nothing => Ok(None),
        Hold::Position(values) => keys.position(values).map(Some),
        Hold::Clock { lag, time_zone } => {
            let zone = TimeZone::get(time_zone)
                .map_err(|error| config(format!("`{time_zone}` is no time zone")).with_source(error))?;
            let until =
                now.checked_sub(*lag).map_err(|error| config("the lag is too long".to_owned()).with_source(error))?;
            let value = keys.first_type().until(until, &zone);
            value.map(|value| Some(vec![value])).ok_or_else(|| {
                config("the cursor holds no days or moments, which a clock could be compared with".to_owned())
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use arrow::array::{Array, Date32Array, RecordBatch, TimestampMicrosecondArray};
    use jiff::SignedDuration;
    use rivet_model::{Relation, Scalar};

    use super::*;
    use crate::memory::describe::description;
    use crate::{DescribeRequest, KeyRequest};

    /// Asks for the watermark of one column.
    fn ask(at: Arc<dyn Array>, hold: Hold) -> Result<Option<Vec<Scalar>>, SourceError> {
        let table = Table::new(RecordBatch::try_from_iter([("at", at)]).unwrap());
        let key = KeyRequest { columns: vec!["at".parse().unwrap()], ..KeyRequest::default() };
        let request = DescribeRequest {
            relation: Relation::Table("t".parse().unwrap()),
            columns: <_>::default(),
            numeric_default: <_>::default(),
            on_unrepresentable: None,
            key: Some(key),
        };
        let description = description(&table, &request).unwrap();
        assert!(description.key.temporal);
        let request = WatermarkRequest { after: None, hold, count_nulls: false };
        watermark(&table, &description.spec, &request).map(|answer| answer.highest)
    }

    fn clock(lag: Duration, time_zone: &str) -> Hold {
        Hold::Clock { lag, time_zone: time_zone.to_owned() }
    }

    #[test]
    fn a_clock_holds_moments_back() {
        // In whole microseconds, as the column holds them.
        let now = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap();
        let ago = |minutes| (now - SignedDuration::from_mins(minutes)).as_microsecond();
        let moments = || TimestampMicrosecondArray::from(vec![ago(90), ago(30), ago(-30)]);
        let minutes = |of_highest: Option<Vec<Scalar>>| {
            let [Scalar::Timestamp(text) | Scalar::TimestampTz(text)] = &of_highest.unwrap()[..] else { panic!() };
            let at = text.trim_end_matches("+00").parse::<jiff::civil::DateTime>().unwrap();
            now.duration_until(at.to_zoned(TimeZone::UTC).unwrap().timestamp()).as_mins()
        };
        let with_zone = || Arc::new(moments().with_timezone("UTC"));
        for (lag, expected) in [(0, -30), (1, -30), (45, -90)] {
            let lag = Duration::from_mins(lag);
            assert_eq!(minutes(ask(with_zone(), clock(lag, "Asia/Tokyo")).unwrap()), expected);
            assert_eq!(minutes(ask(Arc::new(moments()), clock(lag, "UTC")).unwrap()), expected);
        }
        assert_eq!(ask(with_zone(), clock(Duration::from_hours(9), "UTC")).unwrap(), None);
        assert_eq!(minutes(ask(with_zone(), Hold::Nothing).unwrap()), 30);
        // A moment without a zone is one in the zone that is named: nine hours ahead, it is always in the past there.
        assert_eq!(minutes(ask(Arc::new(moments()), clock(Duration::ZERO, "Asia/Tokyo")).unwrap()), 30);
    }

    #[test]
    fn a_day_counts_once_it_is_over() {
        // The farthest zones: it is always another day in one of them.
        let first_zone = "Pacific/Kiritimati";
        let today = Timestamp::now().in_tz(first_zone).unwrap().date();
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = i32::try_from(today.duration_since(epoch).as_hours() / 24).unwrap();
        let column = || Arc::new(Date32Array::from(vec![days - 3, days - 1, days, days + 1]));
        let day = |highest: Option<Vec<Scalar>>| highest.unwrap()[0].to_string();
        let yesterday = today.yesterday().unwrap();
        assert_eq!(day(ask(column(), clock(Duration::ZERO, first_zone)).unwrap()), yesterday.to_string());
        let before = today.checked_sub(jiff::Span::new().days(3)).unwrap().to_string();
        assert_eq!(day(ask(column(), clock(Duration::ZERO, "Etc/GMT+12")).unwrap()), before);
        assert_eq!(day(ask(column(), clock(Duration::from_hours(24), first_zone)).unwrap()), before);
    }

    #[test]
    fn what_no_clock_compares_with_is_refused() {
        let error = ask(Arc::new(Date32Array::from(vec![1])), clock(Duration::ZERO, "No/Where")).unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Config);
        assert_eq!(error.to_string(), "`No/Where` is no time zone");
    }
}
