//! What becomes of an entry, and every reason for which one has no effect.

use crate::{
    digest::Digest,
    id::SegmentId,
    json::JsonError,
    keys::KeyId,
    name::{LogRole, Shard},
    origin::OriginHandle,
    state::page::PageRef,
    time::Instant,
};

/// What becomes of an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It took effect.
    Valid,
    /// It is a leaf without effect.
    Void(Void),
    /// A type or version that this program does not know. It had no effect here; if it is
    /// critical, nothing may be decided from the state any more.
    Unknown {
        /// Whether it is critical.
        crit: bool,
    },
}

/// Why an entry is void.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Void {
    /// Not the structure of its type.
    #[error("entry is malformed: {0}")]
    Malformed(JsonError),
    /// A second `log.open`.
    #[error("the log is open already")]
    OpenAgain,
    /// Its clock is too far behind.
    #[error("entry of {at} lies over 24 hours before the latest of {latest}")]
    ClockBehind {
        /// The entry's time.
        at: Instant,
        /// The greatest time so far.
        latest: Instant,
    },
    /// None of the signer's active keys may append the type.
    #[error("key `{signer}` may not append `{kind}`")]
    Signer {
        /// The signer.
        signer: KeyId,
        /// The type.
        kind: String,
    },
    /// Locks cannot have been extended that far.
    #[error("locks cannot have been extended until {until}, at most until {latest}")]
    Extended {
        /// What the entry says.
        until: Instant,
        /// Its own time and a settling period.
        latest: Instant,
    },
    /// A key that is or was registered already.
    #[error("key `{id}` was registered for role `{role}` before")]
    KeyKnown {
        /// The key.
        id: KeyId,
        /// The role.
        role: LogRole,
    },
    /// A key that can't be revoked, for it is not active.
    #[error("key `{id}` is not active in role `{role}`")]
    KeyNotActive {
        /// The key.
        id: KeyId,
        /// The role.
        role: LogRole,
    },
    /// A seal of nothing: it could be valid any number of times.
    #[error("segment `{id}` covers no byte of any origin")]
    NothingCovered {
        /// The segment.
        id: SegmentId,
    },
    /// A range that does not begin where the folded position ends.
    #[error("origin `{origin}` generation {generation} stands at {expected}, not {found}")]
    Position {
        /// The origin.
        origin: OriginHandle,
        /// The generation.
        generation: u64,
        /// Where it stands.
        expected: u64,
        /// Where the range begins.
        found: u64,
    },
    /// A generation that is neither known nor the next one.
    #[error("the next generation of origin `{origin}` is {expected}, not {found}")]
    Generation {
        /// The origin.
        origin: OriginHandle,
        /// The only new one possible.
        expected: u64,
        /// The one found.
        found: u64,
    },
    /// An id that is live.
    #[error("segment `{id}` is sealed already")]
    Sealed {
        /// The segment.
        id: SegmentId,
    },
    /// An id that was abandoned.
    #[error("segment `{id}` was abandoned")]
    Abandoned {
        /// The segment.
        id: SegmentId,
    },
    /// A seal after its settling lock: the object may be gone.
    #[error("segment `{id}` is sealed at {at}, but its settling lock ended at {settle_until}")]
    Settled {
        /// The segment.
        id: SegmentId,
        /// When the entry was made.
        at: Instant,
        /// When the lock ended.
        settle_until: Instant,
    },
    /// Other holds than those that stand.
    #[error("segment `{id}` was sealed under holds that are not those of the log")]
    Holds {
        /// The segment.
        id: SegmentId,
    },
    /// A window that is not its shard's next.
    #[error("the next window of shard {shard} is {expected}, not {found}")]
    Window {
        /// The shard.
        shard: Shard,
        /// Its next number.
        expected: u64,
        /// The number found.
        found: u64,
    },
}

/// Why it can't be said yet what becomes of an entry; the state is as it was.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Undecided {
    /// The id may be that of a segment in one of these pages, which are not loaded.
    #[error("{} pages of live segments have to be loaded", .0.len())]
    Pages(Vec<PageRef>),
    /// The ranges are absent or others. The manifest of the segment names them.
    #[error("the ranges of segment `{id}` with digest {ranges_sha256} have to be at hand")]
    Ranges {
        /// The segment.
        id: SegmentId,
        /// Their digest.
        ranges_sha256: Digest,
    },
}
