//! What lies where files are looked for: whatever is not read is said to be, and no secret and no byte of the store is read.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
    os::unix::process::CommandExt as _,
    path::Path,
    process::Command,
};

use strongroom_tests::program::{binary, strongroom};

use super::damaged::{archive, list};
use super::{Bench, say};

/// Somebody who may not read what is not theirs.
const NOBODY: u32 = 65_534;

#[test]
fn what_is_no_file_is_named_and_does_not_fail_the_run() {
    let bench = Bench::new();
    let logs = bench.path().join("logs");
    fs::create_dir_all(logs.join("deep")).unwrap();
    fs::write(logs.join("b.log"), "one\n").unwrap();
    assert!(Command::new("mkfifo").arg(logs.join("pipe")).status().unwrap().success());
    symlink("/dev/null", logs.join("device")).unwrap();
    symlink("deep", logs.join("link")).unwrap();
    symlink("gone", logs.join("dangling")).unwrap();
    let expected = [
        "`logs/dangling` is left out: it is a link to nothing",
        "`logs/device` is left out: it is a device",
        "`logs/link` is left out: it is a link to a directory; name it to archive what is below it",
        "`logs/pipe` is left out: it is a pipe",
    ];
    for path in ["logs", "logs/*"] {
        let output = archive(&bench, "app", "auto", path).expect(0);
        assert_eq!(list(&output, "skipped"), expected);
        let lines: Vec<String> =
            expected.iter().map(|line| format!("strongroom: {line}\n")).collect();
        assert_eq!(output.stderr, lines.concat());
    }
    let output = archive(&bench, "app", "auto", "logs/p*").expect(0);
    assert_eq!(
        (list(&output, "skipped").len(), list(&output, "unmatched")),
        (1, vec!["logs/p*".to_owned()])
    );
    assert!(output.stderr.contains("`logs/p*` matches no file\n"), "{}", output.stderr);
}

/// Nothing is closed to root: then the archive and its sources are given to nobody, who runs a copy of the program.
#[test]
fn a_glob_that_meets_a_closed_directory_fails() {
    let bench = Bench::new();
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    fs::create_dir_all(bench.path().join("logs/open")).unwrap();
    fs::create_dir_all(bench.path().join("logs/closed")).unwrap();
    fs::write(bench.path().join("logs/open/a.log"), "one\n").unwrap();
    let program = bench.path().join("program");
    fs::copy(binary(), &program).unwrap();
    if root {
        give_away(bench.path());
    }
    for (pattern, mode) in [
        ("logs/*/a.log", 0o000),
        ("logs/*/*.log", 0o000),
        ("logs/**/*.log", 0o311),
        ("logs/closed/*", 0o311),
        ("logs/closed/*", 0o000),
        ("logs/c*", 0o000),
        ("logs", 0o000),
    ] {
        let closed = bench.path().join("logs/closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new(&program);
        command.args(["archive", "--to", &bench.store, "--stream", "app", pattern]);
        command.current_dir(bench.path()).env_remove("STRONGROOM_KEY");
        if root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = match command.output() {
            Err(error) if root && error.kind() == ErrorKind::PermissionDenied => {
                return say("skipped: nobody may not run the program where temporary files are");
            }
            output => output.unwrap(),
        };
        let said = String::from_utf8(output.stderr).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(output.status.code(), Some(1), "{pattern} {mode:o}: {said}");
        assert!(said.contains("cannot read `logs/closed"), "{pattern} {mode:o}: {said}");
        assert!(!said.contains("matches no file"), "{pattern} {mode:o}: {said}");
    }
}

fn give_away(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
}

#[test]
fn neither_the_store_nor_a_key_file_is_archived() {
    let bench = Bench::new();
    fs::write(bench.path().join("app.log"), "one\ntwo\n").unwrap();
    for round in 0..2 {
        let output = archive(&bench, "all", "auto", ".").expect(1);
        assert_eq!(output.number("events_sealed"), if round == 0 { 2 } else { 0 });
        let store = format!(
            "`{}/store` is left out: it is the store of this archive",
            bench.path().display()
        );
        assert_eq!(list(&output, "skipped"), [store]);
        let failures = list(&output, "failures");
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(failures[0].contains("store.key` is a key file of Strongroom"), "{failures:?}");
        assert!(output.stderr.contains("\n  next: move it out of the paths to archive"));
    }
    // By another name, from another directory, as it is.
    let logs = bench.path().join("logs");
    fs::create_dir(&logs).unwrap();
    symlink("../store.key", logs.join("app.log")).unwrap();
    fs::copy(bench.path().join("store.key"), logs.join("copy.txt")).unwrap();
    for format in ["auto", "binary"] {
        let output = archive(&bench, "secret", format, "logs").expect(1);
        assert_eq!((list(&output, "failures").len(), output.number("events_read")), (2, 0));
    }
    for inside in ["store", "store/log", "store/keys/*"] {
        let output = archive(&bench, "secret", "auto", inside).expect(0);
        assert_eq!((list(&output, "skipped").len(), output.number("events_read")), (1, 0));
    }
}

#[test]
fn a_file_of_two_names_is_archived_once() {
    let bench = Bench::new();
    let logs = bench.path().join("logs");
    fs::create_dir(&logs).unwrap();
    fs::write(logs.join("m.log"), "one\ntwo\n").unwrap();
    symlink("m.log", logs.join("n.log")).unwrap();
    fs::hard_link(logs.join("m.log"), logs.join("o.log")).unwrap();
    let output = archive(&bench, "app", "auto", "logs").expect(0);
    assert_eq!(output.number("events_sealed"), 2);
    assert_eq!(
        list(&output, "skipped"),
        ["n", "o"].map(|name| format!(
            "`logs/{name}.log` is left out: it is the same file as `logs/m.log`"
        ))
    );
    // A name that comes before the one by which the file is known does not make it new.
    symlink("m.log", logs.join("a.log")).unwrap();
    let output = archive(&bench, "app", "auto", "logs").expect(0);
    assert_eq!((output.number("events_read"), list(&output, "skipped").len()), (0, 3));
    fs::write(logs.join("m.log"), "one\ntwo\nthree\n").unwrap();
    assert_eq!(archive(&bench, "app", "auto", "logs").expect(0).number("events_sealed"), 1);
    let cat = ["cat", "--to", &bench.store, "--origin", "file:m.log"];
    assert_eq!(strongroom(bench.path(), &cat).expect(0).stdout, b"one\ntwo\nthree\n");
}
