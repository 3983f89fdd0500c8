//! What lies beneath a name: its true version, where something else covers it.
//!
//! A lock protects a version, not the name. Whoever may put or delete without naming a version can
//! lay other bytes or a delete marker over an object that nobody can delete. A reader who can tell
//! true bytes from others finds them all the same, and says what was covered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{LockedStore, ObjectKey, StoreError, VersionId, get_bounded, get_version};

/// Names that were found covered, each with its true version. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Covered(Arc<Mutex<BTreeMap<ObjectKey, VersionId>>>);

impl Covered {
    /// Reads the version of a name that `open` accepts: the current one, or the oldest of those
    /// beneath, since names are created once. Where it accepts none, the answer is the current one's.
    ///
    /// # Errors
    ///
    /// Those of [`get_bounded`] and [`LockedStore::list_versions`].
    pub fn read<T, E>(
        &self,
        store: &dyn LockedStore,
        key: &ObjectKey,
        limit: usize,
        open: impl Fn(Vec<u8>) -> Result<T, E>,
    ) -> Result<Option<Result<T, E>>, StoreError> {
        let current = get_bounded(store, key, limit).map(|found| found.map(&open));
        if !matches!(current, Ok(None | Some(Err(_))) | Err(StoreError::Corrupt { .. })) {
            return current;
        }
        let listed = store.list_versions(key.as_str())?;
        for one in listed.iter().rev().filter(|one| one.key == *key && !one.is_delete_marker) {
            let bytes = match get_version(store, key, Some(&one.version), limit) {
                Ok(Some(bytes)) => bytes,
                Ok(None) | Err(StoreError::Corrupt { .. }) => continue,
                Err(error) => return Err(error),
            };
            if let Ok(found) = open(bytes) {
                // The latest was only just put.
                if !one.is_latest {
                    self.note(key, &one.version);
                }
                return Ok(Some(Ok(found)));
            }
        }
        current
    }

    /// Notes the true version of a name that something covers.
    pub(crate) fn note(&self, key: &ObjectKey, version: &VersionId) {
        let mut covered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        covered.insert(key.clone(), version.clone());
    }

    /// The true version of a name, if it was found covered.
    pub fn version(&self, key: &ObjectKey) -> Option<VersionId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// A sentence for each name.
    pub fn warnings(&self) -> Vec<String> {
        let covered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let warn = |key: &ObjectKey| {
            format!(
                "something lies over `{key}`: its true version beneath was used; run `strongroom verify` to see what else is covered"
            )
        };
        covered.keys().map(warn).collect()
    }
}
