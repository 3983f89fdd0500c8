//! A sweep through a proxy that fails at one request: it succeeds all the same or ends with one clear
//! error, the next one deletes what is left, and nothing else is ever deleted.

use std::{fmt, thread, time::Duration};

use strongroom_tests::fault_proxy::{Plan, Trouble};

use super::scene::{Scene, side_by_side, went_on};
use super::{MINISTACK, RGW, say};

/// The settling period, after which uploads without a claim may go.
const SETTLE: (&str, Duration) = ("PT16S", Duration::from_secs(18));
/// Scenes worked on side by side.
const THREADS: usize = 8;

/// Where the requests of a sweep go wrong.
const POINTS: [(&str, &str); 4] = [
    ("DELETE", "/segments/"),
    ("GET", "?versions"),
    ("HEAD", "/segments/"),
    ("PUT", "/log/claim/"),
];

const TROUBLES: [Trouble; 3] = [Trouble::ResetAfter, Trouble::ErrorAfter, Trouble::ExpiredToken];

/// An archive with uploads that were never claimed, and a trouble.
struct Case {
    scene: Scene,
    plan: Plan,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { method, target, trouble, .. } = self.plan;
        write!(f, "{}: {method} {target} {trouble:?}", self.scene.server.name)
    }
}

impl Case {
    /// A run that is done, and one that could not claim.
    fn prepare(&self) {
        let settle = ["init", "--environment", "test", "--settle", SETTLE.0];
        self.scene.bench.run(&settle).expect(0);
        let refused = Plan {
            method: "PUT",
            target: "/log/claim/",
            after: 0,
            times: usize::MAX,
            trouble: Trouble::ExpiredToken,
        };
        let (output, _) = self.scene.archive_into(&[refused]);
        assert_eq!(output.code, 2, "{self}: {}", output.stderr);
        self.scene.archive_to(&self.scene.bench.url).expect(0);
    }

    fn sweep(&self) {
        let run = |url: &str| self.scene.run_at(url, &["sweep", "--json"]);
        let (output, fired) = self.scene.run_into(&[self.plan], run);
        assert_eq!(fired, [1], "{self}: it did not come about");
        went_on(&output, self);
        let next = run(&self.scene.bench.url).expect(0);
        assert_eq!(next.number("waiting"), 0, "{self}");
        let idle = run(&self.scene.bench.url).expect(0);
        assert_eq!((idle.number("abandoned"), idle.number("deleted")), (0, 0), "{self}");
        let audit = self.scene.must_become_whole(self);
        assert_eq!((audit.orphans, audit.abandoned), (0, 0), "{self}: something is left");
    }
}

#[test]
fn every_trouble_of_a_sweep_leaves_what_was_claimed() {
    let mut cases = Vec::new();
    for server in [MINISTACK, RGW] {
        for (method, target) in POINTS {
            for trouble in TROUBLES {
                let Some(scene) = Scene::begin(server, 0, 1) else { continue };
                let plan = Plan { method, target, after: 0, times: 1, trouble };
                cases.push(Case { scene, plan });
            }
        }
    }
    side_by_side(THREADS, &cases, Case::prepare);
    if !cases.is_empty() {
        thread::sleep(SETTLE.1);
    }
    side_by_side(THREADS, &cases, Case::sweep);
    say(&format!("{} troubles of sweep, nothing that was claimed is gone", cases.len()));
}
