//! All claims in order: their leaves make the tree, their valid entries the state.

use std::collections::BTreeMap;

use strongroom_crypto::claim::{MAX_CLAIM_BYTES, NO_CLAIM, UnverifiedClaim, VerifiedClaim};
use strongroom_crypto::entry::{Entry, EntryKind, KeyChange, LogOpen, Seal};
use strongroom_crypto::keys::{KeyId, RolePublic};
use strongroom_crypto::merkle::{MemoryTree, leaf_hash};
use strongroom_crypto::range::RangeList;
use strongroom_crypto::state::{Outcome, State, Void};
use strongroom_crypto::time::Instant;
use strongroom_crypto::{ArchiveId, Digest};

use super::inventory::Inventory;
use super::published::Signed;
use super::{Audit, Found, Mark, VerifyError, any_after};
use crate::log::claim_key;

/// A segment that a valid entry sealed.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) index: u64,
    pub(super) seal: Seal,
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
    /// The snapshots that closed windows name, by size.
    pub(super) windows: BTreeMap<u64, Digest>,
    /// The newest snapshot made again from the entries.
    pub(super) snapshot: Option<(u64, Digest)>,
    /// The time of the last entry under each checkpoint.
    pub(super) times: BTreeMap<u64, Instant>,
}

/// Why a claim cannot be taken as it is.
pub(super) enum Fault {
    Missing,
    Altered(String),
}

/// A fold under way.
pub(super) struct Folder<'a, 'b> {
    pub(super) audit: &'a Audit<'b>,
    pub(super) inventory: &'a Inventory,
    pub(super) head: Option<&'a Signed>,
    pub(super) fold: Fold,
    /// Every key that was ever registered: what it signed stays readable.
    pub(super) known: BTreeMap<KeyId, RolePublic>,
    /// The claim that comes next.
    pub(super) seq: u64,
    /// The digest of the claim before; none if that one is lost.
    pub(super) prev: Option<Digest>,
    /// No claim was lost so far: the state knows its place among the claims.
    pub(super) whole: bool,
    latest: Instant,
}

impl Fold {
    /// Reads and folds the log. What is lost of the claims comes from the bundles under `head`.
    pub(super) fn run(
        audit: &Audit<'_>,
        inventory: &Inventory,
        head: Option<&Signed>,
    ) -> Result<Self, VerifyError> {
        let fold = Self {
            tree: MemoryTree::new(),
            opening: None,
            log_open_sha256: None,
            state: None,
            seals: Vec::new(),
            windows: BTreeMap::new(),
            snapshot: None,
            times: BTreeMap::new(),
        };
        let folder = Folder {
            audit,
            inventory,
            head,
            fold,
            known: BTreeMap::new(),
            seq: 0,
            prev: Some(NO_CLAIM),
            whole: true,
            latest: Instant::MIN,
        };
        folder.run()
    }

    /// The archive, as the first entry names it.
    pub(super) fn archive_id(&self) -> Option<ArchiveId> {
        self.opening.as_ref().map(|opening| opening.archive_id)
    }
}

impl Folder<'_, '_> {
    fn run(mut self) -> Result<Fold, VerifyError> {
        loop {
            match self.read(self.seq)? {
                Ok(claim) => self.take(&claim),
                Err(Fault::Missing) if self.is_end() => break,
                Err(fault) => {
                    if !self.bridge(&fault)? {
                        break;
                    }
                }
            }
        }
        self.check_opening();
        Ok(self.fold)
    }

    /// No claim is next, none comes later, and the head covers nothing more.
    fn is_end(&self) -> bool {
        let covered = self.head.is_none_or(|head| head.size <= self.fold.tree.size());
        let later = self.inventory.claims.contains(&self.seq)
            || any_after(&self.inventory.claims, self.seq);
        covered && !later && self.seq > 0
    }

