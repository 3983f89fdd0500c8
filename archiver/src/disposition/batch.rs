//! The batch: what officers see, and what their signatures are about.

use jiff::Timestamp;
use strongroom_crypto::entry::{DispositionOrder, EntryKind};
use strongroom_crypto::json::{JsonError, ObjectReader, Value, array, object, text};
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::name::{ClassName, OrderId, StreamName};
use strongroom_crypto::officer::Signatures;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId};

use crate::log::instant;
use crate::store::{ObjectKey, VersionId};

/// Most segments of a batch: the certificate, about 900 bytes for each, has to stay a document.
pub const MAX_BATCH_SEGMENTS: usize = 5_000;
/// Longest batch in bytes.
pub const MAX_BATCH_BYTES: usize = 16 << 20;

/// A batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Batch {
    /// Which order it becomes.
    pub order: OrderId,
    /// The instant as of which it was proposed.
    pub as_of: Instant,
    /// The policy in force.
    pub policy: Digest,
    /// Which holds stood.
    pub hold_epoch: u64,
    /// How many entries the log had.
    pub size: u64,
    /// Until when approvals count.
    pub expires_at: Instant,
    /// In order of their ids, each once, at least one.
    pub segments: Vec<Candidate>,
}

/// A segment that may go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    /// The segment.
    pub id: SegmentId,
    /// Its object.
    pub object: ObjectKey,
    /// The versions that would be deleted.
    pub versions: Vec<VersionId>,
    /// Their length.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Digest,
    /// The record class.
    pub class: ClassName,
    /// The stream.
    pub stream: StreamName,
    /// Until when it had to be kept.
    pub keep_until: Instant,
    /// When it has to be gone.
    pub must_go_by: Option<Instant>,
    /// When the grace is over.
    pub destroyable_from: Instant,
    /// The rule that kept it longest.
    pub deciding_rule: Option<String>,
}

impl Batch {
    /// The list of its segments.
    ///
    /// # Errors
    ///
    /// Refuses a batch of no segments, or with one twice.
    pub fn list(&self) -> Result<SegmentList, JsonError> {
        let ids = self.segments.iter().map(|segment| segment.id).collect();
        SegmentList::new(ids).ok_or_else(|| JsonError::refused("segments", "none, or one twice"))
    }

    /// The latest date until which one of them had to be kept.
    pub fn keep_until(&self) -> Instant {
        self.segments.iter().map(|segment| segment.keep_until).max().unwrap_or(Instant::MAX)
    }

    /// When the grace of all is over.
    pub fn destroyable_from(&self) -> Instant {
        self.segments.iter().map(|segment| segment.destroyable_from).max().unwrap_or(Instant::MAX)
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().fold(0, |sum, segment| sum.saturating_add(segment.bytes))
    }

    /// The entry that it becomes, without signatures: its statement is what officers sign.
    ///
    /// # Errors
    ///
    /// As [`Batch::list`].
    pub fn entry(&self) -> Result<EntryKind, JsonError> {
        Ok(EntryKind::DispositionOrder(Box::new(DispositionOrder {
            bytes: self.bytes(),
            count: u64::try_from(self.segments.len()).unwrap_or(u64::MAX),
            destroyable_from: self.destroyable_from(),
            expires_at: self.expires_at,
            hold_epoch: self.hold_epoch,
            keep_until: self.keep_until(),
            list: self.list()?.digest(),
            order: self.order.clone(),
            policy: self.policy,
            signatures: Signatures::default(),
            size: self.size,
        })))
    }

    /// The document.
    ///
    /// # Errors
    ///
    /// As [`Batch::list`].
    pub fn to_json(&self) -> Result<Value, JsonError> {
        Ok(object([
            ("as_of", text(self.as_of)),
            ("bytes", self.bytes().into()),
            ("destroyable_from", text(self.destroyable_from())),
            ("expires_at", text(self.expires_at)),
            ("hold_epoch", self.hold_epoch.into()),
            ("keep_until", text(self.keep_until())),
            ("list", text(self.list()?.digest())),
            ("order", text(&self.order)),
            ("policy", text(self.policy)),
            ("segments", array(self.segments.iter().map(Candidate::to_json))),
            ("size", self.size.into()),
            ("v", 1.into()),
        ]))
    }

    /// Reads a batch.
    ///
    /// # Errors
    ///
    /// Refuses everything but the canonical bytes of a batch.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let mut members = ObjectReader::from_bytes(bytes, MAX_BATCH_BYTES)?;
        members.exactly("v", 1)?;
        let segments = members.objects("segments")?.into_iter().map(Candidate::take);
        let batch = Self {
            order: members.parsed("order")?,
            as_of: members.parsed("as_of")?,
            policy: members.parsed("policy")?,
            hold_epoch: members.u64("hold_epoch")?,
            size: members.u64("size")?,
            expires_at: members.parsed("expires_at")?,
            segments: segments.collect::<Result<_, _>>()?,
        };
        if batch.segments.len() > MAX_BATCH_SEGMENTS {
            return Err(members.refused("segments", "more than 5,000"));
        }
        // Sums, latest dates and digests follow from the rest: whatever else stands there is refused.
        if batch.to_json()?.to_canonical() != bytes {
            return Err(members.refused("list", "the members do not fit each other"));
        }
        Ok(batch)
    }
}

impl Candidate {
    fn to_json(&self) -> Value {
        object([
            ("bytes", self.bytes.into()),
            ("class", text(&self.class)),
            ("deciding_rule", self.deciding_rule.as_deref().into()),
            ("destroyable_from", text(self.destroyable_from)),
            ("id", text(self.id)),
            ("keep_until", text(self.keep_until)),
            ("must_go_by", self.must_go_by.map(text).into()),
            ("object", text(&self.object)),
            ("sha256", text(self.sha256)),
            ("stream", text(&self.stream)),
            ("versions", array(self.versions.iter().map(text))),
        ])
    }

    fn take(mut members: ObjectReader) -> Result<Self, JsonError> {
        let object = members.text("object")?;
        let object = ObjectKey::new(object).map_err(|error| members.refused("object", error))?;
        let mut versions = Vec::new();
        for version in members.array("versions")? {
            let Value::Text(version) = version else {
                return Err(members.refused("versions", "not an array of version ids"));
            };
            let version = VersionId::new(version);
            versions.push(version.map_err(|error| members.refused("versions", error))?);
        }
        let rule = members.value("deciding_rule")?;
        let candidate = Self {
            id: members.parsed("id")?,
            object,
            versions,
            bytes: members.u64("bytes")?,
            sha256: members.parsed("sha256")?,
            class: members.parsed("class")?,
            stream: members.parsed("stream")?,
            keep_until: members.parsed("keep_until")?,
            must_go_by: members.nullable("must_go_by")?,
            destroyable_from: members.parsed("destroyable_from")?,
            deciding_rule: if let Value::Text(rule) = rule { Some(rule) } else { None },
        };
        members.finish()?;
        Ok(candidate)
    }
}

/// A date of a decision in the log's form, never earlier than it is.
pub(super) fn date(at: Timestamp) -> Instant {
    let cut = instant(at);
    if crate::log::timestamp(cut) < at { cut.saturating_add_ms(1) } else { cut }
}
