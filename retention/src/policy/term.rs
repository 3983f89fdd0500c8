//! Periods with their cut-off, compared over every day that they can count from.

use std::iter;

use jiff::civil::{Date, date};

use crate::period::{Counting, Period};

/// From a day to the same day four years on: leap years make periods differ.
const ANCHOR_DAYS: usize = 4 * 365 + 1;

/// A period and how it is counted.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) counting: Counting,
    pub(super) period: Period,
}

impl Term {
    /// The last day of the period that a day starts; what ends beyond the calendar never does.
    pub(super) fn end(&self, day: Date) -> Date {
        let from = self.counting.cut_off(day);
        from.and_then(|from| self.period.after(from)).unwrap_or(Date::MAX)
    }

    /// The first day from which it ends before another.
    pub(super) fn shorter_than(&self, other: &Self) -> Option<Date> {
        anchors().find(|day| self.end(*day) < other.end(*day))
    }

    /// Whether it ends on the same day as another from some day on.
    pub(super) fn meets(&self, other: &Self) -> bool {
        anchors().any(|day| self.end(day) == other.end(day))
    }
}

/// Every day of a cycle of leap years.
pub(super) fn anchors() -> impl Iterator<Item = Date> {
    iter::successors(Some(date(2027, 1, 1)), |day| day.tomorrow().ok()).take(ANCHOR_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::Cutoff;

    fn term(period: &str, cutoff: Cutoff) -> Term {
        let counting = Counting { zone: "UTC".parse().unwrap(), cutoff };
        Term { counting, period: period.parse().unwrap() }
    }

    #[test]
    fn a_year_of_days_is_short_across_a_leap_day_only() {
        let (days, year) = (term("P365D", Cutoff::None), term("P12M", Cutoff::None));
        assert_eq!(days.shorter_than(&year), Some(date(2027, 3, 1)));
        assert_eq!(term("P366D", Cutoff::None).shorter_than(&year), None);
        assert_eq!(term("P1Y", Cutoff::None).shorter_than(&year), None);
    }

    #[test]
    fn a_cut_off_makes_a_period_longer() {
        let (from_day, from_end) = (term("P8Y", Cutoff::None), term("P8Y", Cutoff::CalendarYear));
        assert_eq!(from_day.shorter_than(&from_end), Some(date(2027, 1, 1)));
        assert_eq!(from_end.shorter_than(&from_day), None);
        assert!(from_day.meets(&from_end));
    }
}
