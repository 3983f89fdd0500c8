//! Policies that are wrong, each by code, line and column.

mod decisions;
mod mistakes;
mod reference;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use jiff::SignedDuration;
use strongroom_crypto::Digest;

use mistakes::{BOOK_GDPR, CARD_GDPR, DECIDED, FILE, PCI, RULES, SPAN, STREAMS, TAX};

use super::{Checked, Clock, Code, Complaint, Context, LockDemand, Policy};
use crate::catalogue::Catalogue;
use crate::period::Cutoff;

const CATALOGUE: &str = include_str!("../../catalogue.yaml");
const SAMPLE: &str = include_str!("../../sample-policy.yaml");

static LAW: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(Catalogue::shipped().unwrap()));

fn before() -> Digest {
    Digest::of(b"the policy before")
}

fn check_after(previous: Option<(u64, Digest)>, text: &str) -> Result<Checked, Vec<Complaint>> {
    let context =
        Context { now: "2026-11-20T12:00:00Z".parse().unwrap(), previous, catalogue: &LAW };
    Policy::check(text, &context)
}

/// The sample with the digest of the catalogue at hand.
fn sample() -> String {
    let (head, rest) = SAMPLE.split_once("sha256:").unwrap();
    let (_, tail) = rest.split_once('\n').unwrap();
    format!("{head}sha256:{}\n{tail}", Digest::of(CATALOGUE.as_bytes()))
}

fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(sample(), |text, (from, to)| {
        assert!(text.contains(from), "the sample has no {from:?}");
        text.replacen(from, to, 1)
    })
}

/// Takes out the marks `«` and says where they stood.
fn unmarked(text: &str) -> (String, Vec<(usize, usize)>) {
    let (mut plain, mut spots) = (String::new(), Vec::new());
    for part in text.split_inclusive('«') {
        plain += part.trim_end_matches('«');
        if part.ends_with('«') {
            let line = plain.rsplit('\n').next().unwrap_or_default();
            let newlines = plain.matches('\n').count();
            spots.push((newlines.saturating_add(1), line.chars().count().saturating_add(1)));
        }
    }
    (plain, spots)
}

fn found(complaints: &[Complaint]) -> Vec<(&'static str, usize, usize)> {
    complaints.iter().map(|c| (c.code.as_str(), c.line, c.column)).collect()
}

#[test]
fn each_mistake_is_found_where_it_stands() {
    for (codes, edits) in [FILE, STREAMS, RULES].concat() {
        let (text, spots) = unmarked(&edited(edits));
        let expected =
            codes.iter().zip(&spots).map(|(code, (line, column))| (*code, *line, *column));
        let expected: Vec<_> = expected.collect();
        assert_eq!(codes.len(), spots.len(), "{edits:?}");
        let complaints = check_after(None, &text).err().unwrap_or_default();
        assert_eq!(found(&complaints), expected, "{edits:?} {complaints:#?}");
    }
}

#[test]
fn what_is_no_period_is_refused() {
    let wrong = [
        "6y", "6 years", "P", "PT", "P-1Y", "P1.5Y", "P6M0", "p6m", "365", "P1Y2", "PT8760H",
        "\"P6Y \"",
    ];
    for period in wrong {
        let mark = format!("max_lock: «{period}");
        let (text, spots) = unmarked(&edited(&[("max_lock: P12Y", &mark)]));
        let complaints = check_after(None, &text).unwrap_err();
        assert_eq!(found(&complaints), [("P008", spots[0].0, spots[0].1)], "{period}");
    }
}

#[test]
fn a_policy_comes_after_the_one_before() {
    let check = |version: &str, supersedes: &str| {
        let head = format!("version: {version} \n  supersedes: {supersedes} #");
        let result = check_after(Some((6, before())), &edited(&[("version: 1 ", &head)]));
        result.map(|_| ()).map_err(|complaints| found(&complaints))
    };
    let right = format!("sha256:{}", before());
    assert_eq!(check("7", &right), Ok(()));
    assert_eq!(check("6", &right), Err(vec![("P002", 6, 12)]));
    assert_eq!(check("7", &format!("sha256:{}", Digest::of(b""))), Err(vec![("P003", 7, 15)]));
    let complaints = check_after(Some((6, before())), &edited(&[("version: 1 ", "version: 7 ")]));
    assert_eq!(found(&complaints.unwrap_err()), [("P003", 5, 3)]);
}

