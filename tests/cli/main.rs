//! What users see: help texts and errors, as committed transcripts.
//!
//! `STRONGROOM_BLESS=transcripts` writes the transcripts anew; read the difference before you commit it.

mod clock;
mod errors;
mod help;
mod long;
mod newer;
mod policies;
mod room;
mod stop;
mod transcript;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use strongroom_tests::{program::strongroom, say, temp::TempDir};

/// Done.
pub(crate) const DONE: i32 = 0;
/// A finding, or a part failed.
pub(crate) const FINDING: i32 = 1;
/// Bad usage or input.
pub(crate) const INPUT: i32 = 2;
/// Nothing was acknowledged: try again.
pub(crate) const AGAIN: i32 = 75;

/// A directory with an archive in `store` that has sealed `app.log`.
pub(crate) struct Bench {
    temp: TempDir,
}

impl Bench {
    /// An empty directory.
    pub(crate) fn empty() -> Self {
        Self { temp: TempDir::new("cli") }
    }

    /// With an archive.
    pub(crate) fn new() -> Self {
        let bench = Self::empty();
        bench.write("app.log", "started\nstopped\n");
        bench.run(&["init", "--environment", "test", "--to", &bench.url()]);
        bench.run(&["archive", "--to", &bench.url(), "--stream", "app", "app.log"]);
        bench
    }

    pub(crate) fn path(&self) -> &Path {
        self.temp.path()
    }

    /// The store's address.
    pub(crate) fn url(&self) -> String {
        format!("file://{}/store", self.path().display())
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs what must succeed.
    pub(crate) fn run(&self, arguments: &[&str]) {
        strongroom(self.path(), arguments).expect(DONE);
    }

    /// Every file of the log with its bytes.
    pub(crate) fn log(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        read_below(&self.path().join("store/log"), &mut files);
        files
    }
}

/// Reads every file below a directory; none if there is no directory.
fn read_below(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_below(&path, files);
        } else {
            let bytes = fs::read(&path).unwrap();
            files.insert(path, bytes);
        }
    }
}
