//! How far a disposal has come, as `policy explain` says it, and said again from the file of facts.

use strongroom_crypto::json::Value;
use strongroom_tests::clock::now;
use strongroom_tests::program::strongroom;

use crate::scene::Scene;

/// State of the segment as of an instant, by the archive, by the facts that it writes down, and by the
/// report of all segments that are there.
fn state(scene: &Scene, segment: &str, at: &str) -> String {
    let explain = ["policy", "explain", "--json", "--at", at];
    let asked = ["--segment", segment, "--facts-out", "facts.json"];
    let said = scene.strongroom(&[&explain[..], &asked].concat()).expect(0);
    let again = strongroom(scene.folder(), &[&explain[..], &["--facts", "facts.json"]].concat());
    assert_eq!(again.expect(0).stdout, said.stdout);
    let report = ["report", "retention", "--segments", "--json", "--at", at];
    let reported = scene.strongroom(&report).expect(0).stdout;
    let reported = String::from_utf8(reported).unwrap();
    let state = said.text("state");
    let same = format!("\"state\":\"{state}\"");
    assert!(reported.contains(&same) != (state == "DESTROYED"), "{state}: {reported}");
    state
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
    // That somebody was not let takes nothing back.
    let refused = scene.approve("dee", "dee").expect(2);
    assert!(refused.stderr.contains("refused, recorded in entry"), "{}", refused.stderr);
    steps.push((now().to_string(), "APPROVED"));
    for (at, expected) in &steps {
        assert_eq!(state(&scene, &segment, at), *expected, "{at}");
    }
    scene.interrupt_at_deletion();
    steps.push((now().to_string(), "DESTROYING"));
    assert_eq!(state(&scene, &segment, &steps[4].0), "DESTROYING");
    scene.run(&["execute", "batch.json"]).expect(0);
    steps.push((now().to_string(), "DESTROYED"));
    // At each instant all is as it was then, but for the lock, which is gone with the segment.
    for (at, expected) in &steps {
        assert_eq!(state(&scene, &segment, at), *expected, "{at}");
    }
}

#[test]
fn an_officer_who_says_no_takes_the_proposal_back() {
    let scene = Scene::new("rejected");
    let segment = scene.segment_id();
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    let review = ["review", "batch.json", "--verdict", "reject", "--reason", "not yet"];
    scene.sign(&review, "ben", "ben").expect(0);
    assert_eq!(state(&scene, &segment, &now().to_string()), "ELIGIBLE");
    // Another batch with it can be executed, whatever is said of that one.
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    assert_eq!(state(&scene, &segment, &now().to_string()), "IN_REVIEW");
}

#[test]
fn an_approval_that_counts_no_more_leaves_a_segment_in_review() {
    let scene = Scene::new("void");
    let segment = scene.segment_id();
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    let mut steps = vec![(now().to_string(), "APPROVED")];
    let remove = ["officers", "remove", "ben"];
    scene.act("ada", &remove).expect(0);
    scene.act("cy", &remove).expect(0);
    steps.push((now().to_string(), "IN_REVIEW"));
    // Coming back gives no life to what was signed before.
    let public = scene.folder().join("ben.pub");
    let add = format!("ben:legal:{}", public.display());
    let add = ["officers", "add", &add];
    scene.act("ada", &add).expect(0);
    scene.act("dee", &add).expect(0);
    steps.push((now().to_string(), "IN_REVIEW"));
    let unsigned = scene.run(&["execute", "batch.json"]).expect(2);
    assert!(unsigned.stderr.contains("no officer of role `legal` signed"), "{}", unsigned.stderr);
    scene.approve("dee", "dee").expect(0);
    steps.push((now().to_string(), "APPROVED"));
    scene.act("cy", &["hold", "place", "m-1", "--stream", "trail", "--matter", "a"]).expect(0);
    steps.push((now().to_string(), "RETAIN"));
    scene.act("ada", &["hold", "release", "m-1", "--reason", "settled"]).expect(0);
    scene.act("dee", &["hold", "release", "m-1"]).expect(0);
    steps.push((now().to_string(), "IN_REVIEW"));
    // What was so then is said so now, whoever is an officer meanwhile.
    for (at, expected) in &steps {
        assert_eq!(state(&scene, &segment, at), *expected, "{at}");
    }
    let batches = scene.strongroom(&["report", "dispositions", "--json"]).expect(0).stdout;
    let batches = String::from_utf8(batches).unwrap();
    assert!(batches.contains("\"state\":\"moved\""), "{batches}");
}

impl Scene {
    /// The id of the one segment.
    pub(crate) fn segment_id(&self) -> String {
        let said = self.strongroom(&["status", "--segments", "--json"]).expect(0);
        let Value::Object(status) = said.json() else { panic!("no object") };
        let Some(Value::Array(segments)) = status.get("segment_list") else { panic!("{status:?}") };
        let [Value::Object(only)] = &segments[..] else { panic!("{segments:?}") };
        let Some(Value::Text(id)) = only.get("segment_id") else { panic!("{only:?}") };
        id.clone()
    }
}
