//! Putting an object: stage it, record it, commit it, link its version.

use std::{
    collections::HashSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{MutexGuard, PoisonError},
};

use jiff::Timestamp;
use strongroom_crypto::Digest;

use super::durable::{failed, is_absent, link, remove, sync_dir, write_synced, write_unsynced};
use super::layout::version_id;
use super::sidecar::Sidecar;
use super::{Entropy, FileStore};
use crate::store::{MAX_OBJECT_BYTES, ObjectKey, PutOptions, StoreError, VersionId};

/// How many ids are drawn before the entropy is taken to be broken.
const ID_DRAWS: usize = 8;

impl FileStore {
    pub(super) fn put_object(
        &self,
        key: &ObjectKey,
        bytes: &[u8],
        how: &PutOptions,
    ) -> Result<VersionId, StoreError> {
        let entropy = self.writable()?;
        let length = check_bytes(key, bytes, how)?;
        let _guard = if how.create_only { self.shared()? } else { self.exclusive()? };
        let created = (self.clock)();
        how.lock.map_or(Ok(()), |lock| lock.check(created))?;
        self.check_name(key, how.create_only)?;
        if !how.create_only {
            // A current version that a crash left unlinked would be lost under the new one.
            self.link_current(key)?;
        }
        let version = self.draw_version(key, created, entropy)?;
        let sidecar = Sidecar { created, hold: false, length, lock: how.lock, sha256: how.sha256 };
        let committed = self
            .stage(key, &version, bytes, &sidecar)
            .and_then(|()| self.commit(key, &version, how.create_only));
        if let Err(error) = committed {
            self.withdraw(key, &version);
            return Err(error);
        }
        self.finish(key, &version).map_err(StoreError::after_commit)?;
        Ok(version)
    }

