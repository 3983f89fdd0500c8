//! Destruction by order, as officers and operators do it: on the command line, with keys of their own.

mod agent;
mod bucket;
mod certificate;
mod crash;
mod explained;
mod ground;
mod keys;
mod late;
mod life;
mod lost;
mod random;
mod reviews;
mod scene;
mod unattended;

use jiff::SignedDuration;
use strongroom_archiver::disposition::DispositionError;
use strongroom_archiver::disposition::execute::{Clocks, carry_out, order};
use strongroom_archiver::disposition::propose::Unfit;
use strongroom_archiver::log::Log;
use strongroom_archiver::store::ObjectKey;
use strongroom_archiver::sweep::{extend_overdue, extend_undecided};
use strongroom_tests::faulty_store::{Fault, Mode, Point};

use scene::Scene;

#[test]
fn what_two_officers_approve_is_destroyed_and_certified() {
    let scene = Scene::new("disposition");
    let object = scene.object();
    scene.propose();
    scene.verify("PASS");
    let unsigned = scene.run(&["execute", "batch.json"]).expect(2);
    assert!(unsigned.stderr.contains("no officer signed"), "{}", unsigned.stderr);
    scene.approve("ada", "ada").expect(0);
    scene.verify("PASS");
    let one = scene.run(&["execute", "batch.json"]).expect(2);
    assert!(one.stderr.contains("no officer of role `legal` signed"), "{}", one.stderr);
    assert!(object.is_file());
    scene.approve("ben", "ben").expect(0);
    scene.verify("PASS");
    let done = scene.run(&["execute", "batch.json", "--json"]).expect(0);
    assert!(!object.exists());
    assert_eq!(scene.versions_left(), 0);
    scene.verify("PASS");
    // Twice is once.
    let again = scene.run(&["execute", "batch.json", "--json"]).expect(0);
    assert_eq!(again.text("certificate"), done.text("certificate"));
    let id = scene.order();
    let shown = scene.run(&["verify", id.as_str()]).expect(0);
    let certificate = String::from_utf8(shown.stdout).unwrap();
    let batch = scene.batch();
    let segment = &batch.segments[0];
    for (label, said) in [
        ("certificate", &*format!("{id}, of the order of this id")),
        ("before", "no certificate"),
        ("owner", "records, of the policy"),
        ("destroyed", "1 segment, 3 events, 1 version, "),
        ("events", "from 2020-03-01T10:00:00.000Z to 2020-03-03T10:00:00.000Z"),
        ("schedule", "test, version 1, sha256 "),
        ("series", "Who changed what: item trail, class sec-1"),
        ("  citation", "pci-dss-10-5-1: PCI DSS"),
        ("ordered", &format!("{id}, entry ")),
        ("approved by", "officers"),
        ("  officer", "ada as records, entry "),
        ("  officer", "ben as legal, entry "),
        ("executed by", "strongroom "),
        ("hold check", "no hold, epoch 0, at "),
        ("place", &scene.ground.url),
        ("uploads", "0 unfinished, aborted"),
        ("segment", &segment.id.to_string()),
        ("  object", &format!("{}, sha256 {}", segment.object, segment.sha256)),
        ("  kept until", "2021-03-04T00:00:00.000Z, by pci-dss-10-5-1"),
        ("data subjects", "not known: "),
        ("not claimed", "copies that were exported or read before"),
    ] {
        let line = format!("{label:<14}{said}");
        let there = certificate.lines().any(|found| found.starts_with(&line));
        assert!(there, "{line}: {certificate}");
    }
    // The manifest outlives its segment, and its bytes are not asked for.
    scene.strongroom(&["sweep"]).expect(0);
    assert_eq!(scene.names("manifests").len(), 1);
    let cat = scene.strongroom(&["cat", "--origin", "file:trail.ndjson"]).expect(1);
    assert!(cat.stderr.contains("was destroyed, as entry"), "{}", cat.stderr);
    assert_eq!(scene.strongroom(&["status", "--json"]).expect(0).number("segments"), 0);
    scene.verify("PASS");
    // What was certified to be gone and is there is a failure.
    std::fs::write(&object, b"back").unwrap();
    scene.verify("FAIL");
}

