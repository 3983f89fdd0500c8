//! An archive, its officers, and the policies that they make.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use strongroom_crypto::Digest;
use strongroom_crypto::json::{Value, array, object, parse, text};
use strongroom_tests::clock::now;
use strongroom_tests::officers::Officer;
use strongroom_tests::program::{Output, strongroom};
use strongroom_tests::temp::TempDir;

use crate::{DONE, INPUT};

/// The officers, and in which roles.
const OFFICERS: [Officer; 3] = [
    Officer { id: "ann", role: "records-manager", seed: 1 },
    Officer { id: "bob", role: "legal", seed: 2 },
    Officer { id: "cid", role: "records-manager", seed: 3 },
];

/// Mode and end of a lock.
pub(crate) type Lock = (String, Timestamp);

/// What a policy says of a stream.
pub(crate) struct Stream {
    lock: &'static str,
    period: &'static str,
    /// Its periods count from the closing of an account.
    closing: bool,
}

impl Stream {
    pub(crate) fn governance(period: &'static str) -> Self {
        Self { lock: "governance", period, closing: false }
    }

    /// Six years from the closing of an account (17 CFR 240.17a-4(c)).
    pub(crate) fn from_closing() -> Self {
        Self { lock: "compliance", period: "P6Y", closing: true }
    }

    pub(crate) fn compliance(period: &'static str) -> Self {
        Self { lock: "compliance", period, closing: false }
    }
}

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

    /// Segments and bytes that a plan counts for a stream.
    pub(crate) fn stream(&self, stream: &str, what: &str) -> (u64, u64) {
        let Value::Object(plan) = self.output.json() else { panic!("no object") };
        let Some(Value::Array(streams)) = plan.get("streams") else { panic!("no streams") };
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
        Self::in_environment("production")
    }

    /// The same as a test archive.
    pub(crate) fn of_test_archive() -> Self {
        Self::in_environment("test")
    }

    fn in_environment(environment: &str) -> Self {
        let office = Self { temp: TempDir::new("policy"), events: Cell::new(0) };
        let mut arguments = vec!["init".to_owned(), "--environment".into(), environment.into()];
        for officer in OFFICERS {
            arguments.extend(["--officer".to_owned(), officer.write(office.path())]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        office.run(&arguments).expect(DONE);
        office
    }

    fn path(&self) -> &Path {
        self.temp.path()
    }

    fn run(&self, arguments: &[&str]) -> Said {
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

    pub(crate) fn sweep(&self) {
        self.run(&["sweep", "--duty", "lock"]).expect(DONE);
    }

    /// An officer says that the account was closed a minute ago.
    pub(crate) fn close_account(&self) {
        let at = in_minutes(-1).to_string();
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
    pub(crate) fn plan(&self, version: u64, streams: &[Stream]) -> Said {
        self.plan_from(version, today(), streams)
    }

    pub(crate) fn plan_from(&self, version: u64, effective: Date, streams: &[Stream]) -> Said {
        self.write_policy(version, effective, streams);
        let (policy, plan) = (format!("policy-{version}.yaml"), format!("plan-{version}"));
        self.run(&["policy", "plan", &policy, "-o", &plan, "--json"])
    }

    pub(crate) fn approve(&self, version: u64, officer: &str, key: &str) -> Said {
        let (policy, plan) = (format!("policy-{version}.yaml"), format!("plan-{version}"));
        let signs = ["--officer", officer, "--officer-key", key];
        let command = ["policy", "approve", &plan, "--policy", &policy];
        self.run(&[&command[..], &signs].concat())
    }

    pub(crate) fn approve_both(&self, version: u64) {
        self.approve(version, "ann", "ann").expect(DONE);
        self.approve(version, "bob", "bob").expect(DONE);
    }

    pub(crate) fn apply(&self, version: u64, more: &[&str]) -> Said {
        let (policy, plan) = (format!("policy-{version}.yaml"), format!("plan-{version}"));
        self.run(&[&["policy", "apply", &plan, "--policy", &policy][..], more].concat())
    }

    /// Plans, approves and applies.
    pub(crate) fn in_force(&self, version: u64, streams: &[Stream]) {
        self.plan(version, streams).expect(DONE);
        self.approve_both(version);
        self.apply(version, &[]).expect(DONE);
    }

    /// Keeps a plan and its policy under another name.
    pub(crate) fn keep_plan(&self, version: u64, name: &str) {
        let path = self.path();
        fs::copy(path.join(format!("plan-{version}")), path.join(name)).unwrap();
        let policy = path.join(format!("policy-{version}.yaml"));
        fs::copy(policy, path.join(format!("{name}.yaml"))).unwrap();
    }

    pub(crate) fn apply_kept(&self, name: &str) -> Said {
        self.run(&["policy", "apply", name, "--policy", &format!("{name}.yaml")])
    }

    pub(crate) fn policy_in_force(&self) -> String {
        self.run(&["policy", "show", "--json"]).expect(DONE).text("in_force")
    }

    /// Writes a policy file.
    pub(crate) fn write_policy(&self, version: u64, effective: Date, streams: &[Stream]) {
        let said = strongroom(self.path(), &["policy", "regulations", "--json"]).expect(DONE);
        let (catalogue, previous) = (said.text("digest"), self.newest_policy());
        let policy = policy_text(version, effective, previous.as_deref(), &catalogue, streams);
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

    /// Digest of a list of locks as plans have it.
    pub(crate) fn digest_of_locks(&self, locks: &BTreeMap<String, Lock>) -> String {
        let store = self.path().join("store");
        let listed = array(locks.iter().map(|(name, (_, until))| {
            let bytes = fs::metadata(store.join(name)).unwrap().len();
            object([("bytes", bytes.into()), ("object", text(name)), ("until", text(until))])
        }));
        Digest::of(&listed.to_canonical()).to_string()
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

/// A policy that keeps streams by one rule.
pub(crate) fn policy_text(
    version: u64,
    effective: Date,
    supersedes: Option<&str>,
    catalogue: &str,
    streams: &[Stream],
) -> String {
    let mut policy =
        format!("schema: strongroom.policy/v1\nmetadata:\n  name: office\n  version: {version}\n");
    if let Some(previous) = supersedes {
        writeln!(policy, "  supersedes: sha256:{previous}").unwrap();
    }
    write!(
        policy,
        "  effective: {effective}\n  transition: current\n  owner: records\n\
         catalogue: {{file: catalogue.yaml, digest: sha256:{catalogue}}}\n\
         defaults:\n  zone: UTC\n  fiscal_year_end: \"12-31\"\n  max_future_skew: PT5M\n  \
         max_lock: P12Y\n  grace: P30D\n  review_sla: P14D\n  sweep_every: P1D\n  \
         disposal: {{approval: two_person, roles: [records-manager, legal], \
         approval_ttl: P30D, certificate_retain: P1Y}}\nstreams:\n"
    )
    .unwrap();
    for Stream { lock, period, closing } in streams {
        let (clock, citation) = if *closing {
            ("{event: account_closed}", "{reg: us-sec-17a-4-c}".to_owned())
        } else {
            let reg = "reg: pci-dss-10-5-1";
            let set = format!("set_min: {period}, rationale: as the test says");
            ("event_time", format!("{{{reg}, {set}}}"))
        };
        write!(
            policy,
            "  - id: app\n    title: Events of an application\n    record_class: app\n    \
             match: {{stream: [app]}}\n    clock: {clock}\n    segment: {{max_span: PT24H}}\n    \
             lock: {lock}\n    citations:\n      - {citation}\n"
        )
        .unwrap();
    }
    policy
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
