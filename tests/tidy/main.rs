//! The rules of the repository that can be checked, as tests: what depends on what, what lies where, what is never
//! written. Each rule is a function from texts to findings; the last test proves that each finds something.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything that may lie at the top.
const TOP: [&str; 17] = [
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".config",
    ".deny.toml",
    ".github",
    ".gitignore",
    ".rustfmt.toml",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "archiver",
    "crypto",
    "infra",
    "retention",
    "tests",
];

/// Names that say nothing: what has no better one has not been understood yet.
const NAMELESS: [&str; 8] =
    ["util", "utils", "helper", "helpers", "common", "misc", "types", "manager"];

/// The longest file, in lines before its tests.
const MAX_LINES: usize = 500;

/// Ciphers, hashes and signatures are the business of `crypto` alone.
const PRIMITIVES: [&str; 16] = [
    "aes",
    "aes_gcm",
    "blake3",
    "chacha20poly1305",
    "ctr",
    "ed25519_dalek",
    "hkdf",
    "hmac",
    "md5",
    "openssl",
    "p256",
    "ring",
    "rsa",
    "sha1",
    "sha2",
    "sha3",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files of the repository, relative to its root: those that git tracks or would, else all but what is built.
fn files() -> Vec<String> {
    let mut files = listed().unwrap_or_else(|| {
        let mut found = Vec::new();
        walk(&root(), "", &mut found);
        found
    });
    files.retain(|file| root().join(file).is_file());
    assert!(files.iter().any(|file| file == "Cargo.toml"), "the repository was not found");
    files.sort();
    files
}

fn listed() -> Option<Vec<String>> {
    let listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(listing).current_dir(root()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let files: Vec<String> =
        text.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect();
    // A clone inside another repository that ignores it has no files of its own.
    (output.status.success() && !files.is_empty()).then_some(files)
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            let made = matches!(name.as_str(), ".git" | "target" | "strongroom-quickstart");
            if !made && !name.ends_with("__pycache__") {
                walk(&entry.path(), &format!("{name}/"), found);
            }
        } else {
            found.push(name);
        }
    }
}

/// Path and text of all files that a rule is about; bytes that are no text are replaced.
fn texts(about: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let files = files().into_iter().filter(|file| about(file));
    files
        .map(|file| {
            let bytes = std::fs::read(root().join(&file)).unwrap();
            (file, String::from_utf8_lossy(&bytes).into_owned())
        })
        .collect()
}

fn has_extension(file: &str, extension: &str) -> bool {
    Path::new(file).extension().is_some_and(|found| found == extension)
}

fn is_rust(file: &str) -> bool {
    has_extension(file, "rs")
}

