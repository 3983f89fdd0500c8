//! Period keys and the origin key: made once, wrapped under the KEK, read back by everybody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_crypto::Hasher;
use strongroom_crypto::keys::{DataKey, Entropy, KeyFile, KeyMaterial, OriginKey, PeriodKey};
use strongroom_crypto::name::PeriodKeyName;
use strongroom_crypto::wrapped_key::{StoredKey, WrappedKey, WrappedKeyError};
use strongroom_crypto::{ArchiveId, SegmentId};

use super::{LogError, put_once};
use crate::store::{Lock, LockedStore, ObjectKey};

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
    periods: Mutex<HashMap<PeriodKeyName, Arc<PeriodKey>>>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

impl Keyring {
    /// The keys of `store` that `file` opens.
    pub fn new(store: Arc<dyn LockedStore>, file: Arc<KeyFile>) -> Self {
        Self { store, file, periods: Mutex::default() }
    }

    /// The archive.
    pub fn archive_id(&self) -> ArchiveId {
        self.file.archive_id()
    }

    /// Refuses the key file of another archive than `store`, before what it cannot open is taken for damaged.
    ///
    /// # Errors
    ///
    /// [`LogError::WrongKey`].
    pub fn check_archive(&self, store: ArchiveId) -> Result<(), LogError> {
        let key = self.archive_id();
        if key == store { Ok(()) } else { Err(LogError::wrong_key(key, store)) }
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

    /// The period key of a stream's class in a month, made now if nobody has.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn period(
        &self,
        stream: &str,
        class: &str,
        (year, month): (i64, i64),
        lock: Lock,
        entropy: &mut dyn Entropy,
    ) -> Result<(PeriodKeyName, Arc<PeriodKey>), LogError> {
        let name = PeriodKeyName { id: period_id(stream, class, year, month), generation: 0 };
        if let Some(key) = self.existing(name)? {
            return Ok((name, key));
        }
        let fresh = PeriodKey::generate(entropy);
        // Two workers may be here at once: whoever stores first is right, and both read that.
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
        put_once(&*self.store, &key, &wrapped.encode(), Some(lock))
    }

    fn open(&self, name: StoredKey) -> Result<Option<zeroize::Zeroizing<[u8; 32]>>, LogError> {
        let key = object(name)?;
        let Some(bytes) = self.store.get(&key, None)? else { return Ok(None) };
        let secret = WrappedKey::parse(&bytes)
            .and_then(|wrapped| wrapped.unwrap(self.file.kek(), self.archive_id(), name));
        secret
            .map(Some)
            .map_err(|source| KeyError::Wrapped { object: key.to_string(), source }.into())
    }
}

fn object(name: StoredKey) -> Result<ObjectKey, LogError> {
    Ok(ObjectKey::new(format!("keys/{name}"))?)
}

/// `crypto/FORMAT.md` section 11: what the period key of a stream, class and month is called.
fn period_id(stream: &str, class: &str, year: i64, month: i64) -> [u8; 16] {
    let mut hasher = Hasher::new();
    hasher.update(b"strongroom/period/v1\0");
    for text in [stream, class] {
        // INVARIANT: names are at most 63 bytes.
        hasher.update(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update(format!("{year:04}-{month:02}").as_bytes());
    let digest = hasher.finish();
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    id
}
