//! A full life, on every store there is: sealed, under a policy, held, released, ordered, destroyed,
//! certified. In every state the store refuses what it has to refuse, and `verify --deep` says what
//! the state is.

use std::thread::sleep;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use strongroom_archiver::store::{ObjectKey, VersionId};
use strongroom_crypto::SegmentId;
use strongroom_crypto::json::Value;
use strongroom_tests::clock::now;
use strongroom_tests::fault_proxy::{FaultProxy, Plan, Trouble};
use strongroom_tests::program::Output;
use strongroom_tests::say;

use super::ground::Kind;
use super::scene::Scene;

/// How long a lock lasts at birth.
const SETTLE_SECONDS: i64 = 20;

#[test]
fn a_life_in_a_directory() {
    life(Kind::Directory);
}

#[test]
fn a_life_on_rgw() {
    life(Kind::Rgw);
}

#[test]
fn a_life_on_ministack() {
    life(Kind::MiniStack);
}

fn life(kind: Kind) {
    let settle = format!("PT{SETTLE_SECONDS}S");
    let Some(scene) = Scene::begin(kind, "life", &settle) else { return };
    scene.seal("trail", "trail");
    let sealed = now();
    let (object, version) = scene.segment("trail");
    // Sealed, no order: there, and locked.
    scene.verify("PASS");
    scene.ground.must_keep(&object, &version);
    scene.ground.must_not_shorten(&object, &version, now() + SignedDuration::from_secs(2));

    scene.set_policy(1, "P1Y");
    scene.verify("PASS");
    abandon(&scene);

    hold(&scene);
    wait_until(sealed + SignedDuration::from_secs(SETTLE_SECONDS + 2));
    // Its lock is over, and the hold keeps it.
    scene.verify("PASS");
    scene.ground.must_keep(&object, &version);
    let shown = scene.run(&["propose", "-o", "batch.json"]).expect(0);
    assert!(shown.stderr.contains("is under a hold"), "{}", shown.stderr);
    assert!(!scene.folder().join("batch.json").exists());
    release(&scene);
    lengthen(&scene);

    refuse_by_an_officer(&scene);
    scene.propose();
    scene.verify("PASS");
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    scene.verify("PASS");
    refuse_by_the_clock(&scene);
    assert_eq!(scene.ground.versions(&object), [version]);
    // The key's lock lasts half as long again: it goes with what it opens.
    wait_until(sealed + SignedDuration::from_secs(SETTLE_SECONDS * 3 / 2 + 3));
    stop_after_the_order(&scene);
    // Ordered, no certificate: it is still there, and no alarm for two days.
    assert!(finding(&scene.verify("PASS"), "disposition", "PENDING"));
    let id = scene.order();
    let late = scene.act("cy", &["hold", "place", "m-2", "--stream", "trail", "--matter", "late"]);
    assert!(late.expect(2).stderr.contains("too late, ordered at entry"));
    let planted = plant_after_the_order(&scene, &object);
    refuse_without_permission(&scene, &object);
    let done = scene.run(&["execute", id.as_str(), "--json"]).expect(0);
    scene.ground.must_have_nothing(&object);
    let Value::Object(certificate) = scene.certificate(&id) else { panic!("no object") };
    assert_eq!(certificate.get("uploads_aborted"), Some(&planted.into()));
    if kind != Kind::Directory {
        assert_eq!(scene.ground.owned().left(&longer(&object)), [0, 0, 1]);
    }
    assert_eq!(scene.names("keys/period"), [""; 0]);
    scene.run(&["verify", id.as_str()]).expect(0);
    let again = scene.run(&["execute", "batch.json", "--json"]).expect(0);
    assert_eq!(again.text("certificate"), done.text("certificate"));
    // Certified, and absent.
    scene.verify("PASS");
    // Certified, and there.
    let back = scene.ground.plant(&object, b"back");
    scene.verify("FAIL");
    scene.ground.delete(&object, &back);
    scene.verify("PASS");
    vanish(&scene);
    say(&format!("disposition: a whole life on {kind:?}"));
}

