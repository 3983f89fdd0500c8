//! A tree that keeps every hash, for segments and tests.

use super::{Digest, HashSource, fold, node_hash, peaks};

/// A tree with all its levels in memory: about 64 bytes a leaf.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    /// `levels[l][i]` is the complete subtree at level `l`, index `i`.
    levels: Vec<Vec<Digest>>,
}

/// A subtree that the tree does not have, or not completely.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no complete subtree at level {level}, index {index}")]
pub struct NotStored {
    level: u8,
    index: u64,
}

impl MemoryTree {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the hash of one leaf.
    pub fn append(&mut self, leaf: Digest) {
        let mut node = leaf;
        for level in &mut self.levels {
            level.push(node);
            let (pairs, []) = level.as_chunks::<2>() else { return };
            let Some([left, right]) = pairs.last() else { return };
            node = node_hash(left, right);
        }
        self.levels.push(vec![node]);
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        let leaves = self.levels.first().map_or(0, Vec::len);
        // INVARIANT: what fits in memory fits in 64 bits.
        u64::try_from(leaves).unwrap_or(u64::MAX)
    }

    /// The root over all leaves.
    pub fn root(&self) -> Digest {
        // INVARIANT: every complete subtree below the size is stored.
        peaks(self, 0, self.size()).map_or_else(|_| super::empty_root(), |peaks| fold(&peaks))
    }
}

impl Extend<Digest> for MemoryTree {
    fn extend<I: IntoIterator<Item = Digest>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

impl FromIterator<Digest> for MemoryTree {
    fn from_iter<I: IntoIterator<Item = Digest>>(leaves: I) -> Self {
        let mut tree = Self::new();
        tree.extend(leaves);
        tree
    }
}

impl HashSource for MemoryTree {
    type Error = NotStored;

    fn subtree(&self, level: u8, index: u64) -> Result<Digest, NotStored> {
        let at = usize::try_from(index).ok();
        let hash = self.levels.get(usize::from(level)).zip(at).and_then(|(row, at)| row.get(at));
        hash.copied().ok_or(NotStored { level, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{leaf_hash, root_of};

    #[test]
    fn every_level_holds_the_roots_of_its_complete_subtrees() {
        let leaves: Vec<Digest> = (0..77_u8).map(|n| leaf_hash(&[n])).collect();
        let tree: MemoryTree = leaves.iter().copied().collect();
        assert_eq!(tree.root(), root_of(leaves.iter().copied()));
        for level in 0..7_u8 {
            for (index, chunk) in leaves.chunks_exact(1 << level).enumerate() {
                let hash = tree.subtree(level, u64::try_from(index).unwrap()).unwrap();
                assert_eq!(hash, root_of(chunk.iter().copied()));
            }
            assert!(tree.subtree(level, 77 >> level).is_err(), "incomplete at level {level}");
        }
        assert!(tree.subtree(7, 0).is_err());
    }
}
