//! What is published of the log: checkpoints, tiles, bundles and the hint, against the leaves.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_crypto::Digest;
use strongroom_crypto::checkpoint::Checkpoint;
use strongroom_crypto::merkle::{HashSource as _, leaf_hash, root_at};
use strongroom_crypto::note::MAX_NOTE_BYTES;
use strongroom_crypto::tile::{
    MAX_TILE_LEVEL, TILE_WIDTH, TileCoordinate, decode_bundle, tiles_for,
};

use super::fold::Fold;
use super::inventory::{HINT, Inventory};
use super::{Audit, Found, Mark, VerifyError};
use crate::log::{checkpoint_key, claim_key, tile_key};
use crate::pool;
use crate::store::ObjectKey;

/// Longest bundle: entries of the greatest length, each after its length.
const MAX_BUNDLE_BYTES: usize = 256 * (2 + strongroom_crypto::entry::MAX_ENTRY_BYTES);

/// Where checkpoints are.
const CHECKPOINTS: &str = "log/checkpoints/";

/// A head that the verifier key signed.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) size: u64,
    pub(super) root: Digest,
    note: Vec<u8>,
}

/// The copy of the newest checkpoint, or why it is none.
type Hint = Result<Signed, String>;

/// All checkpoints.
#[derive(Default)]
pub(super) struct Heads {
    signed: BTreeMap<u64, Signed>,
    /// Objects that are no checkpoint of their name, and why.
    refused: BTreeMap<u64, String>,
}

