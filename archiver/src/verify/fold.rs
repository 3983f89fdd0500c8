//! All claims in order: their leaves make the tree, their valid entries the state.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_crypto::claim::{
    ClaimItem, MAX_CLAIM_BYTES, NO_CLAIM, UnverifiedClaim, VerifiedClaim,
};
use strongroom_crypto::entry::{
    Attest, ClockEvent, Entry, EntryKind, KeyChange, Locked, LogOpen, Seal,
};
use strongroom_crypto::keys::{KeyId, RolePublic};
use strongroom_crypto::merkle::{MemoryTree, leaf_hash};
use strongroom_crypto::name::OrderId;
use strongroom_crypto::state::{CLOCK_SLACK_MS, FoldError, Outcome, State};
use strongroom_crypto::time::Instant;
use strongroom_crypto::{ArchiveId, Digest, SegmentId};

use super::disposition::{Certified, Disposal};
use super::inventory::Inventory;
use super::{Audit, Found, Mark, VerifyError, any_after};
use crate::document::Document;
use crate::hold::{self, Histories};
use crate::log::{claim_key, instant};

/// A segment that a valid entry sealed.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) index: u64,
    pub(super) seal: Seal,
}

/// A seal without effect.
#[derive(Debug)]
pub(super) struct VoidSeal {
    pub(super) index: u64,
    pub(super) seal: Seal,
    pub(super) reason: String,
}

/// A closed window that names a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// The claim that closes it.
    seq: u64,
    /// The snapshot's root.
    pub(super) digest: Digest,
}

/// What the entries add up to.
pub(super) struct Fold {
    /// Every leaf.
    pub(super) tree: MemoryTree,
    /// The first entry.
    pub(super) opening: Option<LogOpen>,
    pub(super) log_open_sha256: Option<Digest>,
    /// None from where on nothing can be decided: every seal then counts as live.
    pub(super) state: Option<State>,
    pub(super) seals: Vec<Live>,
    pub(super) voids: Vec<VoidSeal>,
    /// What was recorded of clocks, and when.
    pub(super) clocks: Vec<(Instant, ClockEvent)>,
    /// The orders. What they destroyed is among `seals` no more.
    pub(super) disposals: Vec<Disposal>,
    /// Uploads that were ever given up, also those that the state has forgotten.
    pub(super) abandoned: BTreeSet<SegmentId>,
    /// The snapshots that closed windows name, by size.
    pub(super) windows: BTreeMap<u64, Window>,
    /// Snapshots made again from the entries, by size: that of the newest window, and of all that are there if every
    /// object is read.
    pub(super) snapshots: BTreeMap<u64, Digest>,
    /// The time of the last entry under each checkpoint.
    pub(super) times: BTreeMap<u64, Instant>,
    /// What was entered of holds.
    pub(super) holds: Histories,
    /// What runs said of the dates that they had set, and when.
    pub(super) dated: Vec<(Locked, Instant)>,
    /// When the locks were last tried, and what came of it.
    pub(super) attested: Option<(u64, Instant, Attest)>,
    /// What valid entries name.
    pub(super) documents: BTreeSet<(Document, Digest)>,
    /// The claim that comes next.
    pub(super) next: u64,
    /// False if the fold ended at a claim that is missing or altered: nothing behind it can be judged.
    pub(super) whole: bool,
}

/// Why a claim cannot be taken as it is.
enum Fault {
    Missing,
    Altered(String),
}

/// Entries of a time that has not come.
struct Ahead {
    first: u64,
    at: Instant,
    count: u64,
}

/// A fold under way.
struct Folder<'a, 'b> {
    audit: &'a Audit<'b>,
    inventory: &'a Inventory,
    /// How many entries the newest checkpoint signs.
    head_size: u64,
    fold: Fold,
    /// Every key that was ever registered: what it signed stays readable.
    known: BTreeMap<KeyId, RolePublic>,
    /// The digest of the claim before.
    prev: Digest,
    latest: Instant,
    ahead: Option<Ahead>,
}

impl Fold {
    /// Reads and folds the claims that were listed, and no more of them: what a run adds meanwhile is the next
    /// verification's.
    pub(super) fn run(
        audit: &Audit<'_>,
        inventory: &Inventory,
        head_size: u64,
    ) -> Result<Self, VerifyError> {
        let fold = Self {
            tree: MemoryTree::new(),
            opening: None,
            log_open_sha256: None,
            state: None,
            seals: Vec::new(),
            voids: Vec::new(),
            clocks: Vec::new(),
            disposals: Vec::new(),
            abandoned: BTreeSet::new(),
            windows: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            times: BTreeMap::new(),
            holds: Histories::new(),
            dated: Vec::new(),
            attested: None,
            documents: BTreeSet::new(),
            next: 0,
            whole: true,
        };
        let folder = Folder {
            audit,
            inventory,
            head_size,
            fold,
            known: BTreeMap::new(),
            prev: NO_CLAIM,
            latest: Instant::MIN,
            ahead: None,
        };
        folder.run()
    }

