//! What a policy decides of a segment of an archive, explained now and again when all has changed.

use std::fs;

use jiff::Timestamp;
use strongroom_crypto::json::Value;
use strongroom_tests::clock::now;
use strongroom_tests::program::{Output, strongroom};

use crate::office::{Office, Stream};
use crate::{DONE, INPUT};

/// The one segment of an archive.
fn segment(office: &Office) -> String {
    let said = office.run(&["status", "--segments", "--json"]).output.expect(DONE);
    let Value::Object(status) = said.json() else { panic!("no object") };
    let Some(Value::Array(segments)) = status.get("segment_list") else { panic!("no segments") };
    let [Value::Object(only)] = &segments[..] else { panic!("{segments:?}") };
    let Some(Value::Text(id)) = only.get("segment_id") else { panic!("{only:?}") };
    id.clone()
}

/// The explanation of a segment of the archive.
fn explain(office: &Office, which: &[&str], at: &str, more: &[&str]) -> Output {
    let command = ["policy", "explain", "--at", at];
    office.run(&[&command[..], which, more].concat()).output
}

/// The same from a file of facts: no archive is named.
fn from_facts(office: &Office, at: &str, more: &[&str]) -> Output {
    let command = ["policy", "explain", "--facts", "facts.json", "--at", at];
    strongroom(office.path(), &[&command[..], more].concat())
}

fn text(output: Output) -> String {
    String::from_utf8(output.expect(DONE).stdout).unwrap()
}

fn hold(office: &Office) {
    let place = ["hold", "place", "matter-a", "--stream", "app", "--matter", "as the test says"];
    office.run(&[&place[..], &["--officer", "ann", "--officer-key", "ann"]].concat()).expect(DONE);
}

fn release(office: &Office) {
    for officer in ["ann", "bob"] {
        let signed = ["--officer", officer, "--officer-key", officer];
        office.run(&[&["hold", "release", "matter-a"][..], &signed].concat()).expect(DONE);
    }
}

#[test]
fn a_segment_is_explained_in_the_same_bytes_for_ever() {
    let office = Office::new();
    office.archive("a", 3);
    office.in_force(1, &[Stream::compliance("P1Y").in_zone("Europe/Berlin")]);
    office.sweep();
    hold(&office);
    let (id, at) = (segment(&office), now().to_string());
    let which = ["--segment", id.as_str()];
    let first = text(explain(&office, &which, &at, &["--facts-out", "facts.json"]));
    let lines: Vec<&str> = first.lines().collect();
    assert_eq!(lines[0], format!("app at {at}: RETAIN HELD"));
    assert_eq!(lines[1], format!("segment {id}, which stays or goes as a whole"));
    assert!(lines.contains(&"deciding rule: pci-dss-10-5-1"), "{first}");
    assert!(lines.contains(&"held by: matter-a"), "{first}");
    let locked = lines.iter().find(|line| line.starts_with("lock until: ")).unwrap();
    let until: Timestamp = office.locks("segments/").into_values().next().unwrap().1;
    assert!(locked.contains("Europe/Berlin") && locked.contains(&until.to_string()), "{locked}");
    assert_eq!(text(from_facts(&office, &at, &[])), first);
    let json = text(explain(&office, &which, &at, &["--json"]));
    assert_eq!(text(from_facts(&office, &at, &["--json"])), json);

    // Another policy, no hold any more: at that time all was as it was.
    office.in_force(2, &[Stream::compliance("P5Y").in_zone("America/New_York")]);
    release(&office);
    assert_eq!(text(explain(&office, &which, &at, &[])), first);
    assert_eq!(text(from_facts(&office, &at, &[])), first);
    let later = text(explain(&office, &which, &now().to_string(), &[]));
    assert!(later.contains("version 2") && later.contains("last hold released: "), "{later}");
    assert!(!later.contains("HELD"), "{later}");

    // The store shows the lock of today; the file has the one that was seen.
    office.sweep();
    office.archive("b", 2);
    let moved = text(explain(&office, &which, &at, &[]));
    assert!(moved.contains("locked beyond schedule: "), "{moved}");
    assert_eq!(text(from_facts(&office, &at, &[])), first);
    assert_eq!(text(from_facts(&office, &at, &["--json"])), json);
}

