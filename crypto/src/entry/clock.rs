//! `clock.event`: what happened that periods count from.

use crate::{
    digest::Digest,
    json::{JsonError, Members, ObjectReader, text},
    name::{EventName, StreamName},
    officer::Signatures,
    time::Instant,
};

/// The content of `clock.event`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClockEvent {
    /// What happened.
    pub event: EventName,
    /// Digest of the encrypted record that shows it.
    pub evidence: Option<Digest>,
    /// Until when the signatures count.
    pub expires_at: Instant,
    /// When it happened.
    pub happened: Instant,
    /// What it does to the clock.
    pub kind: ClockChange,
    /// Which entry said last what is known of it; none, if nothing is.
    pub replaces: Option<u64>,
    /// Of an officer, of two for what lets segments go sooner.
    pub signatures: Signatures,
    /// To which stream.
    pub stream: StreamName,
}

/// What an event does to a clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClockChange {
    /// Starts it, or starts it anew later than was known.
    Later,
    /// Corrects it to an earlier time.
    Earlier,
    /// Clears it.
    Reopened,
}

impl ClockChange {
    const ALL: [Self; 3] = [Self::Later, Self::Earlier, Self::Reopened];

    /// Its spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Later => "later",
            Self::Earlier => "earlier",
            Self::Reopened => "reopened",
        }
    }
}

impl ClockEvent {
    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        let word = members.text("kind")?;
        let kind = ClockChange::ALL.into_iter().find(|kind| kind.as_str() == word);
        let unknown = || members.refused("kind", "none of later, earlier and reopened");
        Ok(Self {
            kind: kind.ok_or_else(unknown)?,
            event: members.parsed("event")?,
            evidence: members.nullable("evidence")?,
            expires_at: members.parsed("expires_at")?,
            happened: members.parsed("happened")?,
            replaces: members.nullable_u64("replaces")?,
            signatures: Signatures::take(members)?,
            stream: members.parsed("stream")?,
        })
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("event", text(&self.event));
        members.insert("evidence", self.evidence.map(text));
        members.insert("expires_at", text(self.expires_at));
        members.insert("happened", text(self.happened));
        members.insert("kind", self.kind.as_str());
        members.insert("replaces", self.replaces);
        self.signatures.put(members);
        members.insert("stream", text(&self.stream));
    }
}
