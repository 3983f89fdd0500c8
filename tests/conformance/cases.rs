//! What every store must do.

use std::thread;

use jiff::{SignedDuration, Timestamp};
use strongroom_archiver::store::{
    ErrorKind, Lock, LockMode, LockedStore, ObjectKey, PutOptions, StoreError, VersionId,
};
use strongroom_crypto::Digest;

use super::{Bench, Case};

/// Racers for one name.
const RACERS: u8 = 20;

/// Every case.
pub(crate) const CASES: &[Case<dyn Bench>] = &[
    ("what_was_put_is_read_back_and_described", what_was_put),
    ("what_is_not_there_is_none_and_no_error", what_is_not_there),
    ("an_empty_object_is_an_object", an_empty_object),
    ("of_twenty_creators_of_a_name_one_wins", of_twenty_creators),
    ("a_created_name_is_not_created_again", a_created_name),
    ("bytes_that_are_not_the_ones_announced_are_refused", bytes_not_announced),
    ("a_locked_version_is_not_deleted", a_locked_version),
    ("a_lock_lapses_at_its_date", a_lock_lapses),
    ("a_held_version_is_not_deleted_though_its_lock_lapsed", a_held_version),
    ("a_lock_moves_later", a_lock_moves_later),
    ("a_lock_never_moves_earlier_even_when_lapsed", a_lock_never_moves_earlier),
    ("a_lock_never_changes_its_mode", a_lock_never_changes_mode),
    ("a_version_without_lock_can_be_given_one", a_version_without_lock),
    ("a_lock_in_the_past_or_past_2106_is_refused", a_lock_out_of_bounds),
    ("replacing_keeps_the_older_version_and_its_lock", replacing_keeps),
    ("deleting_the_current_version_brings_back_the_one_before", deleting_the_current),
    ("ranges_end_with_the_object", ranges_end),
    ("changes_to_what_is_not_there_are_not_found", changes_to_nothing),
    ("what_was_put_whole_leaves_no_upload", no_upload),
    ("the_clock_runs", the_clock_runs),
];

pub(crate) fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

pub(crate) fn how(bytes: &[u8], create_only: bool, lock: Option<Lock>) -> PutOptions {
    PutOptions { lock, create_only, sha256: Digest::of(bytes) }
}

pub(crate) fn create(store: &dyn LockedStore, name: &str, bytes: &[u8]) -> VersionId {
    store.put(&key(name), bytes, &how(bytes, true, None)).unwrap()
}

pub(crate) fn replace(store: &dyn LockedStore, name: &str, bytes: &[u8]) -> VersionId {
    store.put(&key(name), bytes, &how(bytes, false, None)).unwrap()
}

pub(crate) fn lock_for(store: &dyn LockedStore, mode: LockMode, seconds: i64) -> Lock {
    Lock { mode, until: store.now().unwrap() + SignedDuration::from_secs(seconds) }
}

pub(crate) fn create_locked(store: &dyn LockedStore, name: &str, seconds: i64) -> VersionId {
    let lock = lock_for(store, LockMode::Compliance, seconds);
    store.put(&key(name), b"locked", &how(b"locked", true, Some(lock))).unwrap()
}

pub(crate) fn read(store: &dyn LockedStore, name: &str) -> Option<Vec<u8>> {
    store.get(&key(name), None).unwrap()
}

/// The versions of a store, each with whether it is the latest.
pub(crate) fn versions(store: &dyn LockedStore, prefix: &str) -> Vec<(String, VersionId, bool)> {
    let listed = store.list_versions(prefix).unwrap();
    assert!(listed.iter().all(|version| !version.is_delete_marker));
    listed.into_iter().map(|one| (one.key.to_string(), one.version, one.is_latest)).collect()
}

fn what_was_put(bench: &dyn Bench) {
    let store = bench.store();
    let lock = lock_for(store, LockMode::Governance, 60);
    let name = key("segments/s/2024/01/01/x.parquet");
    let version = store.put(&name, b"bytes", &how(b"bytes", true, Some(lock))).unwrap();
    for asked in [None, Some(&version)] {
        assert_eq!(store.get(&name, asked).unwrap().unwrap(), b"bytes");
        let head = store.head(&name, asked).unwrap().unwrap();
        assert_eq!((head.version, head.length), (version.clone(), 5));
        assert_eq!(head.sha256, Some(Digest::of(b"bytes")));
        let off = head.lock.unwrap().until.duration_since(lock.until).abs();
        assert!(off <= SignedDuration::from_secs(1));
        assert_eq!((head.lock.unwrap().mode, head.hold), (LockMode::Governance, false));
    }
    let found = store.list("segments/", None, 9).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].key, found[0].length), (&name, 5));
}

