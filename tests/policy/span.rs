//! Segments of a governed stream span no more than its policy says.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use strongroom_crypto::json::Value;

use crate::office::{Office, Stream};

/// What `CloudTrail` would write at these times.
fn lines(times: impl IntoIterator<Item = Timestamp>) -> String {
    let mut lines = String::new();
    for (number, time) in times.into_iter().enumerate() {
        writeln!(
            lines,
            "{{\"eventVersion\":\"1.11\",\"eventTime\":\"{time:.0}\",\"eventSource\":\"s3.amazonaws.com\",\
             \"eventName\":\"GetObject\",\"eventID\":\"{number}\"}}"
        )
        .unwrap();
    }
    lines
}

/// An event every ten days.
fn of_years(events: i64) -> impl Iterator<Item = Timestamp> {
    let first: Timestamp = "2015-01-01T06:00:00Z".parse().unwrap();
    (0..events).map(move |event| first + (event * 240).hours())
}

/// How much time lies between the events of each segment.
fn spans(office: &Office) -> Vec<SignedDuration> {
    let report = office.run(&["report", "retention", "--segments", "--json"]).expect(0);
    let Value::Array(rows) = report.member("rows") else { panic!("no rows") };
    let spans = rows.iter().map(|row| {
        let Value::Object(row) = row else { panic!("{row:?}") };
        let at = |name: &str| match row.get(name) {
            Some(Value::Text(text)) => text.parse::<Timestamp>().unwrap(),
            other => panic!("{other:?}"),
        };
        at("newest_event").duration_since(at("oldest_event"))
    });
    spans.collect()
}

/// Segments that `report retention` counts as longer than their policy wants.
fn reported(office: &Office) -> u64 {
    let report = office.run(&["report", "retention", "--json"]).expect(0);
    let Value::Array(rows) = report.member("rows") else { panic!("no rows") };
    let Some(Value::Object(row)) = rows.first() else { panic!("no row") };
    match row.get("over_max_span") {
        Some(Value::Int(number)) => u64::try_from(number.get()).unwrap(),
        other => panic!("{other:?}"),
    }
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[test]
fn a_backfill_of_years_is_cut_by_the_policy_in_force_and_not_without_one() {
    let office = Office::of_test_archive();
    let written = lines(of_years(40));
    let said = office.archive_lines("before.ndjson", &written);
    assert_eq!((said.output.number("segments"), said.output.number("over_max_span")), (1, 0));
    office.in_force(1, &[Stream::governance("P9Y")]);
    // What was sealed before is longer, and is said to be.
    assert_eq!(reported(&office), 1);
    let said = office.archive_lines("a.ndjson", &written);
    let number = |name: &str| said.output.number(name);
    assert_eq!((number("events_sealed"), number("segments"), number("over_max_span")), (40, 40, 0));
    assert_eq!(office.origin("a.ndjson"), written.as_bytes());
    let spans = spans(&office);
    assert_eq!(spans.iter().filter(|span| **span <= DAY).count(), 40);
    assert_eq!((spans.len(), reported(&office)), (41, 1));
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn a_source_that_jumps_between_years_does_not_cost_a_segment_each_time() {
    let office = Office::of_test_archive();
    office.in_force(1, &[Stream::governance("P9Y")]);
    let times: Vec<Timestamp> = of_years(2).collect();
    let written = lines(times.repeat(200));
    let said = office.archive_lines("a.ndjson", &written);
    assert_eq!(said.output.number("events_sealed"), 400);
    let segments = said.output.number("segments");
    assert!(segments <= 70, "{segments} segments");
    assert_eq!(said.output.number("over_max_span"), 1);
    let warned = "1 segment spans more than `max_span`";
    assert!(said.output.stderr.contains(warned), "{}", said.output.stderr);
    assert_eq!(spans(&office).iter().filter(|span| **span > DAY).count(), 1);
    assert_eq!(reported(&office), 1);
    assert_eq!(office.origin("a.ndjson"), written.as_bytes());
    assert_eq!(office.verify(), "PASS");
}
