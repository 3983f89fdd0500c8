//! The archive's log as a writer sees it: read, appended to by claims, published as tiles and checkpoints.
//!
//! The order of writes is `crypto/FORMAT.md` sections 7 to 10: claim, then bundles and tiles, then the checkpoint, then the
//! hint. Opening a log does whatever an interrupted run left undone with the same code.

mod claims;
mod create;
mod error;
mod keys;
mod lists;
mod names;
mod publish;
mod read;
mod since;
mod stored;
mod walk;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::Digest;
use strongroom_crypto::claim::{Attachment, ClaimDraft, VerifiedClaim};
use strongroom_crypto::entry::{Entry, EntryKind, Locked, WindowClose};
use strongroom_crypto::keys::{Entropy, KeyFile, KeyId, Role};
use strongroom_crypto::name::Shard;
use strongroom_crypto::state::{CLOCK_SLACK_MS, FoldError, Outcome, State, Undecided, Void};
use strongroom_crypto::time::Instant;
use strongroom_retention::Settling;

use crate::store::{
    Covered, Lock, LockMode, LockedStore, ObjectKey, PutOptions, StoreError, put_checked,
};

use claims::Claims;

pub use create::About;
pub(crate) use create::role_keys;
pub use error::LogError;
pub use keys::{KeyError, Keyring};
pub(crate) use lists::{add_lists, find_list, read_list};
pub use names::{
    checkpoint_key, claim_key, manifest_key, page_key, period_key_object, root_key, segment_key,
    tile_key,
};
use read::Edge;
pub use read::{Head, newest_checkpoint};
use stored::require_lock;
pub(crate) use stored::{extend_from, extend_unseen, put_once};
pub use walk::{Gone, Sealed, visit, visit_until, walk};

/// A claim is put again this often before the run gives up and says so.
const CLAIM_TRIES: u32 = 6;
/// Entries of one claim: below the format's cap, so that a window fits behind them.
const CLAIM_ENTRIES: usize = 900;
/// A window is closed in the claim of the last segments if there are no more than this: every run
/// begins by reading that claim.
const CLOSING_ENTRIES: usize = 32;
/// Bytes of entries and details of one claim, well below the format's cap.
const CLAIM_BYTES: usize = 700 << 10;

/// An entry to append, and the ranges of a seal.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it says.
    pub kind: EntryKind,
    /// What it names by a digest.
    pub beside: Option<Attachment>,
}

/// An item that was not claimed.
#[derive(Debug)]
pub struct Voided {
    /// Its place among the items.
    pub place: usize,
    /// What another writer made it; none if its settling lock is too old for a claim.
    pub reason: Option<Void>,
}

/// How far the dates of segments are set, and until when what proves them is locked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dated {
    /// Under which policy, and up to where.
    pub(crate) locked: Locked,
    /// Until when.
    pub(crate) proof_until: Option<Instant>,
}

