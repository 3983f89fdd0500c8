//! A run through a proxy that fails at one request: it succeeds all the same, or ends with one clear
//! error; the next run makes the archive whole, with nothing lost and nothing doubled.

use std::{
    fmt, fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use strongroom_tests::fault_proxy::{Plan, Trouble};

use super::scene::{INIT, Scene, VERIFY, side_by_side, went_on};
use super::{MINISTACK, RGW, Server, say};

/// Where the requests of a run go wrong: method and a part of the target.
const POINTS: [(&str, &str); 14] = [
    ("PUT", "/segments/"),
    ("PUT", "/manifests/"),
    ("PUT", "/keys/period"),
    ("PUT", "/index/page"),
    ("PUT", "/root.json"),
    ("PUT", "/log/claim/"),
    ("PUT", "/log/tile/"),
    ("PUT", "/log/checkpoints/"),
    ("PUT", "/log/checkpoint?"),
    ("GET", "/log/claim/"),
    ("GET", "versions"),
    ("HEAD", "/segments/"),
    ("HEAD", "/keys/origin"),
    ("HEAD", "/log/claim/"),
];

/// Where those of `init` do.
const POINTS_OF_INIT: [(&str, &str); 9] = [
    ("HEAD", "/strongroom-tests"),
    ("PUT", "/strongroom-tests"),
    ("GET", "?object-lock"),
    ("GET", "?versioning"),
    ("PUT", "/keys/origin"),
    ("PUT", "/log/claim/"),
    ("PUT", "/log/tile/"),
    ("PUT", "/log/checkpoints/"),
    ("PUT", "/log/checkpoint?"),
];

/// Where those of `verify --deep` do.
const POINTS_OF_VERIFY: [(&str, &str); 6] = [
    ("GET", "?versions"),
    ("GET", "/segments/"),
    ("GET", "/manifests/"),
    ("GET", "/log/claim/"),
    ("GET", "/log/tile/"),
    ("HEAD", "/segments/"),
];

/// What goes wrong on the way to any server.
const ON_THE_WAY: [Trouble; 9] = [
    Trouble::ResetBefore,
    Trouble::ResetAfter,
    Trouble::ErrorBefore,
    Trouble::ErrorAfter,
    Trouble::SlowDown,
    Trouble::ExpiredToken,
    Trouble::HalfAnswer,
    Trouble::LateAnswer,
    Trouble::LateRequest,
];

/// A trouble at a point.
struct Case {
    server: Server,
    plan: Plan,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { method, target, after, times, trouble } = self.plan;
        let name = self.server.name;
        write!(f, "{name}: {method} {target} {trouble:?}, {times} after {after}")
    }
}

/// Every trouble at every point, once. A late put to a store without a fence makes a copy, which is
/// a case of its own.
fn cases(server: Server, points: &[(&'static str, &'static str)]) -> Vec<Case> {
    let plans = points.iter().flat_map(|&(method, target)| {
        ON_THE_WAY.map(|trouble| Plan { method, target, after: 0, times: 1, trouble })
    });
    let plans = plans.filter(|plan| server.has_fence() || plan.trouble != Trouble::LateRequest);
    plans.map(|plan| Case { server, plan }).collect()
}

/// Runs the cases, each of which tells whether the first run went on.
fn each(server: Server, what: &str, cases: &[Case], work: impl Fn(&Case) -> bool + Sync) {
    if server.endpoint().is_none() {
        return;
    }
    let done = AtomicUsize::new(0);
    side_by_side(server.threads(), cases, |case| {
        let Plan { times, trouble, .. } = case.plan;
        if work(case) {
            done.fetch_add(1, Ordering::SeqCst);
        } else {
            // The store said that it had done nothing.
            assert!(trouble != Trouble::SlowDown || times > 1, "{case}: it was not retried");
        }
    });
    let (count, done) = (cases.len(), done.into_inner());
    let (name, ended) = (server.name, count - done);
    say(&format!("{name}: {count} troubles of {what}: {done} runs went on, {ended} ended"));
}

