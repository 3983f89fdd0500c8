//! Which names have locks that follow decisions, and until when: what a sweep moves, and a plan tells.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::Locked;
use strongroom_crypto::name::PeriodKeyName;
use strongroom_crypto::state::LiveSegment;
use strongroom_crypto::tile::{TileCoordinate, tiles_for};
use strongroom_retention::period::{Counting, Cutoff, Period};

use super::versions;
use crate::document::Document;
use crate::log::{
    Log, LogError, checkpoint_key, claim_key, manifest_key, period_key_object, tile_key, timestamp,
};
use crate::policies::Policies;
use crate::store::{Head, LockMode, ObjectKey, VersionId};

/// What proves segments is locked this much longer than the last of them, so that not every new
/// segment moves all of it.
const PROOF_MARGIN: Period = Period::days(90);

/// A name whose locks have to reach a date.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What it is.
    pub(crate) part: Part,
    /// The name.
    pub(crate) key: ObjectKey,
    /// Digest of its true version, where that is known.
    pub(super) sha256: Option<Digest>,
    /// The mode that the policy demands; the mode that a lock has is kept.
    pub(super) mode: LockMode,
    /// The date.
    pub(crate) until: Timestamp,
    /// The date that the decisions alone give: what proves segments has another, where it is locked
    /// longer already.
    pub(crate) decided: Option<Timestamp>,
}

/// What an object is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Part {
    /// A segment.
    Segment,
    /// Its manifest.
    Manifest,
    /// A period key.
    Key,
    /// What proves segments: claims, tiles, checkpoints, the origin key.
    Proof,
    /// What entries name: policies, catalogues, lists, certificates.
    Document,
}

/// Of which part of an archive locks are to follow decisions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// What a run saw to before.
    pub(crate) before: Option<Locked>,
    /// Claims before this number.
    pub(crate) claims: u64,
    /// What was sealed by an entry below this size, and what proves it.
    pub(crate) size: u64,
}

/// Shows every name whose locks have to reach a date, and says until when what proves segments is
/// locked. A plan asks what a sweep then does.
///
/// # Errors
///
/// The store's, and those of `act`.
pub(crate) fn targets(
    log: &Log,
    policies: &Policies,
    reach: Reach,
    now: Timestamp,
    act: &mut dyn FnMut(&Target) -> Result<(), LogError>,
) -> Result<Option<Timestamp>, LogError> {
    let since = reach.before.map_or(0, |locked| locked.size);
    let wanted = |segment: &LiveSegment| (since..reach.size).contains(&segment.index);
    let latest = of_segments(log, policies, &wanted, now, act)?;
    proofs(log, reach, latest, now, act)
}

/// The same of some segments, their manifests and keys, and the date until which they are to be proved.
///
/// # Errors
///
/// As [`targets`].
pub(super) fn of_segments(
    log: &Log,
    policies: &Policies,
    wanted: &dyn Fn(&LiveSegment) -> bool,
    now: Timestamp,
    act: &mut dyn FnMut(&Target) -> Result<(), LogError>,
) -> Result<Option<Timestamp>, LogError> {
    let (state, retain) = (log.state(), policies.certificate_retain());
    let (mut periods, mut latest) = (BTreeMap::<PeriodKeyName, Timestamp>::new(), None);
    for segment in state.segments().filter(|segment| wanted(segment)) {
        let decision = policies.decide(segment, &[], now);
        let until = decision.lock_until.map(|until| log.settling().capped(until, now));
        let Some(until) = until.filter(|until| *until > now) else { continue };
        let mode = decision.governed_by.and_then(|governed| policies.mode(&governed));
        let object = ObjectKey::new(segment.object.as_str())?;
        // What is ordered to go may be gone.
        let ordered = !matches!(state.order_over(&segment.segment_id), Ok(None));
        if ordered && log.store().head(&object, None)?.is_none() {
            continue;
        }
        let period = periods.entry(segment.period_key).or_insert(until);
        *period = (*period).max(until);
        let target = Target::of(Part::Segment, object, Some(segment.object_sha256), until);
        act(&Target { mode: mode.unwrap_or(target.mode), ..target })?;
        let proof = log.settling().capped(after(until, retain), now);
        latest = latest.max(Some(proof));
        let manifest = manifest_key(&segment.segment_id)?;
        act(&Target::of(Part::Manifest, manifest, Some(segment.manifest_sha256), proof))?;
    }
    for (period, until) in periods {
        act(&Target::of(Part::Key, period_key_object(&period)?, None, until))?;
    }
    Ok(latest)
}

