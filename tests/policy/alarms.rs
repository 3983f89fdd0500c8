//! What `verify` alarms of: locks that nobody moves on, and what has to go and may not.

use jiff::{SignedDuration, Timestamp};
use strongroom_archiver::verify::{ALARM, Finding, Mark, Report, Verdict};
use strongroom_tests::archive::verified_at;
use strongroom_tests::clock::now;

use crate::DONE;
use crate::office::{Office, Stream};

/// Half the settling period of a production archive.
const HALF: SignedDuration = SignedDuration::from_hours(84);
/// Moves what an auditor's clock says off an edge.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What an auditor finds when the store's clock says so.
fn verify_at(office: &Office, now: Timestamp) -> Report {
    verified_at(&office.path().join("store"), &office.keys(), now)
}

/// How many locks are pending, and how many of them alarm.
fn pending(report: &Report) -> (usize, usize) {
    let locks: Vec<_> = report.marked(Mark::Pending).filter(|one| one.check == "lock").collect();
    let alarms = locks.iter().filter(|one| one.detail.starts_with(ALARM));
    (locks.len(), alarms.count())
}

#[test]
fn a_settling_lock_alarms_in_its_second_half_and_fails_behind_its_end() {
    let office = Office::new();
    office.archive("a", 2);
    let sealed = now();
    let early = verify_at(&office, sealed + HALF - HOUR);
    assert_eq!((early.verdict, pending(&early)), (Verdict::Pass, (0, 0)), "{early:#?}");
    let late = verify_at(&office, sealed + HALF + HOUR);
    let (locks, alarms) = pending(&late);
    assert!(alarms > 1 && locks == alarms, "{late:#?}");
    assert_eq!(late.verdict, Verdict::Pass);
    let over = verify_at(&office, sealed + HALF + HALF + HOUR);
    assert_eq!((over.verdict, pending(&over).1), (Verdict::Fail, 1), "{over:#?}");
    let ended = |one: &&Finding| one.check == "lock" && one.detail.starts_with("its lock ended ");
    assert!(over.marked(Mark::Fail).filter(ended).count() > 1, "{over:#?}");
}

#[test]
fn a_date_that_no_run_sets_alarms_in_the_second_half_of_the_settling_lock() {
    let office = Office::new();
    office.archive("a", 2);
    office.in_force(1, &[Stream::governance("P1Y")]);
    let sealed = now();
    let due = verify_at(&office, sealed);
    assert_eq!((due.verdict, pending(&due)), (Verdict::Pass, (2, 0)), "{due:#?}");
    let late = verify_at(&office, sealed + HALF + HOUR);
    assert!(pending(&late).1 > 2, "{late:#?}");
    let over = verify_at(&office, sealed + HALF + HALF + HOUR);
    assert_eq!(over.verdict, Verdict::Fail);
    office.sweep();
    let swept = verify_at(&office, now());
    assert_eq!((swept.verdict, pending(&swept)), (Verdict::Pass, (0, 0)), "{swept:#?}");
}

#[test]
fn verify_says_who_could_undo_the_locks() {
    let office = Office::new();
    office.archive("a", 2);
    office.in_force(1, &[Stream::compliance("P1Y")]);
    office.archive("b", 2);
    let modes = verify_at(&office, now()).modes.unwrap();
    // The second segment and its manifest; the first was born before the policy.
    assert_eq!((modes.compliance, modes.attested), (2, None), "{modes:?}");
    let told = office.run(&["verify"]).expect(DONE).output.stdout;
    let told = String::from_utf8(told).unwrap();
    let line = format!(
        "locks       {} objects GOVERNANCE (whoever may bypass them can undo them), 2 COMPLIANCE; last attestation none\n",
        modes.governance
    );
    assert!(told.contains(&line), "{told}");
    office.run(&["doctor", "--attest"]);
    let attested = verify_at(&office, now()).modes.unwrap().attested;
    assert!(attested.is_some_and(|(index, _)| index > 0), "{attested:?}");
}

/// An account that nobody has closed keeps events that were to go seven years after they happened.
#[test]
fn what_has_to_go_and_may_not_alarms() {
    let office = Office::new();
    let law = "{reg: eu-gdpr-5-1-e, set_max: P7Y, rationale: as the test says, decision: {code: C3, resolve: keep, \
               approved_by: [legal, records], review_by: 2999-12-31}}";
    let stream = Stream::from_closing().since("{event: purpose_ended}").moved().citing(law);
    office.in_force(1, &[stream]);
    for day in 1..=4 {
        let event = format!(
            "{{\"eventVersion\":\"1.08\",\"eventTime\":\"2015-03-0{day}T10:00:00Z\",\
             \"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"CreateUser\"}}\n"
        );
        office.archive_lines(&format!("old-{day}.ndjson"), &event);
    }
    let ended = ["clock", "record", "--stream", "app", "--event", "purpose_ended"];
    for officer in ["ann", "bob"] {
        let signed = ["--officer", officer, "--officer-key", officer];
        let at = ["--at", "2015-06-01T00:00:00Z"];
        office.run(&[&ended[..], &at, &signed].concat()).expect(DONE);
    }
    office.sweep();
    let report = verify_at(&office, now());
    assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
    let keeping = report.keeping.unwrap();
    assert_eq!((keeping.blocked, keeping.overdue), (4, 4));
    let found: Vec<_> =
        report.marked(Mark::Pending).filter(|one| one.check == "retention").collect();
    let [blocked, overdue] = &found[..] else { panic!("{report:#?}") };
    assert!(blocked.detail.starts_with("ALARM: 4 BLOCKED: "), "{}", blocked.detail);
    assert!(overdue.detail.starts_with("ALARM: 4 OVERDUE: "), "{}", overdue.detail);
    assert_eq!(overdue.detail.matches("segments/app/").count(), 3, "{}", overdue.detail);
    let status = office.status();
    assert_eq!((status.output.number("blocked"), status.output.number("overdue")), (4, 4));
    let shown = String::from_utf8(office.run(&["status"]).expect(DONE).output.stdout).unwrap();
    assert!(shown.contains("blocked     4 segments: "), "{shown}");
    assert!(shown.contains("overdue     4 segments: "), "{shown}");
}
