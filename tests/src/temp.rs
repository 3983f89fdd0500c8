//! Directories that a test owns.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
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
        Self::below(&std::env::temp_dir(), name)
    }

    /// The same in memory, where the machine has a place for that: the tests that make thousands of
    /// small archives prove nothing about disks, and would wait for `fsync` nearly all the time.
    pub fn in_memory(name: &str) -> Self {
        static MEMORY: OnceLock<PathBuf> = OnceLock::new();
        let memory = MEMORY.get_or_init(|| {
            let memory = Path::new("/dev/shm");
            // It may be there and not be ours to write.
            let probe = memory.join(format!("strongroom-probe-{}", process::id()));
            if fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe)).is_ok() {
                memory.to_owned()
            } else {
                std::env::temp_dir()
            }
        });
        Self::below(memory, name)
    }

    fn below(parent: &Path, name: &str) -> Self {
        loop {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("strongroom-{name}-{}-{next}", process::id()));
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

/// Copies a directory as a user would: without its hard links.
pub fn copy_below(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_below(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
