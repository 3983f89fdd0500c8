//! A small archive made in this process, and copies of it to break.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use strongroom_archiver::{
    archive::{Request, Silent, archive},
    config::{Source, Stream},
    limits::Limits,
    log::{About, Item, Keyring, Log},
    source::Format,
    store::{
        LockedStore,
        file::{Clock, FileStore},
    },
    verify::{Options, Report, VerifyError, verify},
};
use strongroom_crypto::{
    ArchiveId, Digest, SegmentId,
    checkpoint::Checkpoint,
    claim::{UnverifiedClaim, VerifiedClaim},
    entry::{Abandon, EntryKind},
    keys::{KeyFile, Role},
    name::Shard,
    note::VerifierKey,
};
use strongroom_tests::temp::{TempDir, copy_below};

/// 2026-11-21T08:00:00Z.
const START_SECOND: i64 = 1_795_248_000;
/// A version's file has its id for a name, its record a longer one.
const VERSION_CHARS: usize = 33;
/// The longest settling period of a test archive.
const SETTLE: Duration = Duration::from_mins(10);

/// A clock that a test sets.
#[derive(Clone, Debug)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START_SECOND)))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    fn closure(&self) -> Clock {
        let second = Arc::clone(&self.0);
        Box::new(move || Timestamp::from_second(second.load(Ordering::SeqCst)).unwrap())
    }
}

/// Numbers that look random and are the same in every run.
pub(crate) fn entropy(seed: u64) -> impl FnMut(&mut [u8]) + Send {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |out: &mut [u8]| {
        for byte in out {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_le_bytes()[3];
        }
    }
}

/// An archive in a directory of its own.
pub(crate) struct Archive {
    temp: TempDir,
    pub(crate) clock: TestClock,
    pub(crate) keys: Arc<KeyFile>,
}

impl Archive {
    /// Two runs, each of which seals one segment.
    pub(crate) fn of_two_runs() -> Self {
        Self::made_with(KeyFile::generate(ArchiveId::from_bytes([7; 16]), &mut entropy(7)))
    }

    /// The same with other keys.
    pub(crate) fn made_with(keys: KeyFile) -> Self {
        let archive = Self::empty(TempDir::new("tamper"), keys);
        for run in 0..2 {
            archive.run(run);
        }
        archive.clock.advance(20);
        archive
    }

    /// An archive that has sealed nothing yet.
    pub(crate) fn empty(temp: TempDir, keys: KeyFile) -> Self {
        let archive = Self { temp, clock: TestClock::new(), keys: Arc::new(keys) };
        let (store, keys) = (archive.store(), Arc::clone(&archive.keys));
        Log::create(store, keys, &About::test(SETTLE), &mut entropy(5)).unwrap().unwrap();
        fs::create_dir(archive.sources()).unwrap();
        archive
    }

    fn sources(&self) -> PathBuf {
        self.temp.path().join("sources")
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.temp.path().join("store")
    }

