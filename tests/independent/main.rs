//! Readers that nothing here wrote: the log by the code of Go's checksum database, segments by pyarrow, the sample policy
//! by a JSON schema. They must agree with what is right, and must not agree with a copy that was tampered with.
//!
//! `STRONGROOM_TEST_GO` and `STRONGROOM_TEST_GOPATH` name the first, `STRONGROOM_TEST_PYTHON` the second; `tests/run` sets
//! them where they are installed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use jiff::Timestamp;
use strongroom_archiver::log::{Keyring, claim_key, walk};
use strongroom_archiver::read::open_sealed;
use strongroom_archiver::segment::Layout;
use strongroom_archiver::store::{Covered, LockedStore as _, file::FileStore};
use strongroom_crypto::checkpoint::Checkpoint;
use strongroom_crypto::claim::UnverifiedClaim;
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::merkle::{MemoryTree, leaf_hash, prove_inclusion};
use strongroom_crypto::tlog_proof::TlogProof;
use strongroom_tests::{
    program::strongroom,
    say,
    temp::{TempDir, copy_below},
};

/// Lines that become a segment and an entry each: more than fill a tile.
const LINES: usize = 310;
/// Events of the segment that is cut into columns.
const EVENTS: usize = 3_000;
/// The entry whose proof is written down.
const PROVEN: u64 = 257;

/// An archive with more entries than a tile holds, and a segment of each layout.
struct Bench {
    temp: TempDir,
    vkey: String,
    /// Object keys of segments: one raw, one shredded.
    raw: String,
    shredded: String,
}

fn event(number: usize) -> String {
    let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (minute, second) = (number / 60 % 60, number % 60);
    format!(
        "{{\"kind\":\"Event\",\"auditID\":\"{id:08x}-0000-4000-8000-{:012x}\",\"stage\":\"ResponseComplete\",\"verb\":\"get\",\
         \"objectRef\":{{\"resource\":\"pods\",\"name\":\"web-{}\"}},\"responseStatus\":{{\"code\":200}},\"depth\":[{number},-1,1e3],\
         \"stageTimestamp\":\"2026-01-02T03:{minute:02}:{second:02}.{:06}Z\",\"note\":\"caf\\u00e9 {}\"}}\n",
        id & 0xffff_ffff_ffff,
        number % 40,
        number * 331 % 1_000_000,
        number % 7
    )
    .replacen(&format!("{id:08x}"), &format!("{:08x}", id & 0xffff_ffff), 1)
}

impl Bench {
    fn new() -> Self {
        let temp = TempDir::new("independent");
        let path = temp.path();
        let store = format!("store: file://{}/store", path.display());
        fs::write(
            path.join("lines.log"),
            (0..LINES).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat(),
        )
        .unwrap();
        fs::write(path.join("audit.log"), (0..EVENTS).map(event).collect::<String>()).unwrap();
        let stream = |name: &str| {
            format!("streams:\n  - {{ name: {name}, sources: [{{ paths: [{name}.log] }}] }}\n")
        };
        for (name, limits) in [("lines", "limits: { segment_rows: 1 }\n"), ("audit", "")] {
            let text = format!("version: 1\n{store}\n{limits}{}", stream(name));
            fs::write(path.join(format!("{name}.yaml")), text).unwrap();
        }
        let init = strongroom(
            path,
            &["init", "--environment", "test", "--config", "lines.yaml", "--json"],
        )
        .expect(0);
        for config in ["lines.yaml", "audit.yaml"] {
            strongroom(path, &["archive", "--config", config]).expect(0);
        }
        let (raw, shredded) = segments(path);
        Self { vkey: init.text("vkey"), raw, shredded, temp }
    }

    fn path(&self) -> &Path {
        self.temp.path()
    }

    fn store(&self) -> PathBuf {
        self.path().join("store")
    }

