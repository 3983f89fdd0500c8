//! Events that start a retention period long after the record was made: an account is closed, a
//! procedure is superseded.

use jiff::Timestamp;
use strongroom_crypto::name::StreamName;

/// One event, as an officer recorded it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClockEvent {
    /// Whose clock it starts.
    pub stream: StreamName,
    /// What happened: `account_closed`, `last_in_effect`, …
    pub event: String,
    /// When it happened.
    pub at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// It was undone at that time: the clock stops, and the period is open again.
    pub reopened: bool,
    /// It corrects what was recorded before, even to an earlier time. Whether it is signed as such
    /// a correction has to be is checked where the log is.
    pub earlier: bool,
}

/// A clock event that cannot be true.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClockError {
    /// It was recorded before it happened.
    #[error(
        "`{event}` at {at} lies after it was recorded ({recorded_at}): record it when it has happened"
    )]
    Future {
        /// Which event.
        event: String,
        /// When it is said to happen.
        at: Timestamp,
        /// When it was recorded.
        recorded_at: Timestamp,
    },
}

/// When a clock started, and since when that is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Started {
    /// When it happened.
    pub at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// All clock events in the order in which they were recorded.
#[derive(Clone, Debug, Default)]
pub struct Clocks(Vec<ClockEvent>);

impl Clocks {
    /// Takes one more event.
    ///
    /// # Errors
    ///
    /// [`ClockError::Future`].
    pub fn record(&mut self, event: ClockEvent) -> Result<(), ClockError> {
        if event.at > event.recorded_at {
            let ClockEvent { event, at, recorded_at, .. } = event;
            return Err(ClockError::Future { event, at, recorded_at });
        }
        let place = self.0.partition_point(|other| other.recorded_at <= event.recorded_at);
        self.0.insert(place, event);
        Ok(())
    }

    /// When the clock of a stream started, by what was recorded up to an instant. The events may
    /// have several names, of which a correction touches its own. The latest counts; at one time an
    /// end weighs less than its undoing.
    pub fn started(
        &self,
        stream: &StreamName,
        names: &[&str],
        as_of: Timestamp,
    ) -> Option<Started> {
        let started = names.iter().filter_map(|name| self.last(stream, name, as_of));
        let last = started.max_by_key(|event| (event.at, event.reopened));
        let last = last.filter(|event| !event.reopened)?;
        Some(Started { at: last.at, recorded_at: last.recorded_at })
    }

    /// What is known of one event.
    fn last(&self, stream: &StreamName, name: &str, as_of: Timestamp) -> Option<&ClockEvent> {
        let known = self.0.iter().filter(|event| {
            event.recorded_at <= as_of && event.stream == *stream && event.event == name
        });
        known.fold(None, |last: Option<&ClockEvent>, event| {
            let is_later =
                last.is_none_or(|last| (event.at, event.reopened) > (last.at, last.reopened));
            if event.earlier || is_later { Some(event) } else { last }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn closed(happened: i64, recorded: i64) -> ClockEvent {
        ClockEvent {
            stream: "accounts".parse().unwrap(),
            event: "account_closed".to_owned(),
            at: at(happened),
            recorded_at: at(recorded),
            reopened: false,
            earlier: false,
        }
    }

    fn started(events: Vec<ClockEvent>, as_of: i64) -> Option<i64> {
        let mut clocks = Clocks::default();
        for event in events {
            clocks.record(event).unwrap();
        }
        let started = clocks.started(&"accounts".parse().unwrap(), &["account_closed"], at(as_of));
        started.map(|started| started.at.as_second())
    }

    #[test]
    fn the_latest_event_counts_and_only_once_it_is_recorded() {
        let twice = vec![closed(100, 110), closed(200, 210)];
        assert_eq!(started(twice.clone(), 109), None);
        assert_eq!(started(twice.clone(), 110), Some(100));
        assert_eq!(started(twice, 210), Some(200));
        assert_eq!(started(vec![closed(200, 210), closed(100, 300)], 400), Some(200));
    }

    #[test]
    fn a_correction_of_one_name_leaves_the_others() {
        let named = |event: ClockEvent, name: &str| ClockEvent { event: name.to_owned(), ..event };
        let corrected = ClockEvent { earlier: true, ..named(closed(100, 330), "approved") };
        let mut clocks = Clocks::default();
        for event in [
            named(closed(300, 310), "discontinued"),
            named(closed(200, 320), "approved"),
            corrected,
        ] {
            clocks.record(event).unwrap();
        }
        let stream = "accounts".parse().unwrap();
        let started = clocks.started(&stream, &["approved", "discontinued"], at(400));
        assert_eq!(started.map(|started| started.at), Some(at(300)));
    }

    #[test]
    fn a_reopened_clock_stands_still_until_a_later_event() {
        let reopened = ClockEvent { reopened: true, ..closed(150, 160) };
        assert_eq!(started(vec![closed(100, 110), reopened.clone()], 200), None);
        // A late record of the first closure does not end what was reopened after it.
        assert_eq!(started(vec![reopened.clone(), closed(100, 170)], 200), None);
        assert_eq!(started(vec![reopened.clone(), closed(150, 170)], 200), None);
        assert_eq!(started(vec![closed(100, 110), reopened, closed(180, 190)], 200), Some(180));
    }

    #[test]
    fn only_a_correction_that_says_so_moves_a_clock_earlier() {
        let correction = ClockEvent { earlier: true, ..closed(50, 300) };
        assert_eq!(started(vec![closed(100, 110), correction], 400), Some(50));
    }

    #[test]
    fn an_event_of_the_future_is_refused() {
        let mut clocks = Clocks::default();
        let error = clocks.record(closed(101, 100)).unwrap_err().to_string();
        assert!(error.contains("`account_closed`") && error.lines().count() == 1);
    }

    #[test]
    fn another_stream_and_another_event_have_clocks_of_their_own() {
        let mut clocks = Clocks::default();
        clocks.record(closed(100, 110)).unwrap();
        let names = ["account_closed"];
        assert!(clocks.started(&"other".parse().unwrap(), &names, at(200)).is_none());
        assert!(clocks.started(&"accounts".parse().unwrap(), &["last_used"], at(200)).is_none());
    }
}
