//! Every mistake gets one clear answer that names the next step, and leaves the log as it was.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use strongroom_tests::program::{Output, strongroom};
use strongroom_tests::temp::copy_below;

use super::transcript::{Transcript, assert_same};
use super::{Bench, FINDING, INPUT};

/// A mistake: the name of its transcript, the command and its exit code.
type Mistake<'a> = (&'a str, &'a [&'a str], i32);

/// What an answer to a mistake must be.
pub(crate) fn assert_helpful(name: &str, output: &Output) {
    let lines: Vec<&str> = output.stderr.lines().collect();
    // Usage is answered by the library that reads it, and no command at all with the help.
    if output.stderr.contains("Usage: strongroom") || output.stderr.starts_with("error: ") {
        assert!(output.stderr.contains("--help"), "{name}: {}", output.stderr);
        return;
    }
    let messages = lines.iter().filter(|line| line.starts_with("strongroom: ")).count();
    assert_eq!(messages, 1, "{name}: {}", output.stderr);
    // The next step stands on a line of its own, unless the message itself is one.
    let steps =
        ["  next: ", ": use ", "; use ", ": tell them apart ", ": correct ", "file:///path"];
    let named = lines.iter().any(|line| steps.iter().any(|step| line.contains(step)));
    assert!(named, "{name} names no next step: {}", output.stderr);
    assert!(lines.len() <= 2, "{name}: {}", output.stderr);
}

