//! An execution that stops at any of its steps goes on, and is certified once.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use strongroom_archiver::disposition::execute::{Clocks, carry_out, order};
use strongroom_tests::clock::now;
use strongroom_tests::faulty_store::{Fault, Mode, Point, Record};

use super::scene::Scene;

#[test]
fn an_execution_goes_on_after_a_crash_at_every_step() {
    let scene = Scene::new("crash");
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    // A key is locked longer than the segments under it.
    sleep(Duration::from_secs(4));
    scene.copy("archive", "kept");
    let reached = scene.execute_into(Vec::new()).reached();
    let of = |point| reached.get(&point).copied().unwrap_or(0);
    // The segment and its key; the order and the certificate.
    assert_eq!((of(Point::Delete), of(Point::Claim)), (2, 2), "{reached:?}");
    let steps = reached.iter().flat_map(|(point, count)| (1..=*count).map(|nth| (*point, nth)));
    for (point, nth) in steps.collect::<Vec<_>>() {
        for mode in [Mode::After, Mode::StoredButFailed] {
            let what = format!("{mode:?} at {point} {nth}");
            scene.copy("kept", "archive");
            let fault = Fault { point, nth, mode };
            assert_eq!(scene.execute_into(vec![fault]).fired(), [fault], "{what}");
            if mode == Mode::After {
                scene.verify("PASS");
            }
            let done = scene.run(&["execute", "batch.json"]);
            assert_eq!(done.code, 0, "{what}: {}", done.stderr);
            assert_eq!(scene.versions_left(), 0, "{what}");
            let listed = String::from_utf8(scene.run(&["list"]).expect(0).stdout).unwrap();
            assert_eq!(listed.matches("certified ").count(), 1, "{what}: {listed}");
            scene.verify("PASS");
        }
    }
}

impl Scene {
    /// Copies a whole directory over another.
    fn copy(&self, from: &str, to: &str) {
        let (from, to) = (self.folder().join(from), self.folder().join(to));
        if to.exists() {
            fs::remove_dir_all(&to).unwrap();
        }
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    }

    /// Executes the batch on a store that fails as planned, as far as that goes.
    fn execute_into(&self, plan: Vec<Fault>) -> Record {
        let record = Record::default();
        let (mut log, policies) = self.open_recorded(plan, &record);
        let (batch, keys, mut dice) = (self.batch(), self.keys(), Self::dice());
        let clocks = Clocks { local: now(), store: now() };
        if order(&mut log, &keys, &policies, &batch, clocks, &mut dice).is_ok() {
            carry_out(&mut log, &keys, &policies, &batch.order, clocks, &mut dice).ok();
        }
        record
    }
}
