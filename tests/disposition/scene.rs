//! An archive with officers, a policy and one segment that may go.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use strongroom_archiver::act::{Signed, sign, statement};
use strongroom_archiver::disposition::batch::Batch;
use strongroom_archiver::disposition::execute::{Clocks, carry_out, order};
use strongroom_archiver::document::Document;
use strongroom_archiver::log::Log;
use strongroom_archiver::officer::key_file;
use strongroom_archiver::policies::{Labels, Policies};
use strongroom_archiver::store::{LockedStore, ObjectKey};
use strongroom_crypto::Digest;
use strongroom_crypto::entry::{EntryKind, HoldPlace};
use strongroom_crypto::keys::{KeyFile, Role};
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::officer::{OfficerSignature, Signatures};
use strongroom_tests::clock::now;
use strongroom_tests::entropy::Dice;
use strongroom_tests::faulty_store::{Fault, FaultyStore, Mode, Point, Record};
use strongroom_tests::officers::Officer;
use strongroom_tests::policies::{PolicyText, today};
use strongroom_tests::program::{Output, strongroom, strongroom_with};
use strongroom_tests::temp::TempDir;

use super::bucket::credentials;
use super::ground::{Ground, Kind};

/// The officers, and in which roles.
const OFFICERS: [Officer; 4] = [
    Officer { id: "ada", role: "records", seed: 1 },
    Officer { id: "ben", role: "legal", seed: 2 },
    Officer { id: "cy", role: "risk", seed: 3 },
    Officer { id: "dee", role: "legal", seed: 4 },
];

/// The duties that the server of `tests/servers/rgw` has users for.
const DUTIES: [&str; 6] = ["archive", "hold", "lock", "remove", "verify", "audit"];

/// How often a proposal is tried until the settling lock has lapsed.
const TRIES: u32 = 120;

pub(crate) struct Scene {
    temp: TempDir,
    pub(crate) ground: Ground,
}

impl Scene {
    /// An archive in a directory, of one segment of 2020, and a policy that keeps it for a year from then.
    pub(crate) fn new(name: &str) -> Self {
        let scene = Self::begin(Kind::Directory, name, "PT4S").unwrap();
        scene.seal("trail", "trail");
        scene.set_policy(1, "P1Y");
        scene
    }

    /// An archive with officers; none where its server does not run.
    pub(crate) fn begin(kind: Kind, name: &str, settle: &str) -> Option<Self> {
        let temp = TempDir::new(name);
        let ground = Ground::of(kind, temp.path())?;
        let scene = Self { temp, ground };
        let settle = format!("--settle={settle}");
        let mut init = vec!["init".to_owned(), "--environment=test".into(), settle];
        for officer in OFFICERS {
            init.push(format!("--officer={}", officer.write(scene.folder())));
        }
        let init: Vec<&str> = init.iter().map(String::as_str).collect();
        scene.run_with(&scene.ground.url, &init, &[]).expect(0);
        scene.permit();
        Some(scene)
    }

    /// Gives each duty what is its own, where the store has permissions.
    pub(crate) fn permit(&self) {
        if !self.ground.has_permissions() {
            return;
        }
        let mut arguments = vec!["duties", "--bucket-policy", "--to", &self.ground.url];
        arguments.extend(["--settle", "PT10M", "--max-lock", "P3650D"]);
        let principals = DUTIES.map(|duty| format!("--principal={duty}=arn:aws:iam:::user/{duty}"));
        arguments.extend(principals.iter().map(String::as_str));
        let policy = strongroom(self.folder(), &arguments).expect(0).stdout;
        self.ground.owned().set_policy(std::str::from_utf8(&policy).unwrap());
    }

    /// Seals three events of 2020 of a stream, as the file of a name.
    pub(crate) fn seal(&self, stream: &str, name: &str) {
        let source = format!("{name}-source");
        fs::create_dir(self.folder().join(&source)).unwrap();
        let event = |day| {
            format!(
                "{{\"eventVersion\":\"1.08\",\"eventTime\":\"2020-03-0{day}T10:00:00Z\",\
                 \"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"CreateUser\"}}\n"
            )
        };
        let events = [event(1), event(2), event(3)].concat();
        self.write(&format!("{source}/{name}.ndjson"), &events);
        self.strongroom(&["archive", "--stream", stream, &source]).expect(0);
    }

