//! An auditor that finds nothing proves nothing: each of these changes has to be found.

use std::{fs, path::Path, sync::Arc};

use strongroom_archiver::store::{LockedStore, ObjectKey, PutOptions, file::FileStore};
use strongroom_crypto::{Digest, checkpoint::Checkpoint};
use strongroom_tests::{
    archive::TestArchive,
    auditor::{Source, audit, compare, compare_claimed},
    faulty_store::Point,
};

use super::scene::Scene;

/// A change to an archive, and what the auditor has to say of it.
type Change = (&'static str, fn(&TestArchive), &'static str);

const CHANGES: [Change; 12] = [
    ("a byte of a segment", |a| alter(a, "segments/"), "is not what was sealed"),
    ("a byte of a manifest", |a| alter(a, "manifests/"), "is not what was sealed"),
    ("a byte of a bundle", |a| alter(a, "log/tile/entries/"), "is not a function of the claims"),
    ("a byte of a tile", |a| alter(a, "log/tile/0/"), "is not a function of the claims"),
    ("a byte of a checkpoint", |a| alter(a, "log/checkpoints/"), "log/checkpoints/"),
    ("a byte of a claim", |a| alter(a, "log/claim/"), "log/claim/"),
    ("a segment gone", |a| remove(a, "segments/"), "is missing"),
    ("a tile gone", |a| remove(a, "log/tile/0/"), "was signed before"),
    ("a claim gone", |a| remove(a, "log/claim/"), "log/claim/"),
    ("a forked checkpoint", fork, "contradicts the claims"),
    ("a second version", |a| put(a, None, b"x"), "has 2 versions"),
    ("a foreign object", |a| put(a, Some("log/notes"), b"x"), "has no business"),
];

/// The current bytes of the last object below a prefix are those of this file.
fn last_below(archive: &TestArchive, prefix: &str) -> std::path::PathBuf {
    let listed = archive.store(99).list(prefix, None, usize::MAX).unwrap();
    archive.store_path().join(listed.last().unwrap().key.as_str())
}

pub(crate) fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    let mut permissions = fs::metadata(path).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "the file is the test's own")]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).unwrap();
    // In place, so that it stays the file of its version.
    fs::write(path, bytes).unwrap();
}

fn alter(archive: &TestArchive, prefix: &str) {
    rewrite(&last_below(archive, prefix), |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
}

fn remove(archive: &TestArchive, prefix: &str) {
    fs::remove_file(last_below(archive, prefix)).unwrap();
}

/// Signs another root with the log's own key.
fn fork(archive: &TestArchive) {
    let key = archive.keys().log();
    let other = Checkpoint::new(key.verifier().name(), 2, Digest::of(b"other")).unwrap();
    let note = other.sign(key).unwrap();
    put(archive, Some("log/checkpoints/00000000000000000002"), note.as_bytes());
}

/// Puts an object, by default in the place of the last segment.
fn put(archive: &TestArchive, name: Option<&str>, bytes: &[u8]) {
    let store = archive.store(98);
    let listed = store.list("segments/", None, usize::MAX).unwrap();
    let key = name.map_or_else(|| listed[0].key.clone(), |name| ObjectKey::new(name).unwrap());
    let how = PutOptions { lock: None, create_only: false, sha256: Digest::of(bytes) };
    store.put(&key, bytes, &how).unwrap();
}

pub(crate) fn findings(archive: &TestArchive) -> Option<String> {
    let store = FileStore::open_read_only(&archive.store_path(), archive.clock.closure()).unwrap();
    let store: Arc<dyn LockedStore> = Arc::new(store);
    audit(&store, archive.keys()).err().map(|findings| findings.to_string())
}

#[test]
fn the_auditor_finds_every_change_to_an_archive() {
    for (what, change, expected) in CHANGES {
        let mut scene = Scene::prepare(3, Point::Lock);
        scene.clean_run(2);
        assert_eq!(findings(&scene.archive), None);
        change(&scene.archive);
        let found = findings(&scene.archive).unwrap_or_else(|| panic!("{what}: not found"));
        assert!(found.contains(expected), "{what}: {found}");
    }
}

#[test]
fn the_auditor_finds_every_difference_to_the_sources() {
    let mut scene = Scene::prepare(3, Point::Lock);
    scene.clean_run(2);
    let (found, sources) = (scene.archive.audit(), scene.sources.clone());
    compare(&found, &sources).unwrap();
    let changes: [fn(&mut Vec<Source>); 6] = [
        |sources| sources[0].bytes.extend_from_slice(b"{}\n"),
        |sources| assert!(sources[1].bytes.pop().is_some()),
        |sources| sources[2].bytes[5] ^= 1,
        |sources| sources[0].generation = 1,
        |sources| drop(sources.pop()),
        |sources| sources.push(Source::new("app", "file:other.log", b"{}\n")),
    ];
    for change in changes {
        let mut others = sources.clone();
        change(&mut others);
        assert!(compare(&found, &others).is_err());
    }
    let mut twice = found.clone();
    twice.records.push(found.records[0].clone());
    assert!(compare(&twice, &sources).is_err() && compare_claimed(&twice, &sources).is_err());
    let mut less = found.clone();
    less.records.pop();
    assert!(compare(&less, &sources).is_err() && compare_claimed(&less, &sources).is_err());
}
