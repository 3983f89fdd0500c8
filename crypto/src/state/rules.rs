//! What makes an entry valid (`FORMAT.md`, section 8): each rule once, for writers before they
//! claim and for readers after.

use super::{
    State,
    void::{Undecided, Void},
};
use crate::{
    entry::{Abandon, Entry, EntryKind, KeyChange, KeySet, Seal, WindowClose},
    keys::{KeyId, Role},
    name::LogRole,
    range::RangeList,
    time::MS_PER_HOUR,
};

/// How far clocks may disagree before an entry is refused.
pub const CLOCK_SLACK_MS: i64 = 24 * MS_PER_HOUR;

/// The epoch of a log that can't hold yet.
const HOLD_EPOCH: u64 = 0;

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
    ranges: Option<&RangeList>,
    signer: KeyId,
) -> Result<(), Refusal> {
    let (at, latest) = (entry.at(), state.latest);
    if at.saturating_add_ms(CLOCK_SLACK_MS) < latest {
        return Err(Void::ClockBehind { at, latest }.into());
    }
    let kind = entry.kind();
    let may_append = match kind {
        // Whose it is to append is not known here, but a key that is revoked may append nothing.
        EntryKind::Unknown(_) => state.is_active_in_any_role(signer),
        kind => appenders(kind).iter().any(|role| state.is_active(*role, signer)),
    };
    if !may_append {
        return Err(Void::Signer { signer, kind: kind.as_str().to_owned() }.into());
    }
    match kind {
        EntryKind::LogOpen(_) => Err(Void::OpenAgain.into()),
        EntryKind::KeySet(change) => key_set(state, change).map_err(Refusal::Void),
        EntryKind::SegmentSeal(seal) => segment_seal(state, entry, seal, ranges),
        EntryKind::SegmentAbandon(abandon) => segment_abandon(state, abandon),
        EntryKind::WindowClose(close) => window_close(state, entry, close).map_err(Refusal::Void),
        EntryKind::Attest(_) | EntryKind::Unknown(_) => Ok(()),
    }
}

/// Whose keys may append a type.
fn appenders(kind: &EntryKind) -> &'static [LogRole] {
    const ARCHIVE: LogRole = LogRole::Duty(Role::Archive);
    const REMOVE: LogRole = LogRole::Duty(Role::Remove);
    match kind {
        EntryKind::LogOpen(_) | EntryKind::SegmentSeal(_) => &[ARCHIVE],
        EntryKind::KeySet(_) => &[LogRole::Admin],
        EntryKind::SegmentAbandon(_) => &[ARCHIVE, REMOVE],
        EntryKind::Attest(_) => &[REMOVE],
        EntryKind::WindowClose(_) => {
            &[ARCHIVE, REMOVE, LogRole::Duty(Role::Lock), LogRole::Duty(Role::Hold)]
        }
        EntryKind::Unknown(_) => &[],
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
    ranges: Option<&RangeList>,
) -> Result<(), Refusal> {
    let id = seal.segment_id;
    let (at, settle_until) = (entry.at(), seal.settle_until);
    if at >= settle_until {
        return Err(Void::Settled { id, at, settle_until }.into());
    }
    if seal.hold_epoch != HOLD_EPOCH || !seal.holds.is_empty() {
        return Err(Void::Holds { id }.into());
    }
    if state.abandoned.contains_key(&id) {
        return Err(Void::Abandoned { id }.into());
    }
    let ranges_sha256 = seal.ranges_sha256;
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

fn segment_abandon(state: &State, abandon: &Abandon) -> Result<(), Refusal> {
    let id = abandon.segment_id;
    if state.abandoned.contains_key(&id) {
        return Err(Void::Abandoned { id }.into());
    }
    match state.pages.find(&id).map_err(Undecided::Pages)? {
        Some(_) => Err(Void::Sealed { id }.into()),
        None => Ok(()),
    }
}

fn window_close(state: &State, entry: &Entry, close: &WindowClose) -> Result<(), Void> {
    let (shard, found) = (close.shard, close.number);
    let expected = state.next_window(shard);
    if found != expected {
        return Err(Void::Window { shard, expected, found });
    }
    // Later than any lock can have been set: who believed it would extend no lock any more.
    let settle_ms = i64::try_from(state.settle_ms).unwrap_or(i64::MAX);
    let latest = entry.at().saturating_add_ms(settle_ms);
    match close.extended_until {
        Some(until) if until > latest => Err(Void::Extended { until, latest }),
        _ => Ok(()),
    }
}
