//! Requests and what a month of them costs: 300 streams, one run an hour.
//!
//! `STRONGROOM_TEST_MINISTACK` names a server whose requests are counted as they are sent; without it
//! they are counted at the interface of a store in a directory, where the questions that an S3 store
//! asks on its own account are missing.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use strongroom_archiver::archive::Silent;
use strongroom_archiver::log::Keyring;
use strongroom_archiver::sample::Day;
use strongroom_archiver::store::counted::{Counted, Counts};
use strongroom_archiver::store::{LockedStore, StoreUrl, file::FileStore, s3::S3Store};
use strongroom_archiver::verify::{Options, Verdict, verify};
use strongroom_crypto::keys::KeyFile;
use strongroom_tests::temp::TempDir;

use crate::process::{number, strongroom};

const STREAMS: usize = 300;
/// Events of a stream in an hour.
const EVENTS: usize = 300;
/// Runs that are measured; the first makes what later ones find.
const RUNS: usize = 4;
/// Hours, and so runs, of a month of 30 days.
const HOURS: u64 = 720;
const MONTH: f64 = HOURS as f64;
/// While no policy is in force, all locks are extended when half the settling period, P7D, is over.
const EXTENDED_EVERY: u64 = 84;

/// USD for 1,000 requests of a kind: Amazon S3 Standard, us-east-1, as of 2026-11-21, after
/// <https://aws.amazon.com/s3/pricing>. Setting a lock is a PUT, a listing costs as much as one.
const PRICES: [(&str, f64); 7] = [
    ("put", 0.005),
    ("lock", 0.005),
    ("hold", 0.005),
    ("list", 0.005),
    ("get", 0.000_4),
    ("head", 0.000_4),
    ("delete", 0.0),
];
/// USD for 10⁹ bytes kept for a month, the first 50 TB, of the same source.
const STORAGE: f64 = 0.023;

/// Requests in the order of [`PRICES`].
type Requests = [f64; 7];

pub fn run() {
    let dir = TempDir::new("bench-cost");
    let place = Place::new(dir.path(), STREAMS);
    place.init("PT10M");
    let first = place.hour(0);
    let (bytes, locked) = place.kept();
    let later: Vec<Requests> = (1..RUNS).map(|hour| place.hour(hour)).collect();
    let each = 1.0 / later.len() as f64;
    let steady = scaled(later.into_iter().fold([0.0; 7], sum), each);
    let (bytes_then, locked_then) = place.kept();
    let (bytes, locked) = (bytes_then - bytes, locked_then - locked);
    println!("{STREAMS} streams of {EVENTS} events an hour, one segment each; {}", place.counted());
    println!("            a segment      a run     a month   USD a month");
    let monthly = sum(scaled(steady, MONTH), sum(first, scaled(steady, -1.0)));
    for (place, (kind, price)) in PRICES.iter().enumerate() {
        let (run, month) = (steady[place], monthly[place]);
        let segment = run / STREAMS as f64;
        let paid = month * price / 1_000.0;
        println!("  {kind:<8}  {segment:>9.2}  {run:>9.0}  {month:>10.0}  {paid:>12.2}");
    }
    println!("  requests  {:>46.2}", usd(&monthly));
    let gigabytes = bytes as f64 * each * MONTH / 1e9;
    println!("  storage of the {gigabytes:.2} GB of a month {:>22.2}", gigabytes * STORAGE);
    rolling(dir.path(), locked as f64 * each);
    verification(&place);
}

/// What locks cost after an object's birth: a policy extends each once, to its date; while none is in
/// force all of them roll on. `locked` objects come with each run.
fn rolling(dir: &Path, locked: f64) {
    let place = Place::new(&dir.join("rolling"), 20);
    place.init("PT40S");
    for hour in 0..RUNS {
        place.hour(hour);
    }
    let idle = place.archive();
    std::thread::sleep(Duration::from_secs(25));
    let extended = sum(place.archive(), scaled(idle, -1.0));
    let each = scaled(extended, 1.0 / place.kept().1 as f64);
    println!("extending a lock: {}; a run adds {locked:.0} locked objects", shown(&each));
    println!("  once each {:>46.2} a month", usd(&each) * locked * MONTH);
    for month in [1, 12] {
        let hours = (1..).map(|nth| EXTENDED_EVERY * nth);
        let hours = hours.skip_while(|hour| *hour <= (month - 1) * HOURS);
        let moved: u64 = hours.take_while(|hour| *hour <= month * HOURS).sum();
        println!(
            "  all, every {EXTENDED_EVERY} hours, in month {month:<2} {:>26.2}",
            usd(&each) * locked * moved as f64
        );
    }
}

/// What looking at everything costs, from outside.
fn verification(place: &Place) {
    let segments = (STREAMS * RUNS) as f64;
    println!("verifying, a segment; and a month's {:.0} segments", STREAMS as f64 * MONTH);
    for deep in [false, true] {
        let counts = place.verify(deep);
        let each = scaled(requests(&counts), 1.0 / segments);
        println!(
            "  {:<6} {}  {:.0} bytes read; {:.2} USD",
            if deep { "--deep" } else { "plain" },
            shown(&each),
            counts.bytes_out as f64 / segments,
            usd(&each) * STREAMS as f64 * MONTH,
        );
    }
}

