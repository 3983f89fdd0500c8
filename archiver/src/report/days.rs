//! Days with events, and the days between them without any.

use strongroom_crypto::entry::TimeRange;
use strongroom_crypto::time::{Instant, MS_PER_HOUR, civil_from_days};

const MS_PER_DAY: i64 = 24 * MS_PER_HOUR;

/// Days from the first to the last, in UTC, counted from 1970.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Run {
    pub(super) first: i64,
    pub(super) last: i64,
}

/// Days that have events.
#[derive(Clone, Debug, Default)]
pub(super) struct Days(Vec<Run>);

/// The day of an instant.
pub(super) fn day(at: Instant) -> i64 {
    at.unix_ms().div_euclid(MS_PER_DAY)
}

impl Run {
    /// How many days.
    pub(super) fn len(self) -> u64 {
        u64::try_from(self.last.saturating_sub(self.first).saturating_add(1)).unwrap_or(0)
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let date = |day| {
            let (year, month, day) = civil_from_days(day);
            format!("{year:04}-{month:02}-{day:02}")
        };
        if self.first == self.last {
            return f.write_str(&date(self.first));
        }
        write!(f, "{}..{}", date(self.first), date(self.last))
    }
}

impl Days {
    /// Adds the days of a segment. One that gathers late events of several days has events of the
    /// first and the last; what it has of the others is not known.
    pub(super) fn add(&mut self, times: TimeRange, late: bool) {
        let (first, last) = (day(times.min()), day(times.max()));
        if late {
            self.0.extend([Run { first, last: first }, Run { first: last, last }]);
        } else {
            self.0.push(Run { first, last });
        }
    }

    /// The first and the last day.
    pub(super) fn reach(&self) -> Option<Run> {
        let first = self.0.iter().map(|run| run.first).min()?;
        Some(Run { first, last: self.0.iter().map(|run| run.last).max()? })
    }

    /// The days of a run without events.
    pub(super) fn gaps(&self, within: Run) -> Vec<Run> {
        let mut runs = self.0.clone();
        runs.sort_unstable();
        let (mut gaps, mut next) = (Vec::new(), within.first);
        for run in runs {
            let gap = Run { first: next, last: run.first.saturating_sub(1).min(within.last) };
            if gap.first <= gap.last {
                gaps.push(gap);
            }
            next = next.max(run.last.saturating_add(1));
        }
        if next <= within.last {
            gaps.push(Run { first: next, last: within.last });
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(segments: &[(i64, i64, bool)]) -> Days {
        let mut days = Days::default();
        let at = |day: i64| Instant::from_unix_ms(day * MS_PER_DAY + MS_PER_HOUR).unwrap();
        for (first, last, late) in segments {
            days.add(TimeRange::new(at(*first), at(*last)).unwrap(), *late);
        }
        days
    }

    fn gaps(segments: &[(i64, i64, bool)], first: i64, last: i64) -> Vec<(i64, i64)> {
        let gaps = days(segments).gaps(Run { first, last });
        gaps.into_iter().map(|gap| (gap.first, gap.last)).collect()
    }

    #[test]
    fn gaps_lie_between_what_is_there() {
        let some = [(10, 12, false), (12, 13, false), (17, 17, false)];
        assert_eq!(gaps(&some, 10, 17), [(14, 16)]);
        assert_eq!(gaps(&some, 8, 20), [(8, 9), (14, 16), (18, 20)]);
        assert_eq!(gaps(&some, 11, 15), [(14, 15)]);
        assert_eq!(gaps(&some, 15, 15), [(15, 15)]);
        assert_eq!(gaps(&[], 1, 2), [(1, 2)]);
        assert_eq!(days(&some).reach(), Some(Run { first: 10, last: 17 }));
    }

    #[test]
    fn what_gathers_late_events_hides_no_gap() {
        assert_eq!(gaps(&[(3, 9, true), (4, 5, false)], 3, 9), [(6, 8)]);
        assert_eq!(gaps(&[(3, 9, false)], 3, 9), []);
    }

    #[test]
    fn runs_are_dates() {
        assert_eq!(Run { first: 20_454, last: 20_454 }.to_string(), "2026-01-01");
        let run = Run { first: 20_453, last: 20_454 };
        assert_eq!((run.to_string(), run.len()), ("2025-12-31..2026-01-01".to_owned(), 2));
    }
}
