//! A process that archives.

use std::{
    env,
    fmt::Write,
    fs,
    io::Read,
    process::{Child, Command, ExitCode, Stdio, exit},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use jiff::Timestamp;
use strongroom_archiver::cli::{self, Machine};
use strongroom_crypto::keys::Entropy;
use strongroom_tests::{archive::TestArchive, entropy::Dice};

/// Exit codes.
pub(crate) const DONE: i32 = 0;
pub(crate) const AGAIN: i32 = 75;

/// Set for a process that archives: its configuration, its number and its time.
const CONFIG_ENV: &str = "STRONGROOM_RACE_CONFIG";
const NUMBER_ENV: &str = "STRONGROOM_RACE_NUMBER";
const TIME_ENV: &str = "STRONGROOM_RACE_TIME";

static TIME_MS: AtomicI64 = AtomicI64::new(0);
static DICE: Mutex<Option<Dice>> = Mutex::new(None);

/// A process to be.
pub(crate) struct Worker<'a> {
    pub(crate) archive: &'a TestArchive,
    /// Tells its ids apart from those of all other processes.
    pub(crate) id: u64,
    /// Which folder of the sources it archives; all of them if empty.
    pub(crate) below: String,
}

/// A process that waits for the others.
pub(crate) struct Waiting(Child);

/// A process at work.
pub(crate) struct Running(Child);

impl Worker<'_> {
    /// The clocks of several machines never agree.
    fn skew_ms(&self) -> i64 {
        i64::try_from(Dice::new(self.id, 8).below(5_000)).unwrap()
    }

    pub(crate) fn start(&self) -> Waiting {
        let root = self.archive.root();
        let config = root.join(format!("{}.yaml", self.id));
        let mut sources = root.join("sources");
        let mut prefix = String::new();
        if !self.below.is_empty() {
            sources.push(&self.below);
            prefix = format!(", origin: {}", self.below);
        }
        let mut text = format!(
            "version: 1\nstore: \"file://{}\"\nkeys: {{ kek: \"file:{}\" }}\n\
             limits: {{ segment_rows: 6 }}\nstreams:\n",
            self.archive.store_path().display(),
            root.join("store.key").display(),
        );
        for stream in ["trail", "app"] {
            let path = sources.join(stream);
            writeln!(
                text,
                "  - {{ name: {stream}, sources: [ {{ paths: [\"{}\"]{prefix} }} ] }}",
                path.display()
            )
            .unwrap();
        }
        fs::write(&config, text).unwrap();
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "worker::archive_as_a_process", "--nocapture"])
            .env(CONFIG_ENV, config)
            .env(NUMBER_ENV, self.id.to_string())
            .env(TIME_ENV, (self.archive.clock.ms() + self.skew_ms()).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Waiting(child.unwrap())
    }
}

impl Waiting {
    /// Lets it begin.
    pub(crate) fn go(mut self) -> Running {
        drop(self.0.stdin.take());
        Running(self.0)
    }
}

impl Running {
    /// Waits for its end, and shows what it said where that was neither of the two codes.
    pub(crate) fn code(self) -> i32 {
        let output = self.0.wait_with_output().unwrap();
        let code = output.status.code().expect("no signal");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(code == DONE || code == AGAIN, "exit code {code}: {said}");
        code
    }
}

/// The process. Does nothing in an ordinary test run.
#[test]
fn archive_as_a_process() {
    let Ok(config) = env::var(CONFIG_ENV) else { return };
    let number = env::var(NUMBER_ENV).unwrap().parse::<u64>().unwrap();
    TIME_MS.store(env::var(TIME_ENV).unwrap().parse().unwrap(), Ordering::SeqCst);
    *DICE.lock().unwrap() = Some(Dice::new(number, 7));
    // All begin when the last of them is ready.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let machine = Machine { now, fill, stop: Arc::new(AtomicBool::new(false)) };
    let arguments = ["strongroom", "archive", "--threads", "2", "--config", &config];
    let code = cli::run(arguments.map(Into::into), &machine);
    exit((0..=u8::MAX).find(|n| ExitCode::from(*n) == code).unwrap().into());
}

/// Time passes by a millisecond whenever it is asked for.
fn now() -> Timestamp {
    Timestamp::from_millisecond(TIME_MS.fetch_add(1, Ordering::SeqCst)).unwrap()
}

fn fill(out: &mut [u8]) {
    DICE.lock().unwrap().as_mut().unwrap().fill(out);
}
