//! Each live segment: its entry, its manifest and its object say the same, and all are under lock.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::entry::Seal;
use strongroom_crypto::manifest::{self, MAX_MANIFEST_BYTES, Manifest};
use strongroom_crypto::name::Environment;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId};
use strongroom_retention::Settling;

use super::deep::Deep;
use super::fold::{Fold, Live};
use super::inventory::Inventory;
use super::{Audit, Found, Mark, VerifyError};
use crate::log::manifest_key;
use crate::pool;
use crate::store::{Head, ObjectKey, StoreError};

/// Stores keep lock dates in whole seconds.
const LOCK_SLACK_MS: i64 = 1_000;

/// What decides whether a lock is long enough.
pub(super) struct Locks {
    environment: Environment,
    settling: Settling,
    now: Timestamp,
}

/// The lock that the log or a manifest names.
#[derive(Clone, Copy)]
pub(super) struct Promised {
    pub(super) mode: Option<manifest::LockMode>,
    pub(super) until: Instant,
}

impl Locks {
    /// The rules of this archive; without its first entry, those of a production archive.
    pub(super) fn new(fold: &Fold, now: Timestamp) -> Self {
        let environment =
            fold.opening.as_ref().map_or(Environment::Production, |opening| opening.environment);
        let period = fold.opening.as_ref().map_or(0, |opening| opening.settle_ms);
        let period = SignedDuration::from_millis(i64::try_from(period).unwrap_or(i64::MAX));
        Self { environment, settling: Settling::new(period, environment), now }
    }

    /// Judges the lock of an object that must not go.
    pub(super) fn check(
        &self,
        audit: &Audit<'_>,
        key: &ObjectKey,
        head: &Head,
        promised: Option<Promised>,
    ) {
        let note = |mark, detail: String| audit.note("lock", key, mark, detail);
        let Some(lock) = head.lock else {
            return note(
                Mark::Fail,
                "no lock is seen: it is not locked, or the permission to read locks is missing"
                    .into(),
            );
        };
        if let Some(promised) = promised {
            if promised.mode.is_some_and(|mode| mode.to_string() != lock.mode.as_str()) {
                return note(
                    Mark::Fail,
                    format!("its lock is of mode {}, another than it was born with", lock.mode),
                );
            }
            if lock.until.as_millisecond().saturating_add(LOCK_SLACK_MS) < promised.until.unix_ms()
            {
                return note(
                    Mark::Fail,
                    format!("its lock ends {}, before the recorded {}", lock.until, promised.until),
                );
            }
        }
        if lock.until <= self.now {
            let mark =
                if self.environment == Environment::Test { Mark::Lapsed } else { Mark::Fail };
            note(mark, format!("its lock ended {}", lock.until));
        } else if self.settling.is_overdue(lock.until, self.now) {
            let detail = format!(
                "its lock ends {}, in less than half the settling period: run `archive` to extend it",
                lock.until
            );
            note(Mark::Pending, detail);
        }
    }
}

/// Checks every live segment, several at a time.
pub(super) fn check_all(audit: &Audit<'_>, fold: &Fold) -> Result<(), VerifyError> {
    let locks = Locks::new(fold, audit.options.now);
    let deep = Deep::new(audit, fold);
    if deep.is_some() {
        audit
            .progress
            .found(fold.seals.iter().fold(0, |sum, live| sum.saturating_add(live.seal.bytes)));
    }
    pool::each(audit.threads(), &fold.seals, |live| {
        let manifest = check_manifest(audit, fold, &locks, live)?;
        if check_object(audit, &locks, &live.seal, manifest.as_ref())?
            && let Some(deep) = &deep
        {
            deep.check(&live.seal, manifest.as_ref())?;
        }
        if deep.is_some() {
            audit.progress.read(live.seal.bytes);
        }
        Ok(())
    })
}

/// What the entry says of the lock: the earlier of the two ends, because the later one is a later run's to set.
fn promised(seal: &Seal, manifest: Option<&Manifest>) -> Promised {
    let until = seal.retain_until.map_or(seal.settle_until, |retain| retain.min(seal.settle_until));
    Promised { mode: manifest.map(|manifest| manifest.lock.mode), until }
}