    /// The store, to write to.
    pub(crate) fn store(&self) -> Arc<dyn LockedStore> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = Box::new(|| NEXT.fetch_add(1, Ordering::Relaxed));
        Arc::new(FileStore::create(&self.root(), self.clock.closure(), next).unwrap())
    }

    /// Lets the sources grow and seals what is new in one segment.
    pub(crate) fn run(&self, run: usize) {
        self.clock.advance(20);
        fs::write(self.sources().join("a.ndjson"), lines(0, 40 + 30 * run)).unwrap();
        fs::write(self.sources().join("b.txt"), "one\ntwo\nthree\n".repeat(1 + run)).unwrap();
        let mut entropy = entropy(7_000 + u64::try_from(run).unwrap());
        let source = Source {
            paths: vec![self.sources()],
            format: Format::Auto,
            start_rule: None,
            follow: false,
            origin: None,
        };
        let request = Request {
            streams: vec![Stream {
                name: "app".to_owned(),
                labels: BTreeMap::new(),
                sources: vec![source],
            }],
            limits: Limits::default(),
            threads: 1,
            shard: Shard::WHOLE,
            store_root: None,
        };
        let store = self.store();
        let mut log = Log::open(Arc::clone(&store), Arc::clone(&self.keys)).unwrap();
        let keyring = Keyring::new(store, Arc::clone(&self.keys));
        let stop = AtomicBool::new(false);
        let report = archive(&mut log, &keyring, &request, &mut entropy, &stop, &Silent).unwrap();
        assert_eq!((report.segments, report.failures.len()), (1, 0), "{report:?}");
    }

    /// Fills the first bundle: ten windows, then many uploads given up in one claim, then five windows.
    pub(crate) fn grow(&self) {
        let mut random = entropy(11);
        let mut log = self.log();
        let until = log.now().unwrap().saturating_add_ms(600_000);
        let abandon = |n: u64| Item {
            kind: EntryKind::SegmentAbandon(Abandon {
                segment_id: SegmentId::new(n, &mut entropy(n)).unwrap(),
                until,
            }),
            beside: None,
        };
        let many: Vec<Item> = (0..240).map(abandon).collect();
        for run in 0..16 {
            let items = if run == 10 { many.as_slice() } else { &[] };
            log.append(items, Some(Shard::WHOLE), &mut random).unwrap();
        }
        self.clock.advance(20);
    }

    /// The log, to write to.
    pub(crate) fn log(&self) -> Log {
        Log::open(self.store(), Arc::clone(&self.keys)).unwrap()
    }

    /// A claim of the log and its entries.
    pub(crate) fn claim(&self, seq: u64) -> VerifiedClaim {
        let bytes = fs::read(self.root().join(format!("log/claim/{seq:020}"))).unwrap();
        let signer = self.keys.role(Role::Archive).public();
        UnverifiedClaim::parse(&bytes).unwrap().verify(|_| Some(signer)).unwrap()
    }

    /// The newest checkpoint, as somebody keeps it who has seen it.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let note = fs::read(self.root().join("log/checkpoint")).unwrap();
        Checkpoint::open(&note, self.keys.log().verifier()).unwrap()
    }

    /// Whoever has all keys and knows nothing else.
    pub(crate) fn auditor(&self) -> Auditor {
        Auditor {
            vkey: self.keys.log().verifier().clone(),
            log_open: None,
            checkpoint: None,
            keys: Some(Arc::clone(&self.keys)),
            deep: false,
            stop: false,
        }
    }

    /// Verifies the archive itself, while it may be written to.
    pub(crate) fn verify(&self, deep: bool) -> Report {
        let auditor = Auditor { deep, ..self.auditor() };
        auditor.verify(&self.root(), &self.clock).unwrap()
    }

    /// A copy with the same clock: what is broken in one is whole in the others.
    pub(crate) fn copy(&self) -> Copy {
        let temp = TempDir::new("tamper-copy");
        let root = temp.path().join("store");
        copy_below(&self.root(), &root);
        let copy = Copy {
            _temp: temp,
            root,
            clock: self.clock.clone(),
            keys: Arc::clone(&self.keys),
            auditor: self.auditor(),
        };
        for (key, bytes) in copy.objects() {
            copy.relink(&key, &bytes);
        }
        copy
    }
}

/// Events of an application, one a second.
fn lines(from: usize, to: usize) -> String {
    let line = |n: usize| {
        let (minute, second) = (n / 60, n % 60);
        format!(
            "{{\"time\":\"2026-11-21T07:{minute:02}:{second:02}Z\",\"user\":\"u{}\",\"n\":{n}}}\n",
            n % 7
        )
    };
    (from..to).map(line).collect()
}

/// A copy of an archive's store.
pub(crate) struct Copy {
    _temp: TempDir,
    root: PathBuf,
    pub(crate) clock: TestClock,
    pub(crate) keys: Arc<KeyFile>,
    pub(crate) auditor: Auditor,
}

impl Copy {
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    fn versions(&self, key: &str) -> PathBuf {
        self.root.join(".versions").join(key)
    }

