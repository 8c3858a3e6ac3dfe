use super::pair;

/// A day of the proleptic Gregorian calendar. The year is astronomical: year 0 is 1 BC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: u32,
    pub(super) day: u32,
}

impl Civil {
    /// Returns the day so many days after 1970-01-01.
    ///
    /// The count runs in eras of 400 years that begin on a 1 March, so that the leap day is the last of its year.
    pub(super) fn from_days(days: i64) -> Self {
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = u32::try_from(days.rem_euclid(146_097)).expect("a remainder is below its divisor");
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Self {
            year: era * 400 + i64::from(year_of_era) + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
        }
    }

    /// Appends `2024-02-29`: at least four digits of the year, counted back from 1 BC where it is not above 0.
    /// The mark that says so is [`Civil::push_era`]'s, because a time may stand between.
    pub(super) fn push(self, out: &mut Vec<u8>) {
        let year = if self.year > 0 { self.year } else { 1 - self.year };
        let (month, day) = (pair(self.month), pair(self.day));
        if let Ok(year @ 0..=9_999) = u32::try_from(year) {
            let (high, low) = (pair(year / 100), pair(year % 100));
            out.extend_from_slice(&[high[0], high[1], low[0], low[1], b'-', month[0], month[1], b'-', day[0], day[1]]);
        } else {
            out.extend_from_slice(itoa::Buffer::new().format(year).as_bytes());
            out.extend_from_slice(&[b'-', month[0], month[1], b'-', day[0], day[1]]);
        }
    }

    /// Appends ` BC` for a year before 1.
    pub(super) fn push_era(self, out: &mut Vec<u8>) {
        if self.year <= 0 {
            out.extend_from_slice(b" BC");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(days: i64) -> String {
        let mut out = Vec::new();
        let civil = Civil::from_days(days);
        civil.push(&mut out);
        civil.push_era(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn days_count_from_1970() {
        let check = |days, expected| assert_eq!(text(days), expected);
        check(0, "1970-01-01");
        check(-1, "1969-12-31");
        check(19_782, "2024-02-29");
        check(2_932_896, "9999-12-31");
        check(2_932_897, "10000-01-01");
        check(-719_162, "0001-01-01");
        check(-719_163, "0001-12-31 BC");
        check(-735_160, "0044-03-15 BC");
        check(2_145_042_905, "5874897-12-31");
        check(-2_440_588, "4714-11-24 BC");
    }

    proptest! {
        #[test]
        fn each_day_follows_the_one_before(days in -800_000_000_i64..2_145_000_000) {
            let (today, tomorrow) = (Civil::from_days(days), Civil::from_days(days + 1));
            let leap = today.year % 4 == 0 && (today.year % 100 != 0 || today.year % 400 == 0);
            let length = match today.month { 4 | 6 | 9 | 11 => 30, 2 if leap => 29, 2 => 28, _ => 31 };
            prop_assert!((1..=length).contains(&today.day));
            let expected = match (today.day == length, today.month) {
                (false, _) => Civil { day: today.day + 1, ..today },
                (true, 12) => Civil { year: today.year + 1, month: 1, day: 1 },
                (true, _) => Civil { month: today.month + 1, day: 1, ..today },
            };
            prop_assert_eq!(tomorrow, expected);
        }
    }
}
