//! Inclusion and consistency proofs: generation (RFC 6962, sections 2.1.1 and 2.1.2) and
//! verification (RFC 9162, sections 2.1.3.2 and 2.1.4.2).

use super::{Digest, HashSource, empty_root, node_hash, range_root};

/// Why a proof could not be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProveError<E> {
    /// The leaf, or the older tree, is not part of the tree.
    #[error("no proof for {subject} in a tree of {size} leaves")]
    OutOfRange {
        /// The leaf index or the older size.
        subject: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The hashes could not be read.
    #[error("{0}")]
    Source(E),
}

/// Why a proof does not prove.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProofError {
    /// The leaf is said to lie outside the tree.
    #[error("leaf {index} lies outside a tree of {size} leaves")]
    Index {
        /// The claimed index.
        index: u64,
        /// The claimed size.
        size: u64,
    },
    /// The newer tree is said to be smaller.
    #[error("a tree of {old_size} leaves can't have become one of {new_size}")]
    Shrunk {
        /// The claimed older size.
        old_size: u64,
        /// The claimed newer size.
        new_size: u64,
    },
    /// Too few or too many hashes for these sizes.
    #[error("proof has {found} hashes, which does not fit these sizes")]
    Length {
        /// How many hashes the proof has.
        found: usize,
    },
    /// The hashes lead to another root.
    #[error("proof does not lead to the root `{expected}`")]
    Root {
        /// The root that was to be proven.
        expected: Digest,
    },
}

/// `PATH(index, D[size])`: the siblings from the leaf up.
///
/// # Errors
///
/// Fails when the leaf is outside the tree or the source fails.
pub fn prove_inclusion<S: HashSource>(
    source: &S,
    index: u64,
    size: u64,
) -> Result<Vec<Digest>, ProveError<S::Error>> {
    if index >= size {
        return Err(ProveError::OutOfRange { subject: index, size });
    }
    let mut path = Vec::new();
    let (mut low, mut high) = (0, size);
    while let Some(middle) = split(low, high) {
        let (sibling_low, sibling_high);
        if index < middle {
            (sibling_low, sibling_high) = (middle, high);
            high = middle;
        } else {
            (sibling_low, sibling_high) = (low, middle);
            low = middle;
        }
        path.push(range_root(source, sibling_low, sibling_high).map_err(ProveError::Source)?);
    }
    path.reverse();
    Ok(path)
}

/// `PROOF(old, D[new])`: that the first `old_size` leaves of the tree of `new_size` are the older
/// tree. Empty when the sizes are equal or the older tree is empty.
///
/// # Errors
///
/// Fails when the older tree is larger or the source fails.
pub fn prove_consistency<S: HashSource>(
    source: &S,
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Digest>, ProveError<S::Error>> {
    if old_size > new_size {
        return Err(ProveError::OutOfRange { subject: old_size, size: new_size });
    }
    let mut path = Vec::new();
    if old_size == 0 || old_size == new_size {
        return Ok(path);
    }
    let (mut low, mut high) = (0, new_size);
    // SUBPROOF descends until the older tree ends exactly where the range does.
    while old_size != high {
        let Some(middle) = split(low, high) else { break };
        let (sibling_low, sibling_high);
        if old_size <= middle {
            (sibling_low, sibling_high) = (middle, high);
            high = middle;
        } else {
            (sibling_low, sibling_high) = (low, middle);
            low = middle;
        }
        path.push(range_root(source, sibling_low, sibling_high).map_err(ProveError::Source)?);
    }
    // A range that starts at zero is the older tree itself, whose root the verifier has.
    if low != 0 {
        path.push(range_root(source, low, high).map_err(ProveError::Source)?);
    }
    path.reverse();
    Ok(path)
}

/// Where RFC 6962 splits the leaves `low..high`: after the largest power of two below their number.
fn split(low: u64, high: u64) -> Option<u64> {
    let last = high.checked_sub(low)?.checked_sub(1)?;
    low.checked_add(1_u64.checked_shl(last.checked_ilog2()?)?)
}

/// Checks that the leaf with hash `leaf` is at `index` of the tree of `size` leaves under `root`.
///
/// # Errors
///
/// Refuses an index outside the tree, a proof of the wrong length and one that leads elsewhere.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    let last = match size.checked_sub(1) {
        Some(last) if index <= last => last,
        _ => return Err(ProofError::Index { index, size }),
    };
    let mut walk = Walk { node: index, last };
    let mut hash = *leaf;
    for sibling in proof {
        match walk.side().ok_or(ProofError::Length { found: proof.len() })? {
            Side::Left => hash = node_hash(sibling, &hash),
            Side::Right => hash = node_hash(&hash, sibling),
        }
    }
    walk.arrived(proof)?;
    if hash == *root { Ok(()) } else { Err(ProofError::Root { expected: *root }) }
}

