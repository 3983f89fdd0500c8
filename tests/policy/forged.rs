//! An entry says of a policy what its file says, or nothing is decided with it.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::Duration;

use strongroom_archiver::document::Document;
use strongroom_archiver::log::{Item, Log};
use strongroom_archiver::plan::{Change, MAX_PLAN_BYTES, Plan};
use strongroom_archiver::policies::{Labels, Policies};
use strongroom_archiver::store::file::FileStore;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::{EntryKind, PolicySet};
use strongroom_crypto::json::{Value, parse, text};
use strongroom_crypto::keys::{KeyFile, RoleKey};
use strongroom_crypto::officer::{OfficerSignature, Signatures};
use strongroom_retention::catalogue::Catalogue;
use strongroom_tests::clock::now;
use strongroom_tests::entropy::Dice;

use crate::office::{OFFICERS, Office, Stream, today};
use crate::{DONE, INPUT};

/// Makes an entry say something else.
type Forge = fn(&mut PolicySet);

/// Longest plan in bytes.
const MAX_PLAN: usize = 1 << 16;

fn open(office: &Office) -> Log {
    let (root, key) = (office.path().join("store"), office.path().join("store.key"));
    let keys = Arc::new(KeyFile::parse(&fs::read_to_string(key).unwrap()).unwrap());
    let store = FileStore::open(&root, Box::new(now), Dice::new(5, 1).into_closure()).unwrap();
    Log::open(Arc::new(store), keys).unwrap()
}

/// Enters a planned policy with two officers' signatures under what `forge` makes of its entry.
fn enter(office: &Office, forge: impl Fn(&mut PolicySet)) {
    let mut log = open(office);
    let plan = fs::read(office.path().join("plan-1")).unwrap();
    let set = Plan::read(&plan).unwrap().set;
    let mut entry = PolicySet {
        catalogue: set.catalogue,
        effective: set.effective,
        expires_at: set.expires_at,
        plan: Digest::of(&plan),
        policy: set.policy,
        pre_approved: set.pre_approved,
        roles: set.roles,
        signatures: Signatures::default(),
        supersedes: set.supersedes,
        version: set.version,
    };
    forge(&mut entry);
    let policy = fs::read(office.path().join("policy-1.yaml")).unwrap();
    Document::Policy.store(&log, &policy).unwrap();
    Document::Catalogue.store(&log, Catalogue::shipped_text().as_bytes()).unwrap();
    Document::Catalogue.store(&log, other_law().as_bytes()).unwrap();
    let kind = EntryKind::PolicySet(Box::new(entry));
    let statement = Digest::of(&kind.statement(log.state().archive_id()));
    let sign = |officer: usize| {
        let officer = OFFICERS[officer];
        let key = RoleKey::from_seed(&[officer.seed; 32]);
        OfficerSignature::sign(&key, officer.id.parse().unwrap(), statement)
    };
    let kind = kind.with_signatures(Signatures::new(vec![sign(0), sign(1)]).unwrap());
    let item = Item { kind, beside: None };
    assert!(log.append(&[item], None, &mut Dice::new(5, 2)).unwrap().is_empty());
}

/// The catalogue of the program with another title.
fn other_law() -> String {
    format!("{}# another\n", Catalogue::shipped_text())
}

fn planned() -> Office {
    planned_in(Office::new())
}

fn planned_in(office: Office) -> Office {
    office.archive("a", 2);
    office.plan(1, &[Stream::governance("P1Y")]).expect(DONE);
    office
}

#[test]
fn an_entry_that_says_more_than_its_policy_decides_nothing() {
    let forgeries: [(&str, Forge); 6] = [
        ("pre_approved", |entry| entry.pre_approved = vec!["app".parse().unwrap()]),
        ("roles", |entry| entry.roles = ["legal".parse().unwrap(), "risk".parse().unwrap()]),
        ("version", |entry| entry.version = 7),
        ("effective", |entry| {
            entry.effective = entry.effective.saturating_add_ms(24 * 3_600_000);
        }),
        ("effective", |entry| {
            entry.effective = entry.effective.saturating_add_ms(-48 * 3_600_000);
        }),
        ("catalogue", |entry| entry.catalogue = Digest::of(other_law().as_bytes())),
    ];
    for (member, forge) in forgeries {
        let office = planned();
        enter(&office, forge);
        let found = office.run(&["verify", "--json"]).output.expect(1);
        let says = format!("says another `{member}` than policy");
        let shown = String::from_utf8_lossy(&found.stdout).into_owned();
        assert!(shown.contains(&says) && found.text("verdict") == "FAIL", "{member}: {shown}");
        let before = office.locks("segments/");
        for command in [&["sweep", "--duty", "lock"][..], &["archive", "--stream=app", "a.ndjson"]]
        {
            let refused = office.run(command).output.expect(1);
            assert!(refused.stderr.contains(&says), "{member}: {}", refused.stderr);
        }
        assert_eq!(office.locks("segments/"), before);
        office.run(&["status"]).expect(DONE);
    }
}

