//! `window.close`: a run ended, and how far it knows the locks to reach.

use crate::{
    digest::Digest,
    json::{JsonError, Members, ObjectReader, Value, object, text},
    name::Shard,
    time::Instant,
};

/// The content of `window.close`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WindowClose {
    /// The settling locks of all segments live by then last at least until this time, if the run
    /// extended them.
    pub extended_until: Option<Instant>,
    /// Digest of the snapshot of the size at which this entry stands.
    pub index_sha256: Option<Digest>,
    /// Which segments are locked until their dates, if the run saw to it.
    pub locked: Option<Locked>,
    /// Counts the closes of its shard, from 0.
    pub number: u64,
    /// Until when what proves the locked segments is locked, if the run saw to it.
    pub proof_until: Option<Instant>,
    /// How many segments were live.
    pub segments: u64,
    /// The shard whose run ended.
    pub shard: Shard,
}

/// All segments sealed by an entry below a size that have a date under a policy are locked until
/// that date.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Locked {
    /// The claims before this number are locked as long as what proves segments.
    pub claims: u64,
    /// Digest of the policy.
    pub policy: Digest,
    /// The size.
    pub size: u64,
}

impl Locked {
    /// Reads the member `locked` of an entry or a root.
    pub(crate) fn take(members: &mut ObjectReader) -> Result<Option<Self>, JsonError> {
        let Some(mut locked) = members.nullable_object("locked")? else { return Ok(None) };
        let found = Self {
            claims: locked.u64("claims")?,
            policy: locked.parsed("policy")?,
            size: locked.u64("size")?,
        };
        locked.finish()?;
        Ok(Some(found))
    }

    pub(crate) fn to_value(self) -> Value {
        object([
            ("claims", self.claims.into()),
            ("policy", text(self.policy)),
            ("size", self.size.into()),
        ])
    }
}

impl WindowClose {
    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        Ok(Self {
            extended_until: members.nullable("extended_until")?,
            index_sha256: members.nullable("index_sha256")?,
            locked: Locked::take(members)?,
            number: members.u64("number")?,
            proof_until: members.nullable("proof_until")?,
            segments: members.u64("segments")?,
            shard: members.parsed("shard")?,
        })
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("extended_until", self.extended_until.map(text));
        members.insert("index_sha256", self.index_sha256.map(text));
        members.insert("locked", self.locked.map(Locked::to_value));
        members.insert("number", self.number);
        members.insert("proof_until", self.proof_until.map(text));
        members.insert("segments", self.segments);
        members.insert("shard", text(self.shard));
    }
}
