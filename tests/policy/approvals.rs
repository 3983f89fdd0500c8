//! Signatures count for one plan, for their time, and once for each of two people in two roles.

use std::fs;

use jiff::{Timestamp, ToSpan as _};
use strongroom_crypto::json::{Value, parse, text};
use strongroom_tests::clock::now;

use crate::office::{OFFICERS, Office, Stream, first_day_after_years};
use crate::{DONE, INPUT};

/// Longest plan in bytes.
const MAX_PLAN: usize = 1 << 16;

/// No policy is in force.
fn nothing_in_force(office: &Office) -> bool {
    office.run(&["policy", "show", "--json"]).expect(DONE).member("in_force") == Value::Null
}

fn planned() -> Office {
    let office = Office::new();
    office.archive("a", 2);
    office.plan(1, &[Stream::governance("P1Y")]).expect(DONE);
    office
}

#[test]
fn signatures_under_another_plan_of_the_same_policy_count_for_nothing() {
    let office = planned();
    office.approve_both(1);
    // The same file again: another instant, another digest.
    office.plan(1, &[Stream::governance("P1Y")]).expect(DONE);
    office.apply(1, &[]).refused("two officers in two roles have to sign");
    office.approve(1, "ann", "ann").expect(DONE);
    office.apply(1, &[]).refused("two officers in two roles have to sign");
    assert!(nothing_in_force(&office));
    office.approve(1, "bob", "bob").expect(DONE);
    office.apply(1, &[]).expect(DONE);
    assert!(!nothing_in_force(&office));
}

#[test]
fn a_signature_over_a_stale_digest_is_refused() {
    let office = planned();
    let approve = ["policy", "approve", "plan-1", "--policy", "policy-1.yaml"];
    office.run(&[&approve[..], &["--statement", "statement"]].concat()).expect(DONE);
    let [ann, ..] = OFFICERS;
    ann.sign(&office.path().join("statement"));
    let detached = ["--officer", "ann", "--signature", "statement.sig"];
    let signed = [&approve[..], &detached].concat();
    office.plan(1, &[Stream::governance("P1Y")]).expect(DONE);
    let refused = office.run(&signed).output.expect(INPUT);
    assert!(refused.stderr.contains("signature"), "{}", refused.stderr);
    // Under the plan that it was made for it counts.
    office.run(&[&approve[..], &["--statement", "statement"]].concat()).expect(DONE);
    ann.sign(&office.path().join("statement"));
    office.run(&signed).expect(DONE);
    office.run(&signed).refused("officer `ann` has signed this already");
}

#[test]
fn a_plan_whose_time_is_over_is_neither_signed_nor_applied() {
    let office = planned();
    office.approve_both(1);
    let path = office.path().join("plan-1");
    let Ok(Value::Object(mut plan)) = parse(&fs::read(&path).unwrap(), MAX_PLAN) else {
        panic!("no plan")
    };
    let Some(Value::Text(made)) = plan.remove("as_of") else { panic!("{plan:?}") };
    let made = made.parse::<Timestamp>().unwrap();
    let expired = now() - 1.hour();
    for (as_of, says) in [
        (made - (24 * 40).hours(), "the plan's approvals counted until"),
        (made + 24.hours(), "is to come"),
    ] {
        let over = as_of < made;
        let expires_at = if over { expired } else { now() + (24 * 30).hours() };
        let instant = |at: Timestamp| text(at.strftime("%Y-%m-%dT%H:%M:%S.000Z"));
        let mut forged = plan.clone();
        forged.remove("expires_at");
        forged.insert("as_of", instant(as_of));
        forged.insert("expires_at", instant(expires_at));
        fs::write(&path, Value::Object(forged).to_canonical()).unwrap();
        office.approve(1, "ann", "ann").refused(says);
        office.apply(1, &[]).refused(says);
    }
    assert!(nothing_in_force(&office));
}

#[test]
fn a_plan_is_refused_when_locks_have_moved_since() {
    let office = Office::new();
    office.in_force(1, &[Stream::compliance("P3Y")]);
    office.archive("a", 2);
    let plan = office.plan(2, &[Stream::compliance("P1Y")]).expect(DONE);
    assert_eq!(plan.stream("app", "irreversible"), (1, office.bytes()));
    office.approve_both(2);
    // Under the policy in force the locks reach further than the new one would move them.
    office.sweep();
    office.apply(2, &["--confirm-count", "2"]).refused("the archive is not as it was");
    office.approve(2, "ann", "ann").refused("the archive is not as it was");
    let date = first_day_after_years(3);
    assert!(office.locks("segments/").values().all(|(_, until)| *until == date));
    // A new plan says so, and nothing of it is irreversible.
    let plan = office.plan(2, &[Stream::compliance("P1Y")]).expect(DONE);
    assert_eq!(plan.stream("app", "locked_beyond_schedule"), (1, office.bytes()));
    office.approve_both(2);
    office.apply(2, &[]).expect(DONE);
}

#[test]
fn two_people_of_one_role_and_one_person_twice_are_not_enough() {
    let office = planned();
    office.approve(1, "ann", "ann").expect(DONE);
    office.approve(1, "ann", "ann").refused("has signed this already");
    office.approve(1, "cid", "cid").refused("role `records` has signed this already");
    office.apply(1, &[]).refused("two officers in two roles have to sign");
    assert!(nothing_in_force(&office));
    // What is sealed meanwhile stands in nobody's way.
    office.archive("b", 2);
    office.approve(1, "bob", "bob").expect(DONE);
    office.apply(1, &[]).expect(DONE);
}

#[test]
fn a_policy_is_entered_once_however_often_it_is_applied() {
    let office = Office::new();
    office.archive("a", 3);
    office.in_force(1, &[Stream::governance("P1Y")]);
    let entries = || office.run(&["status", "--json"]).expect(DONE).output.number("entries");
    let before = entries();
    let again = office.apply(1, &[]).expect(DONE).output;
    let shown = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(shown.contains("version 1 was entered before"), "{shown}");
    assert_eq!(entries(), before);
}