#[test]
fn a_file_that_is_no_policy_is_refused() {
    let codes = |text: &str| found(&check_after(None, text).unwrap_err());
    assert_eq!(codes(&"#".repeat((1 << 20) + 1)), [("P028", 1, 1)]);
    assert_eq!(codes(""), [("P029", 1, 1)]);
    assert_eq!(codes("a: [\n"), [("P029", 1, 4)]);
    assert_eq!(codes("a: b\n---\nc: d\n"), [("P029", 2, 1)]);
    assert_eq!(codes(&("[".repeat(20) + &"]".repeat(20))), [("P029", 1, 17)]);
    assert_eq!(codes("- a\n"), [("P034", 1, 1)]);
    assert_eq!(
        codes(&(0..1_001).fold(String::new(), |text, n| format!("{text}k{n}: v\n"))),
        [("P029", 1_001, 1)]
    );
    assert_eq!(codes(&"\t".repeat(5_000)).len(), 1_000);
}

#[test]
fn the_sample_passes_without_a_complaint() {
    let text = sample();
    let checked = check_after(None, &text).unwrap_or_else(|complaints| panic!("{complaints:#?}"));
    assert_eq!(checked.digest, Digest::of(text.as_bytes()));
    assert_eq!(checked.advice, []);
    let policy = checked.policy;
    let classes: Vec<&str> = policy.streams.iter().map(|stream| stream.class.as_str()).collect();
    assert_eq!(classes, ["sec-210", "fin-110"]);
    assert_eq!(policy.streams[0].residency, ["eu-central-1"]);
    assert_eq!(policy.streams[1].citations[1].set_max, Some("P10Y".parse().unwrap()));
    assert_eq!(policy.defaults.disposal.roles, ["records-manager", "legal"]);
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = edited(&[
        ("owner: records", "owner: Jane Doe"),
        ("zone: Europe/Berlin", "zone: EST"),
        ("sweep_every: P1D", "sweep_every: daily"),
        ("lock: compliance", "lokc: compliance"),
        ("reg: pci-dss-10-5-1", "reg: pci-dss-10-7"),
        ("set_max: P10Y", "set_max: 10y"),
        ("record_class: FIN-110", "record_class: sec-210"),
    ]);
    let complaints = check_after(None, &text).unwrap_err();
    let codes: Vec<&str> = complaints.iter().map(|c| c.code.as_str()).collect();
    assert_eq!(codes, ["P027", "P006", "P008", "P001", "P015", "P039", "P008"]);
    let lock = complaints[3].to_string();
    assert_eq!(
        lock,
        "35:5: P001 streams[0].lokc: unknown key `lokc`; write `lock`, if that is meant"
    );
}

#[test]
fn each_minimum_that_a_maximum_crosses_is_told() {
    let two = "- reg: pci-dss-10-5-1\n      - reg: cis-8-10";
    let complaints = check_after(None, &edited(&[(PCI, two), ("set_max: P18M", "set_max: P2M")]));
    let codes: Vec<Code> = complaints.unwrap_err().iter().map(|c| c.code).collect();
    assert_eq!(codes, [Code::HardConflict, Code::HardConflict]);
}

#[test]
fn the_arithmetic_of_a_window_is_shown() {
    let complaints = check_after(None, &edited(&[("set_max: P18M", "set_max: P13M")]));
    let message = complaints.unwrap_err().remove(0).message;
    let sum = "grace P30D + review P14D + sweep P1D + segment PT24H take 46";
    assert!(message.contains("there are 28 days between `P12M` and `P13M`"), "{message}");
    assert!(message.ends_with(sum), "{message}");
}

