//! What officers do: a statement, signed by as many of them as its kind demands, becomes an entry.
//!
//! The first signature of two is entered as `officer.act`, so that it is on record even if the second
//! never comes; the second one enters the act itself, with both. What a signature is over is kept
//! beside the log until then.

use std::collections::BTreeMap;

use strongroom_crypto::Digest;
use strongroom_crypto::claim::Attachment;
use strongroom_crypto::entry::{EntryKind, OfficerAct, Verdict};
use strongroom_crypto::keys::{Entropy, KeyFile};
use strongroom_crypto::name::OfficerId;
use strongroom_crypto::officer::{OfficerError, OfficerSignature, Signatures, verify};
use strongroom_crypto::state::Void;
use strongroom_crypto::time::{Instant, MS_PER_HOUR};

use crate::document::Document;
use crate::log::{Item, Log, LogError, read_list, visit};

/// How long a statement waits for signatures where no policy says it: long enough to reach a second
/// officer, too short to be signed and kept for a day when it is no longer meant.
const OPEN_FOR_MS: i64 = 7 * 24 * MS_PER_HOUR;

/// An act that waits for another signature.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The statement's digest.
    pub digest: Digest,
    /// What it says, without signatures.
    pub kind: EntryKind,
    /// Who has signed, and when that was entered.
    pub approvals: Vec<(OfficerSignature, Instant)>,
}

impl Pending {
    /// The signatures, each officer's once.
    pub fn signatures(&self) -> Signatures {
        let signed = self.approvals.iter().map(|(signed, _)| (signed.officer.clone(), signed));
        let by_officer: BTreeMap<_, _> = signed.collect();
        Signatures::new(by_officer.into_values().cloned().collect()).unwrap_or_default()
    }
}

/// What came of a signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signed {
    /// The act is an entry, the log's last but one or so.
    Entered,
    /// It takes another officer.
    Waiting,
}

/// An act that cannot be entered.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The log or the store.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log refuses it.
    #[error("{0}")]
    Void(Void),
    /// Two signatures are two people's.
    #[error("officer `{0}` has signed this already: it takes another officer in another role")]
    Twice(OfficerId),
    /// Nobody signs such a thing.
    #[error("no officer signs `{0}`")]
    Kind(String),
}

/// Until when signatures under a statement made now count.
///
/// # Errors
///
/// The log's clock.
pub fn expires(log: &Log) -> Result<Instant, LogError> {
    Ok(log.now()?.saturating_add_ms(OPEN_FOR_MS))
}

/// What an officer signs: the bytes and their digest.
///
/// # Errors
///
/// [`ActError::Kind`] for entries that no officer signs.
pub fn statement(log: &Log, kind: &EntryKind) -> Result<(Vec<u8>, Digest), ActError> {
    if kind.signatures().is_none() {
        return Err(ActError::Kind(kind.as_str().to_owned()));
    }
    let statement = kind.statement(log.state().archive_id());
    let digest = Digest::of(&statement);
    Ok((statement, digest))
}

/// The acts that were signed and are not entered yet, the expired ones included.
///
/// # Errors
///
/// [`LogError`].
pub fn pending(log: &Log, keys: &KeyFile) -> Result<Vec<Pending>, LogError> {
    let archive = log.state().archive_id();
    let mut approvals: BTreeMap<Digest, Vec<(OfficerSignature, Instant)>> = BTreeMap::new();
    visit(&**log.store(), keys, log.covered(), |_, entry, _| {
        let at = entry.at();
        match entry.into_kind() {
            EntryKind::OfficerAct(OfficerAct {
                digest,
                verdict: Verdict::Approve,
                signatures,
                ..
            }) => {
                let signed = signatures.iter().map(|signature| (signature, at));
                approvals.entry(digest).or_default().extend(signed);
            }
            kind if kind.signatures().is_some() => {
                approvals.remove(&Digest::of(&kind.statement(archive)));
            }
            _ => {}
        }
    })?;
    // Of those who are not officers any more, or not with that key, nothing counts.
    let counts = |digest: Digest, signed: &OfficerSignature| {
        let officer = log.state().officers().get(&signed.officer);
        officer.is_some_and(|officer| verify(&officer.public, digest, &signed.sig).is_ok())
    };
    let mut pending = Vec::new();
    for (digest, mut approvals) in approvals {
        approvals.retain(|(signed, _)| counts(digest, signed));
        if approvals.is_empty() {
            continue;
        }
        let read = Document::Statement.load(&**log.store(), log.covered(), digest)?;
        // Without its statement nothing can be made of an approval any more.
        if let Some(kind) = read.and_then(|bytes| EntryKind::from_statement(&bytes, archive).ok()) {
            pending.push(Pending { digest, kind, approvals });
        }
    }
    Ok(pending)
}

