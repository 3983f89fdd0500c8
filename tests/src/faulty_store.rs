//! A real store that fails twice over: *failed and not stored*, *failed but stored*.
//!
//! A plan names the write points where it fails and how. Every point that a test reaches is
//! recorded, so that a test over all points can assert that it met them.

mod point;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use rustix::process::{Signal, getpid, kill_process};
use strongroom_archiver::store::{
    Head, Listed, ListedVersion, Lock, LockedStore, ObjectKey, PutOptions, StoreError, VersionId,
};

pub use self::point::Point;

/// How a store fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Fails, not stored; the next call works.
    Before,
    /// As `Before`, for want of room.
    Full,
    /// As `Before`, for want of a permission.
    Denied,
    /// Reported as done, and not done: what gives no version.
    Pretended,
    /// Stored, but reported as a failure that leaves it open.
    StoredButFailed,
    /// Stored and reported so; then every call fails, as if the process had died.
    After,
    /// The process dies before the change.
    KillBefore,
    /// The process dies after the change, before it learns of it.
    KillAfter,
    /// Reported as a failure that leaves it open; it lands just before this many further calls
    /// have been made, behind whatever they changed.
    Delayed {
        /// Calls until it lands; 1 is the next.
        calls: u64,
    },
    /// A read gives only this many of the bytes asked for.
    Truncated {
        /// Bytes given.
        bytes: usize,
    },
}

impl Mode {
    fn is_of_reads(self) -> bool {
        matches!(self, Self::Truncated { .. })
    }
}

/// One failure of a plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Where.
    pub point: Point,
    /// At which of the calls there; the first is 1. Changes and reads are counted apart.
    pub nth: u64,
    /// How.
    pub mode: Mode,
}

/// What the stores of a test met. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Record(Arc<Mutex<Met>>);

#[derive(Debug, Default)]
struct Met {
    reached: BTreeMap<Point, u64>,
    extended: BTreeSet<ObjectKey>,
    fired: Vec<Fault>,
}

impl Record {
    /// How many changes were tried at each point.
    pub fn reached(&self) -> BTreeMap<Point, u64> {
        self.0.lock().unwrap().reached.clone()
    }

    /// The objects whose locks were to be moved.
    pub fn extended(&self) -> BTreeSet<ObjectKey> {
        self.0.lock().unwrap().extended.clone()
    }

    /// The faults that came about, in order.
    pub fn fired(&self) -> Vec<Fault> {
        self.0.lock().unwrap().fired.clone()
    }

    /// Those of `points` that no change reached.
    pub fn missed(&self, points: &[Point]) -> Vec<Point> {
        let reached = self.reached();
        points.iter().copied().filter(|point| !reached.contains_key(point)).collect()
    }
}

/// A change on its way to the store.
#[derive(Clone, Debug)]
enum Change {
    Put(ObjectKey, Vec<u8>, PutOptions),
    Extend(ObjectKey, VersionId, Lock),
    Hold(ObjectKey, VersionId, bool),
    Delete(ObjectKey, VersionId),
}

impl Change {
    fn point(&self) -> Point {
        match self {
            Self::Put(key, ..) => Point::of(key),
            Self::Extend(..) => Point::Lock,
            Self::Hold(..) => Point::Hold,
            Self::Delete(..) => Point::Delete,
        }
    }

    fn apply(&self, store: &impl LockedStore) -> Result<Option<VersionId>, StoreError> {
        match self {
            Self::Put(key, bytes, how) => store.put(key, bytes, how).map(Some),
            Self::Extend(key, version, lock) => {
                store.extend_lock(key, version, *lock).map(|()| None)
            }
            Self::Hold(key, version, on) => store.set_hold(key, version, *on).map(|()| None),
            Self::Delete(key, version) => store.delete_version(key, version).map(|()| None),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    changes: BTreeMap<Point, u64>,
    reads: BTreeMap<Point, u64>,
    dead: bool,
    /// Changes under way, each with the calls left until it lands.
    pending: Vec<(u64, Change)>,
}

/// Fails as planned, and otherwise is the store it wraps.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    plan: Vec<Fault>,
    record: Record,
    state: Mutex<State>,
}

impl<S: LockedStore> FaultyStore<S> {
    /// Wraps `inner`.
    pub fn new(inner: S, plan: Vec<Fault>) -> Self {
        Self::recorded(inner, plan, Record::default())
    }

    /// Wraps `inner` and adds to a record that other stores share.
    pub fn recorded(inner: S, plan: Vec<Fault>, record: Record) -> Self {
        Self { inner, plan, record, state: Mutex::default() }
    }