#[test]
fn a_window_without_width_needs_approval_in_advance() {
    let ready = "pre_approved: true\n    grace: P0D\n    lock: governance";
    let edits = [(BOOK_GDPR, ""), (TAX, "- reg: in-dpdp-8-3"), ("lock: governance", ready)];
    let checked = check_after(None, &edited(&edits)).unwrap();
    assert!(checked.policy.streams[1].pre_approved);
    let late = ready.replace("P0D", "P1D");
    let edits = [(BOOK_GDPR, ""), (TAX, "- reg: in-dpdp-8-3"), ("lock: governance", &late)];
    assert_eq!(check_after(None, &edited(&edits)).unwrap_err()[0].code, Code::ZeroWidth);
}

#[test]
fn decisions_and_acceptances_settle_what_they_are_about() {
    let gdpr = format!(
        "- reg: eu-gdpr-5-1-e\n        set_max: P4Y\n        rationale: a\n        {DECIDED}"
    );
    let foreign =
        [("shred: per_subject", "shred: none"), (PCI, "- reg: us-sec-17a-4-b"), (CARD_GDPR, &gdpr)];
    assert!(check_after(None, &edited(&foreign)).is_ok());
    let apart =
        "shred: per_subject\n      not_part_of_required_record: [$.user.email, $.client.ip]";
    let declared = [(foreign[0].0, apart), foreign[1], foreign[2]];
    assert!(check_after(None, &edited(&declared)).is_ok());
    let kept = gdpr.replace("P4Y", "P1Y").replace("code: C3", "code: C1");
    let hard = [foreign[0], foreign[1], (CARD_GDPR, kept.as_str())];
    assert!(check_after(None, &edited(&hard)).is_ok());
    let custom =
        "- reg: us-sox-itgc-logs\n        accepted_by: [legal]\n        customary_ok: true";
    assert!(check_after(None, &edited(&[(TAX, custom)])).is_ok());
    let trail = "- reg: us-21cfr11\n        subject_stream: vouchers\n        set_min: P10Y\n        rationale: a";
    let gdpr = CARD_GDPR.replace("P18M", "P11Y");
    let gdpr = format!("{gdpr}\n        {DECIDED}");
    assert!(check_after(None, &edited(&[(PCI, trail), (CARD_GDPR, &gdpr)])).is_ok());
}

#[test]
fn advice_does_not_stop_a_policy() {
    let advice = |edits: &[(&str, &str)]| {
        let checked = check_after(None, &edited(edits)).unwrap_or_else(|e| panic!("{e:#?}"));
        checked.advice.iter().map(|c| c.code.as_str()).collect::<Vec<_>>()
    };
    let cnil = "- reg: pci-dss-10-5-1\n      - reg: fr-cnil-logging";
    let longer = "- reg: pci-dss-10-5-1\n        set_min: P13M\n        rationale: a\n      - reg: fr-cnil-logging";
    assert_eq!(advice(&[(PCI, cnil)]), [""; 0]);
    assert_eq!(advice(&[(PCI, longer)]), ["A2"]);
    let less = "- reg: cis-8-10\n        set_min: P30D\n        rationale: a";
    assert_eq!(advice(&[(PCI, less)]), ["A1"]);
    assert_eq!(advice(&[("      - reg: pci-dss-10-5-1\n", "")]), ["A3"]);
    assert_eq!(
        advice(&[
            (BOOK_GDPR, ""),
            (TAX, "- reg: us-nydfs-500-06-cyber\n      - reg: us-glba-safeguards-disposal"),
            (
                "clock: event_time\n    segment: {max_span: PT24H}\n    lock: gov",
                "clock: {event: account_closed}\n    segment: {max_span: PT24H}\n    lock: gov"
            )
        ]),
        ["C2", "A4"]
    );
    assert_eq!(advice(&[("{stream: [ledger-postings]}", "{labels: {app: ledger}}")]), ["A5"]);
    assert_eq!(advice(&[("set_max: P10Y", "set_max: P5Y")]), ["C2"]);
    let until_2106 = |min: &str| {
        let min = format!("- reg: pci-dss-10-5-1\n        set_min: {min}\n        rationale: a");
        let longer = ("set_max: P18M", "set_max: P98Y");
        advice(&[("max_lock: P12Y", "max_lock: P99Y"), longer, (PCI, &min)])
    };
    // From 2026-11-20 to 2106-02-06 and a day further.
    assert_eq!(until_2106("P79Y2M17D"), [""; 0]);
    assert_eq!(until_2106("P79Y2M18D"), ["A6"]);
}