/// Checks that the tree of `new_size` leaves under `new_root` begins with the tree of `old_size`
/// leaves under `old_root`.
///
/// # Errors
///
/// Refuses a shrunken tree, a proof of the wrong length and one that leads elsewhere. An empty older
/// tree must have the empty root; nothing is then proven about `new_root`.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::Shrunk { old_size, new_size });
    }
    if old_size == 0 || old_size == new_size {
        return verify_trivial(old_size, old_root, new_size, new_root, proof);
    }
    let wrong_length = ProofError::Length { found: proof.len() };
    let (first, rest) = if old_size.is_power_of_two() {
        // An older tree that is one complete subtree is its own starting point; a proof is still
        // needed, because the newer tree is larger.
        (old_root, proof)
    } else {
        proof.split_first().ok_or(wrong_length)?
    };
    let mut walk = Walk { node: old_size.saturating_sub(1), last: new_size.saturating_sub(1) };
    walk.skip_complete();
    let (mut old, mut new) = (*first, *first);
    for sibling in rest {
        match walk.side().ok_or(wrong_length)? {
            Side::Left => {
                old = node_hash(sibling, &old);
                new = node_hash(sibling, &new);
            }
            Side::Right => new = node_hash(&new, sibling),
        }
    }
    walk.arrived(proof)?;
    for (found, expected) in [(old, old_root), (new, new_root)] {
        if found != *expected {
            return Err(ProofError::Root { expected: *expected });
        }
    }
    Ok(())
}

fn verify_trivial(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if !proof.is_empty() {
        return Err(ProofError::Length { found: proof.len() });
    }
    if old_size == 0 && *old_root != empty_root() {
        return Err(ProofError::Root { expected: empty_root() });
    }
    if old_size == new_size && old_root != new_root {
        return Err(ProofError::Root { expected: *old_root });
    }
    Ok(())
}

/// The pair (fn, sn) of RFC 9162: the node on the way up, and the last node of its level.
struct Walk {
    node: u64,
    last: u64,
}

/// On which side the next hash of the proof stands.
enum Side {
    Left,
    Right,
}

impl Walk {
    /// One step of the loop of RFC 9162; `None` when the root was reached before.
    fn side(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            // The last node of a level may have no sibling for some levels; the hash moves up as is.
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.up();
        Some(side)
    }

    /// Right-shifts both while the node is a right child (RFC 9162, section 2.1.4.2, step 4).
    fn skip_complete(&mut self) {
        while self.node & 1 == 1 {
            self.up();
        }
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }

