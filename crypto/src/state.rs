//! The state: what all valid entries up to a size add up to (`FORMAT.md`, section 8).
//!
//! Validity and effect are pure functions of the state before, the entry, its ranges and its
//! signer. Everyone who folds the same claims gets the same state, byte for byte, whether from
//! the first entry on or from a snapshot.

mod abandoned;
mod clocks;
mod disposition;
mod fault;
mod holds;
mod officers;
mod page;
mod policies;
mod position;
mod reviews;
mod root;
mod rules;
mod view;
mod void;

pub use clocks::{Clock, MAX_CLOCKS};
pub use disposition::{MAX_ORDERS, OpenOrder};
pub use fault::{FoldError, SnapshotError};
pub use holds::{Hold, MAX_HOLD_IDS, MAX_HOLD_LISTS, MAX_HOLD_STREAMS, MAX_HOLDS};
pub use page::{LiveSegment, MAX_PAGE_BYTES, PAGE_SEALS, PageRef};
pub use policies::{MAX_POLICIES, PolicyRecord};
pub use position::{MAX_GENERATIONS, Position};
pub use root::{MAX_ROOT_BYTES, RootError};
pub use rules::CLOCK_SLACK_MS;
pub use void::{Outcome, Undecided, Void};

use std::collections::BTreeMap;

use crate::{
    claim::{Attachment, ClaimError, ClaimItem, VerifiedClaim},
    digest::Digest,
    entry::{Entry, EntryKind, KeyChange, KeySet, Locked, WindowClose},
    id::ArchiveId,
    json::array,
    keys::{KeyId, Role, RolePublic},
    list::SegmentList,
    name::{Environment, OrderId, Shard},
    officer::Registry,
    range::RangeList,
    time::Instant,
};
use abandoned::Abandoned;
use clocks::Clocks;
use disposition::Orders;
use fault::READER;
use holds::Holds;
use page::Pages;
use policies::Policies;
use position::Positions;
use reviews::Reviews;
use rules::Refusal;

/// The fold of a log.
#[derive(Clone, Debug)]
pub struct State {
    archive_id: ArchiveId,
    environment: Environment,
    settle_ms: u64,
    store: String,
    log_open_sha256: Digest,
    /// How many entries were folded, void ones included.
    size: u64,
    /// The greatest `at` of a valid entry.
    latest: Instant,
    /// Until when a run said to have extended the settling locks of all live segments.
    extended_until: Option<Instant>,
    claim: NextClaim,
    keys: BTreeMap<(Role, KeyId), KeyRecord>,
    officers: Registry,
    /// How often officers were set.
    officers_number: u64,
    policies: Policies,
    holds: Holds,
    clocks: Clocks,
    orders: Orders,
    reviews: Reviews,
    /// The lists at hand. Not part of the fold: what they say, their digests say.
    lists: BTreeMap<Digest, SegmentList>,
    /// Which segments a run last said to have locked until their dates.
    locked: Option<Locked>,
    /// Until when a run said to have locked what proves them.
    proof_until: Option<Instant>,
    positions: Positions,
    abandoned: Abandoned,
    /// The number that each shard closed last.
    windows: BTreeMap<Shard, u64>,
    pages: Pages,
    /// Index of the first critical entry that this program does not know.
    unknown_critical: Option<u64>,
}

/// The claim that holds the next entry, or the next to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NextClaim {
    /// Its place.
    pub seq: u64,
    /// Index of its first entry.
    pub first: u64,
    /// Digest of the claim before.
    pub prev_sha256: Digest,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct KeyRecord {
    public: RolePublic,
    revoked: bool,
}

/// A state as it is stored: a root and those pages that may not be stored yet.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The size it is of: part of the root's name.
    pub size: u64,
    /// The root.
    pub root_bytes: Vec<u8>,
    /// What `window.close` at index `size` says.
    pub root_digest: Digest,
    /// Pages to be stored before the root.
    pub new_pages: Vec<(Digest, Vec<u8>)>,
    pages: Vec<PageRef>,
}

