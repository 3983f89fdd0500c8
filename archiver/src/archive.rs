//! One run: read what is new, seal it, claim it.
//!
//! Streams are worked on side by side; what they seal is claimed together. Another worker may have claimed the same bytes
//! first: then this run's segments of that stream are void, are abandoned in the log, and the stream is read again from where
//! the log now stands.

mod inputs;
mod stream;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use strongroom_crypto::SegmentId;
use strongroom_crypto::entry::{Abandon, EntryKind};
use strongroom_crypto::keys::{Entropy, OriginKey};
use strongroom_crypto::name::Shard;
use strongroom_crypto::time::Instant;

use crate::config::Stream;
use crate::limits::Limits;
use crate::log::{Item, Keyring, Log, LogError, timestamp};
use crate::policies::{Labels, Policies, PolicyError, labels};
use crate::pool;
use crate::segment::{AppendError, EncodeError};
use crate::source::SourceError;
use crate::store::Covered;

/// Sealed segments are claimed when this many wait, even if the run goes on.
const CLAIM_SEALS: usize = 800;
/// The same after this time, or an eighth of the settling period if that is shorter.
const CLAIM_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// A stream that loses every race is given up after this many rounds: every loss means that others made progress.
const MAX_ROUNDS: usize = 64;

/// What to archive and within which bounds.
#[derive(Debug)]
pub struct Request {
    /// The streams.
    pub streams: Vec<Stream>,
    /// The bounds.
    pub limits: Limits,
    /// Streams worked on side by side.
    pub threads: usize,
    /// Which worker this is: each numbers its own windows. All read all streams that they are given.
    pub shard: Shard,
    /// The store's directory, if it has one here: nothing below it is archived.
    pub store_root: Option<PathBuf>,
}

/// A file that could not be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unread {
    /// Which, and why.
    pub message: String,
    /// What to do.
    pub next: &'static str,
}

impl From<&SourceError> for Unread {
    fn from(error: &SourceError) -> Self {
        Self { message: error.to_string(), next: error.next_step() }
    }
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Records that were framed, but for those that another worker claimed first.
    pub events_read: u64,
    /// Records in claimed segments.
    pub events_sealed: u64,
    /// Records kept raw because framing or parsing failed.
    pub events_rejected: u64,
    /// Repeats of a native id within a segment.
    pub duplicates: u64,
    /// Events that lie too far ahead of their receipt, of each stream that was sealed.
    pub quarantined: BTreeMap<String, u64>,
    /// Decoded bytes in claimed segments.
    pub bytes_raw: u64,
    /// Bytes of claimed segments and manifests.
    pub bytes_stored: u64,
    /// Claimed segments.
    pub segments: u64,
    /// Those of them whose events span more than the policy wants.
    pub over_max_span: u64,
    /// Files that could not be read, each with what to do.
    pub failures: Vec<Unread>,
    /// Globs that matched no file.
    pub unmatched: Vec<String>,
    /// What was found and is not to be read, each with why.
    pub skipped: Vec<String>,
    /// Files that were read, but hardly as they were meant to be, and objects that something covers.
    pub warnings: Vec<String>,
    /// The run was asked to stop before it had read everything.
    pub interrupted: bool,
}

/// A run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The log or the store.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A policy of the archive cannot be used.
    #[error(transparent)]
    Policy(PolicyError),
    /// A source is not usable at all.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A segment could not be sealed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A record could not be added.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A thread ended early.
    #[error(transparent)]
    Worker(#[from] pool::Died),
    /// An internal rule of the format was broken.
    #[error("cannot describe a segment: {0}: please report this as a bug")]
    Format(String),
    /// Other workers keep winning, or segments keep coming too late.
    #[error("the segments of a stream could not be claimed in {MAX_ROUNDS} rounds")]
    Contended,
    /// The run failed after a part had been claimed.
    #[error("{source}")]
    Partly {
        /// Events that were claimed.
        events: u64,
        /// What failed.
        source: Box<ArchiveError>,
    },
}

impl From<PolicyError> for ArchiveError {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Log(error) => Self::Log(error),
            error @ (PolicyError::Differs { .. } | PolicyError::Unusable { .. }) => {
                Self::Policy(error)
            }
        }
    }
}

impl From<crate::store::StoreError> for ArchiveError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Log(error.into())
    }
}

/// Who watches a run.
pub trait Progress: Send + Sync {
    /// A file of `bytes` decoded bytes to read was found.
    fn found(&self, bytes: u64);
    /// `bytes` decoded bytes were read.
    fn read(&self, bytes: u64);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn found(&self, _: u64) {}
    fn read(&self, _: u64) {}
}

