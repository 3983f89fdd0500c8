//! The whole certificate of a second disposal, member by member: what is said of who, when, why, what
//! and how, by what the log, the policy and the batch say of it.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use strongroom_archiver::disposition::certificate::Entered;
use strongroom_archiver::disposition::history::{History, Ordered};
use strongroom_archiver::document::Document;
use strongroom_archiver::log::{Log, visit};
use strongroom_archiver::store::ObjectKey;
use strongroom_crypto::entry::{EntryKind, Verdict};
use strongroom_crypto::json::{Members, Value, array, object, parse, text};
use strongroom_crypto::keys::Role;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, b64};
use strongroom_retention::catalogue::Catalogue;
use strongroom_tests::clock::now;
use strongroom_tests::program::strongroom;

use crate::scene::Scene;

/// What the catalogue says of where the rule is written.
const CITATION: &str = "PCI DSS 10.5.1 (10.3 protection of logs)";

/// What may be left of what is destroyed.
const COPIES: [&str; 3] = [
    "replicas of the store: version deletes are not replicated",
    "backups of the key file and of the store",
    "copies that were exported or read before",
];

#[test]
fn a_certificate_says_all_of_it() {
    let scene = Scene::new("certificate");
    scene.approve_batch();
    let first = scene.run(&["execute", "batch.json", "--json"]).expect(0).text("certificate");
    scene.seal("trail", "more");
    scene.approve_batch();
    scene.interrupt_at_deletion();
    // Who approved is an officer no more when it is carried out, and was one.
    for officer in ["ada", "cy"] {
        scene.act(officer, &["officers", "remove", "ben"]).expect(0);
    }
    let begun = now();
    scene.run(&["execute", &scene.order(), "--json"]).expect(0);
    let ended = now();
    let certificate = scene.certificate(&scene.order());
    let times = [("time", "local"), ("time", "store"), ("verification", "at")];
    let times = times.map(|(of, name)| string(member(member(&certificate, of), name)));
    for time in &times {
        let at: Timestamp = time.parse().unwrap();
        // Its milliseconds are cut off.
        assert!(begun.as_millisecond() <= at.as_millisecond() && at <= ended, "{at}");
    }
    let expected = expected(&scene, &first, &times);
    let (found, expected) = (lines(&certificate), lines(&expected));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
    must_be_documented(&certificate);
    scene.verify("PASS");
}

/// The certificate of the batch, given that before it and the times of its run.
fn expected(scene: &Scene, before: &str, [local, store, verified]: &[String; 3]) -> Value {
    let (batch, keys) = (scene.batch(), scene.keys());
    let (log, _) = scene.open(Vec::new());
    let history = History::read(&log, &keys).unwrap();
    let ordered = history.order(&batch.order).unwrap();
    let list = ordered.order.list;
    let seal = &history.seals[&batch.segments[0].id].1;
    let hold_check =
        object([("at", text(ordered.at)), ("hold_epoch", 0.into()), ("result", "no hold".into())]);
    let key = object([
        ("fate", "destroyed".into()),
        ("key", format!("keys/period/{}", seal.period_key).into()),
        ("until", Value::Null),
    ]);
    let place = object([
        ("method", "version delete and key destroyed".into()),
        ("url", scene.ground.url.as_str().into()),
    ]);
    let verification = object([
        ("at", verified.as_str().into()),
        ("left", array::<Value>([])),
        ("method", "lists of versions and of unfinished uploads".into()),
    ]);
    let dates = object([
        ("from", "2020-03-01T10:00:00.000Z".into()),
        ("to", "2020-03-03T10:00:00.000Z".into()),
    ]);
    object([
        ("approvals", approvals(scene, &log, ordered)),
        ("approved_by", "officers".into()),
        ("archive_id", text(keys.archive_id())),
        ("catalogue", text(catalogue())),
        ("certificate_before", before.into()),
        (
            "data_subjects",
            unknown("count", "events are not searched for the persons whom they are about"),
        ),
        ("events", 3.into()),
        ("exceptions", array::<Value>([])),
        ("executor", executor(scene)),
        ("hold_check", hold_check),
        ("id", text(&batch.order)),
        ("inclusive_dates", dates),
        ("keys", array([key])),
        ("list", text(list)),
        ("list_object", format!("lists/{list}.json").into()),
        ("not_covered", array(COPIES)),
        ("order", text(&batch.order)),
        ("order_at", text(ordered.at)),
        ("order_entry", ordered.index.into()),
        ("organisation", organisation()),
        ("places", array([place])),
        ("policy", text(policy(scene))),
        ("policy_name", "test".into()),
        ("policy_version", 1.into()),
        ("residual_copies", array(COPIES.map(residual))),
        ("segment_bytes", batch.bytes().into()),
        ("segment_count", 1.into()),
        ("segments", array([segment(scene, &history)])),
        ("series", array([series(scene)])),
        ("time", object([("local", local.as_str().into()), ("store", store.as_str().into())])),
        ("uploads_aborted", 0.into()),
        ("v", 1.into()),
        ("verification", verification),
        ("versions", 1.into()),
    ])
}

