//! Where objects live: the one interface to every store, and the words it is spoken in.
//!
//! A store keeps every version of an object, enforces locks and holds by itself, and lets exactly
//! one writer create a name. What is kept there and in which order it is written is decided above.

pub mod counted;
pub mod file;
#[cfg(feature = "s3")]
pub mod s3;

mod covered;
mod error;
mod name;
mod url;

use std::{fmt, str::FromStr, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::Digest;
use strongroom_retention::LATEST_LOCK;

use self::counted::Counts;
pub use self::covered::Covered;
pub use self::error::{ErrorKind, StoreError};
pub use self::name::{ObjectKey, VersionId};
pub use self::url::{S3Access, S3Url, StoreUrl};

/// The largest object: far above a segment's bound, and small enough that a planted giant is
/// refused before it is read into memory.
pub const MAX_OBJECT_BYTES: u64 = 1 << 30;

/// Who may lift a lock before its date.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LockMode {
    /// A principal with the bypass permission may; this program never does.
    Governance,
    /// Nobody may.
    Compliance,
}

impl LockMode {
    /// The spelling that stores use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LockMode {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text {
            "GOVERNANCE" => Ok(Self::Governance),
            "COMPLIANCE" => Ok(Self::Compliance),
            _ => Err(StoreError::invalid(format!("`{text}` is no lock mode"))),
        }
    }
}

/// A version may not be deleted before `until`. The mode never changes and the date only rises.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Lock {
    /// Who may lift it.
    pub mode: LockMode,
    /// The first instant at which the version may be deleted.
    pub until: Timestamp,
}

impl Lock {
    /// Refuses a date that has passed by the store's clock, or that stores cannot hold.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the date.
    pub fn check(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.until <= now {
            let detail = format!("a lock until {} has already passed at {now}", self.until);
            return Err(StoreError::invalid(detail));
        }
        if self.until > LATEST_LOCK {
            let detail =
                format!("a lock until {} is past 2106-02-07, where dates wrap", self.until);
            return Err(StoreError::invalid(detail));
        }
        Ok(())
    }
}

/// How an object is to be stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PutOptions {
    /// The lock it is born with; there is no moment without it.
    pub lock: Option<Lock>,
    /// Whether the name must be free. Of several such writers exactly one wins.
    pub create_only: bool,
    /// The digest of the bytes, checked before anything is stored and recorded beside them.
    pub sha256: Digest,
}

/// What a store knows about a version without reading it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// The version described.
    pub version: VersionId,
    /// The length in bytes as it is now, whatever was recorded.
    pub length: u64,
    /// The digest recorded when it was put; none if something else put it there.
    pub sha256: Option<Digest>,
    /// The lock. None means that none was seen, never that deleting is allowed.
    pub lock: Option<Lock>,
    /// Whether a legal hold is set.
    pub hold: bool,
}

/// A current version in a listing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// The object's name.
    pub key: ObjectKey,
    /// Its length in bytes.
    pub length: u64,
}

/// One version in a listing of all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListedVersion {
    /// The object's name.
    pub key: ObjectKey,
    /// The version.
    pub version: VersionId,
    /// Whether the name stands for this version. With none of a key's versions latest, the name
    /// was removed from outside.
    pub is_latest: bool,
    /// Whether it is a mark that hides the name, rather than bytes.
    pub is_delete_marker: bool,
}

/// A store of immutable, locked versions. All implementations pass one shared suite.
///
/// Every method may fail with `Denied` and `Unavailable`; the others are named where they apply.
pub trait LockedStore: Send + Sync {
    /// Stores `bytes` and makes them the current version, durable when this returns.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` or `Conflict` if the name had to be free, `Full`, `Invalid`; `NotAsAsked` if
    /// it is there without a version. Only `Unavailable { may_be_stored: true }` leaves open
    /// whether the object is there.
    fn put(&self, key: &ObjectKey, bytes: &[u8], how: &PutOptions)
    -> Result<VersionId, StoreError>;

