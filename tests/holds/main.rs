//! Holds and clock events through the command line: what is held is held by the log first and by flags
//! after, by as many officers as it takes, and nobody's name is in it.

mod archive;
mod office;
mod sought;

use std::fs;
use std::path::Path;

use archive::{Bench, items, member, string};
use strongroom_tests::officers::Officer;

pub(crate) const ALICE: Officer = Officer { id: "o-1", role: "legal", seed: 1 };
pub(crate) const BOB: Officer = Officer { id: "o-2", role: "records", seed: 2 };
pub(crate) const CAROL: Officer = Officer { id: "o-3", role: "legal", seed: 3 };
use strongroom_archiver::verify::Mark;
use strongroom_crypto::json::Value;

/// Whether a file below a folder has these bytes in it.
fn found(folder: &Path, wanted: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return found(&path, wanted);
        }
        fs::read(path).unwrap().windows(wanted.len()).any(|part| part == wanted)
    })
}

#[test]
fn a_hold_stands_until_the_last_matter_is_released() {
    let bench = Bench::new();
    let place = ["hold", "place", "m-1", "--stream", "app", "--standing"];
    let matter = ["--matter", "Smith against Jones", "--custodian", "Ann Smith"];
    bench.act(ALICE, &[&place[..], &matter].concat()).expect(0);
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    let hold = &items(&listed, "holds")[0];
    assert_eq!((string(hold, "hold"), string(hold, "state")), ("m-1".into(), "active".into()));
    assert_eq!(*member(hold, "segments"), 1.into());
    let about = member(&items(hold, "placed")[0], "matter");
    assert_eq!(string(about, "matter"), "Smith against Jones");
    assert!(!found(&bench.root(), b"Smith"), "a name lies in the store");

    // A new segment is under it before its flag is.
    bench.seal("app", "three\n");
    bench.seal("web", "put\n");
    let (app, web) = (bench.segments("app"), bench.segments("web"));
    assert_eq!((app.len(), web.len()), (2, 2));
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    assert_eq!(*member(&items(&listed, "holds")[0], "segments"), 2.into());
    assert_eq!(bench.verified(0), [Mark::Pending; 4]);
    assert_eq!(bench.verified(1), [Mark::Fail; 4]);

    // Two segments, their manifests and their period key.
    assert_eq!(bench.sweep(), (5, 0));
    assert_eq!(bench.sweep(), (0, 0));
    assert_eq!(bench.verified(1), []);
    assert_eq!(app.iter().map(|one| bench.flags(one)).collect::<Vec<_>>(), [[true; 2]; 2]);
    assert_eq!(web.iter().map(|one| bench.flags(one)).collect::<Vec<_>>(), [[false; 2]; 2]);

    let second = ["hold", "place", "m-2", "--segment", &app[0].0, "--matter", "another"];
    bench.act(BOB, &second).expect(0);
    bench.act(ALICE, &["hold", "release", "m-1", "--reason", "settled"]).expect(0);
    let waiting = bench.run(&["officers", "list"]).expect(0);
    let waiting = String::from_utf8(waiting.stdout).unwrap();
    assert!(waiting.contains("waiting    hold.release"), "{waiting}");
    assert_eq!(bench.sweep(), (0, 0));
    bench.act(BOB, &["hold", "release", "m-1"]).expect(0);
    assert_eq!(bench.verified(0), [Mark::Info; 2]);
    // The second segment is free, the first one's other matter stands; they share a period key.
    assert_eq!(bench.sweep(), (0, 2));
    assert_eq!((bench.flags(&app[0]), bench.flags(&app[1])), ([true; 2], [false; 2]));

    bench.act(BOB, &["hold", "release", "m-2"]).expect(0);
    bench.act(CAROL, &["hold", "release", "m-2"]).expect(0);
    assert_eq!(bench.sweep(), (0, 3));
    assert_eq!(bench.flags(&app[0]), [false; 2]);
    // Nothing falls under it any more, and its id is spent.
    bench.seal("app", "four\n");
    assert_eq!(bench.sweep(), (0, 0));
    let again = bench.act(ALICE, &[&place[..], &matter].concat()).expect(2);
    assert!(again.stderr.contains("hold `m-1` was released"), "{}", again.stderr);
    bench.run(&["verify", "--deep"]).expect(0);
}

