//! Why a log can't be folded any further, or its state not be written down.

use super::{page::PageRef, void::Undecided};
use crate::{claim::ClaimError, digest::Digest, id::ArchiveId};

/// What `min_reader` of `log.open` may demand of this program.
pub(super) const READER: u64 = 1;

/// Why a claim can't be folded. The state is as it was.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FoldError {
    /// Something has to be loaded first.
    #[error(transparent)]
    Undecided(#[from] Undecided),
    /// Not a first claim.
    #[error(transparent)]
    Opening(#[from] ClaimError),
    /// A log for newer programs.
    #[error("the archive needs reader version {min_reader}, this program is {READER}")]
    Reader {
        /// What `log.open` demands.
        min_reader: u64,
    },
    /// Another archive's claim.
    #[error("claim of archive `{found}` in the log of `{expected}`")]
    Archive {
        /// The log's archive.
        expected: ArchiveId,
        /// The claim's.
        found: ArchiveId,
    },
    /// A claim out of order.
    #[error("claim {found} where claim {expected} is next")]
    Order {
        /// The next.
        expected: u64,
        /// The one found.
        found: u64,
    },
    /// A claim that follows another predecessor.
    #[error("claim {seq} follows claim {found}, but the claim before is {expected}")]
    Fork {
        /// The claim's place.
        seq: u64,
        /// Digest of the claim before.
        expected: Digest,
        /// Digest that it names.
        found: Digest,
    },
    /// A claim with fewer entries than were folded of it.
    #[error("claim {seq} is shorter than the part of it that is folded")]
    Shorter {
        /// The claim's place.
        seq: u64,
    },
}

/// Why there can't be a snapshot.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SnapshotError {
    /// Segments were appended to pages that are not loaded.
    #[error("{} pages of live segments have to be loaded", .0.len())]
    Pages(Vec<PageRef>),
    /// Nobody knows what the state is after such an entry.
    #[error("entry {index} is critical and of an unknown type")]
    UnknownCritical {
        /// Its index.
        index: u64,
    },
}