fn what_is_not_there(bench: &dyn Bench) {
    let store = bench.store();
    let version = create(store, "a/b", b"x");
    for name in ["a", "a/c", "a/b/c", "z"] {
        for asked in [None, Some(&version)] {
            assert_eq!(store.get(&key(name), asked).unwrap(), None, "{name}");
            assert_eq!(store.head(&key(name), asked).unwrap(), None, "{name}");
            assert_eq!(store.get_range(&key(name), asked, 0, 1).unwrap(), None, "{name}");
        }
    }
    for other in ["null", "0123456789abcdef+0123456789abcdef", "../../a/b", "v"] {
        let other = VersionId::new(other).unwrap();
        assert_eq!(store.get(&key("a/b"), Some(&other)).unwrap(), None);
        assert_eq!(store.head(&key("a/b"), Some(&other)).unwrap(), None);
    }
    assert!(store.list("nothing/", None, 9).unwrap().is_empty());
    assert!(store.list_versions("nothing/").unwrap().is_empty());
    assert!(store.list("a/", None, 0).unwrap().is_empty());
}

fn an_empty_object(bench: &dyn Bench) {
    let store = bench.store();
    let version = create(store, "empty", b"");
    assert_eq!(read(store, "empty").unwrap(), b"");
    assert_eq!(store.head(&key("empty"), Some(&version)).unwrap().unwrap().length, 0);
}

