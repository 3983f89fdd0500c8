//! What was checked decides as it was checked.

use super::*;
use crate::catalogue::Regulation;
use crate::clock::{ClockEvent, Clocks};
use crate::decide;
use crate::decision::{Decision, KeepUntil, State};
use crate::explain::Explanation;
use crate::facts::document::Document;
use crate::facts::{Facts, Stage, Times};
use crate::hold::Holds;
use crate::schedule::{Dated, Schedule};

fn schedule(text: &str) -> Schedule {
    let checked = check_after(None, text).unwrap_or_else(|complaints| panic!("{complaints:#?}"));
    let approved = "2026-12-01T09:00:00Z".parse().unwrap();
    let (policy, catalogue) = (Arc::new(checked.policy), Arc::clone(&LAW));
    Schedule::new(vec![Dated::new(policy, checked.digest, catalogue, approved).unwrap()])
}

fn decided(text: &str, stream: &str, made: &str, clocks: &Clocks, now: &str) -> Decision {
    let made = Times::at(made.parse().unwrap());
    let facts = Facts {
        segment: None,
        stream: stream.parse().unwrap(),
        labels: [].into(),
        event_time: Some(made),
        receive_time: made,
        lock_until: None,
        settle_until: None,
        stage: Stage::Live,
    };
    decide(&facts, &schedule(text), &Holds::default(), clocks, now.parse().unwrap())
}

#[test]
fn the_sample_keeps_each_stream_to_the_instant() {
    for (stream, made, keep, go) in [
        // Twelve months and eighteen, in the dates of Berlin: the last day is whole.
        ("payments-access", "2027-03-01T09:00:00Z", "2028-03-01T23:00:00Z", "2028-09-01T22:00:00Z"),
        // In Berlin it is 2028 already: eight years from the end of it, and ten from the day.
        ("ledger-postings", "2027-12-31T23:30:00Z", "2036-12-31T23:00:00Z", "2038-01-01T23:00:00Z"),
    ] {
        let now = "2028-01-02T00:00:00Z";
        let decision = decided(&sample(), stream, made, &Clocks::default(), now);
        assert_eq!(decision.keep_until, KeepUntil::Until(keep.parse().unwrap()), "{stream}");
        assert_eq!(decision.must_go_by, Some(go.parse().unwrap()), "{stream}");
        assert_eq!((decision.state, decision.flags.len()), (State::Retain, 0), "{stream}");
        assert!(decision.destroyable_from < decision.must_go_by, "{stream}");
    }
}

/// The text after a mark of the reference, up to the end of its block.
fn block(mark: &str) -> &'static str {
    let book = include_str!("../../../POLICY.md");
    let (_, rest) = book.split_once(mark).expect("the mark of the block");
    rest.split_once("```").expect("the end of the block").0
}

#[test]
fn the_reference_explains_its_example_as_it_is_decided() {
    let facts = block("<!-- facts: read by a test -->\n```yaml\n");
    let named = format!("sha256:{}", Digest::of(SAMPLE.as_bytes()));
    let read = |name: &str, _: &[Arc<Catalogue>]| {
        assert_eq!(name, named, "the reference names another sample");
        let checked = check_after(None, SAMPLE).unwrap();
        Ok((checked.policy, Arc::clone(&LAW)))
    };
    let document = Document::parse(facts, &read).unwrap();
    let now = "2028-02-01T00:00:00Z".parse().unwrap();
    let holds = document.holds_at(now);
    let decision = decide(&document.facts, &document.schedule, &holds, &document.clocks, now);
    let said = Explanation(&decision).to_string();
    let (said, _) = said.split_once("tzdata").unwrap();
    let written = block("<!-- explanation: compared by a test -->\n```text\n");
    assert_eq!(written, said);
}

/// The sample's vouchers with another clock and one rule.
fn clocked(event: &str, rule: &str) -> String {
    let clock = format!("clock: {{event: {event}}}\n    {SPAN}\n    lock: compliance");
    let plain = format!("clock: event_time\n    {SPAN}\n    lock: governance");
    let personal = "    personal_data:\n      fields: [{value: $.customer.name, subject: \
                    $.customer.id}]\n      shred: none\n";
    edited(&[(BOOK_GDPR, ""), (TAX, rule), (&plain, &clock), (personal, "")])
}

/// Whether vouchers are open although an event was recorded.
fn is_open(text: &str, event: &str) -> bool {
    let at = "2027-05-05T00:00:00Z".parse().unwrap();
    let event = ClockEvent {
        stream: "ledger-postings".parse().unwrap(),
        event: event.to_owned(),
        at,
        recorded_at: at,
        reopened: false,
        earlier: false,
    };
    let mut clocks = Clocks::default();
    clocks.record(event).unwrap();
    let (made, now) = ("2027-03-01T09:00:00Z", "2027-06-01T00:00:00Z");
    decided(text, "ledger-postings", made, &clocks, now).keep_until == KeepUntil::Open
}

#[test]
fn what_starts_a_rule_in_the_check_starts_it_in_a_decision() {
    let has_min =
        |reg: &&Regulation| reg.starts_with_an_event() && reg.retain_min.counted().is_some();
    let rules = LAW.iter().filter(|reg| has_min(reg) && !reg.max_is_duty());
    let mut tried = 0;
    for reg in rules {
        let rule = format!("- reg: {}\n        accepted_by: [legal]", reg.id);
        for event in [reg.clock_events(), vec!["created", "matter_closed"]].concat() {
            let text = clocked(event, &rule);
            let advice = check_after(None, &text).unwrap_or_else(|e| panic!("{e:#?}")).advice;
            let other = advice.iter().any(|one| one.code == Code::OtherEvent);
            assert_eq!(is_open(&text, event), other, "{} {event}", reg.id);
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn what_waits_for_an_event_conflicts_with_what_must_go_by_the_record() {
    let text = clocked("matter_closed", "- reg: in-dpdp-8-3");
    assert_eq!(check_after(None, &text).unwrap_err()[0].code, Code::HardConflict);
    // Storage limitation waits with the stream.
    let gdpr = format!("- reg: de-ao-147-buchungsbelege\n      {BOOK_GDPR}");
    let text = clocked("matter_closed", &gdpr);
    assert!(check_after(None, &text).is_ok());
    assert!(!is_open(&text, "matter_closed") && is_open(&text, "created"));
}
