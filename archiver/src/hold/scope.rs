//! What a hold is asked to cover, and what that takes in beside it.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use strongroom_crypto::SegmentId;
use strongroom_crypto::detail::MAX_DETAIL_BYTES;
use strongroom_crypto::entry::TimeRange;
use strongroom_crypto::json::{JsonError, Members, ObjectReader, Value, array, object, text};
use strongroom_crypto::name::StreamName;
use strongroom_crypto::state::{LiveSegment, State};
use strongroom_crypto::time::Instant;

use super::{Events, Found, Search};
use crate::log::instant;
use crate::segment::Decoded;

/// Which segments.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scope {
    /// Of these streams; of all, if there are none.
    pub streams: BTreeSet<StreamName>,
    /// Of these, those with such events.
    pub search: Search,
    /// With events or receipts from then on.
    pub from: Option<Instant>,
    /// With events or receipts up to then, itself included.
    pub to: Option<Instant>,
    /// And these, whatever else they are.
    pub segments: BTreeSet<SegmentId>,
    /// New ones of the streams too.
    pub standing: bool,
}

/// What a hold takes in: whole segments, for one held event holds its segment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Collateral {
    /// Segments.
    pub segments: u64,
    /// Events in them.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Which events of what a hold takes in were asked for; the others are held beside them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Matching {
    /// They were.
    pub asked: u64,
    /// Nobody knows: their segments are asked for by a time that they reach beyond, or cannot be read.
    pub unknown: u64,
}

/// What a hold is about: for the eyes of those who have the archive's keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Matter {
    /// The matter.
    pub matter: String,
    /// Whose records they are.
    pub custodians: Vec<String>,
    /// The texts that they were told it with.
    pub notices: Vec<String>,
    /// What was asked for.
    pub scope: Scope,
}

impl Scope {
    /// Whether it names nothing at all.
    pub fn is_empty(&self) -> bool {
        !self.asks() && self.segments.is_empty()
    }

    /// Whether it asks for more than single segments.
    fn asks(&self) -> bool {
        !self.streams.is_empty()
            || !self.search.is_empty()
            || self.from.is_some()
            || self.to.is_some()
            || self.standing
    }

    /// Whether a segment is in it. A time is met by what events say and by when they came: what a
    /// source says late or wrong is held all the same.
    pub fn covers(&self, segment: &LiveSegment) -> bool {
        if self.segments.contains(&segment.segment_id) {
            return true;
        }
        let meets = |range: TimeRange| self.reaches(range.max()) && self.began(range.min());
        self.asks()
            && (self.streams.is_empty() || self.streams.contains(&segment.stream))
            && (segment.event_time.is_some_and(meets) || meets(segment.receive_time))
    }

    /// Whether an instant is not before it.
    fn reaches(&self, at: Instant) -> bool {
        self.from.is_none_or(|from| at >= from)
    }

    /// Whether an instant is not after it.
    fn began(&self, at: Instant) -> bool {
        self.to.is_none_or(|to| at <= to)
    }

    /// Whether a record is of its times, by what it says or by when it came.
    pub fn is_of_time(&self, record: &Decoded<'_>) -> bool {
        if self.from.is_none() && self.to.is_none() {
            return true;
        }
        let said = record.canonical("time").and_then(|time| time.parse::<Timestamp>().ok());
        let received = Timestamp::from_microsecond(record.received_us).ok();
        let mut times = [said, received].into_iter().flatten().map(instant);
        times.any(|at| self.reaches(at) && self.began(at))
    }

    /// Counts the events of held segments that were asked for. Of a stream they all were, and of a
    /// segment that was named; of a time those whose segment lies within it.
    pub fn matching(&self, segments: &[&LiveSegment], events: &Events, found: &Found) -> Matching {
        let within = |range: TimeRange| self.reaches(range.min()) && self.began(range.max());
        let mut matching = Matching::default();
        for segment in segments {
            let id = &segment.segment_id;
            let count = events.get(id).copied().unwrap_or(0);
            let asked = if self.segments.contains(id) {
                Some(count)
            } else if !self.search.is_empty() {
                found.matching.get(id).copied()
            } else {
                let whole = segment.event_time.is_some_and(within) || within(segment.receive_time);
                whole.then_some(count)
            };
            match asked {
                Some(asked) => matching.asked = matching.asked.saturating_add(asked),
                None => matching.unknown = matching.unknown.saturating_add(count),
            }
        }
        matching
    }

