//! An archive with officers and a configuration, and its reports.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use strongroom_crypto::json::Value;
use strongroom_tests::officers::Officer;
use strongroom_tests::policies::{PolicyText, today};
use strongroom_tests::program::{Output, strongroom};
use strongroom_tests::temp::TempDir;

use crate::csv::Csv;

/// The officers, and in which roles.
const OFFICERS: [Officer; 3] = [
    Officer { id: "ada", role: "records", seed: 1 },
    Officer { id: "ben", role: "legal", seed: 2 },
    Officer { id: "cy", role: "legal", seed: 3 },
];

/// How often a proposal is tried until the settling locks have lapsed.
const TRIES: u32 = 120;

/// Prices with which a byte, a month and a request are easily told apart.
pub(crate) const PRICES: &str = "version: 1\ncurrency: CHF\nstorage:\n  STANDARD: 20000\n  COLD: 5000\n\
    requests:\n  put: 10\n  get: 1\n";

pub(crate) struct Scene {
    temp: TempDir,
    to: String,
}

impl Scene {
    /// An archive whose new locks last for a time.
    pub(crate) fn new(name: &str, settle: &str) -> Self {
        let temp = TempDir::in_memory(name);
        let to = format!("file://{}/archive", temp.path().display());
        let scene = Self { temp, to };
        let settle = format!("--settle={settle}");
        let mut init = vec!["init".to_owned(), "--environment=test".into(), settle];
        for officer in OFFICERS {
            init.push(format!("--officer={}", officer.write(scene.folder())));
        }
        let init: Vec<&str> = init.iter().map(String::as_str).collect();
        scene.run(&init).expect(0);
        let streams = ["app", "never", "trail"].map(|name| {
            format!("  - name: {name}\n    sources: [{{paths: [\"{name}.ndjson\"]}}]\n")
        });
        let to = &scene.to;
        scene.write(
            "strongroom.yaml",
            &format!("version: 1\nstore: {to}\nstreams:\n{}", streams.concat()),
        );
        scene.write("prices.yaml", PRICES);
        scene
    }

    pub(crate) fn folder(&self) -> &Path {
        self.temp.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A command on the archive.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        strongroom(self.folder(), &[arguments, &["--to", self.to.as_str()]].concat())
    }

    /// The same, signed by an officer.
    pub(crate) fn sign(&self, officer: &str, arguments: &[&str]) {
        let by = ["--officer", officer, "--officer-key", officer];
        self.run(&[arguments, &by].concat()).expect(0);
    }

    /// Seals lines in a segment of their own.
    pub(crate) fn seal(&self, stream: &str, file: &str, lines: &str) {
        self.write(file, lines);
        self.run(&["archive", "--stream", stream, file]).expect(0);
    }

    /// `CloudTrail` events of some days of March 2020.
    pub(crate) fn trail(&self, file: &str, days: &[u8]) {
        let times = days.iter().map(|day| format!("2020-03-{day:02}T10:00:00Z").parse().unwrap());
        self.trail_at(file, &times.collect::<Vec<_>>());
    }

    /// `CloudTrail` events of these times.
    pub(crate) fn trail_at(&self, file: &str, times: &[Timestamp]) {
        let event = |time: &Timestamp| {
            let time = time.strftime("%Y-%m-%dT%H:%M:%SZ");
            format!(
                "{{\"eventVersion\":\"1.08\",\"eventTime\":\"{time}\",\
                 \"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"CreateUser\"}}\n"
            )
        };
        self.seal("trail", file, &times.iter().map(event).collect::<String>());
    }

    /// Puts a policy in force that keeps `trail` for a year from its events and `app`, which has to be
    /// gone after four years, for three.
    pub(crate) fn policy(&self) {
        self.write("policy.yaml", &policy());
        self.run(&["policy", "plan", "policy.yaml", "-o", "plan.json"]).expect(0);
        for officer in ["ada", "ben"] {
            let approve = ["policy", "approve", "plan.json", "--policy", "policy.yaml"];
            self.sign(officer, &approve);
        }
        self.run(&["policy", "apply", "plan.json", "--policy", "policy.yaml"]).expect(0);
    }

    /// Proposes as soon as so many segments may go.
    pub(crate) fn propose(&self, batch: &str, segments: usize) {
        for _ in 0..TRIES {
            self.run(&["disposition", "propose", "-o", batch]).expect(0);
            let text = fs::read_to_string(self.folder().join(batch)).unwrap_or_default();
            if text.matches("\"deciding_rule\"").count() == segments {
                return;
            }
            sleep(Duration::from_millis(250));
        }
        panic!("{segments} segments may not go");
    }

    /// A report as JSON, after it was found to be the same twice and in all forms.
    pub(crate) fn report(&self, arguments: &[&str], at: Timestamp) -> Report {
        report(arguments, at, &|more| self.run(&[arguments, more].concat()))
    }

    /// The same with the configuration in place of the store's address.
    pub(crate) fn configured(&self, arguments: &[&str], at: Timestamp) -> Report {
        let key = format!("{}.key", self.folder().join("archive").display());
        let named = ["--config", "strongroom.yaml", "--key", &key];
        report(arguments, at, &|more| {
            strongroom(self.folder(), &[arguments, &named, more].concat())
        })
    }

    /// The segments that `status` lists of a stream, in their order.
    pub(crate) fn segments(&self, stream: &str) -> Vec<BTreeMap<String, Value>> {
        let status = self.run(&["status", "--segments", "--json"]).expect(0).json();
        let listed = rows(&status, "segment_list").into_iter();
        listed.filter(|segment| segment["stream"] == Value::from(stream)).collect()
    }

    /// Every file of the archive with its bytes.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        read_below(&self.folder().join("archive"), &mut files);
        files
    }
}

