//! What `verify` says of an order that nobody carries out.

use std::sync::atomic::AtomicBool;

use jiff::SignedDuration;
use strongroom_archiver::archive::Silent;
use strongroom_archiver::store::file::FileStore;
use strongroom_archiver::verify::{Mark, Options, Verdict, verify};
use strongroom_tests::clock::now;

use crate::scene::Scene;

#[test]
fn an_order_without_certificate_alarms_after_two_days() {
    let scene = Scene::new("open");
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    scene.interrupt_at_deletion();
    let (keys, ordered) = (scene.keys(), now());
    for (hours, alarms) in [(47, false), (49, true)] {
        let now = ordered + SignedDuration::from_hours(hours);
        let root = scene.folder().join("archive");
        let store = FileStore::open_read_only(&root, Box::new(move || now)).unwrap();
        let options = Options {
            vkey: keys.log().verifier(),
            log_open: None,
            checkpoint: None,
            key_file: Some(&keys),
            keys: None,
            deep: false,
            threads: 1,
            stop: &AtomicBool::new(false),
            now,
        };
        let report = verify(&store, &options, &Silent).unwrap();
        assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
        let mut open = report.marked(Mark::Pending).filter(|one| one.check == "disposition");
        let detail = &open.next().unwrap().detail;
        assert!(detail.contains("has no certificate"), "{detail}");
        assert_eq!(detail.contains("ALARM: for over two days"), alarms, "{hours} h: {detail}");
    }
}
