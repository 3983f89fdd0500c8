//! Requests and bytes: what a run cost.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use super::{
    Head, Listed, ListedVersion, Lock, LockedStore, ObjectKey, PutOptions, StoreError, VersionId,
};

/// Requests by kind, as a bill tells them apart, failed ones included; and bytes that went each way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Objects written.
    pub puts: u64,
    /// Objects described.
    pub heads: u64,
    /// Objects read, whole or in part.
    pub gets: u64,
    /// Listings.
    pub lists: u64,
    /// Locks extended.
    pub extends: u64,
    /// Holds set or lifted.
    pub holds: u64,
    /// Versions deleted.
    pub deletes: u64,
    /// Bytes given to the store by puts that succeeded.
    pub bytes_in: u64,
    /// Bytes that the store gave out.
    pub bytes_out: u64,
}

impl Counts {
    /// All requests.
    pub fn requests(&self) -> u64 {
        let kinds =
            [self.puts, self.heads, self.gets, self.lists, self.extends, self.holds, self.deletes];
        kinds.iter().fold(0, |sum, kind| sum.saturating_add(*kind))
    }
}

/// Counts that several threads add to.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) puts: AtomicU64,
    pub(super) heads: AtomicU64,
    pub(super) gets: AtomicU64,
    pub(super) lists: AtomicU64,
    pub(super) extends: AtomicU64,
    pub(super) holds: AtomicU64,
    pub(super) deletes: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Counters {
    /// What they stand at.
    pub(super) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            puts: read(&self.puts),
            heads: read(&self.heads),
            gets: read(&self.gets),
            lists: read(&self.lists),
            extends: read(&self.extends),
            holds: read(&self.holds),
            deletes: read(&self.deletes),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
        }
    }
}

/// Counts what is asked of `S`; where `S` sends requests of its own, those are what counts.
#[derive(Debug)]
pub struct Counted<S> {
    inner: S,
    counters: Counters,
}

impl<S: LockedStore> Counted<S> {
    /// Counts from zero.
    pub fn new(inner: S) -> Self {
        Self { inner, counters: Counters::default() }
    }

    /// The store itself.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// What was asked so far.
    pub fn counts(&self) -> Counts {
        let asked = self.counters.counts();
        let (bytes_in, bytes_out) = (asked.bytes_in, asked.bytes_out);
        self.inner.sent().map_or(asked, |sent| Counts { bytes_in, bytes_out, ..sent })
    }

    fn count_out(&self, answer: Option<&Vec<u8>>) {
        add(&self.counters.bytes_out, answer.map_or(0, Vec::len));
    }
}

pub(super) fn one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn add(counter: &AtomicU64, bytes: usize) {
    counter.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl<S: LockedStore> LockedStore for Counted<S> {
    fn put(
        &self,
        key: &ObjectKey,
        bytes: &[u8],
        how: &PutOptions,
    ) -> Result<VersionId, StoreError> {
        one(&self.counters.puts);
        let version = self.inner.put(key, bytes, how)?;
        add(&self.counters.bytes_in, bytes.len());
        Ok(version)
    }

    fn head(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Head>, StoreError> {
        one(&self.counters.heads);
        self.inner.head(key, version)
    }

    fn get(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        one(&self.counters.gets);
        let answer = self.inner.get(key, version)?;
        self.count_out(answer.as_ref());
        Ok(answer)
    }

    fn get_range(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
        offset: u64,
        len: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        one(&self.counters.gets);
        let answer = self.inner.get_range(key, version, offset, len)?;
        self.count_out(answer.as_ref());
        Ok(answer)
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        one(&self.counters.lists);
        self.inner.list(prefix, start_after, limit)
    }

    fn list_versions_after(
        &self,
        prefix: &str,
        start_after: &str,
    ) -> Result<Vec<ListedVersion>, StoreError> {
        one(&self.counters.lists);
        self.inner.list_versions_after(prefix, start_after)
    }

    fn extend_lock(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        lock: Lock,
    ) -> Result<(), StoreError> {
        one(&self.counters.extends);
        self.inner.extend_lock(key, version, lock)
    }

    fn set_hold(&self, key: &ObjectKey, version: &VersionId, on: bool) -> Result<(), StoreError> {
        one(&self.counters.holds);
        self.inner.set_hold(key, version, on)
    }

    fn delete_version(&self, key: &ObjectKey, version: &VersionId) -> Result<(), StoreError> {
        one(&self.counters.deletes);
        self.inner.delete_version(key, version)
    }

    fn abort_uploads(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        one(&self.counters.lists);
        self.inner.abort_uploads(key)
    }

    fn now(&self) -> Result<Timestamp, StoreError> {
        self.inner.now()
    }

    fn url(&self) -> &str {
        self.inner.url()
    }

    fn sent(&self) -> Option<Counts> {
        self.inner.sent()
    }
}
