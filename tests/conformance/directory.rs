//! What only a store in a directory can show: its files, and what others do to them.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use strongroom_archiver::store::{
    ErrorKind, LockMode, LockedStore, StoreError, VersionId, file::FileStore,
};
use strongroom_crypto::Digest;

use super::bed::{Bed, TestClock, assert_tidy, counter, files, snapshot};
use super::cases::{create, create_locked, how, key, lock_for, read, replace, versions};
use super::crashes::Step;
use super::{Bench, Case, say};

/// Every case.
pub(crate) const CASES: &[Case<Bed>] = &[
    ("the_layout_is_the_documented_one", the_layout),
    ("creating_again_opens_and_a_strange_directory_is_refused", creating_again),
    ("a_missing_store_is_not_found", a_missing_store),
    ("a_copy_without_hard_links_reads_the_same", a_copy),
    ("a_name_removed_from_outside_is_seen_and_not_put_back", removed_from_outside),
    ("bytes_put_from_outside_have_no_version_and_hide_none", put_from_outside),
    ("a_version_without_its_record_is_damaged_and_not_deleted", without_record),
    ("a_record_that_was_rewritten_is_damaged_and_not_deleted", rewritten_record),
    ("a_prefix_of_a_key_is_no_key", a_prefix_of_a_key),
    ("a_store_opened_to_read_writes_nothing", opened_to_read),
    ("two_openers_of_a_directory_exclude_each_other", two_openers),
    ("broken_entropy_stops_a_put_before_it_starts", broken_entropy),
    ("a_full_disk_leaves_nothing_visible", a_full_disk),
];

fn the_layout(bed: &Bed) {
    let lock = lock_for(&bed.store, LockMode::Compliance, 60);
    let version = bed.store.put(&key("a/b"), b"plain", &how(b"plain", true, Some(lock))).unwrap();
    let mut expected = vec![
        ".lock".to_owned(),
        format!(".versions/a/b/{version}"),
        format!(".versions/a/b/{version}.lock.json"),
        "a/b".to_owned(),
    ];
    expected.sort();
    assert_eq!(files(&bed.root()), expected);
    assert_eq!(fs::read(bed.path("a/b")).unwrap(), b"plain");
    let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(bed.path("a/b")), inode(bed.version_path("a/b", &version)));
    let record = fs::read_to_string(bed.sidecar_path("a/b", &version)).unwrap();
    let sha256 = Digest::of(b"plain");
    let expected = format!(
        r#"{{"created":"2024-02-29T12:00:00Z","hold":false,"length":5,"mode":"COMPLIANCE","sha256":"{sha256}","until":"2024-02-29T12:01:00Z"}}"#
    );
    assert_eq!(record, expected);
    assert_eq!(fs::metadata(bed.root()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(bed.store.url(), format!("file://{}", bed.root().display()));
    bed.pass(60);
    bed.store.delete_version(&key("a/b"), &version).unwrap();
    assert_eq!(files(&bed.root()), [".lock"]);
}

fn creating_again(bed: &Bed) {
    let version = create_locked(&bed.store, "a", 60);
    let again = FileStore::create(&bed.root(), bed.clock.closure(), counter()).unwrap();
    assert!(again.delete_version(&key("a"), &version).is_err());
    let deep = bed.temp.path().join("x/y/z");
    FileStore::create(&deep, bed.clock.closure(), counter()).unwrap();
    // The last step of a create did not happen.
    fs::remove_dir(deep.join(".versions")).unwrap();
    let refused = FileStore::open(&deep, bed.clock.closure(), counter()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Missing);
    FileStore::create(&deep, bed.clock.closure(), counter()).unwrap();
    let strange = bed.temp.path().join("strange");
    fs::create_dir(&strange).unwrap();
    fs::write(strange.join("file"), "x").unwrap();
    let refused = FileStore::create(&strange, bed.clock.closure(), counter()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::FixInput);
    assert_eq!(files(&strange), ["file"]);
}

fn a_missing_store(bed: &Bed) {
    let nowhere = bed.temp.path().join("nowhere");
    for result in [
        FileStore::open(&nowhere, bed.clock.closure(), counter()),
        FileStore::open_read_only(&nowhere, bed.clock.closure()),
        FileStore::open(bed.temp.path(), bed.clock.closure(), counter()),
    ] {
        let refused = result.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Missing);
        assert!(refused.to_string().contains("is not a store"), "{refused}");
    }
    assert!(!nowhere.exists());
}

