//! Reading a tree from tiles that nobody is trusted to keep.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc};

use super::{MAX_TILE_LEVEL, TILE_WIDTH, TileCoordinate, TileError, decode_bundle, decode_tile};
use crate::{
    digest::Digest,
    merkle::{HashSource, Tree, fold, leaf_hash, root_of},
};

/// Full tiles kept in memory, 8 KiB each: all of a log of 65,000 entries, the upper levels of any.
const MAX_CACHED_TILES: usize = 1_024;

/// Tiles by level and index.
type Tiles = BTreeMap<(u8, u64), Rc<[Digest]>>;

/// Why a hash can't be had from the tiles.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TileReadError<E> {
    /// The tile could not be fetched.
    #[error("{0}")]
    Fetch(E),
    /// The tile has the wrong length.
    #[error(transparent)]
    Malformed(#[from] TileError),
    /// The tiles of the right edge do not add up to the trusted root.
    #[error("the right edge of the tree of {size} leaves does not lead to its root")]
    Edge {
        /// The size of the tree.
        size: u64,
    },
    /// A tile or bundle whose content is not under the trusted root.
    #[error("`{0}` is not part of the tree")]
    Foreign(TileCoordinate),
    /// The subtree is not complete in this tree.
    #[error("no complete subtree at level {level}, index {index} in a tree of {size} leaves")]
    OutOfRange {
        /// The level asked for.
        level: u8,
        /// The index asked for.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
}

/// A [`HashSource`] over fetched tiles. Every hash it returns is under the root it was opened with:
/// the right edge is checked against that root on opening, and each full tile against its parent
/// before anything in it is used.
pub struct TileReader<F> {
    size: u64,
    /// By level, the tile that is not full yet; empty where the level ends with a full tile.
    edge: Vec<Rc<[Digest]>>,
    fetch: F,
    /// Full tiles, authenticated.
    cache: RefCell<Tiles>,
}

impl<F> fmt::Debug for TileReader<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TileReader").field("size", &self.size).finish_non_exhaustive()
    }
}

impl<F, E> TileReader<F>
where
    F: Fn(&TileCoordinate) -> Result<Vec<u8>, E>,
{
    /// Fetches the right edge of the tree of `size` leaves and checks it against `root`, which the
    /// caller trusts. Where a partial tile can't be fetched, the full tile at its place will do.
    ///
    /// # Errors
    ///
    /// Fails when a tile can't be fetched, is malformed, or the edge does not lead to the root.
    pub fn open(size: u64, root: &Digest, fetch: F) -> Result<Self, TileReadError<E>> {
        let mut edge = Vec::new();
        let mut hashes = size;
        for level in 0..=MAX_TILE_LEVEL {
            edge.push(fetch_edge(&fetch, level, hashes)?);
            hashes >>= 8;
        }
        // The complete subtrees of the tree, largest first, are those of its edge tiles from the
        // top: the root covers every hash in them.
        let subtrees = edge.iter().rev().map(|tile| tile.iter().copied().collect::<Tree>());
        let peaks: Vec<Digest> = subtrees.flat_map(|tree| tree.peaks().to_vec()).collect();
        if fold(&peaks) != *root {
            return Err(TileReadError::Edge { size });
        }
        Ok(Self { size, edge, fetch, cache: RefCell::default() })
    }

    /// The size of the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads an entry bundle and checks that each entry is the leaf at its place in the tree.
    ///
    /// # Errors
    ///
    /// Refuses a malformed bundle and one that holds anything else than the tree does.
    pub fn check_bundle<'b>(
        &self,
        bundle: &TileCoordinate,
        bytes: &'b [u8],
    ) -> Result<Vec<&'b [u8]>, TileReadError<E>> {
        let entries = decode_bundle(bytes, bundle.width())?;
        for (index, entry) in bundle.range().zip(&entries) {
            if self.subtree(0, index)? != leaf_hash(entry) {
                return Err(TileReadError::Foreign(*bundle));
            }
        }
        Ok(entries)
    }

    /// The tile at this place, authenticated. `index` must lie within the level.
    fn tile(&self, level: u8, index: u64) -> Result<Rc<[Digest]>, TileReadError<E>> {
        // Up to the first tile that is believed already, at the latest the edge.
        let mut doubted = Vec::new();
        let (mut at_level, mut at) = (level, index);
        let mut tile = loop {
            if let Some(tile) = self.believed(at_level, at) {
                break tile;
            }
            doubted.push((at_level, at));
            at_level = at_level.saturating_add(1);
            at >>= 8;
            if at_level > MAX_TILE_LEVEL {
                return Err(TileReadError::OutOfRange { level, index, size: self.size });
            }
        };
        // And down again, each tile checked against its slot in the one above.
        while let Some((at_level, at)) = doubted.pop() {
            let coordinate = TileCoordinate::hashes(at_level, at, TILE_WIDTH)?;
            let bytes = (self.fetch)(&coordinate).map_err(TileReadError::Fetch)?;
            let child: Rc<[Digest]> = decode_tile(&bytes, TILE_WIDTH)?.into();
            if slot(&tile, at) != Some(&root_of(child.iter().copied())) {
                return Err(TileReadError::Foreign(coordinate));
            }
            self.remember(at_level, at, &child);
            tile = child;
        }
        Ok(tile)
    }

    fn believed(&self, level: u8, index: u64) -> Option<Rc<[Digest]>> {
        let hashes = self.size.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0);
        if index == hashes >> 8 {
            return self.edge.get(usize::from(level)).map(Rc::clone);
        }
        self.cache.borrow().get(&(level, index)).map(Rc::clone)
    }

    fn remember(&self, level: u8, index: u64, tile: &Rc<[Digest]>) {
        let mut cache = self.cache.borrow_mut();
        if cache.len() >= MAX_CACHED_TILES {
            // Readers walk from left to right: what is dropped is mostly behind them.
            cache.pop_first();
        }
        cache.insert((level, index), Rc::clone(tile));
    }
}

