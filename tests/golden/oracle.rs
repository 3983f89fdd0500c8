//! Another implementation of RFC 6962 gets the same roots and the same proofs.

use ct_merkle::RootHash;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use strongroom_crypto::Digest;
use strongroom_crypto::merkle::{
    MemoryTree, leaf_hash, prove_consistency, prove_inclusion, root_at, verify_consistency,
    verify_inclusion,
};

/// Trees of every size up to this: past a power of two, so that every shape of the right edge occurs.
const SIZES: usize = 300;

fn leaf(number: usize) -> Vec<u8> {
    // Of every length, the empty leaf too.
    (0..number % 70)
        .map(|at| u8::try_from((number * 31 + at) % 256).unwrap())
        .chain(number.to_be_bytes())
        .skip(8 * usize::from(number == 0))
        .collect()
}

fn joined(digests: &[Digest]) -> Vec<u8> {
    digests.iter().flat_map(|digest| *digest.as_bytes()).collect()
}

#[test]
fn roots_and_inclusion_proofs_are_equal() {
    let ours: MemoryTree = (0..SIZES).map(|number| leaf_hash(&leaf(number))).collect();
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 0..=SIZES as u64 {
        let root = root_at(&ours, size).unwrap();
        assert_eq!(
            theirs.root().as_bytes().as_slice(),
            root.as_bytes(),
            "the root of {size} leaves"
        );
        for index in 0..size {
            let proof = prove_inclusion(&ours, index, size).unwrap();
            let at = usize::try_from(index).unwrap();
            assert_eq!(
                theirs.prove_inclusion(at).as_bytes(),
                joined(&proof),
                "leaf {index} of {size}"
            );
            verify_inclusion(&leaf_hash(&leaf(at)), index, size, &proof, &root).unwrap();
        }
        theirs.push(leaf(usize::try_from(size).unwrap()));
    }
}

#[test]
fn consistency_proofs_are_equal() {
    let ours: MemoryTree = (0..SIZES).map(|number| leaf_hash(&leaf(number))).collect();
    let roots: Vec<Digest> = (0..=SIZES as u64).map(|size| root_at(&ours, size).unwrap()).collect();
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for new in 1..=SIZES {
        theirs.push(leaf(new - 1));
        let their_root = theirs.root();
        for old in 1..=new {
            let proof = prove_consistency(&ours, old as u64, new as u64).unwrap();
            let their_proof = theirs.prove_consistency(new - old);
            assert_eq!(their_proof.as_bytes(), joined(&proof), "{old} in {new}");
            verify_consistency(old as u64, &roots[old], new as u64, &roots[new], &proof).unwrap();
            let old_root = RootHash::<Sha256>::new((*roots[old].as_bytes()).into(), old as u64);
            their_root.verify_consistency(&old_root, &their_proof).unwrap();
        }
    }
}
