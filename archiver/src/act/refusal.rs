//! That somebody was not let: an `officer.act` of the program's own, for an officer's signature under
//! the act is none under its refusal.
//!
//! The entry names the act; who tried it, and why it was refused, is sealed beside it. The signature
//! itself is not kept: under what was refused it must never count.

use strongroom_crypto::Digest;
use strongroom_crypto::detail::MAX_DETAIL_BYTES;
use strongroom_crypto::entry::{EntryKind, OfficerAct, Verdict};
use strongroom_crypto::json::{JsonError, ObjectReader, Value, object, text};
use strongroom_crypto::keys::{Entropy, KeyFile};
use strongroom_crypto::name::OfficerId;
use strongroom_crypto::officer::Signatures;
use strongroom_crypto::time::Instant;

use super::{ActError, enter, statement};
use crate::detail::{Detail, Unreadable};
use crate::document::Document;
use crate::log::{Log, LogError};

/// Who was not let, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// As whom somebody tried; none where nobody signs, as when a batch is executed.
    pub officer: Option<OfficerId>,
    /// Whether that officer's registered key signed: else anybody may have typed the id.
    pub signed: bool,
    /// Why.
    pub why: String,
}

/// A refusal that could not be entered.
#[derive(Debug, thiserror::Error)]
pub enum Unrecorded {
    /// The act or the log.
    #[error(transparent)]
    Act(#[from] ActError),
    /// What is sealed beside it.
    #[error(transparent)]
    Detail(#[from] Unreadable),
}

impl From<LogError> for Unrecorded {
    fn from(error: LogError) -> Self {
        Self::Act(error.into())
    }
}

impl Refusal {
    /// The document that is sealed.
    pub fn to_json(&self) -> Value {
        object([
            ("officer", self.officer.as_ref().map(text).into()),
            ("signed", self.signed.into()),
            ("v", 1.into()),
            ("why", self.why.as_str().into()),
        ])
    }

    /// Reads it again.
    ///
    /// # Errors
    ///
    /// Refuses what is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let mut members = ObjectReader::from_bytes(bytes, MAX_DETAIL_BYTES)?;
        members.exactly("v", 1)?;
        let refusal = Self {
            officer: members.nullable("officer")?,
            signed: members.bool("signed")?,
            why: members.text("why")?,
        };
        members.finish()?;
        Ok(refusal)
    }

    /// Enters that an act was refused; the entry's index. What is refused of a review is refused of
    /// what was reviewed.
    ///
    /// # Errors
    ///
    /// [`Unrecorded`]: the log has nothing of it.
    pub fn enter(
        &self,
        log: &mut Log,
        keys: &KeyFile,
        kind: &EntryKind,
        entropy: &mut dyn Entropy,
    ) -> Result<u64, Unrecorded> {
        let (act, digest) = match kind {
            EntryKind::OfficerAct(review) => (review.act.clone(), review.digest),
            kind => {
                let (bytes, digest) = statement(log, kind)?;
                // A crash here leaves a statement that no entry names.
                Document::Statement.store(log, &bytes)?;
                let named = || ActError::Kind(kind.as_str().to_owned());
                (kind.as_str().parse().map_err(|_| named())?, digest)
            }
        };
        let plain = self.to_json().to_canonical();
        let reason: Digest = Detail::Refusal.store(log, keys, &plain, entropy)?;
        let refused = OfficerAct {
            act,
            digest,
            // Nothing follows from a refusal: it counts as long as the log.
            expires_at: Instant::MAX,
            reason: Some(reason),
            signatures: Signatures::default(),
            verdict: Verdict::Refused,
        };
        match enter(log, EntryKind::OfficerAct(refused), entropy)? {
            None => Ok(log.state().size().saturating_sub(1)),
            Some(reason) => Err(ActError::Void(reason).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_back_and_nothing_else_does() {
        for (officer, signed) in [(None, false), (Some("o-1"), true), (Some("o-9"), false)] {
            let officer = officer.map(|id| id.parse().unwrap());
            let refusal = Refusal { officer, signed, why: "it moved".to_owned() };
            let bytes = refusal.to_json().to_canonical();
            assert_eq!(Refusal::parse(&bytes), Ok(refusal));
            assert!(Refusal::parse(&bytes[1..]).is_err());
        }
        let more = object([("more", 1.into()), ("v", 1.into()), ("why", "".into())]);
        assert!(Refusal::parse(&more.to_canonical()).is_err());
    }
}
