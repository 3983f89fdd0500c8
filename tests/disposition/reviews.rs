//! What officers said of a batch can be read, a no is not gone round in silence, and refusals are on
//! record.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use strongroom_archiver::act::{enter, statement};
use strongroom_archiver::disposition::DispositionError;
use strongroom_archiver::disposition::batch::Batch;
use strongroom_archiver::disposition::execute::{Clocks, carry_out, order};
use strongroom_archiver::officer::key_file;
use strongroom_crypto::json::Value;
use strongroom_crypto::officer::{OfficerSignature, Signatures};
use strongroom_tests::clock::now;
use strongroom_tests::program::Output;

use super::scene::Scene;

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    match value {
        Value::Object(members) => members.get(name).unwrap_or_else(|| panic!("no `{name}`")),
        other => panic!("{other:?} is no object"),
    }
}

pub(crate) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    match member(value, name) {
        Value::Array(items) => items,
        other => panic!("`{name}` is {other:?}"),
    }
}

pub(crate) fn string(value: &Value, name: &str) -> String {
    match member(value, name) {
        Value::Text(text) => text.clone(),
        other => panic!("`{name}` is {other:?}"),
    }
}

pub(crate) fn text(output: Output) -> String {
    String::from_utf8(output.expect(0).stdout).unwrap()
}

/// What came of an order, beside which everything is said that is said of every act.
fn says(said: &Output, outcome: &str) {
    assert_eq!(
        (said.text("act"), said.text("outcome")),
        ("disposition.order".into(), outcome.into())
    );
    for name in ["digest", "entry", "next", "officer"] {
        member(&said.json(), name);
    }
}

fn is_recorded(refused: &Output, why: &str) {
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    assert!(refused.stderr.contains("refused, recorded in entry"), "{}", refused.stderr);
}

#[test]
fn a_batch_that_was_rejected_is_shown_so_and_comes_back_with_a_warning() {
    let scene = Scene::new("rejected");
    scene.propose();
    let id = scene.order();
    let nobody = scene.run(&["show", &id]).expect(2);
    assert!(nobody.stderr.contains("nobody has said anything"), "{}", nobody.stderr);
    let yes = ["review", "batch.json", "--verdict", "approve", "--reason", "the year is over"];
    let yes = scene.sign(&[&yes[..], &["--json"]].concat(), "ada", "ada").expect(0);
    assert_eq!((yes.text("outcome"), yes.text("order")), ("waiting".into(), id.clone()));
    assert!(text(scene.run(&["list"])).contains(&format!("waiting     {id}, approved by ada")));
    let no = ["review", "batch.json", "--verdict", "reject", "--reason", "wait for the audit"];
    let no = scene.sign(&[&no[..], &["--json"]].concat(), "cy", "cy").expect(0);
    assert_eq!((no.text("act"), no.text("verdict")), ("officer.act".into(), "reject".into()));

    let listed = text(scene.run(&["list"]));
    assert!(listed.contains(&format!("rejected    {id}, approved by ada: `cy` said")), "{listed}");
    for named in [id.as_str(), "batch.json"] {
        let shown = text(scene.run(&["show", named]));
        for said in ["standing    rejected", "the year is over", "wait for the audit"] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
    }
    let shown = scene.run(&["show", &id, "--json"]).expect(0).json();
    let batch = &items(&shown, "batches")[0];
    assert_eq!(string(batch, "standing"), "rejected");
    let said: Vec<_> = items(batch, "said")
        .iter()
        .map(|one| (string(one, "officer"), string(one, "verdict"), string(one, "reason")))
        .collect();
    let expected = [("ada", "approve", "the year is over"), ("cy", "reject", "wait for the audit")];
    assert_eq!(said, expected.map(|(who, what, why)| (who.into(), what.into(), why.into())));

    is_recorded(&scene.run(&["execute", "batch.json"]).expect(2), "officer `cy` said `reject`");
    is_recorded(&scene.approve("ben", "ben").expect(2), "officer `cy` said `reject`");
    // The same segments again, as another batch.
    let again = scene.run(&["propose", "-o", "again.json", "--json"]).expect(0);
    assert!(again.stderr.contains("1 segment of this batch stood in batch"), "{}", again.stderr);
    says(&again, "proposed");
    let before = &items(&again.json(), "rejected_before")[0].clone();
    assert_eq!(string(before, "order"), id);
    let shown = scene.run(&["show", &id, "--json"]).expect(0).json();
    let refused = items(&shown, "refused");
    assert_eq!(refused.len(), 2, "{shown:?}");
    assert_eq!(*member(&refused[0], "officer"), Value::Null);
    assert_eq!(string(&refused[1], "officer"), "ben");
    scene.verify("PASS");
}

