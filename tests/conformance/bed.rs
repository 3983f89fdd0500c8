//! Stores in temporary directories, with clocks that a test sets.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use strongroom_archiver::store::{
    LockedStore, VersionId,
    counted::Counted,
    file::{Clock, Entropy, FileStore},
};
use strongroom_tests::{faulty_store::FaultyStore, temp::TempDir};

use super::Bench;

/// 2024-02-29T12:00:00Z.
const START_SECOND: i64 = 1_709_208_000;

/// A clock that a test sets.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START_SECOND)))
    }

    pub(crate) fn closure(&self) -> Clock {
        let second = Arc::clone(&self.0);
        Box::new(move || Timestamp::from_second(second.load(Ordering::SeqCst)).unwrap())
    }
}

/// Numbers that never repeat within the process and seldom between two.
pub(crate) fn counter() -> Entropy {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let process = u64::from(std::process::id()) << 32;
    Box::new(move || process + NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A store in a temporary directory, with a clock of its own.
pub(crate) struct Bed {
    pub(crate) temp: TempDir,
    pub(crate) clock: TestClock,
    pub(crate) store: FileStore,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let (temp, clock) = (TempDir::new("conformance"), TestClock::new());
        let store =
            FileStore::create(&temp.path().join("store"), clock.closure(), counter()).unwrap();
        Self { temp, clock, store }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.temp.path().join("store")
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root().join(below)
    }

    pub(crate) fn version_path(&self, name: &str, version: &VersionId) -> PathBuf {
        self.path(&format!(".versions/{name}/{version}"))
    }

    pub(crate) fn sidecar_path(&self, name: &str, version: &VersionId) -> PathBuf {
        self.path(&format!(".versions/{name}/{version}.lock.json"))
    }

    pub(crate) fn staged_path(&self, version: &VersionId) -> PathBuf {
        self.path(&format!(".tmp/{version}"))
    }

    pub(crate) fn intend(&self, name: &str, version: &VersionId) {
        fs::write(self.path(&format!(".tmp/{version}.key")), name).unwrap();
    }

    pub(crate) fn reopen(&self) -> FileStore {
        FileStore::open(&self.root(), self.clock.closure(), counter()).unwrap()
    }

    pub(crate) fn reader(&self) -> FileStore {
        FileStore::open_read_only(&self.root(), self.clock.closure()).unwrap()
    }

    /// Nothing is staged, every record has its bytes, and everything that is current is recorded.
    pub(crate) fn assert_tidy(&self) {
        assert_tidy(&self.root());
    }
}

impl Bench for Bed {
    fn store(&self) -> &dyn LockedStore {
        &self.store
    }

    fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// The same behind a counter.
pub(crate) struct Counting {
    bed: Bed,
    store: Counted<FileStore>,
}

impl Counting {
    pub(crate) fn new() -> Self {
        let bed = Bed::new();
        let store = Counted::new(bed.reopen());
        Self { bed, store }
    }
}

impl Bench for Counting {
    fn store(&self) -> &dyn LockedStore {
        &self.store
    }

    fn pass(&self, seconds: i64) {
        self.bed.pass(seconds);
    }
}

/// The same behind a plan without faults.
pub(crate) struct Faultless {
    bed: Bed,
    store: FaultyStore<Arc<FileStore>>,
}

impl Faultless {
    pub(crate) fn new() -> Self {
        let bed = Bed::new();
        let store = FaultyStore::new(Arc::new(bed.reopen()), Vec::new());
        Self { bed, store }
    }
}

impl Bench for Faultless {
    fn store(&self) -> &dyn LockedStore {
        &self.store
    }

    fn pass(&self, seconds: i64) {
        self.bed.pass(seconds);
    }
}

/// Every file below `root` with what would change if it were written.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
        let row = format!("{} {} {:o} {times:?}", meta.ino(), meta.len(), meta.mode());
        found.insert(path, row);
    }
    found
}

pub(crate) fn files(root: &Path) -> Vec<String> {
    let below = |path: &PathBuf| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    snapshot(root).keys().filter(|path| path.is_file()).map(below).collect()
}

pub(crate) fn assert_tidy(root: &Path) {
    for file in files(root) {
        assert!(!file.starts_with(".tmp/"), "`{file}` is staged");
        if let Some(version) =
            file.strip_suffix(".lock.json").filter(|_| file.starts_with(".versions/"))
        {
            assert!(root.join(version).is_file(), "`{file}` has no bytes");
        } else if file.starts_with(".versions/") {
            assert!(root.join(format!("{file}.lock.json")).is_file(), "`{file}` has no record");
        }
    }
    let clock = TestClock::new();
    let store = FileStore::open_read_only(root, clock.closure()).unwrap();
    for one in store.list("", None, usize::MAX).unwrap() {
        let version = store.head(&one.key, None).unwrap().unwrap().version;
        assert!(!version.is_null(), "{} has no version", one.key);
        assert!(root.join(format!(".versions/{}/{version}", one.key)).is_file());
    }
}