    /// The archive, as the first entry names it.
    pub(super) fn archive_id(&self) -> Option<ArchiveId> {
        self.opening.as_ref().map(|opening| opening.archive_id)
    }

    /// Whether an order that is not carried out names a segment: it may be there or gone.
    pub(super) fn is_ordered(&self, id: &SegmentId) -> bool {
        let open = self.disposals.iter().filter(|disposal| disposal.certified.is_none());
        open.filter_map(|disposal| disposal.list.as_ref()).any(|list| list.contains(id))
    }
}

impl Folder<'_, '_> {
    fn run(mut self) -> Result<Fold, VerifyError> {
        while !self.is_end() {
            self.audit.go_on()?;
            match self.read(self.fold.next)? {
                Ok(claim) => self.take(&claim),
                Err(fault) => {
                    self.end_at(&fault)?;
                    break;
                }
            }
        }
        self.snapshot_again()?;
        if let Some(Ahead { first, at, count }) = self.ahead {
            let detail = format!(
                "{count} entries lie over 24 hours after now, this one at {at}: the clock that wrote them is wrong, or \
                 this one"
            );
            self.audit.note("clock", format_args!("entry {first}"), Mark::NotProven, detail);
        }
        Ok(self.fold)
    }

    /// No claim was listed at the next place or behind it, and the head covers nothing more.
    fn is_end(&self) -> bool {
        let (next, claims) = (self.fold.next, &self.inventory.claims);
        let covered = self.head_size <= self.fold.tree.size();
        covered && next > 0 && !claims.contains(&next) && !any_after(claims, next)
    }

    /// Reports the claim at which the log ends too early, and once whatever lies behind it.
    fn end_at(&mut self, fault: &Fault) -> Result<(), VerifyError> {
        self.fold.whole = false;
        let (next, size) = (self.fold.next, self.fold.tree.size());
        let detail = match fault {
            Fault::Missing => "it is missing".to_owned(),
            Fault::Altered(detail) => format!("it is altered: {detail}"),
        };
        self.audit.note("claim", claim_key(next)?, Mark::Fail, detail);
        let signed = self.head_size.saturating_sub(size);
        let later = self.inventory.claims.range(next.saturating_add(1)..);
        let (first, count) = (later.clone().next(), later.count());
        if signed == 0 && count == 0 {
            return Ok(());
        }
        let object = match first {
            Some(first) => claim_key(*first)?.to_string(),
            None => format!("entry {size}"),
        };
        let detail = format!(
            "nothing from entry {size} on can be judged: {signed} entries under the newest checkpoint, {count} later claims"
        );
        self.audit.note("fold", object, Mark::NotProven, detail);
        Ok(())
    }

    /// Reads a claim.
    fn read(&self, seq: u64) -> Result<Result<VerifiedClaim, Fault>, VerifyError> {
        let open = |bytes: Vec<u8>| self.check(seq, &bytes);
        Ok(match self.audit.read(&claim_key(seq)?, MAX_CLAIM_BYTES, open)? {
            Found::Good(claim) => Ok(claim),
            Found::Missing => Err(Fault::Missing),
            Found::Damaged(detail) => Err(Fault::Altered(detail)),
        })
    }

    /// Checks a claim's place and its signature.
    fn check(&self, seq: u64, bytes: &[u8]) -> Result<VerifiedClaim, String> {
        let checked = UnverifiedClaim::parse(bytes).and_then(|claim| {
            if seq == 0 {
                claim.verify_first()
            } else {
                claim.verify(|id| self.known.get(&id).cloned())
            }
        });
        let claim = checked.map_err(|error| error.to_string())?;
        if claim.seq() != seq {
            return Err(format!("it is claim {}", claim.seq()));
        }
        if self.fold.archive_id().is_some_and(|archive| archive != claim.archive_id()) {
            return Err(format!("it is a claim of archive {}", claim.archive_id()));
        }
        if seq == self.fold.next && self.prev != claim.prev_claim_sha256() {
            return Err("it does not follow the claim before: the log was forked".to_owned());
        }
        Ok(claim)
    }

