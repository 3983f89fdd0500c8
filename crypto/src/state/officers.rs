//! What officers have to sign, and whether they did.

use super::{KeyRecord, State, disposition, void::Void};
use crate::{
    digest::Digest,
    entry::{ClockChange, ClockEvent, Entry, EntryKind, KeyChange, KeySet, OfficersSet, Verdict},
    keys::{KeyId, Role},
    officer::Quorum,
    time::{Instant, MS_PER_HOUR},
};

/// How far back one officer alone may start a clock.
const FAR_BACK_MS: i64 = 31 * 24 * MS_PER_HOUR;

/// Whose program may say, without a signature, that it refused somebody.
const REFUSERS: [Role; 3] = [Role::Archive, Role::Hold, Role::Remove];

/// Whether officers authorise an entry, where its type takes their signatures.
pub(super) fn authorise(state: &State, entry: &Entry, signer: KeyId) -> Result<(), Void> {
    let (at, kind) = (entry.at(), entry.kind());
    let Some(signatures) = kind.signatures() else { return Ok(()) };
    // What counts at a time, a policy or a clock, must have been so when the log came to it.
    if at < state.latest {
        return Err(Void::ActBehind { at, latest: state.latest });
    }
    if let Some(expires_at) = kind.expires_at().filter(|expires_at| *expires_at < at) {
        return Err(Void::Expired { at, expires_at });
    }
    let statement = match kind {
        EntryKind::OfficerAct(act) if act.verdict == Verdict::Approve => act.digest,
        kind => Digest::of(&kind.statement(state.archive_id)),
    };
    state.reviews.check(kind, statement)?;
    if signatures.is_empty() && goes_unsigned(kind) {
        let may = |role: &Role| state.is_active(*role, signer);
        let allowed = match kind {
            EntryKind::DispositionOrder(_) => may(&Role::Remove),
            _ => REFUSERS.iter().any(may),
        };
        let kind = kind.as_str().to_owned();
        return if allowed { Ok(()) } else { Err(Void::Signer { signer, kind }) };
    }
    let registry = match kind {
        EntryKind::OfficersSet(set) if state.officers.is_empty() => &set.officers,
        _ => &state.officers,
    };
    let quorum = quorum(state, at, kind, statement)?;
    registry.authorise(signatures, statement, quorum).map_err(Void::Officers)
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
fn quorum<'a>(
    state: &'a State,
    at: Instant,
    kind: &EntryKind,
    statement: Digest,
) -> Result<Quorum<'a>, Void> {
    Ok(match kind {
        EntryKind::OfficersSet(_) => {
            Quorum::Recoverable { due: state.reviews.is_recovery_due(statement, at) }
        }
        EntryKind::DispositionOrder(order) => {
            Quorum::Roles(&disposition::policy_of(state, at, order)?.roles)
        }
        EntryKind::KeySet(change) if is_revoked_by_one(state, change) => Quorum::One,
        EntryKind::ClockEvent(event) if is_set_by_one(state, at, event) => Quorum::One,
        EntryKind::OfficerAct(act) if act.verdict == Verdict::Approve => Quorum::OneOrRecovery,
        EntryKind::HoldPlace(_) | EntryKind::OfficerAct(_) => Quorum::One,
        _ => Quorum::TwoRoles,
    })
}

/// One officer stops a key that is in the wrong hands; one alone does not stop a duty.
fn is_revoked_by_one(state: &State, change: &KeySet) -> bool {
    let other = |((role, id), key): (&(Role, KeyId), &KeyRecord)| {
        *role == change.role && *id != change.id && !key.revoked
    };
    change.change == KeyChange::Revoke && state.keys.iter().any(other)
}

/// One officer starts a clock, or moves it later. What lies far back would let segments go at once.
fn is_set_by_one(state: &State, at: Instant, event: &ClockEvent) -> bool {
    let runs = state.clocks.get(&event.stream, &event.event).is_some_and(|clock| !clock.reopened);
    match event.kind {
        ClockChange::Earlier => false,
        ClockChange::Reopened => true,
        ClockChange::Later => runs || event.happened.saturating_add_ms(FAR_BACK_MS) >= at,
    }
}

/// Whether a registry may take the place of the one before.
pub(super) fn check_set(state: &State, set: &OfficersSet) -> Result<(), Void> {
    let (expected, found) = (state.officers_number.saturating_add(1), set.number);
    if found != expected {
        return Err(Void::OfficersNumber { expected, found });
    }
    set.officers.check_enough(state.environment).map_err(Void::Registry)
}
