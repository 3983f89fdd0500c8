//! What the stores around a store add to it.

use std::sync::Arc;

use strongroom_archiver::store::{ErrorKind, LockMode, LockedStore, counted::Counted};
use strongroom_tests::faulty_store::{Fault, FaultyStore, Mode, Point};

use super::Case;
use super::bed::Bed;
use super::cases::{create, how, key, lock_for, read};

/// Every case.
pub(crate) const CASES: &[Case<Bed>] = &[
    ("faults_happen_where_they_are_planned", planned_faults),
    ("counts_are_those_of_the_requests", counted_requests),
];

fn planned_faults(bed: &Bed) {
    let inner = Arc::new(bed.reopen());
    let fault = |point, nth, mode| Fault { point, nth, mode };
    let plan = vec![
        fault(Point::Segment, 1, Mode::Before),
        fault(Point::Segment, 2, Mode::StoredButFailed),
        fault(Point::Manifest, 1, Mode::Full),
        fault(Point::Segment, 1, Mode::Truncated { bytes: 2 }),
        fault(Point::Claim, 1, Mode::Delayed { calls: 2 }),
        fault(Point::Hint, 1, Mode::After),
    ];
    let store = FaultyStore::new(Arc::clone(&inner), plan.clone());
    let put = |name: &str| store.put(&key(name), b"bytes", &how(b"bytes", true, None));
    assert!(!put("segments/1").unwrap_err().may_be_stored());
    assert_eq!(read(&inner, "segments/1"), None);
    assert!(put("segments/1").unwrap_err().may_be_stored());
    assert_eq!(read(&inner, "segments/1").unwrap(), b"bytes");
    assert_eq!(put("manifests/1").unwrap_err().kind(), ErrorKind::Retry);
    assert_eq!(read(&inner, "manifests/1"), None);
    assert_eq!(read(&store, "segments/1").unwrap(), b"by");
    assert_eq!(read(&store, "segments/1").unwrap(), b"bytes");
    // Read back: nothing. Put again: it had landed after all.
    assert!(put("log/claim/0").unwrap_err().may_be_stored());
    assert_eq!(read(&store, "log/claim/0"), None);
    assert_eq!(put("log/claim/0").unwrap_err().kind(), ErrorKind::ReadBack);
    put("log/checkpoint").unwrap();
    assert!(put("index/a").is_err() && store.now().is_err() && store.list("", None, 9).is_err());
    assert_eq!(read(&inner, "log/checkpoint").unwrap(), b"bytes");
    assert_eq!(read(&inner, "index/a"), None);
    let order = [0, 1, 2, 3, 4, 5].map(|i: usize| plan[i]);
    assert_eq!(store.record().fired(), order);
    assert_eq!(store.record().reached()[&Point::Segment], 2);
    assert_eq!(store.record().missed(&[Point::Claim, Point::Tile]), [Point::Tile]);
    let named = Point::ALL.map(|point| Point::named(point.name()));
    assert_eq!(named, Point::ALL.map(Some));
}

fn counted_requests(bed: &Bed) {
    let store = Counted::new(bed.reopen());
    let version = create(&store, "a", b"12345");
    store.put(&key("a"), b"x", &how(b"x", true, None)).unwrap_err();
    read(&store, "a");
    store.get_range(&key("a"), Some(&version), 1, 2).unwrap();
    store.head(&key("a"), None).unwrap();
    store.list("", None, 1).unwrap();
    store.list_versions("").unwrap();
    store.set_hold(&key("a"), &version, false).unwrap();
    let lock = lock_for(&store, LockMode::Governance, 1);
    store.extend_lock(&key("a"), &version, lock).unwrap();
    store.delete_version(&key("a"), &version).unwrap_err();
    assert_eq!(store.abort_uploads(&key("a")), Ok(0));
    let counts = store.counts();
    assert_eq!((counts.puts, counts.gets, counts.heads, counts.lists), (2, 2, 1, 3));
    assert_eq!((counts.holds, counts.extends, counts.deletes), (1, 1, 1));
    assert_eq!((counts.bytes_in, counts.bytes_out), (5, 7));
    assert_eq!(counts.requests(), 11);
}
