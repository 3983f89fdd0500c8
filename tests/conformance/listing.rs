//! What every store must list.

use std::collections::BTreeSet;

use strongroom_archiver::store::{LockedStore, ObjectKey, VersionId};

use super::cases::{create, create_locked, key, read, replace, versions};
use super::{Bench, Case};

/// Every case.
pub(crate) const CASES: &[Case<dyn Bench>] = &[
    ("versions_are_listed_by_key_with_the_latest_first", versions_are_listed),
    ("versions_are_listed_from_a_key_on", versions_are_listed_from_a_key_on),
    ("listing_is_bytewise", listing_is_bytewise),
    ("listing_pages_by_start_after_and_limit", listing_pages),
    ("listing_by_any_prefix_finds_what_starts_with_it", listing_by_prefix),
    ("names_that_look_alike_do_not_meet", names_that_look_alike),
];

fn listed(store: &dyn LockedStore, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let listed = store.list(prefix, after, limit).unwrap();
    listed.into_iter().map(|one| one.key.to_string()).collect()
}

fn versions_are_listed(bench: &dyn Bench) {
    let store = bench.store();
    let b1 = replace(store, "x/b", b"1");
    bench.pass(1);
    let b2 = replace(store, "x/b", b"2");
    bench.pass(1);
    let b3 = replace(store, "x/b", b"3");
    let a1 = create(store, "x/a", b"1");
    let c1 = create(store, "x/b-c/d", b"1");
    create(store, "y", b"1");
    let one = |name: &str, version: &VersionId, latest| (name.to_owned(), version.clone(), latest);
    let of_b = [one("x/b", &b3, true), one("x/b", &b2, false), one("x/b", &b1, false)];
    let mut all = vec![one("x/a", &a1, true)];
    all.extend(of_b.clone());
    all.push(one("x/b-c/d", &c1, true));
    assert_eq!(versions(store, "x/"), all);
    assert_eq!(versions(store, "x/b")[..3], of_b);
    assert_eq!(versions(store, "").len(), 6);
}

fn versions_are_listed_from_a_key_on(bench: &dyn Bench) {
    let store = bench.store();
    fill(store);
    bench.pass(1);
    for name in SORTED {
        replace(store, name, b"again");
    }
    for start in ["", "A", "a", "a/", "a/b", "a/b-", "a/b-c", "a/b/", "a0", "b", "~"] {
        let listed = store.list_versions_after("a", start).unwrap();
        let listed: Vec<_> = listed.iter().map(|one| (one.key.as_str(), one.is_latest)).collect();
        let expected = SORTED.into_iter().filter(|name| name.starts_with('a') && *name > start);
        let expected: Vec<_> = expected.flat_map(|name| [(name, true), (name, false)]).collect();
        assert_eq!(listed, expected, "after `{start}`");
    }
}

/// Bytewise by the whole key: `-` and `.` sort before `/`, digits after.
const SORTED: [&str; 9] = ["A", "a-", "a.b/c", "a/b", "a/b-c", "a/b.d", "a/c/d", "a0", "b"];

fn fill(store: &dyn LockedStore) {
    for name in SORTED.iter().rev() {
        create(store, name, name.as_bytes());
    }
}

fn listing_is_bytewise(bench: &dyn Bench) {
    fill(bench.store());
    assert_eq!(listed(bench.store(), "", None, 99), SORTED);
}

fn listing_pages(bench: &dyn Bench) {
    let store = bench.store();
    fill(store);
    for limit in 1..=SORTED.len() + 1 {
        let mut all: Vec<String> = Vec::new();
        loop {
            let page = listed(store, "", all.last().map(String::as_str), limit);
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            all.extend(page);
        }
        assert_eq!(all, SORTED, "limit {limit}");
    }
    // A start need not be a key.
    for start in ["", "0", "a", "a/", "a/b", "a/b-", "a/b/", "a/zzz", "a1", "zzz", "/", "~"] {
        let expected: Vec<&str> = SORTED.into_iter().filter(|name| *name > start).collect();
        assert_eq!(listed(store, "", Some(start), 99), expected, "after `{start}`");
    }
}

fn listing_by_prefix(bench: &dyn Bench) {
    let store = bench.store();
    fill(store);
    for prefix in ["", "a", "a/", "a/b", "a/b-", "a.", "a.b/c", "a/c/d", "a/c/d/", "b", "../", "/"]
    {
        let expected: Vec<&str> =
            SORTED.into_iter().filter(|name| name.starts_with(prefix)).collect();
        assert_eq!(listed(store, prefix, None, 99), expected, "`{prefix}`");
        let found: BTreeSet<_> = versions(store, prefix).into_iter().map(|one| one.0).collect();
        assert_eq!(Vec::from_iter(&found), expected, "`{prefix}`");
    }
    assert_eq!(listed(store, "a/", Some("a/b"), 2), ["a/b-c", "a/b.d"]);
}

fn names_that_look_alike(bench: &dyn Bench) {
    let store = bench.store();
    let version = create_locked(store, "a/b", 60);
    for name in ["a/b.lock.json", "a/b.lock", "a/b.", "A/b", "a/b.current", "a/b.key", "versions"] {
        create(store, name, name.as_bytes());
    }
    for name in [".versions/a/b", ".lock", ".tmp/x", "a/.b"] {
        assert!(ObjectKey::new(name).is_err(), "{name}");
    }
    assert!(ObjectKey::new(format!("a/b/{version}+")).is_err());
    let head = store.head(&key("a/b"), None).unwrap().unwrap();
    assert_eq!((head.version.clone(), head.length), (version.clone(), 6));
    assert!(head.lock.is_some());
    assert_eq!(read(store, "a/b").unwrap(), b"locked");
    assert_eq!(read(store, "a/b.lock.json").unwrap(), b"a/b.lock.json");
    assert_eq!(versions(store, "").len(), 8);
    assert!(store.delete_version(&key("a/b"), &version).is_err());
}
