//! Locks that are about to lapse move on; what nobody claimed goes; flags follow the holds.
//!
//! While no policy is in force, a segment keeps a rolling lock of one settling period. The log remembers how far the last
//! extension went (`window.close`, `extended`), so that a run with nothing overdue looks at no segment at all.

mod dates;
mod holds;
mod orphans;
mod targets;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use strongroom_crypto::name::PeriodKeyName;
use strongroom_crypto::state::{FoldError, LiveSegment, State};
use strongroom_crypto::time::Instant;
use strongroom_retention::Settling;

use crate::document::Document;
use crate::log::{Log, LogError, extend_from, manifest_key, period_key_object, timestamp};
use crate::policies::Policies;
use crate::store::{ListedVersion, Lock, LockMode, ObjectKey, StoreError, VersionId};

pub use holds::{Flags, sweep_holds};
pub use orphans::{Orphans, remove_orphans};
pub(crate) use targets::{Part, Reach, heads, targets};

/// Names listed at a time.
const LIST: usize = 1_000;

/// Extends every lock of which less than half the settling period is left, and returns the objects
/// that are not there: their loss is reported, and the log does not say that all locks were extended.
///
/// # Errors
///
/// The store's: a lock that cannot be extended stops the run.
pub fn extend_overdue(log: &mut Log, policies: &Policies) -> Result<Vec<ObjectKey>, LogError> {
    // A date that cannot be set must not keep the other locks from rolling on.
    let dated = dates::set_dates(log, policies);
    let rolled = roll(log, policies)?;
    Ok(dated?.into_iter().chain(rolled).collect())
}

/// Extends locks as a run does that seals, and returns what is missing and what the store refused: where
/// duties are apart, credentials that seal may not lock until the date of a policy. That is left to
/// `sweep --duty lock`, and what is sealed is not lost for it; settling locks roll on all the same.
///
/// # Errors
///
/// As [`extend_overdue`], but for dates that the store refuses.
pub fn extend_as_permitted(
    log: &mut Log,
    policies: &Policies,
) -> Result<(Vec<ObjectKey>, Option<String>), LogError> {
    let (dated, refused) = match dates::set_dates(log, policies) {
        Err(LogError::Store(StoreError::Denied { detail })) => (Ok(Vec::new()), Some(detail)),
        dated => (dated, None),
    };
    let rolled = roll(log, policies)?;
    Ok((dated?.into_iter().chain(rolled).collect(), refused))
}

/// Moves every lock on that is about to lapse where nobody can decide: everything is kept, and the log
/// says of no date that it is set.
///
/// # Errors
///
/// The store's: a lock that cannot be extended stops the run.
pub fn extend_undecided(log: &mut Log) -> Result<Vec<ObjectKey>, LogError> {
    roll(log, &Policies::default())
}

/// Moves every lock on that is about to lapse, if they are due.
fn roll(log: &mut Log, policies: &Policies) -> Result<Vec<ObjectKey>, LogError> {
    let mut missing = Vec::new();
    let now = log.store().now()?;
    let settling = log.settling();
    if !due(log.state(), settling, now) {
        return Ok(missing);
    }
    let lock = Lock { mode: LockMode::Governance, until: settling.lock_until(now) };
    log.load_all_pages()?;
    let mut keys: Vec<ObjectKey> = vec![ObjectKey::new("keys/origin/0")?];
    let mut periods: BTreeSet<PeriodKeyName> = BTreeSet::new();
    log.load_lists()?;
    let state = log.state();
    for segment in state.segments() {
        keys.push(manifest_key(&segment.segment_id)?);
        if is_kept(state, policies, segment, now)? {
            keys.push(ObjectKey::new(segment.object.as_str())?);
            periods.insert(segment.period_key);
        }
    }
    for period in &periods {
        keys.push(period_key_object(period)?);
    }
    let stored = versions(log, &["keys/", "manifests/", "segments/"])?;
    for key in keys {
        match stored.get(&key) {
            Some(versions) => extend(log, &key, versions, versions.len() > 1, lock)?,
            None => missing.push(key),
        }
    }
    // What proves a segment lasts as long: claims, full tiles and bundles, checkpoints, documents.
    let log_places = ["log/checkpoints/", "log/claim/", "log/tile/"];
    let places: Vec<&str> =
        log_places.into_iter().chain(Document::KEPT.map(Document::place)).collect();
    for (key, versions) in versions(log, &places)? {
        let only_locked = versions.len() > 1 || is_superseded(&key);
        extend(log, &key, &versions, only_locked, lock)?;
    }
    if missing.is_empty() {
        log.set_extended(
            Instant::from_unix_ms(lock.until.as_millisecond()).unwrap_or(Instant::MAX),
        );
    }
    Ok(missing)
}

