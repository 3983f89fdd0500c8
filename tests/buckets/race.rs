//! Several processes archive to one bucket at once, now and then one of them by a bad network: one
//! log, nothing lost, nothing doubled. Only a store with a fence bears that.
//!
//! `STRONGROOM_FULL=1` runs 100 rounds of each kind in place of 10.

use std::{
    env,
    fmt::Write as _,
    process::{Child, Command, Stdio},
    thread,
};

use strongroom_tests::{
    fault_proxy::{FaultProxy, Plan, Trouble},
    program::binary,
};

use super::scene::Scene;
use super::{MINISTACK, say};

const ROUNDS: usize = 10;
const ROUNDS_FULL: usize = 100;
/// After so many rounds another archive is begun: the auditor reads all of one after each round.
const ROUNDS_OF_ARCHIVE: usize = 5;
/// Rows of a segment: few segments, so that the auditor is done soon.
const ROWS: u64 = 100;
/// Exit codes of a racer.
const DONE: i32 = 0;
const AGAIN: i32 = 75;

/// What may happen to the claims of a racer.
const TROUBLES: [Trouble; 6] = [
    Trouble::ResetBefore,
    Trouble::ResetAfter,
    Trouble::ErrorAfter,
    Trouble::SlowDown,
    Trouble::LateAnswer,
    Trouble::LateRequest,
];

/// Which sources the processes have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sources {
    /// All the same.
    Same,
    /// Each its own, in streams that they share.
    Disjoint,
}

/// What the rounds of a race came to.
#[derive(Debug, Default)]
struct Outcome {
    done: usize,
    again: usize,
    troubles: usize,
    claims: u64,
    segments: u64,
    abandoned: u64,
}

struct Race {
    sources: Sources,
    processes: usize,
    scene: Scene,
    outcome: Outcome,
}

impl Race {
    fn start(&self, n: usize, url: &str) -> Child {
        let file = (self.sources == Sources::Disjoint).then_some(n);
        let config = self.scene.configure(&format!("{n}.yaml"), url, file);
        let mut command = Command::new(binary());
        command.args(["archive", "--config"]).arg(config).env_remove("STRONGROOM_KEY");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// One round: all at once, then the auditor. In every other round one of them has troubles.
    fn round(&mut self, round: usize) {
        self.scene.grow();
        let plan = self.trouble();
        let plans: &[Plan] = if round % 2 == 1 { &[plan] } else { &[] };
        let endpoint = self.scene.server.endpoint().unwrap();
        let proxy = FaultProxy::start(&endpoint, plans);
        let direct = self.scene.bench.url.clone();
        let by_proxy = format!("{}&timeout=1", direct.replace(&endpoint, &proxy.endpoint()));
        let url = |n: usize| if n == 0 { &by_proxy } else { &direct };
        let racers: Vec<Child> = (0..self.processes).map(|n| self.start(n, url(n))).collect();
        let codes: Vec<i32> = racers.into_iter().map(code).collect();
        self.outcome.troubles += proxy.fired().iter().sum::<usize>();
        // What was late has landed.
        drop(proxy);
        let what = format!("{:?}, {} processes, round {round}", self.sources, self.processes);
        let done = codes.iter().filter(|code| **code == DONE).count();
        let again = codes.iter().filter(|code| **code == AGAIN).count();
        assert_eq!(done + again, self.processes, "{what}: exit codes {codes:?}");
        for (n, _) in codes.iter().enumerate().filter(|(_, code)| **code == AGAIN) {
            // The exit code says that another try is all it takes.
            assert_eq!(code(self.start(n, &direct)), DONE, "{what}");
        }
        self.scene.must_hold_all(&what);
        self.outcome.done += done;
        self.outcome.again += again;
    }

    fn trouble(&mut self) -> Plan {
        let dice = &mut self.scene.dice;
        let mut below = |end: usize| usize::try_from(dice.below(end as u64)).unwrap();
        let trouble = TROUBLES[below(TROUBLES.len())];
        let (after, times) = (below(2), 1 + below(2));
        Plan { method: "PUT", target: "/log/claim/", after, times, trouble }
    }

    /// Runs rounds on one archive after the other.
    fn run(sources: Sources, processes: usize, rounds: usize) -> Outcome {
        let mut outcome = Outcome::default();
        for first in (0..rounds).step_by(ROUNDS_OF_ARCHIVE) {
            let seed = (first << 4 | processes) as u64;
            let mut scene = Scene::prepare(MINISTACK, seed, processes).unwrap();
            scene.rows = ROWS;
            let mut race = Self { sources, processes, scene, outcome };
            for round in first..rounds.min(first + ROUNDS_OF_ARCHIVE) {
                race.round(round);
            }
            let audit = race.scene.must_be_whole(&format!("{sources:?}, {processes} processes"));
            outcome = race.outcome;
            outcome.claims += audit.claims;
            outcome.segments += audit.segments;
            outcome.abandoned += audit.abandoned;
        }
        outcome
    }
}

/// Waits for the end of a process, and shows what it said where that was neither of two codes.
fn code(racer: Child) -> i32 {
    let output = racer.wait_with_output().unwrap();
    let code = output.status.code().expect("no signal");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(code == DONE || code == AGAIN, "exit code {code}: {said}");
    code
}

#[test]
fn processes_that_archive_at_once_lose_nothing_and_double_nothing() {
    let full = env::var_os("STRONGROOM_FULL").is_some();
    let rounds = if full { ROUNDS_FULL } else { ROUNDS };
    if MINISTACK.endpoint().is_none() {
        return;
    }
    let kinds = [Sources::Same, Sources::Disjoint].map(|sources| [2, 4].map(|n| (sources, n)));
    let races = kinds.as_flattened();
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let start = |&(sources, n)| scope.spawn(move || Race::run(sources, n, rounds));
        let running: Vec<_> = races.iter().map(start).collect();
        running.into_iter().map(|race| race.join().unwrap()).collect()
    });
    let mut table = format!("{}: races\n  sources   processes  rounds  exit 0", MINISTACK.name);
    table.push_str("  exit 75  troubles  claims  segments  abandoned");
    let mut abandoned_of_same = 0;
    for ((sources, processes), outcome) in races.iter().zip(outcomes) {
        let Outcome { done, again, troubles, claims, segments, abandoned } = outcome;
        let name = format!("{sources:?}").to_lowercase();
        write!(
            table,
            "\n  {name:8}{processes:>11}{rounds:>8}{done:>8}{again:>9}{troubles:>10}\
             {claims:>8}{segments:>10}{abandoned:>11}"
        )
        .unwrap();
        if *sources == Sources::Same {
            abandoned_of_same += abandoned;
        }
    }
    say(&table);
    assert!(abandoned_of_same > 0, "nobody lost a race: they were none");
}
