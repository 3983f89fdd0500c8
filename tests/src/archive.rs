//! A small archive of a test: its keys, its store and runs over its sources.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use jiff::Timestamp;
use strongroom_archiver::{
    archive::{ArchiveError, Report, Request, Silent, archive},
    config::{Source, Stream},
    limits::Limits,
    log::{About, Keyring, Log, LogError},
    source::Format,
    store::{LockedStore, file::FileStore},
    verify::{self, Options, verify},
};
use strongroom_crypto::{ArchiveId, keys::KeyFile, name::Shard};

use crate::{
    auditor::{Audit, audit},
    clock::TestClock,
    entropy::Dice,
};

/// The settling period: the longest that a test archive may have.
pub const SETTLE_MS: i64 = 600_000;

/// An archive in a directory: `store`, `store.key` and whatever else the test puts there.
#[derive(Debug)]
pub struct TestArchive {
    root: PathBuf,
    seed: u64,
    keys: Arc<KeyFile>,
    /// The clock of its stores.
    pub clock: TestClock,
}

impl TestArchive {
    /// Makes keys, store and log.
    pub fn create(root: &Path, seed: u64, clock: TestClock) -> Self {
        let archive = Self::without_log(root, seed, clock);
        archive.create_log(Arc::new(archive.store(0)), 0).unwrap().expect("a new log");
        archive
    }

    /// Makes keys and an empty store.
    pub fn without_log(root: &Path, seed: u64, clock: TestClock) -> Self {
        let mut dice = Dice::new(seed, u64::MAX);
        let keys = KeyFile::generate(ArchiveId::generate(&mut dice), &mut dice);
        fs::write(root.join("store.key"), keys.to_text().as_bytes()).unwrap();
        let archive = Self { root: root.to_owned(), seed, keys: Arc::new(keys), clock };
        let entropy = Dice::new(seed, u64::MAX - 1).into_closure();
        FileStore::create(&archive.store_path(), archive.clock.closure(), entropy).unwrap();
        archive
    }

    /// The archive that another process made.
    pub fn open(root: &Path, seed: u64, clock: TestClock) -> Self {
        let keys = KeyFile::parse(&fs::read_to_string(root.join("store.key")).unwrap()).unwrap();
        Self { root: root.to_owned(), seed, keys: Arc::new(keys), clock }
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where its objects are.
    pub fn store_path(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Its keys.
    pub fn keys(&self) -> &Arc<KeyFile> {
        &self.keys
    }

    /// The store as one run opens it: runs of different numbers draw different ids.
    pub fn store(&self, run: u64) -> FileStore {
        let entropy = Dice::new(self.seed, run << 8 | 1).into_closure();
        FileStore::open(&self.store_path(), self.clock.closure(), entropy).unwrap()
    }

    /// Begins the log; `None` if there is one.
    ///
    /// # Errors
    ///
    /// The log's.
    pub fn create_log(
        &self,
        store: Arc<dyn LockedStore>,
        run: u64,
    ) -> Result<Option<Log>, LogError> {
        let settle = Duration::from_millis(SETTLE_MS.unsigned_abs());
        let mut dice = Dice::new(self.seed, run << 8 | 2);
        Log::create(store, Arc::clone(&self.keys), &About::test(settle), &mut dice)
    }

    /// One run over sources, as the command line makes it.
    ///
    /// # Errors
    ///
    /// The archiver's.
    pub fn run(
        &self,
        store: Arc<dyn LockedStore>,
        run: u64,
        request: &Request,
    ) -> Result<Report, ArchiveError> {
        let mut log = Log::open(Arc::clone(&store), Arc::clone(&self.keys))?;
        let keyring = Keyring::new(store, Arc::clone(&self.keys));
        let mut dice = Dice::new(self.seed, run << 8 | 3);
        archive(&mut log, &keyring, request, &mut dice, &AtomicBool::new(false), &Silent)
    }

    /// One run that nothing disturbs.
    pub fn clean_run(&self, run: u64, request: &Request) -> Report {
        self.run(Arc::new(self.store(run)), run, request).unwrap()
    }

    /// Reads everything from outside; fails with all that is wrong.
    pub fn audit(&self) -> Audit {
        let store = FileStore::open_read_only(&self.store_path(), self.clock.closure()).unwrap();
        let store: Arc<dyn LockedStore> = Arc::new(store);
        audit(&store, &self.keys).unwrap_or_else(|findings| panic!("{findings}"))
    }
}

/// A stream of one source.
pub fn stream(name: &str, path: &Path, follow: bool) -> Stream {
    let source = Source {
        paths: vec![path.to_owned()],
        format: Format::Auto,
        start_rule: None,
        follow,
        origin: None,
    };
    Stream { name: name.to_owned(), labels: BTreeMap::new(), sources: vec![source] }
}

/// A run over streams one after the other, with segments of at most `segment_rows`.
pub fn request(streams: Vec<Stream>, segment_rows: usize) -> Request {
    let limits = Limits { segment_rows, ..Limits::default() };
    Request { streams, limits, threads: 1, shard: Shard::WHOLE, store_root: None }
}

/// What an auditor with the key finds in a store whose clock says `now`, without reading records.
pub fn verified_at(root: &Path, keys: &KeyFile, now: Timestamp) -> verify::Report {
    let store = FileStore::open_read_only(root, Box::new(move || now)).unwrap();
    let options = Options {
        vkey: keys.log().verifier(),
        log_open: None,
        checkpoint: None,
        key_file: Some(keys),
        keys: None,
        deep: false,
        threads: 1,
        stop: &AtomicBool::new(false),
        now,
    };
    verify(&store, &options, &Silent).unwrap()
}