    /// Folds the claim that is next.
    fn take(&mut self, claim: &VerifiedClaim) {
        let outcomes = if claim.seq() == 0 { self.open(claim) } else { self.apply(claim) };
        let outcomes = outcomes.into_iter().map(Some).chain(std::iter::repeat(None));
        for (item, outcome) in claim.items().iter().zip(outcomes) {
            self.record(claim.seq(), item.leaf(), outcome);
        }
        self.fold.next = claim.seq().saturating_add(1);
        self.prev = claim.digest();
    }

    fn open(&mut self, claim: &VerifiedClaim) -> Vec<Outcome> {
        match State::open(claim) {
            Ok(state) => {
                self.fold.state = Some(state);
                vec![Outcome::Valid]
            }
            Err(error) => {
                self.undecided(0, &error);
                Vec::new()
            }
        }
    }

    fn apply(&mut self, claim: &VerifiedClaim) -> Vec<Outcome> {
        let newest = !any_after(&self.inventory.claims, claim.seq().saturating_add(1));
        let (deep, roots) = (self.audit.options.deep, &self.inventory.roots);
        let wanted = |index: u64| newest || (deep && roots.contains(&index));
        let Some(state) = &mut self.fold.state else { return Vec::new() };
        match fold_claim(state, claim, wanted) {
            Ok((outcomes, snapshots)) => {
                self.fold.snapshots.extend(snapshots);
                outcomes
            }
            Err(error) => {
                self.undecided(self.fold.tree.size(), &error);
                Vec::new()
            }
        }
    }

    /// Makes the snapshot of the newest window again if that window was not thought to be the newest: what it vouches
    /// for is where every run begins.
    fn snapshot_again(&mut self) -> Result<(), VerifyError> {
        let Some((&index, &window)) = self.fold.windows.last_key_value() else { return Ok(()) };
        if self.fold.snapshots.contains_key(&index) || self.fold.state.is_none() {
            return Ok(());
        }
        let mut state = None;
        for seq in 0..=window.seq {
            self.audit.go_on()?;
            let Ok(claim) = self.read(seq)? else { return Ok(()) };
            let Some(state) = &mut state else {
                let Ok(opened) = State::open(&claim) else { return Ok(()) };
                state = Some(opened);
                continue;
            };
            let folded = fold_claim(state, &claim, |at| at == index);
            let Ok((_, snapshots)) = folded else {
                return Ok(());
            };
            self.fold.snapshots.extend(snapshots);
        }
        Ok(())
    }

    /// Takes up a leaf. Without an outcome it counts as valid, because nobody can tell.
    fn record(&mut self, seq: u64, leaf: &[u8], outcome: Option<Outcome>) {
        let index = self.fold.tree.size();
        self.fold.tree.append(leaf_hash(leaf));
        if index == 0 {
            self.fold.log_open_sha256 = Some(Digest::of(leaf));
        }
        let entry = Entry::parse(leaf).ok();
        if let Some(entry) = &entry {
            self.read_clock(index, entry.at());
        }
        if self.inventory.checkpoints.contains(&self.fold.tree.size()) {
            self.fold.times.insert(self.fold.tree.size(), self.latest);
        }
        let at = entry.as_ref().map_or(Instant::MIN, Entry::at);
        let kind = entry.map(Entry::into_kind);
        let note =
            |mark, detail| self.audit.note("fold", format_args!("entry {index}"), mark, detail);
        match (outcome, kind) {
            (Some(Outcome::Void(reason)), Some(EntryKind::SegmentSeal(seal))) => {
                self.fold.voids.push(VoidSeal { index, seal: *seal, reason: reason.to_string() });
            }
            (Some(Outcome::Void(reason)), _) => {
                note(Mark::Info, format!("void, without effect: {reason}"));
            }
            (Some(Outcome::Unknown { crit: true }), _) => {
                let detail = "critical and of a type that this program does not know: the state cannot be decided";
                note(Mark::NotProven, detail.to_owned());
            }
            (Some(Outcome::Valid) | None, Some(kind)) => self.take_effect(seq, index, at, kind),
            (Some(Outcome::Unknown { crit: false } | Outcome::Valid) | None, _) => {}
        }
    }