fn a_copy(bed: &Bed) {
    create_locked(&bed.store, "a/b", 60);
    create(&bed.store, "a/c", b"bytes");
    replace(&bed.store, "a/d", b"one");
    bed.pass(1);
    replace(&bed.store, "a/d", b"two");
    let copy = bed.temp.path().join("copy");
    for file in files(&bed.root()) {
        fs::create_dir_all(copy.join(&file).parent().unwrap()).unwrap();
        fs::copy(bed.path(&file), copy.join(&file)).unwrap();
    }
    let reader = FileStore::open_read_only(&copy, bed.clock.closure()).unwrap();
    let writer = FileStore::open(&copy, bed.clock.closure(), counter()).unwrap();
    for store in [&reader, &writer] {
        assert_eq!(versions(store, ""), versions(&bed.store, ""));
        for name in ["a/b", "a/c", "a/d"] {
            let heads = [store, &bed.store].map(|one| one.head(&key(name), None).unwrap());
            assert_eq!(heads[0], heads[1]);
        }
    }
    let version = replace(&writer, "a/d", b"three");
    assert_eq!(writer.head(&key("a/d"), None).unwrap().unwrap().version, version);
    assert_eq!(versions(&writer, "a/d").len(), 3);
}

fn removed_from_outside(bed: &Bed) {
    let version = create_locked(&bed.store, "a/b", 60);
    fs::remove_file(bed.path("a/b")).unwrap();
    for store in [bed.reader(), bed.reopen()] {
        assert_eq!(read(&store, "a/b"), None);
        assert_eq!(store.head(&key("a/b"), None).unwrap(), None);
        assert_eq!(versions(&store, ""), [("a/b".to_owned(), version.clone(), false)]);
        assert!(store.list("", None, 9).unwrap().is_empty());
        assert_eq!(store.get(&key("a/b"), Some(&version)).unwrap().unwrap(), b"locked");
    }
    assert!(bed.store.delete_version(&key("a/b"), &version).is_err());
    bed.store.set_hold(&key("a/b"), &version, true).unwrap();
    assert!(!bed.path("a/b").exists());
}

fn put_from_outside(bed: &Bed) {
    let version = create_locked(&bed.store, "a/b", 60);
    fs::remove_file(bed.path("a/b")).unwrap();
    fs::write(bed.path("a/b"), "forged").unwrap();
    fs::write(bed.path("planted"), "planted").unwrap();
    std::os::unix::fs::symlink("/", bed.path("link")).unwrap();
    fs::write(bed.path("not a key"), "x").unwrap();
    for store in [bed.reader(), bed.reopen()] {
        let head = store.head(&key("a/b"), None).unwrap().unwrap();
        assert!(head.version.is_null());
        assert_eq!((head.sha256, head.lock, head.length), (None, None, 6));
        let null = VersionId::null();
        let expected = [
            ("a/b".to_owned(), null.clone(), true),
            ("a/b".to_owned(), version.clone(), false),
            ("planted".to_owned(), null.clone(), true),
        ];
        assert_eq!(versions(&store, ""), expected);
        assert_eq!(store.list("", None, 9).unwrap().len(), 2);
        assert_eq!(store.get(&key("a/b"), Some(&null)).unwrap().unwrap(), b"forged");
        assert_eq!(store.get(&key("a/b"), Some(&version)).unwrap().unwrap(), b"locked");
        assert_eq!(store.head(&key("link"), None).unwrap(), None);
    }
    // Deleting what was put there brings back what it hid.
    bed.store.delete_version(&key("a/b"), &VersionId::null()).unwrap();
    assert_eq!(bed.store.head(&key("a/b"), None).unwrap().unwrap().version, version);
    bed.store.delete_version(&key("planted"), &VersionId::null()).unwrap();
    assert_eq!(read(&bed.store, "planted"), None);
    let refused = bed.store.delete_version(&key("a/b"), &VersionId::null()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Missing);
}

fn without_record(bed: &Bed) {
    let version = create(&bed.store, "a", b"x");
    fs::remove_file(bed.sidecar_path("a", &version)).unwrap();
    assert_damaged(bed, &version);
}

fn rewritten_record(bed: &Bed) {
    let version = create_locked(&bed.store, "a", 60);
    let path = bed.sidecar_path("a", &version);
    let record = fs::read_to_string(&path).unwrap();
    for (from, to) in [("false", "0"), ("COMPLIANCE", "NONE"), ("}", ""), ("{", "{ ")] {
        fs::write(&path, record.replace(from, to)).unwrap();
        assert_damaged(bed, &version);
    }
}

fn assert_damaged(bed: &Bed, version: &VersionId) {
    bed.pass(61);
    let name = key("a");
    for store in [bed.reader(), bed.reopen()] {
        for asked in [None, Some(version)] {
            let damaged = store.head(&name, asked).unwrap_err();
            assert_eq!(damaged.kind(), ErrorKind::FixData, "{damaged}");
            assert!(store.get(&name, asked).unwrap().is_some());
        }
        assert_eq!(versions(&store, "").len(), 1);
    }
    let lock = lock_for(&bed.store, LockMode::Compliance, 90);
    for refused in [
        bed.store.delete_version(&name, version),
        bed.store.set_hold(&name, version, false),
        bed.store.extend_lock(&name, version, lock),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::FixData);
    }
}

fn a_prefix_of_a_key(bed: &Bed) {
    create(&bed.store, "a/b", b"x");
    for name in ["a", "a/b/c", "a/b/c/d"] {
        for create_only in [true, false] {
            let refused = bed.store.put(&key(name), b"x", &how(b"x", create_only, None));
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::FixInput, "{name}");
        }
    }
    bed.assert_tidy();
    assert_eq!(versions(&bed.store, "").len(), 1);
}

