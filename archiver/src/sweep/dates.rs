//! Locks that follow decisions: a segment's is moved to the date that the policy gives, once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::Locked;
use strongroom_crypto::name::{PeriodKeyName, StreamName};
use strongroom_crypto::state::LiveSegment;
use strongroom_crypto::tile::{TileCoordinate, tiles_for};
use strongroom_retention::period::{Counting, Cutoff, Period};

use super::{by_name, extend, versions, with_lists};
use crate::document::Document;
use crate::log::{
    Dated, Log, LogError, checkpoint_key, claim_key, extend_from, extend_unseen, instant,
    manifest_key, period_key_object, tile_key, timestamp,
};
use crate::policies::Policies;
use crate::store::{Lock, LockMode, ObjectKey, VersionId};

/// What proves segments is locked this much longer than the last of them, so that not every new
/// segment moves all of it.
const PROOF_MARGIN: Period = Period::days(90);

/// Ids begin with their time: those of 65.5 seconds have eight digits in common.
const ID_DIGITS: usize = 8;

/// Where the locks of a segment have to end.
struct Target<'a> {
    segment: &'a LiveSegment,
    /// What the policy demands; the mode that a lock has is kept.
    mode: LockMode,
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
    let since = before.map_or(0, |locked| locked.size);
    // What was recorded since may have started a clock or moved one: a stream's dates are decided again.
    let clocks = log.state().clocks().filter(|(_, _, clock)| clock.index >= since);
    let told: BTreeSet<StreamName> = clocks.map(|(stream, _, _)| stream.clone()).collect();
    log.load_pages_since(if told.is_empty() { since } else { 0 })?;
    let is_news = |segment: &LiveSegment| segment.index >= since || told.contains(&segment.stream);
    // A window of its own is no news.
    if before.is_some() && !log.state().segments().any(is_news) {
        return Ok(Vec::new());
    }
    let now = log.store().now()?;
    let orders: Vec<Digest> = log.state().orders().map(|(_, order)| order.list).collect();
    let state = with_lists(log, &orders)?;
    let fresh = state.segments().filter(|segment| is_news(segment));
    let dated = fresh.filter_map(|segment| {
        let decision = policies.decide(segment, &[], now);
        let until = log.settling().capped(decision.lock_until?, now);
        let mode = decision.governed_by.and_then(|governed| policies.mode(&governed));
        let mode = mode.unwrap_or(LockMode::Governance);
        (until > now).then_some(Target { segment, mode, until })
    });
    let targets: Vec<Target<'_>> = dated.collect();
    let retain = policies.certificate_retain();
    let (mut moves, mut manifests) = (Moves::default(), Vec::new());
    let (mut periods, mut latest) = (BTreeMap::<PeriodKeyName, Timestamp>::new(), None);
    for Target { segment, mode, until } in &targets {
        // What is ordered to go may be gone.
        let ordered = !matches!(state.order_over(&segment.segment_id), Ok(None));
        if ordered && log.store().head(&object(segment)?, None)?.is_none() {
            continue;
        }
        let period = periods.entry(segment.period_key).or_insert(*until);
        *period = (*period).max(*until);
        let proof = log.settling().capped(after(*until, retain), now);
        latest = latest.max(Some(proof));
        moves.add(object(segment)?, Lock { mode: *mode, until: *until });
        manifests.push((manifest_key(&segment.segment_id)?, segment.manifest_sha256, proof));
    }
    let mut missing = Vec::new();
    for (key, sha256, until) in manifests {
        move_manifest(log, &key, sha256, until, &mut missing)?;
    }
    moves.carry_out(log, &mut missing)?;
    for (period, until) in periods {
        let key = period_key_object(&period)?;
        let stored = versions(log, &[key.as_str()])?;
        let lock = Lock { mode: LockMode::Governance, until };
        // Most are locked as long already: they are looked at first.
        match stored.get(&key) {
            Some(versions) => extend(log, &key, versions, versions.len() > 1, lock)?,
            None => missing.push(key),
        }
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
    let lock = Lock { mode: LockMode::Governance, until };
    let before_first = first_claim.checked_sub(1).map(claim_key).transpose()?;
    let before_first = before_first.as_ref().map_or("", ObjectKey::as_str);
    let stored = by_name(log.store().list_versions_after("log/claim/", before_first)?);
    for seq in first_claim..state.next_claim().seq {
        let key = claim_key(seq)?;
        move_on(log, &key, stored.get(&key), lock, missing)?;
    }
    for tile in tiles_for(size, log.head().size).into_iter().filter(TileCoordinate::is_full) {
        let key = tile_key(&tile)?;
        move_on(log, &key, versions(log, &[key.as_str()])?.get(&key), lock, missing)?;
    }
    let listed =
        log.store().list_versions_after("log/checkpoints/", checkpoint_key(size)?.as_str())?;
    for (key, versions) in by_name(listed) {
        move_on(log, &key, Some(&versions), lock, missing)?;
    }
    if rises {
        let key = ObjectKey::new("keys/origin/0")?;
        move_on(log, &key, versions(log, &[key.as_str()])?.get(&key), lock, missing)?;
    }
    documents(log, from, lock)?;
    Ok(Some(until))
}

