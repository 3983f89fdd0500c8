//! Several processes archive to one archive at once: one log, nothing lost, nothing doubled.
//!
//! They are real processes over a real store without faults: this program again, as the command
//! `strongroom archive`. `STRONGROOM_FULL=1` runs 100 rounds of each kind in place of 5.

mod worker;

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
};

use strongroom_tests::{
    archive::TestArchive,
    auditor::{Source, compare, compare_claimed},
    clock::TestClock,
    entropy::Dice,
    events,
    temp::TempDir,
};

use self::worker::{AGAIN, DONE, Worker};

const ROUNDS: u64 = 5;
const ROUNDS_FULL: u64 = 100;
/// After so many rounds another archive is begun: the auditor reads all of one after each round.
const ROUNDS_OF_ARCHIVE: u64 = 20;

/// Which sources the processes have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sources {
    /// All the same.
    Same,
    /// Each its own, in streams that they share.
    Disjoint,
}

/// A race: processes, their archive and what is in their sources.
struct Race {
    sources: Sources,
    processes: u64,
    archive: TestArchive,
    files: Vec<File>,
    dice: Dice,
    _temp: TempDir,
}

struct File {
    /// Below the sources.
    path: String,
    content: Source,
}

/// What the rounds of a race came to.
#[derive(Debug, Default)]
struct Outcome {
    done: u64,
    again: u64,
    claims: u64,
    segments: u64,
    abandoned: u64,
    orphans: u64,
}

impl Race {
    fn prepare(sources: Sources, processes: u64, part: u64) -> Self {
        let temp = TempDir::in_memory("race");
        let seed = part << 8 | processes << 1 | u64::from(sources == Sources::Same);
        let archive = TestArchive::create(temp.path(), seed, TestClock::default());
        // The command line refuses a key that others can read.
        let key = temp.path().join("store.key");
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
        let file = |path: String, stream: &str, origin: String| File {
            path,
            content: Source::new(stream, &origin, &[]),
        };
        let files: Vec<File> = match sources {
            Sources::Same => (0..4)
                .map(|n| {
                    let stream = ["trail", "app"][n % 2];
                    file(format!("{stream}/{n}.ndjson"), stream, format!("file:{n}.ndjson"))
                })
                .collect(),
            Sources::Disjoint => (0..processes)
                .flat_map(|n| ["trail", "app"].map(|stream| (n, stream)))
                .map(|(n, stream)| {
                    let origin = format!("file:w{n}/events.ndjson");
                    file(format!("w{n}/{stream}/events.ndjson"), stream, origin)
                })
                .collect(),
        };
        for File { path, .. } in &files {
            let path = temp.path().join("sources").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, []).unwrap();
        }
        Self { sources, processes, archive, files, dice: Dice::new(seed, 0), _temp: temp }
    }

    /// Appends to every source.
    fn grow(&mut self) {
        let now = self.archive.clock.ms();
        for File { path, content } in &mut self.files {
            let count = 4 + self.dice.below(8);
            let bytes = match content.stream.as_str() {
                "trail" => events::cloudtrail(&mut self.dice, now, &[0, 1], count),
                _ => events::application(&mut self.dice, count),
            };
            let path = self.archive.root().join("sources").join(path);
            fs::OpenOptions::new().append(true).open(path).unwrap().write_all(&bytes).unwrap();
            content.bytes.extend_from_slice(&bytes);
        }
    }

    /// Process `n` of a round, in its first or another try.
    fn worker(&self, round: u64, n: u64, again: bool) -> Worker<'_> {
        let below = match self.sources {
            Sources::Same => String::new(),
            Sources::Disjoint => format!("w{n}"),
        };
        let id = round << 8 | u64::from(again) << 7 | n;
        Worker { archive: &self.archive, id, below }
    }

    /// One round: all at once, then the auditor. Gives how many ended with which code.
    fn round(&mut self, round: u64) -> (u64, u64) {
        self.archive.clock.pass(1_000);
        self.grow();
        let waiting: Vec<_> =
            (0..self.processes).map(|n| self.worker(round, n, false).start()).collect();
        let ended: Vec<_> = waiting.into_iter().map(worker::Waiting::go).collect();
        let codes: Vec<i32> = ended.into_iter().map(worker::Running::code).collect();
        let again = codes.iter().filter(|code| **code == AGAIN).count() as u64;
        let done = codes.iter().filter(|code| **code == DONE).count() as u64;
        assert_eq!(done + again, self.processes, "exit codes {codes:?}");
        let contents: Vec<Source> = self.files.iter().map(|file| file.content.clone()).collect();
        let complete = again == 0 || (done > 0 && self.sources == Sources::Same);
        if !complete {
            let audit = self.archive.audit();
            compare_claimed(&audit, &contents).unwrap_or_else(|findings| panic!("{findings}"));
            // Exit code 75 says that another try is all it takes.
            for n in 0..self.processes {
                assert_eq!(self.worker(round, n, true).start().go().code(), DONE);
            }
        }
        let audit = self.archive.audit();
        compare(&audit, &contents).unwrap_or_else(|findings| panic!("{findings}"));
        assert_eq!(audit.published, audit.entries, "not all is published");
        (done, again)
    }

    fn run(mut self, rounds: u64, outcome: &mut Outcome) {
        for round in 0..rounds {
            let (done, again) = self.round(round);
            outcome.done += done;
            outcome.again += again;
        }
        let audit = self.archive.audit();
        assert!(audit.void.is_empty(), "a writer checks what it claims: {:?}", audit.void);
        outcome.claims += audit.claims;
        outcome.segments += audit.segments;
        outcome.abandoned += audit.abandoned;
        outcome.orphans += audit.orphans;
    }
}

#[test]
fn processes_that_archive_at_once_lose_nothing_and_double_nothing() {
    let full = env::var_os("STRONGROOM_FULL").is_some();
    let rounds = if full { ROUNDS_FULL } else { ROUNDS };
    let mut table = format!(
        "\n{:9}{:>10}{:>8}{:>8}{:>9}{:>8}{:>10}{:>11}{:>9}",
        "sources",
        "processes",
        "rounds",
        "exit 0",
        "exit 75",
        "claims",
        "segments",
        "abandoned",
        "orphans"
    );
    for sources in [Sources::Same, Sources::Disjoint] {
        for processes in [2, 8] {
            let mut outcome = Outcome::default();
            for part in 0..rounds.div_ceil(ROUNDS_OF_ARCHIVE) {
                let rounds = (rounds - part * ROUNDS_OF_ARCHIVE).min(ROUNDS_OF_ARCHIVE);
                Race::prepare(sources, processes, part).run(rounds, &mut outcome);
            }
            let Outcome { done, again, claims, segments, abandoned, orphans } = outcome;
            let sources = format!("{sources:?}").to_lowercase();
            write!(
                table,
                "\n{sources:9}{processes:>10}{rounds:>8}{done:>8}{again:>9}{claims:>8}\
                 {segments:>10}{abandoned:>11}{orphans:>9}"
            )
            .unwrap();
        }
    }
    // Past the test harness, which keeps what a passing test prints.
    let mut uncaptured = io::stderr();
    writeln!(uncaptured, "{table}\n").unwrap();
}
