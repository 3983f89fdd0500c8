//! Events that say that they happened after they were received: kept like all others, from their receipt, and apart.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::json::Value;

use crate::office::{Office, Said, Stream, first_day_after_years, in_minutes};

/// What `CloudTrail` would write at these times.
fn lines(times: &[Timestamp]) -> String {
    let mut lines = String::new();
    for (number, time) in times.iter().enumerate() {
        let time = time.strftime("%Y-%m-%dT%H:%M:%SZ");
        writeln!(
            lines,
            "{{\"eventVersion\":\"1.11\",\"eventTime\":\"{time}\",\"eventSource\":\"s3.amazonaws.com\",\
             \"eventName\":\"GetObject\",\"awsRegion\":\"eu-central-1\",\"eventID\":\"{number}\"}}"
        )
        .unwrap();
    }
    lines
}

fn ahead() -> Timestamp {
    "2099-06-01T00:00:00Z".parse().unwrap()
}

/// The objects of segments that `status` says to be quarantined, and of the others.
fn segments(status: &Said) -> (BTreeSet<String>, BTreeSet<String>) {
    let Value::Object(status) = status.output.json() else { panic!("no object") };
    let Some(Value::Array(listed)) = status.get("segment_list") else { panic!("no list") };
    let (mut quarantined, mut others) = (BTreeSet::new(), BTreeSet::new());
    for segment in listed {
        let Value::Object(segment) = segment else { panic!("{segment:?}") };
        let Some(Value::Text(object)) = segment.get("object") else { panic!("{segment:?}") };
        let apart = segment.get("quarantined") == Some(&Value::from(true));
        if apart { &mut quarantined } else { &mut others }.insert(object.clone());
    }
    (quarantined, others)
}

#[test]
fn events_of_the_future_are_kept_from_their_receipt_and_apart() {
    let office = Office::new();
    office.in_force(1, &[Stream::compliance("P7Y")]);
    let times = [in_minutes(-60), in_minutes(-1), ahead(), ahead(), in_minutes(4), in_minutes(-1)];
    let written = lines(&times);
    let said = office.archive_lines("a.ndjson", &written);
    let number = |name: &str| said.output.number(name);
    assert_eq!((number("events_read"), number("events_sealed")), (6, 6));
    assert_eq!((number("quarantined"), number("events_rejected")), (2, 0));
    let warned = "stream `app`: 2 events say that they happened later";
    assert!(said.output.stderr.contains(warned), "{}", said.output.stderr);
    assert_eq!(office.origin("a.ndjson"), written.as_bytes());

    office.sweep();
    let (quarantined, others) = segments(&office.status());
    assert_eq!((quarantined.len(), others.len()), (1, 2));
    assert_eq!(office.status().output.number("quarantined"), 2);
    let locks = office.locks("segments/");
    // Events of the other side of midnight have the date of their own day.
    let dates =
        [first_day_after_years(7), first_day_after_years(7) + SignedDuration::from_hours(24)];
    for object in quarantined.iter().chain(&others) {
        let (mode, until) = &locks[object];
        assert!(mode == "COMPLIANCE" && dates.contains(until), "{object}: {mode} {until}");
    }
    assert_eq!(office.verify(), "PASS");

    // Nothing is new, and nothing is quarantined twice.
    let again = office.archive_lines("a.ndjson", &written);
    assert_eq!((again.output.number("events_sealed"), again.output.number("quarantined")), (0, 0));
    assert!(!again.output.stderr.contains("quarantined"), "{}", again.output.stderr);
    assert_eq!(office.locks("segments/"), locks);
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn a_clock_that_jumps_with_every_event_spoils_no_date() {
    let office = Office::new();
    office.in_force(1, &[Stream::compliance("P7Y")]);
    let written = lines(&[in_minutes(-1), ahead()].repeat(50));
    let said = office.archive_lines("a.ndjson", &written);
    let number = |name: &str| said.output.number(name);
    assert_eq!((number("events_sealed"), number("quarantined")), (100, 50));
    assert!(number("segments") < 20, "{} segments", number("segments"));
    assert_eq!(office.origin("a.ndjson"), written.as_bytes());
    office.sweep();
    let latest = first_day_after_years(7) + SignedDuration::from_hours(24);
    assert!(office.locks("segments/").values().all(|(_, until)| *until <= latest));
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn a_test_archive_caps_the_lock_of_what_is_quarantined_too() {
    let office = Office::of_test_archive();
    office.in_force(1, &[Stream::compliance("P7Y")]);
    let said = office.archive_lines("a.ndjson", &lines(&[in_minutes(-1), ahead()]));
    assert_eq!(said.output.number("quarantined"), 1);
    office.sweep();
    let latest = in_minutes(11);
    assert!(office.locks("").values().all(|(_, until)| *until < latest));
    assert_eq!(office.verify(), "PASS");
}
