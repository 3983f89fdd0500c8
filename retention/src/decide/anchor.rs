//! The instant that starts a period.

use jiff::Timestamp;

use crate::catalogue::Regulation;
use crate::clock::Clocks;
use crate::decision::{Note, Start};
use crate::facts::{Facts, Times};
use crate::policy::{Defaults, StreamRule};

/// The instant that starts a period.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) at: Timestamp,
    pub(super) start: Start,
    /// When a clock event was recorded: nobody knew before.
    pub(super) known_from: Option<Timestamp>,
    pub(super) note: Option<Note>,
}

/// The event that a period waits for.
pub(super) struct Awaited(pub(super) String);

/// Where periods of one segment may start under one stream rule.
pub(super) struct Anchors<'a> {
    pub(super) facts: &'a Facts,
    pub(super) rule: &'a StreamRule,
    pub(super) defaults: &'a Defaults,
    pub(super) clocks: &'a Clocks,
    pub(super) now: Timestamp,
}

impl Anchors<'_> {
    /// The start of a minimum: it rounds up, so the last record counts.
    pub(super) fn of_min(&self, reg: &Regulation) -> Result<Anchor, Awaited> {
        self.later(&self.rule.clock.starts_of_min(reg))
    }

    /// The start of a maximum for the first record of the segment: it rounds down.
    pub(super) fn of_max(&self, reg: &Regulation) -> Result<Anchor, Awaited> {
        let starts = self.rule.clock.starts_of_max(reg);
        if starts.is_empty() { Ok(self.oldest()) } else { self.event(&starts) }
    }

    /// The start of a maximum for the last record: against it a minimum is weighed.
    pub(super) fn of_last_max(&self, reg: &Regulation) -> Result<Anchor, Awaited> {
        self.later(&self.rule.clock.starts_of_max(reg))
    }

    /// The last record, or the event where that is later: one that happened before the record was
    /// made starts nothing for it.
    fn later(&self, events: &[&str]) -> Result<Anchor, Awaited> {
        let record = self.newest();
        if events.is_empty() {
            return Ok(record);
        }
        let event = self.event(events)?;
        let is_later = record.at > event.at;
        Ok(if is_later { Anchor { known_from: event.known_from, ..record } } else { event })
    }

    fn event(&self, names: &[&str]) -> Result<Anchor, Awaited> {
        let name = names.first().copied().unwrap_or_default().to_owned();
        match self.clocks.started(&self.facts.stream, names, self.now) {
            Some(started) => Ok(Anchor {
                at: started.at,
                start: Start::Clock(name),
                known_from: Some(started.recorded_at),
                note: None,
            }),
            None => Err(Awaited(name)),
        }
    }

    /// The time of the last record: the later of event and receipt, so that a source that lies
    /// about the time can't make its events expire at once.
    pub(super) fn newest(&self) -> Anchor {
        let received = self.facts.receive_time.greatest();
        let anchor = |at, start, note| Anchor { at, start, known_from: None, note };
        let Some(times) = self.facts.event_time else {
            return anchor(received, Start::ReceiveTime, None);
        };
        let event = times.greatest();
        let latest = received.saturating_add(self.defaults.max_future_skew);
        let latest = latest.unwrap_or(Timestamp::MAX);
        if event > latest {
            // One that is believed, among those that are not, may be as late as any may be.
            let at = if times.least() > latest { received } else { latest };
            return anchor(at, Start::ReceiveTime, Some(Note::FutureEvent));
        }
        let day = self.rule.zone.date(received);
        let backfill = self.rule.backfill.as_ref();
        if event >= received {
            anchor(event, Start::EventTime, None)
        } else if backfill.is_some_and(|backfill| day < backfill.received_before) {
            anchor(event, Start::EventTime, Some(Note::Backfill))
        } else {
            anchor(received, Start::ReceiveTime, None)
        }
    }

    /// The time of the first record: the earlier of event and receipt.
    fn oldest(&self) -> Anchor {
        let received = self.facts.receive_time.least();
        let event = self.facts.event_time.map(Times::least);
        let (at, start) = match event.filter(|event| *event <= received) {
            Some(event) => (event, Start::EventTime),
            None => (received, Start::ReceiveTime),
        };
        Anchor { at, start, known_from: None, note: None }
    }
}