/// An upload that no claim named: abandoned, then absent.
fn abandon(scene: &Scene) {
    // 2020-03-01T10:00:00Z.
    let id = SegmentId::new(1_583_056_800_000, &mut Scene::dice()).unwrap();
    let key = ObjectKey::new(format!("segments/trail/2020/03/01/{id}.parquet")).unwrap();
    scene.ground.plant(&key, b"left by a crash");
    let swept = scene.strongroom(&["sweep", "--duty", "remove", "--json"]).expect(0);
    assert_eq!((swept.number("abandoned"), swept.number("deleted")), (1, 1));
    scene.ground.must_have_nothing(&key);
    scene.verify("PASS");
}

/// One officer holds the segment; the store's flag follows.
fn hold(scene: &Scene) {
    let place = ["hold", "place", "m-1", "--stream", "trail", "--matter", "a lawsuit"];
    scene.act("cy", &place).expect(0);
    let flags = scene.strongroom(&["sweep", "--duty", "hold", "--json"]).expect(0);
    // The segment, its manifest and its period key.
    assert_eq!((flags.number("set"), flags.number("lifted")), (3, 0));
    assert!(!finding(&scene.verify("PASS"), "hold", "PENDING"));
}

/// Two officers in two roles release it, not one.
fn release(scene: &Scene) {
    let release = ["hold", "release", "m-1"];
    scene.act("cy", &release).expect(0);
    let kept = scene.strongroom(&["sweep", "--duty", "hold", "--json"]).expect(0);
    assert_eq!((kept.number("set"), kept.number("lifted")), (0, 0));
    scene.act("ben", &release).expect(0);
    let lifted = scene.strongroom(&["sweep", "--duty", "hold", "--json"]).expect(0);
    assert_eq!((lifted.number("set"), lifted.number("lifted")), (0, 3));
    scene.verify("PASS");
}

/// An officer says no, and who executes the batch all the same is on record.
fn refuse_by_an_officer(scene: &Scene) {
    scene.propose();
    let no = ["review", "batch.json", "--verdict", "reject", "--reason", "wait for the audit"];
    scene.sign(&no, "cy", "cy").expect(0);
    let refused = scene.run_as("remove", &["disposition", "execute", "batch.json"]).expect(2);
    assert!(refused.stderr.contains("refused, recorded in entry"), "{}", refused.stderr);
    scene.verify("PASS");
}

/// Nothing but a longer policy keeps it, until one as short as before comes.
fn lengthen(scene: &Scene) {
    let id = scene.segment_id();
    let explain = ["policy", "explain", "--json", "--segment", id.as_str()];
    let kept = || scene.strongroom(&explain).expect(0).text("keep_until");
    assert_eq!(kept(), "2021-03-04T00:00:00Z");
    scene.set_policy(2, "P10Y");
    // A store that tells the time in seconds is still before it for as long.
    sleep(Duration::from_secs(2));
    assert_eq!(kept(), "2030-03-04T00:00:00Z");
    scene.run(&["propose", "-o", "batch.json"]).expect(0);
    assert!(!scene.folder().join("batch.json").exists());
    scene.verify("PASS");
    scene.set_policy(3, "P1Y");
    sleep(Duration::from_secs(2));
}

/// While this machine's clock and the store's are over two minutes apart, nothing is ordered.
fn refuse_by_the_clock(scene: &Scene) {
    if scene.ground.kind == Kind::Directory {
        // Its clock is this machine's.
        return;
    }
    for seconds in [-150, 150] {
        let skew = Trouble::Skew(seconds);
        let all = Plan { method: "", target: "", after: 0, times: usize::MAX, trouble: skew };
        let proxy = FaultProxy::start(&scene.ground.endpoint, &[all]);
        let url = scene.ground.url.replace(&scene.ground.endpoint, &proxy.endpoint());
        let refused = scene.run_at(&url, "remove", &["disposition", "execute", "batch.json"]);
        assert_eq!(refused.code, 75, "{seconds}: {}", refused.stderr);
        assert!(refused.stderr.contains(" apart"), "{}", refused.stderr);
    }
    let listed = scene.run(&["list"]).expect(0).stdout;
    assert!(!String::from_utf8(listed).unwrap().contains("certified "));
}

