//! Archives of many segments, made by their log: what a sweep costs follows from entries, pages and
//! tiles, not from what the objects hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Stopwatch};

use jiff::Timestamp;
use strongroom_archiver::log::{About, Item, Log, manifest_key};
use strongroom_archiver::policies::{Labels, Policies};
use strongroom_archiver::store::counted::{Counted, Counts};
use strongroom_archiver::store::file::FileStore;
use strongroom_archiver::store::{Lock, LockMode, LockedStore, ObjectKey, PutOptions};
use strongroom_archiver::sweep::extend_overdue;
use strongroom_crypto::entry::{EntryKind, EventTree, Locked, Seal, TimeRange, WindowClose};
use strongroom_crypto::keys::{KeyFile, OriginKey};
use strongroom_crypto::name::{Environment, PeriodKeyName, Shard};
use strongroom_crypto::origin::OriginHandle;
use strongroom_crypto::range::{OriginRange, RangeList};
use strongroom_crypto::time::Instant;
use strongroom_crypto::{ArchiveId, Digest, SegmentId};

use crate::entropy::Dice;
use crate::policies::{PolicyText, put_in_force, registry};
use crate::temp::TempDir;

/// 2027-01-15T08:00:00Z.
const NOW_S: i64 = 1_800_000_000;
/// Segments that a run seals, a second apart: their ids share their first eight digits.
pub const RUN: u64 = 50;
/// From the beginning of a run to that of the next one: 55 times what these digits tell apart.
const RUNS_APART_MS: u64 = 55 << 16;
/// Segments sealed before the log is closed and opened again, from a snapshot without pages.
const BATCH: u64 = 4_500;
/// Until when what proves segments is locked, as an earlier sweep said: 20 years.
const PROOF_MS: i64 = 20 * 366 * 24 * 3_600_000;
const PERIOD: PeriodKeyName = PeriodKeyName { id: [1; 16], generation: 0 };

/// What a sweep cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// What it asked of the store.
    pub counts: Counts,
    /// How long it took.
    pub time: Duration,
}

/// A production archive with one policy, whose segments have their dates.
#[derive(Debug)]
pub struct Sealed {
    dir: TempDir,
    keys: Arc<KeyFile>,
    segments: u64,
}

impl Sealed {
    /// An archive of `segments` whose locks a sweep has moved to their dates.
    pub fn swept(segments: u64) -> Self {
        let mut archive = Self::empty();
        archive.seal(segments, true);
        archive.sweep();
        archive
    }

    /// The same, made by the log alone: of these segments there are entries, pages and tiles and no
    /// objects, and the log says that a sweep was there.
    pub fn entered(segments: u64) -> Self {
        let mut archive = Self::empty();
        archive.seal(segments, false);
        let mut log = archive.open(archive.store());
        let state = log.state();
        let policy = state.policies().last().unwrap().policy;
        let close = WindowClose {
            extended_until: Some(at().saturating_add_ms(24 * 3_600_000)),
            index_sha256: None,
            locked: Some(Locked { claims: state.next_claim().seq, policy, size: state.size() }),
            number: state.next_window(Shard::WHOLE),
            proof_until: Some(at().saturating_add_ms(PROOF_MS)),
            segments,
            shard: Shard::WHOLE,
        };
        let item = Item { kind: EntryKind::WindowClose(close), beside: None };
        log.append(&[item], Some(Shard::WHOLE), &mut Dice::new(5, segments)).unwrap();
        assert!(log.state().locked().is_some(), "the window took effect");
        archive
    }

    /// Seals another run's segments, whose dates the next sweep sets.
    pub fn seal_run(&mut self) {
        self.seal(RUN, true);
    }

    /// Does what `sweep --duty lock` does.
    pub fn sweep(&self) -> Cost {
        let store = Arc::new(Counted::new(self.store()));
        let begun = Stopwatch::now();
        let mut log = self.open(Arc::clone(&store) as Arc<dyn LockedStore>);
        let policies = Policies::load(&*store, log.covered(), log.state(), Labels::new()).unwrap();
        assert_eq!(extend_overdue(&mut log, &policies).unwrap(), []);
        log.append(&[], Some(Shard::WHOLE), &mut Dice::new(4, log.state().size())).unwrap();
        let time = begun.elapsed();
        assert_eq!(log.state().locked().unwrap().size + 1, log.state().size());
        assert_eq!(log.state().live_segments(), self.segments);
        Cost { counts: store.counts(), time }
    }

    fn empty() -> Self {
        let mut dice = Dice::new(1, 1);
        let keys = Arc::new(KeyFile::generate(ArchiveId::generate(&mut dice), &mut dice));
        let archive = Self { dir: TempDir::in_memory("sealed"), keys, segments: 0 };
        let about = About {
            environment: Environment::Production,
            officers: registry(),
            settle: Duration::from_hours(24),
        };
        let keys = Arc::clone(&archive.keys);
        let mut log =
            Log::create(archive.store(), keys, &about, &mut Dice::new(1, 2)).unwrap().unwrap();
        put_in_force(&mut log, &archive.keys, &policy(), at());
        let key = ObjectKey::new(format!("keys/period/{PERIOD}")).unwrap();
        let until = Timestamp::from_millisecond(NOW_S * 1_000 + PROOF_MS).unwrap();
        put(&log, &key, b"key", Lock { mode: LockMode::Governance, until });
        archive
    }