impl State {
    /// Begins with the first claim.
    ///
    /// # Errors
    ///
    /// Refuses a claim that opens no log, and a log for newer programs.
    pub fn open(claim: &VerifiedClaim) -> Result<Self, FoldError> {
        let open = claim.opening()?;
        if open.min_reader > READER {
            return Err(FoldError::Reader { min_reader: open.min_reader });
        }
        let leaf = claim.items().first().map(ClaimItem::leaf).unwrap_or_default();
        let keys = open
            .keys
            .into_iter()
            .map(|key| ((key.role, key.id), KeyRecord { public: key.public, revoked: false }));
        Ok(Self {
            archive_id: open.archive_id,
            environment: open.environment,
            settle_ms: open.settle_ms,
            store: open.store,
            log_open_sha256: Digest::of(leaf),
            size: 1,
            latest: Entry::parse(leaf).map_err(ClaimError::Malformed)?.at(),
            claim: NextClaim { seq: 1, first: 1, prev_sha256: claim.digest() },
            keys: keys.collect(),
            officers: open.officers,
            officers_number: 0,
            policies: Policies::default(),
            holds: Holds::default(),
            clocks: Clocks::default(),
            orders: Orders::default(),
            reviews: Reviews::default(),
            lists: BTreeMap::new(),
            locked: None,
            proof_until: None,
            positions: Positions::default(),
            abandoned: Abandoned::default(),
            windows: BTreeMap::new(),
            pages: Pages::default(),
            extended_until: None,
            unknown_critical: None,
        })
    }

    /// Folds the next claim, or the rest of one of which a part is folded. Returns what became of
    /// each entry that was not folded before.
    ///
    /// # Errors
    ///
    /// Refuses a claim that is not the next one, and names the pages or lists that it takes to
    /// decide. The state is as it was.
    pub fn apply_claim(&mut self, claim: &VerifiedClaim) -> Result<Vec<Outcome>, FoldError> {
        let rest = self.rest_of(claim)?;
        let pages = self.pages_needed_for(rest);
        if !pages.is_empty() {
            return Err(Undecided::Pages(pages).into());
        }
        if rest.iter().any(takes_lists) {
            // What a disposal needs, the entries before it decide: a copy goes first.
            let mut ahead = self.clone();
            let outcomes = ahead.fold(rest, claim)?;
            *self = ahead;
            return Ok(outcomes);
        }
        // INVARIANT: a verified claim holds the ranges of its seals, and the pages are there, so
        // that no entry is left undecided half-way.
        Ok(self.fold(rest, claim)?)
    }

    fn fold(
        &mut self,
        rest: &[ClaimItem],
        claim: &VerifiedClaim,
    ) -> Result<Vec<Outcome>, Undecided> {
        let signer = claim.key_id();
        let outcomes = rest.iter().map(|item| self.apply(item.leaf(), item.attachment(), signer));
        let outcomes = outcomes.collect::<Result<_, _>>()?;
        let seq = claim.seq().saturating_add(1);
        self.claim = NextClaim { seq, first: self.size, prev_sha256: claim.digest() };
        Ok(outcomes)
    }

    /// Folds one entry of the claim that is next. A writer that composes a claim does so with a
    /// copy of the state; readers use [`State::apply_claim`].
    ///
    /// # Errors
    ///
    /// What has to be at hand to decide; the state is as it was.
    pub fn apply(
        &mut self,
        leaf: &[u8],
        beside: Option<&Attachment>,
        signer: KeyId,
    ) -> Result<Outcome, Undecided> {
        let outcome = match Entry::parse(leaf) {
            Err(reason) => Outcome::Void(Void::Malformed(reason)),
            Ok(entry) => {
                let outcome = self.check(&entry, beside, signer)?;
                if outcome == Outcome::Valid {
                    self.take_effect(entry, beside);
                }
                outcome
            }
        };
        if outcome == (Outcome::Unknown { crit: true }) {
            self.unknown_critical.get_or_insert(self.size);
        }
        self.size = self.size.saturating_add(1);
        Ok(outcome)
    }

