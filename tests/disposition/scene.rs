//! An archive with officers, a policy and one segment that may go.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use strongroom_archiver::act::{Signed, sign, statement};
use strongroom_archiver::disposition::batch::Batch;
use strongroom_archiver::document::Document;
use strongroom_archiver::log::Log;
use strongroom_archiver::officer::key_file;
use strongroom_archiver::policies::{Labels, Policies};
use strongroom_archiver::store::file::FileStore;
use strongroom_archiver::store::{LockedStore, ObjectKey};
use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::keys::{KeyFile, Role};
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::officer::OfficerSignature;
use strongroom_retention::catalogue::Catalogue;
use strongroom_tests::clock::now;
use strongroom_tests::entropy::Dice;
use strongroom_tests::faulty_store::{Fault, FaultyStore};
use strongroom_tests::officers::Officer;
use strongroom_tests::program::{Output, strongroom};
use strongroom_tests::temp::TempDir;

/// The officers, and in which roles.
const OFFICERS: [Officer; 4] = [
    Officer { id: "ada", role: "records", seed: 1 },
    Officer { id: "ben", role: "legal", seed: 2 },
    Officer { id: "cy", role: "risk", seed: 3 },
    Officer { id: "dee", role: "legal", seed: 4 },
];

/// How often a proposal is tried until the settling lock has lapsed.
const TRIES: u32 = 120;

pub(crate) struct Scene {
    temp: TempDir,
    to: String,
}

impl Scene {
    /// An archive of one segment of 2020, and a policy that keeps it for a year from then.
    pub(crate) fn new(name: &str) -> Self {
        let temp = TempDir::new(name);
        let to = format!("file://{}/archive", temp.path().display());
        let scene = Self { temp, to };
        let mut init = vec!["init".to_owned(), "--environment=test".into(), "--settle=PT4S".into()];
        for officer in OFFICERS {
            init.push(format!("--officer={}", officer.write(scene.folder())));
        }
        let init: Vec<&str> = init.iter().map(String::as_str).collect();
        scene.strongroom(&init).expect(0);
        fs::create_dir(scene.folder().join("source")).unwrap();
        let event = |day| {
            format!(
                "{{\"eventVersion\":\"1.08\",\"eventTime\":\"2020-03-0{day}T10:00:00Z\",\
                 \"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"CreateUser\"}}\n"
            )
        };
        scene.write("source/trail.ndjson", &[event(1), event(2), event(3)].concat());
        scene.strongroom(&["archive", "--stream", "trail", "source"]).expect(0);
        scene.write("policy.yaml", &policy());
        let plan = ["policy", "plan", "policy.yaml", "-o", "plan.json"];
        scene.strongroom(&plan).expect(0);
        let approve = ["policy", "approve", "plan.json", "--policy", "policy.yaml"];
        for officer in ["ada", "ben"] {
            let by = ["--officer", officer, "--officer-key", officer];
            scene.strongroom(&[&approve[..], &by].concat()).expect(0);
        }
        let apply = ["policy", "apply", "plan.json", "--policy", "policy.yaml"];
        scene.strongroom(&apply).expect(0);
        scene
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

    /// A command on the archive.
    pub(crate) fn strongroom(&self, arguments: &[&str]) -> Output {
        strongroom(self.folder(), &[arguments, &["--to", self.to.as_str()]].concat())
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
        for _ in 0..TRIES {
            self.run(&["propose", "-o", "batch.json"]).expect(0);
            if self.folder().join("batch.json").exists() {
                return;
            }
            sleep(Duration::from_millis(250));
        }
        panic!("nothing may go");
    }

    /// Verifies everything and requires a verdict.
    pub(crate) fn verify(&self, verdict: &str) {
        let found = self.strongroom(&["verify", "--deep", "--json"]);
        let shown = String::from_utf8_lossy(&found.stdout).into_owned();
        assert_eq!(found.text("verdict"), verdict, "{shown}");
    }

    pub(crate) fn batch(&self) -> Batch {
        Batch::parse(&fs::read(self.folder().join("batch.json")).unwrap()).unwrap()
    }

    pub(crate) fn order(&self) -> String {
        self.batch().order.to_string()
    }

    /// The names below a prefix that stand for something.
    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        let listed = self.store().list(&format!("{prefix}/"), None, 1_000).unwrap();
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
        let left = |key: &ObjectKey| self.store().list_versions(key.as_str()).unwrap().len();
        batch.segments.iter().map(|one| left(&one.object)).sum()
    }

    fn store(&self) -> FileStore {
        let entropy = Dice::new(1, 2).into_closure();
        let root = self.folder().join("archive");
        FileStore::open(&root, Box::new(now), entropy).unwrap()
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
        let store: Arc<dyn LockedStore> = Arc::new(FaultyStore::new(self.store(), plan));
        let log = Log::open(store, self.keys()).unwrap().on_duty(Role::Remove);
        let policies =
            Policies::load(&**log.store(), log.covered(), log.state(), Labels::new()).unwrap();
        (log, policies)
    }

    pub(crate) fn store_list(log: &Log, list: &SegmentList) {
        Document::List.store(log, &list.encode()).unwrap();
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
fn policy() -> String {
    let today = now().to_string();
    let (today, _) = today.split_once('T').unwrap();
    let catalogue = Catalogue::shipped().unwrap().digest();
    format!(
        "schema: strongroom.policy/v1
metadata: {{name: test, version: 1, effective: {today}, transition: current, owner: records}}
catalogue: {{file: catalogue.yaml, digest: \"sha256:{catalogue}\"}}
defaults:
  zone: UTC
  fiscal_year_end: \"12-31\"
  max_future_skew: PT5M
  max_lock: P12Y
  grace: P0D
  review_sla: P14D
  sweep_every: P1D
  disposal: {{approval: two_person, roles: [legal, records], approval_ttl: P30D, certificate_retain: P6Y}}
streams:
  - id: trail
    title: Who changed what
    record_class: SEC-1
    match: {{stream: [trail]}}
    clock: event_time
    segment: {{max_span: PT24H}}
    lock: governance
    backfill: {{received_before: 2100-01-01, count_from: event_time, rationale: moved from elsewhere}}
    citations:
      - reg: pci-dss-10-5-1
"
    )
}