/// Enters an act with one more signature, or only the signature if the act takes another.
///
/// # Errors
///
/// [`ActError::Void`] if the log would not take it even with all signatures that it demands.
pub fn sign(
    log: &mut Log,
    keys: &KeyFile,
    kind: &EntryKind,
    signature: OfficerSignature,
    entropy: &mut dyn Entropy,
) -> Result<Signed, ActError> {
    let (_, digest) = statement(log, kind)?;
    let earlier = pending(log, keys)?.into_iter().find(|pending| pending.digest == digest);
    let mut signatures: BTreeMap<OfficerId, OfficerSignature> = BTreeMap::new();
    for (approval, _) in earlier.into_iter().flat_map(|pending| pending.approvals) {
        signatures.insert(approval.officer.clone(), approval);
    }
    let again = signatures.insert(signature.officer.clone(), signature.clone()).is_some();
    let signatures = Signatures::new(signatures.into_values().collect()).unwrap_or_default();
    let complete = kind.clone().with_signatures(signatures);
    match enter(log, complete, entropy)? {
        None => return Ok(Signed::Entered),
        Some(Void::Officers(OfficerError::Recovery)) if again => {
            return Err(ActError::Void(Void::Officers(OfficerError::Recovery)));
        }
        Some(Void::Officers(OfficerError::TwoRoles | OfficerError::Role { .. })) if again => {
            return Err(ActError::Twice(signature.officer));
        }
        Some(Void::Officers(
            OfficerError::TwoRoles | OfficerError::Role { .. } | OfficerError::Recovery,
        )) => {}
        Some(reason) => return Err(ActError::Void(reason)),
    }
    approve(log, kind, signature, None, entropy)
}

/// Enters an officer's signature under an act, and not the act, with the digest of the encrypted
/// record of the reason if one is given.
///
/// # Errors
///
/// [`ActError`].
pub fn approve(
    log: &mut Log,
    kind: &EntryKind,
    signature: OfficerSignature,
    reason: Option<Digest>,
    entropy: &mut dyn Entropy,
) -> Result<Signed, ActError> {
    let (bytes, digest) = statement(log, kind)?;
    Document::Statement.store(log, &bytes)?;
    let act = OfficerAct {
        act: kind.as_str().parse().map_err(|_| ActError::Kind(kind.as_str().to_owned()))?,
        digest,
        expires_at: kind.expires_at().unwrap_or(Instant::MAX),
        verdict: Verdict::Approve,
        reason,
        signatures: Signatures::new(vec![signature]).unwrap_or_default(),
    };
    match enter(log, EntryKind::OfficerAct(act), entropy)? {
        None => Ok(Signed::Waiting),
        Some(reason) => Err(ActError::Void(reason)),
    }
}

/// Appends an entry that needs no more signatures; the reason, where the log does not take it. The
/// list that it names is stored, and goes into the claim.
///
/// # Errors
///
/// The log's.
pub fn enter(
    log: &mut Log,
    kind: EntryKind,
    entropy: &mut dyn Entropy,
) -> Result<Option<Void>, LogError> {
    let list = kind.list().map(|digest| read_list(&**log.store(), log.covered(), digest));
    let beside = list.transpose()?.map(Attachment::from);
    let voided = log.append(&[Item { kind, beside }], None, entropy)?;
    Ok(voided.into_iter().find_map(|void| void.reason))
}