#[test]
fn whoever_may_not_sign_is_refused() {
    let bench = Bench::new();
    let place = ["hold", "place", "m-1", "--stream", "app", "--matter", "a"];
    let refused = |arguments: &[&str], reason: &str| {
        let output = bench.run(arguments).expect(2);
        assert!(output.stderr.contains(reason), "{}", output.stderr);
    };
    let signed = |by: &'static str, key: &'static str| {
        [&place[..], &["--officer", by, "--officer-key", key]].concat()
    };
    refused(&place, "nobody was named who signs");
    refused(&signed("o-9", "o-1"), "officer `o-9` is not registered");
    refused(&signed("o-1", "o-2"), "not by the registered key of officer `o-1`");
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    assert_eq!(items(&listed, "holds"), []);

    bench.act(ALICE, &place).expect(0);
    let release = ["hold", "release", "m-1"];
    bench.act(ALICE, &release).expect(0);
    let twice = bench.act(ALICE, &release).expect(2);
    assert!(twice.stderr.contains("officer `o-1` has signed this already"), "{}", twice.stderr);
    // Another of the same role does not make two roles.
    let same = bench.act(CAROL, &release).expect(2);
    assert!(same.stderr.contains("role `legal` has signed this already"), "{}", same.stderr);
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    assert_eq!(string(&items(&listed, "holds")[0], "state"), "active");
    bench.act(BOB, &release).expect(0);
    let over = bench.act(BOB, &release).expect(2);
    assert!(over.stderr.contains("hold `m-1` is not active"), "{}", over.stderr);
}

#[test]
fn a_scope_that_says_nothing_or_something_unknown_is_refused() {
    let bench = Bench::new();
    let unknown = "019b7e94-3db8-745e-b18c-193ffcbcaf5d";
    for (scope, reason) in [
        (&[][..], "nothing was named to hold"),
        (&["--segment", unknown], "is not live in this archive"),
        (&["--stream", "none"], "nothing is known of stream `none`"),
        (&["--until", "2020-01-01T00:00:00Z"], "no live segment is in scope"),
        (
            &["--from", "2020-01-02T00:00:00Z", "--until", "2020-01-01T00:00:00Z"],
            "`--from` lies after `--until`",
        ),
        (&["--segment", unknown, "--standing"], "would hold every stream"),
    ] {
        let place = [&["hold", "place", "m-1", "--matter", "a"][..], scope].concat();
        let output = bench.act(ALICE, &place).expect(2);
        assert!(output.stderr.contains(reason), "{}", output.stderr);
    }
    let preview = ["hold", "place", "m-1", "--from", "2020-01-01T00:00:00Z", "--preview"];
    let shown = String::from_utf8(bench.run(&preview).expect(0).stdout).unwrap();
    assert!(shown.contains("2 segments, 3 events"), "{shown}");
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    assert_eq!(items(&listed, "holds"), []);
}

#[test]
fn a_statement_is_signed_elsewhere_and_entered_from_its_file() {
    let bench = Bench::new();
    let statement = bench.path().join("hold.statement");
    let name = statement.to_str().unwrap();
    let place = ["hold", "place", "m-1", "--stream", "app", "--matter", "a"];
    bench.run(&[&place[..], &["--statement", name]].concat()).expect(0);
    ALICE.sign(&statement);
    let signature = bench.path().join("hold.sig");
    let signature = signature.to_str().unwrap();
    // The command itself would make another statement.
    let again = [&place[..], &["--officer", "o-1", "--signature", signature]].concat();
    assert!(bench.run(&again).expect(2).stderr.contains("differs each time"));

    let enter = ["officers", "sign", "--statement-file", name, "--signature", signature];
    let as_another = bench.run(&[&enter[..], &["--officer", "o-3"]].concat()).expect(2);
    assert!(as_another.stderr.contains("not by the registered key"), "{}", as_another.stderr);
    bench.run(&[&enter[..], &["--officer", "o-1"]].concat()).expect(0);
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    assert_eq!(*member(&items(&listed, "holds")[0], "segments"), 1.into());

    let text = fs::read_to_string(&statement).unwrap();
    fs::write(&statement, text.replace("m-1", "m-2")).unwrap();
    let other = bench.run(&[&enter[..], &["--officer", "o-1"]].concat()).expect(2);
    assert!(other.stderr.contains("not over this statement"), "{}", other.stderr);
    // Without its list a hold would leave every later order undecided.
    ALICE.sign(&statement);
    for place in ["lists", ".versions/lists"] {
        fs::remove_dir_all(bench.root().join(place)).unwrap();
    }
    bench.run(&[&enter[..], &["--officer", "o-1"]].concat()).expect(1);
}

