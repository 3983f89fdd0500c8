//! Reads a whole archive from outside and checks everything that is promised.
//!
//! It shares with the archiver the reading of a segment and nothing else: the log is folded from
//! its claims, every checkpoint, tile and bundle is compared with that, every segment is decoded
//! and its tree computed again, and the ranges are put together to the bytes of the sources.

mod log;
mod objects;
mod segment;
mod source;

use std::{collections::BTreeMap, fmt, sync::Arc};

use strongroom_archiver::store::{LockedStore, ObjectKey};
use strongroom_crypto::{Digest, keys::KeyFile, time::Instant};

pub use self::source::{Source, compare, compare_claimed};

/// A generation of an origin: stream, origin and generation.
pub type Place = (String, String, u64);

/// What an archive was found to hold.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Leaves of the log.
    pub entries: u64,
    /// Claims.
    pub claims: u64,
    /// The size of the largest checkpoint; 0 if there is none.
    pub published: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Windows that were closed.
    pub windows: u64,
    /// Until when the locks were last extended, in milliseconds since 1970.
    pub extended_until_ms: Option<i64>,
    /// When the first lock of a claimed segment ends, in milliseconds since 1970.
    pub lapses_first_ms: Option<i64>,
    /// Entries without effect, and why.
    pub void: Vec<String>,
    /// Segments whose seal is valid.
    pub segments: u64,
    /// Segments that were abandoned.
    pub abandoned: u64,
    /// Segments that no entry names.
    pub orphans: u64,
    /// Windows whose snapshot another writer has replaced since: readers fold from further back.
    pub stale_roots: u64,
    /// The newest of them.
    pub newest_root_is_stale: bool,
    /// Every record of every valid segment, sorted; one that was archived twice stands twice.
    pub records: Vec<Record>,
    /// The bytes of each generation, put together.
    pub contents: BTreeMap<Place, Content>,
}

/// A record: where it is from and what it is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Record {
    /// Its stream.
    pub stream: String,
    /// Its origin's name.
    pub origin: String,
    /// Its generation.
    pub generation: u64,
    /// Where it begins there.
    pub offset: u64,
    /// Digest of its bytes.
    pub sha256: Digest,
}

/// What is archived of a generation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Content {
    /// How many bytes.
    pub len: u64,
    /// Their digest.
    pub sha256: Digest,
}

/// What is wrong with an archive, one sentence each.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Findings(pub Vec<String>);

impl Findings {
    pub(crate) fn add(&mut self, finding: impl Into<String>) {
        self.0.push(finding.into());
    }

    pub(crate) fn require(&mut self, holds: bool, finding: impl FnOnce() -> String) {
        if !holds {
            self.0.push(finding());
        }
    }

    /// Fails with what was found, if anything was.
    ///
    /// # Errors
    ///
    /// The findings themselves.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} findings:", self.0.len())?;
        // The first ones say most; a log of thousands of entries may have as many.
        self.0.iter().take(20).try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

/// The store as the auditor reads it.
pub(crate) struct Shelf<'a> {
    store: &'a dyn LockedStore,
}

impl Shelf<'_> {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.store.get(&ObjectKey::new(name).unwrap(), None).unwrap()
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        let listed = self.store.list(prefix, None, usize::MAX).unwrap();
        listed.into_iter().map(|item| item.key.as_str().to_owned()).collect()
    }
}

/// Reads an archive from its first byte to its last.
///
/// # Errors
///
/// Everything that is not as promised.
pub fn audit(store: &Arc<dyn LockedStore>, keys: &Arc<KeyFile>) -> Result<Audit, Findings> {
    let shelf = Shelf { store: &**store };
    let mut findings = Findings::default();
    objects::check_versions(&shelf, &mut findings);
    let Some(log) = log::fold(&shelf, &mut findings) else { return Err(findings) };
    let mut audit = Audit::default();
    log::check_published(&shelf, &log, keys, &mut audit, &mut findings);
    log::check_snapshots(&shelf, &log, &mut audit, &mut findings);
    objects::check_segments(&shelf, &log, &mut audit, &mut findings);
    segment::read_all(store, keys, &log, &mut audit, &mut findings);
    audit.entries = log.leaves.len() as u64;
    audit.claims = log.claims;
    audit.segments = log.seals.len() as u64;
    audit.windows = log.closes.len() as u64;
    audit.extended_until_ms = log.state.extended_until().map(Instant::unix_ms);
    audit.void = log.void;
    findings.into_result().map(|()| audit)
}
