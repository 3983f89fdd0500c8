//! What `verify` says of an order that nobody carries out.

use jiff::SignedDuration;
use strongroom_archiver::verify::{Mark, Verdict};
use strongroom_tests::archive::verified_at;
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
        let report = verified_at(&scene.folder().join("archive"), &keys, now);
        assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
        let mut open = report.marked(Mark::Pending).filter(|one| one.check == "disposition");
        let detail = &open.next().unwrap().detail;
        assert!(detail.contains("has no certificate"), "{detail}");
        assert_eq!(detail.contains("ALARM: for over two days"), alarms, "{hours} h: {detail}");
    }
}