impl<F, E> HashSource for TileReader<F>
where
    F: Fn(&TileCoordinate) -> Result<Vec<u8>, E>,
{
    type Error = TileReadError<E>;

    fn subtree(&self, level: u8, index: u64) -> Result<Digest, Self::Error> {
        let outside = || TileReadError::OutOfRange { level, index, size: self.size };
        let complete = self.size.checked_shr(level.into()).unwrap_or(0);
        if index >= complete {
            return Err(outside());
        }
        // A subtree of level 8L + h is 2^h neighbouring hashes of one tile at level L.
        let (tile_level, height) = (level >> 3, u32::from(level & 7));
        let first = index.checked_shl(height).ok_or_else(outside)?;
        let tile = self.tile(tile_level, first >> 8)?;
        let start = usize::try_from(first & 255).map_err(|_| outside())?;
        let width = 1_usize.checked_shl(height).ok_or_else(outside)?;
        let end = start.checked_add(width).ok_or_else(outside)?;
        let hashes = tile.get(start..end).ok_or_else(outside)?;
        Ok(root_of(hashes.iter().copied()))
    }
}

/// The tile at the end of a level of `hashes` hashes, empty where the level ends with a full one.
fn fetch_edge<F, E>(fetch: &F, level: u8, hashes: u64) -> Result<Rc<[Digest]>, TileReadError<E>>
where
    F: Fn(&TileCoordinate) -> Result<Vec<u8>, E>,
{
    // INVARIANT: a remainder by 256 fits.
    let width = u16::try_from(hashes & 255).unwrap_or(0);
    if width == 0 {
        return Ok(Rc::default());
    }
    let partial = TileCoordinate::hashes(level, hashes >> 8, width)?;
    let tile = match fetch(&partial) {
        Ok(bytes) => decode_tile(&bytes, width)?,
        Err(missing) => {
            let full = fetch(&partial.full()).map_err(|_| TileReadError::Fetch(missing))?;
            let mut tile = decode_tile(&full, TILE_WIDTH)?;
            tile.truncate(width.into());
            tile
        }
    };
    Ok(tile.into())
}