fn archive_into(case: &Case) -> bool {
    let scene = Scene::prepare(case.server, 0, 1).unwrap();
    let (output, fired) = scene.archive_into(&[case.plan]);
    assert_eq!(fired, [1], "{case}: it did not come about");
    let done = went_on(&output, case);
    if done {
        scene.must_be_whole(case);
    } else {
        scene.must_become_whole(case);
    }
    done
}

#[test]
fn every_trouble_on_the_way_to_ministack_leaves_a_sound_archive() {
    each(MINISTACK, "archive", &cases(MINISTACK, &POINTS), archive_into);
}

#[test]
fn every_trouble_on_the_way_to_rgw_leaves_a_sound_archive() {
    each(RGW, "archive", &cases(RGW, &POINTS), archive_into);
}

fn init_into(case: &Case) -> bool {
    let scene = Scene::begin(case.server, 0, 1).unwrap();
    let (output, fired) = scene.run_into(&[case.plan], |url| scene.run_at(url, &INIT));
    assert_eq!(fired, [1], "{case}: it did not come about");
    let done = went_on(&output, case);
    let mut again = scene.bench.run(&INIT);
    if again.stderr.contains("it is another archive's key") {
        // As it is told to: no archive was ever made with it.
        fs::remove_file(scene.bench.path().join("archive.key")).unwrap();
        again = scene.bench.run(&INIT);
    }
    let is_there = again.code == 2 && again.stderr.contains("there is an archive at");
    assert!(is_there || (again.code == 0 && !done), "{case}: {}", again.stderr);
    scene.archive_to(&scene.bench.url).expect(0);
    scene.must_verify(case);
    done
}

#[test]
fn every_trouble_while_an_archive_is_begun_on_ministack_leaves_a_sound_one() {
    each(MINISTACK, "init", &cases(MINISTACK, &POINTS_OF_INIT), init_into);
}

#[test]
fn every_trouble_while_an_archive_is_begun_on_rgw_leaves_a_sound_one() {
    each(RGW, "init", &cases(RGW, &POINTS_OF_INIT), init_into);
}

/// An auditor on a bad network is told so, and never that the archive is damaged.
fn verify_into(server: Server) {
    let Some(scene) = Scene::prepare(server, 0, 1) else { return };
    scene.must_become_whole(&"before");
    each(server, "verify", &cases(server, &POINTS_OF_VERIFY), |case| {
        let (output, fired) = scene.run_into(&[case.plan], |url| scene.run_at(url, &VERIFY));
        assert_eq!(fired, [1], "{case}: it did not come about");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_ne!(output.code, 1, "{case}: {said}{}", output.stderr);
        went_on(&output, case)
    });
}

#[test]
fn no_trouble_on_the_way_to_ministack_looks_like_damage() {
    verify_into(MINISTACK);
}

#[test]
fn no_trouble_on_the_way_to_rgw_looks_like_damage() {
    verify_into(RGW);
}

