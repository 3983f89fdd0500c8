//! Which path holds what. Nothing else in the store joins paths.

use std::path::{Path, PathBuf};

use super::super::{ObjectKey, StoreError, VersionId};

pub(super) const VERSIONS_DIR: &str = ".versions";
pub(super) const STAGING_DIR: &str = ".tmp";
pub(super) const LOCK_FILE: &str = ".lock";

/// Ends the name of a version's record.
const SIDECAR_SUFFIX: &str = ".lock.json";

/// Ends the name of a staged file that says which key a change is about.
const INTENT_SUFFIX: &str = ".key";

/// Hex digits of each half of a version id.
const HALF_DIGITS: usize = 16;

/// The paths below one root.
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn versions_root(&self) -> PathBuf {
        self.root.join(VERSIONS_DIR)
    }

    pub(super) fn staging(&self) -> PathBuf {
        self.root.join(STAGING_DIR)
    }

    pub(super) fn lock_file(&self) -> PathBuf {
        self.root.join(LOCK_FILE)
    }

    /// The current version's bytes.
    pub(super) fn object(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// The directory of the object's own entry.
    pub(super) fn object_dir(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.parent())
    }

    /// The directory of a key's versions.
    pub(super) fn versions(&self, key: &ObjectKey) -> PathBuf {
        self.versions_root().join(key.as_str())
    }

    /// One version's bytes.
    pub(super) fn version(&self, key: &ObjectKey, version: &VersionId) -> PathBuf {
        self.versions(key).join(version.as_str())
    }

    /// One version's record.
    pub(super) fn sidecar(&self, key: &ObjectKey, version: &VersionId) -> PathBuf {
        self.versions(key).join(format!("{version}{SIDECAR_SUFFIX}"))
    }

    /// The bytes while they are written, and a link to them until the change is finished.
    pub(super) fn staged(&self, version: &VersionId) -> PathBuf {
        self.staging().join(version.as_str())
    }

    /// A second link, to be renamed over a current version.
    pub(super) fn staged_current(&self, version: &VersionId) -> PathBuf {
        self.staging().join(format!("{version}.current"))
    }

    pub(super) fn staged_sidecar(&self, version: &VersionId) -> PathBuf {
        self.staging().join(format!("{version}{SIDECAR_SUFFIX}"))
    }

    /// Says which key a change is about, so that whoever finds it after a crash can finish it.
    pub(super) fn intent(&self, version: &VersionId) -> PathBuf {
        self.staging().join(format!("{version}{INTENT_SUFFIX}"))
    }
}

/// A version id of this store: the instant in nanoseconds, so that ids sort by age, and random
/// bits. A key cannot contain `+`, so no version's file is ever another key's directory.
pub(super) fn version_id(nanosecond: u64, random: u64) -> Result<VersionId, StoreError> {
    VersionId::new(format!("{nanosecond:016x}+{random:016x}"))
}

/// Whether `text` is such an id, and so safe as a file name.
pub(super) fn is_version_id(text: &str) -> bool {
    let half = |digits: &str| {
        digits.len() == HALF_DIGITS
            && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    text.split_once('+').is_some_and(|(instant, random)| half(instant) && half(random))
}

/// What an entry in a directory of versions is.
pub(super) enum Entry {
    Bytes(VersionId),
    Sidecar(VersionId),
}

/// Reads the name of an entry in a directory of versions; none for another key's directory.
pub(super) fn version_entry(name: &str) -> Option<Entry> {
    let id = |text: &str| VersionId::new(text).ok().filter(|_| is_version_id(text));
    match name.strip_suffix(SIDECAR_SUFFIX) {
        Some(stem) => id(stem).map(Entry::Sidecar),
        None => id(name).map(Entry::Bytes),
    }
}

/// Reads the name of a staged intent.
pub(super) fn intent_version(name: &str) -> Option<VersionId> {
    let stem = name.strip_suffix(INTENT_SUFFIX).filter(|stem| is_version_id(stem))?;
    VersionId::new(stem).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_id_is_no_segment_of_a_key() {
        let id = version_id(1_700_000_000_000_000_000, 7).unwrap();
        assert!(is_version_id(id.as_str()));
        assert!(ObjectKey::new(format!("a/{id}")).is_err());
        assert!(ObjectKey::new(format!("a/{id}.lock.json")).is_err());
    }

    #[test]
    fn only_own_ids_become_paths() {
        for text in [
            "",
            "null",
            "../../etc/passwd",
            "0123456789abcdef",
            "0123456789ABCDEF+0123456789abcdef",
        ] {
            assert!(!is_version_id(text), "{text}");
        }
    }

    #[test]
    fn ids_sort_by_age() {
        assert!(version_id(9, u64::MAX).unwrap() < version_id(10, 0).unwrap());
    }
}