fn of_twenty_creators(bench: &dyn Bench) {
    let store = bench.store();
    for round in 0..5 {
        // The same bytes in the last round: also then only one writer is told that it won.
        let bytes = |racer: u8| if round == 4 { vec![0; 9000] } else { vec![racer; 9000] };
        let name = key(&format!("log/claim/{round:020}"));
        let results: Vec<_> = thread::scope(|scope| {
            let race = |racer| {
                let (name, bytes) = (&name, bytes(racer));
                scope.spawn(move || (racer, store.put(name, &bytes, &how(&bytes, true, None))))
            };
            let racers: Vec<_> = (0..RACERS).map(race).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let won: Vec<_> = results.iter().filter(|(_, result)| result.is_ok()).collect();
        assert_eq!(won.len(), 1, "{results:?}");
        let version = won[0].1.clone().unwrap();
        for (_, result) in results.iter().filter(|(_, result)| result.is_err()) {
            let kind = result.as_ref().unwrap_err().kind();
            assert!(matches!(kind, ErrorKind::ReadBack | ErrorKind::Retry), "{result:?}");
        }
        assert_eq!(store.get(&name, None).unwrap().unwrap(), bytes(won[0].0));
        assert_eq!(store.head(&name, None).unwrap().unwrap().version, version);
        assert_eq!(versions(store, name.as_str()), [(name.to_string(), version, true)]);
    }
}

fn a_created_name(bench: &dyn Bench) {
    let store = bench.store();
    let version = create(store, "a/b", b"first");
    let refused = store.put(&key("a/b"), b"second", &how(b"second", true, None)).unwrap_err();
    assert_eq!(refused, StoreError::AlreadyExists { key: key("a/b") });
    assert_eq!(read(store, "a/b").unwrap(), b"first");
    assert_eq!(versions(store, ""), [("a/b".to_owned(), version, true)]);
}

fn bytes_not_announced(bench: &dyn Bench) {
    let store = bench.store();
    for create_only in [true, false] {
        let refused = store.put(&key("a"), b"bytes", &how(b"other", create_only, None));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::FixInput);
    }
    assert_eq!(read(store, "a"), None);
    assert!(versions(store, "").is_empty());
}

fn a_locked_version(bench: &dyn Bench) {
    let store = bench.store();
    for (name, mode) in [("g", LockMode::Governance), ("c", LockMode::Compliance)] {
        let lock = lock_for(store, mode, 60);
        let version = store.put(&key(name), b"x", &how(b"x", true, Some(lock))).unwrap();
        let refused = store.delete_version(&key(name), &version).unwrap_err();
        assert!(matches!(refused, StoreError::Locked { .. }), "{refused:?}");
        assert_eq!(read(store, name).unwrap(), b"x");
        assert_eq!(versions(store, name), [(name.to_owned(), version, true)]);
    }
}

fn a_lock_lapses(bench: &dyn Bench) {
    let store = bench.store();
    let version = create_locked(store, "a/b", 2);
    bench.pass(1);
    assert!(store.delete_version(&key("a/b"), &version).is_err());
    // Stores keep dates in whole seconds.
    bench.pass(3);
    store.delete_version(&key("a/b"), &version).unwrap();
    assert_eq!(read(store, "a/b"), None);
    assert_eq!(store.head(&key("a/b"), Some(&version)).unwrap(), None);
    assert!(versions(store, "").is_empty());
    assert!(store.list("", None, 9).unwrap().is_empty());
    let again = create(store, "a/b", b"again");
    assert_ne!(again, version);
    assert_eq!(read(store, "a/b").unwrap(), b"again");
}

fn a_held_version(bench: &dyn Bench) {
    let store = bench.store();
    let version = create_locked(store, "a", 2);
    store.set_hold(&key("a"), &version, true).unwrap();
    store.set_hold(&key("a"), &version, true).unwrap();
    assert!(store.head(&key("a"), None).unwrap().unwrap().hold);
    bench.pass(4);
    let refused = store.delete_version(&key("a"), &version).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert_eq!(read(store, "a").unwrap(), b"locked");
    store.set_hold(&key("a"), &version, false).unwrap();
    assert!(!store.head(&key("a"), None).unwrap().unwrap().hold);
    store.delete_version(&key("a"), &version).unwrap();
    assert_eq!(read(store, "a"), None);
}

fn a_lock_moves_later(bench: &dyn Bench) {
    let store = bench.store();
    let version = create_locked(store, "a", 2);
    let later = lock_for(store, LockMode::Compliance, 5);
    store.extend_lock(&key("a"), &version, later).unwrap();
    store.extend_lock(&key("a"), &version, later).unwrap();
    bench.pass(3);
    assert!(store.delete_version(&key("a"), &version).is_err());
    let head = store.head(&key("a"), None).unwrap().unwrap();
    assert!(head.lock.unwrap().until.duration_since(later.until).abs().as_secs() <= 1);
    assert_eq!((head.length, head.sha256), (6, Some(Digest::of(b"locked"))));
    bench.pass(3);
    let again = lock_for(store, LockMode::Compliance, 60);
    store.extend_lock(&key("a"), &version, again).unwrap();
    assert!(store.delete_version(&key("a"), &version).is_err());
}

fn a_lock_never_moves_earlier(bench: &dyn Bench) {
    let store = bench.store();
    let version = create_locked(store, "a", 60);
    let before = store.head(&key("a"), None).unwrap().unwrap();
    let earlier = lock_for(store, LockMode::Compliance, 30);
    let refused = store.extend_lock(&key("a"), &version, earlier).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    let past = lock_for(store, LockMode::Compliance, -30);
    assert!(store.extend_lock(&key("a"), &version, past).is_err());
    assert_eq!(store.head(&key("a"), None).unwrap().unwrap(), before);
}

fn a_lock_never_changes_mode(bench: &dyn Bench) {
    let store = bench.store();
    for (name, from, to) in [
        ("down", LockMode::Compliance, LockMode::Governance),
        ("up", LockMode::Governance, LockMode::Compliance),
    ] {
        let lock = lock_for(store, from, 60);
        let version = store.put(&key(name), b"x", &how(b"x", true, Some(lock))).unwrap();
        let other = lock_for(store, to, 90);
        let refused = store.extend_lock(&key(name), &version, other).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused);
        assert_eq!(store.head(&key(name), None).unwrap().unwrap().lock.unwrap().mode, from);
    }
}

fn a_version_without_lock(bench: &dyn Bench) {
    let store = bench.store();
    let version = create(store, "a", b"x");
    assert_eq!(store.head(&key("a"), None).unwrap().unwrap().lock, None);
    let lock = lock_for(store, LockMode::Governance, 60);
    store.extend_lock(&key("a"), &version, lock).unwrap();
    assert!(store.delete_version(&key("a"), &version).is_err());
}

fn a_lock_out_of_bounds(bench: &dyn Bench) {
    let store = bench.store();
    let version = create_locked(store, "a", 60);
    let wrapping: Timestamp = "2106-02-07T06:28:16Z".parse().unwrap();
    for until in [store.now().unwrap(), Timestamp::UNIX_EPOCH, wrapping, Timestamp::MAX] {
        let lock = Lock { mode: LockMode::Compliance, until };
        let refused = store.put(&key("b"), b"x", &how(b"x", true, Some(lock))).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FixInput, "{until}");
        assert!(store.extend_lock(&key("a"), &version, lock).is_err(), "{until}");
    }
    assert_eq!(read(store, "b"), None);
    let last = wrapping - SignedDuration::from_secs(1);
    let lock = Lock { mode: LockMode::Compliance, until: last };
    store.extend_lock(&key("a"), &version, lock).unwrap();
}