    /// Describes a version, by default the current one; none if it is not there.
    ///
    /// # Errors
    ///
    /// `Corrupt` if what the store keeps about it cannot be read.
    fn head(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Head>, StoreError>;

    /// Reads a version whole. The bytes are as found: the caller compares their digest.
    ///
    /// # Errors
    ///
    /// `Corrupt` if the object is larger than any this program stores.
    fn get(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Vec<u8>>, StoreError>;

    /// Reads up to `len` bytes from `offset`: fewer at the end of the object, none past it.
    ///
    /// # Errors
    ///
    /// `Invalid` if `len` is beyond [`MAX_OBJECT_BYTES`].
    fn get_range(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
        offset: u64,
        len: u64,
    ) -> Result<Option<Vec<u8>>, StoreError>;

    /// Lists at most `limit` current versions whose keys start with `prefix` and sort bytewise
    /// after `start_after`, in that order.
    ///
    /// # Errors
    ///
    /// Only those of every method.
    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError>;

    /// Lists all versions of keys that start with `prefix` and sort bytewise after `start_after`:
    /// by key, the latest first, then the newest first.
    ///
    /// # Errors
    ///
    /// Only those of every method.
    fn list_versions_after(
        &self,
        prefix: &str,
        start_after: &str,
    ) -> Result<Vec<ListedVersion>, StoreError>;

    /// Lists all versions under `prefix`, in the same order.
    ///
    /// # Errors
    ///
    /// Only those of every method.
    fn list_versions(&self, prefix: &str) -> Result<Vec<ListedVersion>, StoreError> {
        self.list_versions_after(prefix, "")
    }

    /// Moves a lock later, or sets one where there was none. The same lock again is no change.
    ///
    /// # Errors
    ///
    /// `Denied` for an earlier date or another mode, `NotFound`, `Invalid`, `Corrupt`.
    fn extend_lock(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        lock: Lock,
    ) -> Result<(), StoreError>;

    /// Sets or lifts the legal hold of a version.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Corrupt`.
    fn set_hold(&self, key: &ObjectKey, version: &VersionId, on: bool) -> Result<(), StoreError>;

    /// Deletes one version for ever. If it was the current one, the newest other becomes current.
    ///
    /// # Errors
    ///
    /// `Locked`, `Held`, `NotFound`; `Corrupt` if its lock cannot be read, since an unreadable
    /// lock is not an absent one.
    fn delete_version(&self, key: &ObjectKey, version: &VersionId) -> Result<(), StoreError>;

    /// Aborts every upload in parts under exactly this name that was begun and never completed; how
    /// many there were. Where objects are only put whole there are none.
    ///
    /// # Errors
    ///
    /// `Conflict` if one is there again, or still.
    fn abort_uploads(&self, key: &ObjectKey) -> Result<u64, StoreError>;

    /// The store's clock, which judges its locks.
    ///
    /// # Errors
    ///
    /// Only those of every method.
    fn now(&self) -> Result<Timestamp, StoreError>;

    /// The store's address, as [`StoreUrl`] spells it.
    fn url(&self) -> &str;

    /// The requests that went out so far, for a store behind a network: repetitions, pages and
    /// questions of its own included.
    fn sent(&self) -> Option<Counts> {
        None
    }
}

/// Reads an object that is never longer than `limit` bytes, so that a planted giant costs nothing.
///
/// # Errors
///
/// Those of [`LockedStore::get_range`], and `Corrupt` for a longer one.
pub fn get_bounded(
    store: &dyn LockedStore,
    key: &ObjectKey,
    limit: usize,
) -> Result<Option<Vec<u8>>, StoreError> {
    get_version(store, key, None, limit)
}

/// The same of any version.
pub(crate) fn get_version(
    store: &dyn LockedStore,
    key: &ObjectKey,
    version: Option<&VersionId>,
    limit: usize,
) -> Result<Option<Vec<u8>>, StoreError> {
    let length = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match store.get_range(key, version, 0, length)? {
        Some(bytes) if bytes.len() > limit => {
            Err(StoreError::corrupt(key, "it is longer than any such object"))
        }
        found => Ok(found),
    }
}

/// The versions of one name, with the marks that hide it.
///
/// # Errors
///
/// Those of [`LockedStore::list_versions`].
pub(crate) fn versions_of(
    store: &dyn LockedStore,
    key: &ObjectKey,
) -> Result<Vec<ListedVersion>, StoreError> {
    let mut listed = store.list_versions(key.as_str())?;
    listed.retain(|one| one.key == *key);
    Ok(listed)
}

/// Deletes all versions of a name and the marks that hide it, each by its id, and looks again: a success
/// that was not asked for is none. Gives what was there, or why something still is.
///
/// # Errors
///
/// Those of [`LockedStore::delete_version`], but for locks and holds.
pub(crate) fn delete_all(
    store: &dyn LockedStore,
    key: &ObjectKey,
) -> Result<Result<Vec<ListedVersion>, String>, StoreError> {
    let found = versions_of(store, key)?;
    for one in &found {
        match store.delete_version(key, &one.version) {
            Ok(()) | Err(StoreError::NotFound { .. }) => {}
            Err(error @ (StoreError::Locked { .. } | StoreError::Held { .. })) => {
                return Ok(Err(error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(match versions_of(store, key)?.len() {
        0 => Ok(found),
        left => Err(format!("the store lists {left} versions after they were deleted")),
    })
}

/// Stores keep lock dates in whole seconds.
pub(crate) const LOCK_SLACK: SignedDuration = SignedDuration::from_secs(1);

/// Puts an object and looks at what the store made of it: a success that was not asked for is none.
/// A lock that is missing is set then, if that works.
///
/// # Errors
///
/// Those of [`LockedStore::put`], and `NotAsAsked`.
pub fn put_checked(
    store: &dyn LockedStore,
    key: &ObjectKey,
    bytes: &[u8],
    how: &PutOptions,
) -> Result<VersionId, StoreError> {
    let version = store.put(key, bytes, how)?;
    let checked = check_stored(store, key, Some(&version), bytes, how);
    if let (Err(StoreError::NotAsAsked { .. }), Some(lock)) = (&checked, how.lock) {
        // The writer stops, but what has the name now may be read as its own by the next one.
        store.extend_lock(key, &version, lock).ok();
    }
    // What could not be looked at is stored all the same.
    checked.map_err(|error| if error.is_retryable() { error.after_commit() } else { error })
}

/// Looks at an object that was put: length, digest and lock as asked.
///
/// # Errors
///
/// `NotAsAsked`, and those of [`LockedStore::head`].
pub fn check_stored(
    store: &dyn LockedStore,
    key: &ObjectKey,
    version: Option<&VersionId>,
    bytes: &[u8],
    how: &PutOptions,
) -> Result<VersionId, StoreError> {
    let wrong = |detail: &str| StoreError::NotAsAsked { key: key.clone(), detail: detail.into() };
    let head = store.head(key, version)?.ok_or_else(|| wrong("it is not there"))?;
    if let Some(asked) = how.lock {
        let found = head.lock.ok_or_else(|| {
            wrong("no lock was seen: the store dropped it, or the permission to read locks is missing")
        })?;
        let off = found.until.duration_since(asked.until).abs();
        if found.mode != asked.mode || off > LOCK_SLACK {
            return Err(wrong("its lock is not the one asked for"));
        }
    }
    if head.length != u64::try_from(bytes.len()).unwrap_or(u64::MAX)
        || head.sha256 != Some(how.sha256)
    {
        return Err(wrong("its length or digest is another"));
    }
    Ok(head.version)
}

/// Several owners of one store.
impl<S: LockedStore + ?Sized> LockedStore for Arc<S> {
    fn put(
        &self,
        key: &ObjectKey,
        bytes: &[u8],
        how: &PutOptions,
    ) -> Result<VersionId, StoreError> {
        (**self).put(key, bytes, how)
    }

    fn head(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Head>, StoreError> {
        (**self).head(key, version)
    }

    fn get(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get(key, version)
    }

    fn get_range(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
        offset: u64,
        len: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get_range(key, version, offset, len)
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        (**self).list(prefix, start_after, limit)
    }

    fn list_versions_after(
        &self,
        prefix: &str,
        start_after: &str,
    ) -> Result<Vec<ListedVersion>, StoreError> {
        (**self).list_versions_after(prefix, start_after)
    }

    fn extend_lock(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        lock: Lock,
    ) -> Result<(), StoreError> {
        (**self).extend_lock(key, version, lock)
    }

    fn set_hold(&self, key: &ObjectKey, version: &VersionId, on: bool) -> Result<(), StoreError> {
        (**self).set_hold(key, version, on)
    }

    fn delete_version(&self, key: &ObjectKey, version: &VersionId) -> Result<(), StoreError> {
        (**self).delete_version(key, version)
    }

    fn abort_uploads(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        (**self).abort_uploads(key)
    }

    fn now(&self) -> Result<Timestamp, StoreError> {
        (**self).now()
    }

    fn url(&self) -> &str {
        (**self).url()
    }

    fn sent(&self) -> Option<Counts> {
        (**self).sent()
    }
}
