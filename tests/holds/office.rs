//! What officers see of each other's acts, and that whoever is refused is on record.

use std::fs;
use std::path::Path;

use strongroom_crypto::json::Value;
use strongroom_tests::officers::Officer;
use strongroom_tests::program::{Output, strongroom};
use strongroom_tests::temp::copy_below;

use super::archive::{Bench, items, member, string};
use super::{ALICE, BOB, CAROL, found};

const PLACE: [&str; 7] = ["hold", "place", "m-1", "--stream", "app", "--matter", "Smith"];
const RELEASE: [&str; 5] = ["hold", "release", "m-1", "--reason", "Jones paid"];

/// Why each refusal of the log was made, as whom, and whether that officer's key signed.
fn refusals(bench: &Bench) -> Vec<(String, Value, String)> {
    let listed = bench.run(&["officers", "list", "--json"]).expect(0).json();
    let refused = items(&listed, "refused").iter();
    refused
        .map(|one| (string(one, "officer"), member(one, "signed").clone(), string(one, "why")))
        .collect()
}

fn verified(bench: &Bench) {
    let verdict = bench.run(&["verify", "--deep", "--json"]).expect(0).text("verdict");
    assert_eq!(verdict, "PASS");
}

#[test]
fn whoever_is_refused_is_on_record() {
    let bench = Bench::new();
    bench.act(ALICE, &PLACE).expect(0);
    bench.act(ALICE, &RELEASE).expect(0);
    let release = &RELEASE[..3];
    let with = |by: &'static str, key: &'static str| {
        [release, &["--officer", by, "--officer-key", key]].concat()
    };
    for (arguments, why) in [
        (with("o-9", "o-1"), "officer `o-9` is not registered"),
        (with("o-2", "o-1"), "not by the registered key of officer `o-2`"),
        (with("o-1", "o-1"), "officer `o-1` has signed this already"),
        (with("o-3", "o-3"), "role `legal` has signed this already"),
    ] {
        let refused = bench.run(&arguments).expect(2);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
        assert!(refused.stderr.contains("refused, recorded in entry"), "{}", refused.stderr);
    }
    // A signature over another statement.
    let other = bench.path().join("other");
    fs::write(&other, "another statement").unwrap();
    BOB.sign(&other);
    let stale = [release, &["--officer", "o-2", "--signature", "other.sig"]].concat();
    assert!(bench.run(&stale).expect(2).stderr.contains("refused, recorded in entry"));

    let (no, yes) = (Value::from(false), Value::from(true));
    let found: Vec<_> =
        refusals(&bench).into_iter().map(|(who, signed, _)| (who, signed)).collect();
    let expected = [("o-9", &no), ("o-2", &no), ("o-1", &yes), ("o-3", &yes), ("o-2", &no)];
    let expected = expected.map(|(who, signed)| (who.to_owned(), signed.clone()));
    assert_eq!(found, expected);
    let shown = bench.run(&["officers", "list"]).expect(0);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.matches("refused    hold.release").count(), 5, "{shown}");
    verified(&bench);

    // None of it kept the act from those who may.
    bench.act(BOB, release).expect(0);
    // What the log refuses is on record too.
    let again = bench.act(ALICE, &PLACE).expect(2);
    assert!(again.stderr.contains("hold `m-1` was released"), "{}", again.stderr);
    let event = ["clock", "record", "--stream", "app", "--event", "closed", "--force"];
    bench.act(ALICE, &[&event[..], &["--at", "2100-01-01T00:00:00Z"]].concat()).expect(2);
    let (who, signed, why) = refusals(&bench).pop().unwrap();
    assert_eq!((who.as_str(), &signed), ("o-1", &yes));
    assert!(why.contains("cannot be known"), "{why}");
    verified(&bench);
}

#[test]
fn a_mistake_in_typing_is_no_refusal() {
    let bench = Bench::new();
    let before = bench.run(&["status", "--json"]).expect(0).number("entries");
    bench.run(&PLACE).expect(2);
    let absent = ["--officer", "o-1", "--officer-key", "absent"];
    bench.run(&[&PLACE[..], &absent].concat()).expect(2);
    bench.act(ALICE, &["hold", "release", "m-7"]).expect(2);
    assert_eq!(bench.run(&["status", "--json"]).expect(0).number("entries"), before);
}

