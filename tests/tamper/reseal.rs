//! A lie that was sealed: somebody with every key says of a segment what its records do not.

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use strongroom_archiver::archive::Silent;
use strongroom_archiver::log::{Item, Keyring, Log, manifest_key, period_key_object, walk};
use strongroom_archiver::store::{Covered, Lock, LockedStore, ObjectKey, PutOptions};
use strongroom_archiver::verify::{Mark, Options, Report, Verdict, verify};
use strongroom_crypto::Digest;
use strongroom_crypto::entry::{EntryKind, TimeRange};
use strongroom_crypto::manifest::Manifest;
use strongroom_crypto::name::Shard;
use strongroom_tests::archive::{TestArchive, request, stream};
use strongroom_tests::clock::TestClock;
use strongroom_tests::entropy::Dice;
use strongroom_tests::events::cloudtrail;
use strongroom_tests::temp::TempDir;

const SEED: u64 = 23;
/// Events of a segment in the raw layout, and of one in columns.
const FEW: u64 = 20;
const MANY: u64 = 2_000;

/// An archive of `events`, of which the last is there twice; and another with the same keys and nothing in it.
fn archives(temp: &Path, events: u64) -> [TestArchive; 2] {
    let clock = TestClock::default();
    let [honest, lying] = ["honest", "lying"].map(|name| {
        fs::create_dir(temp.join(name)).unwrap();
        TestArchive::create(&temp.join(name), SEED, clock.clone())
    });
    let mut lines = cloudtrail(&mut Dice::new(SEED, 9), clock.ms(), &[0], events);
    let last = lines.split_inclusive(|byte| *byte == b'\n').next_back().unwrap().to_vec();
    lines.extend(last);
    let path = honest.root().join("audit.ndjson");
    fs::write(&path, lines).unwrap();
    honest.clean_run(1, &request(vec![stream("audit", &path, false)], 10_000));
    [honest, lying]
}

fn put(store: &dyn LockedStore, key: &ObjectKey, bytes: &[u8], lock: Lock) {
    let how = PutOptions { lock: Some(lock), create_only: true, sha256: Digest::of(bytes) };
    store.put(key, bytes, &how).unwrap();
}

/// What is said of an archive into which the segment of another was sealed with a changed manifest.
fn resealed(events: u64, change: impl FnOnce(&mut Manifest)) -> Report {
    let temp = TempDir::new("reseal");
    let [honest, lying] = archives(temp.path(), events);
    let from = honest.store(2);
    let (_, seals) = walk(&from, honest.keys(), &Covered::default()).unwrap();
    let [sealed] = seals.as_slice() else { panic!("{} segments", seals.len()) };
    let get = |key: &ObjectKey| from.get(key, None).unwrap().unwrap();
    let object = ObjectKey::new(sealed.seal.object.as_str()).unwrap();
    let named = manifest_key(&sealed.seal.segment_id).unwrap();
    let period = period_key_object(&sealed.seal.period_key).unwrap();
    let mut manifest = Manifest::parse(&get(&named)).unwrap();
    assert_eq!((manifest.events.count, manifest.counts.duplicates), (events + 1, 1));
    change(&mut manifest);

    let store: Arc<dyn LockedStore> = Arc::new(lying.store(2));
    let mut log = Log::open(Arc::clone(&store), Arc::clone(lying.keys())).unwrap();
    let lock = log.birth_lock().unwrap();
    put(&*store, &period, &get(&period), lock);
    put(&*store, &object, &get(&object), lock);
    put(&*store, &named, &manifest.encode(), lock);
    let mut seal = sealed.seal.clone();
    (seal.event_time, seal.receive_time) = (manifest.event_time, manifest.receive_time);
    seal.manifest_sha256 = Digest::of(&manifest.encode());
    let kind = EntryKind::SegmentSeal(Box::new(seal));
    let item = Item { kind, beside: Some(sealed.ranges.clone().into()) };
    let voided = log.append(&[item], Some(Shard::WHOLE), &mut Dice::new(SEED, 10)).unwrap();
    assert!(voided.is_empty(), "{voided:?}");

    let keyring = Arc::new(Keyring::new(Arc::clone(&store), Arc::clone(lying.keys())));
    let options = Options {
        vkey: lying.keys().log().verifier(),
        log_open: None,
        checkpoint: None,
        key_file: Some(lying.keys()),
        keys: Some(&keyring),
        deep: true,
        threads: 1,
        stop: &AtomicBool::new(false),
        now: store.now().unwrap(),
    };
    verify(&*store, &options, &Silent).unwrap()
}

/// A range of times with other ends, in milliseconds from those that it has.
fn moved(range: TimeRange, first: i64, last: i64) -> TimeRange {
    let [min, max] =
        [(range.min(), first), (range.max(), last)].map(|(at, ms)| at.saturating_add_ms(ms));
    TimeRange::new(min, max).unwrap()
}

#[test]
fn what_was_sealed_as_it_is_passes() {
    for events in [FEW, MANY] {
        let report = resealed(events, |_| ());
        assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
    }
}

#[test]
fn sealed_times_and_counts_are_those_of_the_records() {
    type Lie = fn(&mut Manifest);
    let lies: [(&str, Lie); 8] = [
        ("times", |it| it.event_time = it.event_time.map(|time| moved(time, -1, 0))),
        ("times", |it| it.event_time = it.event_time.map(|time| moved(time, 1_000, 0))),
        ("times", |it| it.event_time = it.event_time.map(|time| moved(time, 0, 86_400_000))),
        ("times", |it| it.event_time = None),
        ("times", |it| it.receive_time = moved(it.receive_time, -1, 0)),
        ("times", |it| it.receive_time = moved(it.receive_time, 0, 1)),
        ("counts", |it| it.counts.duplicates = 0),
        ("counts", |it| it.counts.duplicates = 2),
    ];
    for events in [FEW, MANY] {
        for (number, (check, lie)) in lies.into_iter().enumerate() {
            let report = resealed(events, lie);
            assert_eq!(report.verdict, Verdict::Fail, "lie {number}: {report:#?}");
            let found: Vec<_> = report.marked(Mark::Fail).map(|finding| finding.check).collect();
            assert_eq!(found, [check], "lie {number} of {events} events");
        }
    }
}
