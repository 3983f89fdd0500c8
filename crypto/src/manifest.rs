//! The manifest: the plain statement about one segment, beside it (`FORMAT.md`, section 5).
//!
//! It outlives the segment by as long as the log, so nothing in it is a person's: origins stand
//! as keyed handles.

use std::{fmt, str::FromStr};

use crate::{
    digest::{Digest, Sha512Digest},
    entry::{EventTree, Seal, TimeRange},
    id::{ArchiveId, SegmentId},
    json::{JsonError, ObjectReader, object, text},
    name::{ClassName, ObjectKey, PeriodKeyName, StreamName},
    range::RangeList,
    time::Instant,
};

/// Longest manifest in bytes: the greatest list of ranges and room for the rest.
pub const MAX_MANIFEST_BYTES: usize = 2 << 20;

/// What stands in `manifests/<segment id>.json`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Manifest {
    /// The archive that the segment belongs to.
    pub archive_id: ArchiveId,
    /// Length of the object.
    pub bytes: u64,
    /// Record class.
    pub class: ClassName,
    /// What happened to records beside being kept.
    pub counts: Counts,
    /// Range of the times that the events themselves state, if any does.
    pub event_time: Option<TimeRange>,
    /// What the segment holds.
    pub events: EventTree,
    /// The lock that the object was born with.
    pub lock: Lock,
    /// Where the object lies.
    pub object: ObjectKey,
    /// The key that wraps its data key.
    pub period_key: PeriodKeyName,
    /// Digest of the policy in force, if one was.
    pub policy: Option<Digest>,
    /// What it read of which origins.
    pub ranges: RangeList,
    /// Range of the times at which its records were received.
    pub receive_time: TimeRange,
    /// Digest of the column schema.
    pub schema_sha256: Digest,
    /// Its identity.
    pub segment_id: SegmentId,
    /// Digest of the object's bytes.
    pub sha256: Digest,
    /// A second digest of the object's bytes.
    pub sha512: Sha512Digest,
    /// The stream that it belongs to.
    pub stream: StreamName,
    /// Where the store put it: a locator, no part of its identity.
    pub version_id: String,
    /// The program that wrote it.
    pub writer: String,
}

/// Counts of records.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// How many repeat a native id of the segment; they are kept.
    pub duplicates: u64,
    /// How many the configuration left out.
    pub filtered: u64,
    /// How many were kept as they were, because they could not be read.
    pub rejected: u64,
}

/// A lock of the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lock {
    /// Who can lift it.
    pub mode: LockMode,
    /// Until when.
    pub until: Instant,
}

/// Who can lift a lock before its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LockMode {
    /// Nobody.
    Compliance,
    /// Whoever has the permission to.
    Governance,
}

/// A seal and a manifest that are not about the same thing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("seal and manifest of segment `{segment_id}` differ in `{member}`")]
pub struct SealMismatch {
    /// The segment of the manifest.
    pub segment_id: SegmentId,
    /// The member of the seal.
    pub member: &'static str,
}

impl Manifest {
    /// Reads the stored bytes.
    ///
    /// # Errors
    ///
    /// Refuses everything but the structure in its one spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let mut members = ObjectReader::from_bytes(bytes, MAX_MANIFEST_BYTES)?;
        members.exactly("v", 1)?;
        let manifest = Self {
            archive_id: members.parsed("archive_id")?,
            bytes: members.u64("bytes")?,
            class: members.parsed("class")?,
            counts: Counts::take(&mut members)?,
            event_time: TimeRange::take_nullable(&mut members, "event_time")?,
            events: EventTree::take(&mut members)?,
            lock: Lock::take(&mut members)?,
            object: members.parsed("object")?,
            period_key: members.parsed("period_key")?,
            policy: members.nullable("policy")?,
            ranges: RangeList::take(&mut members)?,
            receive_time: TimeRange::take(&mut members, "receive_time")?,
            schema_sha256: members.parsed("schema_sha256")?,
            segment_id: members.parsed("segment_id")?,
            sha256: members.parsed("sha256")?,
            sha512: members.parsed("sha512")?,
            stream: members.parsed("stream")?,
            version_id: members.text("version_id")?,
            writer: members.text("writer")?,
        };
        members.finish()?;
        Ok(manifest)
    }

    /// The canonical bytes: what is stored and hashed.
    pub fn encode(&self) -> Vec<u8> {
        let Counts { duplicates, filtered, rejected } = self.counts;
        let counts = object([
            ("duplicates", duplicates.into()),
            ("filtered", filtered.into()),
            ("rejected", rejected.into()),
        ]);
        let lock = object([("mode", text(self.lock.mode)), ("until", text(self.lock.until))]);
        object([
            ("archive_id", text(self.archive_id)),
            ("bytes", self.bytes.into()),
            ("class", text(&self.class)),
            ("counts", counts),
            ("event_time", self.event_time.map(TimeRange::to_value).into()),
            ("events", self.events.to_value()),
            ("lock", lock),
            ("object", text(&self.object)),
            ("period_key", text(self.period_key)),
            ("policy", self.policy.map(text).into()),
            ("ranges", self.ranges.to_value()),
            ("receive_time", self.receive_time.to_value()),
            ("schema_sha256", text(self.schema_sha256)),
            ("segment_id", text(self.segment_id)),
            ("sha256", text(self.sha256)),
            ("sha512", text(self.sha512)),
            ("stream", text(&self.stream)),
            ("v", 1.into()),
            ("version_id", self.version_id.as_str().into()),
            ("writer", self.writer.as_str().into()),
        ])
        .to_canonical()
    }

    /// Whether a seal is about this segment and says the same of it. That the seal names this
    /// manifest's digest is for the caller to check, who has its bytes.
    ///
    /// # Errors
    ///
    /// Names the first member that differs.
    pub fn check_seal(&self, seal: &Seal) -> Result<(), SealMismatch> {
        let same = [
            ("segment_id", self.segment_id == seal.segment_id),
            ("bytes", self.bytes == seal.bytes),
            ("class", self.class == seal.class),
            ("event_time", self.event_time == seal.event_time),
            ("events", self.events == seal.events),
            ("object", self.object == seal.object),
            ("object_sha256", self.sha256 == seal.object_sha256),
            ("period_key", self.period_key == seal.period_key),
            ("policy", self.policy == seal.policy),
            ("ranges_sha256", self.ranges.digest() == seal.ranges_sha256),
            ("receive_time", self.receive_time == seal.receive_time),
            ("stream", self.stream == seal.stream),
        ];
        match same.into_iter().find(|(_, same)| !same) {
            None => Ok(()),
            Some((member, _)) => Err(SealMismatch { segment_id: self.segment_id, member }),
        }
    }
}

