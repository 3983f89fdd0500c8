//! Why a log cannot be read or written.

use strongroom_crypto::ArchiveId;
use strongroom_crypto::claim::ClaimError;
use strongroom_crypto::state::{FoldError, SnapshotError};
use strongroom_crypto::time::Instant;

use super::KeyError;
use crate::store::{ObjectKey, StoreError};

/// The log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no log.
    #[error("no archive at `{0}`")]
    Missing(String),
    /// A key does not fit the archive.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key file is another archive's.
    #[error("the key file is for archive {key}, the store holds archive {store}")]
    WrongKey {
        /// The key file's archive.
        key: String,
        /// The store's archive.
        store: String,
    },
    /// The first entry registers other keys than the key file holds.
    #[error("claim 0 was not made with this key file: it {0}")]
    Opening(&'static str),
    /// The log names another store.
    #[error("the log belongs to store `{named}`, not `{found}`: a copy is read, never written")]
    Moved {
        /// What `log.open` says.
        named: String,
        /// Where it was opened.
        found: String,
    },
    /// The clock is wrong.
    #[error(
        "the clock says {now}, more than 24 hours behind the log's {latest}: correct the clock and run again"
    )]
    Clock {
        /// The clock.
        now: Instant,
        /// The greatest time of the log.
        latest: Instant,
    },
    /// The log needs a newer program.
    #[error("the archive needs writer version {0}, this program is 1: use a newer version")]
    Newer(u64),
    /// Claims do not make a log.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// A claim does not follow.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// No snapshot can be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Something stored is not what it should be.
    #[error("`{object}` is damaged: {detail}")]
    Damaged {
        /// Which object.
        object: String,
        /// How.
        detail: String,
    },
    /// Something that the claims can make again is not what it should be.
    #[error("`{object}` is damaged and could not be made again: {detail}")]
    Derived {
        /// Which object.
        object: String,
        /// How.
        detail: String,
    },
    /// An entry that this program does not know must be understood to go on.
    #[error(
        "entry {0} of the log is of a kind that this version does not know: use a newer version"
    )]
    UnknownCritical(u64),
    /// The claim could neither be stored nor ruled out.
    #[error("the store did not confirm claim {seq}: {last}")]
    Unconfirmed {
        /// Its place.
        seq: u64,
        /// The last error.
        last: StoreError,
    },
}

impl LogError {
    pub(super) fn wrong_key(key: ArchiveId, store: ArchiveId) -> Self {
        Self::WrongKey { key: key.to_string(), store: store.to_string() }
    }

    /// The first claim is gone, and something of the archive is still there.
    pub(super) fn beheaded(found: &ObjectKey) -> Result<Self, StoreError> {
        Ok(Self::Damaged {
            object: super::claim_key(0)?.to_string(),
            detail: format!("it is missing, and `{found}` is still there: put it back from a copy"),
        })
    }

    pub(super) fn forked(object: &ObjectKey) -> Self {
        let detail = "it contradicts what the log key signed: the log was forked".to_owned();
        Self::Damaged { object: object.to_string(), detail }
    }
}