    /// Reads a claim and checks its place and its signature.
    pub(super) fn read(&self, seq: u64) -> Result<Result<VerifiedClaim, Fault>, VerifyError> {
        let bytes = match self.audit.get(&claim_key(seq)?, MAX_CLAIM_BYTES)? {
            Found::Bytes(bytes) => bytes,
            Found::Missing => return Ok(Err(Fault::Missing)),
            Found::Damaged(detail) => return Ok(Err(Fault::Altered(detail))),
        };
        let checked = UnverifiedClaim::parse(&bytes).and_then(|claim| {
            if seq == 0 {
                claim.verify_first()
            } else {
                claim.verify(|id| self.known.get(&id).cloned())
            }
        });
        let claim = match checked {
            Ok(claim) => claim,
            Err(error) => return Ok(Err(Fault::Altered(error.to_string()))),
        };
        let other = |detail: String| Ok(Err(Fault::Altered(detail)));
        if claim.seq() != seq {
            return other(format!("it is claim {}", claim.seq()));
        }
        if self.fold.archive_id().is_some_and(|archive| archive != claim.archive_id()) {
            return other(format!("it is a claim of archive {}", claim.archive_id()));
        }
        // A claim read ahead is compared when it is next.
        if seq == self.seq && self.prev.is_some_and(|prev| prev != claim.prev_claim_sha256()) {
            return other("it does not follow the claim before: the log was forked".to_owned());
        }
        Ok(Ok(claim))
    }