    /// Refuses a name that is taken before megabytes are written for it.
    fn check_name(&self, key: &ObjectKey, create_only: bool) -> Result<(), StoreError> {
        let path = self.layout.object(key);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                Err(StoreError::invalid(format!("`{key}` is the beginning of other keys")))
            }
            Ok(meta) if !meta.is_file() => {
                Err(StoreError::corrupt(key, "its name is not that of a file"))
            }
            Ok(_) if create_only => Err(StoreError::AlreadyExists { key: key.clone() }),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                Err(StoreError::invalid(format!("the beginning of `{key}` is itself a key")))
            }
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(failed(&error, "find", &path)),
        }
    }

    /// Draws an id and reserves it with an intent, so that no other writer has it too.
    fn draw_version(
        &self,
        key: &ObjectKey,
        created: Timestamp,
        entropy: &Entropy,
    ) -> Result<VersionId, StoreError> {
        let nanosecond = u64::try_from(created.as_nanosecond())
            .map_err(|_| StoreError::invalid(format!("the clock stands at {created}")))?;
        for _ in 0..ID_DRAWS {
            let version = version_id(nanosecond, entropy())?;
            let intent = self.layout.intent(&version);
            match write_unsynced(&intent, key.as_str().as_bytes()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(failed(&error, "write", &intent)),
            }
            // A crash here leaves an intent about nothing.
            let sidecar = self.layout.sidecar(key, &version);
            match fs::symlink_metadata(&sidecar) {
                Ok(_) => remove(&intent)?,
                Err(error) if is_absent(&error) => return Ok(version),
                Err(error) => {
                    remove(&intent)?;
                    return Err(failed(&error, "find", &sidecar));
                }
            }
        }
        let detail = "the entropy source repeats itself".to_owned();
        Err(StoreError::Unavailable { detail, may_be_stored: false })
    }

    /// Writes everything that must be durable before the name may appear.
    fn stage(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        bytes: &[u8],
        sidecar: &Sidecar,
    ) -> Result<(), StoreError> {
        let staged = self.layout.staged(version);
        write_synced(&staged, bytes).map_err(|error| failed(&error, "write", &staged))?;
        // A crash here leaves staged bytes that the next exclusive writer removes.
        self.make_dirs(self.layout.root(), key.parent())?;
        self.make_dirs(&self.layout.versions_root(), key.parent())?;
        self.make_versions_dir(key)?;
        // A crash here leaves empty directories, which are nothing to any reader.
        let draft = self.layout.staged_sidecar(version);
        write_synced(&draft, sidecar.to_string().as_bytes())
            .map_err(|error| failed(&error, "write", &draft))?;
        link(&draft, &self.layout.sidecar(key, version))?;
        remove(&draft)?;
        sync_dir(&self.layout.versions(key))
        // A crash here leaves a record without bytes, which the intent lets the next exclusive
        // writer remove.
    }

    /// Makes the staged bytes the current version, in one step of the file system.
    fn commit(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        create_only: bool,
    ) -> Result<(), StoreError> {
        let (staged, object) = (self.layout.staged(version), self.layout.object(key));
        if create_only {
            return match fs::hard_link(&staged, &object) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    self.check_name(key, true)?;
                    Err(StoreError::Conflict { key: key.clone() })
                }
                Err(error) => Err(failed(&error, "link", &object)),
                Ok(()) => Ok(()),
            };
        }
        let second = self.layout.staged_current(version);
        link(&staged, &second)?;
        // A crash here leaves a second staged link, removed like the first.
        fs::rename(&second, &object).map_err(|error| failed(&error, "replace", &object))
        // A crash here, for a created and a replaced name alike, leaves a current version without
        // its link. It is found by its record and linked by the next exclusive writer.
    }

    fn finish(&self, key: &ObjectKey, version: &VersionId) -> Result<(), StoreError> {
        sync_dir(&self.layout.object_dir(key))?;
        let staged = self.layout.staged(version);
        link(&staged, &self.layout.version(key, version))?;
        sync_dir(&self.layout.versions(key))?;
        // A crash here leaves staged links to a version that is complete without them.
        fs::remove_file(&staged).ok();
        fs::remove_file(self.layout.intent(version)).ok();
        Ok(())
    }

    /// Undoes what was staged. Best effort: what stays is swept like the remains of a crash.
    fn withdraw(&self, key: &ObjectKey, version: &VersionId) {
        fs::remove_file(self.layout.sidecar(key, version)).ok();
        fs::remove_dir(self.layout.versions(key)).ok();
        let layout = &self.layout;
        let staged = [
            layout.staged(version),
            layout.staged_current(version),
            layout.staged_sidecar(version),
            layout.intent(version),
        ];
        for path in staged {
            fs::remove_file(path).ok();
        }
    }

    /// Makes the directories of `relative` below `base`, each durable in the one above it.
    fn make_dirs(&self, base: &Path, relative: &str) -> Result<(), StoreError> {
        let mut path = base.to_owned();
        for segment in relative.split('/').filter(|segment| !segment.is_empty()) {
            let above = path.clone();
            path.push(segment);
            let made = make_dir(&path)?;
            if made || !self.is_durable(&path) {
                // Another writer may have made it and not have synced it yet.
                sync_dir(&above)?;
                self.durable_dirs().insert(path.clone());
            }
        }
        Ok(())
    }

    /// Makes the directory of a key's versions, which deleting the last of them removes again.
    fn make_versions_dir(&self, key: &ObjectKey) -> Result<(), StoreError> {
        make_dir(&self.layout.versions(key))?;
        sync_dir(&self.layout.versions_root().join(key.parent()))
    }

    fn is_durable(&self, path: &Path) -> bool {
        self.durable_dirs().contains(path)
    }

    fn durable_dirs(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.durable_dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a directory; whether it was missing.
fn make_dir(path: &Path) -> Result<bool, StoreError> {
    match fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(&error, "create", path)),
    }
}

/// Refuses bytes that are too many or not the ones meant; their length.
fn check_bytes(key: &ObjectKey, bytes: &[u8], how: &PutOptions) -> Result<u64, StoreError> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > MAX_OBJECT_BYTES {
        let detail = format!("`{key}` has {length} bytes, at most {MAX_OBJECT_BYTES} are stored");
        return Err(StoreError::invalid(detail));
    }
    let found = Digest::of(bytes);
    if found != how.sha256 {
        let detail = format!("`{key}` has the digest {found}, not {} as announced", how.sha256);
        return Err(StoreError::invalid(detail));
    }
    Ok(length)
}