#[test]
fn whoever_approves_what_may_not_go_is_on_record() {
    let scene = Scene::new("refused");
    scene.propose();
    let batch = scene.folder().join("batch.json");
    let text = fs::read_to_string(&batch).unwrap();
    // Approvals that counted until long ago.
    let old = |name| scene.batch().to_json().map(|value| string(&value, name)).unwrap();
    fs::write(&batch, text.replace(&old("expires_at"), "2021-03-04T00:00:00.000Z")).unwrap();
    is_recorded(&scene.approve("ada", "ada").expect(2), "counted until 2021-03-04");
    // Holds that nobody has placed.
    fs::write(&batch, text.replace("\"hold_epoch\":0", "\"hold_epoch\":1")).unwrap();
    is_recorded(&scene.approve("ada", "ada").expect(2), "holds were placed or released");
    // Dates that the officers did not see.
    fs::write(&batch, text.replace("2021-03-04", "2021-03-03")).unwrap();
    is_recorded(&scene.approve("ada", "ada").expect(2), "other dates or versions");
    is_recorded(&scene.run(&["execute", "batch.json"]).expect(2), "other dates or versions");
    fs::write(&batch, &text).unwrap();
    is_recorded(&scene.approve("eve", "ada").expect(2), "officer `eve` is not registered");
    is_recorded(&scene.approve("cy", "cy").expect(2), "officer `cy` has role `risk`");
    is_recorded(&scene.run(&["execute", "batch.json"]).expect(2), "no officer signed");

    let listed = scene.run(&["list", "--json"]).expect(0).json();
    let signed: Vec<&Value> =
        items(&listed, "refused").iter().map(|one| member(one, "signed")).collect();
    let expected = [true, true, true, false, false, true, false].map(Value::from);
    assert_eq!(signed, expected.iter().collect::<Vec<_>>());
    scene.verify("PASS");
    // It keeps nothing from being done by those who may.
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    let done = scene.run(&["execute", "batch.json", "--json"]).expect(0);
    says(&done, "certified");
    says(&scene.run(&["propose", "-o", "none.json", "--json"]).expect(0), "nothing may go");
    let shown = scene.run(&["show", &scene.order(), "--json"]).expect(0).json();
    let standing: Vec<String> =
        items(&shown, "batches").iter().map(|batch| string(batch, "standing")).collect();
    assert_eq!(standing, ["refused", "refused", "refused", "entered"]);
    scene.verify("PASS");
}

#[test]
fn a_batch_is_signed_elsewhere_and_its_reason_is_kept() {
    let scene = Scene::new("detached");
    scene.propose();
    let yes = ["review", "batch.json", "--verdict", "approve", "--reason", "the year is over"];
    let statement = scene.folder().join("batch.statement");
    let written = scene.run(&[&yes[..], &["--statement", "batch.statement"]].concat()).expect(0);
    let written = String::from_utf8(written.stdout).unwrap();
    assert!(written.contains("run this command again with `--signature FILE.sig`"), "{written}");
    Scene::officer("ada").sign(&statement);
    let signed = ["--officer", "ada", "--signature", "batch.sig"];
    scene.run(&[&yes[..], &signed].concat()).expect(0);
    // A no names its sealed reason, so that its statement is another each time.
    let no = ["review", "batch.json", "--verdict", "extend", "--reason", "wait for the audit"];
    let again = scene.run(&[&no[..], &signed].concat()).expect(2);
    assert!(again.stderr.contains("differs each time"), "{}", again.stderr);
    scene.run(&[&no[..], &["--statement", "no.statement"]].concat()).expect(0);
    Scene::officer("ben").sign(&scene.folder().join("no.statement"));
    let sign = ["officers", "sign", "--statement-file", "no.statement"];
    let entered = ["--officer", "ben", "--signature", "no.sig"];
    scene.strongroom(&[&sign[..], &entered].concat()).expect(0);
    let shown = text(scene.run(&["show", "batch.json"]));
    assert!(shown.contains("the year is over") && shown.contains("wait for the audit"), "{shown}");
    scene.verify("PASS");
}

#[test]
fn a_batch_that_died_is_not_shown_as_waiting() {
    let scene = Scene::new("dead");
    scene.propose();
    // One whose approvals lapse soon, and one that a hold overtakes.
    let batch = scene.folder().join("batch.json");
    let until = scene.batch().to_json().map(|value| string(&value, "expires_at")).unwrap();
    let soon = now() + SignedDuration::from_secs(20);
    let soon = soon.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    let text_of_batch = fs::read_to_string(&batch).unwrap().replace(&until, &soon);
    fs::write(&batch, text_of_batch).unwrap();
    scene.approve("ada", "ada").expect(0);
    let lapses = scene.order();
    scene.run(&["propose", "-o", "batch.json"]).expect(0);
    scene.approve("ada", "ada").expect(0);
    let moved = scene.order();
    assert!(text(scene.run(&["list"])).contains(&format!("waiting     {moved}")));
    let place = ["hold", "place", "m-1", "--stream", "trail", "--matter", "a"];
    let signed = ["--officer", "cy", "--officer-key", "cy"];
    scene.strongroom(&[&place[..], &signed].concat()).expect(0);
    let listed = text(scene.run(&["list"]));
    assert!(listed.contains(&format!("moved       {moved}")), "{listed}");
    let end: Timestamp = soon.parse().unwrap();
    while now() < end + SignedDuration::from_millis(1) {
        sleep(Duration::from_millis(250));
    }
    let listed = text(scene.run(&["list"]));
    assert!(listed.contains(&format!("expired     {lapses}")), "{listed}");
    assert!(!listed.contains("waiting"), "{listed}");
}

