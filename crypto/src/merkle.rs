//! The Merkle tree of RFC 6962, section 2.1 (the same as RFC 9162, section 2.1), over SHA-256.

mod memory;
mod proof;

pub use memory::{MemoryTree, NotStored};
pub use proof::{
    ProofError, ProveError, prove_consistency, prove_inclusion, verify_consistency,
    verify_inclusion,
};

use crate::digest::{Digest, Hasher};

/// The hash of a leaf: SHA-256(0x00 || data).
pub fn leaf_hash(data: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&[0]);
    hasher.update(data);
    hasher.finish()
}

/// The hash of an inner node: SHA-256(0x01 || left || right).
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&[1]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    hasher.finish()
}

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// The root over leaf hashes, in memory logarithmic in their number.
pub fn root_of(leaves: impl IntoIterator<Item = Digest>) -> Digest {
    leaves.into_iter().collect::<Tree>().root()
}

/// A tree that grows by appending and remembers only its compact range: the roots of the complete
/// subtrees that its size decomposes into, largest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tree {
    /// Number of leaves; its set bits are the levels of `peaks`.
    size: u64,
    peaks: Vec<Digest>,
}

impl Tree {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up the tree of `size` leaves where `source` has it. The source is believed: check
    /// [`Tree::root`] against a root that is trusted.
    ///
    /// # Errors
    ///
    /// Fails when the source does.
    pub fn load<S: HashSource>(source: &S, size: u64) -> Result<Self, S::Error> {
        Ok(Self { size, peaks: peaks(source, 0, size)? })
    }

    /// Appends the hash of one leaf.
    pub fn append(&mut self, leaf: Digest) {
        let mut node = leaf;
        let mut complete = self.size;
        while complete & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            node = node_hash(&left, &node);
            complete >>= 1;
        }
        self.peaks.push(node);
        // INVARIANT: nobody appends 2^64 leaves.
        self.size = self.size.saturating_add(1);
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves.
    pub fn root(&self) -> Digest {
        fold(&self.peaks)
    }

    /// The roots of the complete subtrees, largest first.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }
}

impl Extend<Digest> for Tree {
    fn extend<I: IntoIterator<Item = Digest>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

impl FromIterator<Digest> for Tree {
    fn from_iter<I: IntoIterator<Item = Digest>>(leaves: I) -> Self {
        let mut tree = Self::new();
        tree.extend(leaves);
        tree
    }
}

/// Where the hashes of complete subtrees are.
pub trait HashSource {
    /// Why a hash could not be had.
    type Error;

    /// The root of the complete, aligned subtree over the leaves
    /// `index * 2^level .. (index + 1) * 2^level`.
    ///
    /// # Errors
    ///
    /// Fails when the hash can't be read or, for a source that authenticates, not be believed.
    fn subtree(&self, level: u8, index: u64) -> Result<Digest, Self::Error>;
}

/// The root over the first `size` leaves of `source`.
///
/// # Errors
///
/// Fails when the source does.
pub fn root_at<S: HashSource>(source: &S, size: u64) -> Result<Digest, S::Error> {
    range_root(source, 0, size)
}

/// MTH over the leaves `start..end` of a range that occurs in a proof: `start` is aligned to the
/// largest power of two not above the length.
fn range_root<S: HashSource>(source: &S, start: u64, end: u64) -> Result<Digest, S::Error> {
    Ok(fold(&peaks(source, start, end)?))
}

/// The complete subtrees of `start..end`, largest first.
fn peaks<S: HashSource>(source: &S, start: u64, end: u64) -> Result<Vec<Digest>, S::Error> {
    let mut peaks = Vec::new();
    let mut at = start;
    while let Some(log) = end.saturating_sub(at).checked_ilog2() {
        // INVARIANT: the logarithm of a u64 is below 64, so neither fallback is taken, and
        // `at + 2^log <= end`.
        let level = u8::try_from(log).unwrap_or(u8::MAX);
        peaks.push(source.subtree(level, at.checked_shr(log).unwrap_or(0))?);
        at = at.saturating_add(1_u64.checked_shl(log).unwrap_or(u64::MAX));
    }
    Ok(peaks)
}

/// Folds complete subtrees, largest first, into the root over all of them.
pub(crate) fn fold(peaks: &[Digest]) -> Digest {
    let root = peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
    root.unwrap_or_else(empty_root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    /// The reference leaves of the Certificate Transparency test suite.
    pub(super) const LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];

    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn roots_are_the_reference_values_of_rfc_6962() {
        let leaves = LEAVES.map(|leaf| leaf_hash(&hex::decode(leaf).unwrap()));
        let mut tree = Tree::new();
        for (size, root) in ROOTS.iter().enumerate() {
            assert_eq!(tree.root().to_string(), *root, "size {size}");
            assert_eq!(root_of(leaves[..size].iter().copied()), tree.root());
            if let Some(leaf) = leaves.get(size) {
                tree.append(*leaf);
            }
        }
    }

    /// RFC 6962, section 2.1, taken literally.
    fn mth(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&mth(left), &mth(right))
            }
        }
    }

    #[test]
    fn the_incremental_root_is_the_recursive_one_at_every_size() {
        let leaves: Vec<Digest> = (0..=130_u8).map(|n| leaf_hash(&[n])).collect();
        let stored: MemoryTree = leaves.iter().copied().collect();
        let mut tree = Tree::new();
        for (n, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root(), mth(&leaves[..n]));
            assert_eq!(Tree::load(&stored, tree.size()).unwrap(), tree);
            assert_eq!(root_at(&stored, tree.size()).unwrap(), tree.root());
            tree.append(*leaf);
            assert_eq!(tree.peaks().len(), usize::try_from(tree.size().count_ones()).unwrap());
        }
    }
}