/// Enters the order, and destroys nothing: where the store has permissions, because duty `lock` may not
/// delete, and elsewhere because the run is interrupted.
fn stop_after_the_order(scene: &Scene) {
    if !scene.ground.has_permissions() {
        return scene.interrupt_at_deletion();
    }
    let refused = scene.run_as("lock", &["disposition", "execute", "batch.json"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("s3:ListBucketMultipartUploads"), "{}", refused.stderr);
}

/// What no listing of objects shows, and what hides one: two unfinished uploads and a delete marker, and
/// an upload of another name that begins like this one. How many uploads have to go.
fn plant_after_the_order(scene: &Scene, object: &ObjectKey) -> usize {
    if scene.ground.kind == Kind::Directory {
        return 0;
    }
    let (owned, longer) = (scene.ground.owned(), longer(object));
    // Under it nobody may hide a name.
    if scene.ground.has_permissions() {
        owned.drop_policy();
    }
    for name in [object, object, &longer] {
        owned.begin_upload(name);
    }
    owned.hide(object);
    scene.permit();
    assert_eq!((owned.left(object), owned.left(&longer)), ([1, 1, 2], [0, 0, 1]));
    2
}

fn longer(object: &ObjectKey) -> ObjectKey {
    ObjectKey::new(format!("{object}.more")).unwrap()
}

/// Where uploads may not be listed or aborted nothing is deleted, and the permission is named.
fn refuse_without_permission(scene: &Scene, object: &ObjectKey) {
    if scene.ground.kind == Kind::Directory {
        return;
    }
    for (method, target, action) in [
        ("GET", "?uploads", "s3:ListBucketMultipartUploads"),
        ("DELETE", "uploadId=", "s3:AbortMultipartUpload"),
    ] {
        let plan = Plan { method, target, after: 0, times: usize::MAX, trouble: Trouble::Denied };
        let proxy = FaultProxy::start(&scene.ground.endpoint, &[plan]);
        let url = scene.ground.url.replace(&scene.ground.endpoint, &proxy.endpoint());
        let execute = ["disposition", "execute", &scene.order()];
        let refused = scene.run_at(&url, "remove", &execute).expect(2);
        assert!(refused.stderr.contains(&format!("this takes {action}")), "{}", refused.stderr);
        assert_eq!(scene.ground.owned().left(object), [1, 1, 2], "{action}");
    }
}

/// Sealed, no order, and gone all the same.
fn vanish(scene: &Scene) {
    scene.seal("other", "other");
    let sealed = now();
    let (object, version) = scene.segment("other");
    scene.verify("PASS");
    scene.ground.must_keep(&object, &version);
    wait_until(sealed + SignedDuration::from_secs(SETTLE_SECONDS + 2));
    scene.verify("PASS");
    scene.ground.delete(&object, &version);
    scene.verify("FAIL");
}

fn wait_until(time: Timestamp) {
    while now() < time {
        sleep(Duration::from_millis(250));
    }
}

/// Whether `verify` has a finding of a check with a result.
fn finding(verified: &Output, check: &str, result: &str) -> bool {
    let Value::Object(report) = verified.json() else { panic!("no object") };
    let Some(Value::Array(findings)) = report.get("findings") else { panic!("no findings") };
    let is = |finding: &Value, name: &str, wanted: &str| match finding {
        Value::Object(finding) => {
            matches!(finding.get(name), Some(Value::Text(found)) if found == wanted)
        }
        _ => false,
    };
    findings.iter().any(|one| is(one, "check", check) && is(one, "result", result))
}

impl Scene {
    /// The one segment of a stream.
    fn segment(&self, stream: &str) -> (ObjectKey, VersionId) {
        let keys = self.names(&format!("segments/{stream}"));
        assert_eq!(keys.len(), 1, "{keys:?}");
        let key = ObjectKey::new(keys[0].as_str()).unwrap();
        let version = self.ground.versions(&key).remove(0);
        (key, version)
    }
}
