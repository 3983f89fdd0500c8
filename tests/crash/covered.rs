//! What lies over a locked object does not become the archive: a run goes on with the version beneath,
//! says so, and keeps it from lapsing.

use std::{fs, sync::Arc};

use strongroom_archiver::{
    log::{Log, LogError, walk},
    store::{Covered, LockedStore as _, ObjectKey, PutOptions, VersionId},
};
use strongroom_crypto::{
    Digest,
    claim::{ClaimDraft, UnverifiedClaim},
    entry::Entry,
    keys::Role,
    name::Shard,
};
use strongroom_tests::{
    archive::{SETTLE_MS, TestArchive},
    auditor::compare,
    entropy::Dice,
    faulty_store::Point,
};

use super::{
    damage::{forget, keys, require_sound},
    scene::{FAULTY_RUN, Scene},
};

/// What lies over a name: the name is gone, or stands for other bytes.
#[derive(Clone, Copy, Debug)]
enum Cover {
    Gone,
    Bytes,
}

fn put_over(archive: &TestArchive, key: &ObjectKey, bytes: &[u8]) -> VersionId {
    let how = PutOptions { lock: None, create_only: false, sha256: Digest::of(bytes) };
    archive.store(98).put(key, bytes, &how).unwrap()
}

/// The true version and, if there is one, the version over it.
fn cover(archive: &TestArchive, key: &ObjectKey, with: Cover) -> (VersionId, Option<VersionId>) {
    let beneath = archive.store(98).head(key, None).unwrap().unwrap().version;
    let over = match with {
        Cover::Gone => {
            fs::remove_file(archive.store_path().join(key.as_str())).unwrap();
            None
        }
        Cover::Bytes => Some(put_over(archive, key, b"other bytes")),
    };
    (beneath, over)
}

fn uncover(archive: &TestArchive, key: &ObjectKey, beneath: &VersionId, over: Option<&VersionId>) {
    if let Some(over) = over {
        archive.store(98).delete_version(key, over).unwrap();
    } else {
        let versions = archive.store_path().join(".versions").join(key.as_str());
        let name = archive.store_path().join(key.as_str());
        fs::hard_link(versions.join(beneath.as_str()), name).unwrap();
    }
}

fn grown(seed: u64) -> Scene {
    let mut scene = Scene::prepare(seed, Point::Lock);
    scene.clean_run(FAULTY_RUN);
    scene.grow();
    scene
}

/// What is covered, and whether a run reads it, and so has to say so.
const ATTACKS: [(&[&str], bool); 6] = [
    // What is left looks like a log that was just begun.
    (&["log/claim/00000000000000000001", "log/claim/00000000000000000002", "log/checkpoint"], true),
    (&["log/claim/"], true),
    (&["log/checkpoint"], true),
    (&["keys/origin/"], true),
    (&["keys/period/"], true),
    (&["segments/", "manifests/"], false),
];

#[test]
fn a_run_goes_on_with_the_version_beneath() {
    for with in [Cover::Gone, Cover::Bytes] {
        for (prefixes, is_read) in ATTACKS {
            let what = format!("{with:?} over {prefixes:?}");
            let mut scene = grown(3);
            let hint = ObjectKey::new("log/checkpoint").unwrap();
            let named: Vec<_> =
                prefixes.iter().flat_map(|prefix| keys(&scene.archive, prefix)).collect();
            let covers: Vec<_> = named.iter().map(|key| cover(&scene.archive, key, with)).collect();
            let report = scene.clean_run(FAULTY_RUN + 1);
            assert!(report.events_sealed > 0 && report.failures.is_empty(), "{what}: {report:?}");
            let told =
                |key: &ObjectKey| report.warnings.iter().any(|line| line.contains(key.as_str()));
            assert_eq!(named.iter().any(told), is_read, "{what}: {:?}", report.warnings);
            assert!(report.warnings.len() <= named.len(), "{what}: {:?}", report.warnings);
            for (key, (beneath, over)) in named.iter().zip(&covers) {
                // The run has moved the hint on: what lay over it is one of its older versions.
                if *key != hint {
                    uncover(&scene.archive, key, beneath, over.as_ref());
                }
            }
            compare(&scene.archive.audit(), &scene.sources)
                .unwrap_or_else(|f| panic!("{what}: {f}"));
            let idle = scene.clean_run(FAULTY_RUN + 2);
            assert_eq!((idle.events_read, idle.warnings.len()), (0, 0), "{what}");
        }
    }
}

