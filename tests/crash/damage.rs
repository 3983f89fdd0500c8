//! What a writer does when it meets damage: what the claims can make again is made again, and
//! anything else stops it before it signs over the loss.

use std::{fs, sync::Arc};

use strongroom_archiver::{
    archive::ArchiveError,
    log::{About, Log, LogError},
    store::{LockedStore, ObjectKey},
};
use strongroom_crypto::keys::KeyFile;
use strongroom_tests::{
    archive::{SETTLE_MS, TestArchive},
    entropy::Dice,
    faulty_store::Point,
};

use super::{
    scene::{FAULTY_RUN, Scene},
    tampering::{findings, rewrite},
};

/// An archive of two runs with overdue locks, so that the next run needs every page.
fn scene() -> Scene {
    let mut scene = Scene::prepare(3, Point::Lock);
    scene.clean_run(FAULTY_RUN);
    scene.archive.clock.pass(SETTLE_MS * 2 / 3);
    scene.grow();
    scene
}

/// The keys of all objects below a prefix.
pub(crate) fn keys(archive: &TestArchive, prefix: &str) -> Vec<ObjectKey> {
    let listed = archive.store(99).list(prefix, None, usize::MAX).unwrap();
    assert!(!listed.is_empty(), "nothing below {prefix}");
    listed.into_iter().map(|one| one.key).collect()
}

/// Removes objects with all their versions, as if they had never been stored.
pub(crate) fn forget(archive: &TestArchive, keys: &[ObjectKey]) {
    for key in keys {
        fs::remove_file(archive.store_path().join(key.as_str())).unwrap();
        fs::remove_dir_all(archive.store_path().join(".versions").join(key.as_str())).unwrap();
    }
}

#[test]
fn what_the_claims_can_make_again_is_made_again() {
    for prefix in ["index/page/", "index/", "log/tile/entries/", "log/tile/0/", "log/tile/"] {
        let mut scene = scene();
        let lost = keys(&scene.archive, prefix);
        forget(&scene.archive, &lost);
        let report = scene.clean_run(FAULTY_RUN + 1);
        assert!(report.events_sealed > 0, "{prefix}");
        require_sound(&mut scene, &lost);
    }
}

/// Nobody makes partial tiles and snapshots of earlier sizes again: apart from them all is sound, and
/// a run finds nothing left to do.
pub(crate) fn require_sound(scene: &mut Scene, lost: &[ObjectKey]) {
    for finding in findings(&scene.archive).unwrap_or_default().lines().skip(1) {
        let expected = lost.iter().any(|key| finding.contains(&format!("`{key}`")));
        assert!(expected, "{finding}");
    }
    let idle = scene.clean_run(FAULTY_RUN + 2);
    assert_eq!((idle.events_read, idle.segments), (0, 0));
}

#[test]
fn a_damaged_bundle_is_not_copied_into_the_next() {
    let mut scene = scene();
    let bundles = keys(&scene.archive, "log/tile/entries/");
    for key in &bundles {
        rewrite(&scene.archive.store_path().join(key.as_str()), |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
    }
    scene.clean_run(FAULTY_RUN + 1);
    require_sound(&mut scene, &bundles);
}

#[test]
fn nothing_is_claimed_in_the_place_of_a_claim_that_is_gone() {
    for gone in [1, 2] {
        let scene = scene();
        let claims = keys(&scene.archive, "log/claim/");
        let first = claims.len() - gone;
        forget(&scene.archive, &claims[first..]);
        let done = scene.archive.run(
            Arc::new(scene.archive.store(FAULTY_RUN + 1)),
            FAULTY_RUN + 1,
            &scene.request(),
        );
        let Err(ArchiveError::Log(LogError::Damaged { object, .. })) = done else {
            panic!("{done:?}")
        };
        assert_eq!(object, claims[first].as_str());
        assert_eq!(keys(&scene.archive, "log/claim/").len(), first, "a claim took its place");
    }
}

#[test]
fn nothing_is_begun_where_something_of_an_archive_is_left() {
    for gone in [&["log/", "index/"][..], &["log/claim/", "index/"]] {
        let scene = scene();
        for prefix in gone {
            forget(&scene.archive, &keys(&scene.archive, prefix));
        }
        let store: Arc<dyn LockedStore> = Arc::new(scene.archive.store(97));
        let opened = Log::open(Arc::clone(&store), Arc::clone(scene.archive.keys())).unwrap_err();
        let created = scene.archive.create_log(store, 97).unwrap_err();
        for error in [opened, created] {
            let LogError::Damaged { object, .. } = error else { panic!("{error}") };
            assert_eq!(object, "log/claim/00000000000000000000");
        }
    }
}

#[test]
fn claims_without_a_signed_head_are_not_continued() {
    let scene = scene();
    forget(&scene.archive, &keys(&scene.archive, "log/checkpoint"));
    let claims = keys(&scene.archive, "log/claim/");
    forget(&scene.archive, &claims[claims.len() - 1..]);
    let store: Arc<dyn LockedStore> = Arc::new(scene.archive.store(97));
    let opened = Log::open(store, Arc::clone(scene.archive.keys())).unwrap_err();
    assert!(matches!(opened, LogError::Damaged { .. }), "{opened}");
}

#[test]
fn a_log_that_somebody_else_began_is_not_continued() {
    let scene = scene();
    for prefix in ["log/", "index/", "keys/", "segments/", "manifests/"] {
        forget(&scene.archive, &keys(&scene.archive, prefix));
    }
    let mut dice = Dice::new(7, 7);
    let others = KeyFile::generate(scene.archive.keys().archive_id(), &mut dice);
    let store: Arc<dyn LockedStore> = Arc::new(scene.archive.store(97));
    let settle = std::time::Duration::from_millis(SETTLE_MS.unsigned_abs());
    let about = About::test(settle);
    let forged = Log::create(Arc::clone(&store), Arc::new(others), &about, &mut dice).unwrap();
    assert!(forged.is_some());
    let opened = Log::open(store, Arc::clone(scene.archive.keys())).unwrap_err();
    assert!(matches!(opened, LogError::Opening(_)), "{opened}");
}
