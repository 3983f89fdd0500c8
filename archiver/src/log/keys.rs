//! Period keys and the origin key: made once, wrapped under the KEK, read back by everybody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::keys::{DataKey, Entropy, KeyFile, KeyMaterial, OriginKey, PeriodKey};
use strongroom_crypto::name::{ClassName, PeriodKeyName, StreamName};
use strongroom_crypto::time::Instant;
use strongroom_crypto::wrapped_key::{
    MAX_WRAPPED_KEY_BYTES, StoredKey, WrappedKey, WrappedKeyError,
};
use strongroom_crypto::{ArchiveId, SegmentId};

use super::{LogError, extend_from, put_once};
use crate::store::{Covered, Lock, LockedStore, ObjectKey};

/// A key's lock may end this much before that of a segment: both are extended long before.
const LOCK_CHECK_SECONDS: i64 = 60;

/// A key of the archive cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is not there.
    #[error("`{0}` is missing: what it protects cannot be read")]
    Missing(String),
    /// It does not open.
    #[error("`{object}`: {source}")]
    Wrapped {
        /// The object.
        object: String,
        /// Why.
        source: WrappedKeyError,
    },
}

/// The archive's keys, opened as they are needed.
pub struct Keyring {
    store: Arc<dyn LockedStore>,
    file: Arc<KeyFile>,
    covered: Covered,
    periods: Mutex<HashMap<PeriodKeyName, Arc<PeriodKey>>>,
    /// Until when the keys that were looked at are locked.
    locked: Mutex<HashMap<ObjectKey, Timestamp>>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

impl Keyring {
    /// The keys of `store` that `file` opens.
    pub fn new(store: Arc<dyn LockedStore>, file: Arc<KeyFile>) -> Self {
        let (periods, locked) = (Mutex::default(), Mutex::default());
        Self { store, file, covered: Covered::default(), periods, locked }
    }

    /// The names that something was found to lie over.
    pub fn covered(&self) -> &Covered {
        &self.covered
    }

    /// The archive.
    pub fn archive_id(&self) -> ArchiveId {
        self.file.archive_id()
    }

    /// Makes the origin key, which every archive has one of.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn create_origin(&self, lock: Lock, entropy: &mut dyn Entropy) -> Result<(), LogError> {
        let key = OriginKey::generate(entropy);
        self.create(StoredKey::Origin { generation: 0 }, key.expose(), lock, entropy)
    }

    /// Whether the store holds the origin key of this key file: what a crash of `init` leaves.
    ///
    /// # Errors
    ///
    /// [`LogError`] if it is another's.
    pub fn has_origin(&self) -> Result<bool, LogError> {
        Ok(self.open(StoredKey::Origin { generation: 0 })?.is_some())
    }

    /// The origin key.
    ///
    /// # Errors
    ///
    /// [`LogError`] if it is missing or does not open.
    pub fn origin(&self) -> Result<OriginKey, LogError> {
        let name = StoredKey::Origin { generation: 0 };
        match self.open(name)? {
            Some(secret) => Ok(OriginKey::from_bytes(&secret)),
            None => Err(KeyError::Missing(object(name)?.to_string()).into()),
        }
    }

