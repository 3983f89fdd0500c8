//! Each live segment: its entry, its manifest and its object say the same, and all are under lock.

use std::collections::BTreeSet;

use strongroom_crypto::entry::Seal;
use strongroom_crypto::manifest::{MAX_MANIFEST_BYTES, Manifest};
use strongroom_crypto::{Digest, Hasher, SegmentId};

use super::dates::Dates;
use super::deep::Deep;
use super::fold::{Fold, Live, VoidSeal};
use super::holds::Holds;
use super::inventory::Inventory;
use super::keeping::Tally;
use super::locks::{Locks, Promised, head};
use super::{Audit, Keeping, Mark, VerifyError};
use crate::log::manifest_key;
use crate::pool;
use crate::store::{Lock, ObjectKey, StoreError};

/// Objects are hashed piece by piece, so that their length does not matter.
const PIECE_BYTES: u64 = 8 << 20;

/// Checks every live segment, several at a time: its bytes are hashed, and opened if that is asked for.
pub(super) fn check_all(
    audit: &Audit<'_>,
    inventory: &Inventory,
    fold: &Fold,
    dates: &Dates,
) -> Result<Option<Keeping>, VerifyError> {
    let locks = Locks::new(fold, audit.options.now);
    let holds = Holds::new(audit, fold)?;
    let rules = (&locks, dates, &holds);
    let deep = Deep::new(audit, fold);
    let bytes = fold.seals.iter().fold(0_u64, |sum, live| sum.saturating_add(live.seal.bytes));
    audit.progress.found(bytes);
    let tally = Tally::new(dates);
    pool::each(audit.threads(), &fold.seals, |live| -> Result<(), VerifyError> {
        audit.go_on()?;
        let manifest = check_manifest(audit, fold, rules, live)?;
        if fold.is_ordered(&live.seal.segment_id) {
            audit.progress.read(live.seal.bytes);
            return Ok(());
        }
        let key = check_object(audit, (inventory, fold), rules, &live.seal, manifest.as_ref())?;
        let (key, lock) = key.unzip();
        if let Some(lock) = lock.flatten() {
            tally.take(audit, &live.seal, lock);
        }
        match (&deep, key) {
            (Some(deep), Some(_)) => deep.check(&live.seal, manifest.as_ref())?,
            (None, Some(key)) => check_bytes(audit, &live.seal, &key)?,
            (_, None) => {}
        }
        audit.progress.read(live.seal.bytes);
        Ok(())
    })?;
    Ok(tally.finish(audit))
}

/// What the entry says of the lock: the earlier of the two ends, because the later one is a later run's to set.
fn promised(fold: &Fold, dates: &Dates, seal: &Seal, manifest: Option<&Manifest>) -> Promised {
    let id = &seal.segment_id;
    // The locks of what is ordered to go lapse.
    let said = dates.said(id).filter(|_| !fold.is_ordered(id));
    let until = seal.retain_until.map_or(seal.settle_until, |retain| retain.min(seal.settle_until));
    Promised { mode: manifest.map(|manifest| manifest.lock.mode), until, said }
}

/// Checks a manifest against its entry, and its lock; returned if it is the one that the entry names.
fn check_manifest(
    audit: &Audit<'_>,
    fold: &Fold,
    (locks, dates, holds): (&Locks, &Dates, &Holds),
    live: &Live,
) -> Result<Option<Manifest>, VerifyError> {
    let seal = &live.seal;
    let Some(manifest) = read_manifest(audit, fold, live)? else { return Ok(None) };
    let key = manifest_key(&seal.segment_id)?;
    if let Some(head) = head(audit, "manifest", &key)? {
        let date = dates.segment(&seal.segment_id);
        let promised = promised(fold, dates, seal, Some(&manifest));
        locks.check(audit, &key, &head, Some(promised), date);
        holds.check(audit, &key, &head, &seal.segment_id);
    }
    Ok(Some(manifest))
}

/// Checks a manifest against its entry; returned if it is the one that the entry names.
pub(super) fn read_manifest(
    audit: &Audit<'_>,
    fold: &Fold,
    live: &Live,
) -> Result<Option<Manifest>, VerifyError> {
    let seal = &live.seal;
    let key = manifest_key(&seal.segment_id)?;
    let fail = |detail: String| audit.note("manifest", &key, Mark::Fail, detail);
    let open = |bytes: Vec<u8>| {
        if Digest::of(&bytes) != seal.manifest_sha256 {
            return Err(format!("its SHA-256 is not that of entry {}", live.index));
        }
        Manifest::parse(&bytes).map_err(|error| error.to_string())
    };
    let manifest = match audit.read(&key, MAX_MANIFEST_BYTES, open)?.into_result() {
        Ok(manifest) => manifest,
        Err(detail) => {
            fail(detail);
            return Ok(None);
        }
    };
    if fold.archive_id().is_some_and(|archive| archive != manifest.archive_id) {
        fail(format!("it is of archive {}", manifest.archive_id));
    }
    if let Err(error) = manifest.check_seal(seal) {
        fail(error.to_string());
    }
    Ok(Some(manifest))
}

