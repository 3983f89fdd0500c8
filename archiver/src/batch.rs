//! Which segment a record goes to.
//!
//! A segment holds one UTC day of one stream, as far as that is possible: within an origin records have to be sealed in the
//! order of their offsets, because the log accepts a range only where the one before it ends. So the open segments of a stream
//! stand in a row, an origin only ever moves forward in it, and they are claimed in that order. Events that lie too far ahead
//! of their receipt have segments of their own in it.

use std::collections::HashMap;

use jiff::SignedDuration;
use strongroom_crypto::time::Instant;

use crate::limits::Limits;
use crate::quarantine::is_ahead;
use crate::segment::OpenSegment;

/// A segment with fewer rows than this is not left for another one of the same day: locked files cannot be merged later.
const WORTHWHILE_ROWS: usize = 1_000;
/// Days that lie this far before the receipt share a segment until enough of their events have come.
const LATE_DAYS: i64 = 7;
/// How often an origin leaves its segment in a run for one of events ahead of their receipt: each time costs two segments.
/// What comes later stays among the others, and retention counts all of those from the latest time that it believes.
const MAX_EXCURSIONS: u32 = 8;
const DAY_US: i64 = 86_400_000_000;
/// Ranges of one segment: its claim has to stay below 1 MiB.
const MAX_RANGES: usize = 1_000;
/// Bytes of tails of one segment: readers bound the list that holds them.
const MAX_TAIL_BYTES: usize = 64 << 20;

/// Where a segment's records lie in time.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Day {
    /// Days since 1970.
    Of(i64),
    /// Days long past with few events each.
    Late,
    /// Further ahead of the receipt than an event may be.
    Ahead,
}

/// An open segment in the row.
#[derive(Debug)]
pub struct Placed {
    /// Its place in the row; greater is later.
    pub order: u64,
    /// Its day.
    pub day: Day,
    /// The segment.
    pub segment: OpenSegment,
    /// Its events that lie too far ahead of their receipt.
    pub ahead: u64,
}

/// The open segments of one stream.
#[derive(Debug)]
pub struct Row {
    received_us: i64,
    received_day: i64,
    skew: SignedDuration,
    open: Vec<Placed>,
    next: u64,
    /// Events seen of each long past day.
    past: HashMap<i64, usize>,
}

/// An origin's way along the row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Way {
    /// The segment that took its last record.
    current: Option<u64>,
    /// How often it has left the others for a segment of events ahead.
    excursions: u32,
}

impl Way {
    /// True if the segment at `order` took the origin's last record.
    pub fn is_at(&self, order: u64) -> bool {
        self.current == Some(order)
    }
}

impl Row {
    /// An empty row for records received at a time in µs since 1970, whose events may lie so far ahead of it.
    pub fn new(received_us: i64, skew: SignedDuration) -> Self {
        let received_day = received_us.div_euclid(DAY_US);
        Self { received_us, received_day, skew, open: Vec::new(), next: 0, past: HashMap::new() }
    }

    /// The day that files an event of a time.
    fn day(&mut self, time_us: i64) -> Day {
        let day = time_us.div_euclid(DAY_US);
        if day >= self.received_day - LATE_DAYS {
            return Day::Of(day);
        }
        let seen = self.past.entry(day).or_default();
        *seen += 1;
        if *seen > WORTHWHILE_ROWS { Day::Of(day) } else { Day::Late }
    }

    /// Finds the segment for an event of `time_us`; `open` makes a new one.
    ///
    /// # Errors
    ///
    /// Those of `open`.
    pub fn place<E>(
        &mut self,
        way: &mut Way,
        time_us: Option<i64>,
        open: impl FnOnce(Day) -> Result<OpenSegment, E>,
    ) -> Result<&mut Placed, E> {
        let here = self
            .open
            .iter()
            .find(|placed| Some(placed.order) == way.current)
            .map(|placed| placed.day);
        // A record that does not say when it happened stays with the one before it in its origin.
        let unsaid = here.unwrap_or(Day::Of(self.received_day));
        let is_ahead = time_us.is_some_and(|time| is_ahead(time, self.received_us, self.skew));
        let leaves = is_ahead && here != Some(Day::Ahead);
        let day = match time_us {
            Some(_) if leaves && way.excursions >= MAX_EXCURSIONS => unsaid,
            Some(_) if is_ahead => Day::Ahead,
            Some(time) => self.day(time),
            None => unsaid,
        };
        way.excursions += u32::from(leaves && day == Day::Ahead);
        let least = way.current.unwrap_or(0);
        let found = self.open.iter().position(|placed| placed.day == day && placed.order >= least);
        let behind = self.open.iter().any(|placed| placed.day == day);
        // Neither joins the others for the sake of size.
        let apart = day == Day::Ahead || here == Some(Day::Ahead);
        let small = |p: &Placed| Some(p.order) == way.current && p.segment.rows() < WORTHWHILE_ROWS;
        let stay = || self.open.iter().position(|placed| !apart && small(placed));
        let place = if let Some(place) = found.or_else(|| if behind { stay() } else { None }) {
            place
        } else {
            let segment = open(day)?;
            self.open.push(Placed { order: self.next, day, segment, ahead: 0 });
            self.next += 1;
            self.open.len() - 1
        };
        way.current = self.open.get(place).map(|placed| placed.order);
        // INVARIANT: `place` was found or pushed just now.
        #[expect(clippy::indexing_slicing, reason = "the place was found or made above")]
        let placed = &mut self.open[place];
        placed.ahead += u64::from(is_ahead);
        Ok(placed)
    }