    /// A copy of the store with one byte of a file changed.
    fn tampered(&self, name: &str, file: &str, at: usize) -> PathBuf {
        let copy = self.path().join(format!("altered-{name}"));
        copy_below(&self.store(), &copy);
        let path = copy.join(file);
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        copy
    }
}

fn opened(path: &Path) -> Arc<FileStore> {
    let clock = || Timestamp::from_second(1_800_000_000).unwrap();
    Arc::new(FileStore::open_read_only(&path.join("store"), Box::new(clock)).unwrap())
}

fn keys(path: &Path) -> KeyFile {
    KeyFile::parse(&fs::read_to_string(path.join("store.key")).unwrap()).unwrap()
}

/// The object keys of a raw and of a shredded segment.
fn segments(path: &Path) -> (String, String) {
    let store = opened(path);
    let keys = keys(path);
    let (state, seals) = walk(&*store, &keys, &Covered::default()).unwrap();
    let keyring = Arc::new(Keyring::new(store.clone(), Arc::new(keys)));
    assert!(state.size() > 300, "{} entries", state.size());
    let layouts = [&seals[0], seals.last().unwrap()].map(|sealed| {
        let layout = open_sealed(&*store, &keyring, sealed).unwrap().layout;
        (layout, sealed.seal.object.to_string())
    });
    let [(Layout::Raw, raw), (Layout::Shredded, shredded)] = layouts else { panic!("{layouts:?}") };
    (raw, shredded)
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("independent")
}

fn show(what: &str, output: &Output) {
    for text in [&output.stdout, &output.stderr] {
        String::from_utf8_lossy(text).lines().for_each(|line| say(&format!("{what}: {line}")));
    }
}

/// Writes the proof of one entry and the entry itself beside the store.
fn write_proof(bench: &Bench) {
    let store = opened(bench.path());
    let (state, _) = walk(&*store, &keys(bench.path()), &Covered::default()).unwrap();
    let mut leaves: Vec<Vec<u8>> = Vec::new();
    for seq in 0..state.next_claim().seq {
        let bytes = store.get(&claim_key(seq).unwrap(), None).unwrap().unwrap();
        let claim = UnverifiedClaim::parse(&bytes).unwrap();
        let claim =
            if seq == 0 { claim.verify_first() } else { claim.verify(|id| state.registered(id)) };
        leaves.extend(claim.unwrap().items().iter().map(|item| item.leaf().to_vec()));
    }
    let tree: MemoryTree = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let note = fs::read_to_string(bench.store().join("log/checkpoint")).unwrap();
    let head = Checkpoint::open(note.as_bytes(), &bench.vkey.parse().unwrap()).unwrap();
    assert_eq!(head.size(), tree.size());
    let proof = TlogProof::new(PROVEN, prove_inclusion(&tree, PROVEN, head.size()).unwrap(), &note)
        .unwrap();
    fs::write(bench.path().join("entry.tlog-proof"), proof.to_string()).unwrap();
    fs::write(bench.path().join("entry"), &leaves[usize::try_from(PROVEN).unwrap()]).unwrap();
}

#[test]
fn the_log_verifies_by_the_code_of_another_log() {
    let (Some(go), Some(path)) =
        (env::var_os("STRONGROOM_TEST_GO"), env::var_os("STRONGROOM_TEST_GOPATH"))
    else {
        say(
            "independent: verify.go was skipped, because STRONGROOM_TEST_GO and STRONGROOM_TEST_GOPATH are not set",
        );
        return;
    };
    let bench = Bench::new();
    write_proof(&bench);
    let program = bench.path().join("verify");
    let environment = [("GO111MODULE".into(), "off".into()), ("GOPATH".into(), path)];
    let mut compiler = Command::new(go);
    compiler.args(["build", "-o"]).arg(&program).arg("verify.go").current_dir(here());
    let built =
        compiler.envs::<_, std::ffi::OsString, std::ffi::OsString>(environment).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let run = |store: &Path| {
        let mut command = Command::new(&program);
        command.arg(store).arg(&bench.vkey);
        command
            .arg("-proof")
            .arg(bench.path().join("entry.tlog-proof"))
            .arg("-entry")
            .arg(bench.path().join("entry"));
        command.output().unwrap()
    };
    let output = run(&bench.store());
    show("verify.go", &output);
    assert!(output.status.success());
    for (name, file, at) in [
        ("entry", "log/tile/entries/000", 5_000),
        ("hash", "log/tile/0/000", 40),
        ("checkpoint", "log/checkpoint", 60),
    ] {
        let output = run(&bench.tampered(name, file, at));
        show(&format!("verify.go, {file} altered"), &output);
        assert!(!output.status.success(), "{file} was altered and still verifies");
    }
}

