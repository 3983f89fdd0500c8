//! What is lost or spoiled of a batch that was never ordered keeps nobody from anything else.

use std::fs;

use jiff::SignedDuration;
use strongroom_archiver::act::dossier::{Standing, dossiers};
use strongroom_archiver::store::{Covered, ObjectKey};
use strongroom_crypto::time::Instant;
use strongroom_tests::clock::now;

use super::reviews::{items, string, text};
use super::scene::Scene;

const PRICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/prices.yaml");

impl Scene {
    /// The digest of what waits for a signature.
    fn waiting(&self) -> String {
        let listed = self.strongroom(&["officers", "list", "--json"]).expect(0).json();
        string(&items(&listed, "waiting")[0], "statement")
    }

    /// Requires every report and an explanation to be made, and says what is said beside them.
    fn reported(&self) -> String {
        for report in [&["cost", "--prices", PRICES][..], &["pci-10.5.1"]] {
            self.strongroom(&[&["report"], report].concat()).expect(0);
        }
        let notes = |report: &str| {
            let made = self.strongroom(&["report", report, "--json"]).expect(0).json();
            format!("{:?}", items(&made, "notes"))
        };
        let said = [notes("retention"), notes("dispositions")];
        let explain = ["policy", "explain", "--segment", &self.segment_id()];
        let explained = self.strongroom(&explain).expect(0).stderr;
        for beside in said.iter().chain([&explained]) {
            assert!(beside.contains("statement or list"), "{beside}");
        }
        said.concat()
    }
}

#[test]
fn a_list_that_is_lost_is_named_and_nothing_else_fails() {
    let scene = Scene::new("lost-list");
    scene.propose();
    let no = ["review", "batch.json", "--verdict", "reject", "--reason", "wait"];
    scene.sign(&no, "cy", "cy").expect(0);
    let rejected = scene.order();
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    let waiting = scene.waiting();
    for place in ["archive/lists", "archive/.versions/lists"] {
        fs::remove_dir_all(scene.folder().join(place)).unwrap();
    }
    assert!(scene.reported().contains(&waiting));
    let again = scene.run(&["propose", "-o", "again.json"]).expect(0);
    let why = format!("the list of batch `{rejected}`, which an officer said no to, is missing");
    assert!(again.stderr.contains(&why), "{}", again.stderr);
    let shown = text(scene.strongroom(&["officers", "sign", &waiting, "--preview"]));
    assert!(shown.contains("unreadable  the list of segments `lists/"), "{shown}");
    let unsigned = scene.act("ben", &["officers", "sign", &waiting]).expect(2);
    assert!(unsigned.stderr.contains("nothing was signed"), "{}", unsigned.stderr);
    // Whoever has the batch puts the list back.
    scene.approve("ben", "ben").expect(0);
    scene.run(&["execute", "batch.json"]).expect(0);
}

#[test]
fn a_statement_that_is_spoiled_hides_no_other() {
    let scene = Scene::new("spoiled");
    for spoil in [false, true] {
        scene.propose();
        scene.approve("ada", "ada").expect(0);
        let statement = scene.waiting();
        let name = format!("records/{statement}.json");
        let key = ObjectKey::new(name.as_str()).unwrap();
        let version = &scene.ground.versions(&key)[0];
        if spoil {
            fs::write(scene.folder().join("archive").join(&name), "{}").unwrap();
        } else {
            scene.ground.delete(&key, version);
            scene.ground.plant(&key, b"{}");
        }
        assert!(scene.reported().contains(&statement), "{spoil}");
    }
    let report = scene.strongroom(&["report", "dispositions", "--json"]).expect(0).json();
    let states: Vec<String> =
        items(&report, "rows").iter().map(|row| string(row, "state")).collect();
    assert_eq!(states, ["unreadable", "unreadable"]);
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    let states = scene.strongroom(&["report", "retention", "--segments", "--json"]).expect(0);
    assert_eq!(string(&items(&states.json(), "rows")[0], "state"), "APPROVED");
}

#[test]
fn a_change_of_officers_that_nobody_signed_in_time_is_dead() {
    let scene = Scene::new("late-officers");
    scene.act("ada", &["officers", "remove", "cy"]).expect(0);
    let statement = scene.waiting();
    let shown = text(scene.strongroom(&["officers", "sign", &statement, "--preview"]));
    assert!(shown.contains("counts      until 20"), "{shown}");
    let store = scene.ground.store();
    let (state, found) = dossiers(&*store, &scene.keys(), &Covered::default()).unwrap();
    let dossier = found.iter().find(|one| one.digest.to_string() == statement).unwrap();
    let standing = |days: i64| {
        let at = now() + SignedDuration::from_hours(24 * days);
        dossier.standing(&state, Instant::from_unix_ms(at.as_millisecond()).unwrap())
    };
    assert_eq!(standing(29), Standing::Waiting);
    assert!(matches!(standing(31), Standing::Expired(_)), "{:?}", standing(31));
}