    /// Puts a policy in force that keeps stream `trail` for a period.
    pub(crate) fn set_policy(&self, version: u32, period: &str) {
        let file = |version: u32| format!("policy-{version}.yaml");
        let before = fs::read(self.folder().join(file(version - 1))).ok();
        let (policy, file) =
            (policy(version, period, before.map(|bytes| Digest::of(&bytes))), file(version));
        self.write(&file, &policy);
        let _ = fs::remove_file(self.folder().join("plan.json"));
        self.strongroom(&["policy", "plan", &file, "-o", "plan.json"]).expect(0);
        let approve = ["policy", "approve", "plan.json", "--policy", &file];
        for officer in ["ada", "ben"] {
            let by = ["--officer", officer, "--officer-key", officer];
            self.strongroom(&[&approve[..], &by].concat()).expect(0);
        }
        self.strongroom(&["policy", "apply", "plan.json", "--policy", &file]).expect(0);
    }

    pub(crate) fn officer(id: &str) -> Officer {
        OFFICERS.into_iter().find(|officer| officer.id == id).unwrap()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.temp.path()
    }

    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A command on the archive, of whoever has the duty for it.
    pub(crate) fn strongroom(&self, arguments: &[&str]) -> Output {
        let duty = match arguments {
            ["verify", ..] => "verify",
            ["disposition", "execute", ..] => "remove",
            ["sweep", "--duty", duty, ..] => duty,
            _ => "archive",
        };
        self.run_as(duty, arguments)
    }

    /// The same, of whoever has a duty.
    pub(crate) fn run_as(&self, duty: &str, arguments: &[&str]) -> Output {
        self.run_at(&self.ground.url, duty, arguments)
    }

    /// The same at another address of the archive.
    pub(crate) fn run_at(&self, url: &str, duty: &str, arguments: &[&str]) -> Output {
        if !self.ground.has_permissions() {
            return self.run_with(url, arguments, &[]);
        }
        let credentials = credentials(duty);
        let variables = credentials.each_ref().map(|(name, key)| (*name, key.as_str()));
        self.run_with(url, arguments, &variables)
    }

    fn run_with(&self, url: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let place = ["--to", url, "--key", "archive.key"];
        strongroom_with(self.folder(), &[arguments, &place].concat(), variables)
    }

