//! Finishing or undoing what a crash left, under the exclusive lock.

use std::{fs, os::unix::fs::MetadataExt};

use super::FileStore;
use super::durable::{failed, link, read, regular, remove, sync_dir};
use super::layout::intent_version;
use crate::store::name::MAX_KEY_BYTES;
use crate::store::{ObjectKey, StoreError, VersionId};

impl FileStore {
    /// Settles every change that has an intent, then empties the staging directory. Each step may
    /// be repeated, so a crash here leaves less to do.
    pub(super) fn recover(&self) -> Result<(), StoreError> {
        let dir = self.layout.staging();
        let mut left = Vec::new();
        for entry in fs::read_dir(&dir).map_err(|error| failed(&error, "list", &dir))? {
            let entry = entry.map_err(|error| failed(&error, "list", &dir))?;
            left.push((entry.path(), entry.file_name()));
        }
        for (path, name) in &left {
            let Some(version) = name.to_str().and_then(intent_version) else { continue };
            let limit = u64::try_from(MAX_KEY_BYTES).unwrap_or(u64::MAX);
            let text = read(path, 0, limit)?.unwrap_or_default();
            // An intent is not synced: a torn one is about a change found when its key is touched.
            if let Some(key) = String::from_utf8(text).ok().and_then(|key| ObjectKey::new(key).ok())
            {
                self.settle(&key, &version)?;
            }
        }
        left.iter().try_for_each(|(path, _)| remove(path))
    }

    /// Brings one version to one of its two ends: linked, or without a trace.
    fn settle(&self, key: &ObjectKey, version: &VersionId) -> Result<(), StoreError> {
        if regular(&self.layout.version(key, version))?.is_some() {
            return Ok(());
        }
        if self.current(key)?.is_some_and(|current| current.version == *version) {
            return self.link_version(key, version);
        }
        let sidecar = self.layout.sidecar(key, version);
        if regular(&sidecar)?.is_some() {
            remove(&sidecar)?;
            sync_dir(&self.layout.versions(key))?;
        }
        fs::remove_dir(self.layout.versions(key)).ok();
        Ok(())
    }

    /// Links the current version of `key` if a crash left it without its link.
    pub(super) fn link_current(&self, key: &ObjectKey) -> Result<(), StoreError> {
        // A second name is the version's link: nothing is staged under the exclusive lock.
        let alone = regular(&self.layout.object(key))?.is_some_and(|meta| meta.nlink() == 1);
        let Some(current) = (if alone { self.current(key)? } else { None }) else {
            return Ok(());
        };
        let linked = regular(&self.layout.version(key, &current.version))?.is_some();
        if linked || current.version.is_null() {
            return Ok(());
        }
        self.link_version(key, &current.version)
    }

    /// Gives the current bytes their name as `version`.
    pub(super) fn link_version(
        &self,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<(), StoreError> {
        link(&self.layout.object(key), &self.layout.version(key, version))?;
        sync_dir(&self.layout.versions(key))
    }
}