#[test]
fn every_code_is_proved() {
    let cases = [FILE, STREAMS, RULES].concat();
    let mut proved: BTreeSet<&str> =
        cases.iter().flat_map(|(codes, _)| codes.iter().copied()).collect();
    proved.extend(["P028", "A1", "A2", "A3", "A4", "A5", "A6", "C2"]);
    let all: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(proved, all);
}

#[test]
fn what_a_stream_may_say_is_read() {
    let said = "zone: America/New_York
    grace: P10D
    pre_approved: true
    backfill: {received_before: 2027-03-01, count_from: event_time, rationale: moved from paper}
    segment: {max_span: PT1H30M, split_by: [residency]}";
    let edits = [
        ("match: {stream: [payments-access]}", "match: {labels: {app: pay, env: \"no\"}}"),
        ("{stream: [ledger-postings]}", "{labels: {app: ledger}}"),
        ("grace: P30D", "grace: P30D\n  residency: [eu-west-1, eu-central-1]"),
        ("[eu-central-1]\n", "[us-east-1, eu-central-1]\n"),
        ("clock: event_time", "clock: {event: order_closed}"),
        (SPAN, said),
        (PCI, "- reg: pci-dss-10-5-1\n        cutoff: month\n        rationale: audits"),
    ];
    let policy = check_after(None, &edited(&edits)).unwrap_or_else(|e| panic!("{e:#?}")).policy;
    let stream = &policy.streams[0];
    assert_eq!(stream.zone.name(), "America/New_York");
    assert_eq!(stream.clock, Clock::Event("order_closed".into()));
    assert_eq!((stream.grace.to_string(), stream.pre_approved), ("P10D".into(), true));
    assert_eq!(stream.max_span, SignedDuration::from_mins(90));
    assert_eq!(stream.residency, ["eu-central-1"]);
    assert_eq!(stream.matches.labels["env"], "no");
    let backfill = stream.backfill.as_ref().unwrap();
    assert_eq!(backfill.received_before.to_string(), "2027-03-01");
    assert_eq!(stream.citations[0].cutoff, Some(Cutoff::Month));
    assert_eq!(stream.lock, LockDemand::Compliance);
    let other = &policy.streams[1];
    assert_eq!((other.residency.len(), other.lock), (2, LockDemand::Governance));
    assert_eq!((other.grace.to_string(), other.zone.name()), ("P30D".into(), "Europe/Berlin"));
}

#[test]
fn maxima_yield_to_the_law_that_their_text_names() {
    let crossing = |gdpr: &str, rule: &str| {
        let max =
            format!("- reg: {gdpr}\n        set_max: P1Y\n        rationale: a\n        {DECIDED}");
        let min = format!("- reg: {rule}");
        let edits = [(BOOK_GDPR, max.as_str()), (TAX, &min), ("lock: gov", "lock: compliance #")];
        let result = check_after(None, &edited(&edits));
        result.map_or_else(|errors| errors[0].code, |checked| checked.advice[0].code)
    };
    assert_eq!(crossing("eu-gdpr-5-1-e", "de-ao-147-buchungsbelege"), Code::Exempted);
    assert_eq!(crossing("uk-gdpr", "uk-fca-sysc-9"), Code::Exempted);
    assert_eq!(crossing("eu-gdpr-5-1-e", "uk-fca-sysc-9"), Code::HardConflict);
    assert_eq!(crossing("uk-gdpr", "de-ao-147-buchungsbelege"), Code::HardConflict);
    assert_eq!(crossing("eu-gdpr-5-1-e", "us-nydfs-500-06-cyber"), Code::HardConflict);
}