    /// A command of `disposition`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.strongroom(&[&["disposition"], arguments].concat())
    }

    /// The same, signed by an officer.
    pub(crate) fn sign(&self, arguments: &[&str], officer: &str, key: &str) -> Output {
        self.run(&[arguments, &["--officer", officer, "--officer-key", key]].concat())
    }

    pub(crate) fn approve(&self, officer: &str, key: &str) -> Output {
        self.sign(&["approve", "batch.json"], officer, key)
    }

    /// Proposes as soon as something may go.
    pub(crate) fn propose(&self) {
        self.propose_all(1);
    }

    /// Proposes as soon as so many segments may go.
    pub(crate) fn propose_all(&self, segments: usize) {
        let batch = self.folder().join("batch.json");
        for _ in 0..TRIES {
            self.run(&["propose", "-o", "batch.json"]).expect(0);
            if batch.exists() && self.batch().segments.len() == segments {
                return;
            }
            sleep(Duration::from_millis(250));
        }
        panic!("nothing may go");
    }

    /// Verifies everything and requires a verdict.
    pub(crate) fn verify(&self, verdict: &str) -> Output {
        let found = self.strongroom(&["verify", "--deep", "--json"]);
        let shown = String::from_utf8_lossy(&found.stdout).into_owned();
        assert!(!shown.is_empty(), "{}", found.stderr);
        assert_eq!(found.text("verdict"), verdict, "{shown}");
        found
    }

    pub(crate) fn batch(&self) -> Batch {
        Batch::parse(&fs::read(self.folder().join("batch.json")).unwrap()).unwrap()
    }

    pub(crate) fn order(&self) -> String {
        self.batch().order.to_string()
    }

    /// The names below a prefix that stand for something.
    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        let listed = self.ground.store().list(&format!("{prefix}/"), None, 1_000).unwrap();
        listed.into_iter().map(|one| one.key.to_string()).collect()
    }

    /// The one segment's object.
    pub(crate) fn object(&self) -> PathBuf {
        let names = self.names("segments");
        assert_eq!(names.len(), 1, "{names:?}");
        self.folder().join("archive").join(&names[0])
    }

    /// Versions of the batch's objects, and marks over them.
    pub(crate) fn versions_left(&self) -> usize {
        let batch = self.batch();
        let left = |key: &ObjectKey| self.ground.versions(key).len();
        batch.segments.iter().map(|one| left(&one.object)).sum()
    }

    pub(crate) fn keys(&self) -> Arc<KeyFile> {
        let text = fs::read_to_string(self.folder().join("archive.key")).unwrap();
        Arc::new(KeyFile::parse(&text).unwrap())
    }

    pub(crate) fn dice() -> Dice {
        Dice::new(3, u64::from(std::process::id()))
    }

    /// The log on duty `remove`, over a store that fails as planned.
    pub(crate) fn open(&self, plan: Vec<Fault>) -> (Log, Policies) {
        self.open_recorded(plan, &Record::default())
    }

    pub(crate) fn open_recorded(&self, plan: Vec<Fault>, record: &Record) -> (Log, Policies) {
        let store = FaultyStore::recorded(self.ground.store(), plan, record.clone());
        let log = Log::open(Arc::new(store), self.keys()).unwrap().on_duty(Role::Remove);
        let policies =
            Policies::load(&**log.store(), log.covered(), log.state(), Labels::new()).unwrap();
        (log, policies)
    }

    /// Orders what the batch names and stops before anything is deleted.
    pub(crate) fn interrupt_at_deletion(&self) {
        let fault = Fault { point: Point::Delete, nth: 1, mode: Mode::Before };
        let (mut log, policies) = self.open(vec![fault]);
        let (batch, keys, mut dice) = (self.batch(), self.keys(), Self::dice());
        let clocks = Clocks { local: now(), store: now() };
        order(&mut log, &keys, &policies, &batch, clocks, &mut dice).unwrap();
        carry_out(&mut log, &keys, &policies, &batch.order, clocks, &mut dice).unwrap_err();
    }

    /// A command that an officer signs.
    pub(crate) fn act(&self, officer: &str, arguments: &[&str]) -> Output {
        let by = ["--officer", officer, "--officer-key", officer];
        self.strongroom(&[arguments, &by].concat())
    }

    pub(crate) fn store_list(log: &Log, list: &SegmentList) {
        Document::List.store(log, &list.encode()).unwrap();
    }

    /// Holds the segments of the batch past the command line, also where that comes too late.
    pub(crate) fn enter_hold(&self, log: &mut Log) {
        let batch = self.batch();
        let list = SegmentList::new(batch.segments.iter().map(|one| one.id).collect()).unwrap();
        Self::store_list(log, &list);
        let kind = EntryKind::HoldPlace(HoldPlace {
            detail: None,
            expires_at: batch.expires_at,
            hold: "matter-1".parse().unwrap(),
            list: Some(list.digest()),
            signatures: Signatures::default(),
            standing: None,
        });
        self.enter(log, &kind, "cy");
    }

    /// Enters what one officer may sign alone.
    pub(crate) fn enter(&self, log: &mut Log, kind: &EntryKind, officer: &str) {
        let (_, digest) = statement(log, kind).unwrap();
        let signature = key_file::sign(&self.folder().join(officer), None, digest).unwrap();
        let officer = officer.parse().unwrap();
        let signed = OfficerSignature { officer, sig: *signature.as_bytes() };
        let entered = sign(log, &self.keys(), kind, signed, &mut Self::dice()).unwrap();
        assert_eq!(entered, Signed::Entered);
    }
}

/// A policy from today on, without grace.
fn policy(version: u32, period: &str, supersedes: Option<Digest>) -> String {
    let streams = format!(
        "  - id: trail
    title: Who changed what
    record_class: SEC-1
    match: {{stream: [trail]}}
    clock: event_time
    segment: {{max_span: PT744H}}
    lock: governance
    backfill: {{received_before: 2100-01-01, count_from: event_time, rationale: moved from elsewhere}}
    citations:
      - {{reg: pci-dss-10-5-1, set_min: {period}, rationale: as the test says}}
"
    );
    let (effective, streams) = (&*today(), &*streams);
    let policy = PolicyText {
        version,
        effective,
        supersedes,
        grace: "P0D",
        streams,
        ..PolicyText::default()
    };
    policy.text()
}