fn replacing_keeps(bench: &dyn Bench) {
    let store = bench.store();
    let first = create_locked(store, "log/checkpoint", 60);
    bench.pass(1);
    let second = replace(store, "log/checkpoint", b"second");
    bench.pass(1);
    let third = replace(store, "log/checkpoint", b"third");
    assert_eq!(read(store, "log/checkpoint").unwrap(), b"third");
    let name = key("log/checkpoint");
    assert_eq!(store.get(&name, Some(&first)).unwrap().unwrap(), b"locked");
    assert_eq!(store.get(&name, Some(&second)).unwrap().unwrap(), b"second");
    assert_eq!(store.head(&name, None).unwrap().unwrap().version, third);
    assert!(store.head(&name, Some(&first)).unwrap().unwrap().lock.is_some());
    assert!(store.delete_version(&name, &first).is_err());
    store.delete_version(&name, &second).unwrap();
    let expected = [(name.to_string(), third, true), (name.to_string(), first, false)];
    assert_eq!(versions(store, ""), expected);
    assert_eq!(read(store, "log/checkpoint").unwrap(), b"third");
}

fn deleting_the_current(bench: &dyn Bench) {
    let store = bench.store();
    let name = key("index/a");
    let first = replace(store, "index/a", b"first");
    bench.pass(1);
    let second = replace(store, "index/a", b"second");
    store.delete_version(&name, &second).unwrap();
    assert_eq!(read(store, "index/a").unwrap(), b"first");
    assert_eq!(versions(store, ""), [(name.to_string(), first.clone(), true)]);
    store.delete_version(&name, &first).unwrap();
    assert_eq!(read(store, "index/a"), None);
    assert!(versions(store, "").is_empty());
}

fn ranges_end(bench: &dyn Bench) {
    let store = bench.store();
    let version = create(store, "a", b"0123456789");
    let range = |offset, len| {
        let current = store.get_range(&key("a"), None, offset, len).unwrap().unwrap();
        let same = store.get_range(&key("a"), Some(&version), offset, len).unwrap().unwrap();
        assert_eq!(current, same);
        String::from_utf8(current).unwrap()
    };
    assert_eq!(range(0, 4), "0123");
    assert_eq!(range(3, 4), "3456");
    assert_eq!(range(8, 4), "89");
    assert_eq!(range(10, 4), "");
    assert_eq!(range(u64::MAX, 4), "");
    assert_eq!(range(4, 0), "");
    assert!(store.get_range(&key("a"), None, 0, u64::MAX).is_err());
}

fn changes_to_nothing(bench: &dyn Bench) {
    let store = bench.store();
    let version = create(store, "a", b"x");
    let other = create(store, "b", b"y");
    let lock = lock_for(store, LockMode::Governance, 60);
    let missing = VersionId::new("0123456789abcdef+0123456789abcdef").unwrap();
    let strange = VersionId::new("../a/x").unwrap();
    for (name, id) in [("a", &missing), ("a", &strange), ("c", &version), ("a", &VersionId::null())]
    {
        let name = key(name);
        for refused in [
            store.extend_lock(&name, id, lock),
            store.set_hold(&name, id, true),
            store.delete_version(&name, id),
        ] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Missing, "{name} {id}");
        }
    }
    store.delete_version(&key("b"), &other).unwrap();
    let again = store.delete_version(&key("b"), &other).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Missing);
    assert_eq!(read(store, "a").unwrap(), b"x");
}

fn no_upload(bench: &dyn Bench) {
    let store = bench.store();
    assert_eq!(store.abort_uploads(&key("a")), Ok(0));
    create(store, "a", b"whole");
    assert_eq!(store.abort_uploads(&key("a")), Ok(0));
    assert_eq!(read(store, "a").unwrap(), b"whole");
}

fn the_clock_runs(bench: &dyn Bench) {
    let before = bench.store().now().unwrap();
    bench.pass(2);
    let passed = bench.store().now().unwrap().duration_since(before);
    assert!(passed >= SignedDuration::from_secs(2));
    assert!(bench.store().url().contains("://"));
}