impl Heads {
    /// Reads every checkpoint.
    pub(super) fn read(audit: &Audit<'_>, inventory: &Inventory) -> Result<Self, VerifyError> {
        let sizes: Vec<u64> = inventory.checkpoints.iter().copied().collect();
        let heads = std::sync::Mutex::new(Self::default());
        pool::each(audit.threads(), &sizes, |&size| {
            audit.go_on()?;
            let of_size = |note| match open(audit, note)? {
                signed if signed.size == size => Ok(signed),
                signed => Err(format!("it is the checkpoint of size {}", signed.size)),
            };
            let read = audit.read(&checkpoint_key(size)?, MAX_NOTE_BYTES, of_size)?.into_result();
            let mut heads = heads.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match read {
                Ok(signed) => drop(heads.signed.insert(size, signed)),
                Err(reason) => drop(heads.refused.insert(size, reason)),
            }
            Ok::<(), VerifyError>(())
        })?;
        Ok(heads.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The largest that verifies.
    pub(super) fn head(&self) -> Option<&Signed> {
        self.signed.last_key_value().map(|(_, signed)| signed)
    }

    /// Compares every checkpoint and the hint with the leaves.
    pub(super) fn judge(
        &self,
        audit: &Audit<'_>,
        inventory: &Inventory,
        fold: &Fold,
        hint: &Hint,
    ) -> Result<(), VerifyError> {
        let size = fold.tree.size();
        for signed in self.signed.range(..=size).map(|(_, signed)| signed) {
            consistent(audit, signed, fold, &checkpoint_key(signed.size)?);
        }
        if let Some(head) = self.head().filter(|head| head.size > size) {
            consistent(audit, head, fold, &checkpoint_key(head.size)?);
        }
        let kept = kept(inventory, fold);
        for (refused, reason) in &self.refused {
            let mark = if kept.contains(refused) { Mark::Fail } else { Mark::Rebuildable };
            audit.note("checkpoint", checkpoint_key(*refused)?, mark, reason);
        }
        let head = self.head().map_or(0, |head| head.size);
        if head == 0 {
            // The first one is signed right after the first claim: it may just have been.
            let none = inventory.checkpoints.is_empty();
            let young = none && (size <= 1 || !audit.store.list(CHECKPOINTS, None, 1)?.is_empty());
            let mark = if young { Mark::NotProven } else { Mark::Fail };
            let detail = "no checkpoint is signed by the verifier key";
            audit.note("checkpoint", CHECKPOINTS, mark, detail);
        }
        if head < size {
            let detail = format!(
                "{} entries are claimed and not yet published: run `archive` again",
                size - head
            );
            audit.note("checkpoint", checkpoint_key(size)?, Mark::Pending, detail);
        }
        // A bundle that stops short shows that a checkpoint of its size was about to be signed, or was.
        for bundle in inventory.tiles.iter().filter(|tile| tile.is_entries() && !tile.is_full()) {
            let end = bundle.range().end;
            if end <= head && bundle.index() >= head >> 8 && !inventory.checkpoints.contains(&end) {
                let detail = "entries were published at this size, its checkpoint is not there";
                audit.note("checkpoint", checkpoint_key(end)?, Mark::Rebuildable, detail);
            }
        }
        self.judge_hint(audit, inventory, fold, hint)
    }

    /// The hint is a copy of the newest checkpoint. One that is ahead of it tells of a checkpoint that was removed, for it
    /// was read before the checkpoints were listed.
    fn judge_hint(
        &self,
        audit: &Audit<'_>,
        inventory: &Inventory,
        fold: &Fold,
        hint: &Hint,
    ) -> Result<(), VerifyError> {
        let key = ObjectKey::new(HINT)?;
        let head = self.head();
        if let Ok(hint) = hint
            && head.is_none_or(|head| head.note != hint.note)
        {
            consistent(audit, hint, fold, &key);
            let missing = head.is_none_or(|head| head.size < hint.size)
                && !inventory.checkpoints.contains(&hint.size);
            let checkpoint = checkpoint_key(hint.size)?;
            if missing && matches!(audit.read(&checkpoint, MAX_NOTE_BYTES, Ok)?, Found::Missing) {
                let detail = "it is missing: the hint is a signed copy of it";
                audit.note("checkpoint", checkpoint, Mark::Fail, detail);
            }
        }
        // A run that went on meanwhile has moved it.
        let now = read_hint(audit)?;
        let moved = |now: &Signed| {
            head.is_some_and(|head| head.note == now.note)
                || (head.is_none_or(|head| head.size < now.size)
                    && hint.as_ref().map_or(true, |hint| hint.size < now.size))
        };
        match &now {
            Ok(now) if moved(now) => {}
            Ok(_) => audit.note("hint", key, Mark::Rebuildable, "it is not the newest checkpoint"),
            Err(reason) => audit.note("hint", key, Mark::Rebuildable, reason),
        }
        Ok(())
    }

    /// Compares the log with a checkpoint that the auditor has kept: it must still be its beginning.
    pub(super) fn compare_kept(&self, audit: &Audit<'_>, fold: &Fold) {
        let Some(kept) = audit.options.checkpoint else { return };
        let note = |mark, detail| {
            let object = format!("kept checkpoint of {} entries", kept.size());
            audit.note("rollback", object, mark, detail);
        };
        let head = self.head().map_or(0, |head| head.size);
        if head < kept.size() {
            note(
                Mark::Fail,
                format!(
                    "the newest checkpoint signs {head} entries: the log was rolled back or forked"
                ),
            );
        } else if fold.tree.size() < kept.size() {
            note(Mark::NotProven, "the claims do not reach it".to_owned());
        } else if root_at(&fold.tree, kept.size()) != Ok(*kept.root()) {
            note(
                Mark::Fail,
                "the log has another root at this size: it was rolled back or forked".to_owned(),
            );
        }
    }
}

/// Reads the copy of the newest checkpoint.
pub(super) fn read_hint(audit: &Audit<'_>) -> Result<Hint, VerifyError> {
    let open = |note| open(audit, note);
    Ok(audit.read_current(&ObjectKey::new(HINT)?, MAX_NOTE_BYTES, open)?.into_result())
}

/// Whether the leaves lead to what was signed. If not, the key has signed two histories.
fn consistent(audit: &Audit<'_>, signed: &Signed, fold: &Fold, key: &ObjectKey) {
    let (signed_size, size) = (signed.size, fold.tree.size());
    if signed_size > size {
        let detail = format!("it is signed over {signed_size} entries, the log has {size}");
        audit.note("checkpoint", key, Mark::Fail, detail);
    } else if root_at(&fold.tree, signed_size) != Ok(signed.root) {
        audit.note(
            "checkpoint",
            key,
            Mark::Fail,
            "it is signed and contradicts the entries: altered or forked",
        );
    }
}

/// The checkpoints that are kept for ever: the newest, and the last of each day.
fn kept(inventory: &Inventory, fold: &Fold) -> BTreeSet<u64> {
    let mut days = BTreeMap::new();
    for size in &inventory.checkpoints {
        if let Some(at) = fold.times.get(size) {
            days.insert(at.date(), *size);
        }
    }
    days.into_values().chain(inventory.checkpoints.last().copied()).collect()
}

/// Opens a checkpoint, or says why it is none.
fn open(audit: &Audit<'_>, note: Vec<u8>) -> Hint {
    match Checkpoint::open(&note, audit.options.vkey) {
        Ok(checkpoint) => Ok(Signed { size: checkpoint.size(), root: *checkpoint.root(), note }),
        Err(error) => Err(error.to_string()),
    }
}

/// Checks every tile and bundle that the head needs, and every other that is there.
pub(super) fn tiles(
    audit: &Audit<'_>,
    inventory: &Inventory,
    fold: &Fold,
    heads: &Heads,
) -> Result<(), VerifyError> {
    // A head over more than there is has been reported; its tiles cannot be computed.
    let (folded, head) = (fold.tree.size(), heads.head().map_or(0, |head| head.size));
    let size = head.min(folded);
    let mut needed: BTreeSet<TileCoordinate> = tiles_for(0, size).into_iter().collect();
    if head > folded {
        // No checkpoint needs the edge of this size.
        needed.retain(TileCoordinate::is_full);
    }
    let mut wanted: BTreeMap<TileCoordinate, Mark> = BTreeMap::new();
    for signed in heads.signed.range(..=size).map(|(signed, _)| *signed) {
        // Where the full tile is there, a partial one may go.
        let edge = edge(signed).into_iter().filter(|tile| !needed.contains(&tile.full()));
        wanted.extend(edge.map(|tile| (tile, Mark::Rebuildable)));
    }
    wanted.extend(needed.into_iter().map(|tile| (tile, Mark::Fail)));
    // Nothing beyond the fold can be judged, if it ended early or the log went on since its claims were listed.
    let open_end = !fold.whole || audit.store.head(&claim_key(fold.next)?, None)?.is_some();
    let extra = inventory.tiles.iter().filter(|tile| !wanted.contains_key(tile));
    let extra: Vec<_> = extra
        .filter(|tile| !open_end || is_within(tile, folded))
        .map(|tile| (*tile, if tile.is_full() { Mark::Fail } else { Mark::Rebuildable }))
        .collect();
    let all: Vec<_> = wanted.into_iter().chain(extra).collect();
    pool::each(audit.threads(), &all, |(tile, mark)| {
        audit.go_on()?;
        judge_tile(audit, fold, tile, *mark)
    })
}

/// Whether a tree of `size` leaves has all that a tile holds.
fn is_within(tile: &TileCoordinate, size: u64) -> bool {
    let level = u32::from(tile.level().unwrap_or(0)).saturating_mul(8);
    tile.range().end <= size.checked_shr(level).unwrap_or(0)
}

fn judge_tile(
    audit: &Audit<'_>,
    fold: &Fold,
    tile: &TileCoordinate,
    mark: Mark,
) -> Result<(), VerifyError> {
    let key = tile_key(tile)?;
    let check = if tile.is_entries() { "bundle" } else { "tile" };
    let Ok(hashes) = tile.tile_bytes(&fold.tree) else {
        audit.note(check, key, Mark::Fail, "it lies beyond the end of the log");
        return Ok(());
    };
    let same = |bytes: Vec<u8>| {
        let same =
            if tile.is_entries() { same_entries(fold, tile, &bytes) } else { bytes == hashes };
        if same { Ok(()) } else { Err("it is not what the claims give".to_owned()) }
    };
    if let Err(detail) = audit.read(&key, MAX_BUNDLE_BYTES, same)?.into_result() {
        audit.note(check, key, mark, detail);
    }
    Ok(())
}

/// A bundle has one form for its entries, and a hash stands for one entry: equal hashes are equal bytes.
fn same_entries(fold: &Fold, tile: &TileCoordinate, bytes: &[u8]) -> bool {
    decode_bundle(bytes, tile.width()).is_ok_and(|entries| {
        entries
            .iter()
            .zip(tile.range())
            .all(|(entry, index)| fold.tree.subtree(0, index) == Ok(leaf_hash(entry)))
    })
}

/// The tiles and the bundle of the tree of `size` leaves that are not full.
fn edge(size: u64) -> Vec<TileCoordinate> {
    let mut edge = Vec::new();
    let mut hashes = size;
    for level in 0..=MAX_TILE_LEVEL {
        let rest = u16::try_from(hashes % u64::from(TILE_WIDTH)).unwrap_or(0);
        let index = hashes / u64::from(TILE_WIDTH);
        if level == 0 {
            edge.extend(TileCoordinate::entries(index, rest));
        }
        edge.extend(TileCoordinate::hashes(level, index, rest));
        hashes = index;
    }
    edge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_is_what_tiles_for_gives_of_partial_tiles() {
        for size in [0, 1, 255, 256, 257, 512, 65_535, 65_536, 65_537, 70_000] {
            let partial: BTreeSet<_> =
                tiles_for(0, size).into_iter().filter(|tile| !tile.is_full()).collect();
            assert_eq!(edge(size).into_iter().collect::<BTreeSet<_>>(), partial, "{size}");
        }
    }
}