#[test]
fn a_test_archive_gets_its_officers_later_and_their_names_stay_out_of_the_log() {
    let bench = Bench::without_officers();
    let first = bench.act(ALICE, &PLACE).expect(2);
    assert!(first.stderr.contains("officers add"), "{}", first.stderr);
    let listed = String::from_utf8(bench.run(&["officers", "list"]).expect(0).stdout).unwrap();
    assert!(listed.contains("no officers") && listed.contains("officers add"), "{listed}");

    let officers = [ALICE, BOB, CAROL].map(|officer| officer.write(bench.path()));
    let add = [&["officers", "add"][..], &officers.each_ref().map(String::as_str)].concat();
    let alone = bench.act(ALICE, &add).expect(2);
    assert!(alone.stderr.contains("two officers in two roles at once"), "{}", alone.stderr);
    let statement = bench.path().join("officers.statement");
    bench.run(&[&add[..], &["--statement", statement.to_str().unwrap()]].concat()).expect(0);
    BOB.sign(&statement);
    let who = ["--name", "o-1=Ann Smith", "--name", "o-2=Bob Jones"];
    let with = |signed: &'static str| [&add[..], &who, &["--with", signed]].concat();
    let swapped = bench.act(ALICE, &with("o-3=officers.sig")).expect(2);
    assert!(
        swapped.stderr.contains("not signed by the key of officer `o-3`"),
        "{}",
        swapped.stderr
    );
    bench.act(ALICE, &with("o-2=officers.sig")).expect(0);
    bench.run(&["officers", "name", "o-3", "Carol Carolson"]).expect(0);

    let listed = bench.run(&["officers", "list", "--json"]).expect(0).json();
    let named: Vec<String> =
        items(&listed, "officers").iter().map(|one| string(one, "name")).collect();
    assert_eq!(named, ["Ann Smith", "Bob Jones", "Carol Carolson"]);
    for name in ["Smith", "Jones", "Carolson"] {
        assert!(!found(&bench.root(), name.as_bytes()), "{name} lies in the store");
    }
    // A name can be erased, and is nothing that anybody decides by.
    for place in ["records/officers", ".versions/records/officers"] {
        fs::remove_dir_all(bench.root().join(place)).unwrap();
    }
    let listed = bench.run(&["officers", "list", "--json"]).expect(0).json();
    assert!(items(&listed, "officers").iter().all(|one| *member(one, "name") == Value::Null));
    verified(&bench);
}