impl Counts {
    fn take(manifest: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut members = manifest.object("counts")?;
        let counts = Self {
            duplicates: members.u64("duplicates")?,
            filtered: members.u64("filtered")?,
            rejected: members.u64("rejected")?,
        };
        members.finish().map(|()| counts)
    }
}

impl Lock {
    fn take(manifest: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut members = manifest.object("lock")?;
        let lock = Self { mode: members.parsed("mode")?, until: members.parsed("until")? };
        members.finish().map(|()| lock)
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compliance => "COMPLIANCE",
            Self::Governance => "GOVERNANCE",
        })
    }
}

/// A string that is no lock mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `GOVERNANCE` or `COMPLIANCE`")]
pub struct ParseLockModeError;

impl FromStr for LockMode {
    type Err = ParseLockModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "COMPLIANCE" => Ok(Self::Compliance),
            "GOVERNANCE" => Ok(Self::Governance),
            _ => Err(ParseLockModeError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        entry::tests::{at, seal},
        json::{Value, parse},
        origin::OriginHandle,
        range::OriginRange,
    };

    fn manifest() -> (Manifest, Seal) {
        let range = OriginRange {
            origin: OriginHandle::from_bytes([1; 16]),
            generation: 0,
            start: 0,
            end: 10,
            prefix_len: 10,
            prefix_mac: Digest::of(b"prefix"),
        };
        let ranges = RangeList::new(vec![range]).unwrap();
        let seal = Seal { ranges_sha256: ranges.digest(), ..seal() };
        let manifest = Manifest {
            archive_id: ArchiveId::from_bytes([7; 16]),
            bytes: seal.bytes,
            class: seal.class.clone(),
            counts: Counts { duplicates: 1, filtered: 2, rejected: 3 },
            event_time: seal.event_time,
            events: seal.events,
            lock: Lock { mode: LockMode::Governance, until: at(1_000) },
            object: seal.object.clone(),
            period_key: seal.period_key,
            policy: None,
            ranges,
            receive_time: seal.receive_time,
            schema_sha256: Digest::of(b"schema"),
            segment_id: seal.segment_id,
            sha256: seal.object_sha256,
            sha512: Sha512Digest::of(b"x"),
            stream: seal.stream.clone(),
            version_id: "v1".to_owned(),
            writer: "strongroom 0.1.0".to_owned(),
        };
        (manifest, seal)
    }

    #[test]
    fn a_manifest_survives_the_round_trip() {
        let (manifest, _) = manifest();
        let bytes = manifest.encode();
        assert_eq!(Manifest::parse(&bytes), Ok(manifest.clone()));
        let silent = Manifest { event_time: None, policy: Some(Digest::of(b"p")), ..manifest };
        assert_eq!(Manifest::parse(&silent.encode()), Ok(silent));
    }

    #[test]
    fn every_member_is_needed_and_has_its_kind() {
        let Ok(Value::Object(members)) = parse(&manifest().0.encode(), MAX_MANIFEST_BYTES) else {
            panic!("not an object")
        };
        for (name, _) in members.iter() {
            let mut fewer = members.clone();
            fewer.remove(name);
            let error = Manifest::parse(&Value::Object(fewer).to_canonical()).unwrap_err();
            assert_eq!(error.to_string(), format!("`{name}` is missing"));
            let mut other = members.clone();
            other.insert(name, true);
            let error = Manifest::parse(&Value::Object(other).to_canonical()).unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{name}` is not")), "{error}");
        }
        let mut more = members.clone();
        more.insert("note", "x");
        assert!(Manifest::parse(&Value::Object(more).to_canonical()).is_err());
        let mut lower = members;
        lower.insert("lock", object([("mode", "governance".into()), ("until", text(at(0)))]));
        let error = Manifest::parse(&Value::Object(lower).to_canonical()).unwrap_err();
        assert!(error.to_string().starts_with("`lock.mode`"), "{error}");
    }

    #[test]
    fn a_seal_says_what_its_manifest_says() {
        let (manifest, seal) = manifest();
        assert_eq!(manifest.check_seal(&seal), Ok(()));
        let other = Seal { events: EventTree { count: 4, ..seal.events }, ..seal.clone() };
        assert_eq!(manifest.check_seal(&other).unwrap_err().member, "events");
        let other = Seal { ranges_sha256: Digest::of(b"other"), ..seal };
        assert_eq!(manifest.check_seal(&other).unwrap_err().member, "ranges_sha256");
    }
}