#[test]
fn whoever_decides_about_a_batch_sees_what_is_in_it() {
    let scene = Scene::new("seen");
    scene.propose();
    let segment = scene.batch().segments[0].id.to_string();
    let fresh = text(scene.run(&["show", "batch.json"]).expect(0));
    let approved = text(scene.approve("ada", "ada").expect(0));
    for shown in [fresh, approved] {
        assert!(shown.contains(&segment) && shown.contains("by pci-dss-10-5-1"), "{shown}");
    }
}

#[test]
fn approvals_that_lapse_before_the_date_are_not_taken() {
    let scene = Scene::new("lapsing");
    scene.propose();
    let mut batch = scene.batch();
    batch.segments[0].destroyable_from = batch.expires_at;
    write(&scene, &batch);
    let refused = scene.approve("ada", "ada").expect(2);
    assert!(refused.stderr.contains("approvals of this batch lapse at"), "{}", refused.stderr);
}

/// What a file says is easily changed: the officer's no is about what it would destroy.
#[test]
fn a_no_stands_however_the_file_is_changed() {
    let scene = Scene::new("changed");
    scene.propose();
    let review = ["review", "batch.json", "--verdict", "reject", "--reason", "litigation"];
    scene.sign(&review, "dee", "dee").expect(0);
    let mut batch = scene.batch();
    batch.expires_at = batch.expires_at.saturating_add_ms(-1);
    write(&scene, &batch);
    let refused = scene.approve("ada", "ada").expect(2);
    assert!(refused.stderr.contains("officer `dee` said `reject`"), "{}", refused.stderr);
    // Under another id it is another batch, and whoever approves it is told.
    batch.order = "another".parse().unwrap();
    write(&scene, &batch);
    let told = scene.approve("ada", "ada").expect(0).stderr;
    assert!(told.contains("1 segment of this batch stood in batch"), "{told}");
}

#[test]
fn approvals_count_no_longer_than_the_policy_says() {
    let scene = Scene::new("too-long");
    scene.propose();
    let mut batch = scene.batch();
    batch.expires_at = "2099-01-01T00:00:00.000Z".parse().unwrap();
    write(&scene, &batch);
    let refused = scene.approve("ada", "ada").expect(2);
    let why = "are to count until 2099-01-01T00:00:00.000Z, under the policy they lapse by";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    // The log cannot tell: whoever carries the order out does, and whoever verifies it.
    let (mut log, _) = scene.open(Vec::new());
    Scene::store_list(&log, &batch.list().unwrap());
    let kind = batch.entry().unwrap();
    let (_, digest) = statement(&log, &kind).unwrap();
    let sign = |officer: &str| {
        let signed = key_file::sign(&scene.folder().join(officer), None, digest).unwrap();
        OfficerSignature { officer: officer.parse().unwrap(), sig: *signed.as_bytes() }
    };
    let signatures = Signatures::new(vec![sign("ada"), sign("ben")]).unwrap();
    let entered = enter(&mut log, kind.with_signatures(signatures), &mut Scene::dice()).unwrap();
    assert_eq!(entered, None);
    let refused = scene.run(&["execute", &scene.order()]).expect(2);
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    assert!(scene.object().is_file());
    scene.verify("FAIL");
    let checked = scene.run(&["verify", &scene.order()]).expect(1);
    assert!(checked.stderr.contains("its approvals counted until 2099"), "{}", checked.stderr);
}

/// Dates are decided as of the time that an order has: that is the word of whoever entered it.
#[test]
fn an_order_of_a_time_to_come_is_not_carried_out() {
    let scene = Scene::new("ahead");
    scene.propose();
    for officer in ["ada", "ben"] {
        scene.approve(officer, officer).expect(0);
    }
    let (mut log, policies) = scene.open(Vec::new());
    let (batch, keys, mut dice) = (scene.batch(), scene.keys(), Scene::dice());
    let clocks = Clocks { local: now(), store: now() };
    order(&mut log, &keys, &policies, &batch, clocks, &mut dice).unwrap();
    let before = now() - SignedDuration::from_mins(3);
    let behind = Clocks { local: before, store: before };
    let ahead = carry_out(&mut log, &keys, &policies, &batch.order, behind, &mut dice);
    assert!(matches!(ahead, Err(DispositionError::Ahead { .. })), "{ahead:?}");
    assert!(scene.object().is_file());
    carry_out(&mut log, &keys, &policies, &batch.order, clocks, &mut dice).unwrap();
    assert_eq!(scene.names("segments"), Vec::<String>::new());
}

fn write(scene: &Scene, batch: &Batch) {
    let bytes = batch.to_json().unwrap().to_canonical();
    fs::write(scene.folder().join("batch.json"), bytes).unwrap();
}
