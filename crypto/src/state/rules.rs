//! What makes an entry valid (`FORMAT.md`, section 8): each rule once, for writers before they
//! claim and for readers after.

use super::{
    State, disposition, officers, reviews,
    void::{Undecided, Void},
};
use crate::{
    claim::Attachment,
    entry::{Abandon, Entry, EntryKind, KeyChange, KeySet, Locked, Seal, WindowClose},
    keys::{KeyId, Role},
    time::{Instant, MS_PER_HOUR},
};

/// No proof is locked further ahead: longer than any law keeps a record, and a lie of this length
/// costs no run its locks.
const MAX_PROOF_MS: i64 = 100 * 366 * 24 * MS_PER_HOUR;

/// How far clocks may disagree before an entry is refused.
pub const CLOCK_SLACK_MS: i64 = 24 * MS_PER_HOUR;

/// Why an entry does not take effect, or not yet.
#[derive(Debug)]
pub(super) enum Refusal {
    Void(Void),
    Undecided(Undecided),
}

impl From<Void> for Refusal {
    fn from(reason: Void) -> Self {
        Self::Void(reason)
    }
}

impl From<Undecided> for Refusal {
    fn from(reason: Undecided) -> Self {
        Self::Undecided(reason)
    }
}

/// The one check. What needs pages comes last, so that nothing is loaded for an entry that is
/// void without them.
pub(super) fn check(
    state: &State,
    entry: &Entry,
    beside: Option<&Attachment>,
    signer: KeyId,
) -> Result<(), Refusal> {
    let (at, latest) = (entry.at(), state.latest);
    if at.saturating_add_ms(CLOCK_SLACK_MS) < latest {
        return Err(Void::ClockBehind { at, latest }.into());
    }
    let kind = entry.kind();
    let may_append = match appenders(kind) {
        Some(roles) => roles.iter().any(|role| state.is_active(*role, signer)),
        // A key that is revoked may append nothing.
        None => state.is_active_in_any_role(signer),
    };
    if !may_append {
        return Err(Void::Signer { signer, kind: kind.as_str().to_owned() }.into());
    }
    officers::authorise(state, entry, signer)?;
    match kind {
        EntryKind::LogOpen(_) => Err(Void::OpenAgain.into()),
        EntryKind::SegmentSeal(seal) => segment_seal(state, entry, seal, beside),
        EntryKind::SegmentAbandon(abandon) => segment_abandon(state, entry, abandon),
        EntryKind::WindowClose(close) => {
            window_close(state, entry, close, signer).map_err(Refusal::Void)
        }
        EntryKind::KeySet(_)
        | EntryKind::OfficersSet(_)
        | EntryKind::PolicySet(_)
        | EntryKind::HoldPlace(_)
        | EntryKind::HoldRelease(_)
        | EntryKind::ClockEvent(_) => act(state, at, kind).map_err(Refusal::Void),
        EntryKind::DispositionOrder(order) => {
            disposition::check_order(state, entry.at(), order, beside)
        }
        EntryKind::DispositionCertificate(certificate) => {
            disposition::check_certificate(state, certificate)
        }
        EntryKind::OfficerAct(act) => reviews::check(state, at, act).map_err(Refusal::Void),
        EntryKind::Attest(_) | EntryKind::Unknown(_) => Ok(()),
    }
}

/// Whether an act is about the log as it stands, whoever signs it. Of an order more is asked.
pub(super) fn act(state: &State, at: Instant, kind: &EntryKind) -> Result<(), Void> {
    match kind {
        EntryKind::KeySet(change) => key_set(state, change),
        EntryKind::OfficersSet(set) => officers::check_set(state, set),
        EntryKind::PolicySet(set) => state.policies.check(set),
        EntryKind::HoldPlace(place) => state.holds.check_place(place),
        EntryKind::HoldRelease(release) => state.holds.check_release(release),
        EntryKind::ClockEvent(event) => state.clocks.check(at, event),
        _ => Ok(()),
    }
}

/// Whose keys may append a type. None where any key may: signatures authorise it, or whose it is
/// to append is not known here.
fn appenders(kind: &EntryKind) -> Option<&'static [Role]> {
    match kind {
        EntryKind::LogOpen(_) | EntryKind::SegmentSeal(_) => Some(&[Role::Archive]),
        EntryKind::SegmentAbandon(_) => Some(&[Role::Archive, Role::Remove]),
        EntryKind::Attest(_) | EntryKind::DispositionCertificate(_) => Some(&[Role::Remove]),
        EntryKind::WindowClose(_) => Some(&[Role::Archive, Role::Remove, Role::Lock, Role::Hold]),
        EntryKind::KeySet(_)
        | EntryKind::OfficersSet(_)
        | EntryKind::PolicySet(_)
        | EntryKind::HoldPlace(_)
        | EntryKind::HoldRelease(_)
        | EntryKind::ClockEvent(_)
        | EntryKind::OfficerAct(_)
        | EntryKind::DispositionOrder(_)
        | EntryKind::Unknown(_) => None,
    }
}

