//! Uploads that no claim ever named: what a crash or a lost race leaves.
//!
//! An orphan is first abandoned in the log, so that no claim can name it later, and only then
//! deleted, version by version, once its lock has lapsed. An upload whose claim may still come is
//! left alone.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_crypto::SegmentId;
use strongroom_crypto::entry::{Abandon, EntryKind};
use strongroom_crypto::keys::{Entropy, KeyFile};
use strongroom_crypto::name::PeriodKeyName;
use strongroom_crypto::time::Instant;

use super::all;
use crate::log::{Gone, Item, Log, LogError, Sealed, instant, period_key_object, timestamp, walk};
use crate::store::{ObjectKey, StoreError, delete_all};

/// What became of orphans.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Orphans {
    /// Uploads abandoned in the log now.
    pub abandoned: u64,
    /// Objects deleted.
    pub deleted: u64,
    /// Objects whose lock has not lapsed yet, that are held, or that the store still lists: a later
    /// sweep deletes them.
    pub waiting: u64,
    /// Canaries of `doctor` deleted.
    pub canaries: u64,
    /// Keys of periods deleted that were locked when the last of their segments was destroyed.
    pub keys: u64,
}

/// Abandons orphans and deletes those that may be deleted.
///
/// # Errors
///
/// The store's and the log's.
pub fn remove_orphans(
    log: &mut Log,
    keys: &KeyFile,
    entropy: &mut dyn Entropy,
) -> Result<Orphans, LogError> {
    log.load_all_pages()?;
    let mut live: BTreeSet<SegmentId> =
        log.state().segments().map(|segment| segment.segment_id).collect();
    let mut spent = BTreeSet::new();
    if log.state().certified() > 0 {
        // The manifest of a segment that was destroyed lives as long as the log, and the state does
        // not know of it any more.
        let (_, seals) = walk(&**log.store(), keys, log.covered())?;
        live.extend(seals.iter().map(|sealed| sealed.seal.segment_id));
        spent = spent_keys(&seals);
    }
    let mut uploads: BTreeMap<SegmentId, Vec<ObjectKey>> = BTreeMap::new();
    for key in all(log, "segments/")?.into_iter().chain(all(log, "manifests/")?) {
        if let Some(id) = segment_id(&key).filter(|id| !live.contains(id)) {
            uploads.entry(id).or_default().push(key);
        }
    }
    let now = log.now()?;
    uploads.retain(|id, _| log.state().is_abandoned(id) || is_past_claiming(log, *id, now));
    let fresh: Vec<SegmentId> =
        uploads.keys().filter(|id| !log.state().is_abandoned(id)).copied().collect();
    let abandon = |segment_id: &SegmentId| Item {
        kind: EntryKind::SegmentAbandon(Abandon { segment_id: *segment_id, until: now }),
        beside: None,
    };
    let items: Vec<Item> = fresh.iter().map(abandon).collect();
    let voided = log.append(&items, None, entropy)?;
    // Another worker may have abandoned it too; nobody can have claimed it: its lock is too old.
    for void in &voided {
        if let Some(id) = fresh.get(void.place).filter(|id| !log.state().is_abandoned(id)) {
            uploads.remove(id);
        }
    }
    let mut orphans = Orphans {
        abandoned: u64::try_from(items.len() - voided.len()).unwrap_or(0),
        ..Orphans::default()
    };
    let is_deleted = |key: &ObjectKey| -> Result<bool, StoreError> {
        Ok(delete_all(&**log.store(), key)?.is_ok())
    };
    for key in uploads.into_values().flatten() {
        if is_deleted(&key)? {
            orphans.deleted += 1;
        } else {
            orphans.waiting += 1;
        }
    }
    // Also of names that a trial hid.
    let canaries = log.store().list_versions("index/doctor/")?;
    let canaries: BTreeSet<ObjectKey> = canaries.into_iter().map(|one| one.key).collect();
    for key in canaries {
        orphans.canaries += u64::from(is_deleted(&key)?);
    }
    // A worker locks a key before it seals under it: what is not locked protects nothing to come.
    for name in spent {
        let key = period_key_object(&name)?;
        let there = log.store().head(&key, None)?.is_some();
        orphans.keys += u64::from(there && is_deleted(&key)?);
    }
    Ok(orphans)
}

/// The keys of periods whose segments are all destroyed.
fn spent_keys(seals: &[Sealed]) -> BTreeSet<PeriodKeyName> {
    let (gone, rest): (Vec<_>, Vec<_>) =
        seals.iter().partition(|sealed| matches!(sealed.gone, Some(Gone::Destroyed(_))));
    let needed: BTreeSet<_> = rest.into_iter().map(|sealed| sealed.seal.period_key).collect();
    let destroyed = gone.into_iter().map(|sealed| sealed.seal.period_key);
    destroyed.filter(|name| !needed.contains(name)).collect()
}

/// The id that an object of a segment is named by.
fn segment_id(key: &ObjectKey) -> Option<SegmentId> {
    let name = key.as_str().rsplit('/').next()?;
    let id = name.strip_suffix(".parquet").or_else(|| name.strip_suffix(".json"))?;
    id.parse().ok()
}

/// Whether a claim of an upload would come too late, whoever made it: its id tells when it began.
fn is_past_claiming(log: &Log, id: SegmentId, now: Instant) -> bool {
    let Some(begun) = i64::try_from(id.unix_ms()).ok().and_then(Instant::from_unix_ms) else {
        return false;
    };
    let settle_until = log.settling().lock_until(timestamp(begun));
    instant(settle_until) < now
}