    /// Every object by its key, with its bytes.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let mut objects = BTreeMap::new();
        gather(&self.root, "", &mut objects);
        objects
    }

    /// Overwrites an object as somebody with the disk would: its version is the same file.
    pub(crate) fn write(&self, key: &str, bytes: &[u8]) {
        fs::write(self.path(key), bytes).unwrap();
    }

    /// Removes the name alone.
    pub(crate) fn remove_name(&self, key: &str) {
        fs::remove_file(self.path(key)).unwrap();
    }

    /// Removes the name and everything that the store knows of it.
    pub(crate) fn remove(&self, key: &str) {
        self.remove_name(key);
        let stash = self.stash(key);
        fs::create_dir_all(&stash).unwrap();
        for name in version_files(&self.versions(key)) {
            fs::rename(self.versions(key).join(&name), stash.join(&name)).unwrap();
        }
    }

    /// Undoes whatever was done to an object.
    pub(crate) fn restore(&self, key: &str, bytes: &[u8]) {
        let stash = self.stash(key);
        for name in version_files(&stash) {
            fs::rename(stash.join(&name), self.versions(key).join(&name)).unwrap();
        }
        if self.path(key).exists() {
            self.write(key, bytes);
        } else {
            self.relink(key, bytes);
        }
    }

    fn stash(&self, key: &str) -> PathBuf {
        self.root.join("../stash").join(key)
    }

    /// Makes the name another name of the version's file.
    fn relink(&self, key: &str, bytes: &[u8]) {
        let path = self.path(key);
        if path.exists() {
            fs::remove_file(&path).unwrap();
        }
        let versions = self.versions(key);
        let same = |name: &String| {
            name.len() == VERSION_CHARS && fs::read(versions.join(name)).unwrap() == bytes
        };
        let version = version_files(&versions).into_iter().rfind(same).unwrap();
        fs::hard_link(versions.join(version), path).unwrap();
    }

    pub(crate) fn verify(&self, deep: bool) -> Report {
        self.verify_as(&Auditor { deep, ..self.auditor.clone() })
    }

    pub(crate) fn verify_as(&self, auditor: &Auditor) -> Report {
        self.try_verify(auditor).unwrap()
    }

    pub(crate) fn try_verify(&self, auditor: &Auditor) -> Result<Report, VerifyError> {
        auditor.verify(&self.root, &self.clock)
    }

    /// What the store records beside the one version of an object.
    pub(crate) fn record(&self, key: &str) -> PathBuf {
        let paths = fs::read_dir(self.versions(key)).unwrap().map(|entry| entry.unwrap().path());
        paths.into_iter().find(|path| path.extension().is_some_and(|end| end == "json")).unwrap()
    }
}

/// Whoever verifies, and what they know.
#[derive(Clone)]
pub(crate) struct Auditor {
    pub(crate) vkey: VerifierKey,
    pub(crate) log_open: Option<Digest>,
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) keys: Option<Arc<KeyFile>>,
    pub(crate) deep: bool,
    pub(crate) stop: bool,
}

impl Auditor {
    fn verify(&self, root: &Path, clock: &TestClock) -> Result<Report, VerifyError> {
        let store: Arc<dyn LockedStore> =
            Arc::new(FileStore::open_read_only(root, clock.closure()).unwrap());
        let keyring = self.keys.as_ref();
        let keyring =
            keyring.map(|keys| Arc::new(Keyring::new(Arc::clone(&store), Arc::clone(keys))));
        let options = Options {
            vkey: &self.vkey,
            log_open: self.log_open,
            checkpoint: self.checkpoint.as_ref(),
            key_file: self.keys.as_deref(),
            keys: keyring.as_ref(),
            deep: self.deep,
            threads: 2,
            stop: &AtomicBool::new(self.stop),
            now: store.now().unwrap(),
        };
        verify(&*store, &options, &Silent)
    }
}

/// The files in a directory of versions, oldest first.
fn version_files(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let files = entries.map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file());
    let mut names: Vec<_> = files.map(|file| file.file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

fn gather(dir: &Path, below: &str, objects: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with('.') {
            continue;
        }
        let key = format!("{below}{name}");
        if entry.file_type().unwrap().is_dir() {
            gather(&entry.path(), &format!("{key}/"), objects);
        } else {
            objects.insert(key, fs::read(entry.path()).unwrap());
        }
    }
}