/// A stored segment that waits for its claim.
#[derive(Debug)]
struct Pending {
    stream: usize,
    id: SegmentId,
    settle_until: Instant,
    item: Item,
    /// What the report gains when it is claimed.
    gain: Report,
}

/// What the threads of a run share.
pub(crate) struct Run<'a> {
    log: Mutex<&'a mut Log>,
    keyring: &'a Keyring,
    policies: Policies,
    origin_key: OriginKey,
    request: &'a Request,
    entropy: Mutex<&'a mut (dyn Entropy + Send)>,
    stop: &'a AtomicBool,
    progress: &'a dyn Progress,
    shared: Mutex<Shared>,
    /// Bytes that the open segments of one stream may hold.
    memory: usize,
}

#[derive(Default)]
struct Shared {
    pending: Vec<Pending>,
    /// Streams that lost a race.
    again: BTreeSet<usize>,
    /// Records that were framed and that another worker had claimed first: they are framed again.
    lost: u64,
    /// Streams whose sources cannot be used at all; the others go on.
    unusable: BTreeMap<usize, SourceError>,
    report: Report,
    /// What was already complained about.
    failed: BTreeSet<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere ends the run anyway.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Archives what is new and closes the window.
///
/// # Errors
///
/// [`ArchiveError`]: what was claimed before stands, nothing else is acknowledged.
pub fn archive(
    log: &mut Log,
    keyring: &Keyring,
    request: &Request,
    entropy: &mut (dyn Entropy + Send),
    stop: &AtomicBool,
    progress: &dyn Progress,
) -> Result<Report, ArchiveError> {
    let covered = [log.covered().clone(), keyring.covered().clone()];
    let labels = labels(&request.streams);
    let policies = policies(log, labels, request.shard, entropy)?;
    let (missing, refused) = crate::sweep::extend_as_permitted(log, &policies)?;
    let refused = refused.map(|detail| {
        format!(
            "the store lets these credentials set no dates ({detail}): `sweep --duty lock` has to"
        )
    });
    let origin_key = keyring.origin()?;
    keyring.lock_origin(log.birth_lock()?.until, log.key_lock()?)?;
    let failures = missing
        .iter()
        .map(|key| Unread {
            message: format!("`{key}` is missing: its lock could not be extended"),
            next: "run `strongroom verify` to see what is damaged",
        })
        .collect();
    let threads = request.threads.clamp(1, request.streams.len().max(1));
    let run = Run {
        origin_key,
        log: Mutex::new(log),
        keyring,
        policies,
        request,
        entropy: Mutex::new(entropy),
        stop,
        progress,
        shared: Mutex::new(Shared {
            report: Report {
                failures,
                warnings: refused.into_iter().collect(),
                ..Report::default()
            },
            ..Shared::default()
        }),
        // Columns hold about 0.6 of the bytes of their records; the rest is for encoding one of them.
        memory: request.limits.memory_bytes / 5 * 3 / threads,
    };
    let done = run.rounds(threads);
    if done.is_err() {
        // What is stored is claimed if that still works; it is the first error that is reported.
        run.claim(None).ok();
    }
    let mut shared = run.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unusable = shared.unusable.len() == request.streams.len();
    let done = match (done, shared.unusable.pop_first()) {
        (Ok(()), Some((_, error))) if unusable => Err(error.into()),
        (done, first) => {
            let others = shared.unusable.into_iter();
            let errors = first.into_iter().chain(others).map(|(_, error)| Unread::from(&error));
            shared.report.failures.extend(errors);
            done
        }
    };
    let mut report = shared.report;
    match done {
        Ok(()) => {
            report.events_read = report.events_read.saturating_sub(shared.lost);
            report.interrupted = stop.load(Ordering::Relaxed);
            report.warnings.extend(covered.iter().flat_map(Covered::warnings));
            Ok(report)
        }
        Err(error) if report.segments == 0 => Err(error),
        Err(error) => {
            Err(ArchiveError::Partly { events: report.events_sealed, source: Box::new(error) })
        }
    }
}

/// The policies that decide. Where they cannot be used, locks roll on all the same.
fn policies(
    log: &mut Log,
    labels: Labels,
    shard: Shard,
    entropy: &mut dyn Entropy,
) -> Result<Policies, ArchiveError> {
    let policies = Policies::load(&**log.store(), log.covered(), log.state(), labels);
    if let Err(PolicyError::Differs { .. } | PolicyError::Unusable { .. }) = policies {
        crate::sweep::extend_undecided(log)?;
        if log.is_extended() {
            log.append(&[], Some(shard), entropy)?;
        }
    }
    Ok(policies?)
}

impl Run<'_> {
    /// Works on all streams, and again on those that lost a race.
    fn rounds(&self, threads: usize) -> Result<(), ArchiveError> {
        let mut work: Vec<usize> = (0..self.request.streams.len()).collect();
        for _ in 0..MAX_ROUNDS {
            self.streams(&work, threads)?;
            if self.is_unusable() {
                return Ok(());
            }
            self.claim(Some(self.request.shard))?;
            work = std::mem::take(&mut lock(&self.shared).again).into_iter().collect();
            if work.is_empty() {
                return Ok(());
            }
            lock(&self.log).follow()?;
        }
        Err(ArchiveError::Contended)
    }