/// Checks what the store says of a segment; its name and its lock, if it is worth reading.
fn check_object(
    audit: &Audit<'_>,
    (inventory, fold): (&Inventory, &Fold),
    (locks, dates, holds): (&Locks, &Dates, &Holds),
    seal: &Seal,
    manifest: Option<&Manifest>,
) -> Result<Option<(ObjectKey, Option<Lock>)>, VerifyError> {
    let Ok(key) = ObjectKey::new(seal.object.as_str()) else {
        audit.note("segment", &seal.object, Mark::Fail, "no object can have this name");
        return Ok(None);
    };
    let (start, end) =
        (format!("segments/{}/", seal.stream), format!("/{}.parquet", seal.segment_id));
    if !key.as_str().starts_with(&start) || !key.as_str().ends_with(&end) {
        audit.note(
            "segment",
            &key,
            Mark::Fail,
            format_args!("it is not named after segment {}", seal.segment_id),
        );
    }
    if inventory.covered.contains(&key) {
        find_beneath(audit, seal, &key)?;
    }
    let Some(head) = head(audit, "segment", &key)? else { return Ok(None) };
    let date = dates.segment(&seal.segment_id);
    locks.check(audit, &key, &head, Some(promised(fold, dates, seal, manifest)), date);
    holds.check(audit, &key, &head, &seal.segment_id);
    if head.length != seal.bytes {
        let detail = format!("it has {} bytes, {} were sealed", head.length, seal.bytes);
        audit.note("segment", &key, Mark::Fail, detail);
        return Ok(None);
    }
    if head.sha256.is_some_and(|digest| digest != seal.object_sha256) {
        let detail = "the store has recorded another SHA-256 than was sealed";
        audit.note("segment", &key, Mark::Fail, detail);
    }
    Ok(Some((key, head.lock)))
}

/// Finds what was sealed beneath what lies over it.
fn find_beneath(audit: &Audit<'_>, seal: &Seal, key: &ObjectKey) -> Result<(), VerifyError> {
    let limit = usize::try_from(seal.bytes).unwrap_or(usize::MAX);
    let same = |bytes: Vec<u8>| {
        if Digest::of(&bytes) == seal.object_sha256 { Ok(()) } else { Err(String::new()) }
    };
    audit.read(key, limit, same).map(drop)
}

/// Hashes a segment of the right length, which takes no key.
fn check_bytes(audit: &Audit<'_>, seal: &Seal, key: &ObjectKey) -> Result<(), VerifyError> {
    let fail = |detail: &str| audit.note("segment", key, Mark::Fail, detail);
    let version = audit.covered.version(key);
    let mut hasher = Hasher::new();
    let mut offset = 0;
    while offset < seal.bytes {
        audit.go_on()?;
        let length = PIECE_BYTES.min(seal.bytes - offset);
        let piece = match audit.store.get_range(key, version.as_ref(), offset, length) {
            Ok(Some(piece)) if !piece.is_empty() => piece,
            Ok(_) => {
                fail("it ended while it was read");
                return Ok(());
            }
            Err(StoreError::Corrupt { detail, .. }) => {
                fail(&detail);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        hasher.update(&piece);
        offset = offset.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
    }
    if hasher.finish() != seal.object_sha256 {
        fail("its SHA-256 is not what was sealed");
    }
    Ok(())
}

/// Reports seals without effect. One whose object is there and that nobody gave up was left by a run that was
/// interrupted after it lost a race.
pub(super) fn voids(audit: &Audit<'_>, inventory: &Inventory, fold: &Fold) {
    let live: BTreeSet<SegmentId> = fold.seals.iter().map(|live| live.seal.segment_id).collect();
    for VoidSeal { index, seal, reason } in &fold.voids {
        let (id, object) = (&seal.segment_id, seal.object.as_str());
        let stored = ObjectKey::new(object).is_ok_and(|key| inventory.segments.contains(&key));
        let (mark, rest) = if stored && !live.contains(id) && !fold.abandoned.contains(id) {
            let rest = format!(
                "; `{object}` is there and was not abandoned: its source must not have been acknowledged"
            );
            (Mark::Pending, rest)
        } else {
            (Mark::Info, String::new())
        };
        let detail = format!("void, without effect: {reason}{rest}");
        audit.note("fold", format_args!("entry {index}"), mark, detail);
    }
}

/// Reports segments and manifests that no valid entry names, as far as that can be said.
pub(super) fn orphans(audit: &Audit<'_>, inventory: &Inventory, fold: &Fold) {
    let certified = fold.disposals.iter().filter_map(|disposal| disposal.certified.as_ref());
    let destroyed = certified.flat_map(|certified| &certified.destroyed);
    let known: Vec<&Live> = fold.seals.iter().chain(destroyed).collect();
    let objects: BTreeSet<&str> = known.iter().map(|live| live.seal.object.as_str()).collect();
    let ids: BTreeSet<SegmentId> = known.iter().map(|live| live.seal.segment_id).collect();
    let orphan = |object: &dyn std::fmt::Display, id: &SegmentId| {
        let detail = if fold.abandoned.contains(id) {
            "its upload was abandoned"
        } else if fold.whole {
            "no valid entry names it: an upload that was not finished"
        } else {
            return;
        };
        audit.note("orphan", object, Mark::Info, detail);
    };
    for key in inventory.segments.iter().filter(|key| !objects.contains(key.as_str())) {
        let name = key.as_str().rsplit_once('/').map_or("", |(_, name)| name);
        match name.strip_suffix(".parquet").map(str::parse::<SegmentId>) {
            Some(Ok(id)) => orphan(key, &id),
            _ => audit.note("unexpected", key, Mark::Fail, "no segment has this name"),
        }
    }
    for id in inventory.manifests.iter().filter(|id| !ids.contains(id)) {
        orphan(&format_args!("manifests/{id}.json"), id);
    }
}
