//! What a hold is asked to cover is found, or it is said what was missed.

use strongroom_crypto::json::Value;

use super::ALICE;
use super::archive::{Bench, items, member};

const PREVIEW: [&str; 6] = ["hold", "place", "m-1", "--matter", "a", "--preview"];

/// An event of `CloudTrail` by a role of Ann's.
fn event(time: &str, session: &str) -> String {
    format!(
        "{{\"eventVersion\":\"1.08\",{time}\"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"CreateUser\",\
         \"userIdentity\":{{\"type\":\"AssumedRole\",\"principalId\":\"AROAEXAMPLEID:{session}\",\
         \"arn\":\"arn:aws:sts::111122223333:assumed-role\\/Admin\\/{session}\",\"accountId\":\"111122223333\",\
         \"accessKeyId\":\"ASIAEXAMPLE\",\
         \"sessionContext\":{{\"sessionIssuer\":{{\"type\":\"Role\",\"userName\":\"Admin-Role\"}}}}}}}}\n"
    )
}

fn at(time: &str) -> String {
    format!("\"eventTime\":\"{time}\",")
}

#[test]
fn an_actor_is_found_under_every_name_that_the_record_has() {
    let bench = Bench::new();
    bench.seal("trail", &event(&at("2026-01-02T10:00:00Z"), "ann.smith"));
    for actor in [
        "AROAEXAMPLEID:ann.smith",
        "AROAEXAMPLEID",
        "ann.smith",
        "Ann.Smith",
        "Admin-Role",
        "111122223333",
        "arn:aws:sts::111122223333:assumed-role/Admin/ann.smith",
    ] {
        let held = bench.run(&[&PREVIEW[..], &["--actor", actor, "--json"]].concat()).expect(0);
        assert_eq!(held.number("segments"), 1, "{actor}");
    }
    // A part of a word names somebody else; whoever asks is told of it.
    let none = bench.run(&[&PREVIEW[..], &["--actor", "ann.smi"]].concat()).expect(2);
    for said in [
        "no event names `ann.smi`",
        "looked for as a whole word in all of their records",
        "3 segments were read",
        "`--query ann.smi` would hold 1 segment",
    ] {
        assert!(none.stderr.contains(said), "{said}: {}", none.stderr);
    }
    let none = bench.run(&[&PREVIEW[..], &["--actor", "nobody", "--actor", "x y"]].concat());
    let none = none.expect(2).stderr;
    assert!(none.contains("no event names `nobody` or `x y`"), "{none}");
    assert!(none.contains("`--query nobody --query 'x y'` would hold 0 segments"), "{none}");
}

#[test]
fn a_hold_over_a_time_says_which_events_without_a_time_it_may_miss() {
    let bench = Bench::new();
    let dated = event(&at("2024-05-01T10:00:00Z"), "ann");
    let other = event(&at("2024-05-02T10:00:00Z"), "ann");
    bench.seal("dated", &[dated.as_str(), &other].concat());
    for (stream, time) in [("nozone", at("2025-01-21 17:39:10.000000000")), ("none", String::new())]
    {
        bench.seal(stream, &[dated.as_str(), &event(&time, "ann"), &dated].concat());
    }
    let id = |stream| bench.segments(stream).remove(0).0;
    let time = ["--from", "2025-01-01T00:00:00Z", "--until", "2025-03-01T00:00:00Z"];
    let asked = |more: &[&'static str]| [&PREVIEW[..], &time, more].concat();
    let none = bench.run(&asked(&["--stream", "dated"])).expect(2).stderr;
    assert!(none.contains("no live segment is in scope") && !none.contains("do not say"), "{none}");
    let none = bench.run(&asked(&["--stream", "nozone", "--stream", "dated"])).expect(2).stderr;
    let said = "1 segment of these streams came at another time and has events that do not say when they happened";
    assert!(none.contains(said) && none.contains(&id("nozone")), "{none}");

    // What cannot be read may have such events too.
    let expected = ["app", "dated", "nozone", "none"].map(|stream| Value::from(id(stream)));
    let web = id("web");
    std::fs::write(bench.root().join(&bench.segments("dated")[0].1), b"garbled").unwrap();
    let segment = ["--segment", web.as_str(), "--json"];
    let held = bench.run(&[&PREVIEW[..], &time, &segment].concat()).expect(0);
    assert_eq!(held.number("segments"), 1);
    let untimed = held.json();
    assert_eq!(*member(member(&untimed, "untimed"), "segments"), 4.into());
    assert_eq!(items(&untimed, "untimed_segments"), expected);
    assert!(held.stderr.contains("4 segments of these streams"), "{}", held.stderr);
    assert!(expected.iter().all(|id| match id {
        Value::Text(id) => held.stderr.contains(id.as_str()),
        _ => false,
    }));
}

#[test]
fn a_stream_that_nobody_knows_is_refused() {
    let bench = Bench::new();
    let place = ["hold", "place", "m-1", "--matter", "a", "--standing", "--stream"];
    let unknown = "nothing is known of stream `ap`: no segment, no configuration";
    for more in [&["ap"][..], &["app", "--stream", "ap"]] {
        let refused = bench.act(ALICE, &[&place[..], more].concat()).expect(2);
        assert!(refused.stderr.contains(unknown), "{}", refused.stderr);
    }
    let propose = ["disposition", "propose", "-o", "batch.json", "--stream"];
    let refused = bench.run(&[&propose[..], &["ap"]].concat()).expect(2);
    assert!(refused.stderr.contains(unknown), "{}", refused.stderr);
    let known = bench.run(&[&propose[..], &["app"]].concat()).expect(2);
    assert!(known.stderr.contains("no policy is in force"), "{}", known.stderr);
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    assert_eq!(items(&listed, "holds"), []);
    // A stream that is to come can be held.
    let forced = bench.act(ALICE, &[&place[..], &["ap", "--force", "--json"]].concat()).expect(0);
    assert_eq!((forced.number("segments"), forced.text("outcome")), (0, "entered".to_owned()));
    bench.seal("ap", "one\n");
    let listed = bench.run(&["hold", "list", "--json"]).expect(0).json();
    assert_eq!(*member(&items(&listed, "holds")[0], "segments"), 1.into());
}
