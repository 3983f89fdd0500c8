//! The order, and what it destroys. Each step may be the last before a crash: the log then has the
//! order, and whoever executes it again goes on from there with the same code.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::Digest;
use strongroom_crypto::entry::{DispositionCertificate, EntryKind, Seal};
use strongroom_crypto::keys::{Entropy, KeyFile};
use strongroom_crypto::manifest::{MAX_MANIFEST_BYTES, Manifest};
use strongroom_crypto::name::{OrderId, PeriodKeyName};
use strongroom_crypto::officer::Signatures;

use super::DispositionError;
use super::approvals::approvals;
use super::batch::{Batch, Candidate};
use super::certificate::{Certificate, Destroyed, KeyFate};
use super::history::{Certified, History, Ordered};
use super::propose::{check, statement};
use crate::act::{enter, pending};
use crate::document::Document;
use crate::log::{Log, instant, manifest_key, period_key_object, timestamp};
use crate::policies::Policies;
use crate::store::{self, ListedVersion, ObjectKey, versions_of};

/// How far this machine's clock and the store's may be apart: the rest is a clock that is wrong.
pub const MAX_CLOCK_DIFFERENCE: SignedDuration = SignedDuration::from_mins(2);

/// What the clocks say.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// This machine's.
    pub local: Timestamp,
    /// The store's.
    pub store: Timestamp,
}

impl Clocks {
    /// The earlier of two clocks that agree, for nothing may go too early.
    ///
    /// # Errors
    ///
    /// [`DispositionError::Clock`] where they do not.
    pub fn earlier(self) -> Result<Timestamp, DispositionError> {
        let Self { local, store } = self;
        if local.duration_since(store).abs() > MAX_CLOCK_DIFFERENCE {
            return Err(DispositionError::Clock { local, store });
        }
        Ok(local.min(store))
    }
}

/// Enters the order of a batch, if nothing of it changed and it was not entered before.
///
/// # Errors
///
/// [`DispositionError`]: nothing was ordered, and nothing is destroyed.
pub fn order(
    log: &mut Log,
    keys: &KeyFile,
    policies: &Policies,
    batch: &Batch,
    clocks: Clocks,
    entropy: &mut dyn Entropy,
) -> Result<(), DispositionError> {
    let now = clocks.earlier()?;
    let history = History::read(log, keys)?;
    let archive = log.state().archive_id();
    let kind = batch.entry()?;
    let statement = statement(&kind, archive);
    if let Some(known) = history.order(&batch.order) {
        let ordered = EntryKind::DispositionOrder(Box::new(known.order.clone()));
        let same = Digest::of(&ordered.statement(archive)) == statement;
        let other =
            || DispositionError::OtherOrder { order: batch.order.clone(), index: known.index };
        return if same { Ok(()) } else { Err(other()) };
    }
    check(log, &history, policies, batch, now)?;
    let from = batch.destroyable_from();
    if from > instant(now) {
        return Err(DispositionError::Early(from));
    }
    let signatures = if needs_officers(&history, batch) {
        let approved = pending(log, keys)?.into_iter().find(|one| one.digest == statement);
        let first = approved.iter().flat_map(|one| &one.approvals).map(|(_, at)| *at).min();
        let lapse = first.and_then(|at| policies.approvals_lapse(batch.policy, timestamp(at)));
        if let Some(lapse) = lapse.filter(|lapse| *lapse < now) {
            return Err(DispositionError::Lapsed(instant(lapse)));
        }
        approved.map(|one| one.signatures()).unwrap_or_default()
    } else {
        Signatures::default()
    };
    // A crash here leaves a list that no entry names.
    Document::List.store(log, &batch.list()?.encode())?;
    enter(log, kind.with_signatures(signatures), entropy)?
        .map_or(Ok(()), |reason| Err(DispositionError::Void(reason)))
}

/// Whether the schedule itself does not approve a batch.
pub fn needs_officers(history: &History, batch: &Batch) -> bool {
    let approved = history.state.policies().iter().find(|policy| policy.policy == batch.policy);
    let approved = approved.map(|policy| policy.pre_approved.as_slice()).unwrap_or_default();
    // The class that it was sealed with, which the log knows, and the one that it has by now.
    let sealed = |segment: &Candidate| {
        let live = history.state.segment(&segment.id).ok().flatten();
        live.is_some_and(|live| approved.contains(&live.class))
    };
    batch.segments.iter().any(|segment| !approved.contains(&segment.class) || !sealed(segment))
}

