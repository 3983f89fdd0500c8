//! A store that answers success and does something else is found out before anything is
//! acknowledged, and what it did wrong to the log is put right.

use std::{fmt, thread, time::Duration};

use jiff::SignedDuration;
use strongroom_archiver::store::{LockedStore as _, ObjectKey};
use strongroom_tests::fault_proxy::{Plan, Trouble};

use super::scene::{INIT, Scene, side_by_side, went_on};
use super::{MINISTACK, RGW, Server, say};

/// How far a date in 32 bits is off when it wraps.
const WRAPPED: i64 = -(1 << 32);
/// A run that stops once it has found something out.
const FOUND_OUT: i32 = 2;
/// A run that another try may bring to its end.
const AGAIN: i32 = 75;

/// Every kind of object that is locked, and that a run makes.
const LOCKED: [&str; 5] =
    ["/segments/", "/manifests/", "/keys/period", "/log/claim/", "/log/checkpoints/"];

/// A lie, and what is said of it.
struct Case {
    server: Server,
    plans: Vec<Plan>,
    code: i32,
    said: &'static str,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.server.name)?;
        self.plans
            .iter()
            .try_for_each(|plan| write!(f, " {} {} {:?}", plan.method, plan.target, plan.trouble))
    }
}

fn once(method: &'static str, target: &'static str, trouble: Trouble) -> Plan {
    Plan { method, target, after: 0, times: 1, trouble }
}

/// Requests are signed with their headers: only a store that does not check that can be lied to.
fn lies_to_ministack() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |plans, code, said| cases.push(Case { server: MINISTACK, plans, code, said });
    for target in LOCKED {
        let dropped = once("PUT", target, Trouble::DropLock);
        add(vec![dropped], FOUND_OUT, "no lock was seen");
        // The look at what was stored fails too: what is read back then is locked, or not relied on.
        let unseen = Plan { times: 4, ..once("HEAD", target, Trouble::ErrorBefore) };
        let is_upload = matches!(target, "/segments/" | "/manifests/");
        add(vec![dropped, unseen], if is_upload { AGAIN } else { 0 }, "");
        let wrapped = once("PUT", target, Trouble::LockDate(WRAPPED));
        add(vec![wrapped], FOUND_OUT, "its lock is not the one asked for");
        add(vec![once("PUT", target, Trouble::Swallow)], FOUND_OUT, "it is not there");
        add(vec![once("PUT", target, Trouble::DropCondition)], 0, "");
    }
    add(vec![once("PUT", "/log/tile/", Trouble::Swallow)], FOUND_OUT, "it is not there");
    let unfenced = Plan { times: 2, ..once("PUT", "/index/fence", Trouble::DropCondition) };
    add(vec![unfenced], FOUND_OUT, "ignores If-None-Match");
    cases
}

/// What can be done to answers, which nobody signs.
fn lies_of(server: Server) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |plans, code, said| cases.push(Case { server, plans, code, said });
    for target in LOCKED {
        for seconds in [WRAPPED, 60] {
            // Without a fence a name is looked at before it is put.
            let after = usize::from(!server.has_fence());
            let other = Plan { after, ..once("HEAD", target, Trouble::LockDate(seconds)) };
            add(vec![other], FOUND_OUT, "its lock is not the one asked for");
        }
    }
    let stale = Plan { times: usize::MAX, ..once("GET", "versions", Trouble::StaleList) };
    add(vec![stale], 0, "");
    cases
}

/// Everything that proves and opens segments lasts for more than half of the settling period.
fn must_be_locked(scene: &Scene, what: &dyn fmt::Display) {
    let bucket = scene.bench.bucket();
    let least = bucket.now().unwrap() + SignedDuration::from_mins(5);
    for prefix in ["keys/", "log/"] {
        for listed in bucket.list(prefix, None, usize::MAX).unwrap() {
            let key = listed.key;
            if key.as_str() == "log/checkpoint" || key.as_str().contains(".p/") {
                continue;
            }
            let lock = bucket.head(&key, None).unwrap().and_then(|head| head.lock);
            assert!(lock.is_some_and(|lock| lock.until > least), "{what}: {key} has {lock:?}");
        }
    }
}

fn found_out(server: Server, cases: &[Case]) {
    if server.endpoint().is_none() {
        return;
    }
    side_by_side(server.threads(), cases, |case| {
        let scene = Scene::prepare(server, 0, 1).unwrap();
        let (output, fired) = scene.archive_into(&case.plans);
        assert!(fired.iter().all(|fired| *fired > 0), "{case}: it did not come about: {fired:?}");
        assert_eq!(output.code, case.code, "{case}: {}", output.stderr);
        assert!(output.stderr.contains(case.said), "{case}: {}", output.stderr);
        if went_on(&output, case) {
            scene.must_be_whole(case);
        } else {
            scene.must_become_whole(case);
        }
        must_be_locked(&scene, case);
    });
    say(&format!("{}: {} lies found out, or without harm", server.name, cases.len()));
}