fn key_set(state: &State, change: &KeySet) -> Result<(), Void> {
    let (id, role) = (change.id, change.role);
    match change.change {
        KeyChange::Add(_) if state.keys.contains_key(&(role, id)) => {
            Err(Void::KeyKnown { id, role })
        }
        KeyChange::Revoke if !state.is_active(role, id) => Err(Void::KeyNotActive { id, role }),
        KeyChange::Add(_) | KeyChange::Revoke => Ok(()),
    }
}

fn segment_seal(
    state: &State,
    entry: &Entry,
    seal: &Seal,
    beside: Option<&Attachment>,
) -> Result<(), Refusal> {
    let id = seal.segment_id;
    let (at, settle_until) = (entry.at(), seal.settle_until);
    if at >= settle_until {
        return Err(Void::Settled { id, at, settle_until }.into());
    }
    state.holds.check_seal(seal)?;
    if let Some(policy) = seal.policy
        && !state.policies.as_slice().iter().any(|known| known.policy == policy)
    {
        return Err(Void::SealPolicy { id, policy }.into());
    }
    if state.abandoned.contains(&id) {
        return Err(Void::Abandoned { id }.into());
    }
    let ranges_sha256 = seal.ranges_sha256;
    let ranges = beside.and_then(Attachment::ranges);
    let ranges = ranges.filter(|ranges| ranges.digest() == ranges_sha256);
    let ranges = ranges.ok_or(Undecided::Ranges { id, ranges_sha256 })?.as_slice();
    if !ranges.iter().any(|range| range.start < range.end) {
        return Err(Void::NothingCovered { id }.into());
    }
    state.positions.check(ranges)?;
    match state.pages.find(&id).map_err(Undecided::Pages)? {
        Some(_) => Err(Void::Sealed { id }.into()),
        None => Ok(()),
    }
}

fn segment_abandon(state: &State, entry: &Entry, abandon: &Abandon) -> Result<(), Refusal> {
    let id = abandon.segment_id;
    state.abandoned.check(abandon, settled_by(state, entry))?;
    match state.pages.find(&id).map_err(Undecided::Pages)? {
        Some(_) => Err(Void::Sealed { id }.into()),
        None => Ok(()),
    }
}

fn window_close(
    state: &State,
    entry: &Entry,
    close: &WindowClose,
    signer: KeyId,
) -> Result<(), Void> {
    let (shard, found) = (close.shard, close.number);
    let expected = state.next_window(shard);
    if found != expected {
        return Err(Void::Window { shard, expected, found });
    }
    // Later than any lock can have been set: who believed it would extend no lock any more.
    let latest = settled_by(state, entry);
    if let Some(until) = close.extended_until.filter(|until| *until > latest) {
        return Err(Void::Extended { until, latest });
    }
    // Only who moves locks may say how far they reach: it is what later runs leave alone.
    let moves = [Role::Archive, Role::Lock].iter().any(|role| state.is_active(*role, signer));
    let says =
        close.locked.is_some() || close.proof_until.is_some() || close.extended_until.is_some();
    if !moves && says {
        let kind = entry.kind().as_str().to_owned();
        return Err(Void::Signer { signer, kind });
    }
    let latest = entry.at().saturating_add_ms(MAX_PROOF_MS);
    if let Some(until) = close.proof_until.filter(|until| *until > latest) {
        return Err(Void::Extended { until, latest });
    }
    close.locked.map_or(Ok(()), |locked| window_locks(state, locked))
}

/// When the last settling lock ends that was set by the time of an entry.
fn settled_by(state: &State, entry: &Entry) -> Instant {
    entry.at().saturating_add_ms(i64::try_from(state.settle_ms).unwrap_or(i64::MAX))
}

fn window_locks(state: &State, locked: Locked) -> Result<(), Void> {
    let Locked { claims, policy, size: found } = locked;
    if state.policies.newest().map(|newest| newest.policy) != Some(policy) {
        return Err(Void::LockedPolicy { policy });
    }
    // Who believed a size to come would lock nothing that is sealed until then.
    let before = state.locked.filter(|before| before.policy == policy);
    let (least, most) = (before.map_or(0, |before| before.size), state.size);
    let next = state.claim.seq;
    if claims > next {
        return Err(Void::LockedSize { least: 0, most: next, found: claims });
    }
    if (least..=most).contains(&found) {
        Ok(())
    } else {
        Err(Void::LockedSize { least, most, found })
    }
}
