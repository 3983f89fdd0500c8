//! A full disk: nothing is acknowledged, and the next run with more room seals everything.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use strongroom_tests::program::strongroom;

use super::errors::assert_helpful;
use super::transcript::{Transcript, assert_same};
use super::{AGAIN, Bench, DONE, say};

/// A small file system of its own, gone when this is.
struct Mount(PathBuf);

impl Mount {
    /// None where the system does not let this process mount anything.
    fn new(at: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(at).unwrap();
        let output =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at).output();
        match output {
            Ok(output) if output.status.success() => Ok(Self(at.to_owned())),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn grow(&self) {
        let status = Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // What cannot be unmounted is left to the system; the directory stays then.
        Command::new("umount").arg(&self.0).status().ok();
    }
}

/// Lines that no compression makes small.
fn noise(bytes: usize) -> String {
    let mut state = 1_u64;
    let mut text = String::new();
    while text.len() < bytes {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        writeln!(text, "{:016x}", state ^ (state >> 29)).unwrap();
    }
    text
}

#[test]
fn a_full_disk_acknowledges_nothing() {
    let bench = Bench::empty();
    let mount = match Mount::new(&bench.path().join("small")) {
        Ok(mount) => mount,
        Err(reason) => {
            say(&format!(
                "full disk: skipped, because a small file system cannot be mounted here: {reason}"
            ));
            return;
        }
    };
    let url = format!("file://{}/small/store", bench.path().display());
    bench.run(&["init", "--environment", "test", "--to", &url, "--key", "small.key"]);
    bench.write("app.log", &noise(8 << 20));
    let log = || {
        let mut files = std::collections::BTreeMap::new();
        super::read_below(&bench.path().join("small/store/log"), &mut files);
        files
    };
    let before = log();
    let archive = ["archive", "--to", &url, "--key", "small.key", "--stream", "app", "app.log"];
    let output = strongroom(bench.path(), &archive);
    let mut transcript = Transcript::new(bench.path());
    transcript.add(&archive, &output);
    assert_same(&transcript.differences("error_full_disk").into_iter().collect::<Vec<_>>());
    assert_eq!(output.code, AGAIN);
    assert_helpful("error_full_disk", &output);
    assert!(log() == before, "the log changed");

    mount.grow();
    let again = strongroom(bench.path(), &[archive.as_slice(), &["--json"]].concat()).expect(DONE);
    assert_eq!(again.number("events_sealed"), again.number("events_read"));
    let cat = ["cat", "--to", &url, "--key", "small.key", "--origin", "file:app.log"];
    assert!(strongroom(bench.path(), &cat).expect(DONE).stdout == noise(8 << 20).as_bytes());
}
