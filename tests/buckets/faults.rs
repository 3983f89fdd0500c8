//! A run through a proxy that fails at one request: it succeeds all the same, or ends with one clear
//! error; the next run makes the archive whole, with nothing lost and nothing doubled.

use std::fs;

use strongroom_tests::fault_proxy::{FaultProxy, Plan, Trouble};
use strongroom_tests::program::{Output, strongroom};

use super::{Bench, MINISTACK, RGW, Server, say};

/// Where requests go wrong: method, a part of the target, how many pass before.
const POINTS: [(&str, &str, usize); 9] = [
    ("PUT", "/segments/", 0),
    ("PUT", "/manifests/", 0),
    ("PUT", "/keys/period", 0),
    ("PUT", "/index/page", 0),
    ("PUT", "/log/claim/", 0),
    ("PUT", "/log/tile/", 0),
    ("PUT", "/log/checkpoints/", 0),
    ("GET", "/log/claim/", 0),
    ("HEAD", "/segments/", 0),
];

/// What goes wrong on the way to any server.
const ON_THE_WAY: [Trouble; 6] = [
    Trouble::ResetBefore,
    Trouble::ResetAfter,
    Trouble::ErrorBefore,
    Trouble::ErrorAfter,
    Trouble::SlowDown,
    Trouble::ExpiredToken,
];

/// Archives through a proxy; tells what came of it and how often the trouble came about.
fn through(bench: &Bench, server: Server, plan: Plan) -> (Output, usize) {
    let endpoint = server.endpoint().unwrap();
    let proxy = FaultProxy::start(&endpoint, plan);
    let url = bench.url.replace(&endpoint, &proxy.endpoint());
    let place = ["--to", url.as_str(), "--key", "archive.key"];
    let arguments = [&["archive"], &place[..], &["--stream", "events", "events"]].concat();
    (strongroom(bench.path(), &arguments), proxy.fired())
}

/// The next run, without a proxy, makes it whole.
fn must_become_whole(bench: &Bench, what: &str) {
    let next = bench.archive();
    assert_eq!(next.code, 0, "{what}: {}", next.stderr);
    for name in ["audit.log", "app.ndjson"] {
        let origin = format!("file:{name}");
        let bytes = bench.run(&["cat", "--origin", &origin]).expect(0).stdout;
        assert!(bytes == fs::read(bench.path().join("events").join(name)).unwrap(), "{what}");
    }
    let verified = bench.run(&["verify", "--deep", "--json"]);
    assert_eq!(verified.code, 0, "{what}: {}", String::from_utf8_lossy(&verified.stdout));
}

fn every_trouble_at_every_point(server: Server) {
    let Some(_) = server.endpoint() else { return };
    let (mut done, mut retried_later) = (0, 0);
    for (method, target, after) in POINTS {
        for trouble in ON_THE_WAY {
            let what = format!("{}: {method} {target} {trouble:?}", server.name);
            let Some(bench) = Bench::on(server) else { return };
            bench.run(&["init", "--environment", "test"]).expect(0);
            bench.write_events();
            let plan = Plan { method, target, after, times: 1, trouble };
            let (output, fired) = through(&bench, server, plan);
            assert_eq!(fired, 1, "{what}: it did not come about");
            let clear =
                output.stderr.lines().filter(|line| line.starts_with("strongroom: ")).count();
            match output.code {
                0 => done += 1,
                1 | 2 | 75 => {
                    assert_eq!(clear, 1, "{what}: {}", output.stderr);
                    retried_later += 1;
                }
                code => panic!("{what}: exit {code}: {}", output.stderr),
            }
            must_become_whole(&bench, &what);
        }
    }
    say(&format!(
        "{}: {} troubles, {done} runs went on, {retried_later} ended and the next was whole",
        server.name,
        done + retried_later
    ));
}

#[test]
fn every_trouble_on_the_way_to_rgw_leaves_a_sound_archive() {
    every_trouble_at_every_point(RGW);
}

/// A store that answers success and does something else is found out before anything is acknowledged.
#[test]
fn a_store_that_drops_locks_or_conditions_is_found_out() {
    let Some(bench) = Bench::on(MINISTACK) else { return };
    bench.run(&["init", "--environment", "test"]).expect(0);
    bench.write_events();
    let plan = |method, target, times, trouble| Plan { method, target, after: 0, times, trouble };
    let unlocked = plan("PUT", "/segments/", 9, Trouble::DropLock);
    let (output, _) = through(&bench, MINISTACK, unlocked);
    assert_eq!(output.code, 2, "{}", output.stderr);
    assert!(output.stderr.contains("no lock was seen"), "{}", output.stderr);
    let unfenced = plan("PUT", "/index/fence", 9, Trouble::DropCondition);
    let (output, fired) = through(&bench, MINISTACK, unfenced);
    assert_eq!((output.code, fired), (2, 2), "{}", output.stderr);
    assert!(output.stderr.contains("ignores If-None-Match"), "{}", output.stderr);
    must_become_whole(&bench, "after lies");
}

#[test]
fn a_body_that_breaks_off_is_asked_for_again() {
    let Some(bench) = Bench::with_archive(MINISTACK) else { return };
    for times in [1, 99] {
        let plan = Plan {
            method: "GET",
            target: "/log/claim/",
            after: 0,
            times,
            trouble: Trouble::HalfBody,
        };
        let (output, fired) = through(&bench, MINISTACK, plan);
        let expected = if times == 1 { 0 } else { 75 };
        assert_eq!(output.code, expected, "{fired}: {}", output.stderr);
        assert!(fired > 0);
    }
    must_become_whole(&bench, "after broken bodies");
}

#[test]
fn a_clock_that_is_not_the_stores_stops_the_run() {
    let Some(bench) = Bench::with_archive(MINISTACK) else { return };
    for seconds in [-180, 180] {
        let trouble = Trouble::Skew(seconds);
        let plan = Plan { method: "PUT", target: "/", after: 0, times: usize::MAX, trouble };
        let (output, _) = through(&bench, MINISTACK, plan);
        assert_eq!(output.code, 75, "{}", output.stderr);
        assert!(output.stderr.contains("clock"), "{}", output.stderr);
    }
    must_become_whole(&bench, "after a wrong clock");
}