/// Makes each mistake and compares the answers.
fn make(bench: &Bench, mistakes: &[Mistake<'_>]) -> Vec<String> {
    let mut differences = Vec::new();
    let log = bench.log();
    for (name, arguments, code) in mistakes {
        let output = strongroom(bench.path(), arguments);
        let mut transcript = Transcript::new(bench.path());
        transcript.add(arguments, &output);
        differences.extend(transcript.differences(name));
        assert_eq!(output.code, *code, "{name}: {}", output.stderr);
        assert_helpful(name, &output);
        assert!(bench.log() == log, "{name} changed the log");
    }
    differences
}

#[test]
fn a_wrong_target_is_explained() {
    let bench = Bench::new();
    let url = bench.url();
    let nowhere = format!("file://{}/nowhere", bench.path().display());
    bench.write("taken/notes.txt", "not a store\n");
    let taken = format!("file://{}/taken", bench.path().display());
    let inside = format!("{}/inside/a.key", bench.path().display());
    let new = format!("file://{}/inside", bench.path().display());
    let app = ["--stream", "app", "app.log"];
    let to = |url: &'static str| [["archive", "--to", url].as_slice(), &app].concat();
    let differences = make(
        &bench,
        &[
            ("error_no_command", &[], INPUT),
            ("error_unknown_command", &["archvie"], INPUT),
            ("error_no_target", &[["archive"].as_slice(), &app].concat(), INPUT),
            (
                "error_uninitialised",
                &[["archive", "--to", &nowhere].as_slice(), &app].concat(),
                INPUT,
            ),
            ("error_uninitialised_status", &["status", "--to", &nowhere], INPUT),
            ("error_init_twice", &["init", "--environment", "test", "--to", &url], INPUT),
            (
                "error_init_in_another_directory",
                &["init", "--environment", "test", "--to", &taken],
                INPUT,
            ),
            (
                "error_key_inside_the_store",
                &["init", "--environment", "test", "--to", &new, "--key", &inside],
                INPUT,
            ),
            ("error_production", &["init", "--environment", "production", "--to", &new], INPUT),
            (
                "error_unknown_environment",
                &["init", "--environment", "staging", "--to", &new],
                INPUT,
            ),
            (
                "error_settle_too_long",
                &["init", "--environment", "test", "--settle", "P7D", "--to", &new],
                INPUT,
            ),
            ("error_s3", &to("s3://bucket/prefix"), INPUT),
            ("error_relative_url", &to("file:store"), INPUT),
            ("error_relative_url_of_two_slashes", &to("file://store"), INPUT),
            ("error_plain_path", &to("store"), INPUT),
            (
                "error_config_and_to",
                &["status", "--config", "strongroom.yaml", "--to", &url],
                INPUT,
            ),
        ],
    );
    assert!(!bench.path().join("taken.key").exists(), "a key was left beside another directory");
    assert_same(&differences);
}

#[test]
fn a_wrong_configuration_is_explained() {
    let bench = Bench::new();
    let head = format!("version: 1\nstore: {}\n", bench.url());
    let stream = "streams:\n  - name: app\n    sources:\n      - { paths: [\"app.log\"] }\n";
    for (name, text) in [
        ("unknown_key", format!("{head}limits:\n  memroy: 64MiB\n{stream}")),
        (
            "unknown_key_of_a_source",
            format!("{head}{}", stream.replace("] }", "], fromat: text }")),
        ),
        ("no_yaml", format!("{head}streams: [\n")),
        ("version", format!("{}{stream}", head.replace('1', "2"))),
        ("value", format!("{head}limits: {{ memory: 1TiB }}\n{stream}")),
        ("stream_name", format!("{head}{}", stream.replace("app\n", "App\n"))),
        ("format", format!("{head}{}", stream.replace("] }", "], format: xml }"))),
        ("no_streams", head.clone()),
    ] {
        bench.write(&format!("{name}.yaml"), &text);
    }
    let with = |file: &'static str| ["archive", "--config", file];
    let differences = make(
        &bench,
        &[
            ("error_config_missing", &with("missing.yaml"), INPUT),
            ("error_config_unknown_key", &with("unknown_key.yaml"), INPUT),
            ("error_config_unknown_key_of_a_source", &with("unknown_key_of_a_source.yaml"), INPUT),
            ("error_config_no_yaml", &with("no_yaml.yaml"), INPUT),
            ("error_config_version", &with("version.yaml"), INPUT),
            ("error_config_value", &with("value.yaml"), INPUT),
            ("error_config_stream_name", &with("stream_name.yaml"), INPUT),
            ("error_config_format", &with("format.yaml"), INPUT),
            ("error_config_no_streams", &with("no_streams.yaml"), INPUT),
        ],
    );
    assert_same(&differences);
}

#[test]
fn a_wrong_input_is_explained() {
    let bench = Bench::new();
    let url = bench.url();
    bench.write("a/app.log", "one\n");
    bench.write("b/app.log", "two\n");
    let archive = |rest: &[&'static str]| {
        let mut arguments = vec!["archive", "--to"];
        arguments.push(&url);
        arguments.extend(rest);
        arguments
    };
    let differences = make(
        &bench,
        &[
            ("error_nothing_to_archive", &archive(&[]), INPUT),
            ("error_path_missing", &archive(&["--stream", "app", "missing.log"]), INPUT),
            ("error_path_is_a_device", &archive(&["--stream", "app", "/dev/null"]), INPUT),
            ("error_path_without_stream", &archive(&["app.log"]), INPUT),
            ("error_stream_name", &archive(&["--stream", "App Logs!", "app.log"]), INPUT),
            (
                "error_unknown_format",
                &archive(&["--stream", "app", "--format", "xml", "app.log"]),
                INPUT,
            ),
            (
                "error_start_rule",
                &archive(&["--stream", "app", "--multiline-start", "([", "app.log"]),
                INPUT,
            ),
            (
                "error_two_inputs_one_origin",
                &archive(&["--stream", "app", "a/app.log", "b/app.log"]),
                INPUT,
            ),
            (
                "error_cat_unknown_origin",
                &["cat", "--to", &url, "--origin", "file:other.log"],
                INPUT,
            ),
            (
                "error_cat_unknown_generation",
                &["cat", "--to", &url, "--origin", "file:app.log", "--generation", "7"],
                INPUT,
            ),
            ("error_cat_no_segment_id", &["cat", "--to", &url, "segments/app"], INPUT),
            (
                "error_cat_unknown_segment",
                &["cat", "--to", &url, "01a1fc1b-83e7-7579-b5e9-73fe05750a63"],
                INPUT,
            ),
        ],
    );
    assert_same(&differences);
}

#[test]
fn a_wrong_key_is_explained() {
    let bench = Bench::new();
    let url = bench.url();
    let other = format!("file://{}/other", bench.path().display());
    bench.run(&["init", "--environment", "test", "--to", &other]);
    fs::copy(bench.path().join("store.key"), bench.path().join("open.key")).unwrap();
    fs::set_permissions(bench.path().join("open.key"), fs::Permissions::from_mode(0o640)).unwrap();
    bench.write("empty.key", "");
    fs::set_permissions(bench.path().join("empty.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let with = |key: &'static str| {
        let mut arguments = vec!["archive", "--to"];
        arguments.push(&url);
        arguments.extend(["--key", key, "--stream", "app", "app.log"]);
        arguments
    };
    let differences = make(
        &bench,
        &[
            ("error_key_of_another_archive", &with("other.key"), INPUT),
            ("error_key_missing", &with("missing.key"), INPUT),
            ("error_key_readable_by_others", &with("open.key"), INPUT),
            ("error_key_empty", &with("empty.key"), INPUT),
            (
                "error_cat_with_the_key_of_another_archive",
                &["cat", "--to", &url, "--key", "other.key", "--origin", "file:app.log"],
                INPUT,
            ),
        ],
    );
    assert_same(&differences);
}

#[test]
fn a_damaged_or_copied_store_is_explained() {
    let bench = Bench::new();
    let copy = format!("file://{}/copy", bench.path().display());
    copy_below(&bench.path().join("store"), &bench.path().join("copy"));
    let cat = ["cat", "--to", &copy, "--key", "store.key", "--origin", "file:app.log"];
    assert_eq!(
        strongroom(bench.path(), &cat).expect(0).stdout,
        b"started\nstopped\n",
        "a copy is read"
    );
    let archive = ["archive", "--to", &copy, "--key", "store.key", "--stream", "app", "app.log"];
    let mut differences = make(&bench, &[("error_store_copied", &archive, INPUT)]);

    let segment = one_file(&bench.path().join("copy/segments"));
    let segment = segment.strip_prefix(bench.path().join("copy")).unwrap().to_str().unwrap();
    let claim = "log/claim/00000000000000000001";
    let late = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8(std::mem::take(bytes)).unwrap();
        *bytes = text.replace("\"late\":false", "\"late\":true").into_bytes();
    };
    let middle = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    // As long as the versions beneath are whole, they are read, and that is said.
    let names = [claim, segment];
    rewrite(&bench.path().join("copy").join(claim), late);
    rewrite(&bench.path().join("copy").join(segment), middle);
    let status = ["status", "--json", "--to", &copy, "--key", "store.key"];
    for command in [&cat[..], &status] {
        let output = strongroom(bench.path(), command).expect(0);
        assert!(command == status || output.stdout == b"started\nstopped\n");
        let said: Vec<&str> = output.stderr.lines().collect();
        assert_eq!(said.len(), 2, "{said:?}");
        for (line, name) in said.iter().zip(names) {
            assert!(line.starts_with(&format!("strongroom: something lies over `{name}`: ")));
        }
    }
    rewrite(&version(&bench.path().join("copy/.versions").join(segment)), middle);
    differences.extend(make(&bench, &[("error_segment_altered", &cat, FINDING)]));
    rewrite(&version(&bench.path().join("copy/.versions").join(claim)), late);
    differences.extend(make(&bench, &[("error_claim_altered", &cat, FINDING)]));

    fs::remove_file(bench.path().join("store/keys/origin/0")).unwrap();
    fs::remove_dir_all(bench.path().join("store/.versions/keys/origin/0")).unwrap();
    let url = bench.url();
    let archive = ["archive", "--to", &url, "--stream", "app", "app.log"];
    differences.extend(make(&bench, &[("error_origin_key_missing", &archive, INPUT)]));
    assert_same(&differences);
}

/// The only file below a directory.
fn one_file(folder: &Path) -> PathBuf {
    let mut files = std::collections::BTreeMap::new();
    super::read_below(folder, &mut files);
    assert_eq!(files.len(), 1);
    files.into_keys().next().unwrap()
}

/// The file of the only version in a directory of versions.
fn version(folder: &Path) -> PathBuf {
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_none()).unwrap()
}

/// Puts a changed file in a file's place.
fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}
