//! What a store in a directory is after a crash at any of its writes.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use strongroom_archiver::store::{LockMode, LockedStore, StoreError, VersionId, file::FileStore};
use strongroom_crypto::Digest;

use super::bed::{Bed, TestClock, counter, files};
use super::cases::{create, create_locked, how, key, lock_for, read, replace, versions};
use super::{Bench, Case, say};

/// Set for the process that writes until it is killed, to the store's directory.
const WRITER_ENV: &str = "STRONGROOM_CONFORMANCE_WRITER";

/// How long a writer may take on a slow disk.
const PATIENCE: Duration = Duration::from_mins(1);

/// Every case.
pub(crate) const CASES: &[Case<Bed>] = &[
    ("a_crash_at_any_write_of_a_create_is_finished_or_undone", a_crash_in_a_create),
    ("a_crash_at_any_write_of_a_replace_loses_no_version", a_crash_in_a_replace),
    ("a_crash_at_any_write_of_a_delete_leaves_all_or_nothing", a_crash_in_a_delete),
    ("a_version_without_link_is_found_by_its_content_and_keeps_its_lock", found_by_content),
    ("a_replaced_version_without_link_is_linked_first", linked_before_replaced),
    ("killed_writers_leave_a_whole_store", killed_writers),
];

/// The writes of a put, each with the files it adds. A crash leaves those up to one of them.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Step {
    Intent,
    Bytes,
    Record,
    Committed,
    Linked,
}

const STEPS: [Step; 5] = [Step::Intent, Step::Bytes, Step::Record, Step::Committed, Step::Linked];

impl Step {
    /// Takes a finished put of `version` back to the crash after this step. `before` is the
    /// version that was current before it.
    pub(crate) fn rewind(
        self,
        bed: &Bed,
        name: &str,
        version: &VersionId,
        before: Option<&VersionId>,
    ) {
        let linked = bed.version_path(name, version);
        bed.intend(name, version);
        if self >= Self::Bytes {
            fs::hard_link(&linked, bed.staged_path(version)).unwrap();
        }
        if self < Self::Linked {
            fs::remove_file(&linked).unwrap();
        }
        if self < Self::Committed {
            fs::remove_file(bed.path(name)).unwrap();
            if let Some(before) = before {
                fs::hard_link(bed.version_path(name, before), bed.path(name)).unwrap();
            }
        }
        if self < Self::Record {
            fs::remove_file(bed.sidecar_path(name, version)).unwrap();
        }
    }
}

fn a_crash_in_a_create(_: &Bed) {
    for step in STEPS {
        // An unfinished put of the same bytes may lie under the same name from before.
        for remains in [false, true] {
            let bed = Bed::new();
            let stale = create_locked(&bed.store, "a/b", 60);
            if remains {
                Step::Record.rewind(&bed, "a/b", &stale, None);
                bed.pass(1);
            } else {
                bed.pass(60);
                bed.store.delete_version(&key("a/b"), &stale).unwrap();
            }
            let version = create_locked(&bed.store, "a/b", 60);
            step.rewind(&bed, "a/b", &version, None);
            let whole = step >= Step::Committed;
            for store in [bed.reader(), bed.reopen()] {
                let head = store.head(&key("a/b"), None).unwrap();
                assert_eq!(head.is_some(), whole, "{step:?} {remains}");
                assert_eq!(read(&store, "a/b").is_some(), whole);
                assert_eq!(store.get(&key("a/b"), Some(&version)).unwrap().is_some(), whole);
                assert_eq!(store.head(&key("a/b"), Some(&version)).unwrap(), head);
                let expected = whole.then(|| ("a/b".to_owned(), version.clone(), true));
                assert_eq!(versions(&store, ""), Vec::from_iter(expected), "{step:?} {remains}");
            }
            bed.assert_tidy();
            let again = bed.store.put(&key("a/b"), b"locked", &how(b"locked", true, None));
            let exists = StoreError::AlreadyExists { key: key("a/b") };
            assert_eq!(again.err(), whole.then_some(exists));
            if whole {
                let refused = bed.store.delete_version(&key("a/b"), &version).unwrap_err();
                assert!(matches!(refused, StoreError::Locked { .. }));
            }
            bed.assert_tidy();
        }
    }
}

fn a_crash_in_a_replace(_: &Bed) {
    for step in STEPS {
        // Also of the very bytes that were there.
        for bytes in [&b"second"[..], b"locked"] {
            let bed = Bed::new();
            let first = create_locked(&bed.store, "log/checkpoint", 60);
            bed.pass(1);
            let second = replace(&bed.store, "log/checkpoint", bytes);
            step.rewind(&bed, "log/checkpoint", &second, Some(&first));
            let whole = step >= Step::Committed;
            let (current, content) =
                if whole { (&second, bytes) } else { (&first, &b"locked"[..]) };
            for store in [bed.reader(), bed.reopen()] {
                let head = store.head(&key("log/checkpoint"), None).unwrap().unwrap();
                assert_eq!(&head.version, current, "{step:?}");
                assert_eq!(read(&store, "log/checkpoint").unwrap(), content);
                let expected: Vec<_> = [(&second, true), (&first, !whole)]
                    .into_iter()
                    .filter(|(version, _)| whole || *version == &first)
                    .map(|(version, latest)| ("log/checkpoint".to_owned(), version.clone(), latest))
                    .collect();
                assert_eq!(versions(&store, ""), expected, "{step:?}");
            }
            bed.assert_tidy();
            replace(&bed.store, "log/checkpoint", b"third");
            assert_eq!(versions(&bed.store, "").len(), if whole { 3 } else { 2 });
            bed.assert_tidy();
        }
    }
}