/// A report.
pub(crate) struct Report {
    pub(crate) json: Value,
    pub(crate) rows: Vec<BTreeMap<String, Value>>,
}

/// Makes a report in each form, and compares them.
pub(crate) fn report(arguments: &[&str], at: Timestamp, run: &dyn Fn(&[&str]) -> Output) -> Report {
    let at = Timestamp::from_millisecond(at.as_millisecond()).unwrap().to_string();
    let forms = ["--json", "--csv", "--json", "--csv"];
    let said = forms.map(|form| run(&["--at", &at, form]).expect(0));
    assert_eq!(said[0].stdout, said[2].stdout, "{arguments:?}");
    assert_eq!(said[1].stdout, said[3].stdout, "{arguments:?}");
    let table = String::from_utf8(run(&["--at", &at]).expect(0).stdout).unwrap();
    let json = said[0].json();
    let rows = rows(&json, "rows");
    let number = |name| u64::try_from(integer(member(&json, name))).unwrap();
    assert_eq!(number("count"), u64::try_from(rows.len()).unwrap());
    assert!(table.contains(&format!("rows        {}\n", rows.len())), "{table}");
    let as_of = string(&json, "as_of");
    assert_eq!(as_of.parse::<Timestamp>().unwrap(), at.parse::<Timestamp>().unwrap());
    assert!(table.contains(&as_of), "{table}");
    let (policy, version) = (member(&json, "policy"), member(&json, "policy_version"));
    let in_force = match policy {
        Value::Null => "policy      none in force\n".to_owned(),
        digest => {
            format!("policy      version {} in force, sha256:{}\n", plain(version), plain(digest))
        }
    };
    assert!(table.contains(&in_force), "{table}");
    let entries = number("log_size").to_string();
    assert!(table.contains(&format!("log         {entries} entr")), "{table}");
    let csv = Csv::parse(std::str::from_utf8(&said[1].stdout).unwrap());
    // A report of nothing has one record, of which only the stamp has a value.
    assert_eq!(csv.records.len(), rows.len().max(1));
    for nth in 0..csv.records.len() {
        match rows.get(nth) {
            None => assert!(csv.records[nth][6..].iter().all(String::is_empty)),
            Some(row) => {
                for (name, value) in row {
                    assert_eq!(csv.get(nth, name), plain(value), "{name}");
                }
            }
        }
        let count = rows.len().to_string();
        let stamp = [("as_of", &as_of), ("log_size", &entries), ("row_count", &count)];
        for (name, value) in stamp {
            assert_eq!(csv.get(nth, name), value);
        }
        assert_eq!(csv.get(nth, "policy_in_force"), plain(policy));
        assert_eq!(csv.get(nth, "policy_in_force_version"), plain(version));
        assert_eq!(csv.get(nth, "report"), string(&json, "report"));
    }
    Report { json, rows }
}

impl Report {
    /// The only row of which a column has a value.
    pub(crate) fn row(&self, column: &str, value: &str) -> &BTreeMap<String, Value> {
        let mut found = self.rows.iter().filter(|row| plain(&row[column]) == value);
        let row = found.next().unwrap_or_else(|| panic!("no `{value}`: {:?}", self.rows));
        assert!(found.next().is_none(), "`{value}` twice");
        row
    }
}

/// A value as CSV has it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.get().to_string(),
        Value::Text(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("; "),
        Value::Object(_) => panic!("an object in a row"),
    }
}

/// Requires columns of a row to have values.
pub(crate) fn assert_row(row: &BTreeMap<String, Value>, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        let found = row.get(*name).unwrap_or_else(|| panic!("no column `{name}`"));
        assert_eq!(plain(found), *value, "{name} of {row:?}");
    }
}

/// A number of a row.
pub(crate) fn number(row: &BTreeMap<String, Value>, name: &str) -> u64 {
    u64::try_from(integer(&row[name])).unwrap()
}

fn integer(value: &Value) -> i64 {
    match value {
        Value::Int(number) => number.get(),
        other => panic!("{other:?} is no number"),
    }
}

/// A member of an object.
pub(crate) fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    match value {
        Value::Object(members) => members.get(name).unwrap_or_else(|| panic!("no `{name}`")),
        other => panic!("{other:?} is no object"),
    }
}

fn string(value: &Value, name: &str) -> String {
    plain(member(value, name))
}

/// The objects of a member that is an array.
pub(crate) fn rows(value: &Value, name: &str) -> Vec<BTreeMap<String, Value>> {
    let Value::Array(items) = member(value, name) else { panic!("`{name}` is no array") };
    let row = |item: &Value| match item {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
        }
        other => panic!("{other:?} is no object"),
    };
    items.iter().map(row).collect()
}

fn read_below(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_below(&path, files);
        } else {
            files.insert(path.clone(), fs::read(path).unwrap());
        }
    }
}

/// The streams of a policy.
const STREAMS: &str = "  - id: trail
    title: Who changed what
    record_class: sec-1
    match: {stream: [trail]}
    clock: event_time
    segment: {max_span: PT24H}
    lock: governance
    backfill: {received_before: 2100-01-01, count_from: event_time, rationale: moved from elsewhere}
    citations:
      - reg: pci-dss-10-5-1
  - id: applications
    title: What applications say
    record_class: app-1
    match: {stream: [app]}
    clock: event_time
    segment: {max_span: PT24H}
    lock: compliance
    citations:
      - {reg: pci-dss-10-5-1, set_min: P3Y, rationale: as the test says}
      - {reg: eu-gdpr-5-1-e, set_max: P4Y, rationale: as the test says}
";

/// A policy from today on, without grace.
fn policy() -> String {
    PolicyText { effective: &today(), grace: "P0D", streams: STREAMS, ..PolicyText::default() }
        .text()
}
