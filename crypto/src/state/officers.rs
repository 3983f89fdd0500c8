//! What officers have to sign, and whether they did.

use super::{State, disposition, void::Void};
use crate::{
    digest::Digest,
    entry::{ClockChange, Entry, EntryKind, KeyChange, OfficersSet, Verdict},
    keys::{KeyId, Role},
    officer::Quorum,
    time::Instant,
};

/// Whose program may say, without a signature, that it refused somebody.
const REFUSERS: [Role; 3] = [Role::Archive, Role::Hold, Role::Remove];

/// Whether officers authorise an entry, where its type takes their signatures.
pub(super) fn authorise(state: &State, entry: &Entry, signer: KeyId) -> Result<(), Void> {
    let (at, kind) = (entry.at(), entry.kind());
    let Some(signatures) = kind.signatures() else { return Ok(()) };
    if let Some(expires_at) = expiry(kind).filter(|expires_at| *expires_at < at) {
        return Err(Void::Expired { at, expires_at });
    }
    if signatures.is_empty() && goes_unsigned(kind) {
        let may = |role: &Role| state.is_active(*role, signer);
        let allowed = match kind {
            EntryKind::DispositionOrder(_) => may(&Role::Remove),
            _ => REFUSERS.iter().any(may),
        };
        let kind = kind.as_str().to_owned();
        return if allowed { Ok(()) } else { Err(Void::Signer { signer, kind }) };
    }
    let statement = match kind {
        EntryKind::OfficerAct(act) if act.verdict == Verdict::Approve => act.digest,
        kind => Digest::of(&kind.statement(state.archive_id)),
    };
    let registry = match kind {
        EntryKind::OfficersSet(set) if state.officers.is_empty() => &set.officers,
        _ => &state.officers,
    };
    let quorum = quorum(state, at, kind)?;
    registry.authorise(signatures, statement, quorum).map_err(Void::Officers)
}

/// Until when the signatures count.
fn expiry(kind: &EntryKind) -> Option<Instant> {
    match kind {
        EntryKind::PolicySet(set) => Some(set.expires_at),
        EntryKind::HoldPlace(place) => Some(place.expires_at),
        EntryKind::HoldRelease(release) => Some(release.expires_at),
        EntryKind::ClockEvent(event) => Some(event.expires_at),
        EntryKind::DispositionOrder(order) => Some(order.expires_at),
        _ => None,
    }
}

/// Whether a type may do without signatures. Of an order the policy must say so of every segment,
/// which is checked with the segments.
fn goes_unsigned(kind: &EntryKind) -> bool {
    match kind {
        EntryKind::DispositionOrder(_) => true,
        EntryKind::OfficerAct(act) => act.verdict == Verdict::Refused,
        _ => false,
    }
}

/// Who has to sign. What lets segments go, or says who decides, takes two.
fn quorum<'a>(state: &'a State, at: Instant, kind: &EntryKind) -> Result<Quorum<'a>, Void> {
    Ok(match kind {
        EntryKind::DispositionOrder(order) => {
            Quorum::Roles(&disposition::policy_of(state, at, order)?.roles)
        }
        EntryKind::KeySet(change) if change.change == KeyChange::Revoke => Quorum::One,
        EntryKind::ClockEvent(event) if event.kind != ClockChange::Earlier => Quorum::One,
        EntryKind::HoldPlace(_) | EntryKind::OfficerAct(_) => Quorum::One,
        _ => Quorum::TwoRoles,
    })
}

/// Whether a registry may take the place of the one before.
pub(super) fn check_set(state: &State, set: &OfficersSet) -> Result<(), Void> {
    let (expected, found) = (state.officers_number.saturating_add(1), set.number);
    if found != expected {
        return Err(Void::OfficersNumber { expected, found });
    }
    set.officers.check_enough(state.environment).map_err(Void::Registry)
}