    /// The live segments of its streams that came at another time than it asks for. It may miss events
    /// of theirs that do not say when they happened.
    pub fn beside<'a>(&self, state: &'a State) -> Vec<&'a LiveSegment> {
        let timed = self.from.is_some() || self.to.is_some();
        let missed = |segment: &&LiveSegment| {
            timed
                && (self.streams.is_empty() || self.streams.contains(&segment.stream))
                && !self.covers(segment)
        };
        state.segments().filter(missed).collect()
    }

    /// The live segments in it, in order of the log.
    pub fn select<'a>(&self, state: &'a State) -> Vec<&'a LiveSegment> {
        state.segments().filter(|segment| self.covers(segment)).collect()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.streams.iter().map(StreamName::as_str).collect();
        if names.is_empty() && self.asks() {
            f.write_str("all streams")?;
        } else {
            write!(
                f,
                "streams {}",
                if names.is_empty() { "none".into() } else { names.join(", ") }
            )?;
        }
        self.from.map_or(Ok(()), |from| write!(f, ", from {from}"))?;
        self.to.map_or(Ok(()), |to| write!(f, ", until {to}"))?;
        for actor in &self.search.actors {
            write!(f, ", of actor `{actor}`")?;
        }
        for text in &self.search.texts {
            write!(f, ", with `{text}`")?;
        }
        if !self.segments.is_empty() {
            write!(f, ", segments by id: {}", self.segments.len())?;
        }
        if self.standing { f.write_str(", and new ones") } else { Ok(()) }
    }
}

impl Collateral {
    /// Adds up segments.
    pub fn of(segments: &[&LiveSegment], events: &Events) -> Self {
        segments.iter().fold(Self::default(), |sum, segment| {
            let count = events.get(&segment.segment_id).copied().unwrap_or(0);
            Self {
                segments: sum.segments.saturating_add(1),
                events: sum.events.saturating_add(count),
                bytes: sum.bytes.saturating_add(segment.bytes),
            }
        })
    }

    /// As commands print it.
    pub fn to_json(self) -> Value {
        object([
            ("bytes", self.bytes.into()),
            ("events", self.events.into()),
            ("segments", self.segments.into()),
        ])
    }
}

impl Matter {
    /// The document that is sealed.
    pub fn to_json(&self) -> Value {
        let scope = &self.scope;
        let texts = |texts: &BTreeSet<String>| array(texts.iter().map(String::as_str));
        let scope = object([
            ("actors", texts(&scope.search.actors)),
            ("from", scope.from.map(text).into()),
            ("segments", array(scope.segments.iter().map(text))),
            ("standing", scope.standing.into()),
            ("streams", array(scope.streams.iter().map(text))),
            ("texts", texts(&scope.search.texts)),
            ("to", scope.to.map(text).into()),
        ]);
        let mut members = Members::default();
        members.insert("custodians", array(self.custodians.iter().map(String::as_str)));
        members.insert("matter", self.matter.as_str());
        if !self.notices.is_empty() {
            members.insert("notices", array(self.notices.iter().map(String::as_str)));
        }
        members.insert("scope", scope);
        members.insert("v", 1);
        Value::Object(members)
    }

    /// Reads it again.
    ///
    /// # Errors
    ///
    /// Refuses what is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let mut members = ObjectReader::from_bytes(bytes, MAX_DETAIL_BYTES)?;
        members.exactly("v", 1)?;
        let custodians = texts(&mut members, "custodians")?;
        let matter = members.text("matter")?;
        let notices = match texts(&mut members, "notices") {
            Err(JsonError::Missing { .. }) => Vec::new(),
            notices => notices?,
        };
        let mut scope = members.object("scope")?;
        let segments = scope.sorted("segments", "not an array of segment ids")?;
        let streams = scope.sorted("streams", "not an array of streams")?;
        let search = Search {
            actors: texts(&mut scope, "actors")?.into_iter().collect(),
            texts: texts(&mut scope, "texts")?.into_iter().collect(),
        };
        let read = Scope {
            search,
            streams: streams.into_iter().collect(),
            from: scope.nullable("from")?,
            to: scope.nullable("to")?,
            segments: segments.into_iter().collect(),
            standing: scope.bool("standing")?,
        };
        scope.finish()?;
        members.finish()?;
        Ok(Self { matter, custodians, notices, scope: read })
    }
}

fn texts(members: &mut ObjectReader, name: &str) -> Result<Vec<String>, JsonError> {
    let values = members.array(name)?.into_iter();
    let texts = values.map(|value| match value {
        Value::Text(text) => Ok(text),
        _ => Err(members.refused(name, "not an array of texts")),
    });
    texts.collect()
}