    /// Folds the claim that is next.
    fn take(&mut self, claim: &VerifiedClaim) {
        let outcomes = if claim.seq() == 0 { self.open(claim) } else { self.apply(claim) };
        let outcomes = outcomes.into_iter().map(Some).chain(std::iter::repeat(None));
        for (item, outcome) in claim.items().iter().zip(outcomes) {
            self.record(item.leaf(), outcome);
        }
        self.seq = claim.seq().saturating_add(1);
        self.prev = Some(claim.digest());
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
        if self.whole {
            self.snapshot(claim);
        }
        let Some(state) = &mut self.fold.state else { return Vec::new() };
        let outcomes = if self.whole {
            state.apply_claim(claim).map_err(|error| error.to_string())
        } else {
            let apply = |item: &strongroom_crypto::claim::ClaimItem| {
                state.apply(item.leaf(), item.ranges(), claim.key_id())
            };
            claim
                .items()
                .iter()
                .map(apply)
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())
        };
        outcomes.unwrap_or_else(|error| {
            self.undecided(self.fold.tree.size(), &error);
            Vec::new()
        })
    }

    /// Makes the snapshots of the newest claims again: what a closed window vouches for must be what its entries say.
    fn snapshot(&mut self, claim: &VerifiedClaim) {
        let newest = !any_after(&self.inventory.claims, claim.seq().saturating_add(1));
        let Some(state) = self.fold.state.as_ref().filter(|_| newest) else { return };
        let mut ahead = state.clone();
        for item in claim.items() {
            let closes = Entry::parse(item.leaf())
                .is_ok_and(|entry| matches!(entry.kind(), EntryKind::WindowClose(_)));
            if closes && let Ok(snapshot) = ahead.snapshot() {
                self.fold.snapshot = Some((ahead.size(), snapshot.root_digest));
            }
            if ahead.apply(item.leaf(), item.ranges(), claim.key_id()).is_err() {
                return;
            }
        }
    }

    /// Takes up a leaf. Without an outcome it counts as valid, because nobody can tell.
    pub(super) fn record(&mut self, leaf: &[u8], outcome: Option<Outcome>) {
        let index = self.fold.tree.size();
        self.fold.tree.append(leaf_hash(leaf));
        if index == 0 {
            self.fold.log_open_sha256 = Some(Digest::of(leaf));
        }
        let entry = Entry::parse(leaf).ok();
        if let Some(entry) = &entry {
            self.latest = self.latest.max(entry.at());
        }
        if self.inventory.checkpoints.contains(&self.fold.tree.size()) {
            self.fold.times.insert(self.fold.tree.size(), self.latest);
        }
        let object = format!("entry {index}");
        match outcome {
            Some(Outcome::Void(reason)) => {
                return self.audit.note(
                    "fold",
                    object,
                    Mark::Info,
                    format_args!("void, without effect: {reason}"),
                );
            }
            Some(Outcome::Unknown { crit: true }) => {
                let detail = "critical and of a type that this program does not know: the state cannot be decided";
                return self.audit.note("fold", object, Mark::NotProven, detail);
            }
            Some(Outcome::Unknown { crit: false }) => return,
            Some(Outcome::Valid) | None => {}
        }
        match entry.map(Entry::into_kind) {
            Some(EntryKind::LogOpen(open)) if index == 0 => {
                self.known.extend(open.keys.iter().map(|key| (key.id, key.public.clone())));
                self.fold.opening = Some(*open);
            }
            Some(EntryKind::KeySet(set)) => {
                if let KeyChange::Add(public) = set.change {
                    self.known.insert(set.id, public);
                }
            }
            Some(EntryKind::SegmentSeal(seal)) => self.fold.seals.push(Live { index, seal: *seal }),
            Some(EntryKind::WindowClose(close)) => {
                self.fold.windows.extend(close.index_sha256.map(|digest| (index, digest)));
            }
            Some(EntryKind::LogOpen(_) | EntryKind::SegmentAbandon(_) | EntryKind::Unknown(_))
            | None => {}
        }
    }

    /// Makes the keys of the first entry known.
    pub(super) fn register(&mut self, leaf: &[u8]) {
        if let Ok(EntryKind::LogOpen(open)) = Entry::parse(leaf).map(Entry::into_kind) {
            self.known.extend(open.keys.into_iter().map(|key| (key.id, key.public)));
        }
    }

    /// From `index` on the state is unknown. Bytes are verified all the same.
    pub(super) fn undecided(&mut self, index: u64, reason: &dyn std::fmt::Display) {
        let detail = format!("the state cannot be decided from here on: {reason}");
        self.audit.note("fold", format_args!("entry {index}"), Mark::NotProven, detail);
        self.fold.state = None;
    }

    /// Folds a leaf whose claim is lost, and its signer with it: the head vouches for the leaf, and one of the registered
    /// keys for the claim that once held it.
    pub(super) fn apply_unsigned(
        &mut self,
        leaf: &[u8],
        ranges: Option<&RangeList>,
    ) -> Option<Outcome> {
        let state = self.fold.state.as_mut()?;
        let entry = Entry::parse(leaf).ok();
        let may = |id: &KeyId| {
            let outcome = entry.as_ref().map(|entry| state.check(entry, ranges, *id));
            !matches!(outcome, Some(Ok(Outcome::Void(Void::Signer { .. }))))
        };
        let signer =
            self.known.keys().copied().find(may).or_else(|| self.known.keys().next().copied())?;
        match state.apply(leaf, ranges, signer) {
            Ok(outcome) => Some(outcome),
            Err(error) => {
                self.undecided(self.fold.tree.size(), &error);
                None
            }
        }
    }

    /// The first entry must be of the log that the verifier key is for.
    fn check_opening(&self) {
        let vkey = self.audit.options.vkey;
        let Some(opening) = &self.fold.opening else {
            return self.audit.note(
                "fold",
                "entry 0",
                Mark::NotProven,
                "the first entry cannot be had",
            );
        };
        if opening.log_vkey != vkey.to_string() {
            let detail =
                format!("the log names the verifier key `{}`, not the one given", opening.log_vkey);
            self.audit.note("vkey", "entry 0", Mark::Fail, detail);
        }
        if vkey.name() != format!("strongroom/{}", opening.archive_id) {
            self.audit.note(
                "vkey",
                "entry 0",
                Mark::Fail,
                format_args!("the key's name is not that of {}", opening.archive_id),
            );
        }
        if opening.store != self.audit.store.url() {
            let detail = format!("the archive lives in `{}`: this is a copy", opening.store);
            self.audit.note("store", "entry 0", Mark::Info, detail);
        }
    }
}