#[test]
fn a_hold_finds_segments_by_what_their_events_say() {
    let bench = Bench::new();
    let event = |user: &str| {
        format!(
            "{{\"eventVersion\":\"1.08\",\"eventTime\":\"2026-01-02T10:00:00Z\",\"eventSource\":\
             \"iam.amazonaws.com\",\"eventName\":\"CreateUser\",\"userIdentity\":{{\"type\":\"IAMUser\",\
             \"userName\":\"{user}\"}},\"requestParameters\":{{\"userName\":\"mary\"}}}}\n"
        )
    };
    bench.seal("trail", &event("ann"));
    bench.seal("other", &event("mary"));
    let place = ["hold", "place", "m-1", "--matter", "Ann", "--preview", "--json"];
    let held = |more: &[&str], code| {
        let said = bench.run(&[&place[..], more].concat()).expect(code);
        if code == 0 { said.number("segments") } else { 0 }
    };
    // A name may be that of whom it was done to: a hold takes in too much rather than too little.
    assert_eq!(held(&["--actor", "ann"], 0), 1);
    assert_eq!(held(&["--actor", "mary"], 0), 2);
    assert_eq!(held(&["--query", "mary"], 0), 2);
    assert_eq!(held(&["--query", "mary", "--stream", "other"], 0), 1);
    assert_eq!(held(&["--actor", "nobody"], 2), 0);
    // Where nothing says who, the text decides.
    assert_eq!(held(&["--actor", "two"], 0), 1);
    // What cannot be read may be about anybody.
    let (_, object) = bench.segments("web").remove(0);
    fs::write(bench.root().join(&object), b"garbled").unwrap();
    let said = bench.run(&[&place[..], &["--actor", "ann"]].concat()).expect(0);
    assert_eq!(said.number("segments"), 2);
    assert!(said.stderr.contains("cannot be read"), "{}", said.stderr);
    let notice = bench.path().join("notice");
    fs::write(&notice, "To Ann Custos:\nkeep all of it\n").unwrap();
    let place = ["hold", "place", "m-1", "--matter", "Ann", "--actor", "ann", "--notice"];
    bench.act(ALICE, &[&place[..], &[notice.to_str().unwrap()]].concat()).expect(0);
    assert!(!found(&bench.root().join("log"), b"ann"), "an actor stands in the log");
    assert!(!found(&bench.root(), b"Custos"), "a notice lies in the store");
    let listed = String::from_utf8(bench.run(&["hold", "list"]).expect(0).stdout).unwrap();
    assert!(listed.contains("of actor `ann`"), "{listed}");
    let shown = "    notice      To Ann Custos:\n                keep all of it\n";
    assert!(listed.contains(shown), "{listed}");
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    let matter = member(&items(&items(&listed, "holds")[0], "placed")[0], "matter");
    assert_eq!(items(matter, "notices"), [Value::from("To Ann Custos:\nkeep all of it\n")]);
}