#[test]
fn segments_open_with_another_reader() {
    let Some(python) = env::var_os("STRONGROOM_TEST_PYTHON") else {
        say("independent: open_segment.py was skipped, because STRONGROOM_TEST_PYTHON is not set");
        return;
    };
    let bench = Bench::new();
    let run = |store: &Path, segment: &str| {
        let mut command = Command::new(&python);
        command
            .arg(here().join("open_segment.py"))
            .arg(store)
            .arg(bench.path().join("store.key"))
            .arg(segment);
        command
            .arg("--records")
            .arg(bench.path().join("records"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command.output().unwrap()
    };
    for (layout, segment, expected) in [
        ("shredded", &bench.shredded, fs::read(bench.path().join("audit.log")).unwrap()),
        ("raw", &bench.raw, b"line 0\n".to_vec()),
    ] {
        let output = run(&bench.store(), segment);
        show(&format!("open_segment.py, {layout}"), &output);
        assert!(output.status.success());
        // The events of an old day begin in a segment that gathers late ones; the last segment has the rest.
        let records = fs::read(bench.path().join("records")).unwrap();
        assert!(
            !records.is_empty() && expected.ends_with(&records),
            "{layout}: the records differ"
        );
        let manifest =
            format!("manifests/{}.json", Path::new(segment).file_stem().unwrap().to_str().unwrap());
        for (name, file, at) in [("column", segment, 100), ("manifest", &manifest, 40)] {
            let output = run(&bench.tampered(&format!("{layout}-{name}"), file, at), segment);
            show(&format!("open_segment.py, {layout}, {name} altered"), &output);
            assert!(!output.status.success(), "{file} was altered and still opens");
        }
    }
}

#[test]
fn the_sample_policy_fits_its_schema() {
    let Some(python) = env::var_os("STRONGROOM_TEST_PYTHON") else {
        say("independent: check_policy.py was skipped, because STRONGROOM_TEST_PYTHON is not set");
        return;
    };
    let retention = Path::new(env!("CARGO_MANIFEST_DIR")).join("../retention");
    let policy = fs::read_to_string(retention.join("sample-policy.yaml")).unwrap();
    let temp = TempDir::new("schema");
    let path = temp.path().join("policy.yaml");
    let check = |policy: &str| {
        fs::write(&path, policy).unwrap();
        let mut command = Command::new(&python);
        command.arg(here().join("check_policy.py")).arg(retention.join("policy.schema.json"));
        command.arg(&path).env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap()
    };
    let output = check(&policy);
    show("check_policy.py", &output);
    assert!(output.status.success());
    for (from, to, wrong) in [
        ("schema: strongroom.policy/v1", "schema: strongroom.policy/v2", "$.schema: "),
        ("\nstreams:", "\nstream:", "$: "),
        ("  grace: ", "  grace: a", "$.defaults.grace: "),
        ("  version: ", "  version: one", "$.metadata.version: "),
        ("    match: ", "    matches: ", "$.streams[0]: "),
    ] {
        let output = check(&policy.replacen(from, to, 1));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.code() == Some(1) && told.contains(wrong), "{to}: {told}");
    }
}