fn executor(scene: &Scene) -> Value {
    let software = strongroom(scene.folder(), &["--version"]).expect(0).stdout;
    object([
        ("key_id", text(scene.keys().role(Role::Remove).id())),
        ("role", "remove".into()),
        ("software", String::from_utf8(software).unwrap().trim().into()),
    ])
}

fn organisation() -> Value {
    let reason = "an archive is not told the name of its organisation";
    let Value::Object(mut members) = unknown("name", reason) else { panic!("no object") };
    members.insert("policy_owner", "records");
    Value::Object(members)
}

fn residual(copy: &str) -> Value {
    let unknown = unknown("expires", "the archive does not know of them");
    let Value::Object(mut members) = unknown else { panic!("no object") };
    members.insert("copy", copy);
    Value::Object(members)
}

fn unknown(name: &str, reason: &str) -> Value {
    object([(name, Value::Null), ("reason", reason.into())])
}

fn segment(scene: &Scene, history: &History) -> Value {
    let batch = scene.batch();
    let one = &batch.segments[0];
    object([
        ("bytes", one.bytes.into()),
        ("citation", CITATION.into()),
        ("class", "sec-1".into()),
        ("class_at_seal", "sec-1".into()),
        ("deciding_rule", "pci-dss-10-5-1".into()),
        ("entry", history.seals[&one.id].0.into()),
        ("events", 3.into()),
        ("id", text(one.id)),
        ("keep_until", "2021-03-04T00:00:00.000Z".into()),
        ("must_go_by", Value::Null),
        ("object", text(&one.object)),
        ("policy", text(policy(scene))),
        ("schedule_item", "trail".into()),
        ("sha256", text(one.sha256)),
        ("stream", "trail".into()),
        ("versions", array(one.versions.iter().map(text))),
    ])
}

fn series(scene: &Scene) -> Value {
    let citation = object([
        ("citation", CITATION.into()),
        ("max", Value::Null),
        ("min", "P1Y".into()),
        ("rule", "pci-dss-10-5-1".into()),
        ("weight", "binding".into()),
    ]);
    object([
        ("catalogue", text(catalogue())),
        ("citations", array([citation])),
        ("class", "sec-1".into()),
        ("policy", text(policy(scene))),
        ("policy_name", "test".into()),
        ("policy_version", 1.into()),
        ("schedule_item", "trail".into()),
        ("title", "Who changed what".into()),
    ])
}

/// The two that signed, by their own entries and with the signatures of the order.
fn approvals(scene: &Scene, log: &Log, ordered: &Ordered) -> Value {
    let mut said = Vec::new();
    visit(&**log.store(), &scene.keys(), log.covered(), |index, entry, _| {
        let at = entry.at();
        if let EntryKind::OfficerAct(act) = entry.into_kind()
            && act.act.to_string() == "disposition.order"
            && act.verdict == Verdict::Approve
        {
            said.push((index, at));
        }
    })
    .unwrap();
    // Two of the first batch, two of this one: of `ada`, and then of `ben`.
    let [_, _, ada, ben] = said[..] else { panic!("{said:?}") };
    let signed = ordered.order.signatures.iter().collect::<Vec<_>>();
    let of = |place: usize, role: &str, (entry, at): (u64, Instant)| {
        object([
            ("at", text(at)),
            ("entry", entry.into()),
            ("officer", text(&signed[place].officer)),
            ("role", role.into()),
            ("sig", b64::encode(&signed[place].sig).into()),
        ])
    };
    assert_eq!(signed.iter().map(|one| one.officer.as_str()).collect::<Vec<_>>(), ["ada", "ben"]);
    array([of(0, "records", ada), of(1, "legal", ben)])
}

