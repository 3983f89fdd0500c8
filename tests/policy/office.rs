//! An archive, its officers, and the policies that they make.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use strongroom_archiver::archive::{Silent, archive};
use strongroom_archiver::log::{Keyring, Log, walk};
use strongroom_archiver::policies::{Labels, Policies};
use strongroom_archiver::store::file::FileStore;
use strongroom_archiver::store::{Covered, LockedStore};
use strongroom_archiver::sweep::extend_overdue;
use strongroom_crypto::Digest;
use strongroom_crypto::json::{Value, object, parse, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::Shard;
use strongroom_crypto::time::Instant;
use strongroom_tests::archive::{request, stream};
use strongroom_tests::clock::now;
use strongroom_tests::entropy::Dice;
use strongroom_tests::faulty_store::{Fault, FaultyStore, Mode, Point, Record};
use strongroom_tests::officers::Officer;
use strongroom_tests::policies::PolicyText;
use strongroom_tests::program::{Output, strongroom};
use strongroom_tests::temp::{TempDir, copy_below};

pub(crate) use crate::text::{Stream, streams_text};
use crate::{DONE, INPUT};

/// The officers, and in which roles.
pub(crate) const OFFICERS: [Officer; 3] = [
    Officer { id: "ann", role: "records", seed: 1 },
    Officer { id: "bob", role: "legal", seed: 2 },
    Officer { id: "cid", role: "records", seed: 3 },
];

/// Mode and end of a lock.
pub(crate) type Lock = (String, Timestamp);

/// What a command said.
pub(crate) struct Said {
    pub(crate) output: Output,
}

impl Said {
    pub(crate) fn expect(self, code: i32) -> Self {
        Self { output: self.output.expect(code) }
    }

    /// Refused as bad input, for this reason.
    pub(crate) fn refused(self, reason: &str) {
        let output = self.output.expect(INPUT);
        assert!(output.stderr.contains(reason), "{}", output.stderr);
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.output.text(name)
    }

    /// A member of the JSON output.
    pub(crate) fn member(&self, name: &str) -> Value {
        let Value::Object(said) = self.output.json() else { panic!("no object") };
        said.get(name).cloned().unwrap_or_else(|| panic!("no `{name}`"))
    }

    /// Segments and bytes that a plan counts for a stream.
    pub(crate) fn stream(&self, stream: &str, what: &str) -> (u64, u64) {
        let Value::Array(streams) = self.member("streams") else { panic!("no streams") };
        let of = |value: &Value, name: &str| match value {
            Value::Object(members) => members.get(name).cloned().unwrap(),
            other => panic!("{other:?}"),
        };
        let found = streams.iter().find(|one| of(one, "stream") == Value::from(stream)).unwrap();
        let count = of(found, what);
        let number = |name| match of(&count, name) {
            Value::Int(number) => u64::try_from(number.get()).unwrap(),
            other => panic!("{other:?}"),
        };
        (number("segments"), number("bytes"))
    }
}

pub(crate) struct Office {
    temp: TempDir,
    events: Cell<u32>,
}

impl Office {
    /// A production archive with three officers in two roles.
    pub(crate) fn new() -> Self {
        Self::begin(&["--environment", "production"])
    }

    /// The same as a test archive.
    pub(crate) fn of_test_archive() -> Self {
        Self::begin(&["--environment", "test"])
    }

    /// A test archive whose new objects are locked for so long.
    pub(crate) fn with_settling(settle: &str) -> Self {
        Self::begin(&["--environment", "test", "--settle", settle])
    }

    fn begin(how: &[&str]) -> Self {
        let office = Self { temp: TempDir::new("policy"), events: Cell::new(0) };
        let how = how.iter().map(|word| (*word).to_owned());
        let mut arguments: Vec<String> = std::iter::once("init".to_owned()).chain(how).collect();
        for officer in OFFICERS {
            arguments.extend(["--officer".to_owned(), officer.write(office.path())]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        office.run(&arguments).expect(DONE);
        office
    }

    pub(crate) fn path(&self) -> &Path {
        self.temp.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let to = format!("file://{}/store", self.path().display());
        let all: Vec<&str> = arguments.iter().copied().chain(["--to", &to]).collect();
        Said { output: strongroom(self.path(), &all) }
    }

    /// Seals events of now in a segment of their own.
    pub(crate) fn archive(&self, name: &str, events: u32) {
        let mut lines = String::new();
        for _ in 0..events {
            self.events.set(self.events.get() + 1);
            writeln!(lines, r#"{{"event":{}}}"#, self.events.get()).unwrap();
        }
        let file = format!("{name}.ndjson");
        fs::write(self.path().join(&file), lines).unwrap();
        self.run(&["archive", "--stream", "app", &file]).expect(DONE);
    }

    /// A command on the archive.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        self.run(arguments).output
    }

    /// The same on a copy of it, which only may be read.
    pub(crate) fn command_on_a_copy(&self, arguments: &[&str]) -> Output {
        let copy = self.path().join("copy");
        copy_below(&self.path().join("store"), &copy);
        let to = format!("file://{}", copy.display());
        strongroom(self.path(), &[arguments, &["--to", &to, "--key", "store.key"]].concat())
    }

    /// The store as this process opens it.
    fn store(&self) -> FileStore {
        let root = self.path().join("store");
        FileStore::open(&root, Box::new(now), Dice::new(5, 6).into_closure()).unwrap()
    }

    pub(crate) fn keys(&self) -> Arc<KeyFile> {
        let text = fs::read_to_string(self.path().join("store.key")).unwrap();
        Arc::new(KeyFile::parse(&text).unwrap())
    }

    /// The same in a run whose credentials may set no date of a policy; what it warns of.
    pub(crate) fn archive_without_dates(&self, name: &str) -> Vec<String> {
        let path = self.path().join(format!("{name}.ndjson"));
        fs::write(&path, "{\"event\":\"undated\"}\n").unwrap();
        let denied = Fault { point: Point::Lock, nth: 1, mode: Mode::Denied };
        let store: Arc<dyn LockedStore> = Arc::new(FaultyStore::new(self.store(), vec![denied]));
        let keys = self.keys();
        let mut log = Log::open(Arc::clone(&store), Arc::clone(&keys)).unwrap();
        let (keyring, go_on) = (Keyring::new(store, keys), AtomicBool::new(false));
        let request = request(vec![stream("app", &path, false)], 1_000);
        let mut dice = Dice::new(7, 8);
        let report = archive(&mut log, &keyring, &request, &mut dice, &go_on, &Silent).unwrap();
        assert_eq!(report.events_sealed, 1);
        report.warnings
    }

    /// Archives a file of these lines.
    pub(crate) fn archive_lines(&self, name: &str, lines: &str) -> Said {
        fs::write(self.path().join(name), lines).unwrap();
        self.run(&["archive", "--stream", "app", name, "--json"]).expect(DONE)
    }

    /// The bytes of an origin.
    pub(crate) fn origin(&self, name: &str) -> Vec<u8> {
        self.run(&["cat", "--origin", &format!("file:{name}")]).expect(DONE).output.stdout
    }

    pub(crate) fn status(&self) -> Said {
        self.run(&["status", "--segments", "--json"]).expect(DONE)
    }

    pub(crate) fn sweep(&self) {
        self.run(&["sweep", "--duty", "lock"]).expect(DONE);
    }

    /// The same in this process; the objects whose locks it asked the store to move.
    pub(crate) fn sweep_recorded(&self) -> Vec<String> {
        let record = Record::default();
        let store = FaultyStore::recorded(self.store(), Vec::new(), record.clone());
        let mut log = Log::open(Arc::new(store), self.keys()).unwrap();
        let policies =
            Policies::load(&**log.store(), log.covered(), log.state(), Labels::new()).unwrap();
        assert_eq!(extend_overdue(&mut log, &policies).unwrap(), []);
        log.append(&[], Some(Shard::WHOLE), &mut Dice::new(7, 9)).unwrap();
        record.extended().iter().map(ToString::to_string).collect()
    }

    /// Until when each segment is kept by its seal, in the order of the log.
    pub(crate) fn retain_until(&self) -> Vec<Option<Timestamp>> {
        let (_, seals) = walk(&self.store(), &self.keys(), &Covered::default()).unwrap();
        let date = |until: Instant| until.to_string().parse().unwrap();
        let dates = seals.iter().map(|sealed| sealed.seal.retain_until.map(date));
        dates.collect()
    }

    /// An officer says that the account was closed just now.
    pub(crate) fn close_account(&self) {
        let at = now().to_string();
        let event = ["clock", "record", "--stream", "app", "--event", "account_closed"];
        let signed = ["--at", &at, "--officer", "ann", "--officer-key", "ann"];
        self.run(&[&event[..], &signed].concat()).expect(DONE);
    }

    /// An officer holds what is sealed so far.
    pub(crate) fn hold(&self) {
        let place = ["hold", "place", "m-1", "--stream", "app", "--matter", "a lawsuit"];
        let signed = ["--officer", "ann", "--officer-key", "ann"];
        self.run(&[&place[..], &signed].concat()).expect(DONE);
    }

    /// The verdict of everything.
    pub(crate) fn verify(&self) -> String {
        let said = self.run(&["verify", "--deep", "--json"]);
        let shown = String::from_utf8_lossy(&said.output.stdout).into_owned();
        assert_eq!(said.output.code, DONE, "{shown}");
        said.text("verdict")
    }

    /// Plans a policy that is in force from today.
    pub(crate) fn plan(&self, version: u32, streams: &[Stream]) -> Said {
        self.plan_from(version, today(), streams)
    }

    pub(crate) fn plan_from(&self, version: u32, effective: Date, streams: &[Stream]) -> Said {
        self.write_policy(version, effective, streams);
        let (policy, plan) = (format!("policy-{version}.yaml"), format!("plan-{version}"));
        self.run(&["policy", "plan", &policy, "-o", &plan, "--json"])
    }

    pub(crate) fn approve(&self, version: u32, officer: &str, key: &str) -> Said {
        let (policy, plan) = (format!("policy-{version}.yaml"), format!("plan-{version}"));
        let signs = ["--officer", officer, "--officer-key", key];
        let command = ["policy", "approve", &plan, "--policy", &policy];
        self.run(&[&command[..], &signs].concat())
    }

    pub(crate) fn approve_both(&self, version: u32) {
        self.approve(version, "ann", "ann").expect(DONE);
        self.approve(version, "bob", "bob").expect(DONE);
    }

    pub(crate) fn apply(&self, version: u32, more: &[&str]) -> Said {
        let (policy, plan) = (format!("policy-{version}.yaml"), format!("plan-{version}"));
        self.run(&[&["policy", "apply", &plan, "--policy", &policy][..], more].concat())
    }

    /// Plans, approves and applies.
    pub(crate) fn in_force(&self, version: u32, streams: &[Stream]) {
        self.plan(version, streams).expect(DONE);
        self.approve_both(version);
        self.apply(version, &[]).expect(DONE);
    }

    /// Puts a policy in force whose locks may last longer than stores can say.
    pub(crate) fn in_force_for_long(&self, streams: &[Stream]) {
        self.write_policy(1, today(), streams);
        let path = self.path().join("policy-1.yaml");
        let policy = fs::read_to_string(&path).unwrap().replace("max_lock: P12Y", "max_lock: P99Y");
        fs::write(&path, policy).unwrap();
        let checked = strongroom(self.path(), &["policy", "check", "policy-1.yaml"]).expect(DONE);
        let advice = String::from_utf8(checked.stdout).unwrap();
        assert!(advice.contains("A6 streams[0].citations[0]"), "{advice}");
        self.run(&["policy", "plan", "policy-1.yaml", "-o", "plan-1"]).expect(DONE);
        self.approve_both(1);
        self.apply(1, &[]).expect(DONE);
    }

    /// What `verify` finds.
    pub(crate) fn findings(&self) -> String {
        String::from_utf8(self.run(&["verify", "--json"]).expect(DONE).output.stdout).unwrap()
    }

    /// Keeps a plan and its policy under another name.
    pub(crate) fn keep_plan(&self, version: u32, name: &str) {
        let path = self.path();
        fs::copy(path.join(format!("plan-{version}")), path.join(name)).unwrap();
        let policy = path.join(format!("policy-{version}.yaml"));
        fs::copy(policy, path.join(format!("{name}.yaml"))).unwrap();
    }

    pub(crate) fn apply_kept(&self, name: &str) -> Said {
        self.run(&["policy", "apply", name, "--policy", &format!("{name}.yaml")])
    }

    /// Makes of a plan one whose approvals counted until 2020.
    pub(crate) fn let_plan_expire(&self, version: u32) {
        let path = self.path().join(format!("plan-{version}"));
        let Ok(Value::Object(mut plan)) = parse(&fs::read(&path).unwrap(), 1 << 20) else {
            panic!("no plan")
        };
        plan.insert("expires_at", "2020-01-01T00:00:00.000Z");
        fs::write(path, Value::Object(plan).to_canonical()).unwrap();
    }

    /// What was refused, and why.
    pub(crate) fn refusals(&self) -> Vec<(String, String)> {
        let Value::Object(shown) = self.run(&["officers", "list", "--json"]).output.json() else {
            panic!("no object")
        };
        let Some(Value::Array(refused)) = shown.get("refused") else { panic!("no refusals") };
        let of = |value: &Value, name: &str| match value {
            Value::Object(members) => match members.get(name) {
                Some(Value::Text(text)) => text.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        refused.iter().map(|one| (of(one, "act"), of(one, "why"))).collect()
    }

    pub(crate) fn policy_in_force(&self) -> String {
        self.run(&["policy", "show", "--json"]).expect(DONE).text("in_force")
    }

    /// Writes a policy file.
    pub(crate) fn write_policy(&self, version: u32, effective: Date, streams: &[Stream]) {
        let said = strongroom(self.path(), &["policy", "regulations", "--json"]).expect(DONE);
        let (catalogue, previous) = (said.text("digest"), self.newest_policy());
        let policy = PolicyText {
            version,
            effective: &effective.to_string(),
            supersedes: previous.map(|digest| digest.parse().unwrap()),
            catalogue: Some(catalogue.parse().unwrap()),
            streams: &streams_text(streams),
            ..PolicyText::default()
        }
        .text();
        fs::write(self.path().join(format!("policy-{version}.yaml")), policy).unwrap();
    }

    fn newest_policy(&self) -> Option<String> {
        let said = self.run(&["policy", "show", "--json"]).expect(DONE);
        let Value::Object(shown) = said.output.json() else { panic!("no object") };
        let Some(Value::Array(policies)) = shown.get("policies") else { panic!("no policies") };
        match policies.last()? {
            Value::Object(record) => match record.get("policy") {
                Some(Value::Text(digest)) => Some(digest.clone()),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// The locks of all versions below a place that have one, from the store's own records.
    pub(crate) fn locks(&self, place: &str) -> BTreeMap<String, Lock> {
        let mut locks = BTreeMap::new();
        let root = self.path().join("store/.versions");
        read_locks(&root, &root, &mut locks);
        locks.retain(|name, _| name.starts_with(place));
        locks
    }

    /// What a plan says, in words.
    pub(crate) fn plan_in_words(&self, version: u32, streams: &[Stream]) -> String {
        self.write_policy(version, today(), streams);
        let said = self.run(&["policy", "plan", &format!("policy-{version}.yaml")]).expect(DONE);
        String::from_utf8(said.output.stdout).unwrap()
    }

    /// The list of what a policy makes irreversible; it replaces no file.
    pub(crate) fn objects(&self, version: u32) -> String {
        let policy = format!("policy-{version}.yaml");
        let plan = ["policy", "plan", &policy, "--objects", "objects"];
        let said = String::from_utf8(self.run(&plan).expect(DONE).output.stdout).unwrap();
        self.run(&plan).refused("cannot write `objects`");
        let listed = fs::read_to_string(self.path().join("objects")).unwrap();
        let (lines, digest) = (listed.lines().count(), Digest::of(listed.as_bytes()));
        assert!(said.contains(&format!("objects has {lines} lines, sha256:{digest}")), "{said}");
        listed
    }

    /// A list of locks as plans have it.
    pub(crate) fn listed(&self, locks: &BTreeMap<String, Lock>) -> String {
        let store = self.path().join("store");
        let lines = locks.iter().map(|(name, (_, until))| {
            let bytes = fs::metadata(store.join(name)).unwrap().len();
            let line = [("bytes", bytes.into()), ("object", text(name)), ("until", text(until))];
            String::from_utf8(object(line).to_canonical()).unwrap() + "\n"
        });
        lines.collect()
    }

    /// Bytes of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        let store = self.path().join("store");
        let names = self.locks("segments/").into_keys();
        names.map(|name| fs::metadata(store.join(name)).unwrap().len()).sum()
    }
}

pub(crate) fn today() -> Date {
    now().to_zoned(TimeZone::UTC).date()
}

pub(crate) fn days_ahead(days: i64) -> Date {
    today() + days.days()
}

pub(crate) fn in_minutes(minutes: i64) -> Timestamp {
    now() + minutes.minutes()
}

/// When a period of years that began today is over.
pub(crate) fn first_day_after_years(years: i64) -> Timestamp {
    let date = today() + years.years() + 1.day();
    date.to_zoned(TimeZone::UTC).unwrap().timestamp()
}

fn read_locks(root: &Path, folder: &Path, locks: &mut BTreeMap<String, Lock>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_locks(root, &path, locks);
        } else if path.to_str().unwrap().ends_with(".lock.json") {
            let Ok(Value::Object(record)) = parse(&fs::read(&path).unwrap(), 1 << 16) else {
                panic!("{}", path.display())
            };
            let (Some(Value::Text(mode)), Some(Value::Text(until))) =
                (record.get("mode"), record.get("until"))
            else {
                continue;
            };
            let name = path.parent().unwrap().strip_prefix(root).unwrap();
            let name = name.to_str().unwrap().to_owned();
            locks.insert(name, (mode.clone(), until.parse().unwrap()));
        }
    }
}