#[test]
fn locks_roll_on_where_nothing_can_be_decided() {
    let office = planned_in(Office::with_settling("PT6S"));
    enter(&office, |entry| entry.version = 7);
    for command in [&["sweep", "--duty", "lock"][..], &["archive", "--stream=app", "a.ndjson"]] {
        let before = office.locks("segments/");
        sleep(Duration::from_secs(4));
        let refused = office.run(command).output.expect(1);
        assert!(refused.stderr.contains("says another `version`"), "{}", refused.stderr);
        let after = office.locks("segments/");
        assert!(before.iter().all(|(name, lock)| after[name].1 > lock.1), "{before:?} {after:?}");
    }
}

#[test]
fn the_same_entry_as_its_policy_says_it_is_in_force() {
    let office = planned();
    enter(&office, |_| {});
    assert_eq!(office.verify(), "PASS");
    office.sweep();
}

#[test]
fn a_policy_of_another_line_is_no_first_policy() {
    let office = planned();
    let file = office.path().join("policy-1.yaml");
    let policy = fs::read_to_string(&file).unwrap();
    let before = Digest::of(b"another policy");
    let line = format!("  version: 1\n  supersedes: sha256:{before}\n");
    let policy = policy.replacen("  version: 1\n", &line, 1);
    fs::write(&file, &policy).unwrap();
    enter(&office, |entry| entry.policy = Digest::of(policy.as_bytes()));
    let found = office.run(&["verify", "--json"]).output.expect(1);
    let shown = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(shown.contains("says another `supersedes` than policy"), "{shown}");
}

#[test]
fn a_plan_that_says_more_than_its_policy_is_not_signed() {
    let office = planned();
    let path = office.path().join("plan-1");
    let plan = fs::read(&path).unwrap();
    let doctored = |member: &str, value: Value| {
        let Ok(Value::Object(mut members)) = parse(&plan, MAX_PLAN) else { panic!("no plan") };
        assert!(members.remove(member).is_some(), "{member}");
        members.insert(member, value);
        fs::write(&path, Value::Object(members).to_canonical()).unwrap();
        for said in [office.approve(1, "ann", "ann"), office.apply(1, &[])] {
            let output = said.output.expect(INPUT);
            assert!(output.stderr.contains("what its file does not say"), "{}", output.stderr);
        }
    };
    doctored("pre_approved", Value::Array(vec!["app".into()]));
    doctored("roles", Value::Array(vec!["legal".into(), "risk".into()]));
    doctored("expires_at", text("2099-01-01T00:00:00.000Z"));
    doctored("effective", text(format_args!("{}T00:00:00.000Z", today())));
    fs::write(&path, &plan).unwrap();
    office.approve(1, "ann", "ann").expect(DONE);
}

#[test]
fn a_plan_is_never_longer_than_can_be_read() {
    let office = planned();
    let log = open(&office);
    let basis = Plan::read(&fs::read(office.path().join("plan-1")).unwrap()).unwrap();
    let (store, covered) = (&**log.store(), log.covered());
    let policies = Policies::load(store, covered, log.state(), Labels::new()).unwrap();
    let change = Change { before: &policies, after: &policies };
    let make = |bytes| Plan::make(&log, change, basis.clone(), vec!["x".repeat(bytes)]);
    // As one of 15,000 streams.
    let plan = make(6 << 20).unwrap().to_json().to_canonical();
    assert_eq!(Plan::read(&plan).unwrap(), basis);
    let error = make(MAX_PLAN_BYTES).unwrap_err().to_string();
    assert!(error.contains(&format!("more than {MAX_PLAN_BYTES} bytes")), "{error}");
}

#[test]
fn a_catalogue_that_changes_meanwhile_is_stored_as_it_was_checked() {
    let office = Office::new();
    office.archive("a", 2);
    office.write_policy(1, today(), &[Stream::governance("P1Y")]);
    let (file, law) = (office.path().join("policy-1.yaml"), other_law());
    let policy = fs::read_to_string(&file).unwrap();
    let shipped = Digest::of(Catalogue::shipped_text().as_bytes()).to_string();
    let pinned = policy.replace(&shipped, &Digest::of(law.as_bytes()).to_string());
    fs::write(&file, pinned).unwrap();
    fs::write(office.path().join("law.yaml"), &law).unwrap();
    let with = |words: &[&str]| office.run(&[words, &["--catalogue", "law.yaml"]].concat());
    with(&["policy", "plan", "policy-1.yaml", "-o", "plan-1"]).expect(DONE);
    for officer in ["ann", "bob"] {
        let approve = ["policy", "approve", "plan-1", "--policy", "policy-1.yaml"];
        with(&[&approve[..], &["--officer", officer, "--officer-key", officer]].concat())
            .expect(DONE);
    }
    // The name leads to the catalogue once, and to another file from when it was opened.
    let (pipe, name) = (office.path().join("pipe"), office.path().join("law.yaml"));
    let (next, again) = (office.path().join("next"), format!("{law}# and again\n"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::remove_file(&name).unwrap();
    symlink(&pipe, &name).unwrap();
    fs::write(&next, again).unwrap();
    let written = thread::spawn(move || {
        let mut pipe = File::options().write(true).open(pipe).unwrap();
        fs::rename(next, name).unwrap();
        pipe.write_all(law.as_bytes()).unwrap();
    });
    office.apply(1, &["--catalogue", "law.yaml"]).expect(DONE);
    written.join().unwrap();
    assert_eq!(office.verify(), "PASS");
    office.sweep();
}
