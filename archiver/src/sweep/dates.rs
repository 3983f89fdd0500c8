//! Locks that follow decisions: a segment's is moved to the date that the policy gives, once.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_crypto::entry::Locked;
use strongroom_crypto::name::StreamName;
use strongroom_crypto::state::LiveSegment;

use super::targets::{Part, Reach, Target, of_segments, proofs};
use super::{extend, versions};
use crate::log::{Dated, Log, LogError, extend_from, extend_unseen, instant};
use crate::policies::Policies;
use crate::store::{Lock, LockMode, ObjectKey};

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
    // What had a date before may be locked longer than is wanted now, and a lock is never asked to end earlier.
    let dated = log.state().locked().is_some() && (before.is_none() || !told.is_empty());
    let mut moves = Moves { dated, by_place: BTreeMap::new() };
    let (mut manifests, mut keys) = (Vec::new(), Vec::new());
    let latest = of_segments(log, policies, &is_news, now, &mut |target| {
        match target.part {
            Part::Segment => moves.add(target.clone()),
            Part::Manifest => manifests.push(target.clone()),
            _ => keys.push(target.clone()),
        }
        Ok(())
    })?;
    let mut missing = Vec::new();
    for manifest in &manifests {
        move_manifest(log, manifest, &mut missing)?;
    }
    moves.carry_out(log, &mut missing)?;
    for key in &keys {
        move_on(log, key, &mut missing)?;
    }
    let claims = log.state().next_claim().seq;
    let reach = Reach { before, claims, size };
    let mut move_proof = |target: &Target| move_on(log, target, &mut missing);
    let proof_until = proofs(log, reach, latest, now, &mut move_proof)?;
    if missing.is_empty() && !undecided && (before.is_none_or(|locked| locked.size < size)) {
        let locked = Locked { claims, policy: newest, size };
        log.set_dated(Dated { locked, proof_until: proof_until.map(instant) });
    }
    Ok(missing)
}

/// Moves the lock of a manifest on. All of them lie in one place, so that each is asked for by its name:
/// a directory of very many takes long to list.
fn move_manifest(log: &Log, target: &Target, missing: &mut Vec<ObjectKey>) -> Result<(), LogError> {
    let Target { key, sha256, mode, until, .. } = target;
    if let Some(head) = log.store().head(key, None)?
        && head.sha256.is_some()
        && head.sha256 == *sha256
    {
        let lock = Lock { mode: *mode, until: *until };
        return extend_from(&**log.store(), key, &head, lock).map(drop);
    }
    move_on(log, target, missing)
}

/// Locks of objects to move.
struct Moves {
    /// Some may have a date already: each is looked at first.
    dated: bool,
    /// By what their names begin with.
    by_place: BTreeMap<String, Vec<Target>>,
}

impl Moves {
    fn add(&mut self, target: Target) {
        let key = target.key.as_str();
        let name = key.rfind('/').map_or(0, |slash| slash + 1);
        let place = key.get(..name + ID_DIGITS).unwrap_or(key).to_owned();
        self.by_place.entry(place).or_default().push(target);
    }

    /// Lists what was uploaded in the same minute at once, and moves one lock after the other.
    fn carry_out(self, log: &Log, missing: &mut Vec<ObjectKey>) -> Result<(), LogError> {
        for (place, targets) in self.by_place {
            let mut stored = versions(log, &[place.as_str()])?;
            for target in targets {
                let found = stored.remove(&target.key).unwrap_or_default();
                if self.dated && !found.is_empty() {
                    let lock = Lock { mode: LockMode::Governance, until: target.until };
                    extend(log, &target.key, &found, found.len() > 1, lock)?;
                } else {
                    move_on(log, &Target { listed: Some(found), ..target }, missing)?;
                }
            }
        }
        Ok(())
    }
}

/// Moves the lock of a name's version on; of all its locked versions, where it has several: the true
/// one must not lapse beneath what covers it.
fn move_on(log: &Log, target: &Target, missing: &mut Vec<ObjectKey>) -> Result<(), LogError> {
    let Target { part, key, mode, until, .. } = target;
    let lock = Lock { mode: LockMode::Governance, until: *until };
    // Most of these are locked as long already: they are looked at first. So is what the policy wants in
    // the other mode, for nobody can undo that: it is asked for where a lock is seen to have it.
    let unseen = !matches!(part, Part::Key | Part::Document) && *mode == LockMode::Governance;
    match target.versions(log)?.as_slice() {
        // An entry without effect may name what was never there: what is missing, `verify` says.
        [] if *part == Part::Document => {}
        [] => missing.push(key.clone()),
        [version] if unseen => {
            if !extend_unseen(&**log.store(), key, version, lock)? {
                missing.push(key.clone());
            }
        }
        versions => extend(log, key, versions, versions.len() > 1, lock)?,
    }
    Ok(())
}
