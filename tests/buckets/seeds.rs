//! Several troubles at once, drawn by seed: whatever a run makes of them, the next one makes the
//! archive whole.
//!
//! `STRONGROOM_FULL=1` runs 1,000 seeds in place of 60, half of them on each store;
//! `STRONGROOM_SEED=N` one seed.

use std::{collections::BTreeMap, env, fmt, sync::Mutex};

use strongroom_tests::{
    entropy::Dice,
    fault_proxy::{Plan, Trouble},
};

use super::scene::{Scene, side_by_side, went_on};
use super::{MINISTACK, RGW, Server, say};

const SEEDS: u64 = 60;
const SEEDS_FULL: u64 = 1_000;

type At = &'static [(&'static str, &'static str)];

/// Requests of any run that archives something.
const ANY: At = &[
    ("PUT", "/segments/"),
    ("PUT", "/manifests/"),
    ("PUT", "/index/"),
    ("PUT", "/log/claim/"),
    ("PUT", "/log/tile/"),
    ("PUT", "/log/checkpoints/"),
    ("PUT", "/log/checkpoint?"),
    ("GET", "/log/"),
    ("GET", "versions"),
    ("HEAD", "/segments/"),
    ("HEAD", "/log/"),
    ("", "/"),
];
/// Puts of what is locked.
const LOCKED: At = &[
    ("PUT", "/segments/"),
    ("PUT", "/manifests/"),
    ("PUT", "/keys/period"),
    ("PUT", "/log/claim/"),
    ("PUT", "/log/checkpoints/"),
];
/// Looks at what was stored just now.
const LOOKS: At = &[("HEAD", "versionId=")];
const LISTS: At = &[("GET", "versions")];

/// What goes wrong, where it does, and whether it takes a store that knows no signatures, or one
/// with a fence.
const KINDS: [(Trouble, At, bool); 16] = [
    (Trouble::ResetBefore, ANY, false),
    (Trouble::ResetAfter, ANY, false),
    (Trouble::ErrorBefore, ANY, false),
    (Trouble::ErrorAfter, ANY, false),
    (Trouble::SlowDown, ANY, false),
    (Trouble::ExpiredToken, ANY, false),
    (Trouble::HalfAnswer, ANY, false),
    (Trouble::LateAnswer, ANY, false),
    (Trouble::Skew(150), ANY, false),
    (Trouble::StaleList, LISTS, false),
    (Trouble::LockDate(60), LOOKS, false),
    (Trouble::Swallow, LOCKED, false),
    (Trouble::LateRequest, ANY, true),
    (Trouble::DropCondition, LOCKED, true),
    (Trouble::DropLock, LOCKED, true),
    (Trouble::LockDate(-(1 << 32)), LOCKED, true),
];
/// The last so many of them are lies about locks. What one of them left without a lock, and could
/// not be locked at once for another trouble, stays so until the next extension: they come alone.
const ALONE: usize = 2;

/// The troubles of a seed.
struct Seed {
    number: u64,
    server: Server,
    plans: Vec<Plan>,
}

impl Seed {
    fn draw(number: u64, server: Server) -> Self {
        let mut dice = Dice::new(number, 9);
        let count = KINDS.iter().filter(|(.., only)| server.has_fence() || !only).count();
        // Neighbours have other kinds; what comes with them is left to the dice.
        let first = usize::try_from(number).unwrap() / 2 % count;
        let mut plans = vec![plan(first, &mut dice, 1)];
        if first < KINDS.len() - ALONE {
            for _ in 0..dice.below(3) {
                let others = count.min(KINDS.len() - ALONE) as u64;
                let kind = usize::try_from(dice.below(others)).unwrap();
                plans.push(plan(kind, &mut dice, 6));
            }
        }
        Self { number, server, plans }
    }
}

fn plan(kind: usize, dice: &mut Dice, passing: u64) -> Plan {
    let (trouble, at, _) = KINDS[kind];
    let (method, target) = at[usize::try_from(dice.below(at.len() as u64)).unwrap()];
    let after = usize::try_from(dice.below(passing)).unwrap();
    let times = match dice.below(20) {
        0 => usize::MAX,
        1..=5 => 2 + usize::try_from(dice.below(5)).unwrap(),
        _ => 1,
    };
    Plan { method, target, after, times, trouble }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {} ({})", self.number, self.server.name)?;
        self.plans.iter().try_for_each(|plan| {
            let Plan { method, target, after, times, trouble } = plan;
            write!(f, "; {trouble:?} at {method} {target}, {times} after {after}")
        })
    }
}

/// What came of the seeds.
#[derive(Debug, Default)]
struct Table {
    fired: BTreeMap<Trouble, usize>,
    /// Runs by exit code.
    ended: BTreeMap<i32, usize>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ended.iter().try_for_each(|(code, runs)| write!(f, ", {runs} runs ended {code}"))?;
        self.fired.iter().try_for_each(|(trouble, fired)| write!(f, "\n  {fired:6}  {trouble:?}"))
    }
}

fn run_seed(seed: &Seed, table: &Mutex<Table>) {
    let mut scene = Scene::prepare(seed.server, seed.number, 1).unwrap();
    let mut ended = Vec::new();
    let (last, fired) = scene.run_into(&seed.plans, |url| {
        let first = scene.archive_to(url);
        ended.push(first.code);
        if went_on(&first, seed) {
            return first;
        }
        // The next run meets what is left of them.
        let second = scene.archive_to(url);
        ended.push(second.code);
        second
    });
    if went_on(&last, seed) {
        scene.must_be_whole(seed);
    }
    scene.grow();
    scene.must_become_whole(seed);
    let mut table = table.lock().unwrap();
    for (plan, fired) in seed.plans.iter().zip(fired) {
        *table.fired.entry(plan.trouble).or_default() += fired;
    }
    for code in ended {
        *table.ended.entry(code).or_default() += 1;
    }
}

fn seeds(server: Server) {
    if server.endpoint().is_none() {
        return;
    }
    let full = env::var_os("STRONGROOM_FULL").is_some();
    let count = if full { SEEDS_FULL } else { SEEDS };
    let one = env::var("STRONGROOM_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let numbers = one.map_or(0..count, |seed| seed..seed + 1);
    // Even ones to the store with a fence, odd ones to the other.
    let numbers = numbers.filter(|number| (number % 2 == 0) == server.has_fence());
    let seeds: Vec<Seed> = numbers.map(|number| Seed::draw(number, server)).collect();
    let table = Mutex::<Table>::default();
    side_by_side(server.threads(), &seeds, |seed| run_seed(seed, &table));
    let table = table.into_inner().unwrap();
    say(&format!("{}: {} seeds{table}", server.name, seeds.len()));
    if one.is_none() {
        let never = KINDS.iter().filter(|(trouble, _, only)| {
            (server.has_fence() || !only) && table.fired.get(trouble).is_none_or(|n| *n == 0)
        });
        let never: Vec<Trouble> = never.map(|(trouble, ..)| *trouble).collect();
        assert!(never.is_empty(), "never came about: {never:?}");
    }
}

#[test]
fn troubles_by_seed_on_the_way_to_ministack_leave_a_sound_archive() {
    seeds(MINISTACK);
}

#[test]
fn troubles_by_seed_on_the_way_to_rgw_leave_a_sound_archive() {
    seeds(RGW);
}
