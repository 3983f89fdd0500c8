//! Which version a name stands for, and reading it.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use strongroom_crypto::Digest;

use super::FileStore;
use super::durable::{failed, is_absent, read, regular};
use super::layout::{Entry, is_version_id, version_entry};
use super::sidecar::{MAX_SIDECAR_BYTES, Sidecar};
use crate::store::{Head, MAX_OBJECT_BYTES, ObjectKey, StoreError, VersionId};

/// How often a reader looks again before it concludes from a state that a writer at work also
/// passes through.
const LOOKS: usize = 2;

/// The version that a name stands for.
pub(super) struct Current {
    /// Null if the bytes are those of no recorded version: something else put them there.
    pub(super) version: VersionId,
    pub(super) length: u64,
}

/// The versions of a key, newest first.
#[derive(Default)]
pub(super) struct Versions {
    /// Those with bytes.
    pub(super) linked: Vec<VersionId>,
    /// Those of which there is only the record: not committed, not yet linked, or half deleted.
    pub(super) unlinked: Vec<VersionId>,
}

impl FileStore {
    /// Finds the version that `key` stands for.
    ///
    /// The same file proves it. A copy of a store may have lost its hard links, and a crash the
    /// staged one, so equal content is accepted after that, of the newest version that has it.
    pub(super) fn current(&self, key: &ObjectKey) -> Result<Option<Current>, StoreError> {
        let path = self.layout.object(key);
        let mut versions = Versions::default();
        let mut length = 0;
        for _ in 0..LOOKS {
            let Some(meta) = regular(&path)? else { return Ok(None) };
            length = meta.len();
            versions = self.versions(key)?;
            if let Some(version) = self.same_file(key, &meta, &versions)? {
                return Ok(Some(Current { version, length }));
            }
        }
        let version = self.same_content(key, length, &versions)?;
        Ok(Some(Current { version: version.unwrap_or_else(VersionId::null), length }))
    }

    /// Lists a key's versions by their files.
    pub(super) fn versions(&self, key: &ObjectKey) -> Result<Versions, StoreError> {
        let dir = self.layout.versions(key);
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(Versions::default()),
            Err(error) => return Err(failed(&error, "list", &dir)),
        };
        let (mut linked, mut recorded) = (Vec::new(), Vec::new());
        for entry in entries {
            let name = entry.map_err(|error| failed(&error, "list", &dir))?.file_name();
            match name.to_str().and_then(version_entry) {
                Some(Entry::Bytes(version)) => linked.push(version),
                Some(Entry::Sidecar(version)) => recorded.push(version),
                None => {}
            }
        }
        linked.sort_unstable();
        recorded.retain(|version| linked.binary_search(version).is_err());
        recorded.sort_unstable();
        linked.reverse();
        recorded.reverse();
        Ok(Versions { linked, unlinked: recorded })
    }

    fn same_file(
        &self,
        key: &ObjectKey,
        meta: &Metadata,
        versions: &Versions,
    ) -> Result<Option<VersionId>, StoreError> {
        let linked = versions.linked.iter().map(|id| (id, self.layout.version(key, id)));
        let staged = versions.unlinked.iter().map(|id| (id, self.layout.staged(id)));
        for (version, path) in linked.chain(staged) {
            let same = |other: Metadata| (other.dev(), other.ino()) == (meta.dev(), meta.ino());
            if regular(&path)?.is_some_and(same) {
                return Ok(Some(version.clone()));
            }
        }
        Ok(None)
    }

    fn same_content(
        &self,
        key: &ObjectKey,
        length: u64,
        versions: &Versions,
    ) -> Result<Option<VersionId>, StoreError> {
        // A giant is nothing that this program put; it is listed, and refused when it is read.
        if length > MAX_OBJECT_BYTES {
            return Ok(None);
        }
        let mut found: Option<Digest> = None;
        for version in versions.linked.iter().chain(&versions.unlinked) {
            let sidecar = match self.sidecar(key, version) {
                Ok(Some(sidecar)) if sidecar.length == length => sidecar,
                Ok(_) | Err(StoreError::Corrupt { .. }) => continue,
                Err(error) => return Err(error),
            };
            let digest = match found {
                Some(digest) => digest,
                None => match read_bounded(key, &self.layout.object(key))? {
                    Some(bytes) => *found.insert(Digest::of(&bytes)),
                    None => return Ok(None),
                },
            };
            if sidecar.sha256 == digest {
                return Ok(Some(version.clone()));
            }
        }
        Ok(None)
    }

    /// Reads a version's record.
    pub(super) fn sidecar(
        &self,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Option<Sidecar>, StoreError> {
        let Some(bytes) = read(&self.layout.sidecar(key, version), 0, MAX_SIDECAR_BYTES)? else {
            return Ok(None);
        };
        let refuse = || StoreError::corrupt(key, format!("the record of {version} is unreadable"));
        Sidecar::parse(&bytes).ok_or_else(refuse).map(Some)
    }

    /// Finds a version's bytes, which a version not yet linked has only under the name.
    pub(super) fn bytes_of(
        &self,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Option<(PathBuf, u64)>, StoreError> {
        let own = is_version_id(version.as_str());
        if own {
            let path = self.layout.version(key, version);
            if let Some(meta) = regular(&path)? {
                return Ok(Some((path, meta.len())));
            }
        }
        if own && regular(&self.layout.sidecar(key, version))?.is_none() {
            return Ok(None);
        }
        let current = self.current(key)?.filter(|current| current.version == *version);
        Ok(current.map(|current| (self.layout.object(key), current.length)))
    }

    pub(super) fn describe(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Head>, StoreError> {
        let found = match version {
            None => self.current(key)?.map(|current| (current.version, current.length)),
            Some(id) => self.bytes_of(key, id)?.map(|(_, length)| (id.clone(), length)),
        };
        let Some((version, length)) = found else { return Ok(None) };
        if version.is_null() {
            return Ok(Some(Head { version, length, sha256: None, lock: None, hold: false }));
        }
        if let Some(Sidecar { hold, lock, sha256, .. }) = self.sidecar(key, &version)? {
            return Ok(Some(Head { version, length, sha256: Some(sha256), lock, hold }));
        }
        if self.bytes_of(key, &version)?.is_none() {
            return Ok(None);
        }
        Err(StoreError::corrupt(key, format!("version {version} has no record")))
    }

    pub(super) fn read_object(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        match version {
            None => read_bounded(key, &self.layout.object(key)),
            Some(id) => match self.bytes_of(key, id)? {
                Some((path, _)) => read_bounded(key, &path),
                None => Ok(None),
            },
        }
    }

    pub(super) fn read_part(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
        offset: u64,
        len: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if len > MAX_OBJECT_BYTES {
            return Err(StoreError::invalid(format!("{len} bytes are more than any object has")));
        }
        match version {
            None => read(&self.layout.object(key), offset, len),
            Some(id) => match self.bytes_of(key, id)? {
                Some((path, _)) => read(&path, offset, len),
                None => Ok(None),
            },
        }
    }
}

fn read_bounded(key: &ObjectKey, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(meta) = regular(path)? else { return Ok(None) };
    if meta.len() > MAX_OBJECT_BYTES {
        let detail = format!("its {} bytes are more than any object has", meta.len());
        return Err(StoreError::corrupt(key, detail));
    }
    read(path, 0, MAX_OBJECT_BYTES)
}
