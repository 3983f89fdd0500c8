//! Input that nobody would write on purpose: nothing is lost, nothing is changed, nothing is doubled.

mod cases;
mod damaged;
mod found;
mod random;

use std::{fs, path::Path};

use cases::Case;
use strongroom_tests::{program::strongroom, say, temp::TempDir};

/// An archive and a place for inputs beside it.
struct Bench {
    temp: TempDir,
    store: String,
}

impl Bench {
    fn new() -> Self {
        let temp = TempDir::new("input");
        let store = format!("file://{}/store", temp.path().display());
        strongroom(temp.path(), &["init", "--environment", "test", "--to", &store]).expect(0);
        Self { temp, store }
    }

    fn path(&self) -> &Path {
        self.temp.path()
    }

    /// Archives bytes as the only file of a stream; says what does not hold, and where the time went.
    fn check(&self, case: &Case) -> Vec<String> {
        let stream = case.name.replace('_', "-");
        let file = format!("{stream}.input");
        fs::write(self.path().join(&file), &case.bytes).unwrap();
        let archive = ["archive", "--to", &self.store, "--json", "--format", case.format];
        let archive = [archive.as_slice(), &["--stream", &stream, &file]].concat();
        let mut found = Vec::new();
        let mut differs = |what: &str, is: u64, expected: u64| {
            if is != expected {
                found.push(format!("{}: {what} is {is}, expected {expected}", case.name));
            }
        };
        let first = strongroom(self.path(), &archive).expect(0);
        differs("events_read", first.number("events_read"), case.events);
        differs("events_sealed", first.number("events_sealed"), case.events);
        differs("events_rejected", first.number("events_rejected"), case.rejected);
        let again = strongroom(self.path(), &archive).expect(0);
        for name in ["events_read", "events_sealed", "segments", "bytes_stored"] {
            differs(&format!("{name} of a second run"), again.number(name), 0);
        }
        let origin = format!("file:{file}");
        let cat = ["cat", "--to", &self.store, "--stream", &stream, "--origin", &origin];
        let out = strongroom(self.path(), &cat);
        if case.bytes.is_empty() {
            // What holds nothing leaves nothing, not even a name.
            differs("the exit code of `cat`", u64::try_from(out.code).unwrap(), 2);
        } else if out.expect(0).stdout != case.bytes {
            found.push(format!("{}: the bytes differ", case.name));
        }
        found
    }
}

#[test]
fn whatever_is_read_comes_back_once_and_unchanged() {
    let bench = Bench::new();
    let cases = cases::all();
    let mut found = Vec::new();
    for case in &cases {
        found.extend(bench.check(case));
        let (events, rejected) = (case.events, case.rejected);
        let bytes = case.bytes.len();
        say(&format!("{:<36} {bytes:>10} bytes {events:>7} events {rejected:>4} raw", case.name));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn random_documents_come_back_unchanged() {
    let bench = Bench::new();
    for seed in random::seeds() {
        for (format, spaces) in
            [("ndjson", " \t\r"), ("json", " \t\r\n"), ("json-array", " \t\r\n")]
        {
            let bytes = random::file(seed, format, spaces);
            let name = format!("random_{format}_{seed}");
            let events = random::DOCUMENTS;
            let found = bench.check(&Case { name, format, bytes, events, rejected: 0 });
            assert!(found.is_empty(), "seed {seed}: {found:#?}");
        }
        say(&format!(
            "random documents: seed {seed}, {} in each of three framings",
            random::DOCUMENTS
        ));
    }
}
