//! A sealed segment goes to the store: segment, manifest, each read back as asked.

use std::collections::BTreeMap;

use strongroom_crypto::entry::{EntryKind, EventTree, Seal, TimeRange};
use strongroom_crypto::keys::KeyMaterial;
use strongroom_crypto::manifest::{Counts, Manifest};
use strongroom_crypto::name::{ClassName, HoldId, PeriodKeyName, StreamName};
use strongroom_crypto::range::{OriginRange, RangeList};
use strongroom_crypto::state::{Hold, State};
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, Sha512Digest, hex, manifest};
use strongroom_retention::facts::Times;

use super::{ArchiveError, Pending, Report, Run, lock};
use crate::batch::{Day, Placed, date};
use crate::log::{Item, instant, manifest_key, segment_key, timestamp};
use crate::segment::{SealedSegment, Shaper};
use crate::source::PREFIX_BYTES;
use crate::store::{Lock, ObjectKey, PutOptions, StoreError, VersionId, check_stored};

/// The record class of every segment while no policy is in force.
pub(super) const UNCLASSIFIED: &str = "unclassified";
/// An object is put this often before the run gives up.
const PUT_TRIES: u32 = 4;

/// What identifies the content of an origin's generation.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) origin: String,
    pub(super) generation: u64,
    pub(super) prefix_len: usize,
    pub(super) prefix_mac: [u8; 32],
}

/// What a segment is kept under.
struct Classified {
    class: ClassName,
    policy: Option<Digest>,
    period: PeriodKeyName,
}

/// An object that was read back as asked.
struct Stored {
    version: VersionId,
    sha256: Digest,
}

fn bug(error: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Format(error.to_string())
}