#[test]
fn no_lock_lapses_beneath_what_covers_it() {
    for with in [Cover::Gone, Cover::Bytes] {
        let mut scene = grown(3);
        let named: Vec<_> = ["segments/", "manifests/", "keys/", "log/claim/", "log/checkpoints/"]
            .iter()
            .flat_map(|prefix| keys(&scene.archive, prefix))
            .collect();
        let covers: Vec<_> = named.iter().map(|key| cover(&scene.archive, key, with)).collect();
        scene.archive.clock.pass(SETTLE_MS * 2 / 3);
        let report = scene.clean_run(FAULTY_RUN + 1);
        assert!(report.failures.is_empty(), "{with:?}: {report:?}");
        let due = scene.archive.clock.ms() + SETTLE_MS / 2;
        let store = scene.archive.store(98);
        let lock = |key, version| store.head(key, Some(version)).unwrap().unwrap().lock;
        for (key, (beneath, over)) in named.iter().zip(&covers) {
            let until = lock(key, beneath).unwrap().until.as_millisecond();
            assert!(until >= due, "{with:?}: {key} lapses");
            assert!(over.as_ref().is_none_or(|over| lock(key, over).is_none()), "{with:?}: {key}");
        }
    }
}

#[test]
fn a_claim_that_was_hidden_since_the_log_was_opened_is_not_replaced() {
    let mut scene = Scene::prepare(3, Point::Lock);
    scene.clean_run(FAULTY_RUN);
    let archive = &scene.archive;
    let open = |run| Log::open(Arc::new(archive.store(run)), Arc::clone(archive.keys())).unwrap();
    let (mut one, mut other) = (open(96), open(97));
    other.append(&[], Some(Shard::WHOLE), &mut Dice::new(3, 97)).unwrap();
    let key = keys(archive, "log/claim/").pop().unwrap();
    let (beneath, over) = cover(archive, &key, Cover::Gone);
    one.append(&[], Some(Shard::WHOLE), &mut Dice::new(3, 96)).unwrap();
    assert_eq!(one.covered().version(&key).as_ref(), Some(&beneath));
    uncover(archive, &key, &beneath, over.as_ref());
    let audit = archive.audit();
    assert_eq!(audit.void, Vec::<String>::new());
    compare(&audit, &scene.sources).unwrap();
}

/// Signs another claim for the place of one.
fn rival(archive: &TestArchive, key: &ObjectKey) -> Vec<u8> {
    let signer = archive.keys().role(Role::Archive);
    let bytes = archive.store(98).get(key, None).unwrap().unwrap();
    let claim = UnverifiedClaim::parse(&bytes).unwrap().verify(|_| Some(signer.public())).unwrap();
    let items = claim
        .items()
        .iter()
        .map(|item| (Entry::parse(item.leaf()).unwrap(), item.attachment().cloned()));
    let draft = ClaimDraft {
        archive_id: claim.archive_id(),
        seq: claim.seq(),
        prev_claim_sha256: claim.prev_claim_sha256(),
        nonce: [7; 16],
        items: items.collect(),
    };
    draft.sign(signer).unwrap().bytes().to_vec()
}

#[test]
fn of_two_signed_claims_the_next_one_tells_which_is_true() {
    let mut scene = grown(3);
    let claims = keys(&scene.archive, "log/claim/");
    let key = &claims[claims.len() - 2];
    let beneath = scene.archive.store(98).head(key, None).unwrap().unwrap().version;
    let over = put_over(&scene.archive, key, &rival(&scene.archive, key));
    let covered = Covered::default();
    walk(&scene.archive.store(98), scene.archive.keys(), &covered).unwrap();
    assert_eq!(covered.version(key), Some(beneath));
    // A run that folds the log from its beginning decides it in the same way.
    let lost = keys(&scene.archive, "index/");
    forget(&scene.archive, &lost);
    let report = scene.clean_run(FAULTY_RUN + 1);
    assert!(report.warnings.iter().any(|line| line.contains(key.as_str())), "{report:?}");
    scene.archive.store(98).delete_version(key, &over).unwrap();
    require_sound(&mut scene, &lost);
}

#[test]
fn of_two_signed_claims_without_a_next_one_none_is_believed() {
    let scene = grown(3);
    let key = keys(&scene.archive, "log/claim/").pop().unwrap();
    put_over(&scene.archive, &key, &rival(&scene.archive, &key));
    let store = Arc::new(scene.archive.store(98));
    let opened = Log::open(store, Arc::clone(scene.archive.keys())).unwrap_err();
    let walked = walk(&scene.archive.store(98), scene.archive.keys(), &Covered::default());
    for error in [opened, walked.unwrap_err()] {
        let LogError::Damaged { object, detail } = error else { panic!("{error}") };
        assert!(object == key.as_str() && detail.contains("forked"), "{object}: {detail}");
    }
}
