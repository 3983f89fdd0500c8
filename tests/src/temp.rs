//! Directories that a test owns.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A fresh directory that is removed with everything in it when this is dropped.
#[derive(Debug)]
pub struct TempDir {
    path: PathBuf,
}

impl TempDir {
    /// Makes a directory with `name` in its name.
    pub fn new(name: &str) -> Self {
        loop {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            let path =
                std::env::temp_dir().join(format!("strongroom-{name}-{}-{next}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Self { path },
                // A killed run had the same process id.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("cannot create `{}`: {error}", path.display()),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // A test that fails half way may leave directories without permissions: those stay.
        fs::remove_dir_all(&self.path).ok();
    }
}