fn policy(scene: &Scene) -> Digest {
    Digest::of(&fs::read(scene.folder().join("policy-1.yaml")).unwrap())
}

fn catalogue() -> Digest {
    Catalogue::shipped().unwrap().digest()
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    let Value::Object(members) = value else { panic!("{value:?} is no object") };
    members.get(name).unwrap_or_else(|| panic!("no `{name}`: {value:?}"))
}

fn string(value: &Value) -> String {
    let Value::Text(text) = value else { panic!("{value:?} is no text") };
    text.clone()
}

/// A member on each line, so that a difference is seen.
fn lines(value: &Value) -> Vec<String> {
    let Value::Object(members) = value else { panic!("{value:?} is no object") };
    let canonical = |value: &Value| String::from_utf8(value.to_canonical()).unwrap();
    members.iter().map(|(name, value)| format!("{name}: {}", canonical(value))).collect()
}

/// Requires the design to speak of every member.
fn must_be_documented(value: &Value) {
    let design = concat!(env!("CARGO_MANIFEST_DIR"), "/../archiver/DESIGN.md");
    let design = fs::read_to_string(design).unwrap();
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(members) => {
                for (name, value) in members.iter() {
                    assert!(design.contains(&format!("`{name}`")), "`{name}` is not documented");
                    rest.push(value);
                }
            }
            Value::Array(items) => rest.extend(items),
            _ => {}
        }
    }
}

impl Scene {
    /// Proposes what may go, waits until its key may go with it, and has it approved.
    fn approve_batch(&self) {
        let _ = fs::remove_file(self.folder().join("batch.json"));
        self.propose();
        for name in self.names("keys/period") {
            let head = self.ground.store().head(&ObjectKey::new(name).unwrap(), None).unwrap();
            let until = head.unwrap().lock.unwrap().until;
            while now() <= until {
                sleep(Duration::from_millis(250));
            }
        }
        self.approve("ada", "ada").expect(0);
        self.approve("ben", "ben").expect(0);
    }

    /// The certificate of an order.
    pub(crate) fn certificate(&self, order: &str) -> Value {
        let shown = self.run(&["verify", order, "--json"]).expect(0).json();
        member(&shown, "certificate").clone()
    }
}

/// Whoever may enter a certificate cannot say in it what the log does not say.
#[test]
fn a_certificate_that_says_anything_else_is_found_out() {
    let scene = Scene::new("forged-certificate");
    scene.propose();
    for officer in ["ada", "ben"] {
        scene.approve(officer, officer).expect(0);
    }
    scene.run(&["execute", "batch.json"]).expect(0);
    let (log, _) = scene.open(Vec::new());
    let history = History::read(&log, &scene.keys()).unwrap();
    let ordered = history.order(&scene.batch().order).unwrap();
    let digest = ordered.certified.unwrap().certificate;
    let bytes = Document::Certificate.load(&**log.store(), log.covered(), digest).unwrap().unwrap();
    let (order, index, at) = (&ordered.order, ordered.index, ordered.at);
    let entered = Entered { state: &history.state, order, index, at };
    let seals = history.sealed(ordered).unwrap();
    assert_eq!(entered.differences(&bytes, &seals).unwrap(), Vec::<String>::new());
    let Value::Object(whole) = parse(&bytes, bytes.len()).unwrap() else { panic!("no object") };
    let is_sound = |changed: Members| {
        let bytes = Value::Object(changed).to_canonical();
        entered.differences(&bytes, &seals).is_ok_and(|found| found.is_empty())
    };
    // What the run alone knows, and what policies decide.
    let free = [
        "certificate_before",
        "data_subjects",
        "exceptions",
        "executor",
        "not_covered",
        "organisation",
        "policy_name",
        "residual_copies",
        "series",
        "time",
        "uploads_aborted",
        "verification",
        "versions",
    ];
    for (name, _) in whole.iter() {
        let mut changed = whole.clone();
        changed.insert(name, "another");
        assert_eq!(is_sound(changed), free.contains(&name), "{name}");
        let mut without = whole.clone();
        without.remove(name);
        assert!(!is_sound(without), "{name}");
    }
    let mut more = whole.clone();
    more.insert("approved_by_the_pope", true);
    assert!(!is_sound(more));
    let mut keyless = whole.clone();
    keyless.insert("keys", array::<Value>([]));
    assert!(!is_sound(keyless));
}
