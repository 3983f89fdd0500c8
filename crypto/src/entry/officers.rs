//! `officers.set` and `officer.act`: who decides, and what one of them said.

use crate::{
    digest::Digest,
    json::{JsonError, Members, ObjectReader, text},
    name::ActName,
    officer::{Registry, Signatures},
    time::Instant,
};

/// The content of `officers.set`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OfficersSet {
    /// Until when the signatures count.
    pub expires_at: Instant,
    /// Counts the registries; that of `log.open` is 0.
    pub number: u64,
    /// Everyone whose signature counts from now on.
    pub officers: Registry,
    /// Of officers of the registry before.
    pub signatures: Signatures,
}

/// The content of `officer.act`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OfficerAct {
    /// The type of the entry that it is about.
    pub act: ActName,
    /// Digest of that entry's statement.
    pub digest: Digest,
    /// Until when that entry's signatures count.
    pub expires_at: Instant,
    /// Digest of the encrypted record of the reason, if one was given.
    pub reason: Option<Digest>,
    /// Of the officer.
    pub signatures: Signatures,
    /// What was said.
    pub verdict: Verdict,
}

/// What an officer said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Yes: the signature is that of the entry itself.
    Approve,
    /// No.
    Reject,
    /// Not yet.
    Extend,
    /// Somebody was not let.
    Refused,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Approve, Self::Reject, Self::Extend, Self::Refused];

    /// Its spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Extend => "extend",
            Self::Refused => "refused",
        }
    }
}

impl OfficersSet {
    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        Ok(Self {
            expires_at: members.parsed("expires_at")?,
            number: members.u64("number")?,
            officers: Registry::take(members)?,
            signatures: Signatures::take(members)?,
        })
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("expires_at", text(self.expires_at));
        members.insert("number", self.number);
        members.insert("officers", self.officers.to_value());
        self.signatures.put(members);
    }
}

impl OfficerAct {
    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        let word = members.text("verdict")?;
        let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == word);
        let unknown = || members.refused("verdict", "none of approve, reject, extend and refused");
        Ok(Self {
            verdict: verdict.ok_or_else(unknown)?,
            act: members.parsed("act")?,
            digest: members.parsed("digest")?,
            expires_at: members.parsed("expires_at")?,
            reason: members.nullable("reason")?,
            signatures: Signatures::take(members)?,
        })
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("act", text(&self.act));
        members.insert("digest", text(self.digest));
        members.insert("expires_at", text(self.expires_at));
        members.insert("reason", self.reason.map(text));
        members.insert("verdict", self.verdict.as_str());
        self.signatures.put(members);
    }
}
