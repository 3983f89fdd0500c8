//! Over claims that are lost: their entries stand in the bundles, which the head vouches for.

use std::rc::Rc;

use strongroom_crypto::entry::{Entry, EntryKind};
use strongroom_crypto::manifest::{MAX_MANIFEST_BYTES, Manifest};
use strongroom_crypto::merkle::{HashSource as _, leaf_hash};
use strongroom_crypto::range::RangeList;
use strongroom_crypto::tile::{TILE_WIDTH, TileCoordinate, TileReader};

use super::fold::{Fault, Folder};
use super::published::{MAX_BUNDLE_BYTES, Signed};
use super::{Audit, Found, Mark, VerifyError};
use crate::log::{claim_key, manifest_key, tile_key};

const WIDTH: u64 = 256;
const _: () = assert!(TILE_WIDTH == 256, "bundles are counted by the width of a tile");

/// Entries under the head, checked one bundle at a time.
struct Bundles<'a, 'b, F> {
    audit: &'a Audit<'b>,
    tiles: TileReader<F>,
    current: Option<(u64, Rc<[Vec<u8>]>)>,
}

/// How far lost claims reach.
struct Gap {
    /// The entry after the last of them.
    end: u64,
    /// The claim that comes after.
    next: Option<u64>,
}

impl Folder<'_, '_> {
    /// Goes over the claim that cannot be taken, and those after it that cannot either. False: the log ends here.
    pub(super) fn bridge(&mut self, fault: &Fault) -> Result<bool, VerifyError> {
        let from = self.fold.tree.size();
        let Some(head) = self.head.filter(|head| head.size > from) else {
            self.lost(fault, None, false)?;
            return Ok(false);
        };
        let audit = self.audit;
        let fetch = move |tile: &TileCoordinate| fetch(audit, tile);
        let tiles = match TileReader::open(head.size, &head.root, fetch) {
            Ok(tiles) => tiles,
            Err(error) => {
                self.lost(fault, None, false)?;
                self.undecided(from, &format_args!("entries without a claim, and {error}"));
                return Ok(false);
            }
        };
        let mut bundles = Bundles { audit, tiles, current: None };
        if from == 0
            && let Ok(leaf) = bundles.entry(0, head.size)
        {
            self.register(&leaf);
        }
        let gap = self.gap(&bundles.tiles, head)?;
        // Only what a full bundle holds may go: partial ones are superseded.
        let covered = gap.end > from && gap.end <= head.size / WIDTH * WIDTH;
        self.lost(fault, gap.next, covered)?;
        self.whole = false;
        if from == 0 {
            self.undecided(0, &"the first claim, which says who may append, cannot be read");
        }
        for index in from..gap.end {
            match bundles.entry(index, head.size) {
                Ok(leaf) => {
                    let ranges = self.ranges(&leaf)?;
                    let outcome = self.apply_unsigned(&leaf, ranges.as_ref());
                    self.record(&leaf, outcome);
                }
                Err(error) => {
                    self.undecided(index, &format_args!("an entry without a claim, and {error}"));
                    return Ok(false);
                }
            }
        }
        self.prev = None;
        self.seq = gap.next.unwrap_or(self.seq);
        Ok(gap.next.is_some())
    }

    /// Finds the next claim that can be taken, and where in the tree it begins.
    fn gap<F>(&self, tiles: &TileReader<F>, head: &Signed) -> Result<Gap, VerifyError>
    where
        F: Fn(&TileCoordinate) -> Result<Vec<u8>, String>,
    {
        let from = self.fold.tree.size();
        for &seq in self.inventory.claims.range(self.seq.saturating_add(1)..) {
            // Each lost claim held at least one entry.
            let least = from.saturating_add(seq.saturating_sub(self.seq));
            if least >= head.size {
                break;
            }
            let Ok(claim) = self.read(seq)? else { continue };
            let leaves: Vec<_> = claim.items().iter().map(|item| leaf_hash(item.leaf())).collect();
            let begins = |start: u64| {
                // What lies beyond the head is compared when its turn comes.
                let inside = (start..head.size).zip(&leaves);
                inside.into_iter().all(|(index, leaf)| tiles.subtree(0, index).as_ref() == Ok(leaf))
            };
            if let Some(end) = (least..head.size).find(|start| begins(*start)) {
                return Ok(Gap { end, next: Some(seq) });
            }
        }
        Ok(Gap { end: head.size, next: None })
    }

