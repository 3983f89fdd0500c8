//! What opening a log costs as it grows: from an empty local disk, nothing overdue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use strongroom_archiver::log::{About, Item, Log};
use strongroom_archiver::store::LockedStore;
use strongroom_archiver::store::counted::{Counted, Counts};
use strongroom_archiver::store::file::FileStore;
use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::keys::{KeyFile, OriginKey};
use strongroom_crypto::name::Shard;
use strongroom_crypto::origin::OriginHandle;
use strongroom_crypto::range::RangeList;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{ArchiveId, SegmentId};
use strongroom_tests::entropy::Dice;
use strongroom_tests::sealed::{range, seal};
use strongroom_tests::temp::TempDir;

/// Origins whose positions the state holds.
const ORIGINS: u64 = 300;

pub fn run() {
    let (few, many) = (cost(10), cost(100_000));
    println!("opening a log of claims alone, {ORIGINS} origins");
    println!("  segments  requests  bytes read");
    println!("  {:>8}  {:>8}  {:>10}", 10, few.requests(), few.bytes_out);
    println!("  {:>8}  {:>8}  {:>10}", 100_000, many.requests(), many.bytes_out);
    let ratio = |a: u64, b: u64| a as f64 / b as f64;
    println!(
        "  ratio     {:>8.2}  {:>10.2}  (limit 2.00)",
        ratio(many.requests(), few.requests()),
        ratio(many.bytes_out, few.bytes_out)
    );
}

/// Makes an archive of `segments` seals that name no objects, and counts what opening it asks of the store.
fn cost(segments: u64) -> Counts {
    let dir = TempDir::new("bench-start");
    let mut entropy = Dice::new(1, segments);
    let keys = Arc::new(KeyFile::generate(ArchiveId::generate(&mut entropy), &mut entropy));
    let store = || -> Arc<FileStore> {
        let clock = Box::new(|| jiff::Timestamp::from_second(1_800_000_000).unwrap());
        let next = AtomicU64::new(0);
        let unique = Box::new(move || next.fetch_add(1, Ordering::Relaxed));
        Arc::new(FileStore::create(&dir.path().join("a"), clock, unique).unwrap())
    };
    let about = About::test(Duration::from_mins(10));
    let mut log = Log::create(store(), Arc::clone(&keys), &about, &mut entropy).unwrap().unwrap();
    let origin_key = OriginKey::from_bytes(&[3; 32]);
    let origins: Vec<OriginHandle> =
        (0..ORIGINS).map(|n| origin_key.handle("s", &format!("file:{n}")).unwrap()).collect();
    let items: Vec<Item> =
        (0..segments).map(|n| item(n, &origins, segments, &mut entropy)).collect();
    log.append(&items, Some(Shard::WHOLE), &mut entropy).unwrap();
    drop(log);
    let counted = Arc::new(Counted::new(store()));
    let shared: Arc<dyn LockedStore> = Arc::clone(&counted) as Arc<dyn LockedStore>;
    let log = Log::open(shared, keys).unwrap();
    assert_eq!(log.state().live_segments(), segments);
    counted.counts()
}

fn item(n: u64, origins: &[OriginHandle], segments: u64, entropy: &mut Dice) -> Item {
    let at = Instant::from_unix_ms(1_800_000_000_000).unwrap();
    let range = |place: u64, round| range(origins[usize::try_from(place).unwrap()], round);
    // Few segments share all origins, so that the positions are the same in both logs.
    let ranges = if segments < ORIGINS {
        (0..ORIGINS)
            .filter(|origin| origin % segments == n % segments)
            .map(|origin| range(origin, n / segments))
            .collect()
    } else {
        vec![range(n % ORIGINS, n / ORIGINS)]
    };
    let ranges = RangeList::new(ranges).unwrap();
    let id = SegmentId::new(1_800_000_000_000 + n, entropy).unwrap();
    let seal = seal(id, "s", at, &ranges);
    Item { kind: EntryKind::SegmentSeal(Box::new(seal)), beside: Some(ranges.into()) }
}