/// Fails with everything that a rule found.
fn assert_none(findings: impl IntoIterator<Item = String>) {
    let findings: Vec<String> = findings.into_iter().collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

fn assert_rule(about: impl Fn(&str) -> bool, rule: impl Fn(&str, &str) -> Vec<String>) {
    assert_none(texts(about).iter().flat_map(|(file, text)| rule(file, text)));
}

// Dependencies.

fn dependencies(package: &str) -> BTreeSet<String> {
    let arguments = ["tree", "-p", package, "-e", "normal", "--prefix", "none", "--format", "{p}"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// A banned name stands for all that begin with it and a hyphen.
fn banned<'a>(found: &'a BTreeSet<String>, names: &[&str]) -> Vec<&'a str> {
    let is_banned = |package: &str| {
        names.iter().any(|name| {
            package.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    };
    found.iter().map(String::as_str).filter(|package| is_banned(package)).collect()
}

#[test]
fn crypto_knows_no_runtime_no_network_no_file_format_no_calendar() {
    let names = [
        "tokio",
        "aws",
        "hyper",
        "arrow",
        "parquet",
        "zstd",
        "cron",
        "jiff",
        "chrono",
        "serde_json",
        "strongroom-retention",
        "strongroom-archiver",
    ];
    let found = dependencies("strongroom-crypto");
    assert!(found.contains("sha2"), "cargo tree did not list the dependencies");
    assert!(banned(&found, &names).is_empty(), "{:?}", banned(&found, &names));
}

#[test]
fn retention_knows_no_runtime_no_network_no_file_format() {
    let names = ["tokio", "mio", "aws", "hyper", "arrow", "parquet", "zstd", "strongroom-archiver"];
    let found = dependencies("strongroom-retention");
    assert!(banned(&found, &names).is_empty(), "{:?}", banned(&found, &names));
}

// Layout.

fn unknown_at_top(file: &str) -> Option<String> {
    let top = file.split('/').next().unwrap_or(file);
    (!TOP.contains(&top)).then(|| format!("{file}: `{top}` has no place at the top"))
}

fn nameless(file: &str) -> Vec<String> {
    let words = file.split('/').map(|part| part.split('.').next().unwrap_or(part));
    let words = words.filter(|word| NAMELESS.contains(&word.to_lowercase().as_str()));
    words.map(|word| format!("{file}: `{word}` names nothing")).collect()
}

fn too_long(file: &str, text: &str) -> Vec<String> {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
    let long = lines > MAX_LINES;
    long.then(|| format!("{file}: {lines} lines before its tests, at most {MAX_LINES}"))
        .into_iter()
        .collect()
}

#[test]
fn only_what_is_agreed_lies_at_the_top() {
    assert_none(files().iter().filter_map(|file| unknown_at_top(file)));
}

#[test]
fn what_the_quickstart_leaves_is_no_part_of_the_repository() {
    let ignored = std::fs::read_to_string(root().join(".gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "/strongroom-quickstart"), "{ignored}");
}

#[test]
fn files_are_named_for_what_they_are_about() {
    assert_none(files().iter().flat_map(|file| nameless(file)));
}

#[test]
fn a_file_fits_a_sitting() {
    assert_rule(is_rust, too_long);
}

// What a file may use.

/// The lines of code that use a crate by its name, with their numbers. Comments and strings in lines of code count.
fn uses(text: &str, name: &str) -> Vec<usize> {
    let uses_it = |line: &str| {
        let starts = line.match_indices(name).filter(|(at, _)| {
            let before = line.get(..*at).and_then(|before| before.chars().next_back());
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '"'))
        });
        starts.map(|(at, _)| line.get(at + name.len()..).unwrap_or_default()).any(|rest| {
            let end = rest.starts_with([';', ' ']) && line.trim_start().starts_with("use ");
            rest.starts_with("::") || end
        })
    };
    let lines = text.lines().enumerate();
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter(|(_, line)| uses_it(line)).map(|(at, _)| at + 1).collect()
}

/// `crates` may be used under these paths of archiver's sources only; a path ends in `.rs` or `/`.
fn fenced(file: &str, text: &str, crates: &[&str], allowed: &[&str]) -> Vec<String> {
    let Some(inner) = file.strip_prefix("archiver/src/") else { return Vec::new() };
    let may = |path: &&str| inner == *path || (path.ends_with('/') && inner.starts_with(*path));
    if allowed.iter().any(may) {
        return Vec::new();
    }
    let found =
        crates.iter().flat_map(|name| uses(text, name).into_iter().map(move |at| (at, name)));
    found.map(|(at, name)| format!("{file}:{at}: `{name}` is not used here")).collect()
}

#[test]
fn clap_stays_at_the_command_line() {
    assert_rule(is_rust, |file, text| {
        fenced(file, text, &["clap"], &["cli.rs", "cli/", "main.rs"])
    });
}

#[test]
fn parquet_and_arrow_stay_in_the_segment() {
    let crates =
        ["parquet", "arrow", "arrow_array", "arrow_buffer", "arrow_schema", "arrow_select"];
    assert_rule(is_rust, |file, text| fenced(file, text, &crates, &["segment.rs", "segment/"]));
}

#[test]
fn archiver_leaves_cryptography_to_crypto() {
    assert_rule(is_rust, |file, text| fenced(file, text, &PRIMITIVES, &[]));
    let manifest = std::fs::read_to_string(root().join("archiver/Cargo.toml")).unwrap();
    let names = manifest.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    let names = names.filter(|name| PRIMITIVES.contains(&name.replace('-', "_").as_str()));
    assert_none(names.map(|name| format!("archiver/Cargo.toml: `{name}`")));
}

/// Calls that ask the machine for the time or for randomness.
fn asks_the_machine(file: &str, text: &str) -> Vec<String> {
    if Path::new(file).file_name().is_some_and(|name| name == "main.rs") {
        return Vec::new();
    }
    let calls = ["SystemTime::now", "Timestamp::now", "Zoned::now", "getrandom::"];
    let lines = text.lines().enumerate();
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    let found = code.filter(|(_, line)| calls.iter().any(|call| line.contains(call)));
    found.map(|(at, _)| format!("{file}:{}: time and randomness are arguments", at + 1)).collect()
}

#[test]
fn only_main_asks_for_the_time_and_for_randomness() {
    let sources = |file: &str| is_rust(file) && !file.starts_with("tests/");
    assert_rule(sources, asks_the_machine);
}

// What is never written. Split, so that this file does not break its own rules.

const UNFINISHED: [&str; 3] =
    [concat!("#[ig", "nore"), concat!("to", "do!("), concat!("unimpl", "emented!(")];
const MACHINES: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];

fn contains_any(file: &str, text: &str, words: &[&str]) -> Vec<String> {
    let lines = text.lines().enumerate();
    let found = lines.flat_map(|(at, line)| {
        words.iter().filter(move |word| line.contains(**word)).map(move |word| (at + 1, word))
    });
    found.map(|(at, word)| format!("{file}:{at}: `{word}`")).collect()
}

/// A path of a machine begins where a word does: `tests/work/` is none.
fn machine_paths(file: &str, text: &str) -> Vec<String> {
    let apart: Vec<String> = text
        .lines()
        .map(|line| {
            let words =
                line.split_inclusive(|c: char| c.is_whitespace() || "\"'`()[]<>=:,".contains(c));
            let machine = words.filter(|word| MACHINES.iter().any(|path| word.starts_with(path)));
            // A file address has its own slashes first.
            let address = line.split("file://").skip(1);
            let address = address.filter(|rest| MACHINES.iter().any(|path| rest.starts_with(path)));
            machine.chain(address).collect()
        })
        .collect();
    contains_any(file, &apart.join("\n"), &MACHINES)
}

#[test]
fn nothing_is_left_unfinished() {
    assert_rule(is_rust, |file, text| contains_any(file, text, &UNFINISHED));
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    assert_rule(|_| true, machine_paths);
}

// Links.

/// The targets of the links of a Markdown text that are relative; code is skipped.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut out = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // What stands between backticks is every second piece.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        let inline = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let reference = prose.starts_with('[').then(|| prose.split_once("]: ")).flatten();
        let reference = reference.and_then(|(_, rest)| rest.split(' ').next());
        out.extend(inline.chain(reference).map(str::to_owned));
    }
    out.retain(|target| !target.contains(':') && !target.starts_with('#') && !target.is_empty());
    out
}

