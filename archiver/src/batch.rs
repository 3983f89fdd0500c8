//! Which segment a record goes to.
//!
//! A segment holds one UTC day of one stream, as far as that is possible: within an origin records have to be sealed in the
//! order of their offsets, because the log accepts a range only where the one before it ends. So the open segments of a stream
//! stand in a row, an origin only ever moves forward in it, and they are claimed in that order. Events that lie too far ahead
//! of their receipt have segments of their own in it. A policy may want segments to span less than that.

use std::collections::{HashMap, HashSet};

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
/// How often an origin is given a new segment in a run for times that it has left: each time costs two segments. What comes
/// later stays with the others, whose segment then spans more than the policy wants, and is counted.
const MAX_RETURNS: u32 = 64;
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
    /// A part of that day: of which number since 1970, if all are as long as the policy wants.
    Part(i64, i64),
    /// Days long past with few events each: which of the spans that the policy wants since 1970, 0 without a policy.
    Late(i64),
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
    /// When the first and the last of its other events happened, but for those that stay with them all the same.
    span: Option<(i64, i64)>,
    /// It spans more than the policy wants.
    pub over: bool,
}

/// The open segments of one stream.
#[derive(Debug)]
pub struct Row {
    received_us: i64,
    received_day: i64,
    skew: SignedDuration,
    /// How much time may lie between the events of a segment, if a policy says so.
    max_span_us: Option<i64>,
    open: Vec<Placed>,
    next: u64,
    /// Events seen of each long past day.
    past: HashMap<i64, usize>,
}

/// An origin's way along the row.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// The segment that took its last record.
    current: Option<u64>,
    /// How often it has left the others for a segment of events ahead.
    excursions: u32,
    /// The days that it has had segments of, if a policy bounds what they span.
    visited: HashSet<Day>,
    /// How often it was given another segment for one of them.
    returns: u32,
}

impl Way {
    /// True if the segment at `order` took the origin's last record.
    pub fn is_at(&self, order: u64) -> bool {
        self.current == Some(order)
    }
}

impl Placed {
    /// The time that it spans if it takes one more event, if that is no more than it may.
    fn span_with(&self, time_us: i64, max_us: Option<i64>) -> Option<(i64, i64)> {
        let (least, most) = self.span.unwrap_or((time_us, time_us));
        let (least, most) = (least.min(time_us), most.max(time_us));
        max_us.is_none_or(|max| most.saturating_sub(least) <= max).then_some((least, most))
    }
}

impl Row {
    /// An empty row for records received at a time in µs since 1970, whose events may lie so far ahead of it and span so much
    /// in a segment.
    pub fn new(received_us: i64, skew: SignedDuration, max_span: Option<SignedDuration>) -> Self {
        let received_day = received_us.div_euclid(DAY_US);
        let max_span_us = max_span.map(|span| i64::try_from(span.as_micros()).unwrap_or(i64::MAX));
        let max_span_us = max_span_us.map(|span| span.max(1));
        let (open, past) = (Vec::new(), HashMap::new());
        Self { received_us, received_day, skew, max_span_us, open, next: 0, past }
    }

    /// The day that files an event of a time.
    fn day(&mut self, time_us: i64) -> Day {
        let day = time_us.div_euclid(DAY_US);
        let nth = self.max_span_us.map_or(0, |span| time_us.div_euclid(span));
        let of = match self.max_span_us {
            Some(span) if span < DAY_US => Day::Part(day, nth),
            _ => Day::Of(day),
        };
        // Nothing can share a segment that spans no more than a day.
        let alone = self.max_span_us.is_some_and(|span| span <= DAY_US);
        if alone || day >= self.received_day - LATE_DAYS {
            return of;
        }
        let seen = self.past.entry(day).or_default();
        *seen += 1;
        if *seen > WORTHWHILE_ROWS { of } else { Day::Late(nth) }
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
        let believed = time_us.filter(|_| !is_ahead);
        let place = if let Some(place) = self.find(way, here, day, believed) {
            place
        } else {
            way.returns += u32::from(way.visited.contains(&day));
            let segment = open(day)?;
            self.open.push(Placed {
                order: self.next,
                day,
                segment,
                ahead: 0,
                span: None,
                over: false,
            });
            self.next += 1;
            self.open.len() - 1
        };
        // INVARIANT: `place` was found or pushed just now.
        #[expect(clippy::indexing_slicing, reason = "the place was found or made above")]
        let placed = &mut self.open[place];
        if self.max_span_us.is_some() && way.current != Some(placed.order) {
            way.visited.insert(placed.day);
        }
        way.current = Some(placed.order);
        placed.ahead += u64::from(is_ahead);
        if let Some(time) = believed {
            match placed.span_with(time, self.max_span_us) {
                // What stays with the others must not keep them from each other.
                None => placed.over = true,
                span => placed.span = span,
            }
        }
        Ok(placed)
    }

