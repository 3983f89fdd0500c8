//! What a store answers when it does not do what was asked.

use jiff::Timestamp;

use super::ObjectKey;

/// What to do about an error.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ErrorKind {
    /// The name is taken: read what is there and compare.
    ReadBack,
    /// Nothing was wrong with the request: repeat it, for a full store once there is room.
    Retry,
    /// A lock, a hold or a permission forbids it: repeating does not help.
    Refused,
    /// Who asks is not known: give credentials.
    Unidentified,
    /// What was named is not there.
    Missing,
    /// What is stored is damaged: raise an alarm.
    FixData,
    /// The store cannot be relied on: find out what it does.
    DistrustStore,
    /// The request cannot be right for any store: fix it.
    FixInput,
}

/// Why a store did not do what was asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// The name had to be free and is taken.
    #[error("`{key}` already exists")]
    AlreadyExists {
        /// The name.
        key: ObjectKey,
    },
    /// Another writer was at the same name at the same time, and the store chose neither.
    #[error("another writer is changing `{key}`")]
    Conflict {
        /// The name.
        key: ObjectKey,
    },
    /// The version may not be deleted yet.
    #[error("`{key}` is locked until {until}")]
    Locked {
        /// The name.
        key: ObjectKey,
        /// When the lock lapses.
        until: Timestamp,
    },
    /// The version may not be deleted while it is held.
    #[error("`{key}` is under legal hold")]
    Held {
        /// The name.
        key: ObjectKey,
    },
    /// The store, the operating system or a rule of locks refuses.
    #[error("refused: {detail}")]
    Denied {
        /// What was refused.
        detail: String,
    },
    /// There are no credentials to ask the store with; nothing was sent.
    #[error("no credentials: {detail}")]
    NoCredentials {
        /// Where they were looked for.
        detail: String,
    },
    /// There is no such version, or no such store.
    #[error("not found: {detail}")]
    NotFound {
        /// What was looked for.
        detail: String,
    },
    /// There is no room; nothing was stored.
    #[error("the store is full: {detail}")]
    Full {
        /// What could not be written.
        detail: String,
    },
    /// The store did not answer, or failed midway.
    #[error("the store is unavailable{}: {detail}", if *.may_be_stored { " and may have done it" } else { "" })]
    Unavailable {
        /// What failed.
        detail: String,
        /// Whether the change may have happened all the same.
        may_be_stored: bool,
    },
    /// What the store holds contradicts itself.
    #[error("`{key}` is damaged: {detail}")]
    Corrupt {
        /// The name.
        key: ObjectKey,
        /// How it is damaged.
        detail: String,
    },
    /// The store reported success and did something else.
    #[error("`{key}` was stored otherwise than asked: {detail}")]
    NotAsAsked {
        /// The name.
        key: ObjectKey,
        /// What differs.
        detail: String,
    },
    /// The request is wrong in itself.
    #[error("{detail}")]
    Invalid {
        /// What is wrong.
        detail: String,
    },
}

impl StoreError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::AlreadyExists { .. } => ErrorKind::ReadBack,
            Self::Conflict { .. } | Self::Full { .. } | Self::Unavailable { .. } => {
                ErrorKind::Retry
            }
            Self::Locked { .. } | Self::Held { .. } | Self::Denied { .. } => ErrorKind::Refused,
            Self::NoCredentials { .. } => ErrorKind::Unidentified,
            Self::NotFound { .. } => ErrorKind::Missing,
            Self::Corrupt { .. } => ErrorKind::FixData,
            Self::NotAsAsked { .. } => ErrorKind::DistrustStore,
            Self::Invalid { .. } => ErrorKind::FixInput,
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.kind() == ErrorKind::Retry
    }

    /// Whether the change may have happened although it was not confirmed.
    pub fn may_be_stored(&self) -> bool {
        matches!(self, Self::Unavailable { may_be_stored: true, .. })
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::Invalid { detail: detail.into() }
    }

    pub(crate) fn corrupt(key: &ObjectKey, detail: impl Into<String>) -> Self {
        Self::Corrupt { key: key.clone(), detail: detail.into() }
    }

    /// The same failure after the point where the change took effect: whatever went wrong, the
    /// caller must read back before it decides anything.
    pub(crate) fn after_commit(self) -> Self {
        let detail = match self {
            Self::Unavailable { detail, .. } => detail,
            other => other.to_string(),
        };
        Self::Unavailable { detail, may_be_stored: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_after_the_commit_point_always_asks_for_a_read_back() {
        let full = StoreError::Full { detail: "cannot link `x`".to_owned() };
        assert!(!full.may_be_stored());
        assert!(full.after_commit().may_be_stored());
    }

    #[test]
    fn messages_say_whether_the_object_may_be_there() {
        let failed =
            |may_be_stored| StoreError::Unavailable { detail: "timeout".into(), may_be_stored };
        assert_eq!(failed(false).to_string(), "the store is unavailable: timeout");
        assert_eq!(
            failed(true).to_string(),
            "the store is unavailable and may have done it: timeout"
        );
    }
}