fn opened_to_read(bed: &Bed) {
    let version = create_locked(&bed.store, "a/b", 60);
    let broken = create_locked(&bed.store, "a/c", 60);
    Step::Committed.rewind(bed, "a/c", &broken, None);
    let paths: Vec<PathBuf> =
        snapshot(&bed.root()).into_keys().filter(|path| path.is_dir()).collect();
    let set = |mode| {
        for path in &paths {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
    };
    set(0o555);
    if rustix::process::geteuid().is_root() {
        say("file: permissions do not bind root; unwritten files were compared instead");
    }
    let before = snapshot(&bed.root());
    let reader = bed.reader();
    assert_eq!(read(&reader, "a/b").unwrap(), b"locked");
    assert_eq!(reader.head(&key("a/b"), Some(&version)).unwrap().unwrap().length, 6);
    assert_eq!(reader.head(&key("a/c"), None).unwrap().unwrap().version, broken);
    assert_eq!(reader.get_range(&key("a/c"), Some(&broken), 0, 3).unwrap().unwrap(), b"loc");
    assert_eq!(reader.list("", None, 9).unwrap().len(), 2);
    assert_eq!(versions(&reader, "").len(), 2);
    let lock = lock_for(&reader, LockMode::Compliance, 90);
    for refused in [
        reader.put(&key("n"), b"x", &how(b"x", true, None)).map(drop),
        reader.put(&key("n"), b"x", &how(b"x", false, None)).map(drop),
        reader.extend_lock(&key("a/b"), &version, lock),
        reader.set_hold(&key("a/b"), &version, true),
        reader.delete_version(&key("a/b"), &version),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Refused);
    }
    drop(reader);
    assert_eq!(snapshot(&bed.root()), before);
    set(0o755);
}

fn two_openers(bed: &Bed) {
    let stores = [bed.reopen(), bed.reopen()];
    let version = create_locked(&bed.store, "hold", 60);
    thread::scope(|scope| {
        for (n, store) in stores.iter().enumerate() {
            for worker in 0..4 {
                let version = &version;
                scope.spawn(move || {
                    for i in 0..10 {
                        create(store, &format!("new/{n}-{worker}-{i}"), b"x");
                        replace(store, "index/root", format!("{n} {worker} {i}").as_bytes());
                        let lock = lock_for(store, LockMode::Compliance, 100);
                        store.extend_lock(&key("hold"), version, lock).unwrap();
                        store.set_hold(&key("hold"), version, i % 2 == 0).unwrap();
                        let head = store.head(&key("index/root"), None).unwrap().unwrap();
                        assert!(!head.version.is_null());
                    }
                });
            }
        }
    });
    assert_eq!(bed.store.list("new/", None, 99).unwrap().len(), 80);
    assert_eq!(versions(&bed.store, "index/").len(), 80);
    bed.assert_tidy();
}

fn broken_entropy(bed: &Bed) {
    let stuck = || FileStore::open(&bed.root(), bed.clock.closure(), Box::new(|| 7)).unwrap();
    let store = stuck();
    let lock = lock_for(&store, LockMode::Compliance, 60);
    let version = store.put(&key("index/a"), b"1", &how(b"1", false, Some(lock))).unwrap();
    let refused = store.put(&key("index/a"), b"2", &how(b"2", false, None)).unwrap_err();
    assert!(refused.is_retryable() && !refused.may_be_stored());
    assert_eq!(read(&store, "index/a").unwrap(), b"1");
    assert!(stuck().delete_version(&key("index/a"), &version).is_err());
    bed.assert_tidy();
}

fn a_full_disk(bed: &Bed) {
    let mount = bed.temp.path().join("small");
    fs::create_dir(&mount).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&mount)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        say("file: no small file system could be mounted, so a full disk was not tried");
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        let root = mount.join("store");
        let clock = TestClock::new();
        let store = FileStore::create(&root, clock.closure(), counter()).unwrap();
        create_locked(&store, "a/b", 60);
        let before = files(&root);
        let big = vec![1; 2 << 20];
        for create_only in [true, false] {
            for name in ["a/big", "c/d/big"] {
                let full = store.put(&key(name), &big, &how(&big, create_only, None)).unwrap_err();
                assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
                assert_eq!(files(&root), before);
                assert_eq!(versions(&store, "").len(), 1);
            }
        }
        // Up to the last block: every put is there whole or not at all.
        let mut stored = 0;
        let full = loop {
            let bytes = vec![2; 4000];
            match store.put(&key(&format!("f/{stored}")), &bytes, &how(&bytes, true, None)) {
                Ok(_) => stored += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
        assert_eq!(store.list("f/", None, usize::MAX).unwrap().len(), stored);
        assert_tidy(&root);
    });
    let unmounted = Command::new("umount").arg(&mount).status().unwrap().success();
    assert!(unmounted && outcome.is_ok());
}