    /// The segment that took an origin's last record, if it is still open.
    pub fn current(&mut self, way: &Way) -> Option<&mut Placed> {
        self.open.iter_mut().find(|placed| Some(placed.order) == way.current)
    }

    /// Takes out a segment that has reached a bound: its own, or the largest when all together hold too much.
    pub fn take_full(&mut self, limits: &Limits, memory: usize) -> Option<Placed> {
        let full = |placed: &Placed| {
            let segment = &placed.segment;
            segment.rows() >= limits.segment_rows
                || segment.memory() >= Limits::SEGMENT_BYTES
                || segment.ranges().len() >= MAX_RANGES
                || segment.tail_bytes() >= MAX_TAIL_BYTES
        };
        let held: usize = self.open.iter().map(|placed| placed.segment.memory()).sum();
        let place = self.open.iter().position(full).or_else(|| {
            let crowded = held > memory || self.open.len() > Limits::OPEN_SEGMENTS;
            let largest =
                self.open.iter().enumerate().max_by_key(|(_, placed)| placed.segment.memory());
            largest.filter(|_| crowded).map(|(place, _)| place)
        })?;
        Some(self.open.remove(place))
    }

    /// Takes out whatever is open, in order.
    pub fn take_next(&mut self) -> Option<Placed> {
        if self.open.is_empty() { None } else { Some(self.open.remove(0)) }
    }

    /// The least order that is still open.
    pub fn first_open(&self) -> Option<u64> {
        self.open.first().map(|placed| placed.order)
    }

    /// True when nothing is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

/// The day that a segment is filed under.
pub fn date(day: Day, received_day: i64) -> Instant {
    let day = match day {
        Day::Of(day) => day,
        Day::Late | Day::Ahead => received_day,
    };
    let ms = day.saturating_mul(86_400_000);
    Instant::from_unix_ms(ms).unwrap_or(Instant::MIN)
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::keys::DataKey;
    use strongroom_crypto::{ArchiveId, SegmentId};

    use super::*;

    const RECEIVED_US: i64 = 20_000 * DAY_US + DAY_US / 2;
    const MINUTE_US: i64 = 60_000_000;
    const YEARS_US: i64 = 20_000 * DAY_US;

    fn open() -> OpenSegment {
        let id = SegmentId::new(1, &mut |_: &mut [u8]| ()).unwrap();
        let (archive, key) = (ArchiveId::from_bytes([1; 16]), DataKey::from_bytes(&[7; 32]));
        OpenSegment::new(archive, id, "audit", key)
    }

    /// Which segments take events so far ahead of their receipt, in µs, one after the other.
    fn placed(skew: SignedDuration, ahead_us: &[Option<i64>]) -> Vec<(u64, Day)> {
        let (mut row, mut way) = (Row::new(RECEIVED_US, skew), Way::default());
        let mut place = |ahead: &Option<i64>| {
            let time = ahead.map(|ahead| RECEIVED_US + ahead);
            let placed = row.place(&mut way, time, |_| Ok::<_, ()>(open())).unwrap();
            (placed.order, placed.day)
        };
        ahead_us.iter().map(&mut place).collect()
    }

    #[test]
    fn what_lies_too_far_ahead_has_a_segment_of_its_own() {
        let five = SignedDuration::from_mins(5);
        let times = [0, 4 * MINUTE_US, 5 * MINUTE_US, 5 * MINUTE_US + 1_000, YEARS_US, -1];
        let found = placed(five, &times.map(Some));
        let today = Day::Of(20_000);
        let apart = [(0, today), (0, today), (0, today), (1, Day::Ahead), (1, Day::Ahead)];
        assert_eq!(found, [&apart[..], &[(2, today)]].concat());
        // A policy may believe more.
        let day = SignedDuration::from_hours(24);
        let found = placed(day, &[Some(0), Some(20 * 60 * MINUTE_US), Some(DAY_US + 1_000)]);
        assert_eq!(found, [(0, today), (1, Day::Of(20_001)), (2, Day::Ahead)]);
        // What does not say when it happened stays with the one before it.
        let found = placed(five, &[None, Some(YEARS_US), None, Some(0), None]);
        let orders: Vec<u64> = found.iter().map(|(order, _)| *order).collect();
        assert_eq!(orders, [0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_clock_that_is_wrong_time_and_again_does_not_cost_a_segment_each_time() {
        let times = [Some(0), Some(YEARS_US)].repeat(100);
        let found = placed(SignedDuration::from_mins(5), &times);
        assert!(found.iter().step_by(2).all(|(_, day)| *day != Day::Ahead));
        let apart = found.iter().filter(|(_, day)| *day == Day::Ahead).count();
        assert_eq!(apart, usize::try_from(MAX_EXCURSIONS).unwrap());
        assert_eq!(found.last().unwrap().0, 2 * u64::from(MAX_EXCURSIONS));
    }
}
