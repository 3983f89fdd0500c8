//! What a sweep asks of the store does not depend on how large the archive is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use strongroom_archiver::document::Document;
use strongroom_archiver::log::{About, Item, Log, manifest_key};
use strongroom_archiver::policies::{Labels, Policies};
use strongroom_archiver::store::counted::{Counted, Counts};
use strongroom_archiver::store::file::FileStore;
use strongroom_archiver::store::{Lock, LockMode, LockedStore, ObjectKey, PutOptions};
use strongroom_archiver::sweep::extend_overdue;
use strongroom_crypto::entry::{EntryKind, EventTree, PolicySet, Seal, TimeRange};
use strongroom_crypto::keys::{KeyFile, OriginKey, RoleKey};
use strongroom_crypto::name::{Environment, PeriodKeyName, Shard};
use strongroom_crypto::officer::{OfficerKey, OfficerSignature, Registry, Signatures};
use strongroom_crypto::range::{OriginRange, RangeList};
use strongroom_crypto::time::Instant;
use strongroom_crypto::{ArchiveId, Digest, SegmentId};
use strongroom_retention::catalogue::Catalogue;
use strongroom_tests::entropy::Dice;
use strongroom_tests::say;
use strongroom_tests::temp::TempDir;

use crate::office::{Stream, policy_text};

/// 2027-01-15T08:00:00Z.
const NOW_S: i64 = 1_800_000_000;
/// Segments whose locks are due.
const DUE: u64 = 50;
/// What a sweep asks for whatever is due: the log and its snapshot, what proves segments, its window.
const FIXED: u64 = 80;
/// For a segment: its object and its manifest, each looked at, moved and looked at again.
const EACH: u64 = 6;

#[test]
fn a_sweep_asks_for_what_is_due_and_not_for_the_rest() {
    let (few, many) = (sweep(1_000), sweep(20_000));
    say(&format!(
        "a sweep of {DUE} due segments: {} requests among 1,000, {} among 20,000",
        few.requests(),
        many.requests()
    ));
    // Where the log stands decides how many claims and full tiles are new.
    assert!(few.requests().abs_diff(many.requests()) <= 20, "{few:?} {many:?}");
    for cost in [few, many] {
        assert!(cost.requests() <= FIXED + EACH * DUE, "{cost:?}");
    }
}

/// An archive of which `settled` segments have their dates, and the cost of giving [`DUE`] more theirs.
fn sweep(settled: u64) -> Counts {
    let archive = Archive::new();
    let mut log = archive.begin();
    Archive::seal(&mut log, 0..settled);
    Archive::extend(log);
    let mut log = archive.open(archive.store());
    Archive::seal(&mut log, settled..settled + DUE);
    let counted = Arc::new(Counted::new(archive.store()));
    Archive::extend(archive.open(Arc::clone(&counted) as Arc<dyn LockedStore>));
    counted.counts()
}

struct Archive {
    dir: TempDir,
    keys: Arc<KeyFile>,
}