fn a_crash_in_a_delete(_: &Bed) {
    for removed in 0..3 {
        let bed = Bed::new();
        let version = create(&bed.store, "a/b", b"bytes");
        bed.intend("a/b", &version);
        if removed > 0 {
            fs::remove_file(bed.version_path("a/b", &version)).unwrap();
        }
        if removed > 1 {
            fs::remove_file(bed.path("a/b")).unwrap();
        }
        let whole = removed < 2;
        for store in [bed.reader(), bed.reopen()] {
            let head = store.head(&key("a/b"), None).unwrap();
            assert_eq!(head.map(|head| head.version), whole.then(|| version.clone()));
            assert_eq!(versions(&store, "").len(), usize::from(whole));
        }
        bed.assert_tidy();
        if whole {
            bed.store.delete_version(&key("a/b"), &version).unwrap();
        }
        assert_eq!(files(&bed.root()), [".lock"]);
    }
}

fn found_by_content(bed: &Bed) {
    for (n, touch) in ["extend", "hold", "delete"].into_iter().enumerate() {
        let name = format!("a/{n}");
        let version = create_locked(&bed.store, &name, 60);
        // The staged link and the intent were not yet on disk when the power failed.
        fs::remove_file(bed.version_path(&name, &version)).unwrap();
        fs::write(
            bed.sidecar_path(&name, &version)
                .with_file_name("0000000000000001+0000000000000000.lock.json"),
            "torn",
        )
        .unwrap();
        let head = bed.reader().head(&key(&name), None).unwrap().unwrap();
        assert_eq!((&head.version, head.lock.is_some()), (&version, true));
        assert_eq!(bed.reader().get(&key(&name), Some(&version)).unwrap().unwrap(), b"locked");
        match touch {
            "extend" => {
                let later = lock_for(&bed.store, LockMode::Compliance, 90);
                bed.store.extend_lock(&key(&name), &version, later).unwrap();
            }
            "hold" => bed.store.set_hold(&key(&name), &version, true).unwrap(),
            _ => assert!(bed.store.delete_version(&key(&name), &version).is_err()),
        }
        assert!(bed.version_path(&name, &version).is_file(), "{touch}");
    }
}

fn linked_before_replaced(bed: &Bed) {
    let version = create_locked(&bed.store, "index/a", 60);
    fs::remove_file(bed.version_path("index/a", &version)).unwrap();
    replace(&bed.store, "index/a", b"new");
    let kept = bed.store.get(&key("index/a"), Some(&version)).unwrap();
    assert_eq!(kept.unwrap(), b"locked");
    assert!(bed.store.delete_version(&key("index/a"), &version).is_err());
}

/// Writes until it is killed, saying each key once it was acknowledged.
#[test]
fn write_until_killed() {
    let Some(root) = env::var_os(WRITER_ENV) else { return };
    let store = FileStore::open(Path::new(&root), TestClock::new().closure(), counter()).unwrap();
    let mut out = std::io::stdout();
    for i in 0_u32.. {
        let name = format!("segments/{}/{}/{i}", std::process::id(), i % 3);
        let bytes = vec![u8::try_from(i % 251).unwrap(); 1 << (i % 16)];
        let lock = lock_for(&store, LockMode::Compliance, 60);
        let version = store.put(&key(&name), &bytes, &how(&bytes, true, Some(lock))).unwrap();
        store.set_hold(&key(&name), &version, true).unwrap();
        replace(&store, "log/checkpoint", &bytes);
        let spare = create(&store, &format!("spare/{i}-{}", std::process::id()), &bytes);
        store.delete_version(&key(&format!("spare/{i}-{}", std::process::id())), &spare).unwrap();
        writeln!(out, "acknowledged {name}").unwrap();
    }
}

fn killed_writers(bed: &Bed) {
    let mut acknowledged = Vec::new();
    for round in 0..12_u64 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "crashes::write_until_killed", "--nocapture"])
            .env(WRITER_ENV, bed.root())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (tell, names) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reading = thread::spawn(move || {
            let told = lines.map_while(Result::ok).filter_map(|line| {
                line.split_once("acknowledged ").map(|(_, name)| name.to_owned())
            });
            told.for_each(|name| tell.send(name).unwrap());
        });
        for _ in 0..=round % 3 {
            let Ok(name) = names.recv_timeout(PATIENCE) else {
                child.kill().ok();
                panic!("the writer stopped by itself");
            };
            acknowledged.push(name);
        }
        // Into the middle of the writes that follow, wherever that is on this disk.
        thread::sleep(Duration::from_millis(round * 7 % 40));
        child.kill().unwrap();
        child.wait().unwrap();
        reading.join().unwrap();
        acknowledged.extend(names.try_iter());
        let reader = bed.reader();
        for one in reader.list("", None, usize::MAX).unwrap() {
            let head = reader.head(&one.key, None).unwrap().unwrap();
            let bytes = reader.get(&one.key, Some(&head.version)).unwrap().unwrap();
            assert_eq!(head.sha256, Some(Digest::of(&bytes)), "{}", one.key);
        }
        drop(bed.reopen());
        bed.assert_tidy();
    }
    for name in &acknowledged {
        let head = bed.store.head(&key(name), None).unwrap().unwrap();
        assert!(head.hold && head.lock.is_some(), "{name}");
    }
    say(&format!("file: 12 writers killed, {} acknowledged segments kept", acknowledged.len()));
}
