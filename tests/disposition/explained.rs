//! How far a disposal has come, as `policy explain` says it, and said again from the file of facts.

use strongroom_crypto::json::Value;
use strongroom_tests::clock::now;
use strongroom_tests::program::strongroom;

use crate::scene::Scene;

/// State of the segment as of an instant, by the archive and by the facts that it writes down.
fn state(scene: &Scene, segment: &str, at: &str) -> String {
    let explain = ["policy", "explain", "--json", "--at", at];
    let asked = ["--segment", segment, "--facts-out", "facts.json"];
    let said = scene.strongroom(&[&explain[..], &asked].concat()).expect(0);
    let again = strongroom(scene.folder(), &[&explain[..], &["--facts", "facts.json"]].concat());
    assert_eq!(again.expect(0).stdout, said.stdout);
    said.text("state")
}

#[test]
fn every_step_of_a_disposal_is_explained() {
    let scene = Scene::new("explained");
    let segment = scene.segment_id();
    scene.propose();
    let mut steps = vec![(now().to_string(), "ELIGIBLE")];
    scene.approve("ada", "ada").expect(0);
    steps.push((now().to_string(), "IN_REVIEW"));
    scene.approve("ben", "ben").expect(0);
    steps.push((now().to_string(), "APPROVED"));
    for (at, expected) in &steps {
        assert_eq!(state(&scene, &segment, at), *expected, "{at}");
    }
    scene.run(&["execute", "batch.json"]).expect(0);
    steps.push((now().to_string(), "DESTROYED"));
    // At each instant all is as it was then, but for the lock, which is gone with the segment.
    for (at, expected) in &steps {
        assert_eq!(state(&scene, &segment, at), *expected, "{at}");
    }
}

#[test]
fn a_batch_that_an_officer_rejects_stays_in_review() {
    let scene = Scene::new("rejected");
    let segment = scene.segment_id();
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    let review = ["review", "batch.json", "--verdict", "reject", "--reason", "not yet"];
    scene.sign(&review, "ben", "ben").expect(0);
    assert_eq!(state(&scene, &segment, &now().to_string()), "IN_REVIEW");
}

impl Scene {
    /// The id of the one segment.
    fn segment_id(&self) -> String {
        let said = self.strongroom(&["status", "--segments", "--json"]).expect(0);
        let Value::Object(status) = said.json() else { panic!("no object") };
        let Some(Value::Array(segments)) = status.get("segment_list") else { panic!("{status:?}") };
        let [Value::Object(only)] = &segments[..] else { panic!("{segments:?}") };
        let Some(Value::Text(id)) = only.get("segment_id") else { panic!("{only:?}") };
        id.clone()
    }
}
