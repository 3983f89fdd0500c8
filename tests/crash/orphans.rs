//! Uploads that no claim names: left alone while their claim could still come, then abandoned and
//! deleted, and nothing else with them.

use std::sync::Arc;

use strongroom_archiver::{
    log::Log,
    store::{LockedStore, file::FileStore},
    sweep::{Orphans, remove_orphans},
};
use strongroom_tests::{
    archive::SETTLE_MS,
    auditor::compare,
    entropy::Dice,
    faulty_store::{Fault, FaultyStore, Mode, Point},
};

use super::scene::{FAULTY_RUN, Scene};

fn sweep(scene: &Scene, run: u64) -> Orphans {
    sweep_over(scene, scene.archive.store(run), run)
}

fn sweep_over(scene: &Scene, store: impl LockedStore + 'static, run: u64) -> Orphans {
    let mut log = Log::open(Arc::new(store), Arc::clone(scene.archive.keys())).unwrap();
    let keys = Arc::clone(scene.archive.keys());
    remove_orphans(&mut log, &keys, &mut Dice::new(scene.seed, run)).unwrap()
}

#[test]
fn only_what_nobody_can_claim_any_more_is_deleted() {
    let mut scene = Scene::prepare(3, Point::Lock);
    scene.clean_run(FAULTY_RUN);
    scene.grow();
    // The process dies when it has stored a manifest.
    let fault = Fault { point: Point::Manifest, nth: 1, mode: Mode::After };
    let store = Arc::new(FaultyStore::new(scene.archive.store(3), vec![fault]));
    let shared: Arc<dyn LockedStore> = Arc::<FaultyStore<FileStore>>::clone(&store);
    scene.archive.run(shared, 3, &scene.request()).unwrap_err();
    assert_eq!(sweep(&scene, 4), Orphans::default(), "its claim could still come");

    scene.clean_run(5);
    let before = scene.archive.audit();
    assert!(before.orphans > 0, "the crash left nothing");
    scene.archive.clock.pass(SETTLE_MS + 60_000);
    scene.clean_run(6);
    // What the store still lists is not deleted, whatever it said.
    let fault = Fault { point: Point::Delete, nth: 1, mode: Mode::Pretended };
    let swept = sweep_over(&scene, FaultyStore::new(scene.archive.store(7), vec![fault]), 7);
    assert_eq!((swept.abandoned, swept.deleted, swept.waiting), (1, 1, 1));
    let swept = sweep(&scene, 7);
    assert_eq!((swept.abandoned, swept.deleted, swept.waiting), (0, 1, 0));
    let after = scene.archive.audit();
    compare(&after, &scene.sources).unwrap();
    assert_eq!((after.orphans, after.segments), (0, before.segments));
    assert_eq!(sweep(&scene, 8), Orphans::default(), "nothing is left to do");
}