#[test]
fn an_event_is_found_by_its_origin_and_offset() {
    let office = Office::new();
    office.archive("a", 3);
    office.in_force(1, &[Stream::governance("P1Y")]);
    let (id, at) = (segment(&office), now().to_string());
    let by_id = text(explain(&office, &["--segment", &id], &at, &[]));
    office.archive("b", 3);
    let event = |offset: &str| {
        let which = ["--origin", "file:a.ndjson", "--offset", offset];
        explain(&office, &which, &at, &[])
    };
    let length = fs::metadata(office.path().join("a.ndjson")).unwrap().len();
    assert_eq!(text(event("0")), by_id);
    assert_eq!(text(event(&(length - 1).to_string())), by_id);
    let beyond = event(&length.to_string()).expect(INPUT);
    assert!(beyond.stderr.contains("is not sealed"), "{}", beyond.stderr);
    let other = explain(&office, &["--origin", "file:c.ndjson", "--offset", "0"], &at, &[]);
    assert!(other.expect(INPUT).stderr.contains("no origin `file:c.ndjson`"));
    let unknown = "0198c5f0-0000-7000-8000-000000000000";
    let unknown = explain(&office, &["--segment", unknown], &at, &[]).expect(INPUT);
    assert!(unknown.stderr.contains("no segment"), "{}", unknown.stderr);
    let early = explain(&office, &["--segment", &id], "2020-01-01T00:00:00Z", &[]).expect(INPUT);
    assert!(early.stderr.contains("was sealed by 2020"), "{}", early.stderr);
}

#[test]
fn a_clock_event_counts_from_when_it_was_recorded() {
    let office = Office::new();
    office.archive("a", 3);
    office.in_force(1, &[Stream::from_closing()]);
    let (id, before) = (segment(&office), now().to_string());
    let which = ["--segment", id.as_str()];
    let open = text(explain(&office, &which, &before, &["--facts-out", "facts.json"]));
    assert!(open.contains(": OPEN\n") && open.contains("note clock_not_started"), "{open}");
    office.close_account();
    assert_eq!(text(explain(&office, &which, &before, &[])), open);
    let at = now().to_string();
    let shown = text(explain(&office, &which, &at, &["--facts-out", "facts.json"]));
    assert!(shown.contains(": RETAIN\n") && shown.contains("from account_closed"), "{shown}");
    assert_eq!(text(from_facts(&office, &at, &[])), shown);
}

#[test]
fn labels_that_nobody_gave_decide_nothing() {
    let office = Office::new();
    office.archive("a", 3);
    office.in_force(1, &[Stream::governance("P2Y").about("labels: {tier: gold}")]);
    let (id, at) = (segment(&office), now().to_string());
    let which = ["policy", "explain", "--segment", id.as_str(), "--at", at.as_str()];
    office.run(&which).refused("a policy asks for labels of stream `app`");
    let config = format!(
        "version: 1\nstore: file://{}/store\nstreams:\n  - name: app\n    labels: {{tier: gold}}\n    \
         sources: [{{paths: [a.ndjson]}}]\n",
        office.path().display()
    );
    fs::write(office.path().join("labels.yaml"), config).unwrap();
    let configured = ["--config", "labels.yaml", "--facts-out", "facts.json"];
    let shown = text(strongroom(office.path(), &[&which[..], &configured].concat()));
    assert!(shown.contains("deciding rule: pci-dss-10-5-1"), "{shown}");
    assert_eq!(text(from_facts(&office, &at, &[])), shown);
}
