//! `hold.place` and `hold.release`: what must not be destroyed, whatever its dates say.

use crate::{
    digest::Digest,
    json::{JsonError, Members, ObjectReader, Value, array, object, text},
    name::{HoldId, StreamName},
    officer::Signatures,
    time::Instant,
};

/// The content of `hold.place`: of a list, of new segments, or of both.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HoldPlace {
    /// Digest of the encrypted record of matter, custodians and query.
    pub detail: Option<Digest>,
    /// Until when the signatures count.
    pub expires_at: Instant,
    /// Which hold.
    pub hold: HoldId,
    /// Digest of the list of segments held now.
    pub list: Option<Digest>,
    /// Of an officer.
    pub signatures: Signatures,
    /// Which new segments may be held.
    pub standing: Option<Standing>,
}

/// Of which streams new segments may be held; the worker that seals decides by the detail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Standing {
    /// These, sorted; all, if there are none.
    pub streams: Vec<StreamName>,
}

/// The content of `hold.release`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HoldRelease {
    /// Digest of the encrypted record of why.
    pub detail: Option<Digest>,
    /// Until when the signatures count.
    pub expires_at: Instant,
    /// Which hold.
    pub hold: HoldId,
    /// Which entry placed it last: who releases a hold knows all that it holds.
    pub placed: u64,
    /// Of two officers.
    pub signatures: Signatures,
}

impl Standing {
    /// Whether it speaks of a stream.
    pub fn covers(&self, stream: &StreamName) -> bool {
        self.streams.is_empty() || self.streams.contains(stream)
    }

    /// Reads the member `standing` of an entry or a root.
    pub(crate) fn take(members: &mut ObjectReader) -> Result<Option<Self>, JsonError> {
        let Some(mut standing) = members.nullable_object("standing")? else { return Ok(None) };
        let streams = standing.sorted("streams", "not an array of streams")?;
        standing.finish()?;
        Ok(Some(Self { streams }))
    }

    pub(crate) fn to_value(&self) -> Value {
        object([("streams", array(self.streams.iter().map(text)))])
    }
}

impl HoldPlace {
    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        let place = Self {
            detail: members.nullable("detail")?,
            expires_at: members.parsed("expires_at")?,
            hold: members.parsed("hold")?,
            list: members.nullable("list")?,
            signatures: Signatures::take(members)?,
            standing: Standing::take(members)?,
        };
        if place.list.is_none() && place.standing.is_none() {
            return Err(members.refused("list", "nothing is held, neither a list nor new segments"));
        }
        Ok(place)
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("detail", self.detail.map(text));
        members.insert("expires_at", text(self.expires_at));
        members.insert("hold", text(&self.hold));
        members.insert("list", self.list.map(text));
        self.signatures.put(members);
        members.insert("standing", self.standing.as_ref().map(Standing::to_value));
    }
}

impl HoldRelease {
    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        Ok(Self {
            detail: members.nullable("detail")?,
            expires_at: members.parsed("expires_at")?,
            hold: members.parsed("hold")?,
            placed: members.u64("placed")?,
            signatures: Signatures::take(members)?,
        })
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("detail", self.detail.map(text));
        members.insert("expires_at", text(self.expires_at));
        members.insert("hold", text(&self.hold));
        members.insert("placed", self.placed);
        self.signatures.put(members);
    }
}