/// An archive and its sources.
struct Place {
    dir: PathBuf,
    url: String,
    streams: usize,
}

impl Place {
    fn new(dir: &Path, streams: usize) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let directory = || format!("file://{}", dir.join("archive").display());
        let url = std::env::var("STRONGROOM_TEST_MINISTACK").map(|endpoint| {
            let prefix = format!("{}-{}", std::process::id(), dir.file_name().unwrap().display());
            format!("s3://strongroom-bench/{prefix}?endpoint={endpoint}")
        });
        Self { dir: dir.to_owned(), url: url.unwrap_or_else(|_| directory()), streams }
    }

    fn counted(&self) -> &'static str {
        if self.url.starts_with("s3:") {
            "as they were sent to MiniStack"
        } else {
            "at a directory (set STRONGROOM_TEST_MINISTACK), a bucket takes some more"
        }
    }

    fn init(&self, settle: &str) {
        let mut config = format!(
            "version: 1\nstore: {}\nkeys: {{ kek: \"file:archive.key\" }}\nstreams:\n",
            self.url
        );
        for stream in 0..self.streams {
            let source = format!("{{ paths: [in/s{stream}], follow: true }}");
            writeln!(config, "  - {{ name: s{stream}, sources: [{source}] }}").unwrap();
            std::fs::create_dir_all(self.dir.join(format!("in/s{stream}"))).unwrap();
        }
        std::fs::write(self.dir.join("strongroom.yaml"), config).unwrap();
        self.run(&["init", "--environment", "test", "--settle", settle]);
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(strongroom());
        crate::process::run(command.args(arguments).current_dir(&self.dir)).stdout
    }

    /// One hour more in every stream, and its run.
    fn hour(&self, hour: usize) -> Requests {
        for stream in 0..self.streams {
            let day = Day { date: date(2026, 11, 20), seed: stream as u64 };
            let mut events = Vec::new();
            day.write_kubernetes(&mut events, EVENTS * RUNS).unwrap();
            let lines = events.split_inclusive(|byte| *byte == b'\n');
            let lines: Vec<&[u8]> = lines.skip(hour * EVENTS).take(EVENTS).collect();
            let path = self.dir.join(format!("in/s{stream}/audit.log"));
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(&lines.concat()).unwrap();
        }
        self.archive()
    }

    fn archive(&self) -> Requests {
        let out = self.run(&["archive", "--json"]);
        PRICES.map(|(kind, _)| number(&out, kind) as f64)
    }

    fn store(&self) -> Counted<Arc<dyn LockedStore>> {
        let store: Arc<dyn LockedStore> = match self.url.parse().unwrap() {
            StoreUrl::S3(at) => Arc::new(S3Store::connect(&at).unwrap()),
            StoreUrl::File(root) => {
                Arc::new(FileStore::open_read_only(&root, Box::new(now)).unwrap())
            }
        };
        Counted::new(store)
    }

    /// Bytes of all that is there, and how many objects are under lock: not what the next run replaces.
    fn kept(&self) -> (u64, usize) {
        let listed = self.store().list("", None, usize::MAX).unwrap();
        let replaced =
            |key: &str| key.starts_with("index/") || key.contains(".p/") || key == "log/checkpoint";
        let locked = listed.iter().filter(|one| !replaced(one.key.as_str())).count();
        (listed.iter().map(|one| one.length).sum(), locked)
    }

    fn verify(&self, deep: bool) -> Counts {
        let text = std::fs::read_to_string(self.dir.join("archive.key")).unwrap();
        let keys = Arc::new(KeyFile::parse(&text).unwrap());
        let store = Arc::new(self.store());
        let shared: Arc<dyn LockedStore> = Arc::<Counted<_>>::clone(&store);
        let keyring = deep.then(|| Arc::new(Keyring::new(Arc::clone(&shared), Arc::clone(&keys))));
        let options = Options {
            vkey: keys.log().verifier(),
            log_open: None,
            checkpoint: None,
            key_file: Some(&keys),
            keys: keyring.as_ref(),
            deep,
            threads: 2,
            stop: &AtomicBool::new(false),
            now: now(),
        };
        assert_eq!(verify(&*shared, &options, &Silent).unwrap().verdict, Verdict::Pass);
        store.counts()
    }
}

#[expect(clippy::disallowed_methods, reason = "locks are judged by the real time, as in main")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn requests(counts: &Counts) -> Requests {
    let Counts { puts, extends, holds, lists, gets, heads, deletes, .. } = *counts;
    [puts, extends, holds, lists, gets, heads, deletes].map(|count| count as f64)
}

fn sum(mut left: Requests, right: Requests) -> Requests {
    for (left, right) in left.iter_mut().zip(right) {
        *left += right;
    }
    left
}

fn scaled(requests: Requests, by: f64) -> Requests {
    requests.map(|count| count * by)
}

fn usd(requests: &Requests) -> f64 {
    PRICES.iter().zip(requests).map(|((_, price), count)| price * count / 1_000.0).sum()
}

fn shown(requests: &Requests) -> String {
    let mut text = String::new();
    for ((kind, _), count) in PRICES.iter().zip(requests).filter(|(_, count)| **count != 0.0) {
        write!(text, "{kind} {count:.3}  ").unwrap();
    }
    text.trim_end().to_owned()
}