impl Run<'_> {
    /// Seals and stores a segment; it has to be claimed next.
    pub(super) fn store(
        &self,
        stream: usize,
        placed: Placed,
        shaper: &Shaper,
        received_day: i64,
        identities: &[Identity],
    ) -> Result<Pending, ArchiveError> {
        let (id, day) = (placed.segment.id(), date(placed.day, received_day));
        let name = placed.segment.stream().to_owned();
        let archive = self.keyring.archive_id();
        let stream_name: StreamName = name.parse().map_err(bug)?;
        let (now, mut lock_now, key_lock, (hold_epoch, holds)) = {
            let log = lock(&self.log);
            let standing = standing_holds(log.state(), &stream_name);
            (log.store().now()?, log.birth_lock()?, log.key_lock()?, standing)
        };
        let sealing = |events, received| self.policies.sealing(&stream_name, events, received, now);
        let unclassified = || UNCLASSIFIED.parse().map_err(bug);
        let before = sealing(None, Times::at(now));
        let class = before.as_ref().map_or_else(unclassified, |one| Ok(one.class.clone()))?;
        lock_now.mode = before.as_ref().map_or(lock_now.mode, |sealing| sealing.mode);
        let needed = lock_now.until;
        let (period, wrapped) = {
            let mut entropy = lock(&self.entropy);
            let (period, key) =
                self.keyring.period(&stream_name, &class, day, needed, key_lock, &mut **entropy)?;
            (period, key.wrap(placed.segment.key(), archive, id, &mut **entropy).map_err(bug)?)
        };
        let material = KeyMaterial::new(&hex::encode(&period.id), period.generation, wrapped);
        let material = material.map_err(bug)?.to_string();
        let (late, ahead) = (matches!(placed.day, Day::Late(_)), placed.ahead);
        let sealed = placed.segment.seal(shaper, &material)?;
        let key = segment_key(&name, day.date(), &id)?;
        let until = Instant::from_unix_ms(lock_now.until.as_millisecond()).unwrap_or(Instant::MAX);
        // A crash here, or anywhere before the claim, leaves an orphan: no claim names it, its lock lapses.
        let stored = self.put(&key, &sealed.encoded.bytes, lock_now)?;
        let ranges = self.ranges(&name, &sealed, identities)?;
        let about = Classified { class, policy: before.map(|sealing| sealing.policy), period };
        let manifest = self.manifest(&sealed, &key, &stored, &about, lock_now, ranges.clone())?;
        let times =
            |range: TimeRange| Times::between(timestamp(range.min()), timestamp(range.max()));
        let decided = sealing(manifest.event_time.map(times), times(manifest.receive_time));
        let retain_until = decided.and_then(|sealing| sealing.retain_until).map(instant);
        // A crash here leaves both without a claim: the same as before.
        let manifest_bytes = manifest.encode();
        let stored_manifest = self.put(&manifest_key(&id)?, &manifest_bytes, lock_now)?;
        let seal = Seal {
            bytes: manifest.bytes,
            class: manifest.class,
            event_time: manifest.event_time,
            events: manifest.events,
            hold_epoch,
            holds,
            late,
            manifest_sha256: stored_manifest.sha256,
            object: manifest.object,
            object_sha256: manifest.sha256,
            period_key: period,
            policy: manifest.policy,
            ranges_sha256: ranges.digest(),
            receive_time: manifest.receive_time,
            retain_until,
            segment_id: id,
            settle_until: until,
            stream: manifest.stream,
        };
        let gain = Report {
            events_sealed: sealed.rows,
            events_rejected: sealed.counts.rejected,
            duplicates: sealed.counts.duplicates,
            quarantined: BTreeMap::from([(name, ahead)]),
            bytes_raw: sealed.counts.bytes,
            bytes_stored: manifest.bytes + u64::try_from(manifest_bytes.len()).unwrap_or(0),
            segments: 1,
            ..Report::default()
        };
        let kind = EntryKind::SegmentSeal(Box::new(seal));
        let item = Item { kind, beside: Some(ranges.into()) };
        Ok(Pending { stream, id, settle_until: until, item, gain })
    }

    fn ranges(
        &self,
        stream: &str,
        sealed: &SealedSegment,
        identities: &[Identity],
    ) -> Result<RangeList, ArchiveError> {
        let mut ranges = Vec::with_capacity(sealed.ranges.len());
        for range in &sealed.ranges {
            let same = |identity: &&Identity| {
                identity.origin == range.origin && identity.generation == range.generation
            };
            let identity =
                identities.iter().find(same).ok_or_else(|| bug("a range of an unknown origin"))?;
            ranges.push(OriginRange {
                origin: self.origin_key.handle(stream, &range.origin).map_err(bug)?,
                generation: range.generation,
                start: range.start,
                end: range.end + u64::try_from(range.tail.len()).unwrap_or(0),
                prefix_len: u16::try_from(identity.prefix_len.min(PREFIX_BYTES)).map_err(bug)?,
                prefix_mac: Digest::from_bytes(identity.prefix_mac),
            });
        }
        RangeList::new(ranges).map_err(bug)
    }

    fn manifest(
        &self,
        sealed: &SealedSegment,
        key: &ObjectKey,
        stored: &Stored,
        about: &Classified,
        lock: Lock,
        ranges: RangeList,
    ) -> Result<Manifest, ArchiveError> {
        let bytes = &sealed.encoded.bytes;
        let received = sealed.receive_time.and_then(time_range);
        let now = || {
            Instant::from_unix_ms(lock.until.as_millisecond()).and_then(|at| TimeRange::new(at, at))
        };
        Ok(Manifest {
            archive_id: self.keyring.archive_id(),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            class: about.class.clone(),
            counts: Counts {
                duplicates: sealed.counts.duplicates,
                filtered: 0,
                rejected: sealed.counts.rejected,
            },
            event_time: sealed.event_time.and_then(time_range),
            events: EventTree { count: sealed.rows, root: sealed.root },
            lock: manifest::Lock {
                mode: lock.mode.as_str().parse().map_err(bug)?,
                until: Instant::from_unix_ms(lock.until.as_millisecond())
                    .ok_or_else(|| bug("lock date"))?,
            },
            object: key.as_str().parse().map_err(bug)?,
            period_key: about.period,
            policy: about.policy,
            ranges,
            // A segment of tails alone was received when it was made.
            receive_time: received.or_else(now).ok_or_else(|| bug("receive time"))?,
            schema_sha256: sealed.encoded.schema,
            segment_id: sealed.id,
            sha256: stored.sha256,
            sha512: Sha512Digest::of(bytes),
            stream: sealed.stream.parse::<StreamName>().map_err(bug)?,
            version_id: stored.version.as_str().to_owned(),
            writer: concat!("strongroom ", env!("CARGO_PKG_VERSION")).to_owned(),
        })
    }

    /// Stores a new object and reads its description back: mode, date, length and digest as asked.
    fn put(&self, key: &ObjectKey, bytes: &[u8], lock_asked: Lock) -> Result<Stored, ArchiveError> {
        let store = std::sync::Arc::clone(lock(&self.log).store());
        let options =
            PutOptions { lock: Some(lock_asked), create_only: true, sha256: Digest::of(bytes) };
        let mut tries = 0;
        let version = loop {
            tries += 1;
            let error = match store.put(key, bytes, &options) {
                Ok(version) => break Some(version),
                Err(error) => error,
            };
            let unclear =
                matches!(error, StoreError::AlreadyExists { .. }) || error.may_be_stored();
            // The name is fresh: what has it can only be this run's own bytes, stored without an answer.
            if unclear && store.head(key, None)?.is_some() {
                break None;
            }
            if !error.is_retryable()
                || tries >= PUT_TRIES
                || matches!(error, StoreError::Full { .. })
            {
                return Err(error.into());
            }
        };
        let version = check_stored(&*store, key, version.as_ref(), bytes, &options)?;
        Ok(Stored { version, sha256: options.sha256 })
    }
}

/// The epoch of the holds, and those that new segments of a stream fall under, in order. One that is
/// placed or released before the claim makes the seal void, and the segment is sealed again.
fn standing_holds(state: &State, stream: &StreamName) -> (u64, Vec<HoldId>) {
    let covers = |hold: &Hold| hold.standing.as_ref().is_some_and(|known| known.covers(stream));
    let holds = state.holds().filter(|(_, hold)| covers(hold)).map(|(id, _)| id.clone());
    (state.hold_epoch(), holds.collect())
}

fn time_range((least, most): (i64, i64)) -> Option<TimeRange> {
    let ms = |us: i64| Instant::from_unix_ms(us.div_euclid(1_000));
    TimeRange::new(ms(least)?, ms(most)?)
}