    /// What would become of an entry if it came next.
    ///
    /// # Errors
    ///
    /// What has to be at hand to decide.
    pub fn check(
        &self,
        entry: &Entry,
        beside: Option<&Attachment>,
        signer: KeyId,
    ) -> Result<Outcome, Undecided> {
        match (rules::check(self, entry, beside, signer), entry.kind()) {
            (Ok(()), EntryKind::Unknown(_)) => Ok(Outcome::Unknown { crit: entry.crit() }),
            (Ok(()), _) => Ok(Outcome::Valid),
            (Err(Refusal::Void(reason)), _) => Ok(Outcome::Void(reason)),
            (Err(Refusal::Undecided(reason)), _) => Err(reason),
        }
    }

    /// Why an act would be void as the log stands, whoever signed it: what it is about was done, or
    /// moved on. Nothing is said of orders.
    pub fn overtaken(&self, at: Instant, kind: &EntryKind) -> Option<Void> {
        rules::act(self, at, kind).err()
    }

    /// Writes the state down. The bytes are a function of the folded claims alone.
    ///
    /// # Errors
    ///
    /// Names the pages to load first, or the entry that makes the state unknowable.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        if let Some(index) = self.unknown_critical {
            return Err(SnapshotError::UnknownCritical { index });
        }
        let needed = self.pages_needed_for_snapshot();
        if !needed.is_empty() {
            return Err(SnapshotError::Pages(needed));
        }
        let (pages, new_pages) = self.pages.write();
        let root_bytes = self.to_root(array(pages.iter().map(|page| page.to_value())));
        let root_digest = Digest::of(&root_bytes);
        Ok(Snapshot { size: self.size, root_bytes, root_digest, new_pages, pages })
    }

    /// Takes note that a snapshot's pages are stored, so that the next does not repeat them.
    pub fn mark_stored(&mut self, snapshot: &Snapshot) {
        self.pages.mark_stored(&snapshot.pages);
    }

    /// The pages that have to be loaded before [`State::snapshot`]: at most the last one of the
    /// snapshot that this state began with.
    pub fn pages_needed_for_snapshot(&self) -> Vec<PageRef> {
        self.pages.incomplete()
    }

    /// All pages not yet loaded.
    pub fn pages_absent(&self) -> Vec<PageRef> {
        self.pages.absent().collect()
    }

    /// Puts a page in its place, found by its digest.
    ///
    /// # Errors
    ///
    /// Refuses a page that is not missing, or not as the root describes it.
    pub fn load_page(&mut self, bytes: &[u8]) -> Result<(), RootError> {
        self.pages.load(bytes)
    }

    /// Puts a list at hand, for entries that name it by its digest.
    pub fn add_list(&mut self, list: SegmentList) {
        self.lists.insert(list.digest(), list);
    }

    /// What is left of a claim, if it is the next.
    ///
    /// # Errors
    ///
    /// Refuses a claim of another archive, place or predecessor.
    pub fn rest_of<'a>(&self, claim: &'a VerifiedClaim) -> Result<&'a [ClaimItem], FoldError> {
        let (seq, next) = (claim.seq(), self.claim);
        if claim.archive_id() != self.archive_id {
            let (expected, found) = (self.archive_id, claim.archive_id());
            return Err(FoldError::Archive { expected, found });
        }
        if seq != next.seq {
            return Err(FoldError::Order { expected: next.seq, found: seq });
        }
        if claim.prev_claim_sha256() != next.prev_sha256 {
            let (expected, found) = (next.prev_sha256, claim.prev_claim_sha256());
            return Err(FoldError::Fork { seq, expected, found });
        }
        let folded = self.size.checked_sub(next.first).and_then(|n| usize::try_from(n).ok());
        folded.and_then(|n| claim.items().get(n..)).ok_or(FoldError::Shorter { seq })
    }

    /// Every page that could hold an id that these entries seal or abandon.
    fn pages_needed_for(&self, items: &[ClaimItem]) -> Vec<PageRef> {
        if self.pages.absent().next().is_none() {
            return Vec::new();
        }
        let ids = items.iter().filter_map(|item| match Entry::parse(item.leaf()).ok()?.kind() {
            EntryKind::SegmentSeal(seal) => Some(seal.segment_id),
            EntryKind::SegmentAbandon(abandon) => Some(abandon.segment_id),
            _ => None,
        });
        let pages = ids.filter_map(|id| self.pages.find(&id).err()).flatten();
        let by_number: BTreeMap<u64, PageRef> = pages.map(|page| (page.number, page)).collect();
        by_number.into_values().collect()
    }

    fn take_effect(&mut self, entry: Entry, beside: Option<&Attachment>) {
        let at = entry.at();
        self.latest = self.latest.max(at);
        if let Some(list) = beside.and_then(Attachment::list) {
            self.add_list(list.clone());
        }
        match entry.into_kind() {
            EntryKind::KeySet(change) => self.set_key(change),
            EntryKind::SegmentSeal(seal) => {
                let ranges = beside.and_then(Attachment::ranges);
                self.positions.advance(ranges.map(RangeList::as_slice).unwrap_or_default());
                self.pages.push(&seal, self.size);
            }
            EntryKind::SegmentAbandon(abandon) => self.abandoned.push(abandon),
            EntryKind::WindowClose(close) => self.close_window(close),
            EntryKind::OfficersSet(set) => {
                self.officers = set.officers;
                self.officers_number = set.number;
                self.reviews.forget_recoveries();
            }
            EntryKind::PolicySet(set) => self.policies.push(*set, at, self.size),
            EntryKind::HoldPlace(place) => self.holds.place(&place, self.size),
            EntryKind::HoldRelease(release) => self.holds.release(release.hold),
            EntryKind::ClockEvent(event) => self.clocks.set(*event, at, self.size),
            EntryKind::DispositionOrder(order) => self.orders.push(*order, at, self.size),
            EntryKind::DispositionCertificate(certificate) => self.carry_out(&certificate.order),
            EntryKind::OfficerAct(act) => self.reviews.push(&act, &self.officers, at),
            // What was attested is read from the entry; the others are never valid here.
            EntryKind::Attest(_) | EntryKind::LogOpen(_) | EntryKind::Unknown(_) => {}
        }
        // A seal of a forgotten id is still void: it is made at most 24 hours before `latest`,
        // and so not before the end of its own settling lock.
        self.reviews.forget(self.latest);
        self.abandoned.forget(self.latest);
    }

    fn close_window(&mut self, close: WindowClose) {
        self.windows.insert(close.shard, close.number);
        self.extended_until = self.extended_until.max(close.extended_until);
        self.locked = close.locked.or(self.locked);
        self.proof_until = self.proof_until.max(close.proof_until);
    }

    /// Segments that were destroyed are live no more.
    fn carry_out(&mut self, order: &OrderId) {
        let closed = self.orders.close(order);
        if let Some(list) = closed.and_then(|order| self.lists.get(&order.list)) {
            self.pages.remove(list.as_slice());
        }
    }

    fn set_key(&mut self, change: KeySet) {
        match change.change {
            KeyChange::Add(public) => {
                let record = KeyRecord { public, revoked: false };
                self.keys.insert((change.role, change.id), record);
            }
            KeyChange::Revoke => {
                if let Some(record) = self.keys.get_mut(&(change.role, change.id)) {
                    record.revoked = true;
                }
            }
        }
    }
}

/// Whether lists of segments may be needed to decide.
fn takes_lists(item: &ClaimItem) -> bool {
    let entry = Entry::parse(item.leaf());
    matches!(
        entry.as_ref().map(Entry::kind),
        Ok(EntryKind::DispositionOrder(_) | EntryKind::DispositionCertificate(_))
    )
}

#[cfg(test)]
mod tests;