/// What does not pass ends the run, wherever it begins.
fn without_end(server: Server) {
    let endless = |(method, target, after, trouble)| {
        let plan = Plan { method, target, after, times: usize::MAX, trouble };
        Case { server, plan }
    };
    let expired =
        [1, 4, 8, 12, 16, 20, 24, 28].map(|after| ("", "/", after, Trouble::ExpiredToken));
    let others = [
        ("", "/", 0, Trouble::ErrorBefore),
        ("", "/", 12, Trouble::ErrorBefore),
        ("PUT", "/segments/", 1, Trouble::ErrorAfter),
        ("PUT", "/log/claim/", 0, Trouble::ErrorAfter),
        ("PUT", "/log/claim/", 0, Trouble::ResetBefore),
        ("PUT", "/manifests/", 0, Trouble::SlowDown),
        ("GET", "/log/claim/", 0, Trouble::HalfAnswer),
        ("GET", "/log/claim/", 0, Trouble::LateAnswer),
        ("HEAD", "/manifests/", 1, Trouble::ResetAfter),
    ];
    let cases: Vec<Case> = expired.into_iter().chain(others).map(endless).collect();
    each(server, "no end", &cases, |case| {
        let scene = Scene::prepare(server, 0, 1).unwrap();
        let (output, fired) = scene.archive_into(&[case.plan]);
        assert!(fired[0] > 0, "{case}: it did not come about");
        let done = went_on(&output, case);
        if case.plan.trouble == Trouble::ExpiredToken {
            assert_eq!(output.code, 2, "{case}: {}", output.stderr);
            assert!(output.stderr.contains("the credentials have expired"), "{}", output.stderr);
        } else if !done {
            let partly = output.code == 1 && output.stderr.contains("events were sealed before");
            assert!(partly || output.code == 75, "{case}: {}", output.stderr);
        }
        scene.must_become_whole(case);
        done
    });
}

#[test]
fn what_does_not_pass_on_the_way_to_ministack_ends_the_run() {
    without_end(MINISTACK);
}

#[test]
fn what_does_not_pass_on_the_way_to_rgw_ends_the_run() {
    without_end(RGW);
}

#[test]
fn a_body_that_stalls_is_asked_for_again() {
    let Some(scene) = Scene::prepare(MINISTACK, 0, 1) else { return };
    let plan =
        Plan { method: "GET", target: "/log/claim/", after: 0, times: 1, trouble: Trouble::Stall };
    let (output, fired) = scene.archive_into(&[plan]);
    assert_eq!((output.code, fired), (0, vec![1]), "{}", output.stderr);
    scene.must_be_whole(&"after a body that stalled");
}

#[test]
fn a_clock_that_is_not_the_stores_stops_the_run() {
    for server in [MINISTACK, RGW] {
        let Some(scene) = Scene::prepare(server, 0, 1) else { continue };
        for seconds in [-180, 180] {
            let trouble = Trouble::Skew(seconds);
            let plan = Plan { method: "", target: "/", after: 0, times: usize::MAX, trouble };
            let (output, _) = scene.archive_into(&[plan]);
            assert_eq!(output.code, 75, "{}", output.stderr);
            assert!(output.stderr.contains("clock"), "{}", output.stderr);
        }
        scene.must_become_whole(&"after a wrong clock");
    }
}

/// A put that reaches a store without a fence after its writer has given it up and put again makes
/// a second version of the same bytes: that is told, and is no damage.
#[test]
fn late_puts_without_a_fence_make_copies() {
    let Some(_) = RGW.endpoint() else { return };
    let puts = POINTS.into_iter().filter(|(method, _)| *method == "PUT");
    let late = |(method, target)| {
        let plan = Plan { method, target, after: 0, times: 1, trouble: Trouble::LateRequest };
        Case { server: RGW, plan }
    };
    let cases: Vec<Case> = puts.map(late).collect();
    let copies = AtomicUsize::new(0);
    side_by_side(RGW.threads(), &cases, |case| {
        let scene = Scene::prepare(RGW, 0, 1).unwrap();
        let (output, _) = scene.archive_into(&[case.plan]);
        went_on(&output, case);
        scene.archive_to(&scene.bench.url).expect(0);
        let verified = scene.must_verify(case);
        scene.must_give_back(case);
        let said = String::from_utf8_lossy(&verified.stdout);
        let found = said.matches("2 versions, byte for byte the same").count();
        copies.fetch_add(found, Ordering::SeqCst);
    });
    let copies = copies.into_inner();
    assert!(copies > 0, "no late put made a copy");
    say(&format!("{}: {copies} copies by {} late puts", RGW.name, cases.len()));
}
