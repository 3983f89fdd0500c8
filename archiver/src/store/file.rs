//! A store in a directory: the embedded default.
//!
//! ```text
//! <root>/<key>                                   the current version's bytes
//! <root>/.versions/<key>/<version>               a hard link to each version
//! <root>/.versions/<key>/<version>.lock.json     its lock, hold, length, digest and birth
//! <root>/.tmp/                                   what is being written
//! <root>/.lock                                   shared by creators, exclusive for every change
//! ```
//!
//! The rules are those of a locked bucket and no method goes around them; whoever may write the
//! directory otherwise may break them, so this is not proof against its owner.
//!
//! A name is created by linking a complete, synced file to it, so that it is there whole or not at
//! all. The link below `.versions` follows. Between the two, and after a crash there, the current
//! version is the one whose record has no link yet and describes the bytes. Whoever takes the
//! exclusive lock finishes or undoes what a crash left. A name that was removed from outside is
//! reported and never put back.

mod change;
mod current;
mod durable;
mod layout;
mod recover;
mod sidecar;
mod walk;
mod write;

use std::{
    collections::HashSet,
    fmt,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Mutex,
};

use jiff::Timestamp;

use self::durable::{failed, sync_dir};
use self::layout::{LOCK_FILE, Layout, STAGING_DIR};
use super::{
    Head, Listed, ListedVersion, Lock, LockedStore, ObjectKey, PutOptions, StoreError, VersionId,
};

/// The clock that judges locks.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// Randomness that keeps the version ids of several writers apart; it protects nothing else.
pub type Entropy = Box<dyn Fn() -> u64 + Send + Sync>;

/// What a fresh file system has in its root, which a new store may find there.
const FRESH_MOUNT_ENTRY: &str = "lost+found";

/// A store in a directory.
pub struct FileStore {
    layout: Layout,
    url: String,
    clock: Clock,
    /// None for a store opened to read, which then writes nothing at all.
    entropy: Option<Entropy>,
    /// Directories whose own entry is known to be on disk, so that a put does not sync every
    /// ancestor again. Only ever a saving: an unknown one is synced.
    durable_dirs: Mutex<HashSet<PathBuf>>,
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("url", &self.url).finish_non_exhaustive()
    }
}

impl FileStore {
    /// Makes the directory into a store and opens it; on a store it only opens.
    ///
    /// # Errors
    ///
    /// `Invalid` if the directory holds something else.
    pub fn create(root: &Path, clock: Clock, entropy: Entropy) -> Result<Self, StoreError> {
        let store = Self::at(root, clock, Some(entropy))?;
        store.layout.make_root()?;
        store.recover_if_idle()?;
        Ok(store)
    }

    /// Opens a store for reading and writing, and finishes what a crash left unless another writer
    /// is at work.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no store.
    pub fn open(root: &Path, clock: Clock, entropy: Entropy) -> Result<Self, StoreError> {
        let store = Self::at(root, clock, Some(entropy))?;
        store.layout.require_root()?;
        // A copy of a store may come without its empty directories.
        make_private_dir(&store.layout.staging())?;
        store.recover_if_idle()?;
        Ok(store)
    }

    /// Opens a store for reading: nothing is written, also not to heal, so a directory that
    /// cannot be written will do.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no store.
    pub fn open_read_only(root: &Path, clock: Clock) -> Result<Self, StoreError> {
        let store = Self::at(root, clock, None)?;
        store.layout.require_root()?;
        Ok(store)
    }

    fn at(root: &Path, clock: Clock, entropy: Option<Entropy>) -> Result<Self, StoreError> {
        let root = std::path::absolute(root).map_err(|error| failed(&error, "find", root))?;
        let url = format!("file://{}", root.display());
        let durable_dirs = Mutex::default();
        Ok(Self { layout: Layout::new(root), url, clock, entropy, durable_dirs })
    }

    /// The entropy, which only a store opened for writing has.
    fn writable(&self) -> Result<&Entropy, StoreError> {
        self.entropy
            .as_ref()
            .ok_or_else(|| StoreError::Denied { detail: format!("{} is open read-only", self.url) })
    }

    fn lock_file(&self) -> Result<File, StoreError> {
        let path = self.layout.lock_file();
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(durable::FILE_MODE)
            .open(&path)
            .map_err(|error| failed(&error, "open", &path))
    }