    fn take_effect(&mut self, seq: u64, index: u64, at: Instant, kind: EntryKind) {
        hold::note(&mut self.fold.holds, index, at, &kind);
        match kind {
            EntryKind::LogOpen(open) if index == 0 => {
                self.known.extend(open.keys.iter().map(|key| (key.id, key.public.clone())));
                self.fold.opening = Some(*open);
            }
            EntryKind::KeySet(set) => {
                if let KeyChange::Add(public) = set.change {
                    self.known.insert(set.id, public);
                }
            }
            EntryKind::SegmentSeal(seal) => self.fold.seals.push(Live { index, seal: *seal }),
            EntryKind::SegmentAbandon(abandon) => {
                self.fold.abandoned.insert(abandon.segment_id);
            }
            EntryKind::WindowClose(close) => {
                let window = close.index_sha256.map(|digest| (index, Window { seq, digest }));
                self.fold.windows.extend(window);
                self.fold.dated.extend(close.locked.map(|locked| (locked, at)));
            }
            EntryKind::Attest(attest) => self.fold.attested = Some((index, at, attest)),
            EntryKind::PolicySet(set) => {
                let named = [(Document::Policy, set.policy), (Document::Catalogue, set.catalogue)];
                self.fold.documents.extend(named);
            }
            EntryKind::HoldPlace(place) => {
                self.fold.documents.extend(place.list.map(|list| (Document::List, list)));
            }
            EntryKind::LogOpen(_)
            | EntryKind::Unknown(_)
            | EntryKind::OfficersSet(_)
            | EntryKind::HoldRelease(_)
            | EntryKind::OfficerAct(_) => {}
            EntryKind::ClockEvent(event) => self.fold.clocks.push((at, *event)),
            EntryKind::DispositionOrder(order) => {
                self.fold.documents.insert((Document::List, order.list));
                let list = self.fold.state.as_ref();
                let list = list.and_then(|state| state.list(order.list).ok().cloned());
                let (order, certified) = (*order, None);
                self.fold.disposals.push(Disposal { index, at, order, list, certified });
            }
            EntryKind::DispositionCertificate(done) => {
                self.fold.documents.insert((Document::Certificate, done.certificate));
                self.carry_out(index, &done.order, done.certificate);
            }
        }
    }

    /// What is certified to be destroyed is live no more.
    fn carry_out(&mut self, index: u64, order: &OrderId, certificate: Digest) {
        let of = |disposal: &&mut Disposal| disposal.order.order == *order;
        let Some(disposal) = self.fold.disposals.iter_mut().rev().find(of) else { return };
        let listed = |live: &mut Live| {
            disposal.list.as_ref().is_some_and(|list| list.contains(&live.seal.segment_id))
        };
        let destroyed = self.fold.seals.extract_if(.., listed).collect();
        disposal.certified = Some(Certified { index, certificate, destroyed });
    }

    fn read_clock(&mut self, index: u64, at: Instant) {
        self.latest = self.latest.max(at);
        if at > instant(self.audit.options.now).saturating_add_ms(CLOCK_SLACK_MS) {
            let ahead = self.ahead.get_or_insert(Ahead { first: index, at, count: 0 });
            ahead.count = ahead.count.saturating_add(1);
        }
    }

    /// From `index` on the state is unknown. Bytes are verified all the same.
    fn undecided(&mut self, index: u64, reason: &dyn std::fmt::Display) {
        let detail = format!("the state cannot be decided from here on: {reason}");
        self.audit.note("fold", format_args!("entry {index}"), Mark::NotProven, detail);
        self.fold.state = None;
    }
}

/// Outcomes of entries, and snapshots by size.
type Folded = (Vec<Outcome>, Vec<(u64, Digest)>);

/// Folds a claim entry by entry, and makes the snapshots before the entries that are `wanted`, if they close windows:
/// what a window vouches for must be what the entries before it add up to.
fn fold_claim(
    state: &mut State,
    claim: &VerifiedClaim,
    wanted: impl Fn(u64) -> bool,
) -> Result<Folded, FoldError> {
    let (mut outcomes, mut snapshots) = (Vec::new(), Vec::new());
    let last = claim.items().len().saturating_sub(1);
    for (place, item) in claim.items().iter().enumerate() {
        if wanted(state.size())
            && closes_window(item)
            && let Ok(snapshot) = state.snapshot()
        {
            snapshots.push((snapshot.size, snapshot.root_digest));
            state.mark_stored(&snapshot);
        }
        if place < last {
            outcomes.push(state.apply(item.leaf(), item.attachment(), claim.key_id())?);
        }
    }
    // The last one with its claim, so that the state knows where the next begins.
    outcomes.extend(state.apply_claim(claim)?);
    Ok((outcomes, snapshots))
}

fn closes_window(item: &ClaimItem) -> bool {
    Entry::parse(item.leaf()).is_ok_and(|entry| matches!(entry.kind(), EntryKind::WindowClose(_)))
}