/// The hash that the tile above has for the tile at `index`.
fn slot(parent: &[Digest], index: u64) -> Option<&Digest> {
    parent.get(usize::try_from(index & 255).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        merkle::{
            MemoryTree, prove_consistency, prove_inclusion, root_at, verify_consistency,
            verify_inclusion,
        },
        tile::{encode_bundle, tiles_for},
    };

    type Store = BTreeMap<TileCoordinate, Vec<u8>>;

    fn entry(n: u64) -> [u8; 8] {
        n.to_be_bytes()
    }

    fn grow(store: &mut Store, tree: &mut MemoryTree, size: u64) {
        let old = tree.size();
        tree.extend((old..size).map(|n| leaf_hash(&entry(n))));
        for coordinate in tiles_for(old, size) {
            let bytes = if coordinate.is_entries() {
                encode_bundle(coordinate.range().map(entry)).unwrap()
            } else {
                coordinate.tile_bytes(tree).unwrap()
            };
            store.insert(coordinate, bytes);
        }
    }

    fn fetch(store: &Store) -> impl Fn(&TileCoordinate) -> Result<Vec<u8>, String> {
        |coordinate| store.get(coordinate).cloned().ok_or_else(|| format!("no {coordinate}"))
    }

    fn filled(size: u64) -> (Store, MemoryTree) {
        let (mut store, mut tree) = (Store::new(), MemoryTree::new());
        for step in [1, 255, 256, 300, 1_000, 65_536, 66_000, 70_000] {
            grow(&mut store, &mut tree, step.min(size));
        }
        grow(&mut store, &mut tree, size);
        (store, tree)
    }

    #[test]
    fn proofs_from_tiles_are_those_from_memory() {
        let (store, tree) = filled(70_000);
        for size in [1, 255, 256, 300, 1_000, 65_536, 66_000, 70_000] {
            let root = root_at(&tree, size).unwrap();
            let reader = TileReader::open(size, &root, fetch(&store)).unwrap();
            for index in [0, size / 3, size / 2, size - 1] {
                let proof = prove_inclusion(&reader, index, size).unwrap();
                assert_eq!(proof, prove_inclusion(&tree, index, size).unwrap());
                let leaf = leaf_hash(&entry(index));
                verify_inclusion(&leaf, index, size, &proof, &root).unwrap();
            }
            for old in [1, 200, 256, 999].into_iter().filter(|old| *old <= size) {
                let proof = prove_consistency(&reader, old, size).unwrap();
                let old_root = root_at(&tree, old).unwrap();
                verify_consistency(old, &old_root, size, &root, &proof).unwrap();
            }
            let resumed = Tree::load(&reader, size).unwrap();
            assert_eq!((resumed.size(), resumed.root()), (size, root));
            assert!(reader.subtree(0, size).is_err());
            assert!(reader.subtree(64, 0).is_err());
            assert!(reader.subtree(255, 0).is_err());
        }
        TileReader::open(0, &crate::merkle::empty_root(), fetch(&Store::new())).unwrap();
    }

    #[test]
    fn no_altered_tile_is_ever_believed() {
        let (store, tree) = filled(1_000);
        let root = tree.root();
        let tiles: Vec<_> = tiles_for(0, 1_000).into_iter().filter(|t| !t.is_entries()).collect();
        assert_eq!(tiles.len(), 5);
        for coordinate in tiles {
            for byte in (0..usize::from(coordinate.width()) * 32).step_by(31) {
                let mut altered = store.clone();
                altered.get_mut(&coordinate).unwrap()[byte] ^= 1;
                let Ok(reader) = TileReader::open(1_000, &root, fetch(&altered)) else {
                    assert!(!coordinate.is_full());
                    continue;
                };
                assert!(coordinate.is_full());
                let refused = reader.subtree(0, coordinate.range().start);
                assert_eq!(refused, Err(TileReadError::Foreign(coordinate)));
            }
        }
        assert!(TileReader::open(999, &root, fetch(&store)).is_err());
    }

    #[test]
    fn a_full_tile_stands_in_for_a_partial_one_that_is_gone() {
        let (mut store, tree) = filled(1_000);
        let root = root_at(&tree, 300).unwrap();
        store.retain(|coordinate, _| coordinate.is_full() || coordinate.index() == 3);
        let edge = TileCoordinate::hashes(1, 0, 1).unwrap();
        store.insert(edge, edge.tile_bytes(&tree).unwrap());
        let reader = TileReader::open(300, &root, fetch(&store)).unwrap();
        assert_eq!(reader.subtree(0, 299).unwrap(), leaf_hash(&entry(299)));
        assert!(reader.subtree(0, 300).is_err(), "beyond the size, though the tile has it");
    }

    #[test]
    fn a_bundle_counts_only_if_every_entry_is_in_the_tree() {
        let (store, tree) = filled(1_000);
        let reader = TileReader::open(1_000, &tree.root(), fetch(&store)).unwrap();
        for bundle in tiles_for(0, 1_000).into_iter().filter(TileCoordinate::is_entries) {
            let bytes = &store[&bundle];
            let entries = reader.check_bundle(&bundle, bytes).unwrap();
            assert_eq!(entries.len(), usize::from(bundle.width()));
            let mut altered = bytes.clone();
            *altered.last_mut().unwrap() ^= 1;
            let refused = reader.check_bundle(&bundle, &altered);
            assert_eq!(refused, Err(TileReadError::Foreign(bundle)));
        }
    }

    #[test]
    fn the_cache_is_bounded() {
        let (store, tree) = filled(70_000);
        let reader = TileReader::open(70_000, &tree.root(), fetch(&store)).unwrap();
        for index in 0..(MAX_CACHED_TILES + 9) {
            reader.remember(0, u64::try_from(index).unwrap() + 1_000_000, &Rc::default());
        }
        assert_eq!(reader.cache.borrow().len(), MAX_CACHED_TILES);
    }
}
