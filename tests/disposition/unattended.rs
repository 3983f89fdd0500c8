//! What a policy approves by itself goes with the next sweep, and nothing else does.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use strongroom_archiver::act::enter;
use strongroom_archiver::disposition::DispositionError;
use strongroom_archiver::disposition::batch::Batch;
use strongroom_archiver::disposition::dates::Premature;
use strongroom_archiver::disposition::execute::{Clocks, carry_out, order};
use strongroom_archiver::disposition::unattended::dispose;
use strongroom_archiver::log::Log;
use strongroom_archiver::policies::{Labels, Policies};
use strongroom_archiver::store::file::FileStore;
use strongroom_crypto::json::Value;
use strongroom_crypto::keys::{KeyFile, Role};
use strongroom_tests::clock::now;
use strongroom_tests::entropy::Dice;
use strongroom_tests::faulty_store::{FaultyStore, Point, Record};
use strongroom_tests::officers::Officer;
use strongroom_tests::policies::{PolicyText, today};
use strongroom_tests::program::{Output, strongroom};
use strongroom_tests::temp::TempDir;

use crate::scene::Scene;

const OFFICERS: [Officer; 2] = [
    Officer { id: "ada", role: "records", seed: 1 },
    Officer { id: "ben", role: "legal", seed: 2 },
];
/// The streams: what their policy says beside their name.
const STREAMS: [(&str, &str); 3] = [
    ("brief", "pre_approved: true\n    grace: P0D"),
    ("reviewed", "grace: P0D"),
    ("patient", "pre_approved: true\n    grace: P10D"),
];
/// How long a lock may take to lapse.
const PATIENCE: Duration = Duration::from_mins(1);

/// An archive under a policy that approves the disposal of two of three streams, all over since 2021.
struct Bench {
    temp: TempDir,
    to: String,
}

impl Bench {
    fn new() -> Self {
        let bench = Self::without_policy();
        bench.plan();
        bench.apply(&[]).expect(0);
        bench
    }

    fn without_policy() -> Self {
        let temp = TempDir::new("unattended");
        let to = format!("file://{}/archive", temp.path().display());
        let bench = Self { temp, to };
        let officers = OFFICERS.map(|officer| format!("--officer={}", officer.write(bench.path())));
        let init = ["init", "--environment=test", "--settle=PT4S", &officers[0], &officers[1]];
        bench.run(&init).expect(0);
        fs::write(bench.path().join("policy.yaml"), policy()).unwrap();
        bench
    }

    /// Two officers approve a plan; what it says.
    fn plan(&self) -> String {
        let planned = self.run(&["policy", "plan", "policy.yaml", "-o", "plan.json"]).expect(0);
        for officer in ["ada", "ben"] {
            let approve = ["policy", "approve", "plan.json", "--policy", "policy.yaml"];
            let by = ["--officer", officer, "--officer-key", officer];
            self.run(&[&approve[..], &by].concat()).expect(0);
        }
        String::from_utf8(planned.stdout).unwrap()
    }

    fn apply(&self, more: &[&str]) -> Output {
        self.run(&[&["policy", "apply", "plan.json", "--policy", "policy.yaml"], more].concat())
    }

    fn path(&self) -> &Path {
        self.temp.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        strongroom(self.path(), &[arguments, &["--to", self.to.as_str()]].concat())
    }

    /// Seals a segment of events of 2020.
    fn archive(&self, stream: &str, name: &str) {
        let event = "{\"eventVersion\":\"1.08\",\"eventTime\":\"2020-03-01T10:00:00Z\",\
                     \"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"CreateUser\"}\n";
        let file = format!("{stream}-{name}.ndjson");
        fs::write(self.path().join(&file), event.repeat(3)).unwrap();
        self.run(&["archive", "--stream", stream, &file]).expect(0);
    }