    /// The open segment for an event of a day on an origin's way, if it needs no new one.
    fn find(&self, way: &Way, here: Option<Day>, day: Day, time_us: Option<i64>) -> Option<usize> {
        let least = way.current.unwrap_or(0);
        let fits = |placed: &Placed| {
            time_us.is_none_or(|time| placed.span_with(time, self.max_span_us).is_some())
        };
        let of_day = |placed: &Placed| placed.day == day && placed.order >= least && fits(placed);
        let behind = self.open.iter().any(|placed| placed.day == day);
        // Neither joins the others for the sake of size.
        let apart = day == Day::Ahead || here == Some(Day::Ahead);
        let small = |p: &Placed| Some(p.order) == way.current && p.segment.rows() < WORTHWHILE_ROWS;
        let stays = |placed: &Placed| behind && !apart && small(placed) && fits(placed);
        let spent = way.returns >= MAX_RETURNS && way.visited.contains(&day) && day != Day::Ahead;
        let any = |placed: &Placed| spent && placed.order >= least && placed.day != Day::Ahead;
        let found = self.open.iter().position(of_day);
        found
            .or_else(|| self.open.iter().position(stays))
            .or_else(|| self.open.iter().position(any))
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
        Day::Of(day) | Day::Part(day, _) => day,
        Day::Late(_) | Day::Ahead => received_day,
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
        placed_under(Row::new(RECEIVED_US, skew, None), ahead_us).0
    }

    /// The same in a row, and how many segments span too much.
    fn placed_under(mut row: Row, ahead_us: &[Option<i64>]) -> (Vec<(u64, Day)>, usize) {
        let mut way = Way::default();
        let mut place = |ahead: &Option<i64>| {
            let time = ahead.map(|ahead| RECEIVED_US + ahead);
            let placed = row.place(&mut way, time, |_| Ok::<_, ()>(open())).unwrap();
            (placed.order, placed.day)
        };
        let found = ahead_us.iter().map(&mut place).collect();
        (found, row.open.iter().filter(|placed| placed.over).count())
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

    /// How many segments events take under a policy, so many hours before their receipt, and how many of them span too much.
    fn segments(hours: i64, before: impl IntoIterator<Item = i64>) -> (u64, usize) {
        let (skew, span) = (SignedDuration::from_mins(5), SignedDuration::from_hours(hours));
        let times: Vec<_> = before.into_iter().map(|hours| Some(-hours * 60 * MINUTE_US)).collect();
        let (found, over) = placed_under(Row::new(RECEIVED_US, skew, Some(span)), &times);
        (found.iter().map(|(order, _)| order + 1).max().unwrap_or(0), over)
    }

    #[test]
    fn a_segment_spans_no_more_than_the_policy_wants() {
        // Forwards or backwards: a segment for each day with events, or for as many days as may share one.
        let years: Vec<i64> = (1..366).map(|tenth| tenth * 240).collect();
        assert_eq!(segments(24, years.iter().rev().copied()), (365, 0));
        assert_eq!(segments(24, years.iter().copied()), (365, 0));
        let (months, over) = segments(744, years.iter().copied());
        assert!((115..=120).contains(&months) && over == 0, "{months}, {over}");
        // The hours of a day.
        assert_eq!(segments(1, (0..12).rev()), (12, 0));
        assert_eq!(segments(24, (0..12).rev()), (1, 0));
        // Without a policy they share one.
        let skew = SignedDuration::from_mins(5);
        let times: Vec<_> = years.iter().map(|hours| Some(-hours * 60 * MINUTE_US)).collect();
        let (found, over) = placed_under(Row::new(RECEIVED_US, skew, None), &times);
        assert!(found.iter().all(|found| *found == (0, Day::Late(0))) && over == 0);
    }

    #[test]
    fn a_source_that_goes_back_time_and_again_does_not_cost_a_segment_each_time() {
        let (found, over) = segments(24, [2_400, 240].repeat(500));
        assert_eq!((found, over), (2 + u64::from(MAX_RETURNS), 1));
        // Times that it was not at before still get segments of their own.
        let later = [2_400, 240].repeat(500).into_iter().chain([480, 4_800]);
        assert_eq!(segments(24, later), (4 + u64::from(MAX_RETURNS), 1));
        // A little to and fro at midnight fits into one.
        assert_eq!(segments(24, [13, 11].repeat(100)), (2, 0));
        assert_eq!(segments(24, [39, 36, 38, 13]), (3, 0));
    }
}