    /// The period key of a stream's class in the month of `day`, made now if nobody has, and locked
    /// at least until `needed`, for that is how long the segment is that it opens. What lock it gets
    /// where it has not lasted so long is `lock`.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn period(
        &self,
        stream: &StreamName,
        class: &ClassName,
        day: Instant,
        needed: Timestamp,
        lock: Lock,
        entropy: &mut dyn Entropy,
    ) -> Result<(PeriodKeyName, Arc<PeriodKey>), LogError> {
        let name = PeriodKeyName::of(stream, class, day, 0);
        if let Some(key) = self.existing(name)? {
            self.lock_at_least(StoredKey::Period(name), needed, lock)?;
            return Ok((name, key));
        }
        let fresh = PeriodKey::generate(entropy);
        // A crash here leaves a key that nothing uses. Two workers may be here at once: whoever
        // stores first is right, and both read that.
        match self.create(StoredKey::Period(name), fresh.expose(), lock, entropy) {
            Ok(()) | Err(LogError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok((name, self.period_by_name(name)?))
    }

    /// A period key that must be there.
    ///
    /// # Errors
    ///
    /// [`LogError`] if it is missing or does not open.
    pub fn period_by_name(&self, name: PeriodKeyName) -> Result<Arc<PeriodKey>, LogError> {
        let missing = || KeyError::Missing(format!("keys/period/{name}"));
        Ok(self.existing(name)?.ok_or_else(missing)?)
    }

    /// The data key that a segment's key metadata wraps, if this archive's keys open it.
    pub fn data_key(&self, metadata: &[u8], segment: SegmentId) -> Option<DataKey> {
        let material = KeyMaterial::parse(std::str::from_utf8(metadata).ok()?).ok()?;
        let name: PeriodKeyName =
            format!("{}/{}", material.period(), material.generation()).parse().ok()?;
        self.period_by_name(name).ok()?.unwrap(material.wrapped(), self.archive_id(), segment).ok()
    }

    fn existing(&self, name: PeriodKeyName) -> Result<Option<Arc<PeriodKey>>, LogError> {
        if let Some(key) = self.periods.lock().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(Some(Arc::clone(key)));
        }
        let Some(secret) = self.open(StoredKey::Period(name))? else { return Ok(None) };
        let key = Arc::new(PeriodKey::from_bytes(&secret));
        self.periods.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::clone(&key));
        Ok(Some(key))
    }

    /// Moves the lock of the origin key on to `lock`, unless it lasts until `needed` already.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn lock_origin(&self, needed: Timestamp, lock: Lock) -> Result<(), LogError> {
        self.lock_at_least(StoredKey::Origin { generation: 0 }, needed, lock)
    }

    /// A key that was made long ago may be needed again when its lock is nearly over. Whether it is
    /// locked long enough is looked up once a run.
    fn lock_at_least(
        &self,
        name: StoredKey,
        needed: Timestamp,
        lock: Lock,
    ) -> Result<(), LogError> {
        let key = object(name)?;
        let mut checked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        let slack = SignedDuration::from_secs(LOCK_CHECK_SECONDS);
        let enough = |until: Timestamp| needed.duration_since(until) <= slack;
        if checked.get(&key).is_some_and(|until| enough(*until)) {
            return Ok(());
        }
        let missing = || KeyError::Missing(key.to_string());
        let version = self.covered.version(&key);
        let head = self.store.head(&key, version.as_ref())?.ok_or_else(missing)?;
        let until = match head.lock.filter(|found| enough(found.until)) {
            Some(found) => found.until,
            None => extend_from(&*self.store, &key, &head, lock)?,
        };
        checked.insert(key, until);
        Ok(())
    }

    fn create(
        &self,
        name: StoredKey,
        secret: &[u8; 32],
        lock: Lock,
        entropy: &mut dyn Entropy,
    ) -> Result<(), LogError> {
        let key = object(name)?;
        let wrapped = WrappedKey::wrap(self.file.kek(), self.archive_id(), name, secret, entropy)
            .map_err(|source| KeyError::Wrapped { object: key.to_string(), source })?;
        put_once(&*self.store, &self.covered, &key, &wrapped.encode(), Some(lock))
    }

    fn open(&self, name: StoredKey) -> Result<Option<zeroize::Zeroizing<[u8; 32]>>, LogError> {
        let key = object(name)?;
        let open = |bytes: Vec<u8>| {
            WrappedKey::parse(&bytes)
                .and_then(|wrapped| wrapped.unwrap(self.file.kek(), self.archive_id(), name))
                .map_err(|source| KeyError::Wrapped { object: key.to_string(), source })
        };
        let read = self.covered.read(&*self.store, &key, MAX_WRAPPED_KEY_BYTES, open)?;
        Ok(read.transpose()?)
    }
}

fn object(name: StoredKey) -> Result<ObjectKey, LogError> {
    Ok(ObjectKey::new(format!("keys/{name}"))?)
}
