//! The beginning of a log.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use strongroom_crypto::claim::{ClaimDraft, NO_CLAIM};
use strongroom_crypto::entry::{Entry, EntryKind, LogOpen, RegisteredKey};
use strongroom_crypto::keys::{Entropy, KeyFile, Role};
use strongroom_crypto::name::Environment;
use strongroom_crypto::officer::Registry;
use strongroom_retention::Settling;

use super::read::remains;
use super::{Keyring, Log, LogError, claim_key, instant, put_once};
use crate::store::{Covered, Lock, LockMode, LockedStore};

/// What a log registers for a key file: all its role keys, in order.
pub(crate) fn role_keys(keys: &KeyFile) -> Vec<RegisteredKey> {
    let register = |&role: &Role| RegisteredKey::new(keys.role(role).public(), role);
    let mut registered: Vec<RegisteredKey> = Role::ALL.iter().map(register).collect();
    registered.sort_by_key(|key| (key.role, key.id));
    registered
}

/// What an archive is for, and who decides about it.
#[derive(Clone, Debug)]
pub struct About {
    /// What it is for.
    pub environment: Environment,
    /// Whose signatures count; a production archive has to have enough of them.
    pub officers: Registry,
    /// How long new objects stay locked.
    pub settle: Duration,
}

impl About {
    /// A test archive without officers.
    pub fn test(settle: Duration) -> Self {
        Self { environment: Environment::Test, officers: Registry::default(), settle }
    }
}

impl Log {
    /// Whether a store holds a log.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn is_open(store: &dyn LockedStore) -> Result<bool, LogError> {
        let first = claim_key(0)?;
        if store.get_range(&first, None, 0, 1)?.is_some() {
            return Ok(true);
        }
        // Also where it is hidden.
        let versions = store.list_versions(first.as_str())?;
        Ok(versions.iter().any(|version| !version.is_delete_marker))
    }

    /// Refuses a store that holds something of an archive whose first claim is gone.
    ///
    /// # Errors
    ///
    /// [`LogError::Damaged`], or the store's.
    pub fn require_nothing(store: &dyn LockedStore) -> Result<(), LogError> {
        match remains(store)? {
            None => Ok(()),
            Some(found) => Err(LogError::beheaded(&found)?),
        }
    }

    /// Makes an archive in an empty store; `None` if the store holds a log already.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn create(
        store: Arc<dyn LockedStore>,
        keys: Arc<KeyFile>,
        about: &About,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Self>, LogError> {
        if Self::is_open(&*store)? {
            return Ok(None);
        }
        Self::require_nothing(&*store)?;
        let first = claim_key(0)?;
        let now = store.now()?;
        let asked = SignedDuration::try_from(about.settle).unwrap_or(SignedDuration::MAX);
        let settling = Settling::new(asked, about.environment);
        let lock = Lock { mode: LockMode::Governance, until: settling.lock_until(now) };
        // An origin key without a log is what a crash here leaves: it is used if it is there.
        let keyring = Keyring::new(Arc::clone(&store), Arc::clone(&keys));
        match keyring.create_origin(lock, entropy) {
            Ok(()) | Err(LogError::Damaged { .. }) => keyring.origin()?,
            Err(error) => return Err(error),
        };
        let open = LogOpen {
            archive_id: keys.archive_id(),
            environment: about.environment,
            keys: role_keys(&keys),
            log_vkey: keys.log().verifier().to_string(),
            min_reader: 1,
            min_writer: 1,
            officers: about.officers.clone(),
            settle_ms: u64::try_from(settling.period().as_millis()).unwrap_or(0),
            store: store.url().to_owned(),
        };
        let mut nonce = [0; 16];
        entropy.fill(&mut nonce);
        let entry = Entry::new(instant(now), EntryKind::LogOpen(Box::new(open)));
        let draft = ClaimDraft {
            archive_id: keys.archive_id(),
            seq: 0,
            prev_claim_sha256: NO_CLAIM,
            nonce,
            items: vec![(entry, None)],
        };
        let claim = draft.sign(keys.role(Role::Archive))?;
        match put_once(&*store, &Covered::default(), &first, claim.bytes(), Some(lock)) {
            Ok(()) => Self::open(store, keys).map(Some),
            // Somebody else opened the log in this moment.
            Err(LogError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