    fn open(&self) -> (Log, Arc<KeyFile>) {
        let text = fs::read_to_string(self.path().join("archive.key")).unwrap();
        let keys = Arc::new(KeyFile::parse(&text).unwrap());
        let entropy = Scene::dice().into_closure();
        let root = self.path().join("archive");
        let store = FileStore::open(&root, Box::new(now), entropy).unwrap();
        (Log::open(Arc::new(store), Arc::clone(&keys)).unwrap().on_duty(Role::Remove), keys)
    }

    fn sweep(&self, most: &str) -> Output {
        let sweep = ["sweep", "--duty", "remove", "--max-objects", most, "--json"];
        self.run(&sweep).expect(0)
    }

    /// Sweeps until so many orders were carried out.
    fn sweep_until(&self, most: &str, orders: usize) -> Output {
        let begun = Instant::now();
        loop {
            let swept = self.sweep(most);
            if items(&swept, "disposals") == orders {
                return swept;
            }
            assert!(begun.elapsed() < PATIENCE, "{}", String::from_utf8_lossy(&swept.stdout));
            sleep(Duration::from_millis(250));
        }
    }

    /// How many segments of a stream are there.
    fn segments(&self, stream: &str) -> usize {
        let status = self.run(&["status", "--segments", "--json"]).expect(0);
        let Value::Object(status) = status.json() else { panic!("no object") };
        let Some(Value::Array(listed)) = status.get("segment_list") else { panic!("no list") };
        let object = |segment: &Value| match segment {
            Value::Object(members) => match members.get("object") {
                Some(Value::Text(object)) => object.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        let names = listed.iter().map(object);
        let names = names.filter(|name| name.starts_with(&format!("segments/{stream}/")));
        names.filter(|name| self.path().join("archive").join(name).is_file()).count()
    }

    fn verify(&self) {
        let found = self.run(&["verify", "--deep", "--json"]);
        let shown = String::from_utf8_lossy(&found.stdout).into_owned();
        assert_eq!(found.text("verdict"), "PASS", "{shown}");
    }
}

/// How many items a list of the JSON output has.
fn items(output: &Output, name: &str) -> usize {
    let Value::Object(members) = output.json() else { panic!("no object") };
    match members.get(name) {
        Some(Value::Array(items)) => items.len(),
        other => panic!("`{name}` is {other:?}"),
    }
}

fn policy() -> String {
    let mut streams = String::new();
    for (stream, more) in STREAMS {
        write!(
            streams,
            "  - id: {stream}
    title: Events
    record_class: {stream}
    match: {{stream: [{stream}]}}
    {more}
    segment: {{max_span: PT24H}}
    backfill: {{received_before: 2100-01-01, count_from: event_time, rationale: moved here}}
    citations:
      - reg: pci-dss-10-5-1
"
        )
        .unwrap();
    }
    PolicyText { effective: &today(), streams: &streams, ..PolicyText::default() }.text()
}

#[test]
fn a_pre_approved_class_goes_unattended_and_no_other() {
    let bench = Bench::new();
    for (stream, _) in STREAMS {
        bench.archive(stream, "a");
    }
    let swept = bench.sweep_until("10", 1);
    assert_eq!(items(&swept, "disposals_stopped"), 0);
    let left = STREAMS.map(|(stream, _)| bench.segments(stream));
    assert_eq!(left, [0, 1, 1]);
    // Nobody signed, and the certificate says who approved it.
    let Value::Object(swept) = swept.json() else { panic!("no object") };
    let Some(Value::Array(disposals)) = swept.get("disposals") else { panic!("{swept:?}") };
    let Value::Object(disposal) = &disposals[0] else { panic!("{disposals:?}") };
    let Some(Value::Text(order)) = disposal.get("order") else { panic!("{disposal:?}") };
    let shown = bench.run(&["disposition", "verify", order]).expect(0).stdout;
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("approved by   the schedule itself"), "{shown}");
    assert!(!shown.contains("  officer "), "{shown}");
    bench.verify();
    // Nothing more goes, neither what takes officers nor what is in its grace.
    let again = bench.sweep("10");
    assert_eq!((items(&again, "disposals"), bench.segments("reviewed")), (0, 1));
    let listed = String::from_utf8(bench.run(&["disposition", "list"]).expect(0).stdout).unwrap();
    assert_eq!(listed.matches("certified ").count(), 1, "{listed}");
    // Officers would find both.
    let proposed = bench.run(&["disposition", "propose", "-o", "batch.json", "--json"]).expect(0);
    let Value::Object(proposed) = proposed.json() else { panic!("no object") };
    let Some(Value::Object(batch)) = proposed.get("batch") else { panic!("{proposed:?}") };
    let Some(Value::Array(segments)) = batch.get("segments") else { panic!("{batch:?}") };
    assert_eq!(segments.len(), 2);
    bench.verify();
}

#[test]
fn a_hold_stops_what_is_pre_approved_and_a_run_takes_no_more_than_it_may() {
    let bench = Bench::new();
    bench.archive("brief", "a");
    let place = ["hold", "place", "m-1", "--matter", "a matter", "--stream", "brief"];
    let by = ["--officer", "ada", "--officer-key", "ada"];
    bench.run(&[&place[..], &by].concat()).expect(0);
    bench.archive("brief", "b");
    bench.archive("brief", "c");
    // Two go, one a run; what is held stays and is told.
    let first = bench.sweep_until("1", 1);
    assert_eq!(bench.segments("brief"), 2);
    assert!(first.stderr.contains("is under a hold: it was left"), "{}", first.stderr);
    bench.sweep_until("1", 1);
    assert_eq!(bench.segments("brief"), 1);
    let held = bench.sweep("10");
    assert_eq!((items(&held, "disposals"), items(&held, "disposals_left")), (0, 1));
    assert_eq!(bench.segments("brief"), 1);
    bench.run(&["sweep", "--duty", "hold"]).expect(0);
    bench.verify();
}

/// What goes without anybody at hand is told and confirmed before, like a lock that nobody can undo.
#[test]
fn a_plan_says_what_goes_without_approval() {
    let bench = Bench::without_policy();
    for (stream, _) in STREAMS {
        bench.archive(stream, "a");
    }
    let planned = bench.plan();
    let line = |name: &str| planned.lines().filter(|line| line.contains(name)).count();
    assert_eq!((line("go WITHOUT approval"), line("may go by approval")), (1, 1), "{planned}");
    let told = "irreversible  1 segment destroyed by the next sweep: disposals of brief, patient take no approval";
    assert!(planned.contains(told), "{planned}");
    let refused = bench.apply(&[]).expect(2);
    assert!(refused.stderr.contains("1 segments go without approval"), "{}", refused.stderr);
    bench.apply(&["--confirm-count", "1"]).expect(0);
}

/// Whoever may enter an order says in it when its grace is over: that is decided again.
#[test]
fn an_order_within_the_grace_is_not_carried_out_and_verify_tells() {
    let bench = Bench::new();
    bench.archive("patient", "a");
    let propose = ["disposition", "propose", "-o", "batch.json"];
    let begun = Instant::now();
    while !bench.path().join("batch.json").is_file() {
        assert!(begun.elapsed() < PATIENCE, "the lock does not lapse");
        bench.run(&propose).expect(0);
        sleep(Duration::from_millis(250));
    }
    let mut batch = Batch::parse(&fs::read(bench.path().join("batch.json")).unwrap()).unwrap();
    let grace = batch.segments[0].destroyable_from.unix_ms();
    let grace = Timestamp::from_millisecond(grace).unwrap();
    assert!(grace > now());
    batch.segments[0].destroyable_from = batch.as_of;
    let (mut log, keys) = bench.open();
    Scene::store_list(&log, &batch.list().unwrap());
    let voided = enter(&mut log, batch.entry().unwrap(), &mut Scene::dice()).unwrap();
    assert_eq!(voided, None, "the log cannot tell");
    let policies =
        Policies::load(&**log.store(), log.covered(), log.state(), Labels::new()).unwrap();
    let clocks = Clocks { local: now(), store: now() };
    let refused = carry_out(&mut log, &keys, &policies, &batch.order, clocks, &mut Scene::dice());
    let why = Premature::Grace(grace);
    let early = |error: &DispositionError| matches!(error, DispositionError::Premature { why: found, .. } if *found == why);
    assert!(refused.as_ref().is_err_and(early), "{refused:?}");
    let id = batch.order.to_string();
    let swept = bench.run(&["sweep", "--duty", "remove", "--json"]).expect(1);
    assert!(swept.stderr.contains("its grace lasted until"), "{}", swept.stderr);
    assert_eq!(bench.segments("patient"), 1);
    let checked = bench.run(&["disposition", "verify", &id]).expect(1);
    assert!(checked.stderr.contains("its grace lasted until"), "{}", checked.stderr);
    let found = bench.run(&["verify", "--json"]).expect(1);
    assert_eq!(found.text("verdict"), "FAIL");
    let shown = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(shown.contains("its grace lasted until"), "{shown}");
}

/// What is in the way of nothing is not looked at: a run takes the first that go by themselves, however
/// many that take officers stand before them.
#[test]
fn what_takes_officers_does_not_keep_the_rest_from_going() {
    let bench = Bench::new();
    for name in ["a", "b"] {
        bench.archive("reviewed", name);
    }
    bench.archive("brief", "c");
    bench.sweep_until("1", 1);
    assert_eq!((bench.segments("brief"), bench.segments("reviewed")), (0, 2));
}

/// While two clocks are over two minutes apart, nobody's order is needed and none is given.
#[test]
fn what_is_pre_approved_waits_for_clocks_that_agree() {
    let bench = Bench::new();
    bench.archive("brief", "a");
    let keys = fs::read_to_string(bench.path().join("archive.key")).unwrap();
    let keys = Arc::new(KeyFile::parse(&keys).unwrap());
    let (record, root) = (Record::default(), bench.path().join("archive"));
    let mut dice = Dice::new(1, 2);
    let store = FileStore::open(&root, Box::new(now), Dice::new(1, 3).into_closure()).unwrap();
    let store = FaultyStore::recorded(store, Vec::new(), record.clone());
    let mut log = Log::open(Arc::new(store), Arc::clone(&keys)).unwrap().on_duty(Role::Remove);
    let policies =
        Policies::load(&**log.store(), log.covered(), log.state(), Labels::new()).unwrap();
    // Its lock is over.
    sleep(Duration::from_secs(5));
    let size = log.state().size();
    let mut ahead = |local, store| {
        let [local, store] = [local, store].map(|ahead| now() + SignedDuration::from_secs(ahead));
        dispose(&mut log, &keys, &policies, Clocks { local, store }, 10, &mut dice)
    };
    for (local, store) in [(125, 0), (0, 125)] {
        let refused = ahead(local, store).unwrap_err();
        assert!(matches!(refused, DispositionError::Clock { .. }), "{refused}");
    }
    assert!(!record.reached().contains_key(&Point::Delete));
    assert_eq!(ahead(60, 0).unwrap().carried_out.len(), 1);
    assert!(record.reached().contains_key(&Point::Delete) && log.state().size() > size);
    bench.verify();
}

#[test]
fn an_order_of_officers_that_was_interrupted_is_carried_out() {
    let scene = Scene::new("resumed");
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    let (batch, keys, mut dice) = (scene.batch(), scene.keys(), Scene::dice());
    let (mut log, policies) = scene.open(Vec::new());
    let clocks = Clocks { local: now(), store: now() };
    order(&mut log, &keys, &policies, &batch, clocks, &mut dice).unwrap();
    drop(log);
    let object = scene.object();
    assert!(object.is_file());
    let swept = scene.strongroom(&["sweep", "--json"]).expect(0);
    assert_eq!(items(&swept, "disposals"), 1);
    assert!(!object.exists());
    scene.run(&["verify", &batch.order.to_string()]).expect(0);
    scene.verify("PASS");
}