/// Checks a manifest against its entry; returned if it is the one that the entry names.
fn check_manifest(
    audit: &Audit<'_>,
    fold: &Fold,
    locks: &Locks,
    live: &Live,
) -> Result<Option<Manifest>, VerifyError> {
    let seal = &live.seal;
    let key = manifest_key(&seal.segment_id)?;
    let fail = |detail: String| audit.note("manifest", &key, Mark::Fail, detail);
    let bytes = match audit.get(&key, MAX_MANIFEST_BYTES)? {
        Found::Bytes(bytes) => bytes,
        Found::Missing => {
            fail("it is missing".into());
            return Ok(None);
        }
        Found::Damaged(detail) => {
            fail(detail);
            return Ok(None);
        }
    };
    if Digest::of(&bytes) != seal.manifest_sha256 {
        fail(format!("its SHA-256 is not that of entry {}", live.index));
        return Ok(None);
    }
    let manifest = match Manifest::parse(&bytes) {
        Ok(manifest) => manifest,
        Err(error) => {
            fail(error.to_string());
            return Ok(None);
        }
    };
    if fold.archive_id().is_some_and(|archive| archive != manifest.archive_id) {
        fail(format!("it is of archive {}", manifest.archive_id));
    }
    if let Err(error) = manifest.check_seal(seal) {
        fail(error.to_string());
    }
    if let Some(head) = head(audit, "manifest", &key)? {
        locks.check(audit, &key, &head, Some(promised(seal, Some(&manifest))));
    }
    Ok(Some(manifest))
}

/// Checks what the store says of a segment; true if it is worth reading.
fn check_object(
    audit: &Audit<'_>,
    locks: &Locks,
    seal: &Seal,
    manifest: Option<&Manifest>,
) -> Result<bool, VerifyError> {
    let Ok(key) = ObjectKey::new(seal.object.as_str()) else {
        audit.note("segment", &seal.object, Mark::Fail, "no object can have this name");
        return Ok(false);
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
    let Some(head) = head(audit, "segment", &key)? else { return Ok(false) };
    locks.check(audit, &key, &head, Some(promised(seal, manifest)));
    if head.length != seal.bytes {
        let detail = format!("it has {} bytes, {} were sealed", head.length, seal.bytes);
        audit.note("segment", &key, Mark::Fail, detail);
        return Ok(false);
    }
    match head.sha256 {
        Some(digest) if digest != seal.object_sha256 => {
            audit.note(
                "segment",
                &key,
                Mark::Fail,
                "the store has recorded another SHA-256 than was sealed",
            );
        }
        None if !audit.options.deep => {
            audit.note(
                "segment",
                &key,
                Mark::NotProven,
                "the store has no SHA-256 of it: verify with `--deep`",
            );
        }
        Some(_) | None => {}
    }
    Ok(true)
}

/// Describes an object that must be there.
pub(super) fn head(
    audit: &Audit<'_>,
    check: &'static str,
    key: &ObjectKey,
) -> Result<Option<Head>, VerifyError> {
    match audit.store.head(key, None) {
        Ok(Some(head)) => return Ok(Some(head)),
        Ok(None) => audit.note(check, key, Mark::Fail, "it is missing"),
        Err(StoreError::Corrupt { detail, .. }) => audit.note(check, key, Mark::Fail, detail),
        Err(error) => return Err(error.into()),
    }
    Ok(None)
}

/// Reports segments and manifests that no valid entry names.
pub(super) fn orphans(audit: &Audit<'_>, inventory: &Inventory, fold: &Fold) {
    let objects: BTreeSet<&str> = fold.seals.iter().map(|live| live.seal.object.as_str()).collect();
    let ids: BTreeSet<SegmentId> = fold.seals.iter().map(|live| live.seal.segment_id).collect();
    let orphan = |id: &SegmentId| {
        let abandoned = fold.state.as_ref().is_some_and(|state| state.is_abandoned(id));
        if abandoned {
            "its upload was abandoned"
        } else {
            "no valid entry names it: an upload that was not finished"
        }
    };
    for key in inventory.segments.iter().filter(|key| !objects.contains(key.as_str())) {
        let name = key.as_str().rsplit_once('/').map_or("", |(_, name)| name);
        match name.strip_suffix(".parquet").map(str::parse::<SegmentId>) {
            Some(Ok(id)) => audit.note("orphan", key, Mark::Info, orphan(&id)),
            _ => audit.note("unexpected", key, Mark::Fail, "no segment has this name"),
        }
    }
    for id in inventory.manifests.iter().filter(|id| !ids.contains(id)) {
        audit.note("orphan", format_args!("manifests/{id}.json"), Mark::Info, orphan(id));
    }
}