#[test]
fn every_relative_link_leads_to_a_file() {
    assert_rule(
        |file| has_extension(file, "md"),
        |file, text| {
            let folder = root().join(file).parent().unwrap().to_owned();
            let targets = links(text).into_iter();
            let broken = targets.filter(|target| {
                let path = target.split('#').next().unwrap_or(target);
                !folder.join(path).exists()
            });
            broken.map(|target| format!("{file}: `{target}` leads nowhere")).collect()
        },
    );
}

#[test]
fn each_rule_finds_what_it_forbids() {
    let packages: BTreeSet<String> =
        ["aws-sdk-s3", "awsome", "zstd"].map(str::to_owned).into_iter().collect();
    assert_eq!(banned(&packages, &["aws", "zstd"]), ["aws-sdk-s3", "zstd"]);

    assert!(unknown_at_top("docs/a.md").is_some() && unknown_at_top("crypto/docs/a.md").is_none());
    assert_eq!(nameless("archiver/src/utils/mod.rs").len(), 1);
    assert_eq!(nameless("archiver/src/common_name.rs").len(), 0);
    let long = "\n".repeat(MAX_LINES + 1);
    assert_eq!(too_long("a.rs", &long).len(), 1);
    assert_eq!(too_long("a.rs", &format!("#[cfg(test)]\n{long}")).len(), 0);

    let fence =
        |file: &str, text: &str| fenced(file, text, &["clap", "aes"], &["cli.rs", "cli/"]).len();
    assert_eq!(fence("archiver/src/log.rs", "use clap::Parser;\n// use clap::X;\nuse clap;\n"), 2);
    assert_eq!(fence("archiver/src/log.rs", "    let x = aes::Aes256::new();"), 1);
    assert_eq!(
        fence("archiver/src/log.rs", "use crate::aes::x; let my_aes::y; \"aes::\" clapper::z"),
        0
    );
    assert_eq!(fence("archiver/src/cli/show.rs", "use clap::Parser;"), 0);
    assert_eq!(fence("archiver/src/client.rs", "use clap::Parser;"), 1);

    assert_eq!(asks_the_machine("a/log.rs", "let now = jiff::Timestamp::now();").len(), 1);
    assert_eq!(asks_the_machine("a/main.rs", "let now = jiff::Timestamp::now();").len(), 0);
    let unfinished = format!("{}]\n{})\n", UNFINISHED[0], UNFINISHED[1]);
    assert_eq!(contains_any("a.rs", &unfinished, &UNFINISHED).len(), 2);
    let machine = MACHINES[0];
    assert_eq!(machine_paths("a", &format!("cd {machine}x\nx=\"{machine}y\"")).len(), 2);
    assert_eq!(machine_paths("a", &format!("file://{machine}x")).len(), 1);
    assert_eq!(machine_paths("a", &format!("tests{machine}x")).len(), 0);

    let page = "[a](b.md#c) ![d](e.png) `[f](g)` [h](https://i) [j](#k)\n```\n[l](m)\n```\n[n]: o.md \"t\"\n";
    assert_eq!(links(page), ["b.md#c", "e.png", "o.md"]);
}