    /// Whether no stream has usable sources: then nothing is noted in the log.
    fn is_unusable(&self) -> bool {
        let streams = self.request.streams.len();
        streams > 0 && lock(&self.shared).unusable.len() == streams
    }

    /// Works on streams side by side until all are done or one fails.
    fn streams(&self, work: &[usize], threads: usize) -> Result<(), ArchiveError> {
        pool::each(threads, work, |&stream| {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            match self.stream(stream) {
                Err(ArchiveError::Source(error)) => {
                    lock(&self.shared).unusable.insert(stream, error);
                    Ok(())
                }
                done => done,
            }
        })
    }

    /// Takes stored segments over and claims them when enough wait.
    fn queue(&self, ready: Vec<Pending>) -> Result<(), ArchiveError> {
        let (waiting, oldest) = {
            let mut shared = lock(&self.shared);
            shared.pending.extend(ready);
            let oldest = shared.pending.iter().map(|pending| pending.settle_until).min();
            (shared.pending.len(), oldest)
        };
        let Some(oldest) = oldest else { return Ok(()) };
        let due = waiting >= CLAIM_SEALS || self.is_waiting_long(oldest)?;
        if due { self.claim(None) } else { Ok(()) }
    }

    /// Whether a segment whose settling lock ends then has waited for its claim as long as it should.
    fn is_waiting_long(&self, settle_until: Instant) -> Result<bool, ArchiveError> {
        let log = lock(&self.log);
        let (now, settling) = (timestamp(log.now()?), log.settling());
        let age = settling.age(timestamp(settle_until), now);
        Ok(age >= CLAIM_AFTER.min(settling.patience()))
    }

    /// Claims what waits; segments that lost a race are abandoned and their streams marked for another round.
    fn claim(&self, close: Option<Shard>) -> Result<(), ArchiveError> {
        let mut log = lock(&self.log);
        let pending = {
            let mut shared = lock(&self.shared);
            std::mem::take(&mut shared.pending)
        };
        if pending.is_empty() && close.is_none() {
            return Ok(());
        }
        let items: Vec<Item> = pending.iter().map(|pending| pending.item.clone()).collect();
        let voided = {
            let mut entropy = lock(&self.entropy);
            log.append(&items, close, &mut **entropy)?
        };
        let lost: BTreeSet<usize> = voided.iter().map(|void| void.place).collect();
        let mut abandoned = Vec::new();
        let mut shared = lock(&self.shared);
        for (place, pending) in pending.into_iter().enumerate() {
            if lost.contains(&place) {
                shared.again.insert(pending.stream);
                shared.lost += pending.gain.events_sealed;
                let abandon = Abandon { segment_id: pending.id, until: pending.settle_until };
                abandoned.push(Item { kind: EntryKind::SegmentAbandon(abandon), beside: None });
            } else {
                shared.report.add(&pending.gain);
            }
        }
        drop(shared);
        if !abandoned.is_empty() {
            let mut entropy = lock(&self.entropy);
            log.append(&abandoned, None, &mut **entropy)?;
        }
        Ok(())
    }

    fn failure(&self, what: &str, error: &SourceError) {
        let mut shared = lock(&self.shared);
        if shared.failed.insert(what.to_owned()) {
            shared.report.failures.push(error.into());
        }
    }
}

impl Report {
    fn add(&mut self, gain: &Self) {
        self.events_sealed += gain.events_sealed;
        self.events_rejected += gain.events_rejected;
        self.duplicates += gain.duplicates;
        for (stream, events) in &gain.quarantined {
            *self.quarantined.entry(stream.clone()).or_default() += events;
        }
        self.bytes_raw += gain.bytes_raw;
        self.bytes_stored += gain.bytes_stored;
        self.segments += gain.segments;
        self.over_max_span += gain.over_max_span;
    }
}