    fn store(&self) -> Arc<FileStore> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let clock = Box::new(|| Timestamp::from_second(NOW_S).unwrap());
        let unique = Box::new(|| NEXT.fetch_add(1, Ordering::Relaxed));
        Arc::new(FileStore::create(&self.dir.path().join("a"), clock, unique).unwrap())
    }

    fn open(&self, store: Arc<dyn LockedStore>) -> Log {
        Log::open(store, Arc::clone(&self.keys)).unwrap()
    }

    /// Enters segments, with objects of a few bytes or without.
    fn seal(&mut self, count: u64, objects: bool) {
        let end = self.segments + count;
        while self.segments < end {
            let numbers = self.segments..end.min(self.segments + BATCH);
            let mut log = self.open(self.store());
            let mut dice = Dice::new(2, numbers.start);
            let items: Vec<Item> = numbers.clone().map(|n| item(n, &mut dice)).collect();
            let lock = log.birth_lock().unwrap();
            for item in items.iter().filter(|_| objects) {
                let EntryKind::SegmentSeal(seal) = &item.kind else { continue };
                put(&log, &ObjectKey::new(seal.object.as_str()).unwrap(), b"object", lock);
                put(&log, &manifest_key(&seal.segment_id).unwrap(), b"manifest", lock);
            }
            assert!(log.append(&items, Some(Shard::WHOLE), &mut dice).unwrap().is_empty());
            self.segments = numbers.end;
        }
    }
}

fn at() -> Instant {
    Instant::from_unix_ms(NOW_S * 1_000).unwrap()
}

fn put(log: &Log, key: &ObjectKey, bytes: &[u8], lock: Lock) {
    let how = PutOptions { lock: Some(lock), create_only: true, sha256: Digest::of(bytes) };
    log.store().put(key, bytes, &how).unwrap();
}

fn item(n: u64, dice: &mut Dice) -> Item {
    // The time of an id begins where its first eight digits change.
    let begun = ((NOW_S.unsigned_abs() * 1_000) >> 16 << 16) + n / RUN * RUNS_APART_MS;
    let id = SegmentId::new(begun + n % RUN * 1_000, dice).unwrap();
    let day = Timestamp::from_millisecond(i64::try_from(begun).unwrap()).unwrap();
    let object = format!("segments/app/{}/{id}.parquet", day.strftime("%Y/%m/%d"));
    let origin = OriginKey::from_bytes(&[3; 32]).handle("app", "file:x").unwrap();
    let ranges = RangeList::new(vec![range(origin, n)]).unwrap();
    let seal = Seal { object: object.parse().unwrap(), ..seal(id, "app", at(), &ranges) };
    Item { kind: EntryKind::SegmentSeal(Box::new(seal)), beside: Some(ranges.into()) }
}

/// One byte of an origin.
pub fn range(origin: OriginHandle, start: u64) -> OriginRange {
    OriginRange {
        origin,
        generation: 0,
        start,
        end: start + 1,
        prefix_len: 1,
        prefix_mac: Digest::of(b"prefix"),
    }
}

/// The seal of a segment with one record, received at `at`, whose object holds `object` and whose
/// manifest holds `manifest`.
pub fn seal(id: SegmentId, stream: &str, at: Instant, ranges: &RangeList) -> Seal {
    let day = at.to_string();
    let day = day.get(..10).unwrap().replace('-', "/");
    Seal {
        bytes: 6,
        class: stream.parse().unwrap(),
        event_time: None,
        events: EventTree { count: 1, root: Digest::of(b"root") },
        hold_epoch: 0,
        holds: Vec::new(),
        late: false,
        manifest_sha256: Digest::of(b"manifest"),
        object: format!("segments/{stream}/{day}/{id}.parquet").parse().unwrap(),
        object_sha256: Digest::of(b"object"),
        period_key: PERIOD,
        policy: None,
        ranges_sha256: ranges.digest(),
        receive_time: TimeRange::new(at, at).unwrap(),
        retain_until: None,
        segment_id: id,
        settle_until: at.saturating_add_ms(24 * 3_600_000),
        stream: stream.parse().unwrap(),
    }
}

/// Everything for a year.
fn policy() -> String {
    let streams = "  - id: app
    title: Events of an application
    record_class: app
    match: {stream: [app]}
    clock: event_time
    segment: {max_span: PT24H}
    lock: governance
    citations:
      - {reg: pci-dss-10-5-1, set_min: P1Y, rationale: as the test says}
";
    PolicyText { streams, ..PolicyText::default() }.text()
}