#[test]
fn lies_of_ministack_are_found_out() {
    let cases: Vec<Case> = lies_to_ministack().into_iter().chain(lies_of(MINISTACK)).collect();
    found_out(MINISTACK, &cases);
}

#[test]
fn lies_of_rgw_are_found_out() {
    found_out(RGW, &lies_of(RGW));
}

#[test]
fn an_archive_that_was_begun_without_locks_gets_them() {
    for target in ["/keys/origin", "/log/claim/", "/log/checkpoints/"] {
        let Some(scene) = Scene::begin(MINISTACK, 0, 1) else { return };
        let plans = [once("PUT", target, Trouble::DropLock)];
        let (output, _) = scene.run_into(&plans, |url| scene.run_at(url, &INIT));
        assert_eq!(output.code, FOUND_OUT, "{target}: {}", output.stderr);
        assert!(output.stderr.contains("no lock was seen"), "{target}: {}", output.stderr);
        // It goes on from there, or says that there is an archive now.
        scene.bench.run(&INIT);
        scene.must_become_whole(&target);
        must_be_locked(&scene, &target);
    }
}

/// What is derived is not looked at when it is put: the next run makes again what never arrived.
#[test]
fn what_is_derived_and_was_swallowed_is_made_again() {
    let mut cases = Vec::new();
    for server in [MINISTACK, RGW].into_iter().filter(|server| server.endpoint().is_some()) {
        for target in ["/index/page", "/root.json", "/log/checkpoint?"] {
            let plans = vec![once("PUT", target, Trouble::Swallow)];
            cases.push(Case { server, plans, code: 0, said: "" });
        }
    }
    side_by_side(cases.len(), &cases, |case| {
        let scene = Scene::prepare(case.server, 0, 1).unwrap();
        let (output, fired) = scene.archive_into(&case.plans);
        assert_eq!((output.code, fired), (case.code, vec![1]), "{case}: {}", output.stderr);
        scene.must_verify(case);
        scene.archive_to(&scene.bench.url).expect(0);
        scene.must_verify(case);
        scene.must_give_back(case);
    });
}

/// Without a hint the newest checkpoint is known from a listing alone, and here it is not in it.
#[test]
fn a_stale_listing_hides_no_claim() {
    for server in [MINISTACK, RGW] {
        let Some(mut scene) = Scene::begin(server, 0, 1) else { continue };
        let plans = [
            once("PUT", "/log/checkpoint?", Trouble::Swallow),
            once("GET", "versions", Trouble::StaleList),
        ]
        .map(|plan| Plan { times: usize::MAX, ..plan });
        scene.run_into(&plans, |url| scene.run_at(url, &INIT)).0.expect(0);
        for _ in 0..2 {
            scene.grow();
            let (output, fired) = scene.archive_into(&plans);
            output.expect(0);
            assert!(fired.iter().all(|fired| *fired > 0), "{fired:?}");
            scene.must_be_whole(&server.name);
        }
        scene.must_become_whole(&server.name);
    }
}

/// Full tiles and bundles are put once and for ever.
#[test]
fn a_full_tile_is_locked_whatever_the_store_does() {
    let Some(mut scene) = Scene::prepare(MINISTACK, 0, 1) else { return };
    scene.rows = 1;
    (0..4).for_each(|_| scene.grow());
    let plans = ["/log/tile/entries/000?", "/log/tile/0/000?"]
        .map(|target| once("PUT", target, Trouble::DropLock));
    let (second, fired) = scene.run_into(&plans, |url| {
        // The claims of the first run stand; the next one goes on behind the first tile.
        scene.archive_to(url).expect(FOUND_OUT);
        scene.archive_to(url)
    });
    assert_eq!((second.code, fired), (FOUND_OUT, vec![1, 1]), "{}", second.stderr);
    scene.archive_to(&scene.bench.url).expect(0);
    scene.must_verify(&"after full tiles without locks");
    must_be_locked(&scene, &"after full tiles without locks");
}

/// What could not be locked at once either is locked when all locks are moved on.
#[test]
fn a_claim_without_a_lock_is_locked_by_the_next_extension() {
    let Some(scene) = Scene::begin(MINISTACK, 0, 1) else { return };
    scene.bench.run(&["init", "--environment", "test", "--settle", "PT10S"]).expect(0);
    let dropped = once("PUT", "/log/claim/", Trouble::DropLock);
    let refused = once("PUT", "00001?retention", Trouble::ExpiredToken);
    let (output, fired) = scene.archive_into(&[dropped, refused]);
    assert_eq!((output.code, fired), (FOUND_OUT, vec![1, 1]), "{}", output.stderr);
    let claim = ObjectKey::new("log/claim/00000000000000000001").unwrap();
    let lock = || scene.bench.bucket().head(&claim, None).unwrap().unwrap().lock;
    assert_eq!(lock(), None);
    // All locks are moved on when less than half of them is left.
    thread::sleep(Duration::from_secs(6));
    scene.must_become_whole(&"after the extension");
    assert!(lock().is_some(), "the claim is without a lock");
}