/// Until when what proves segments is locked, and whether that is later than before: then all of it is.
pub(super) fn proof_until(
    log: &Log,
    latest: Option<Timestamp>,
    now: Timestamp,
) -> (Option<Timestamp>, bool) {
    let known = log.state().proof_until().map(timestamp);
    let rises = latest.is_some_and(|latest| known.is_none_or(|known| latest > known));
    (if rises { decided_proof(log, latest, now) } else { known }, rises)
}

fn decided_proof(log: &Log, latest: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    latest.map(|latest| log.settling().capped(after(latest, PROOF_MARGIN), now))
}

impl Target {
    fn of(part: Part, key: ObjectKey, sha256: Option<Digest>, until: Timestamp) -> Self {
        Self { part, key, sha256, mode: LockMode::Governance, until, decided: Some(until) }
    }
}

/// A period later, by the calendar.
fn after(until: Timestamp, period: Period) -> Timestamp {
    let counting =
        Counting { zone: strongroom_retention::period::Zone::utc(), cutoff: Cutoff::None };
    counting.until(until, period).unwrap_or(until)
}

/// What proves the segments: all of it where the latest date lies beyond, else what is new.
fn proofs(
    log: &Log,
    reach: Reach,
    latest: Option<Timestamp>,
    now: Timestamp,
    act: &mut dyn FnMut(&Target) -> Result<(), LogError>,
) -> Result<Option<Timestamp>, LogError> {
    let (wanted, rises) = proof_until(log, latest, now);
    let Some(until) = wanted else { return Ok(None) };
    let decided = decided_proof(log, latest, now);
    let from = reach.before.filter(|_| !rises);
    let (first_claim, size) = from.map_or((0, 0), |locked| (locked.claims, locked.size));
    let mut show = |part, key| act(&Target { decided, ..Target::of(part, key, None, until) });
    for seq in first_claim..reach.claims {
        show(Part::Proof, claim_key(seq)?)?;
    }
    let tiles = tiles_for(size, reach.size.min(log.head().size));
    for tile in tiles.into_iter().filter(TileCoordinate::is_full) {
        show(Part::Proof, tile_key(&tile)?)?;
    }
    let (oldest, newest) = (checkpoint_key(size)?, checkpoint_key(reach.size)?);
    let listed = log.store().list_versions_after("log/checkpoints/", oldest.as_str())?;
    let mut checkpoints: Vec<ObjectKey> = listed.into_iter().map(|one| one.key).collect();
    checkpoints.dedup();
    for key in checkpoints.into_iter().filter(|key| *key <= newest) {
        show(Part::Proof, key)?;
    }
    if from.is_none() {
        show(Part::Proof, ObjectKey::new("keys/origin/0")?)?;
    }
    for key in versions(log, &Document::KEPT.map(Document::place))?.into_keys() {
        show(Part::Document, key)?;
    }
    Ok(Some(until))
}

/// The versions of a name whose locks are moved: its true one; all that have a lock, where the current
/// one is not known to be the true one. None: it is not there.
pub(crate) fn heads(log: &Log, target: &Target) -> Result<Option<Vec<Head>>, LogError> {
    let (store, key) = (log.store(), &target.key);
    if let Some(expected) = target.sha256
        && let Some(head) = store.head(key, None)?
        && head.sha256 == Some(expected)
    {
        return Ok(Some(vec![head]));
    }
    let listed = store.list_versions(key.as_str())?;
    let of_name = listed.into_iter().filter(|one| one.key == *key && !one.is_delete_marker);
    let versions: Vec<VersionId> =
        of_name.map(|one| one.version).filter(|v| !v.is_null()).collect();
    if versions.is_empty() {
        return Ok(None);
    }
    let only_locked = versions.len() > 1;
    let mut heads = Vec::new();
    for version in versions {
        let head = store.head(key, Some(&version))?;
        heads.extend(head.filter(|head| head.lock.is_some() || !only_locked));
    }
    Ok(Some(heads))
}
