//! Real events of many products: what goes in comes out, byte for byte, and a second run finds nothing new.
//!
//! The files are not part of this repository. `STRONGROOM_SAMPLES` names the directory that holds them and
//! `counts.jsonl`, which says how many records each has.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use strongroom_crypto::json::{self, Value};
use strongroom_tests::{
    program::{self, strongroom},
    say,
    temp::TempDir,
};

/// How many files `counts.jsonl` lists.
const FILES: usize = 60;

/// A sample and what is known of it.
#[derive(Debug)]
struct Sample {
    /// The directory of its source, which names its stream.
    folder: String,
    /// Its path below that.
    name: String,
    records: usize,
    /// What it decodes to.
    decoded: Vec<u8>,
}

impl Sample {
    fn stream(&self) -> String {
        self.folder.replace('_', "-")
    }
}

/// The text of a member of a flat JSON object on one line.
fn member<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!("\"{name}\": ")).expect("the member is there");
    match rest.strip_prefix('"') {
        Some(text) => text.split('"').next().unwrap(),
        None => rest.split([',', '}']).next().unwrap(),
    }
}

/// Copies the listed files below `to` and decodes them.
fn copy(samples: &Path, to: &Path) -> Vec<Sample> {
    let counts = fs::read_to_string(samples.join("counts.jsonl")).unwrap();
    let copied = counts.lines().map(|line| {
        let path = member(line, "file").strip_prefix("open/").unwrap();
        let (folder, name) = path.split_once('/').unwrap();
        let bytes = fs::read(samples.join(path)).unwrap();
        let target = to.join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, &bytes).unwrap();
        let mut decoded = Vec::new();
        if Path::new(name).extension().is_some_and(|extension| extension == "gz") {
            MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut decoded).unwrap();
        } else {
            decoded = bytes;
        }
        let records = member(line, "records").parse().unwrap();
        Sample { folder: folder.to_owned(), name: name.to_owned(), records, decoded }
    });
    copied.collect()
}

/// A configuration of one stream for each directory.
fn configuration(base: &Path, samples: &[Sample]) -> String {
    let folders: BTreeSet<&str> = samples.iter().map(|sample| sample.folder.as_str()).collect();
    let mut text = format!("version: 1\nstore: file://{}/store\nstreams:\n", base.display());
    for folder in folders {
        let stream = folder.replace('_', "-");
        let lines =
            ["  - name: ", &stream, "\n    sources:\n      - paths: [\"in/", folder, "\"]\n"];
        text.extend(lines);
    }
    text
}

/// The types of the entries of the newest claim, in order.
fn newest_claim(store: &Path) -> Vec<String> {
    let claims = fs::read_dir(store.join("log/claim")).unwrap();
    let newest: PathBuf = claims.map(|claim| claim.unwrap().path()).max().unwrap();
    let Ok(Value::Object(claim)) = json::parse(&fs::read(newest).unwrap(), 1 << 20) else {
        panic!("the newest claim is no object");
    };
    let Some(Value::Array(entries)) = claim.get("entries") else {
        panic!("a claim without entries")
    };
    let types = entries.iter().map(|entry| match entry {
        Value::Object(entry) => match entry.get("type") {
            Some(Value::Text(kind)) => kind.clone(),
            other => panic!("`type` is {other:?}"),
        },
        other => panic!("{other:?} is no entry"),
    });
    types.collect()
}

/// Reads a file's origin back; what differs from the file.
fn differences(base: &Path, sample: &Sample) -> Vec<String> {
    let (stream, origin) = (sample.stream(), format!("file:{}", sample.name));
    let cat = ["cat", "--config", "strongroom.yaml", "--stream", &stream, "--origin", &origin];
    let bytes = strongroom(base, &cat).expect(0).stdout;
    let described = strongroom(base, &[cat.as_slice(), &["--json"]].concat()).expect(0).stdout;
    let records = described.split_inclusive(|byte| *byte == b'\n').count();
    let same = bytes == sample.decoded;
    let verdict = if same && records == sample.records { "" } else { "  <-- differs" };
    say(&format!("{stream:<24} {records:>7} {:>9}  {}{verdict}", bytes.len(), sample.name));
    let mut found = Vec::new();
    if !same {
        found.push(format!("{stream} {origin}: {} bytes of {}", bytes.len(), sample.decoded.len()));
    }
    if records != sample.records {
        found.push(format!("{stream} {origin}: {records} records of {}", sample.records));
    }
    found
}

#[test]
fn real_events_come_back_byte_for_byte_and_once() {
    let Some(samples) = env::var_os("STRONGROOM_SAMPLES").map(PathBuf::from) else {
        say(
            "samples: skipped, because STRONGROOM_SAMPLES does not name a directory of real events",
        );
        return;
    };
    let temp = TempDir::new("samples");
    let base = temp.path();
    let files = copy(&samples, &base.join("in"));
    assert_eq!(files.len(), FILES, "counts.jsonl is not the list that this test was written for");
    fs::write(base.join("strongroom.yaml"), configuration(base, &files)).unwrap();
    let config = ["--config", "strongroom.yaml"];
    strongroom(base, &[&["init", "--environment", "test"], config.as_slice()].concat()).expect(0);

    let archive = [&["archive", "--threads", "2", "--json"], config.as_slice()].concat();
    let first = strongroom(base, &archive).expect(0);
    let expected = files.iter().map(|file| u64::try_from(file.records).unwrap()).sum();
    let counted = ["events_read", "events_sealed"].map(|name| first.number(name));
    say(&format!("{:<24} {:>7} {:>9}  FILE", "STREAM", "RECORDS", "BYTES"));
    let found: Vec<String> = files.iter().flat_map(|file| differences(base, file)).collect();
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(counted, [expected; 2]);

    let status = [&["status", "--json"], config.as_slice()].concat();
    let entries = strongroom(base, &status).expect(0).number("entries");
    let second = strongroom(base, &archive).expect(0);
    assert_eq!((second.number("segments"), second.number("bytes_stored")), (0, 0));
    assert_eq!(strongroom(base, &status).expect(0).number("entries"), entries + 1);
    assert_eq!(newest_claim(&base.join("store")), ["window.close"]);

    let (raw, stored) = (first.number("bytes_raw"), first.number("bytes_stored"));
    let (segments, rejected) = (first.number("segments"), first.number("events_rejected"));
    say(&format!(
        "samples: {} files, {expected} records ({rejected} kept raw), {raw} bytes in {segments} segments of {stored}",
        files.len()
    ));
    verify(base, &config);
}

/// Lets the program examine what it made, deep.
fn verify(base: &Path, config: &[&str]) {
    let help = String::from_utf8(strongroom(base, &["--help"]).expect(0).stdout).unwrap();
    if !help.lines().any(|line| line.trim_start().starts_with("verify ")) {
        say(&format!("samples: not verified, {} has no `verify`", program::binary().display()));
        return;
    }
    let report = strongroom(base, &[&["verify", "--deep", "--json"], config].concat());
    assert_eq!(report.clone().expect(0).text("verdict"), "PASS");
    say("samples: verify --deep PASS");
}
