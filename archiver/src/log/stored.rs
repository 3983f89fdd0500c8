//! Objects of the log as they are stored: put once, and locked as long as they are needed.

use jiff::Timestamp;
use strongroom_crypto::Digest;

use super::LogError;
use crate::store::{
    Covered, Head, Lock, LockedStore, ObjectKey, PutOptions, StoreError, VersionId, put_checked,
};

/// Stores an object once; the same bytes under the name count as stored.
pub(crate) fn put_once(
    store: &dyn LockedStore,
    covered: &Covered,
    key: &ObjectKey,
    bytes: &[u8],
    lock: Option<Lock>,
) -> Result<(), LogError> {
    let options = PutOptions { lock, create_only: true, sha256: Digest::of(bytes) };
    let Err(error) = put_checked(store, key, bytes, &options) else { return Ok(()) };
    if !matches!(error, StoreError::AlreadyExists { .. } | StoreError::Conflict { .. })
        && !error.may_be_stored()
    {
        return Err(error.into());
    }
    let same = |found: Vec<u8>| if found == bytes { Ok(()) } else { Err(()) };
    match covered.read(store, key, bytes.len(), same) {
        Ok(Some(Ok(()))) => require_lock(store, covered, key, lock),
        Ok(Some(Err(()))) | Err(StoreError::Corrupt { .. }) => Err(LogError::Damaged {
            object: key.to_string(),
            detail: "other bytes have this name".into(),
        }),
        Ok(None) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}

/// Makes sure that bytes which were found stored, not seen to be stored, are locked as asked.
pub(super) fn require_lock(
    store: &dyn LockedStore,
    covered: &Covered,
    key: &ObjectKey,
    lock: Option<Lock>,
) -> Result<(), LogError> {
    let Some(lock) = lock else { return Ok(()) };
    let head = store.head(key, covered.version(key).as_ref())?;
    let head = head.ok_or_else(|| LogError::Damaged {
        object: key.to_string(),
        detail: "it was there a moment ago".into(),
    })?;
    extend_from(store, key, &head, lock).map(|_| ())
}

/// Moves the lock of a version that nobody has looked at yet on to `lock.until` and reads it back. A
/// store refuses another mode than the lock has, and then that mode is kept. Gives false if there is
/// no such version.
pub(crate) fn extend_unseen(
    store: &dyn LockedStore,
    key: &ObjectKey,
    version: &VersionId,
    lock: Lock,
) -> Result<bool, LogError> {
    let moved = store.extend_lock(key, version, lock);
    let Some(head) = store.head(key, Some(version))? else { return Ok(false) };
    match (head.lock, moved) {
        (Some(found), _) if found.until >= lock.until => {}
        (Some(found), Err(error)) if found.mode == lock.mode => return Err(error.into()),
        (None, Err(error)) => return Err(error.into()),
        // It has another mode, or reads back as before.
        _ => drop(extend_from(store, key, &head, lock)?),
    }
    Ok(true)
}

/// Moves the lock of a version that was looked at on to `lock.until` and reads it back; returns its
/// end. A lock keeps its mode.
pub(crate) fn extend_from(
    store: &dyn LockedStore,
    key: &ObjectKey,
    head: &Head,
    lock: Lock,
) -> Result<Timestamp, LogError> {
    let lasts =
        |found: Option<Lock>| found.map(|found| found.until).filter(|until| *until >= lock.until);
    if let Some(until) = lasts(head.lock) {
        return Ok(until);
    }
    let mode = head.lock.map_or(lock.mode, |found| found.mode);
    let moved = store.extend_lock(key, &head.version, Lock { mode, until: lock.until });
    let after = store.head(key, Some(&head.version))?.and_then(|head| head.lock);
    // Another worker may have moved it further in between, and then the store refuses ours.
    match (lasts(after), moved) {
        (Some(until), _) => Ok(until),
        (None, Err(error)) => Err(error.into()),
        (None, Ok(())) => Err(LogError::Damaged {
            object: key.to_string(),
            detail: "the store moved its lock on, and it reads back as before".into(),
        }),
    }
}
