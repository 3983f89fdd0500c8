//! Locks that follow decisions: a segment's is moved to the date that the policy gives, once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::Locked;
use strongroom_crypto::name::PeriodKeyName;
use strongroom_crypto::state::LiveSegment;
use strongroom_crypto::tile::{TileCoordinate, tiles_for};
use strongroom_retention::period::{Counting, Cutoff, Period};

use super::{extend, versions};
use crate::document::Document;
use crate::log::{
    Dated, Log, LogError, checkpoint_key, claim_key, extend_from, instant, manifest_key,
    period_key_object, tile_key, timestamp,
};
use crate::policies::Policies;
use crate::store::{Lock, LockMode, ObjectKey, VersionId};

/// What proves segments is locked this much longer than the last of them, so that not every new
/// segment moves all of it.
const PROOF_MARGIN: Period = Period::days(90);

/// Where the locks of a segment have to end.
struct Target<'a> {
    segment: &'a LiveSegment,
    until: Timestamp,
}

/// Sets the date of every segment that has one under the newest policy and was sealed since dates
/// were last set under it. Returns what is missing; the window then says how far dates are set.
///
/// # Errors
///
/// The store's: a lock that cannot be moved stops the run.
pub(super) fn set_dates(log: &mut Log, policies: &Policies) -> Result<Vec<ObjectKey>, LogError> {
    let Some(newest) = log.state().policies().last().map(|record| record.policy) else {
        return Ok(Vec::new());
    };
    let size = log.state().size();
    let before = log.state().locked().filter(|locked| locked.policy == newest);
    // What was recorded since may have started a clock or moved one: every date is decided again.
    let told = |size: u64| log.state().clocks().any(|(_, _, clock)| clock.index >= size);
    let before = before.filter(|locked| !told(locked.size));
    let since = before.map_or(0, |locked| locked.size);
    log.load_pages_since(since)?;
    // A window of its own is no news.
    let news = log.state().segments().any(|segment| segment.index >= since);
    if before.is_some() && !news {
        return Ok(Vec::new());
    }
    let now = log.store().now()?;
    log.load_lists()?;
    let state = log.state();
    let fresh = state.segments().filter(|segment| segment.index >= since);
    let dated = fresh.filter_map(|segment| {
        let until = policies.decide(segment, &[], now).lock_until?;
        let until = log.settling().capped(until, now);
        (until > now).then_some(Target { segment, until })
    });
    let targets: Vec<Target<'_>> = dated.collect();
    let mut missing = Vec::new();
    let retain = policies.certificate_retain();
    let (mut periods, mut latest) = (BTreeMap::<PeriodKeyName, Timestamp>::new(), None);
    for Target { segment, until } in &targets {
        // What is ordered to go may be gone.
        let ordered = !matches!(state.order_over(&segment.segment_id), Ok(None));
        if ordered && log.store().head(&object(segment)?, None)?.is_none() {
            continue;
        }
        let period = periods.entry(segment.period_key).or_insert(*until);
        *period = (*period).max(*until);
        move_on(log, &object(segment)?, Some(segment.object_sha256), *until, &mut missing)?;
        let proof = log.settling().capped(after(*until, retain), now);
        latest = latest.max(Some(proof));
        let manifest = manifest_key(&segment.segment_id)?;
        move_on(log, &manifest, Some(segment.manifest_sha256), proof, &mut missing)?;
    }
    for (period, until) in periods {
        move_on(log, &period_key_object(&period)?, None, until, &mut missing)?;
    }
    let proof_until = proofs(log, before, latest, now, &mut missing)?;
    if missing.is_empty() && (before.is_none_or(|locked| locked.size < size)) {
        let claims = log.state().next_claim().seq;
        let locked = Locked { claims, policy: newest, size };
        log.set_dated(Dated { locked, proof_until: proof_until.map(instant) });
    }
    Ok(missing)
}

fn object(segment: &LiveSegment) -> Result<ObjectKey, LogError> {
    Ok(ObjectKey::new(segment.object.as_str())?)
}

/// A period later, by the calendar.
fn after(until: Timestamp, period: Period) -> Timestamp {
    let counting =
        Counting { zone: strongroom_retention::period::Zone::utc(), cutoff: Cutoff::None };
    counting.until(until, period).unwrap_or(until)
}

/// Locks what proves the segments: all of it where the latest date lies beyond, else what is new.
fn proofs(
    log: &Log,
    before: Option<Locked>,
    latest: Option<Timestamp>,
    now: Timestamp,
    missing: &mut Vec<ObjectKey>,
) -> Result<Option<Timestamp>, LogError> {
    let state = log.state();
    let known = state.proof_until().map(timestamp);
    let rises = latest.is_some_and(|latest| known.is_none_or(|known| latest > known));
    let raised = latest.map(|latest| log.settling().capped(after(latest, PROOF_MARGIN), now));
    let wanted = if rises { raised } else { known };
    let Some(until) = wanted else { return Ok(None) };
    let from = before.filter(|_| !rises);
    let (first_claim, size) = from.map_or((0, 0), |locked| (locked.claims, locked.size));
    for seq in first_claim..state.next_claim().seq {
        move_on(log, &claim_key(seq)?, None, until, missing)?;
    }
    for tile in tiles_for(size, log.head().size).into_iter().filter(TileCoordinate::is_full) {
        move_on(log, &tile_key(&tile)?, None, until, missing)?;
    }
    let listed =
        log.store().list_versions_after("log/checkpoints/", checkpoint_key(size)?.as_str())?;
    let mut checkpoints: Vec<ObjectKey> = listed.into_iter().map(|one| one.key).collect();
    checkpoints.dedup();
    for key in checkpoints {
        move_on(log, &key, None, until, missing)?;
    }
    if rises {
        move_on(log, &ObjectKey::new("keys/origin/0")?, None, until, missing)?;
    }
    let lock = Lock { mode: LockMode::Governance, until };
    for (key, versions) in versions(log, &Document::KEPT.map(Document::place))? {
        extend(log, &key, &versions, versions.len() > 1, lock)?;
    }
    Ok(Some(until))
}

/// Moves the lock of a name's true version on; of all locked versions, where the current one is not
/// known to be the true one.
fn move_on(
    log: &Log,
    key: &ObjectKey,
    sha256: Option<Digest>,
    until: Timestamp,
    missing: &mut Vec<ObjectKey>,
) -> Result<(), LogError> {
    let lock = Lock { mode: LockMode::Governance, until };
    if let Some(expected) = sha256
        && let Some(head) = log.store().head(key, None)?
        && head.sha256 == Some(expected)
    {
        return extend_from(&**log.store(), key, &head, lock).map(drop);
    }
    let listed = log.store().list_versions(key.as_str())?;
    let of_name = listed.into_iter().filter(|one| one.key == *key && !one.is_delete_marker);
    let versions: Vec<VersionId> =
        of_name.map(|one| one.version).filter(|v| !v.is_null()).collect();
    if versions.is_empty() {
        missing.push(key.clone());
        return Ok(());
    }
    extend(log, key, &versions, versions.len() > 1, lock)
}
