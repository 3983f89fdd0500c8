//! The lock that a segment is born with, and how it rolls on while no policy decides.

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::name::Environment;

/// No lock of a test archive lasts longer, whatever it was created with.
const TEST_CAP: SignedDuration = SignedDuration::from_mins(10);
/// No lock ends later than 2106-02-07T06:28:15Z: stores that keep the date in 32 bits wrap beyond it,
/// and what is locked could be deleted at once.
pub const LATEST_LOCK: Timestamp = Timestamp::constant(4_294_967_295, 0);
/// How much longer a key is locked than the segments that it opens: less than the day that duty
/// `archive` may lock beyond the settling period.
const KEY_MARGIN: SignedDuration = SignedDuration::from_hours(12);

/// The settling period of an archive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settling {
    period: SignedDuration,
    key_period: SignedDuration,
    cap: SignedDuration,
}

impl Settling {
    /// The period that `log.open` fixes, capped in a test archive.
    pub fn new(period: SignedDuration, environment: Environment) -> Self {
        let cap = match environment {
            Environment::Test => TEST_CAP,
            Environment::Production => SignedDuration::MAX,
        };
        let half = period.checked_div(2).unwrap_or(SignedDuration::ZERO);
        let key_period = period.saturating_add(half.min(KEY_MARGIN)).min(cap);
        Self { period: period.min(cap), key_period, cap }
    }

    /// How long a new lock lasts.
    pub fn period(self) -> SignedDuration {
        self.period
    }

    /// The end of a lock that begins now, in whole milliseconds, which every store can hold.
    pub fn lock_until(self, now: Timestamp) -> Timestamp {
        whole(now, self.period)
    }

    /// The end of a key's lock that is set now. It lasts longer than a segment's, so that not every
    /// run has to move it.
    pub fn key_lock_until(self, now: Timestamp) -> Timestamp {
        whole(now, self.key_period)
    }

    /// The end of a lock that should last until a date: no lock of a test archive lasts longer than
    /// ten minutes from now, and none lasts beyond what stores can date.
    pub fn capped(self, until: Timestamp, now: Timestamp) -> Timestamp {
        until.min(whole(now, self.cap)).min(LATEST_LOCK)
    }

    /// True when less than half the period is left of a lock: it is extended before anything else.
    pub fn is_overdue(self, until: Timestamp, now: Timestamp) -> bool {
        until.duration_since(now) < self.share(2)
    }

    /// True while a segment may still be claimed.
    ///
    /// A claim has to come within the first quarter. An extension of all locks that did not see the
    /// segment is followed by the next one half a period later, and the segment's own lock has to
    /// last until then.
    pub fn may_claim(self, lock_until: Timestamp, now: Timestamp) -> bool {
        let rest = self.period.saturating_sub(self.share(4));
        lock_until.duration_since(now) > rest
    }

    /// How long ago a lock began.
    pub fn age(self, lock_until: Timestamp, now: Timestamp) -> SignedDuration {
        self.period.saturating_sub(lock_until.duration_since(now))
    }

    /// How long stored segments may wait for their claim while a run goes on.
    pub fn patience(self) -> SignedDuration {
        self.share(8)
    }

    fn share(self, parts: i32) -> SignedDuration {
        self.period.checked_div(parts).unwrap_or(SignedDuration::ZERO)
    }
}

fn whole(now: Timestamp, period: SignedDuration) -> Timestamp {
    let until = now.saturating_add(period).unwrap_or(Timestamp::MAX);
    Timestamp::from_millisecond(until.as_millisecond()).unwrap_or(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_test_archive_locks_for_ten_minutes_at_most() {
        let week = SignedDuration::from_hours(24 * 7);
        assert_eq!(Settling::new(week, Environment::Test).lock_until(at(0)), at(600));
        assert_eq!(Settling::new(week, Environment::Production).lock_until(at(0)), at(604_800));
    }

    #[test]
    fn a_key_is_locked_longer_than_a_segment_by_half_a_day_at_most() {
        let key = |period, environment| Settling::new(period, environment).key_lock_until(at(0));
        let hours = SignedDuration::from_hours;
        assert_eq!(key(hours(168), Environment::Production), at(180 * 3_600));
        assert_eq!(key(hours(10), Environment::Production), at(15 * 3_600));
        assert_eq!(key(SignedDuration::from_mins(4), Environment::Test), at(360));
        assert_eq!(key(SignedDuration::from_mins(9), Environment::Test), at(600));
    }

    #[test]
    fn a_date_is_capped_in_a_test_archive_alone() {
        let day = SignedDuration::from_hours(24);
        assert_eq!(Settling::new(day, Environment::Test).capped(at(86_400), at(10)), at(610));
        assert_eq!(Settling::new(day, Environment::Test).capped(at(20), at(10)), at(20));
        assert_eq!(
            Settling::new(day, Environment::Production).capped(at(86_400), at(10)),
            at(86_400)
        );
    }

    #[test]
    fn no_lock_ends_where_dates_wrap() {
        let settling = Settling::new(SignedDuration::from_hours(24), Environment::Production);
        let capped = |second| settling.capped(at(second), at(10)).to_string();
        let last = i64::from(u32::MAX);
        assert_eq!(capped(last - 1), "2106-02-07T06:28:14Z");
        assert_eq!(capped(last), "2106-02-07T06:28:15Z");
        assert_eq!(capped(last + 1), "2106-02-07T06:28:15Z");
        assert_eq!(settling.capped(Timestamp::MAX, at(10)), LATEST_LOCK);
    }

    #[test]
    fn a_lock_is_overdue_in_its_second_half() {
        let settling = Settling::new(SignedDuration::from_secs(100), Environment::Test);
        assert!(!settling.is_overdue(at(100), at(50)));
        assert!(settling.is_overdue(at(100), at(51)));
        assert!(settling.is_overdue(at(100), at(200)));
    }

    #[test]
    fn a_segment_claimed_in_time_outlasts_the_next_extension() {
        let settling = Settling::new(SignedDuration::from_secs(100), Environment::Test);
        assert!(settling.may_claim(at(100), at(24)));
        assert!(!settling.may_claim(at(100), at(25)));
        assert_eq!(settling.age(at(100), at(25)), SignedDuration::from_secs(25));
        // Extended at 24 without it: the next extension begins when less than 50 s are left of
        // those locks, at 74, and its own lock still has 26 s.
        let extended = settling.lock_until(at(24));
        assert!(settling.is_overdue(extended, at(75)) && at(75) < at(100));
    }
}