    /// The store as it is.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The store as it is, once this one has crashed.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// What was met.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Lets every delayed change land now; what becomes of it is nobody's to know.
    pub fn land(&self) {
        let pending = std::mem::take(&mut self.state().pending);
        for (_, change) in pending {
            change.apply(&self.inner).ok();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Begins a call: what was delayed until now lands, and the dead do not answer.
    fn begin(&self) -> Result<(), StoreError> {
        let due: Vec<Change> = {
            let mut state = self.state();
            if state.dead {
                return Err(unavailable("the process has crashed", false));
            }
            state.pending.iter_mut().for_each(|(calls, _)| *calls = calls.saturating_sub(1));
            let due = state.pending.extract_if(.., |(calls, _)| *calls == 0);
            due.map(|(_, change)| change).collect()
        };
        for change in due {
            change.apply(&self.inner).ok();
        }
        Ok(())
    }

    fn planned(&self, point: Point, nth: u64, of_reads: bool) -> Option<Mode> {
        let here = |fault: &&Fault| {
            fault.point == point && fault.nth == nth && fault.mode.is_of_reads() == of_reads
        };
        let fault = *self.plan.iter().find(here)?;
        self.record.0.lock().unwrap().fired.push(fault);
        Some(fault.mode)
    }

    fn change(&self, change: Change) -> Result<Option<VersionId>, StoreError> {
        self.begin()?;
        let point = change.point();
        let nth = {
            let mut state = self.state();
            let nth = state.changes.entry(point).or_default();
            *nth += 1;
            *nth
        };
        let mut met = self.record.0.lock().unwrap();
        *met.reached.entry(point).or_default() += 1;
        if let Change::Extend(key, ..) = &change {
            met.extended.insert(key.clone());
        }
        drop(met);
        let failed = |may_be_stored| unavailable(&format!("fault at {point} {nth}"), may_be_stored);
        match self.planned(point, nth, false) {
            None | Some(Mode::Truncated { .. }) => change.apply(&self.inner),
            Some(Mode::Before) => Err(failed(false)),
            Some(Mode::Denied) => {
                Err(StoreError::Denied { detail: format!("fault at {point} {nth}") })
            }
            Some(Mode::Full) => Err(StoreError::Full { detail: format!("fault at {point} {nth}") }),
            Some(Mode::Pretended) => Ok(None),
            Some(Mode::StoredButFailed) => {
                change.apply(&self.inner)?;
                Err(failed(true))
            }
            Some(Mode::After) => {
                let answer = change.apply(&self.inner)?;
                self.state().dead = true;
                Ok(answer)
            }
            Some(Mode::KillBefore) => die(),
            Some(Mode::KillAfter) => {
                change.apply(&self.inner)?;
                die()
            }
            Some(Mode::Delayed { calls }) => {
                self.state().pending.push((calls, change));
                Err(failed(true))
            }
        }
    }

    fn truncate(&self, key: &ObjectKey, answer: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let point = Point::of(key);
        let nth = {
            let mut state = self.state();
            let nth = state.reads.entry(point).or_default();
            *nth += 1;
            *nth
        };
        match (self.planned(point, nth, true), answer) {
            (Some(Mode::Truncated { bytes }), Some(mut answer)) => {
                answer.truncate(bytes);
                Some(answer)
            }
            (_, answer) => answer,
        }
    }
}

fn unavailable(detail: &str, may_be_stored: bool) -> StoreError {
    StoreError::Unavailable { detail: detail.to_owned(), may_be_stored }
}

/// Dies as a machine does: no destructor runs and no buffer is written.
fn die() -> ! {
    kill_process(getpid(), Signal::KILL).unwrap();
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

impl<S: LockedStore> LockedStore for FaultyStore<S> {
    fn put(
        &self,
        key: &ObjectKey,
        bytes: &[u8],
        how: &PutOptions,
    ) -> Result<VersionId, StoreError> {
        let version = self.change(Change::Put(key.clone(), bytes.to_vec(), *how))?;
        Ok(version.expect("a put gives a version"))
    }

    fn head(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Head>, StoreError> {
        self.begin()?;
        self.inner.head(key, version)
    }

    fn get(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.begin()?;
        let answer = self.inner.get(key, version)?;
        Ok(self.truncate(key, answer))
    }

    fn get_range(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
        offset: u64,
        len: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.begin()?;
        let answer = self.inner.get_range(key, version, offset, len)?;
        Ok(self.truncate(key, answer))
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.begin()?;
        self.inner.list(prefix, start_after, limit)
    }

    fn list_versions_after(
        &self,
        prefix: &str,
        start_after: &str,
    ) -> Result<Vec<ListedVersion>, StoreError> {
        self.begin()?;
        self.inner.list_versions_after(prefix, start_after)
    }

    fn extend_lock(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        lock: Lock,
    ) -> Result<(), StoreError> {
        self.change(Change::Extend(key.clone(), version.clone(), lock)).map(drop)
    }

    fn set_hold(&self, key: &ObjectKey, version: &VersionId, on: bool) -> Result<(), StoreError> {
        self.change(Change::Hold(key.clone(), version.clone(), on)).map(drop)
    }

    fn delete_version(&self, key: &ObjectKey, version: &VersionId) -> Result<(), StoreError> {
        self.change(Change::Delete(key.clone(), version.clone())).map(drop)
    }

    fn abort_uploads(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.begin()?;
        self.inner.abort_uploads(key)
    }

    fn now(&self) -> Result<Timestamp, StoreError> {
        self.begin()?;
        self.inner.now()
    }

    fn url(&self) -> &str {
        self.inner.url()
    }
}