    /// Lets creators work beside each other, and none beside a change. Dropping it lets go.
    fn shared(&self) -> Result<File, StoreError> {
        let file = self.lock_file()?;
        file.lock_shared().map_err(|error| failed(&error, "lock", &self.layout.lock_file()))?;
        Ok(file)
    }

    /// Keeps everyone else out. Nobody is writing then, so whatever is staged was left by a crash.
    fn exclusive(&self) -> Result<File, StoreError> {
        let file = self.lock_file()?;
        file.lock().map_err(|error| failed(&error, "lock", &self.layout.lock_file()))?;
        self.recover()?;
        Ok(file)
    }

    fn recover_if_idle(&self) -> Result<(), StoreError> {
        let file = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => self.recover(),
            Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Error(error)) => {
                Err(failed(&error, "lock", &self.layout.lock_file()))
            }
        }
    }
}

impl Layout {
    /// `.versions` is made last: where it is, the store is complete.
    fn make_root(&self) -> Result<(), StoreError> {
        let root = self.root();
        if let Some(parent) = root.parent() {
            fs::create_dir_all(parent).map_err(|error| failed(&error, "create", parent))?;
        }
        make_private_dir(root)?;
        if !self.versions_root().is_dir() {
            let entries = fs::read_dir(root).map_err(|error| failed(&error, "list", root))?;
            for entry in entries {
                let entry = entry.map_err(|error| failed(&error, "list", root))?;
                let ours = [STAGING_DIR, LOCK_FILE, FRESH_MOUNT_ENTRY];
                if !ours.iter().any(|name| entry.file_name() == *name) {
                    let detail = format!("`{}` is neither empty nor a store", root.display());
                    return Err(StoreError::invalid(detail));
                }
            }
        }
        make_private_dir(&self.staging())?;
        // A crash here leaves a directory that `create` takes up again and `open` refuses.
        sync_dir(root)?;
        make_private_dir(&self.versions_root())?;
        sync_dir(root)?;
        root.parent().map_or(Ok(()), sync_dir)
    }

    fn require_root(&self) -> Result<(), StoreError> {
        let marker = self.versions_root();
        match fs::metadata(&marker) {
            Ok(meta) if meta.is_dir() => Ok(()),
            Err(error) if !durable::is_absent(&error) => Err(failed(&error, "open", &marker)),
            _ if self.root().join("log/claim").is_dir() => Err(StoreError::invalid(format!(
                "`{}` is an incomplete copy of a store: its directory `.versions` is missing; copy it again with everything in it, e.g. by `cp -a`",
                self.root().display()
            ))),
            _ => Err(StoreError::NotFound {
                detail: format!("`{}` is not a store", self.root().display()),
            }),
        }
    }
}

fn make_private_dir(path: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory
            ) =>
        {
            Err(StoreError::invalid(format!("`{}` is not a directory", path.display())))
        }
        Err(error) => Err(failed(&error, "create", path)),
    }
}

impl LockedStore for FileStore {
    fn put(
        &self,
        key: &ObjectKey,
        bytes: &[u8],
        how: &PutOptions,
    ) -> Result<VersionId, StoreError> {
        self.put_object(key, bytes, how)
    }

    fn head(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Head>, StoreError> {
        self.describe(key, version)
    }

    fn get(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_object(key, version)
    }

    fn get_range(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
        offset: u64,
        len: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_part(key, version, offset, len)
    }

    /// Reads every directory on the way to `prefix` whole, so a page costs as much as its
    /// largest directory.
    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.list_current(prefix, start_after, limit)
    }

    fn list_versions_after(
        &self,
        prefix: &str,
        start_after: &str,
    ) -> Result<Vec<ListedVersion>, StoreError> {
        self.list_all(prefix, start_after)
    }

    fn extend_lock(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        lock: Lock,
    ) -> Result<(), StoreError> {
        self.move_lock(key, version, lock)
    }

    fn set_hold(&self, key: &ObjectKey, version: &VersionId, on: bool) -> Result<(), StoreError> {
        self.change_hold(key, version, on)
    }

    fn delete_version(&self, key: &ObjectKey, version: &VersionId) -> Result<(), StoreError> {
        self.delete(key, version)
    }

    fn abort_uploads(&self, _: &ObjectKey) -> Result<u64, StoreError> {
        // What is being written has no name until it is whole.
        Ok(0)
    }

    fn now(&self) -> Result<Timestamp, StoreError> {
        Ok((self.clock)())
    }

    fn url(&self) -> &str {
        &self.url
    }
}
