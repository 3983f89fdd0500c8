//! The clocks of the log: what happened that periods count from.

use std::collections::{BTreeMap, BTreeSet};

use super::{root::append, void::Void};
use crate::{
    entry::{ClockChange, ClockEvent},
    json::{JsonError, ObjectReader, Value, array, object, text},
    name::{EventName, StreamName},
    time::Instant,
};

/// Greatest number of clocks: ten events of each of a thousand streams.
pub const MAX_CLOCKS: usize = 10_000;

/// What is known of one event of one stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Clock {
    /// When it happened, or was undone.
    pub happened: Instant,
    /// Which entry said so.
    pub index: u64,
    /// When that entry was made.
    pub recorded: Instant,
    /// It was undone: the clock has not started.
    pub reopened: bool,
}

/// All clocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Clocks(BTreeMap<(StreamName, EventName), Clock>);

impl Clocks {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&StreamName, &EventName, Clock)> {
        self.0.iter().map(|((stream, event), clock)| (stream, event, *clock))
    }

    /// The clock of an event.
    pub(super) fn get(&self, stream: &StreamName, event: &EventName) -> Option<&Clock> {
        self.0.get(&(stream.clone(), event.clone()))
    }

    /// The streams with a clock that was set by the entry at `index` or a later one.
    pub(super) fn set_since(&self, index: u64) -> BTreeSet<&StreamName> {
        let since = self.iter().filter(|(_, _, clock)| clock.index >= index);
        since.map(|(stream, _, _)| stream).collect()
    }

    pub(super) fn check(&self, at: Instant, event: &ClockEvent) -> Result<(), Void> {
        let ClockEvent { happened, kind, .. } = *event;
        if happened > at {
            return Err(Void::NotYetHappened { happened, at });
        }
        let known = self.get(&event.stream, &event.event);
        if known.is_none() && self.0.len() >= MAX_CLOCKS {
            return Err(Void::Full { what: "clocks", limit: MAX_CLOCKS });
        }
        let fits = match (kind, known) {
            (ClockChange::Later, None) => true,
            // Also of a clock that was reopened: what was undone can't be said again.
            (ClockChange::Later, Some(known)) if known.reopened => happened > known.happened,
            (ClockChange::Later, Some(known)) => happened >= known.happened,
            (ClockChange::Earlier, Some(known)) => !known.reopened && happened < known.happened,
            (ClockChange::Reopened, Some(known)) => !known.reopened && happened >= known.happened,
            (ClockChange::Earlier | ClockChange::Reopened, None) => false,
        };
        let (stream, name) = (event.stream.clone(), event.event.clone());
        let last = known.map(|known| known.index);
        if event.replaces != last {
            return Err(Void::ClockReplaced { stream, event: name, last });
        }
        if fits { Ok(()) } else { Err(Void::Clock { stream, event: name, kind: kind.as_str() }) }
    }

    pub(super) fn set(&mut self, event: ClockEvent, recorded: Instant, index: u64) {
        let reopened = event.kind == ClockChange::Reopened;
        let clock = Clock { happened: event.happened, index, recorded, reopened };
        self.0.insert((event.stream, event.event), clock);
    }

    pub(super) fn to_value(&self) -> Value {
        array(self.iter().map(|(stream, event, clock)| {
            object([
                ("event", text(event)),
                ("happened", text(clock.happened)),
                ("index", clock.index.into()),
                ("recorded", text(clock.recorded)),
                ("reopened", clock.reopened.into()),
                ("stream", text(stream)),
            ])
        }))
    }

    pub(super) fn take(root: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut clocks = BTreeMap::new();
        for mut item in root.objects("clocks")? {
            let key = (item.parsed("stream")?, item.parsed("event")?);
            let clock = Clock {
                happened: item.parsed("happened")?,
                index: item.u64("index")?,
                recorded: item.parsed("recorded")?,
                reopened: item.bool("reopened")?,
            };
            item.finish()?;
            append(root, "clocks", &mut clocks, key, clock)?;
        }
        Ok(Self(clocks))
    }
}