/// Scenario 11: what a longer policy came too late for was destroyed rightly.
#[test]
fn a_longer_policy_after_the_certificate_changes_nothing() {
    let scene = Scene::new("longer");
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    scene.run(&["execute", "batch.json"]).expect(0);
    let (id, policy) = (scene.order(), scene.batch().policy);
    let before = scene.run(&["verify", id.as_str()]).expect(0).stdout;
    scene.set_policy(2, "P10Y");
    let shown = scene.strongroom(&["policy", "show", "--json"]).expect(0);
    assert_ne!(shown.text("in_force"), policy.to_string());
    scene.verify("PASS");
    let after = scene.run(&["verify", id.as_str()]).expect(0).stdout;
    assert_eq!(after, before);
    let certificate = String::from_utf8(after).unwrap();
    assert!(certificate.contains(&policy.to_string()), "{certificate}");
}

#[test]
fn a_signature_that_adds_nothing_is_refused() {
    let scene = Scene::new("signatures");
    scene.propose();
    scene.approve("ben", "ben").expect(0);
    for (officer, key, why) in [
        ("ben", "ben", "officer `ben` has signed this already"),
        ("dee", "dee", "role `legal` has signed this already"),
        ("cy", "cy", "officer `cy` has role `risk`"),
        ("eve", "ada", "officer `eve` is not registered"),
        ("ada", "ben", "not by the registered key of officer `ada`"),
    ] {
        let refused = scene.approve(officer, key).expect(2);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
    // Bytes that officers did not see.
    let batch = scene.folder().join("batch.json");
    let text = std::fs::read_to_string(&batch).unwrap();
    std::fs::write(&batch, text.replace("2021-03-04", "2021-03-03")).unwrap();
    let refused = scene.approve("ada", "ada").expect(2);
    assert!(refused.stderr.contains("other dates or versions"), "{}", refused.stderr);
    std::fs::write(&batch, text.replacen("\"bytes\":1", "\"bytes\":2", 1)).unwrap();
    let refused = scene.approve("ada", "ada").expect(2);
    assert!(refused.stderr.contains("is no batch"), "{}", refused.stderr);
    // An officer's no stops it.
    std::fs::write(&batch, text).unwrap();
    scene.approve("ada", "ada").expect(0);
    let no = ["review", "batch.json", "--verdict", "reject", "--reason", "wait for the audit"];
    scene.sign(&no, "cy", "cy").expect(0);
    let refused = scene.run(&["execute", "batch.json"]).expect(2);
    assert!(refused.stderr.contains("officer `cy` said `reject`"), "{}", refused.stderr);
    assert!(scene.object().is_file());
    scene.verify("PASS");
}

#[test]
fn approvals_lapse_clocks_agree_and_a_hold_comes_first() {
    let scene = Scene::new("hold");
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    let (batch, keys, mut dice) = (scene.batch(), scene.keys(), Scene::dice());
    let (mut log, policies) = scene.open(Vec::new());
    let now = strongroom_tests::clock::now();
    let after = |days: i64| now + SignedDuration::from_hours(24 * days);
    let mut try_at = |local, store| {
        order(&mut log, &keys, &policies, &batch, Clocks { local, store }, &mut dice).unwrap_err()
    };
    let lapsed = try_at(after(40), after(40));
    assert!(matches!(lapsed, DispositionError::Expired(_)), "{lapsed}");
    let apart = try_at(now, now + SignedDuration::from_secs(121));
    assert!(matches!(apart, DispositionError::Clock { .. }), "{apart}");
    scene.enter_hold(&mut log);
    let clocks = Clocks { local: now, store: now };
    let held = order(&mut log, &keys, &policies, &batch, clocks, &mut dice).unwrap_err();
    assert!(matches!(held, DispositionError::Unfit { why: Unfit::Held, .. }), "{held}");
    let refused = scene.run(&["execute", "batch.json"]).expect(2);
    assert!(refused.stderr.contains("is under a hold"), "{}", refused.stderr);
    assert!(scene.object().is_file());
    // Until its flag is set, nothing of the store's keeps what is held.
    scene.verify("FAIL");
    scene.strongroom(&["sweep", "--duty", "hold"]).expect(0);
    scene.verify("PASS");
}

#[test]
fn an_interrupted_order_goes_on_and_is_certified_once() {
    for (point, nth, mode) in [
        (Point::Delete, 1, Mode::Before),
        (Point::Delete, 1, Mode::After),
        (Point::Delete, 1, Mode::Pretended),
        (Point::Claim, 2, Mode::Before),
        (Point::Claim, 2, Mode::After),
    ] {
        let scene = Scene::new("interrupted");
        scene.propose();
        scene.approve("ada", "ada").expect(0);
        scene.approve("ben", "ben").expect(0);
        let (batch, keys, mut dice) = (scene.batch(), scene.keys(), Scene::dice());
        let (mut log, policies) = scene.open(vec![Fault { point, nth, mode }]);
        let now = strongroom_tests::clock::now();
        let clocks = Clocks { local: now, store: now };
        order(&mut log, &keys, &policies, &batch, clocks, &mut dice).unwrap();
        let stopped = carry_out(&mut log, &keys, &policies, &batch.order, clocks, &mut dice);
        // A claim that failed and was not stored is put again.
        let heals = point == Point::Claim && mode == Mode::Before;
        assert_eq!(stopped.is_ok(), heals, "{point} {mode:?}");
        drop(log);
        scene.verify("PASS");
        let id = scene.order();
        scene.run(&["execute", id.as_str()]).expect(0);
        assert_eq!(scene.versions_left(), 0, "{point} {mode:?}");
        scene.run(&["verify", id.as_str()]).expect(0);
        let listed = String::from_utf8(scene.run(&["list"]).expect(0).stdout).unwrap();
        assert_eq!(listed.matches("certified ").count(), 1, "{listed}");
        scene.verify("PASS");
    }
}

#[test]
fn what_is_ordered_comes_out_of_its_lock_whatever_came_later() {
    let scene = Scene::new("lapsing");
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    scene.interrupt_at_deletion();
    let (mut log, policies) = scene.open(Vec::new());
    let [segment, manifest] = ["segments", "manifests"].map(|place| scene.names(place).remove(0));
    let locked = |log: &Log, name: &str| {
        let head = log.store().head(&ObjectKey::new(name).unwrap(), None).unwrap().unwrap();
        head.lock.unwrap().until
    };
    let (ends, proof) = (locked(&log, &segment), locked(&log, &manifest));
    assert_eq!(extend_undecided(&mut log).unwrap(), []);
    assert_eq!(locked(&log, &segment), ends);
    assert!(locked(&log, &manifest) > proof, "nothing was due");
    // A hold that comes too late for it keeps nothing.
    scene.enter_hold(&mut log);
    assert_eq!(extend_overdue(&mut log, &policies).unwrap(), []);
    assert_eq!(locked(&log, &segment), ends);
    scene.run(&["execute", scene.order().as_str()]).expect(0);
    scene.verify("PASS");
}

#[test]
fn a_hold_a_second_before_stops_all_of_it_and_one_after_the_order_is_too_late() {
    let scene = Scene::new("late");
    scene.seal("trail", "more");
    let both = scene.names("segments");
    assert_eq!(both.len(), 2);
    scene.propose_all(2);
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    let one = scene.batch().segments[0].id.to_string();
    let place = ["hold", "place", "m-1", "--segment", &one, "--matter", "a lawsuit"];
    scene.act("cy", &place).expect(0);
    let refused = scene.run(&["execute", "batch.json"]).expect(2);
    assert!(refused.stderr.contains("is under a hold"), "{}", refused.stderr);
    assert_eq!(scene.names("segments"), both);
    for officer in ["cy", "ben"] {
        scene.act(officer, &["hold", "release", "m-1"]).expect(0);
    }
    // Grace runs from the release: another date than officers saw.
    let refused = scene.run(&["execute", "batch.json"]).expect(2);
    assert!(refused.stderr.contains("has other dates"), "{}", refused.stderr);
    assert_eq!(scene.names("segments"), both);

    scene.propose_all(2);
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    scene.interrupt_at_deletion();
    let place = ["hold", "place", "m-2", "--segment", &one, "--matter", "another"];
    let late = scene.act("cy", &place).expect(2);
    let answer = format!("segment `{one}`: too late, ordered at entry");
    assert!(late.stderr.contains(&answer), "{}", late.stderr);
    scene.run(&["execute", "batch.json"]).expect(0);
    assert_eq!(scene.versions_left(), 0);
    scene.verify("PASS");
}