#[test]
fn what_is_signed_is_said_in_plain_words_and_what_cannot_be_read_is_not_signed() {
    let bench = Bench::new();
    bench.act(ALICE, &PLACE).expect(0);
    bench.act(ALICE, &RELEASE).expect(0);
    let listed = bench.run(&["officers", "list", "--json"]).expect(0).json();
    let digest = string(&items(&listed, "waiting")[0], "statement");
    let shown = bench.run(&["officers", "sign", &digest, "--preview"]).expect(0);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for said in ["hold.release", "m-1 ends, for good", "Jones paid", "until 20"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    let unknown = bench.path().join("unknown.statement");
    fs::write(&unknown, "{\"type\":\"hold.lift\",\"v\":1}").unwrap();
    let sign = ["officers", "sign", "--statement-file", unknown.to_str().unwrap()];
    let unread = bench.act(BOB, &sign).expect(2);
    assert!(unread.stderr.contains("is no statement of this archive"), "{}", unread.stderr);
    // The reason is gone: nobody knows any more what the second signature would say.
    let sealed = |name: &str| name.contains(".enc");
    remove_below(&bench.root().join("records"), &sealed);
    remove_below(&bench.root().join(".versions/records"), &sealed);
    for command in [&["officers", "sign", &digest][..], &RELEASE[..3]] {
        let unread = bench.act(BOB, command).expect(2);
        assert!(unread.stderr.contains("the reason was erased"), "{}", unread.stderr);
    }
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    assert_eq!(string(&items(&listed, "holds")[0], "state"), "active");
}

/// Removes the files below a folder whose path says so.
fn remove_below(folder: &Path, wanted: &impl Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            remove_below(&path, wanted);
        } else if wanted(path.to_str().unwrap()) {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn a_list_of_holds_says_who_placed_and_released_them_and_what_they_take_in() {
    let bench = Bench::new();
    bench.act(ALICE, &[&PLACE[..], &["--standing", "--custodian", "Ann"]].concat()).expect(0);
    let segment = bench.segments("app").remove(0).0;
    let listed = bench.run(&["hold", "list", "--segments", "--json"]).expect(0).json();
    let hold = &items(&listed, "holds")[0];
    assert_eq!(items(hold, "segment_list"), [Value::from(segment.as_str())]);
    let placed = &items(hold, "placed")[0];
    assert_eq!(items(placed, "signed"), [Value::from("o-1")]);
    let shown = bench.run(&["hold", "list", "--segments"]).expect(0);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for said in ["by o-1, entry", "scope       streams app, and new ones", segment.as_str()] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    bench.act(ALICE, &RELEASE).expect(0);
    bench.act(BOB, &RELEASE[..3]).expect(0);
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    let released = member(&items(&listed, "holds")[0], "released");
    assert_eq!(items(released, "signed"), ["o-1", "o-2"].map(Value::from));
    assert_eq!(string(released, "reason"), "Jones paid");
}

#[test]
fn a_hold_over_a_time_says_what_it_may_miss() {
    let bench = Bench::new();
    let past = ["--from", "2020-01-01T00:00:00Z", "--until", "2020-02-01T00:00:00Z"];
    let place = [&PLACE[..], &past].concat();
    let missed = bench.act(ALICE, &place).expect(2);
    assert!(missed.stderr.contains("1 segment of these streams came at"), "{}", missed.stderr);
    let web = bench.segments("web").remove(0).0;
    let held = bench.act(ALICE, &[&place[..], &["--segment", &web, "--json"]].concat()).expect(0);
    assert!(held.stderr.contains("not held, with 2 events"), "{}", held.stderr);
    assert_eq!((held.number("segments"), held.text("outcome")), (1, "entered".to_owned()));
    let untimed = held.json();
    assert_eq!(*member(member(&untimed, "untimed"), "segments"), 1.into());
    // Without times nothing is missed.
    let all = bench.act(ALICE, &[&PLACE[..], &["--json"]].concat()).expect(0).json();
    assert_eq!(*member(member(&all, "untimed"), "segments"), 0.into());
}

#[test]
fn an_event_that_nothing_waits_for_is_recorded_only_by_force() {
    let bench = Bench::new();
    let event = |stream, name| {
        ["clock", "record", "--stream", stream, "--event", name, "--at", "2026-01-01T00:00:00Z"]
    };
    let unknown = bench.act(ALICE, &event("ap", "closed")).expect(2);
    assert!(unknown.stderr.contains("nothing is known of stream `ap`"), "{}", unknown.stderr);
    let nothing = bench.act(ALICE, &event("app", "closed")).expect(2);
    assert!(nothing.stderr.contains("no policy waits for an event"), "{}", nothing.stderr);
    let listed = bench.run(&["clock", "list", "--json"]).expect(0).json();
    assert_eq!(items(&listed, "clocks"), []);
    let forced = [&event("app", "closed")[..], &["--force", "--json"]].concat();
    // It lies over a month back, which takes two.
    for (officer, outcome) in [(ALICE, "waiting"), (BOB, "entered")] {
        let said = bench.act(officer, &forced).expect(0);
        assert_eq!(
            (said.text("act"), said.text("outcome")),
            ("clock.event".into(), outcome.into())
        );
    }
}

/// What came of an act, of which everything is said that is said of every act.
fn act_and_outcome(said: &Output) -> (String, String) {
    let value = said.json();
    for name in ["act", "digest", "entry", "next", "officer", "outcome"] {
        member(&value, name);
    }
    (said.text("act"), said.text("outcome"))
}

#[test]
fn what_enters_nothing_says_the_same_things_in_json() {
    let bench = Bench::new();
    bench.act(ALICE, &PLACE).expect(0);
    bench.act(ALICE, &RELEASE).expect(0);
    let listed = bench.run(&["officers", "list", "--json"]).expect(0).json();
    let digest = string(&items(&listed, "waiting")[0], "statement");
    let log = bench.run(&["status", "--json"]).expect(0).number("entries");
    let place = [&PLACE[..], &["--preview"]].concat();
    let sign = ["officers", "sign", &digest, "--preview"];
    for (arguments, act, outcome) in [
        (&place[..], "hold.place", "previewed"),
        (&sign[..], "hold.release", "previewed"),
        (&["officers", "name", "o-1", "Alice"], "officers.name", "named"),
    ] {
        let said = bench.run(&[arguments, &["--json"]].concat()).expect(0);
        assert_eq!(act_and_outcome(&said), (act.into(), outcome.into()));
        assert_eq!(*member(&said.json(), "entry"), Value::Null);
    }
    let said = bench.run(&[&sign[..], &["--json"]].concat()).expect(0);
    assert_eq!(said.text("digest"), digest);
    assert_eq!(bench.run(&["status", "--json"]).expect(0).number("entries"), log);
}

#[test]
fn every_act_says_the_same_things_in_json() {
    let bench = Bench::new();
    let json = |officer: Officer, arguments: &[&str]| {
        let said = bench.act(officer, &[arguments, &["--json"]].concat()).expect(0);
        let (act, outcome) = act_and_outcome(&said);
        (act, outcome, said.number("entry"))
    };
    let size = || bench.run(&["status", "--json"]).expect(0).number("entries");
    let remove = ["officers", "remove", "o-3"];
    assert_eq!(json(ALICE, &PLACE), ("hold.place".into(), "entered".into(), size() - 1));
    assert_eq!(json(ALICE, &RELEASE), ("hold.release".into(), "waiting".into(), size() - 1));
    assert_eq!(json(BOB, &RELEASE[..3]), ("hold.release".into(), "entered".into(), size() - 1));
    assert_eq!(json(ALICE, &remove), ("officers.set".into(), "waiting".into(), size() - 1));
    let listed = bench.run(&["officers", "list", "--json"]).expect(0).json();
    let digest = string(&items(&listed, "waiting")[0], "statement");
    let sign = ["officers", "sign", &digest];
    assert_eq!(json(BOB, &sign), ("officers.set".into(), "entered".into(), size() - 1));
}

#[test]
fn a_copy_shows_what_officers_decided() {
    let bench = Bench::new();
    bench.act(ALICE, &PLACE).expect(0);
    bench.act(ALICE, &RELEASE).expect(0);
    let copy = bench.path().join("copy");
    copy_below(&bench.root(), &copy);
    let to = format!("file://{}", copy.display());
    for (command, said) in [
        (&["officers", "list"][..], "waiting    hold.release"),
        (&["hold", "list"], "m-1"),
        (&["policy", "show"], "no policy"),
        (&["clock", "list"], "nothing was recorded"),
        (&["disposition", "list"], "no orders"),
    ] {
        let target = ["--to", &to, "--key", "store.key"];
        let shown = strongroom(bench.path(), &[command, &target].concat()).expect(0);
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains(said), "{command:?}: {shown}");
    }
}

#[test]
fn an_act_that_was_overtaken_is_shown_as_dead() {
    let bench = Bench::new();
    let remove = ["officers", "remove", "o-1"];
    bench.act(ALICE, &remove).expect(0);
    let other = Officer { id: "o-4", role: "risk", seed: 4 }.write(bench.path());
    let add = ["officers", "add", &other];
    bench.act(ALICE, &add).expect(0);
    bench.act(BOB, &add).expect(0);
    let listed = bench.run(&["officers", "list", "--json"]).expect(0).json();
    assert_eq!(items(&listed, "waiting"), []);
    let dead = &items(&listed, "dead")[0];
    assert_eq!(string(dead, "standing"), "superseded");
    let event = ["clock", "record", "--stream", "app", "--event", "closed", "--force", "--at"];
    let record = |at: &'static str, more: &[&'static str]| [&event[..], &[at], more].concat();
    for officer in [ALICE, BOB] {
        bench.act(officer, &record("2026-05-01T00:00:00Z", &[])).expect(0);
    }
    bench.act(ALICE, &record("2026-04-01T00:00:00Z", &["--earlier"])).expect(0);
    for officer in [CAROL, BOB] {
        bench.act(officer, &record("2026-03-01T00:00:00Z", &["--earlier"])).expect(0);
    }
    // One that starts a clock, which another one started since.
    let start = |at: &'static str| {
        ["clock", "record", "--stream", "app", "--event", "left", "--force", "--at", at]
    };
    bench.act(ALICE, &start("2026-03-01T00:00:00Z")).expect(0);
    for officer in [CAROL, BOB] {
        bench.act(officer, &start("2026-02-01T00:00:00Z")).expect(0);
    }
    // A release of a hold that was placed again: who signed it did not know all that it holds.
    bench.act(ALICE, &PLACE).expect(0);
    bench.act(ALICE, &RELEASE).expect(0);
    bench.act(BOB, &PLACE).expect(0);
    let shown = bench.run(&["officers", "list"]).expect(0);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("superseded officers.set"), "{shown}");
    assert_eq!(shown.matches("superseded clock.event").count(), 2, "{shown}");
    assert!(shown.contains("superseded hold.release"), "{shown}");
    assert!(!shown.contains("waiting"), "{shown}");
}
