//! Which names have locks that follow decisions, and until when: what a sweep moves, and a plan tells.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::Locked;
use strongroom_crypto::name::PeriodKeyName;
use strongroom_crypto::state::LiveSegment;
use strongroom_crypto::tile::{TileCoordinate, tiles_for};
use strongroom_retention::period::{Counting, Cutoff, Period};

use super::{by_name, versions};
use crate::document::Document;
use crate::log::{
    Log, LogError, checkpoint_key, claim_key, manifest_key, period_key_object, tile_key, timestamp,
};
use crate::policies::Policies;
use crate::store::{Head, LockMode, ObjectKey, VersionId, versions_of};

/// What proves segments is locked this much longer than the last of them, so that not every new
/// segment moves all of it.
const PROOF_MARGIN: Period = Period::days(90);

/// The versions of a name, where a listing of many names told them.
type Listed = Option<Vec<VersionId>>;

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
    /// Its versions.
    pub(super) listed: Listed,
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
fn proof_until(log: &Log, latest: Option<Timestamp>, now: Timestamp) -> (Option<Timestamp>, bool) {
    let known = log.state().proof_until().map(timestamp);
    let rises = latest.is_some_and(|latest| known.is_none_or(|known| latest > known));
    (if rises { decided_proof(log, latest, now) } else { known }, rises)
}

fn decided_proof(log: &Log, latest: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    latest.map(|latest| log.settling().capped(after(latest, PROOF_MARGIN), now))
}

impl Target {
    fn of(part: Part, key: ObjectKey, sha256: Option<Digest>, until: Timestamp) -> Self {
        let (mode, decided) = (LockMode::Governance, Some(until));
        Self { part, key, sha256, mode, until, decided, listed: None }
    }

    /// The versions of the name that can be locked, also of a hidden one.
    pub(super) fn versions(&self, log: &Log) -> Result<Vec<VersionId>, LogError> {
        if let Some(listed) = &self.listed {
            return Ok(listed.clone());
        }
        let stored = by_name(versions_of(&**log.store(), &self.key)?);
        Ok(stored.into_values().flatten().collect())
    }
}

/// A period later, by the calendar.
fn after(until: Timestamp, period: Period) -> Timestamp {
    let counting =
        Counting { zone: strongroom_retention::period::Zone::utc(), cutoff: Cutoff::None };
    counting.until(until, period).unwrap_or(until)
}

/// What proves the segments: all of it where the latest date lies beyond or nothing was seen to before,
/// else what is new.
///
/// # Errors
///
/// As [`targets`].
pub(super) fn proofs(
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
    let mut show =
        |part, key, listed| act(&Target { decided, listed, ..Target::of(part, key, None, until) });
    let before_first = first_claim.checked_sub(1).map(claim_key).transpose()?;
    let before_first = before_first.as_ref().map_or("", ObjectKey::as_str);
    let mut claims = by_name(log.store().list_versions_after("log/claim/", before_first)?);
    for seq in first_claim..reach.claims {
        let key = claim_key(seq)?;
        let versions = claims.remove(&key).unwrap_or_default();
        show(Part::Proof, key, Some(versions))?;
    }
    let tiles = tiles_for(size, reach.size.min(log.head().size));
    for tile in tiles.into_iter().filter(TileCoordinate::is_full) {
        show(Part::Proof, tile_key(&tile)?, None)?;
    }
    let (oldest, newest) = (checkpoint_key(size)?, checkpoint_key(reach.size)?);
    let listed = log.store().list_versions_after("log/checkpoints/", oldest.as_str())?;
    for (key, versions) in by_name(listed).into_iter().filter(|(key, _)| *key <= newest) {
        show(Part::Proof, key, Some(versions))?;
    }
    if from.is_none() {
        show(Part::Proof, ObjectKey::new("keys/origin/0")?, None)?;
    }
    for (key, versions) in documents(log, from)? {
        show(Part::Document, key, versions)?;
    }
    Ok(Some(until))
}

/// The documents that entries name: all that are there, with their versions, or those of the entries
/// since, for a listing would show all that ever were.
fn documents(log: &Log, from: Option<Locked>) -> Result<Vec<(ObjectKey, Listed)>, LogError> {
    let entries = match from.map(|locked| log.entries_since(locked.size)) {
        Some(Err(LogError::Derived { .. })) | None => {
            let stored = versions(log, &Document::KEPT.map(Document::place))?;
            return Ok(stored.into_iter().map(|(key, versions)| (key, Some(versions))).collect());
        }
        Some(entries) => entries?,
    };
    let named = entries.iter().flat_map(|entry| Document::of(entry.kind()));
    named.map(|(kind, digest)| Ok((kind.key(digest)?, None))).collect()
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
    let versions = target.versions(log)?;
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
