//! What officers do: a statement, signed by as many of them as its kind demands, becomes an entry.
//!
//! The first signature of two is entered as `officer.act`, so that it is on record even if the second
//! never comes; the second one enters the act itself, with both. What a signature is over is kept
//! beside the log until then.
//!
//! | module | job |
//! | --- | --- |
//! | [`dossier`] | what was said of each act, and what became of it |
//! | [`refusal`] | that somebody was not let |

pub mod dossier;
pub mod refusal;

use std::collections::BTreeMap;

use strongroom_crypto::Digest;
use strongroom_crypto::claim::Attachment;
use strongroom_crypto::entry::{EntryKind, OfficerAct, Verdict};
use strongroom_crypto::keys::{Entropy, KeyFile};
use strongroom_crypto::name::{OfficerId, OfficerRole};
use strongroom_crypto::officer::{OfficerError, OfficerKey, OfficerSignature, Signatures};
use strongroom_crypto::state::Void;
use strongroom_crypto::time::{Instant, MS_PER_HOUR};

use crate::document::Document;
use crate::log::{Item, Log, LogError, read_list};

pub use dossier::{Pending, pending};

/// How long a statement waits for signatures where no policy says it: long enough to reach a second
/// officer, too short to be signed and kept for a day when it is no longer meant.
const OPEN_FOR_MS: i64 = 7 * 24 * MS_PER_HOUR;

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
    /// Two signatures are two roles'.
    #[error("role `{0}` has signed this already: it takes an officer in another role")]
    SameRole(OfficerRole),
    /// A disposal is approved by the roles that the policy names.
    #[error("officer `{officer}` has role `{role}`, and the policy in force does not ask it")]
    NotAsked {
        /// Who.
        officer: OfficerId,
        /// In which role.
        role: OfficerRole,
    },
    /// Before there are officers nobody's signature can wait, nor can what comes with another.
    #[error("it takes the signatures of two officers in two roles at once")]
    AtOnce,
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

/// Refuses a signature that would add nothing to those that an act has.
fn require_new(log: &Log, kind: &EntryKind, one: &Pending, by: &OfficerId) -> Result<(), ActError> {
    let registry = log.state().officers();
    let role = |id: &OfficerId| registry.get(id).map(|officer| officer.role.clone());
    let mut signed = one.approvals.iter().map(|(signed, _)| &signed.officer);
    if signed.clone().any(|officer| officer == by) {
        return Err(ActError::Twice(by.clone()));
    }
    let Some(own) = role(by) else { return Ok(()) };
    if let EntryKind::DispositionOrder(order) = kind {
        let mut policies = log.state().policies().iter();
        let policy = policies.find(|policy| policy.policy == order.policy);
        if policy.is_some_and(|policy| !policy.roles.contains(&own)) {
            return Err(ActError::NotAsked { officer: by.clone(), role: own });
        }
    }
    let same = signed.any(|officer| role(officer).as_ref() == Some(&own));
    if same { Err(ActError::SameRole(own)) } else { Ok(()) }
}

/// Enters an act with one more signature than it has, or only the signature if it takes another.
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
    let earlier = earlier(log, keys, kind)?;
    let again = waits_for_recovery(log, kind, &earlier, &signature.officer);
    if !again {
        require_new(log, kind, &earlier, &signature.officer)?;
    }
    let approvals = earlier.approvals.into_iter();
    let mut signatures: BTreeMap<OfficerId, OfficerSignature> =
        approvals.map(|(approval, _)| (approval.officer.clone(), approval)).collect();
    let at_once = log.state().officers().is_empty()
        || kind.signatures().is_some_and(|signed| !signed.is_empty());
    signatures.extend(
        kind.signatures()
            .iter()
            .flat_map(|more| more.iter().map(|signed| (signed.officer.clone(), signed))),
    );
    signatures.insert(signature.officer.clone(), signature.clone());
    let signatures = Signatures::new(signatures.into_values().collect()).unwrap_or_default();
    let complete = kind.clone().with_signatures(signatures);
    match enter(log, complete, entropy)? {
        None => return Ok(Signed::Entered),
        Some(Void::Officers(OfficerError::TwoRoles)) if at_once => return Err(ActError::AtOnce),
        Some(Void::Officers(
            OfficerError::TwoRoles | OfficerError::Role { .. } | OfficerError::Recovery,
        )) if !again => {}
        Some(reason) => return Err(ActError::Void(reason)),
    }
    put_approval(log, kind, signature, None, entropy)
}

/// Whether an officer has signed beside the recovery key, and may say so again when its week is over.
fn waits_for_recovery(log: &Log, kind: &EntryKind, one: &Pending, by: &OfficerId) -> bool {
    let signed = || one.approvals.iter().map(|(signed, _)| &signed.officer);
    let registered = |id: &OfficerId| log.state().officers().get(id);
    matches!(kind, EntryKind::OfficersSet(_))
        && signed().any(|officer| officer == by)
        && signed().filter_map(registered).any(OfficerKey::is_recovery)
}

/// What an act has been signed by so far.
fn earlier(log: &Log, keys: &KeyFile, kind: &EntryKind) -> Result<Pending, ActError> {
    let (_, digest) = statement(log, kind)?;
    let found = pending(log, keys)?.into_iter().find(|pending| pending.digest == digest);
    Ok(found.unwrap_or_else(|| Pending { digest, kind: kind.clone(), approvals: Vec::new() }))
}

/// Enters an officer's signature under an act, and not the act, with the digest of the encrypted
/// record of the reason if one is given.
///
/// # Errors
///
/// [`ActError`], also where the signature would add nothing.
pub fn approve(
    log: &mut Log,
    keys: &KeyFile,
    kind: &EntryKind,
    signature: OfficerSignature,
    reason: Option<Digest>,
    entropy: &mut dyn Entropy,
) -> Result<Signed, ActError> {
    let earlier = earlier(log, keys, kind)?;
    require_new(log, kind, &earlier, &signature.officer)?;
    put_approval(log, kind, signature, reason, entropy)
}

fn put_approval(
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