/// Whether a segment still needs a lock: the lock of one that may go has to lapse.
fn is_kept(
    state: &State,
    policies: &Policies,
    segment: &LiveSegment,
    now: Timestamp,
) -> Result<bool, LogError> {
    let undecided = |reason| LogError::Fold(FoldError::Undecided(reason));
    if state.order_over(&segment.segment_id).map_err(undecided)?.is_some() {
        return Ok(false);
    }
    let decision = policies.decide(segment, &[], now);
    let over = |until: Option<Timestamp>| until.is_some_and(|until| until <= now);
    let may_go = over(decision.keep_until.instant()) && over(decision.lock_until);
    Ok(!may_go || !state.holds_over(segment).map_err(undecided)?.is_empty())
}

/// Whether the next run replaces it: partial tiles and bundles have no lock.
fn is_superseded(key: &ObjectKey) -> bool {
    key.as_str().contains(".p/")
}

/// Tells whether a lock is overdue: those that the last extension moved, or without one any.
fn due(state: &State, settling: Settling, now: Timestamp) -> bool {
    let overdue = |until: Instant| settling.is_overdue(timestamp(until), now);
    if state.live_segments() == 0 {
        return false;
    }
    match state.extended_until() {
        Some(extended) => overdue(extended),
        None => {
            state.pages_absent().iter().any(|page| overdue(page.first))
                || state.segments().any(|segment| overdue(segment.settle_until))
        }
    }
}

/// Moves the locks of all versions of a name on, or `only_locked` those that have one. Which of them
/// is the true one is not asked here: it must not lapse beneath what covers it.
fn extend(
    log: &Log,
    key: &ObjectKey,
    versions: &[VersionId],
    only_locked: bool,
    lock: Lock,
) -> Result<(), LogError> {
    for version in versions {
        let head = log.store().head(key, Some(version))?;
        if let Some(head) = head.filter(|head| head.lock.is_some() || !only_locked) {
            extend_from(&**log.store(), key, &head, lock)?;
        }
    }
    Ok(())
}

/// The versions of every name below prefixes, also of hidden ones. Bytes that no versioned write put
/// there cannot be locked.
fn versions(log: &Log, prefixes: &[&str]) -> Result<BTreeMap<ObjectKey, Vec<VersionId>>, LogError> {
    let mut listed = Vec::new();
    for prefix in prefixes {
        listed.extend(log.store().list_versions(prefix)?);
    }
    Ok(by_name(listed))
}

fn by_name(listed: Vec<ListedVersion>) -> BTreeMap<ObjectKey, Vec<VersionId>> {
    let mut versions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for one in listed {
        if !one.is_delete_marker && !one.version.is_null() {
            versions.entry(one.key).or_default().push(one.version);
        }
    }
    versions
}

/// Every current key below a prefix.
fn all(log: &Log, prefix: &str) -> Result<Vec<ObjectKey>, LogError> {
    let (mut keys, mut after): (Vec<ObjectKey>, Option<String>) = (Vec::new(), None);
    loop {
        let listed = log.store().list(prefix, after.as_deref(), LIST)?;
        let Some(last) = listed.last() else { return Ok(keys) };
        after = Some(last.key.to_string());
        keys.extend(listed.into_iter().map(|item| item.key));
    }
}