    fn arrived(&self, proof: &[Digest]) -> Result<(), ProofError> {
        if self.last == 0 { Ok(()) } else { Err(ProofError::Length { found: proof.len() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{MemoryTree, leaf_hash, root_at};

    /// Past a second power of two, so that every shape of the right edge occurs.
    const SIZES: u64 = 130;

    fn leaf(n: u64) -> Digest {
        leaf_hash(&n.to_be_bytes())
    }

    fn tree() -> MemoryTree {
        (0..SIZES).map(leaf).collect()
    }

    fn flipped(digest: &Digest, bit: usize) -> Digest {
        let mut bytes = *digest.as_bytes();
        bytes[bit / 8 % 32] ^= 1 << (bit % 8);
        Digest::from_bytes(bytes)
    }

    #[test]
    fn every_inclusion_proof_verifies_and_no_altered_one_does() {
        let tree = tree();
        for size in 1..=SIZES {
            let root = root_at(&tree, size).unwrap();
            for index in 0..size {
                let proof = prove_inclusion(&tree, index, size).unwrap();
                let own = leaf(index);
                let check = |leaf: &Digest, index, proof: &[Digest], root: &Digest| {
                    verify_inclusion(leaf, index, size, proof, root)
                };
                check(&own, index, &proof, &root).unwrap();
                let bit = usize::try_from(size * 7 + index).unwrap() % 256;
                assert!(check(&flipped(&own, bit), index, &proof, &root).is_err());
                assert!(check(&own, index, &proof, &flipped(&root, bit)).is_err());
                for other in (0..8).map(|bit| index ^ (1 << bit)).chain([index ^ (1 << 63)]) {
                    assert!(
                        check(&own, other, &proof, &root).is_err(),
                        "{index}→{other} of {size}"
                    );
                }
                for at in 0..proof.len() {
                    let mut altered = proof.clone();
                    altered[at] = flipped(&altered[at], bit);
                    assert!(check(&own, index, &altered, &root).is_err());
                    altered.remove(at);
                    assert!(check(&own, index, &altered, &root).is_err());
                }
                let longer = [proof.as_slice(), &[root]].concat();
                assert!(check(&own, index, &longer, &root).is_err());
            }
        }
    }

    #[test]
    fn every_consistency_proof_verifies_and_no_altered_one_does() {
        let tree = tree();
        let roots: Vec<Digest> = (0..=SIZES).map(|size| root_at(&tree, size).unwrap()).collect();
        for new in 1..=SIZES {
            for old in 1..=new {
                let (old_root, new_root) =
                    (&roots[usize::try_from(old).unwrap()], &roots[usize::try_from(new).unwrap()]);
                let proof = prove_consistency(&tree, old, new).unwrap();
                verify_consistency(old, old_root, new, new_root, &proof).unwrap();
                let bit = usize::try_from(old * 7 + new).unwrap() % 256;
                let altered = flipped(old_root, bit);
                assert!(verify_consistency(old, &altered, new, new_root, &proof).is_err());
                let altered = flipped(new_root, bit);
                assert!(verify_consistency(old, old_root, new, &altered, &proof).is_err());
                for at in 0..proof.len() {
                    let mut altered = proof.clone();
                    altered[at] = flipped(&altered[at], bit);
                    assert!(verify_consistency(old, old_root, new, new_root, &altered).is_err());
                    altered.remove(at);
                    assert!(verify_consistency(old, old_root, new, new_root, &altered).is_err());
                }
                let longer = [proof.as_slice(), &[*new_root]].concat();
                assert!(verify_consistency(old, old_root, new, new_root, &longer).is_err());
                for other in (0..8).map(|bit| old ^ (1 << bit)) {
                    assert!(
                        verify_consistency(other, old_root, new, new_root, &proof).is_err(),
                        "{old}→{other} of {new}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_single_bit_of_a_small_proof_counts() {
        let tree = tree();
        let (old, new) = (root_at(&tree, 6).unwrap(), root_at(&tree, 13).unwrap());
        let inclusion = prove_inclusion(&tree, 10, 13).unwrap();
        let consistency = prove_consistency(&tree, 6, 13).unwrap();
        for bit in 0..256 {
            for at in 0..inclusion.len() {
                let mut altered = inclusion.clone();
                altered[at] = flipped(&altered[at], bit);
                assert!(verify_inclusion(&leaf(10), 10, 13, &altered, &new).is_err());
            }
            for at in 0..consistency.len() {
                let mut altered = consistency.clone();
                altered[at] = flipped(&altered[at], bit);
                assert!(verify_consistency(6, &old, 13, &new, &altered).is_err());
            }
        }
    }

    #[test]
    fn the_empty_tree_proves_nothing_but_itself() {
        let tree = tree();
        let root = root_at(&tree, 5).unwrap();
        verify_consistency(0, &empty_root(), 5, &root, &[]).unwrap();
        verify_consistency(0, &empty_root(), 0, &empty_root(), &[]).unwrap();
        assert!(verify_consistency(0, &root, 5, &root, &[]).is_err());
        assert!(verify_consistency(0, &empty_root(), 0, &root, &[]).is_err());
        assert!(verify_consistency(0, &empty_root(), 5, &root, &[root]).is_err());
        assert!(verify_consistency(5, &root, 5, &root, &[root]).is_err());
        assert!(verify_consistency(6, &root, 5, &root, &[]).is_err());
        assert!(verify_consistency(4, &root_at(&tree, 4).unwrap(), 5, &root, &[]).is_err());
        assert!(verify_inclusion(&root, 0, 0, &[], &empty_root()).is_err());
        assert!(verify_inclusion(&root, u64::MAX, u64::MAX, &[], &root).is_err());
        assert!(prove_inclusion(&tree, 5, 5).is_err());
        assert!(prove_consistency(&tree, 6, 5).is_err());
        assert!(prove_inclusion(&tree, 0, SIZES + 1).is_err(), "the source lacks the last leaf");
    }
}
