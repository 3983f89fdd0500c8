//! `segment.seal`: what the log knows of a segment.

use crate::{
    digest::Digest,
    id::SegmentId,
    json::{JsonError, Members, ObjectReader, Value, array, object, text},
    name::{ClassName, HoldId, ObjectKey, PeriodKeyName, StreamName},
    time::Instant,
};

/// From the earliest to the latest of some times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimeRange {
    min: Instant,
    max: Instant,
}

impl TimeRange {
    /// Takes two instants in order.
    pub fn new(min: Instant, max: Instant) -> Option<Self> {
        (min <= max).then_some(Self { min, max })
    }

    /// The earliest.
    pub const fn min(self) -> Instant {
        self.min
    }

    /// The latest.
    pub const fn max(self) -> Instant {
        self.max
    }

    /// The object as it stands in entries and manifests.
    pub(crate) fn to_value(self) -> Value {
        object([("max", text(self.max)), ("min", text(self.min))])
    }

    /// Reads the member `name`.
    pub(crate) fn take(members: &mut ObjectReader, name: &str) -> Result<Self, JsonError> {
        Self::from_members(members.object(name)?)
    }

    /// Reads the member `name`, which may be `null`.
    pub(crate) fn take_nullable(
        members: &mut ObjectReader,
        name: &str,
    ) -> Result<Option<Self>, JsonError> {
        members.nullable_object(name)?.map(Self::from_members).transpose()
    }

    fn from_members(mut members: ObjectReader) -> Result<Self, JsonError> {
        let (max, min) = (members.parsed("max")?, members.parsed("min")?);
        let range = Self::new(min, max).ok_or_else(|| members.refused("max", "before `min`"))?;
        members.finish()?;
        Ok(range)
    }
}

/// The Merkle tree over a segment's leaves (`FORMAT.md`, section 3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EventTree {
    /// How many records; tail leaves are not counted.
    pub count: u64,
    /// The root over record leaves and tail leaves.
    pub root: Digest,
}

impl EventTree {
    /// The object as it stands in entries and manifests.
    pub(crate) fn to_value(self) -> Value {
        object([("count", self.count.into()), ("root", text(self.root))])
    }

    /// Reads the member `events`.
    pub(crate) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut events = members.object("events")?;
        let tree = Self { count: events.u64("count")?, root: events.parsed("root")? };
        events.finish()?;
        Ok(tree)
    }
}

/// The content of `segment.seal`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seal {
    /// Length of the object.
    pub bytes: u64,
    /// Record class, which with the policy decides how long.
    pub class: ClassName,
    /// Range of the times that the events themselves state, if any does.
    pub event_time: Option<TimeRange>,
    /// What the segment holds.
    pub events: EventTree,
    /// Which holds its writer had folded.
    pub hold_epoch: u64,
    /// The holds that stood over it.
    pub holds: Vec<HoldId>,
    /// Whether it gathers late events of several days.
    pub late: bool,
    /// Digest of the manifest's bytes.
    pub manifest_sha256: Digest,
    /// Where the object lies.
    pub object: ObjectKey,
    /// Digest of the object's bytes.
    pub object_sha256: Digest,
    /// The key that wraps its data key.
    pub period_key: PeriodKeyName,
    /// Digest of the policy in force, if one was.
    pub policy: Option<Digest>,
    /// Digest of the ranges that the claim's details and the manifest name.
    pub ranges_sha256: Digest,
    /// Range of the times at which its records were received.
    pub receive_time: TimeRange,
    /// How long the policy keeps it, if one was in force.
    pub retain_until: Option<Instant>,
    /// Its identity.
    pub segment_id: SegmentId,
    /// End of the lock that it was born with.
    pub settle_until: Instant,
    /// The stream that it belongs to.
    pub stream: StreamName,
}

impl Seal {
    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        let seal = Self {
            bytes: members.u64("bytes")?,
            class: members.parsed("class")?,
            event_time: TimeRange::take_nullable(members, "event_time")?,
            events: EventTree::take(members)?,
            hold_epoch: members.u64("hold_epoch")?,
            holds: members.sorted("holds", "not an array of hold ids")?,
            late: members.bool("late")?,
            manifest_sha256: members.parsed("manifest_sha256")?,
            object: members.parsed("object")?,
            object_sha256: members.parsed("object_sha256")?,
            period_key: members.parsed("period_key")?,
            policy: members.nullable("policy")?,
            ranges_sha256: members.parsed("ranges_sha256")?,
            receive_time: TimeRange::take(members, "receive_time")?,
            retain_until: members.nullable("retain_until")?,
            segment_id: members.parsed("segment_id")?,
            settle_until: members.parsed("settle_until")?,
            stream: members.parsed("stream")?,
        };
        if !seal.is_named_after_it() {
            return Err(members.refused("object", "not named after its stream and segment"));
        }
        Ok(seal)
    }

    /// Whether the object's name is one of its stream and segment: else an order to destroy the
    /// segment would reach something else.
    fn is_named_after_it(&self) -> bool {
        let folder = format!("segments/{}/", self.stream);
        let file = format!("/{}.parquet", self.segment_id);
        let name = self.object.as_str();
        name.starts_with(&folder) && name.ends_with(&file)
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("bytes", self.bytes);
        members.insert("class", text(&self.class));
        members.insert("event_time", self.event_time.map(TimeRange::to_value));
        members.insert("events", self.events.to_value());
        members.insert("hold_epoch", self.hold_epoch);
        members.insert("holds", array(self.holds.iter().map(text)));
        members.insert("late", self.late);
        members.insert("manifest_sha256", text(self.manifest_sha256));
        members.insert("object", text(&self.object));
        members.insert("object_sha256", text(self.object_sha256));
        members.insert("period_key", text(self.period_key));
        members.insert("policy", self.policy.map(text));
        members.insert("ranges_sha256", text(self.ranges_sha256));
        members.insert("receive_time", self.receive_time.to_value());
        members.insert("retain_until", self.retain_until.map(text));
        members.insert("segment_id", text(self.segment_id));
        members.insert("settle_until", text(self.settle_until));
        members.insert("stream", text(&self.stream));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::at, *};

    #[test]
    fn a_range_of_times_is_in_order() {
        assert!(TimeRange::new(at(1), at(0)).is_none());
        let swapped = object([("max", text(at(0))), ("min", text(at(1)))]);
        let mut members = ObjectReader::new(object([("t", swapped)])).unwrap();
        let error = TimeRange::take(&mut members, "t").unwrap_err();
        assert_eq!(error.to_string(), "`t.max`: before `min`");
    }

    #[test]
    fn holds_are_sorted_and_each_stands_once() {
        let read = |ids: &[&str]| {
            let value = object([("holds", array(ids.iter().copied()))]);
            let mut members = ObjectReader::new(value).unwrap();
            members.sorted::<HoldId>("holds", "not hold ids")
        };
        assert_eq!(read(&["a", "b"]).map(|holds| holds.len()), Ok(2));
        assert!(read(&["b", "a"]).is_err() && read(&["a", "a"]).is_err() && read(&["?"]).is_err());
    }
}