    /// Reports the lost claims before `next`; without one, also everything after, which follows nothing.
    fn lost(&self, fault: &Fault, next: Option<u64>, covered: bool) -> Result<(), VerifyError> {
        let mark = if covered { Mark::Rebuildable } else { Mark::Fail };
        let covered = if covered { ", its entries are in full bundles" } else { "" };
        let first = claim_key(self.seq)?;
        match fault {
            Fault::Missing => {
                self.audit.note("claim", first, mark, format_args!("it is missing{covered}"));
            }
            Fault::Altered(detail) => self.audit.note(
                "claim",
                first,
                mark,
                format_args!("it is altered{covered}: {detail}"),
            ),
        }
        let rest = self.seq.saturating_add(1);
        let Some(next) = next else {
            for &seq in self.inventory.claims.range(rest..) {
                self.audit.note(
                    "claim",
                    claim_key(seq)?,
                    Mark::Fail,
                    "it follows no claim of the log",
                );
            }
            return Ok(());
        };
        for seq in rest..next {
            let there = self.inventory.claims.contains(&seq);
            let fault = if there { "altered or follows a lost claim" } else { "missing" };
            self.audit.note("claim", claim_key(seq)?, mark, format_args!("it is {fault}{covered}"));
        }
        Ok(())
    }

    /// The ranges of a seal without its claim: the manifest has them too.
    fn ranges(&self, leaf: &[u8]) -> Result<Option<RangeList>, VerifyError> {
        let Ok(EntryKind::SegmentSeal(seal)) = Entry::parse(leaf).map(Entry::into_kind) else {
            return Ok(None);
        };
        let Found::Bytes(bytes) =
            self.audit.get(&manifest_key(&seal.segment_id)?, MAX_MANIFEST_BYTES)?
        else {
            return Ok(None);
        };
        Ok(Manifest::parse(&bytes).ok().map(|manifest| manifest.ranges))
    }
}

impl<F> Bundles<'_, '_, F>
where
    F: Fn(&TileCoordinate) -> Result<Vec<u8>, String>,
{
    fn entry(&mut self, index: u64, size: u64) -> Result<Vec<u8>, String> {
        let number = index / WIDTH;
        let bundle = match &self.current {
            Some((current, bundle)) if *current == number => Rc::clone(bundle),
            _ => {
                let filled = u16::try_from(size.saturating_sub(number * WIDTH).min(WIDTH))
                    .unwrap_or(TILE_WIDTH);
                let tile =
                    TileCoordinate::entries(number, filled).map_err(|error| error.to_string())?;
                let bytes = fetch(self.audit, &tile)?;
                let entries =
                    self.tiles.check_bundle(&tile, &bytes).map_err(|error| error.to_string())?;
                let bundle: Rc<[Vec<u8>]> = entries.into_iter().map(<[u8]>::to_vec).collect();
                self.current = Some((number, Rc::clone(&bundle)));
                bundle
            }
        };
        let place = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
        bundle
            .get(place)
            .cloned()
            .ok_or_else(|| format!("`log/tile/entries/{number}` is too short"))
    }
}

fn fetch(audit: &Audit<'_>, tile: &TileCoordinate) -> Result<Vec<u8>, String> {
    let key = tile_key(tile).map_err(|error| error.to_string())?;
    match audit.get(&key, MAX_BUNDLE_BYTES) {
        Ok(Found::Bytes(bytes)) => Ok(bytes),
        Ok(Found::Missing) => Err(format!("`{key}` is missing")),
        Ok(Found::Damaged(detail)) => Err(format!("`{key}` is damaged: {detail}")),
        Err(error) => Err(error.to_string()),
    }
}
