//! A test archive with three officers, worked on by the program.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use strongroom_archiver::store::{LockedStore as _, ObjectKey, file::FileStore};
use strongroom_archiver::verify::Mark;
use strongroom_crypto::json::Value;
use strongroom_crypto::keys::KeyFile;
use strongroom_tests::program::{Output, strongroom};
use strongroom_tests::temp::TempDir;

use strongroom_tests::archive::verified_at;
use strongroom_tests::clock::now;
use strongroom_tests::officers::Officer;

use super::{ALICE, BOB, CAROL};

pub(crate) struct Bench {
    temp: TempDir,
}

impl Bench {
    /// With one sealed segment of each of the streams `app` and `web`.
    pub(crate) fn new() -> Self {
        Self::with(&[ALICE, BOB, CAROL])
    }

    /// The same, and nobody decides.
    pub(crate) fn without_officers() -> Self {
        Self::with(&[])
    }

    fn with(officers: &[Officer]) -> Self {
        let bench = Self { temp: TempDir::in_memory("holds") };
        let named: Vec<String> =
            officers.iter().map(|officer| officer.write(bench.path())).collect();
        let mut arguments = vec!["init", "--environment", "test"];
        arguments.extend(named.iter().flat_map(|officer| ["--officer", officer]));
        bench.run(&arguments).expect(0);
        bench.seal("app", "one\ntwo\n");
        bench.seal("web", "get\n");
        bench
    }

    pub(crate) fn path(&self) -> &Path {
        self.temp.path()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.path().join("store")
    }

    /// Runs a command on the archive: the command's words, the archive, the rest.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let url = format!("file://{}", self.root().display());
        let to = ["--to", &url];
        let words = arguments.iter().take_while(|word| !word.starts_with('-')).count();
        let (command, rest) = arguments.split_at(words);
        strongroom(self.path(), &[command, &to, rest].concat())
    }

    /// The same, signed by an officer.
    pub(crate) fn act(&self, officer: Officer, arguments: &[&str]) -> Output {
        let signing = ["--officer", officer.id, "--officer-key", officer.id];
        self.run(&[arguments, &signing].concat())
    }

    /// Seals new events of a stream.
    pub(crate) fn seal(&self, stream: &str, events: &str) {
        let name = format!("{stream}.log");
        let path = self.path().join(&name);
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, before + events).unwrap();
        self.run(&["archive", &name, "--stream", stream]).expect(0);
    }

    /// Ids and object names of a stream's segments, the first one first.
    pub(crate) fn segments(&self, stream: &str) -> Vec<(String, String)> {
        let status = self.run(&["status", "--segments", "--json"]).expect(0).json();
        let listed = items(&status, "segment_list").iter().filter_map(|segment| {
            let object = string(segment, "object");
            let of_stream = object.starts_with(&format!("segments/{stream}/"));
            of_stream.then(|| (string(segment, "segment_id"), object))
        });
        listed.collect()
    }

    /// What the store says of the flags of a segment and of its manifest.
    pub(crate) fn flags(&self, (id, object): &(String, String)) -> [bool; 2] {
        let store = FileStore::open_read_only(&self.root(), Box::new(now)).unwrap();
        [object.clone(), format!("manifests/{id}.json")]
            .map(|name| store.head(&ObjectKey::new(name).unwrap(), None).unwrap().unwrap().hold)
    }

    /// Sets a flag by hand.
    pub(crate) fn flag(&self, object: &str) {
        let entropy = Box::new(|| 7);
        let store = FileStore::open(&self.root(), Box::new(now), entropy).unwrap();
        let key = ObjectKey::new(object).unwrap();
        let version = store.head(&key, None).unwrap().unwrap().version;
        store.set_hold(&key, &version, true).unwrap();
    }

    /// How many flags a sweep set and lifted.
    pub(crate) fn sweep(&self) -> (u64, u64) {
        let swept = self.run(&["sweep", "--duty", "hold", "--json"]).expect(0);
        (swept.number("set"), swept.number("lifted"))
    }

    /// What verification says of flags, so many hours from now.
    pub(crate) fn verified(&self, hours: i64) -> Vec<Mark> {
        let text = fs::read_to_string(self.path().join("store.key")).unwrap();
        let keys = KeyFile::parse(&text).unwrap();
        let at = now() + SignedDuration::from_hours(hours);
        let report = verified_at(&self.root(), &keys, at);
        let of_flags = report.findings.iter().filter(|finding| finding.check == "hold");
        of_flags.map(|finding| finding.result).collect()
    }
}

/// A member of an object.
pub(crate) fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    match value {
        Value::Object(members) => members.get(name).unwrap_or_else(|| panic!("no `{name}`")),
        other => panic!("{other:?} is no object"),
    }
}

/// A member that is an array.
pub(crate) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    match member(value, name) {
        Value::Array(items) => items,
        other => panic!("`{name}` is {other:?}"),
    }
}

/// A member that is a string.
pub(crate) fn string(value: &Value, name: &str) -> String {
    match member(value, name) {
        Value::Text(text) => text.clone(),
        other => panic!("`{name}` is {other:?}"),
    }
}
