//! Which segment a record goes to.
//!
//! A segment holds one UTC day of one stream, as far as that is possible: within an origin records have to be sealed in the
//! order of their offsets, because the log accepts a range only where the one before it ends. So the open segments of a stream
//! stand in a row, an origin only ever moves forward in it, and they are claimed in that order.

use std::collections::HashMap;

use strongroom_crypto::time::Instant;

use crate::limits::Limits;
use crate::segment::OpenSegment;

/// A segment with fewer rows than this is not left for another one of the same day: locked files cannot be merged later.
const WORTHWHILE_ROWS: usize = 1_000;
/// Days that lie this far before the receipt share a segment until enough of their events have come.
const LATE_DAYS: i64 = 7;
/// An event time further ahead of the receipt than this is not believed when a day is chosen.
const MAX_FUTURE_DAYS: i64 = 1;
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
}

/// The open segments of one stream.
#[derive(Debug)]
pub struct Row {
    received_day: i64,
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
}

impl Way {
    /// True if the segment at `order` took the origin's last record.
    pub fn is_at(&self, order: u64) -> bool {
        self.current == Some(order)
    }
}

impl Row {
    /// An empty row for records received on a day.
    pub fn new(received_day: i64) -> Self {
        Self { received_day, open: Vec::new(), next: 0, past: HashMap::new() }
    }

    /// The day that files an event of a time.
    fn day(&mut self, time_us: i64) -> Day {
        let day = time_us.div_euclid(DAY_US);
        if day > self.received_day + MAX_FUTURE_DAYS {
            return Day::Of(self.received_day);
        }
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
        let day = match (time_us, here) {
            (Some(time), _) => self.day(time),
            (None, Some(here)) => here,
            (None, None) => Day::Of(self.received_day),
        };
        let least = way.current.unwrap_or(0);
        let found = self.open.iter().position(|placed| placed.day == day && placed.order >= least);
        let behind = self.open.iter().any(|placed| placed.day == day);
        let stay = || {
            self.open
                .iter()
                .position(|p| Some(p.order) == way.current && p.segment.rows() < WORTHWHILE_ROWS)
        };
        let place = if let Some(place) = found.or_else(|| if behind { stay() } else { None }) {
            place
        } else {
            let segment = open(day)?;
            self.open.push(Placed { order: self.next, day, segment });
            self.next += 1;
            self.open.len() - 1
        };
        way.current = self.open.get(place).map(|placed| placed.order);
        // INVARIANT: `place` was found or pushed just now.
        #[expect(clippy::indexing_slicing, reason = "the place was found or made above")]
        Ok(&mut self.open[place])
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
        Day::Late => received_day,
    };
    let ms = day.saturating_mul(86_400_000);
    Instant::from_unix_ms(ms).unwrap_or(Instant::MIN)
}
