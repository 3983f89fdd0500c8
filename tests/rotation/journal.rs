//! A folder of log files, what has to be archived of it, and the table of what happened.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use strongroom_archiver::archive::Request;
use strongroom_tests::{
    archive::{TestArchive, request, stream},
    auditor::{Audit, Source, compare},
    clock::TestClock,
    temp::TempDir,
};

/// How long half a line waits.
pub(crate) const MAX_AGE_MS: i64 = 60_000;
const STREAM: &str = "audit";

/// The test's files and their archive.
pub(crate) struct Journal {
    archive: TestArchive,
    follow: bool,
    expected: Vec<Source>,
    run: u64,
    last: Audit,
    /// Segments and windows since then.
    unseen: (u64, u64),
    table: String,
    temp: TempDir,
}

impl Journal {
    pub(crate) fn new(follow: bool) -> Self {
        let temp = TempDir::in_memory("rotation");
        let archive = TestArchive::create(temp.path(), 1, TestClock::default());
        fs::create_dir(temp.path().join("logs")).unwrap();
        let last = archive.audit();
        let table = format!(
            "{:38}{:>8}{:>10}{:>10}{:>9}{:>9}",
            "step", "events", "segments", "failures", "entries", "windows"
        );
        Self { archive, follow, expected: Vec::new(), run: 0, last, unseen: (0, 0), table, temp }
    }

    pub(crate) fn archive(&self) -> &TestArchive {
        &self.archive
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.temp.path().join("logs")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes at the end of a file what has to be archived of it as a generation.
    pub(crate) fn append(&mut self, name: &str, generation: u64, bytes: &[u8]) {
        self.write_unseen(name, bytes);
        self.expect(name, generation, bytes);
    }

    /// Writes at the end of a file what is not to be archived yet.
    pub(crate) fn write_unseen(&self, name: &str, bytes: &[u8]) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(bytes).unwrap();
        self.touch(&file);
    }

    /// A whole file.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let mut file = File::create(self.path(name)).unwrap();
        file.write_all(bytes).unwrap();
        self.touch(&file);
    }

    /// Whether a line waits goes by when its file was written, and that by the test's clock.
    fn touch(&self, file: &File) {
        let ms = self.archive.clock.ms().unsigned_abs();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(ms)).unwrap();
    }

    /// More has to be archived of a generation.
    pub(crate) fn expect(&mut self, name: &str, generation: u64, bytes: &[u8]) {
        let origin = format!("file:{}", encoded(name));
        let same =
            |source: &&mut Source| source.origin == origin && source.generation == generation;
        match self.expected.iter_mut().find(same) {
            Some(source) => source.bytes.extend_from_slice(bytes),
            None => {
                self.expected.push(Source::of_generation(STREAM, &origin, generation, bytes));
            }
        }
    }

    /// `half` was written unseen before `rest`, and has to be archived now.
    pub(crate) fn expect_before(&mut self, name: &str, generation: u64, half: &[u8], rest: &[u8]) {
        let origin = format!("file:{name}");
        let same =
            |source: &&mut Source| source.origin == origin && source.generation == generation;
        let source = self.expected.iter_mut().find(same).unwrap();
        assert!(source.bytes.ends_with(rest));
        source.bytes.truncate(source.bytes.len() - rest.len());
        source.bytes.extend_from_slice(half);
        source.bytes.extend_from_slice(rest);
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(crate) fn copy(&self, from: &str, to: &str) {
        self.write(to, &fs::read(self.path(from)).unwrap());
    }

    pub(crate) fn truncate(&self, name: &str) {
        self.write(name, &[]);
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Puts another form of a file in its place.
    pub(crate) fn replace(&self, from: &str, to: &str, form: impl Fn(&[u8]) -> Vec<u8>) {
        self.write(to, &form(&fs::read(self.path(from)).unwrap()));
        self.remove(from);
    }

    fn request(&self) -> Request {
        let mut request = request(vec![stream(STREAM, &self.folder(), self.follow)], 100);
        request.limits.max_age = Duration::from_millis(MAX_AGE_MS.unsigned_abs());
        request
    }

    /// A run that has to seal `events` and complain of `failures` files, and one without news.
    pub(crate) fn step(&mut self, name: &str, events: u64, failures: usize) {
        let row = self.one_run(name, events, failures);
        self.table += &row;
        let before = (self.last.segments, self.last.windows, self.last.entries);
        self.one_run("no news", 0, failures);
        let (segments, windows, entries) = before;
        let after = (self.last.segments, self.last.windows, self.last.entries);
        assert_eq!(after, (segments, windows + 1, entries + 1), "after `{name}`, without news");
    }

    /// A run that has to seal `events`, without a look at what was stored: the next step has it.
    pub(crate) fn quick_step(&mut self, events: u64) {
        self.archive.clock.pass(2_000);
        self.run += 1;
        let report = self.archive.clean_run(self.run, &self.request());
        assert_eq!((report.events_sealed, report.failures.len()), (events, 0), "{report:?}");
        self.unseen.0 += report.segments;
        self.unseen.1 += 1;
    }

    fn one_run(&mut self, name: &str, events: u64, failures: usize) -> String {
        self.archive.clock.pass(2_000);
        self.run += 1;
        let report = self.archive.clean_run(self.run, &self.request());
        assert_eq!(report.failures.len(), failures, "{name}: {:?}", report.failures);
        let audit = self.archive.audit();
        compare(&audit, &self.expected).unwrap_or_else(|findings| panic!("{name}: {findings}"));
        assert_eq!(report.events_sealed, events, "{name}");
        assert_eq!(report.events_read, events, "{name}");
        let (segments, windows) = std::mem::take(&mut self.unseen);
        assert_eq!(report.segments + segments, audit.segments - self.last.segments, "{name}");
        assert_eq!(audit.windows, self.last.windows + windows + 1, "{name}");
        assert_eq!(audit.published, audit.entries, "{name}");
        assert_eq!((audit.orphans, audit.stale_roots, audit.void.len()), (0, 0, 0), "{name}");
        self.last = audit;
        let Audit { entries, windows, .. } = self.last;
        let segments = report.segments;
        format!("\n{name:38}{events:>8}{segments:>10}{failures:>10}{entries:>9}{windows:>9}")
    }

    /// Past the test harness, which keeps what a passing test prints.
    pub(crate) fn print(&self, title: &str) {
        let mut uncaptured = io::stderr();
        writeln!(uncaptured, "\n{title}\n{}\n", self.table).unwrap();
    }
}

/// The path of an origin: all but the unreserved characters of RFC 3986 by their bytes.
fn encoded(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    Path::new(name).to_str().unwrap().bytes().map(byte).collect()
}
