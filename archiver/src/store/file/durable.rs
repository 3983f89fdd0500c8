//! The few operations on files, each with what a failure means.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::super::StoreError;

/// The owner writes; a group that the operator lets into the root may read.
pub(super) const FILE_MODE: u32 = 0o640;

/// Whether the error says that there is no such file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Says what an error of the operating system means for the caller.
pub(super) fn failed(error: &io::Error, doing: &str, path: &Path) -> StoreError {
    let detail = format!("cannot {doing} `{}`: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full { detail },
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            StoreError::Denied { detail }
        }
        ErrorKind::NotADirectory | ErrorKind::InvalidFilename => StoreError::Invalid { detail },
        _ => StoreError::Unavailable { detail, may_be_stored: false },
    }
}

/// Makes the entries of a directory durable.
pub(super) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|error| failed(&error, "sync", path))
}

/// Writes a file that must not exist, and syncs its content. Leaves none if that fails.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new(path, bytes, File::sync_all)
}

/// Writes a file that must not exist and whose loss in a crash costs nothing.
pub(super) fn write_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new(path, bytes, |_| Ok(()))
}

fn write_new(
    path: &Path,
    bytes: &[u8],
    settle: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.write_all(bytes).and_then(|()| settle(&file)).inspect_err(|_| {
        // What stays behind is staged, and swept by the next exclusive writer.
        fs::remove_file(path).ok();
    })
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if !is_absent(&error) => Err(failed(&error, "remove", path)),
        _ => Ok(()),
    }
}

/// Adds a second name to a file; the name must be free.
pub(super) fn link(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::hard_link(from, to).map_err(|error| failed(&error, "link", to))
}

/// The metadata of a regular file. Anything else under the name is no object.
pub(super) fn regular(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some(meta).filter(Metadata::is_file)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failed(&error, "find", path)),
    }
}

/// Reads at most `len` bytes of a regular file from `offset`.
pub(super) fn read(path: &Path, offset: u64, len: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(meta) = regular(path)? else { return Ok(None) };
    let expected = meta.len().saturating_sub(offset).min(len);
    if expected == 0 {
        return Ok(Some(Vec::new()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    let read = File::open(path).and_then(|mut file| {
        if offset > 0 {
            file.seek(SeekFrom::Start(offset))?;
        }
        file.take(expected).read_to_end(&mut bytes)
    });
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failed(&error, "read", path)),
    }
}