/// A log opened for writing.
pub struct Log {
    store: Arc<dyn LockedStore>,
    keys: Arc<KeyFile>,
    covered: Covered,
    state: State,
    /// The leaves behind `head`.
    fresh: Vec<Vec<u8>>,
    /// The newest checkpoint that is known.
    head: Head,
    /// The tiles at its right edge, as far as they were read.
    edge: Edge,
    /// Until when this run has extended all locks.
    extended: Option<Instant>,
    /// How far this run has set the dates of segments.
    dated: Option<Dated>,
    /// Whose key signs claims.
    duty: Role,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("size", &self.state.size())
            .field("head", &self.head.size)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// What the log adds up to.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The newest checkpoint.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn LockedStore> {
        &self.store
    }

    /// The names that something was found to lie over.
    pub fn covered(&self) -> &Covered {
        &self.covered
    }

    /// How long new objects are locked, and when their locks move on.
    pub fn settling(&self) -> Settling {
        settling(&self.state)
    }

    /// Loads all pages of live segments.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub(crate) fn load_all_pages(&mut self) -> Result<(), LogError> {
        self.load_pages_since(0)
    }

    /// Signs with the key of another duty than `archive` from here on.
    #[must_use]
    pub fn on_duty(self, duty: Role) -> Self {
        Self { duty, ..self }
    }

    /// Notes for the next window that all locks last until `until`.
    pub(crate) fn set_extended(&mut self, until: Instant) {
        self.extended = Some(until);
    }

    /// Notes for the next window how far dates are set.
    pub(crate) fn set_dated(&mut self, dated: Dated) {
        self.dated = Some(dated);
    }

    /// Whether this run has moved locks, and the log does not say so yet.
    pub(crate) fn is_extended(&self) -> bool {
        self.extended > self.state.extended_until()
            || self.dated.is_some_and(|dated| Some(dated.locked) != self.state.locked())
    }

    /// The lock of an object born now.
    ///
    /// # Errors
    ///
    /// The store cannot tell its time.
    pub fn birth_lock(&self) -> Result<Lock, LogError> {
        let until = self.settling().lock_until(self.store.now()?);
        Ok(Lock { mode: LockMode::Governance, until })
    }

    /// The lock of a key that needs one now.
    ///
    /// # Errors
    ///
    /// The store cannot tell its time.
    pub(crate) fn key_lock(&self) -> Result<Lock, LogError> {
        let until = self.settling().key_lock_until(self.store.now()?);
        Ok(Lock { mode: LockMode::Governance, until })
    }

    /// Stores an object under its birth lock, unless the very same bytes are there already.
    ///
    /// # Errors
    ///
    /// The store's, or [`LogError::Damaged`] if other bytes have the name.
    pub fn put_once(&self, key: &ObjectKey, bytes: &[u8]) -> Result<(), LogError> {
        put_once(&*self.store, &self.covered, key, bytes, Some(self.birth_lock()?))
    }

    /// Appends `items` in order, then, if asked and if nothing was void, closes a window. Items that another writer has
    /// made void, or that come too late, are left out and returned.
    ///
    /// # Errors
    ///
    /// [`LogError`]; whatever was claimed before stands.
    pub fn append(
        &mut self,
        items: &[Item],
        close: Option<Shard>,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Voided>, LogError> {
        let mut voided = Vec::new();
        let (mut from, mut open) = (0, close);
        while from < items.len() {
            let end = batch_end(items, from);
            let batch = items.get(from..end).unwrap_or_default();
            let last = end == items.len() && batch.len() <= CLOSING_ENTRIES && voided.is_empty();
            let closing = open.filter(|_| last);
            let void = self.claim(batch, closing, entropy)?;
            if closing.is_some() && void.is_empty() {
                open = None;
            }
            voided.extend(void.into_iter().map(|v| Voided { place: v.place + from, ..v }));
            from = end;
        }
        if open.is_some() && voided.is_empty() {
            self.claim(&[], open, entropy)?;
        }
        self.publish()?;
        Ok(voided)
    }

    /// One claim, tried at place after place until it is won or empty.
    fn claim(
        &mut self,
        items: &[Item],
        close: Option<Shard>,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Voided>, LogError> {
        loop {
            // A place whose claim is hidden is not free. Whether it is free is asked by the put itself.
            self.follow_listed()?;
            let (draft, voided) = match self.draft(items, close, entropy) {
                Err(LogError::Derived { .. }) => {
                    self.start_over()?;
                    self.draft(items, close, entropy)?
                }
                drafted => drafted?,
            };
            if draft.items.is_empty() {
                return Ok(voided);
            }
            let claim = draft.sign(self.keys.role(self.duty))?;
            if self.put_claim(&claim)? {
                self.fold(&claim)?;
                return Ok(voided);
            }
        }
    }

    /// Composes a claim for the next place from what is still valid there.
    fn draft(
        &mut self,
        items: &[Item],
        close: Option<Shard>,
        entropy: &mut dyn Entropy,
    ) -> Result<(ClaimDraft, Vec<Voided>), LogError> {
        self.require_known()?;
        let now = self.now()?;
        let signer = self.keys.role(self.duty).id();
        let mut ahead = self.state.clone();
        let (mut kept, mut voided) = (Vec::new(), Vec::new());
        for (place, item) in items.iter().enumerate() {
            // What officers decide is not dated back, also by a clock that is somewhat slow.
            let is_act = item.kind.signatures().is_some();
            let at = if is_act { now.max(ahead.latest()) } else { now };
            let entry = Entry::new(at, item.kind.clone());
            if self.is_too_late(&item.kind, now) {
                voided.push(Voided { place, reason: None });
                continue;
            }
            match self.check(&mut ahead, &entry, item.beside.as_ref(), signer)? {
                Outcome::Valid => {
                    ahead
                        .apply(&entry.encode(), item.beside.as_ref(), signer)
                        .map_err(FoldError::from)?;
                    kept.push((entry, item.beside.clone()));
                }
                Outcome::Void(reason) => voided.push(Voided { place, reason: Some(reason) }),
                Outcome::Unknown { .. } => {}
            }
        }
        if let (Some(shard), true) = (close, voided.is_empty()) {
            kept.push((self.close(&mut ahead, shard, now)?, None));
        }
        let next = self.state.next_claim();
        let mut nonce = [0; 16];
        entropy.fill(&mut nonce);
        let (archive_id, seq, prev_claim_sha256) =
            (self.state.archive_id(), next.seq, next.prev_sha256);
        Ok((ClaimDraft { archive_id, seq, prev_claim_sha256, nonce, items: kept }, voided))
    }

    /// What becomes of an entry, with the pages and lists at hand that decide it.
    fn check(
        &self,
        state: &mut State,
        entry: &Entry,
        beside: Option<&Attachment>,
        signer: KeyId,
    ) -> Result<Outcome, LogError> {
        loop {
            match state.check(entry, beside, signer) {
                // A clock that is ahead of ours made ids around this one: their page decides.
                Err(Undecided::Pages(pages)) => self.load_pages(state, &pages)?,
                Err(Undecided::Lists(lists)) => {
                    add_lists(&*self.store, &self.covered, state, &lists)?;
                }
                outcome => return Ok(outcome.map_err(FoldError::from)?),
            }
        }
    }

    /// The entry that ends a run, with the digest of the snapshot that it stores first.
    fn close(&self, ahead: &mut State, shard: Shard, now: Instant) -> Result<Entry, LogError> {
        self.load_pages(ahead, &ahead.pages_needed_for_snapshot())?;
        let snapshot = ahead.snapshot()?;
        for (digest, bytes) in &snapshot.new_pages {
            self.put_derived(&page_key(*digest)?, bytes)?;
        }
        // A crash here leaves pages and a root that nothing names: derived objects, not trusted.
        self.put_derived(&root_key(snapshot.size)?, &snapshot.root_bytes)?;
        let settle_ms = i64::try_from(ahead.settle_ms()).unwrap_or(i64::MAX);
        let longest = now.saturating_add_ms(settle_ms);
        // Under a policy that came meanwhile, dates are set by the next run.
        let newest = ahead.policies().last().map(|record| record.policy);
        let dated = self.dated.filter(|dated| Some(dated.locked.policy) == newest);
        let close = WindowClose {
            extended_until: self.extended.map(|until| until.min(longest)),
            index_sha256: Some(snapshot.root_digest),
            locked: dated.map(|dated| dated.locked),
            proof_until: dated.and_then(|dated| dated.proof_until),
            number: ahead.next_window(shard),
            segments: ahead.live_segments(),
            shard,
        };
        Ok(Entry::new(now, EntryKind::WindowClose(close)))
    }

    /// A segment whose lock could lapse before its claim is won must not be claimed.
    fn is_too_late(&self, kind: &EntryKind, now: Instant) -> bool {
        let EntryKind::SegmentSeal(seal) = kind else { return false };
        !self.settling().may_claim(timestamp(seal.settle_until), timestamp(now))
    }

    /// Puts a claim at its place. True: it is there. False: another claim is, and was folded.
    fn put_claim(&mut self, claim: &VerifiedClaim) -> Result<bool, LogError> {
        let key = claim_key(claim.seq())?;
        let mut last = None;
        for _ in 0..CLAIM_TRIES {
            let options = PutOptions {
                lock: Some(self.birth_lock()?),
                create_only: true,
                sha256: Digest::of(claim.bytes()),
            };
            match put_checked(&*self.store, &key, claim.bytes(), &options) {
                Ok(_) => return Ok(true),
                Err(
                    error @ (StoreError::AlreadyExists { .. }
                    | StoreError::Conflict { .. }
                    | StoreError::Unavailable { .. }),
                ) => {
                    last = Some(error);
                }
                Err(error) => return Err(error.into()),
            }
            // The reply is no proof either way: what is stored decides.
            let claims = Claims::after(&*self.store, &self.covered, &self.state);
            match claims.and_then(|claims| claims.next(&self.state)) {
                Ok(Some(found)) if found.bytes() == claim.bytes() => {
                    require_lock(&*self.store, &self.covered, &key, options.lock)?;
                    return Ok(true);
                }
                Ok(Some(other)) => {
                    self.fold(&other)?;
                    return Ok(false);
                }
                Ok(None) | Err(LogError::Store(StoreError::Unavailable { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        let last = last.unwrap_or(StoreError::Conflict { key });
        Err(LogError::Unconfirmed { seq: claim.seq(), last })
    }

    /// Folds a claim and remembers its leaves for publishing.
    fn fold(&mut self, claim: &VerifiedClaim) -> Result<(), LogError> {
        let before = self.state.size();
        let first = self.state.next_claim().first;
        let mut state = self.state.clone();
        loop {
            let loaded = match state.apply_claim(claim) {
                Ok(_) => break,
                Err(FoldError::Undecided(Undecided::Pages(pages))) => {
                    self.load_pages(&mut state, &pages)
                }
                Err(FoldError::Undecided(Undecided::Lists(lists))) => {
                    add_lists(&*self.store, &self.covered, &mut state, &lists)
                }
                Err(error) => return Err(error.into()),
            };
            match loaded {
                Ok(()) => {}
                // The claim is stored: who folds the log from its beginning folds it too.
                Err(LogError::Derived { .. }) => return self.start_over(),
                Err(error) => return Err(error),
            }
        }
        self.state = state;
        let known = self.head.size.max(before);
        for (index, item) in (first..).zip(claim.items()) {
            if index >= known {
                self.fresh.push(item.leaf().to_vec());
            }
        }
        Ok(())
    }

    /// Nothing is claimed on a state of which a part is not understood.
    pub(super) fn require_known(&self) -> Result<(), LogError> {
        self.state.unknown_critical().map_or(Ok(()), |index| Err(LogError::UnknownCritical(index)))
    }

    /// The store's time, refused when it lies far behind the log.
    ///
    /// # Errors
    ///
    /// [`LogError::Clock`], or the store's.
    pub fn now(&self) -> Result<Instant, LogError> {
        let now = instant(self.store.now()?);
        let latest = self.state.latest();
        if now.saturating_add_ms(CLOCK_SLACK_MS) < latest {
            Err(LogError::Clock { now, latest })
        } else {
            Ok(now)
        }
    }

    fn put_derived(&self, key: &ObjectKey, bytes: &[u8]) -> Result<(), LogError> {
        let options = PutOptions { lock: None, create_only: false, sha256: Digest::of(bytes) };
        self.store.put(key, bytes, &options)?;
        Ok(())
    }
}

/// The settling period of a state's archive.
pub(crate) fn settling(state: &State) -> Settling {
    let period = i64::try_from(state.settle_ms()).unwrap_or(i64::MAX);
    Settling::new(SignedDuration::from_millis(period), state.environment())
}

/// A store's time in the log's form.
pub(crate) fn instant(now: Timestamp) -> Instant {
    Instant::from_unix_ms(now.as_millisecond()).unwrap_or(Instant::MIN)
}

/// The log's time in a store's form.
pub(crate) fn timestamp(at: Instant) -> Timestamp {
    Timestamp::from_millisecond(at.unix_ms()).unwrap_or(Timestamp::MAX)
}

/// Where a claim that begins at `from` has to end.
fn batch_end(items: &[Item], from: usize) -> usize {
    let mut bytes = 0;
    let mut end = from;
    for item in items.iter().skip(from).take(CLAIM_ENTRIES) {
        // A range is about 200 bytes of JSON, an id of a list 39, an entry about 1,200.
        bytes += match &item.beside {
            None => 1_200,
            Some(Attachment::Ranges(ranges)) => 1_200 + ranges.as_slice().len() * 220,
            Some(Attachment::List(list)) => 1_200 + list.as_slice().len() * 39,
        };
        if bytes > CLAIM_BYTES && end > from {
            break;
        }
        end += 1;
    }
    end
}