impl Archive {
    fn new() -> Self {
        let mut dice = Dice::new(1, 1);
        let keys = Arc::new(KeyFile::generate(ArchiveId::generate(&mut dice), &mut dice));
        Self { dir: TempDir::in_memory("scale"), keys }
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

    /// A production archive with a policy in force.
    fn begin(&self) -> Log {
        let officer = |seed: u8, role: &str| OfficerKey {
            id: format!("officer-{seed}").parse().unwrap(),
            role: role.parse().unwrap(),
            public: RoleKey::from_seed(&[seed; 32]).public(),
        };
        let officers = [officer(1, "legal"), officer(2, "records-manager"), officer(3, "legal")];
        let about = About {
            environment: Environment::Production,
            officers: Registry::new(officers.to_vec()).unwrap(),
            settle: Duration::from_hours(24),
        };
        let keys = Arc::clone(&self.keys);
        let mut log =
            Log::create(self.store(), keys, &about, &mut Dice::new(1, 2)).unwrap().unwrap();
        let catalogue = Catalogue::shipped_text();
        let digest = Document::Catalogue.store(&log, catalogue.as_bytes()).unwrap();
        let effective = "2027-01-15".parse().unwrap();
        let text =
            policy_text(1, effective, None, &digest.to_string(), &[Stream::governance("P1Y")]);
        let policy = Document::Policy.store(&log, text.as_bytes()).unwrap();
        let set = PolicySet {
            catalogue: digest,
            effective: at(),
            expires_at: at(),
            plan: Digest::of(b"plan"),
            policy,
            pre_approved: Vec::new(),
            roles: ["legal".parse().unwrap(), "records-manager".parse().unwrap()],
            signatures: Signatures::default(),
            supersedes: None,
            version: 1,
        };
        let kind = EntryKind::PolicySet(Box::new(set));
        let statement = Digest::of(&kind.statement(self.keys.archive_id()));
        let sign = |seed: u8| {
            let officer = format!("officer-{seed}").parse().unwrap();
            OfficerSignature::sign(&RoleKey::from_seed(&[seed; 32]), officer, statement)
        };
        let signatures = Signatures::new(vec![sign(1), sign(2)]).unwrap();
        let item = Item { kind: kind.with_signatures(signatures), beside: None };
        assert!(log.append(&[item], None, &mut Dice::new(1, 3)).unwrap().is_empty());
        log
    }

    /// Seals segments whose objects are there, and hold nothing.
    fn seal(log: &mut Log, numbers: std::ops::Range<u64>) {
        let store = Arc::clone(log.store());
        let mut dice = Dice::new(2, numbers.start);
        let origin = OriginKey::from_bytes(&[3; 32]).handle("app", "file:x").unwrap();
        let lock = log.birth_lock().unwrap();
        let period = PeriodKeyName { id: [1; 16], generation: 0 };
        if numbers.start == 0 {
            let key = ObjectKey::new(format!("keys/period/{period}")).unwrap();
            put(&*store, &key, b"key", lock);
        }
        let items: Vec<Item> = numbers
            .map(|n| {
                let id = SegmentId::new(1_800_000_000_000 + n, &mut dice).unwrap();
                let object = format!("segments/app/2027/01/15/{id}.parquet");
                put(&*store, &ObjectKey::new(&*object).unwrap(), b"object", lock);
                put(&*store, &manifest_key(&id).unwrap(), b"manifest", lock);
                let (generation, prefix_mac) = (0, Digest::of(b"prefix"));
                let range = OriginRange {
                    origin,
                    generation,
                    start: n,
                    end: n + 1,
                    prefix_len: 1,
                    prefix_mac,
                };
                let ranges = RangeList::new(vec![range]).unwrap();
                let seal = Seal {
                    bytes: 6,
                    class: "app".parse().unwrap(),
                    event_time: None,
                    events: EventTree { count: 1, root: Digest::of(b"root") },
                    hold_epoch: 0,
                    holds: Vec::new(),
                    late: false,
                    manifest_sha256: Digest::of(b"manifest"),
                    object: object.parse().unwrap(),
                    object_sha256: Digest::of(b"object"),
                    period_key: period,
                    policy: None,
                    ranges_sha256: ranges.digest(),
                    receive_time: TimeRange::new(at(), at()).unwrap(),
                    retain_until: None,
                    segment_id: id,
                    settle_until: at().saturating_add_ms(24 * 3_600_000),
                    stream: "app".parse().unwrap(),
                };
                Item { kind: EntryKind::SegmentSeal(Box::new(seal)), beside: Some(ranges.into()) }
            })
            .collect();
        assert!(log.append(&items, Some(Shard::WHOLE), &mut dice).unwrap().is_empty());
    }

    /// Does what `sweep --duty lock` does.
    fn extend(mut log: Log) {
        let store = Arc::clone(log.store());
        let policies = Policies::load(&*store, log.covered(), log.state(), Labels::new()).unwrap();
        assert_eq!(extend_overdue(&mut log, &policies).unwrap(), []);
        log.append(&[], Some(Shard::WHOLE), &mut Dice::new(4, log.state().size())).unwrap();
        assert_eq!(log.state().locked().unwrap().size + 1, log.state().size());
    }
}

fn at() -> Instant {
    Instant::from_unix_ms(NOW_S * 1_000).unwrap()
}

fn put(store: &dyn LockedStore, key: &ObjectKey, bytes: &[u8], lock: Lock) {
    assert_eq!(lock.mode, LockMode::Governance);
    let how = PutOptions { lock: Some(lock), create_only: true, sha256: Digest::of(bytes) };
    store.put(key, bytes, &how).unwrap();
}