#[test]
fn a_notice_that_cannot_be_kept_is_refused() {
    let bench = Bench::new();
    for (bytes, why) in [
        (vec![b'a'; (1 << 16) + 1], "more than 65536 bytes"),
        (vec![0xff; 3], "UTF-8"),
        (b" \n".to_vec(), "it is empty"),
    ] {
        let notice = bench.path().join("notice");
        fs::write(&notice, bytes).unwrap();
        let place = ["hold", "place", "m-1", "--stream", "app", "--matter", "a", "--notice"];
        let refused =
            bench.act(ALICE, &[&place[..], &[notice.to_str().unwrap()]].concat()).expect(2);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    assert_eq!(items(&listed, "holds"), []);
}

#[test]
fn a_preview_says_how_many_events_were_asked_for_and_how_many_are_held_beside() {
    let bench = Bench::new();
    let event = |day: u8, user: &str| {
        format!(
            "{{\"eventVersion\":\"1.08\",\"eventTime\":\"2026-01-{day:02}T10:00:00Z\",\"eventSource\":\
             \"iam.amazonaws.com\",\"eventName\":\"CreateUser\",\"userIdentity\":{{\"type\":\"IAMUser\",\
             \"userName\":\"{user}\"}}}}\n"
        )
    };
    bench.seal("trail", &[event(2, "ann"), event(2, "bob"), event(3, "ann")].concat());
    let preview = |more: &[&str]| {
        let place = ["hold", "place", "m-1", "--stream", "trail", "--preview"];
        let said = bench.run(&[&place[..], more, &["--json"]].concat()).expect(0);
        let shown = bench.run(&[&place[..], more].concat()).expect(0);
        let count = |name| said.number(name);
        let counts = [
            count("events"),
            count("matching_events"),
            count("collateral_events"),
            count("undetermined_events"),
        ];
        (counts, String::from_utf8(shown.stdout).unwrap())
    };
    let (counts, shown) = preview(&["--actor", "bob"]);
    assert_eq!(counts, [3, 1, 2, 0]);
    assert!(shown.contains("asked for   1 event; 2 held beside\n"), "{shown}");
    assert_eq!(preview(&[]).0, [3, 3, 0, 0]);
    // The time of an event is known only where it is read.
    let (from, until) = ("2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z");
    let (counts, shown) = preview(&["--from", from, "--until", until]);
    assert_eq!(counts, [3, 0, 0, 3]);
    assert!(shown.contains("not known   3 events: their segments reach beyond"), "{shown}");
    assert_eq!(preview(&["--from", from, "--until", until, "--actor", "ann"]).0, [3, 1, 2, 0]);
    // A segment that is named is asked for whole.
    let id = bench.segments("trail").remove(0).0;
    assert_eq!(preview(&["--actor", "nobody", "--segment", &id]).0, [3, 3, 0, 0]);
}

#[test]
fn a_flag_that_nobody_ordered_is_reported_and_stays() {
    let bench = Bench::new();
    let web = bench.segments("web").remove(0);
    bench.flag(&web.1);
    for _ in 0..2 {
        let swept = bench.run(&["sweep", "--duty", "hold", "--json"]).expect(1);
        assert_eq!((swept.number("set"), swept.number("lifted")), (0, 0));
        assert_eq!(items(&swept.json(), "held_without_order"), [Value::from(web.1.as_str())]);
    }
    assert_eq!(bench.flags(&web), [true, false]);
    assert_eq!(bench.verified(0), [Mark::Info]);
}

#[test]
fn an_event_goes_later_by_one_officer_and_earlier_by_two() {
    let bench = Bench::new();
    fs::write(bench.path().join("letter"), "closed by Ann Smith").unwrap();
    let event =
        ["clock", "record", "--stream", "app", "--event", "account-closed", "--force", "--at"];
    let record = |rest: &[&'static str]| [&event[..], rest].concat();
    let happened = || {
        let listed = bench.run(&["clock", "list", "--json"]).expect(0).json();
        items(&listed, "clocks").iter().map(|clock| string(clock, "happened")).collect::<Vec<_>>()
    };
    let future = bench.act(ALICE, &record(&["2100-01-01T00:00:00Z"])).expect(2);
    assert!(future.stderr.contains("cannot be known"), "{}", future.stderr);
    assert_eq!(happened(), [""; 0]);
    // A clock that starts so far back lets segments go at once.
    bench.act(ALICE, &record(&["2026-05-01T00:00:00Z", "--evidence", "letter"])).expect(0);
    assert_eq!(happened(), [""; 0]);
    bench.act(BOB, &record(&["2026-05-01T00:00:00Z"])).expect(0);
    assert_eq!(happened(), ["2026-05-01T00:00:00.000Z"]);
    bench.act(ALICE, &record(&["2026-05-02T00:00:00Z"])).expect(0);
    assert_eq!(happened(), ["2026-05-02T00:00:00.000Z"]);
    assert!(!found(&bench.root(), b"Smith"), "evidence lies in the store");
    let earlier = record(&["2026-04-01T00:00:00Z", "--earlier"]);
    bench.act(ALICE, &record(&["2026-04-01T00:00:00Z"])).expect(2);
    bench.act(ALICE, &earlier).expect(0);
    bench.act(ALICE, &earlier).expect(2);
    assert_eq!(happened(), ["2026-05-02T00:00:00.000Z"]);
    bench.act(BOB, &earlier).expect(0);
    assert_eq!(happened(), ["2026-04-01T00:00:00.000Z"]);
    bench.act(BOB, &record(&["2026-06-01T00:00:00Z", "--reopened"])).expect(0);
    let shown = bench.run(&["clock", "list"]).expect(0);
    assert!(String::from_utf8(shown.stdout).unwrap().contains("reopened 2026-06-01"));
}