/// Locks the documents that entries name: all of them, or those of the entries since.
fn documents(log: &Log, from: Option<Locked>, lock: Lock) -> Result<(), LogError> {
    let entries = match from.map(|locked| log.entries_since(locked.size)) {
        Some(Err(LogError::Derived { .. })) | None => {
            for (key, versions) in versions(log, &Document::KEPT.map(Document::place))? {
                extend(log, &key, &versions, versions.len() > 1, lock)?;
            }
            return Ok(());
        }
        Some(entries) => entries?,
    };
    for (kind, digest) in entries.iter().flat_map(|entry| Document::of(entry.kind())) {
        // An entry without effect may name what was never there: what is missing, `verify` says.
        let key = kind.key(digest)?;
        if let Some(versions) = versions(log, &[key.as_str()])?.get(&key) {
            extend(log, &key, versions, versions.len() > 1, lock)?;
        }
    }
    Ok(())
}

/// Moves the lock of a manifest on. All of them lie in one place, so that each is asked for by its name:
/// a directory of very many takes long to list.
fn move_manifest(
    log: &Log,
    key: &ObjectKey,
    sha256: Digest,
    until: Timestamp,
    missing: &mut Vec<ObjectKey>,
) -> Result<(), LogError> {
    let lock = Lock { mode: LockMode::Governance, until };
    if let Some(head) = log.store().head(key, None)?
        && head.sha256 == Some(sha256)
    {
        return extend_from(&**log.store(), key, &head, lock).map(drop);
    }
    move_on(log, key, versions(log, &[key.as_str()])?.get(key), lock, missing)
}

/// Locks of objects to move, by what their names begin with.
#[derive(Default)]
struct Moves(BTreeMap<String, Vec<(ObjectKey, Lock)>>);

impl Moves {
    fn add(&mut self, key: ObjectKey, lock: Lock) {
        let name = key.as_str().rfind('/').map_or(0, |slash| slash + 1);
        let place = key.as_str().get(..name + ID_DIGITS).unwrap_or(key.as_str()).to_owned();
        self.0.entry(place).or_default().push((key, lock));
    }

    /// Lists what was uploaded in the same minute at once, and moves one lock after the other.
    fn carry_out(self, log: &Log, missing: &mut Vec<ObjectKey>) -> Result<(), LogError> {
        for (place, moves) in self.0 {
            let stored = versions(log, &[place.as_str()])?;
            for (key, lock) in moves {
                move_on(log, &key, stored.get(&key), lock, missing)?;
            }
        }
        Ok(())
    }
}

/// Moves the lock of a name's version on; of all its locked versions, where it has several: the true
/// one must not lapse beneath what covers it.
fn move_on(
    log: &Log,
    key: &ObjectKey,
    versions: Option<&Vec<VersionId>>,
    lock: Lock,
    missing: &mut Vec<ObjectKey>,
) -> Result<(), LogError> {
    let governance = Lock { mode: LockMode::Governance, ..lock };
    match versions.map(Vec::as_slice) {
        // Nobody can undo a lock of the other mode: it is asked for where one is seen to be.
        Some([version]) if lock == governance => {
            if !extend_unseen(&**log.store(), key, version, lock)? {
                missing.push(key.clone());
            }
            Ok(())
        }
        Some(versions) => extend(log, key, versions, versions.len() > 1, governance),
        None => {
            missing.push(key.clone());
            Ok(())
        }
    }
}
