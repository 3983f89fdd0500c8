//! A small archive with something new in its sources: the same for the same seed.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use strongroom_archiver::archive::{Report, Request};
use strongroom_tests::{
    archive::{SETTLE_MS, TestArchive, request, stream},
    auditor::Source,
    clock::{START_MS, TestClock},
    entropy::Dice,
    events,
    faulty_store::Point,
    temp::TempDir,
};

/// The number of the run that is to fail.
pub(crate) const FAULTY_RUN: u64 = 2;

/// The files: stream, path below the sources, origin.
const FILES: [(&str, &str, &str); 3] = [
    ("trail", "trail/eu/a.ndjson", "file:eu/a.ndjson"),
    ("trail", "trail/us/b.ndjson", "file:us/b.ndjson"),
    ("app", "app/c.log", "file:c.log"),
];

/// An archive and its sources.
pub(crate) struct Scene {
    pub(crate) archive: TestArchive,
    /// What is on disk.
    pub(crate) sources: Vec<Source>,
    pub(crate) seed: u64,
    segment_rows: usize,
    dice: Dice,
    _temp: TempDir,
}

impl Scene {
    /// Everything up to the run that is to fail at a write of `point`.
    pub(crate) fn prepare(seed: u64, point: Point) -> Self {
        let mut dice = Dice::new(seed, 0);
        let temp = TempDir::in_memory("crash");
        // In half of the seeds time passes while a run goes on, so that it makes several claims.
        let tick_ms = [0, 0, 700, 1_500][usize::try_from(dice.below(4)).unwrap()];
        let archive = TestArchive::create(temp.path(), seed, TestClock::at(START_MS, 0));
        let segment_rows = usize::try_from(3 + dice.below(6)).unwrap();
        let sources = FILES.map(|(stream, _, origin)| Source::new(stream, origin, &[])).to_vec();
        let mut scene = Self { archive, sources, seed, segment_rows, dice, _temp: temp };
        scene.grow();
        // A new period key is needed by new streams and months alone, and there has to be
        // something whose lock is overdue.
        let warm = match point {
            Point::PeriodKey => false,
            Point::Lock => true,
            _ => scene.dice.once_in(2),
        };
        if warm {
            scene.clean_run(1);
            let overdue = point == Point::Lock || scene.dice.once_in(4);
            let passed = if overdue { SETTLE_MS / 2 + 20_000 } else { 20_000 };
            scene.archive.clock.pass(passed + i64::try_from(scene.dice.below(60_000)).unwrap());
            scene.grow();
        }
        scene.archive.clock = scene.archive.clock.paced(tick_ms);
        scene
    }

    /// Appends to the sources: to the first always, so that there is something new.
    pub(crate) fn grow(&mut self) {
        let fresh = self.sources.iter().all(|source| source.bytes.is_empty());
        let now = self.archive.clock.ms();
        let days: &[i64] = if self.dice.once_in(4) { &[0, 1, 30] } else { &[0, 1] };
        for (place, (stream, path, _)) in FILES.into_iter().enumerate() {
            if !fresh && place > 0 && self.dice.once_in(2) {
                continue;
            }
            let count = 3 + self.dice.below(6);
            let bytes = match stream {
                "trail" => events::cloudtrail(&mut self.dice, now, days, count),
                _ => events::application(&mut self.dice, count),
            };
            self.append(place, path, &bytes);
        }
    }

    fn append(&mut self, place: usize, path: &str, bytes: &[u8]) {
        let path = self.source_root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
        self.sources[place].bytes.extend_from_slice(bytes);
    }

    /// The run that nothing disturbs.
    pub(crate) fn clean_run(&mut self, run: u64) -> Report {
        self.archive.clock = self.archive.clock.paced(0);
        self.archive.clean_run(run, &self.request())
    }

    fn source_root(&self) -> std::path::PathBuf {
        self.archive.root().join("sources")
    }

    /// What runs archive.
    pub(crate) fn request(&self) -> Request {
        request_of(self.archive.root(), self.segment_rows)
    }

    /// The largest segments of this archive.
    pub(crate) fn segment_rows(&self) -> usize {
        self.segment_rows
    }
}

/// What runs over the sources below `root` archive.
pub(crate) fn request_of(root: &Path, segment_rows: usize) -> Request {
    let streams =
        ["trail", "app"].map(|name| stream(name, &root.join("sources").join(name), false));
    request(streams.to_vec(), segment_rows)
}

/// A run over nothing.
pub(crate) fn nothing() -> Request {
    request(Vec::new(), 1)
}