/// Destroys what an order names, if it was not done before, and certifies it.
///
/// # Errors
///
/// [`DispositionError::Left`] where something cannot be deleted: the order stays open, and nothing is
/// certified.
pub fn carry_out(
    log: &mut Log,
    keys: &KeyFile,
    policies: &Policies,
    id: &OrderId,
    clocks: Clocks,
    entropy: &mut dyn Entropy,
) -> Result<Certified, DispositionError> {
    let now = instant(clocks.earlier()?);
    let history = History::read(log, keys)?;
    let none = || DispositionError::NoOrder(id.clone());
    let ordered = history.order(id).ok_or_else(none)?;
    if let Some(certified) = ordered.certified {
        return Ok(certified);
    }
    // The time of an order is its writer's word, and dates are decided as of then.
    let (index, at) = (ordered.index, ordered.at);
    if timestamp(at).duration_since(timestamp(now)) > MAX_CLOCK_DIFFERENCE {
        return Err(DispositionError::Ahead { index, at, now });
    }
    let policies = &policies.with_clocks(&history.clocks);
    let (sealed, dates) = (history.sealed(ordered)?, history.dates(policies));
    if let Some(lapse) = dates.outlasts(&ordered.order, at) {
        let (said, most) = (ordered.order.expires_at, instant(lapse));
        return Err(DispositionError::TooLong { said, most });
    }
    for (_, seal) in &sealed {
        if let Some(why) = dates.premature(&ordered.order, ordered.at, seal) {
            let (id, index) = (seal.segment_id, ordered.index);
            return Err(DispositionError::Premature { id, index, why });
        }
    }
    let mut destroyed = Vec::new();
    for (index, seal) in sealed {
        // First, so that none is completed under a name that is empty already.
        let uploads = log.store().abort_uploads(&ObjectKey::new(seal.object.as_str())?)?;
        // A crash here leaves the rest to the next who executes the order.
        let versions = destroy(log, seal)?;
        destroyed.push(Destroyed { index, seal: seal.clone(), versions, uploads });
    }
    // Versions before keys: whoever is interrupted in between leaves nothing that cannot be read.
    let mut fates = Vec::new();
    for name in destroyed.iter().map(|one| one.seal.period_key).collect::<BTreeSet<_>>() {
        fates.push((name, destroy_key(log, &history, ordered, name, clocks)?));
    }
    require_absent(log, &destroyed)?;
    let certificate = Certificate {
        log,
        keys,
        history: &history,
        policies,
        ordered,
        approvals: approvals(log, keys, ordered)?,
        destroyed: &destroyed,
        fates: &fates,
        clocks,
        verified: log.store().now()?,
    };
    // A crash here leaves a certificate that no entry names; the next one takes its place.
    let bytes = certificate.to_json().to_canonical();
    let digest = Document::Certificate.store(log, &bytes)?;
    certify(log, keys, id, digest, entropy)
}

/// Enters a certificate. Of two who carried out one order, one certifies it.
fn certify(
    log: &mut Log,
    keys: &KeyFile,
    id: &OrderId,
    certificate: Digest,
    entropy: &mut dyn Entropy,
) -> Result<Certified, DispositionError> {
    let done = DispositionCertificate { certificate, order: id.clone() };
    let voided = enter(log, EntryKind::DispositionCertificate(done), entropy)?;
    let history = History::read(log, keys)?;
    match (history.order(id).and_then(|ordered| ordered.certified), voided) {
        (Some(certified), _) => Ok(certified),
        (None, Some(reason)) => Err(DispositionError::Void(reason)),
        (None, None) => Err(DispositionError::NoOrder(id.clone())),
    }
}

/// Deletes every version of a segment's object, and looks again; the versions that were there. Of one
/// that is gone already, the version that its manifest names.
fn destroy(log: &Log, seal: &Seal) -> Result<Vec<String>, DispositionError> {
    let key = ObjectKey::new(seal.object.as_str())?;
    let deleted = delete_all(log, &key)?.into_iter().filter(|one| !one.is_delete_marker);
    let deleted: Vec<String> = deleted.map(|one| one.version.to_string()).collect();
    if !deleted.is_empty() {
        return Ok(deleted);
    }
    let open = |bytes: Vec<u8>| {
        let manifest =
            (Digest::of(&bytes) == seal.manifest_sha256).then(|| Manifest::parse(&bytes));
        manifest.and_then(Result::ok).ok_or(())
    };
    let manifest = manifest_key(&seal.segment_id)?;
    let read = log.covered().read(&**log.store(), &manifest, MAX_MANIFEST_BYTES, open)?;
    Ok(read.and_then(Result::ok).map(|manifest| manifest.version_id).into_iter().collect())
}

/// Looks at everything again after the last deletion: what is certified is absent.
fn require_absent(log: &Log, destroyed: &[Destroyed]) -> Result<(), DispositionError> {
    for one in destroyed {
        let key = ObjectKey::new(one.seal.object.as_str())?;
        if !versions_of(&**log.store(), &key)?.is_empty() {
            let detail = "a version of it came back".to_owned();
            return Err(DispositionError::Left { object: key.to_string(), detail });
        }
    }
    Ok(())
}

/// Destroys the period key of an order's segments, unless something else needs it or a lock or flag
/// keeps it. A worker that has just sealed under a key has locked it before: it is not destroyed
/// beneath what no claim names yet.
fn destroy_key(
    log: &Log,
    history: &History,
    ordered: &Ordered,
    name: PeriodKeyName,
    clocks: Clocks,
) -> Result<KeyFate, DispositionError> {
    let list = history.segments(ordered);
    let mut live = history.state.segments().filter(|segment| segment.period_key == name);
    if live.any(|segment| list.binary_search(&segment.segment_id).is_err()) {
        return Ok(KeyFate::Needed);
    }
    let key = period_key_object(&name)?;
    for one in versions_of(&**log.store(), &key)?.iter().filter(|one| !one.is_delete_marker) {
        let Some(head) = log.store().head(&key, Some(&one.version))? else { continue };
        match head.lock {
            _ if head.hold => return Ok(KeyFate::Held),
            Some(lock) if lock.until > clocks.earlier()? => {
                return Ok(KeyFate::Locked(instant(lock.until)));
            }
            _ => {}
        }
    }
    let uploads = log.store().abort_uploads(&key)?;
    delete_all(log, &key)?;
    Ok(KeyFate::Destroyed { uploads })
}

/// Deletes all versions of a name and the marks that hide it, and looks again.
fn delete_all(log: &Log, key: &ObjectKey) -> Result<Vec<ListedVersion>, DispositionError> {
    let left = |detail| DispositionError::Left { object: key.to_string(), detail };
    store::delete_all(&**log.store(), key)?.map_err(left)
}
