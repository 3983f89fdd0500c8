//! Locks that follow decisions: a segment's is moved to the date that the policy gives, once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::Locked;
use strongroom_crypto::name::StreamName;
use strongroom_crypto::state::LiveSegment;
use strongroom_crypto::tile::{TileCoordinate, tiles_for};

use super::targets::{Part, Target, of_segments, proof_until};
use super::{by_name, extend, versions};
use crate::document::Document;
use crate::log::{
    Dated, Log, LogError, checkpoint_key, claim_key, extend_from, extend_unseen, instant, tile_key,
};
use crate::policies::Policies;
use crate::store::{Lock, LockMode, ObjectKey, VersionId};

/// Ids begin with their time: those of 65.5 seconds have eight digits in common.
const ID_DIGITS: usize = 8;

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
    log.load_lists()?;
    // Of whose labels nobody told, the dates are not set: a later run that knows them has to come back.
    let undecided = log
        .state()
        .segments()
        .any(|segment| is_news(segment) && policies.lacks_labels(&segment.stream));
    let (mut moves, mut manifests, mut keys) = (Moves::default(), Vec::new(), Vec::new());
    let latest = of_segments(log, policies, &is_news, now, &mut |target| {
        let Target { key, sha256, mode, until, .. } = target.clone();
        match target.part {
            Part::Segment => moves.add(key, Lock { mode, until }),
            Part::Manifest => manifests.push((key, sha256, until)),
            _ => keys.push((key, until)),
        }
        Ok(())
    })?;
    let mut missing = Vec::new();
    for (key, sha256, until) in manifests {
        move_manifest(log, &key, sha256, until, &mut missing)?;
    }
    moves.carry_out(log, &mut missing)?;
    for (key, until) in keys {
        let stored = versions(log, &[key.as_str()])?;
        let lock = Lock { mode: LockMode::Governance, until };
        // Most are locked as long already: they are looked at first.
        match stored.get(&key) {
            Some(versions) => extend(log, &key, versions, versions.len() > 1, lock)?,
            None => missing.push(key),
        }
    }
    let proof_until = proofs(log, before, latest, now, &mut missing)?;
    if missing.is_empty() && !undecided && (before.is_none_or(|locked| locked.size < size)) {
        let claims = log.state().next_claim().seq;
        let locked = Locked { claims, policy: newest, size };
        log.set_dated(Dated { locked, proof_until: proof_until.map(instant) });
    }
    Ok(missing)
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
    let (wanted, rises) = proof_until(log, latest, now);
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
    sha256: Option<Digest>,
    until: Timestamp,
    missing: &mut Vec<ObjectKey>,
) -> Result<(), LogError> {
    let lock = Lock { mode: LockMode::Governance, until };
    if let Some(head) = log.store().head(key, None)?
        && head.sha256.is_some()
        && head.sha256 == sha256
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
