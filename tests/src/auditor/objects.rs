//! The objects: each once, each in its place, each that was claimed as it was claimed.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_archiver::store::{LockMode, ObjectKey};
use strongroom_crypto::{Digest, SegmentId, entry::Seal, manifest::Manifest, range::RangeList};

use super::{Audit, Findings, Shelf, log::Log};

/// Where objects may lie.
const FOLDERS: [&str; 8] = [
    "segments/",
    "manifests/",
    "log/claim/",
    "log/tile/",
    "log/checkpoints/",
    "keys/period/",
    "keys/origin/",
    "index/",
];

/// The one object outside of them.
const HINT: &str = "log/checkpoint";

/// Requires that every name stands for exactly one version, and that no name is unknown. Only what
/// nobody trusts may be replaced.
pub(super) fn check_versions(shelf: &Shelf<'_>, findings: &mut Findings) {
    let mut count: BTreeMap<String, u64> = BTreeMap::new();
    for one in shelf.store.list_versions("").unwrap() {
        let name = one.key.as_str().to_owned();
        findings.require(!one.is_delete_marker, || format!("`{name}` was deleted"));
        if name != HINT && !name.starts_with("index/") {
            findings.require(one.is_latest, || format!("`{name}` has been replaced"));
        }
        *count.entry(name).or_default() += 1;
    }
    for (name, count) in count {
        let known = name == HINT || FOLDERS.iter().any(|folder| name.starts_with(folder));
        findings.require(known, || format!("`{name}` has no business in an archive"));
        let derived = name == HINT || name.starts_with("index/");
        findings.require(derived || count == 1, || format!("`{name}` has {count} versions"));
    }
}

/// Compares what seals say with the objects, and counts those that no seal names.
pub(super) fn check_segments(
    shelf: &Shelf<'_>,
    log: &Log,
    audit: &mut Audit,
    findings: &mut Findings,
) {
    let mut live = BTreeSet::new();
    for (place, (seal, ranges)) in log.seals.iter().enumerate() {
        let id = seal.segment_id;
        findings.require(live.insert(id), || format!("segment {id} is sealed twice"));
        let gone = log.abandoned.contains(&id);
        findings.require(!gone, || format!("segment {id} is sealed and abandoned"));
        check_object(shelf, seal, findings);
        check_manifest(shelf, log, seal, ranges, findings);
        let until = check_locks(shelf, log, place, seal, findings);
        audit.lapses_first_ms = audit.lapses_first_ms.into_iter().chain(until).min();
    }
    for name in shelf.names("segments/") {
        let id = name.rsplit('/').next().and_then(|last| last.strip_suffix(".parquet"));
        let Some(id) = id.and_then(|id| id.parse::<SegmentId>().ok()) else {
            findings.add(format!("`{name}` is not called like a segment"));
            continue;
        };
        if log.abandoned.contains(&id) {
            audit.abandoned += 1;
        } else if !live.contains(&id) {
            audit.orphans += 1;
        }
    }
}

fn check_object(shelf: &Shelf<'_>, seal: &Seal, findings: &mut Findings) {
    let (id, name) = (seal.segment_id, seal.object.as_str());
    let placed = name.starts_with(&format!("segments/{}/", seal.stream))
        && name.ends_with(&format!("/{id}.parquet"));
    findings.require(placed, || format!("segment {id} lies at `{name}`"));
    let Some(bytes) = shelf.get(name) else { return findings.add(format!("`{name}` is missing")) };
    let same = bytes.len() as u64 == seal.bytes && Digest::of(&bytes) == seal.object_sha256;
    findings.require(same, || format!("`{name}` is not what was sealed"));
}

fn check_manifest(
    shelf: &Shelf<'_>,
    log: &Log,
    seal: &Seal,
    ranges: &RangeList,
    findings: &mut Findings,
) {
    let name = format!("manifests/{}.json", seal.segment_id);
    let Some(bytes) = shelf.get(&name) else { return findings.add(format!("`{name}` is missing")) };
    let same = Digest::of(&bytes) == seal.manifest_sha256;
    findings.require(same, || format!("`{name}` is not what was sealed"));
    match Manifest::parse(&bytes) {
        Err(error) => findings.add(format!("`{name}`: {error}")),
        Ok(manifest) => {
            let agrees = manifest.archive_id == log.state.archive_id()
                && manifest.bytes == seal.bytes
                && manifest.class == seal.class
                && manifest.event_time == seal.event_time
                && manifest.events == seal.events
                && manifest.lock.until == seal.settle_until
                && manifest.object == seal.object
                && manifest.period_key == seal.period_key
                && manifest.ranges == *ranges
                && manifest.receive_time == seal.receive_time
                && manifest.segment_id == seal.segment_id
                && manifest.sha256 == seal.object_sha256
                && manifest.stream == seal.stream;
            findings.require(agrees, || format!("`{name}` does not say what the seal says"));
        }
    }
}

/// Requires the lock that a segment was born with, or a later one where a window says so. Gives the
/// end of the first that ends.
fn check_locks(
    shelf: &Shelf<'_>,
    log: &Log,
    place: usize,
    seal: &Seal,
    findings: &mut Findings,
) -> Option<i64> {
    let settle_ms = i64::try_from(log.state.settle_ms()).unwrap();
    let extended = log.closes.iter().filter(|close| place < close.seals_before);
    let extended = extended.filter_map(|close| close.content.extended_until);
    // A segment that was stored before an extension and claimed after it was not seen by it, but
    // then its own lock lasts until little less.
    let extended = extended.map(|until| until.unix_ms() - settle_ms / 4).max();
    let least = seal.settle_until.unix_ms().max(extended.unwrap_or(i64::MIN));
    let manifest = format!("manifests/{}.json", seal.segment_id);
    let mut first = None;
    for name in [seal.object.as_str(), &manifest, &format!("keys/period/{}", seal.period_key)] {
        let head = shelf.store.head(&ObjectKey::new(name).unwrap(), None).unwrap();
        let lock = head.as_ref().and_then(|head| head.lock);
        let Some(lock) = lock else {
            findings.add(format!("`{name}` is without a lock"));
            continue;
        };
        findings.require(lock.mode == LockMode::Governance, || format!("`{name}`: other mode"));
        // A period key has the lock of the first segment that needed it until it is extended.
        let lasts = lock.until.as_millisecond() >= least || name.starts_with("keys/");
        findings.require(lasts, || format!("the lock of `{name}` ends too early: {}", lock.until));
        first = first.into_iter().chain([lock.until.as_millisecond()]).min();
    }
    first
}
