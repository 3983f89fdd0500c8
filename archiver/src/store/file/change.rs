//! Changing what is kept about a version, and deleting it: always under the exclusive lock.

use std::fs;

use super::FileStore;
use super::durable::{failed, link, regular, remove, sync_dir, write_synced, write_unsynced};
use super::layout::is_version_id;
use super::sidecar::Sidecar;
use crate::store::{Lock, ObjectKey, StoreError, VersionId};

impl FileStore {
    pub(super) fn move_lock(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        lock: Lock,
    ) -> Result<(), StoreError> {
        self.writable()?;
        let _guard = self.exclusive()?;
        lock.check((self.clock)())?;
        let sidecar = self.record_of(key, version)?;
        if let Some(found) = sidecar.lock {
            if found == lock {
                return Ok(());
            }
            if found.mode != lock.mode {
                let detail = format!("`{key}` is locked in {}, which never changes", found.mode);
                return Err(StoreError::Denied { detail });
            }
            if lock.until < found.until {
                let detail = format!("`{key}` is locked until {}, which only rises", found.until);
                return Err(StoreError::Denied { detail });
            }
        }
        self.rewrite(key, version, &Sidecar { lock: Some(lock), ..sidecar })
    }

    pub(super) fn change_hold(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        on: bool,
    ) -> Result<(), StoreError> {
        self.writable()?;
        let _guard = self.exclusive()?;
        let sidecar = self.record_of(key, version)?;
        if sidecar.hold == on {
            return Ok(());
        }
        self.rewrite(key, version, &Sidecar { hold: on, ..sidecar })
    }

    pub(super) fn delete(&self, key: &ObjectKey, version: &VersionId) -> Result<(), StoreError> {
        self.writable()?;
        let _guard = self.exclusive()?;
        if version.is_null() {
            return self.delete_unrecorded(key);
        }
        let sidecar = self.record_of(key, version)?;
        if sidecar.hold {
            return Err(StoreError::Held { key: key.clone() });
        }
        if let Some(lock) = sidecar.lock.filter(|lock| lock.until > (self.clock)()) {
            return Err(StoreError::Locked { key: key.clone(), until: lock.until });
        }
        let intent = self.layout.intent(version);
        write_unsynced(&intent, key.as_str().as_bytes())
            .map_err(|error| failed(&error, "write", &intent))?;
        // A crash here leaves an intent about a version that is whole: nothing happens to it.
        let current = self.current(key)?.is_some_and(|current| current.version == *version);
        let replaced = current && self.promote(key, version)?;
        self.unlink(key, version, current && !replaced).map_err(StoreError::after_commit)
    }

    /// Removes bytes that no recorded version has, and with them what hid the newest one.
    fn delete_unrecorded(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let null = VersionId::null();
        if self.current(key)?.is_none_or(|current| current.version != null) {
            return Err(not_found(key, &null));
        }
        if !self.promote(key, &null)? {
            remove(&self.layout.object(key))?;
            // A crash here leaves the object or none.
        }
        sync_dir(&self.layout.object_dir(key)).map_err(StoreError::after_commit)
    }

    /// Makes the newest other version current; whether there is one.
    fn promote(&self, key: &ObjectKey, leaving: &VersionId) -> Result<bool, StoreError> {
        let linked = self.versions(key)?.linked;
        let Some(next) = linked.iter().find(|other| *other != leaving) else { return Ok(false) };
        let second = self.layout.staged_current(next);
        link(&self.layout.version(key, next), &second)?;
        // A crash here leaves a staged link, swept by the next exclusive writer.
        let object = self.layout.object(key);
        fs::rename(&second, &object).map_err(|error| failed(&error, "replace", &object))?;
        // A crash here leaves both versions, the leaving one no longer current: delete it again.
        sync_dir(&self.layout.object_dir(key)).map_err(StoreError::after_commit)?;
        Ok(true)
    }

    fn unlink(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        with_name: bool,
    ) -> Result<(), StoreError> {
        let dir = self.layout.versions(key);
        remove(&self.layout.version(key, version))?;
        sync_dir(&dir)?;
        // A crash here leaves a current version without its link, which recovery links again, or
        // a record of nothing, which it removes.
        if with_name {
            remove(&self.layout.object(key))?;
            sync_dir(&self.layout.object_dir(key))?;
            // A crash here leaves a record of nothing, which recovery removes.
        }
        remove(&self.layout.sidecar(key, version))?;
        sync_dir(&dir)?;
        fs::remove_dir(&dir).ok();
        remove(&self.layout.intent(version))
    }

    /// Reads the record of a version that is there, and links the version if a crash did not.
    fn record_of(&self, key: &ObjectKey, version: &VersionId) -> Result<Sidecar, StoreError> {
        if !is_version_id(version.as_str()) || self.bytes_of(key, version)?.is_none() {
            return Err(not_found(key, version));
        }
        let sidecar = self.sidecar(key, version)?;
        let missing = || StoreError::corrupt(key, format!("version {version} has no record"));
        let sidecar = sidecar.ok_or_else(missing)?;
        if regular(&self.layout.version(key, version))?.is_none() {
            self.link_version(key, version)?;
        }
        Ok(sidecar)
    }

    fn rewrite(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        sidecar: &Sidecar,
    ) -> Result<(), StoreError> {
        let (draft, path) =
            (self.layout.staged_sidecar(version), self.layout.sidecar(key, version));
        write_synced(&draft, sidecar.to_string().as_bytes())
            .map_err(|error| failed(&error, "write", &draft))?;
        // A crash here leaves the old record and a draft, swept by the next exclusive writer.
        fs::rename(&draft, &path).map_err(|error| failed(&error, "replace", &path))?;
        // A crash here leaves the old record or the new one, each of them whole.
        sync_dir(&self.layout.versions(key)).map_err(StoreError::after_commit)
    }
}

fn not_found(key: &ObjectKey, version: &VersionId) -> StoreError {
    StoreError::NotFound { detail: format!("`{key}` has no version {version}") }
}
