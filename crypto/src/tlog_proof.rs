//! Offline proofs that an entry is in a log: C2SP tlog-proof@v1, files named `*.tlog-proof`.
//! The specification is not tagged; this is its text of 2026-05-22.

use std::{fmt, str::FromStr};

use crate::{
    b64,
    checkpoint::{Checkpoint, CheckpointError},
    decimal,
    digest::Digest,
    merkle::{ProofError, verify_inclusion},
    note::{MAX_NOTE_BYTES, VerifierKey},
};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Hashes in the longest path: one for each bit of a size.
const MAX_PATH: usize = 64;

/// The longest extra data read, in bytes. Strongroom writes none; others may carry a VRF proof.
const MAX_EXTRA_BYTES: usize = 65_536;

/// An inclusion proof together with the signed checkpoint it leads to. Nothing in it is believed
/// before [`TlogProof::verify`], and the extra data not even then.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlogProof {
    /// Opaque and never authenticated; empty when the line is absent.
    extra: Vec<u8>,
    index: u64,
    /// From the leaf's sibling up.
    path: Vec<Digest>,
    /// The note, byte for byte, with all its signatures.
    checkpoint: String,
}

/// Why a proof was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TlogProofError {
    /// Not the text of a proof.
    #[error("malformed tlog-proof: {0}")]
    Malformed(&'static str),
    /// The checkpoint is malformed or not signed as it must be.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The path does not lead from the leaf to the checkpoint's root.
    #[error(transparent)]
    Path(#[from] ProofError),
}

impl TlogProof {
    /// Joins a path and the signed checkpoint whose tree it was made for.
    ///
    /// # Errors
    ///
    /// Refuses a path or checkpoint over the limits.
    pub fn new(index: u64, path: Vec<Digest>, checkpoint: &str) -> Result<Self, TlogProofError> {
        if path.len() > MAX_PATH {
            return Err(TlogProofError::Malformed("path is too long"));
        }
        if checkpoint.is_empty() || checkpoint.len() > MAX_NOTE_BYTES {
            return Err(TlogProofError::Malformed("checkpoint is missing or too long"));
        }
        Ok(Self { extra: Vec::new(), index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Adds opaque data that no signature covers.
    ///
    /// # Errors
    ///
    /// Refuses more than 64 KiB.
    pub fn with_extra(self, extra: &[u8]) -> Result<Self, TlogProofError> {
        if extra.len() > MAX_EXTRA_BYTES {
            return Err(TlogProofError::Malformed("extra data is too long"));
        }
        Ok(Self { extra: extra.to_vec(), ..self })
    }

    /// Checks that the leaf with hash `leaf` is at [`TlogProof::index`] of the log of `key`, and
    /// returns the head it is under.
    ///
    /// # Errors
    ///
    /// Refuses a checkpoint that `key` did not sign or of another log, and a path that leads elsewhere.
    pub fn verify(&self, leaf: &Digest, key: &VerifierKey) -> Result<Checkpoint, TlogProofError> {
        let head = Checkpoint::open(self.checkpoint.as_bytes(), key)?;
        verify_inclusion(leaf, self.index, head.size(), &self.path, head.root())?;
        Ok(head)
    }

    /// The claimed index of the entry.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The opaque data, which nothing vouches for.
    pub fn extra(&self) -> &[u8] {
        &self.extra
    }

    /// The signed checkpoint as it stands in the file.
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", b64::encode(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", b64::encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for TlogProof {
    type Err = TlogProofError;

    fn from_str(text: &str) -> Result<Self, TlogProofError> {
        let refuse = TlogProofError::Malformed;
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or(refuse("no blank line before the checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(refuse("first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let mut line = lines.next();
        let mut extra = Vec::new();
        if let Some(data) = line.and_then(|line| line.strip_prefix("extra ")) {
            extra = b64::decode(data).map_err(|_| refuse("extra data is not base64"))?;
            if extra.is_empty() {
                return Err(refuse("extra line without data"));
            }
            line = lines.next();
        }
        let index = line.and_then(|line| decimal::parse(line.strip_prefix("index ")?));
        let index = index.ok_or(refuse("expected `index` and a plain decimal number"))?;
        let mut path = Vec::new();
        for line in lines.take(MAX_PATH.saturating_add(1)) {
            let hash =
                b64::decode_array(line).map_err(|_| refuse("hash is not base64 of 32 bytes"))?;
            path.push(Digest::from_bytes(hash));
        }
        Self::new(index, path, checkpoint)?.with_extra(&extra)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        merkle::{MemoryTree, leaf_hash, prove_inclusion},
        note::SigningKey,
    };

    fn leaf(n: u64) -> Digest {
        leaf_hash(&n.to_be_bytes())
    }

    fn proof(index: u64, size: u64, key: &SigningKey) -> TlogProof {
        let tree: MemoryTree = (0..size).map(leaf).collect();
        let head = Checkpoint::new(key.verifier().name(), size, tree.root()).unwrap();
        let path = prove_inclusion(&tree, index, size).unwrap();
        TlogProof::new(index, path, &head.sign(key).unwrap()).unwrap()
    }

    fn key() -> SigningKey {
        SigningKey::from_seed("example.org/log", &[3; 32]).unwrap()
    }

    #[test]
    fn a_proof_survives_its_file_and_verifies() {
        let key = key();
        for (index, size) in [(0, 1), (0, 2), (5, 7), (99, 100)] {
            let made = proof(index, size, &key).with_extra(&[1, 2, 3]).unwrap();
            let read: TlogProof = made.to_string().parse().unwrap();
            assert_eq!(read, made);
            assert_eq!(read.verify(&leaf(index), key.verifier()).unwrap().size(), size);
            assert!(read.verify(&leaf(index + 1), key.verifier()).is_err());
            let stranger = SigningKey::from_seed("example.org/log", &[4; 32]).unwrap();
            assert!(read.verify(&leaf(index), stranger.verifier()).is_err());
        }
    }

    #[test]
    fn the_file_is_laid_out_as_specified() {
        let proof = TlogProof::new(73_894, vec![Digest::of(b"")], "log\n1\n=\n\n— x y\n").unwrap();
        let bare = "c2sp.org/tlog-proof@v1\nindex 73894\n\
                    47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\nlog\n1\n=\n\n— x y\n";
        assert_eq!(proof.to_string(), bare);
        let extra = bare.replacen("index", "extra aGk=\nindex", 1);
        assert_eq!(proof.with_extra(b"hi").unwrap().to_string(), extra);
    }

    #[test]
    fn malformed_files_are_refused() {
        let text = proof(5, 7, &key()).to_string();
        assert!(text.parse::<TlogProof>().is_ok());
        let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        for altered in [
            String::new(),
            text.replacen("@v1", "@v2", 1),
            text.replacen("index 5", "index 05", 1),
            text.replacen("index 5", "index -5", 1),
            text.replacen("index 5\n", "", 1),
            text.replacen("index 5", "extra \nindex 5", 1),
            text.replacen("index 5", "extra a\nindex 5", 1),
            text.replacen("index 5", "index 5\nextra aGk=", 1),
            text.replacen("index 5", "extra aGk=\nextra aGk=\nindex 5", 1),
            text.replacen("index 5\n", "index 5\nAAAA\n", 1),
            text.replacen("index 5\n", &format!("index 5\n{}", hash.repeat(65)), 1),
            text.split_once("\n\n").unwrap().0.to_owned(),
            text.replace('\n', "\r\n"),
        ] {
            assert!(altered.parse::<TlogProof>().is_err(), "{altered}");
        }
        let shifted = text.replacen("index 5", "index 4", 1).parse::<TlogProof>().unwrap();
        assert!(shifted.verify(&leaf(5), key().verifier()).is_err());
    }
}
