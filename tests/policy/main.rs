//! A policy's life through the command line: planned, approved by two officers, put in force, and
//! what the locks of the archive then are.

mod alarms;
mod approvals;
mod cost;
mod explained;
mod forged;
mod kept;
mod office;
mod plan;
mod quarantine;
mod scale;
mod span;
mod text;

use std::collections::BTreeMap;

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::json::Value;

use office::{Lock, Office, Stream, days_ahead, first_day_after_years, in_minutes, today};

/// Done.
const DONE: i32 = 0;
/// Bad usage or input.
const INPUT: i32 = 2;

#[test]
fn locks_follow_the_policy_in_force() {
    let office = Office::new();
    office.archive("a", 3);
    let plan = office.plan(1, &[Stream::governance("P1Y")]).expect(DONE);
    assert_eq!(plan.stream("app", "extended"), (1, office.bytes()));
    assert_eq!(plan.stream("app", "irreversible"), (0, 0));
    office.apply(1, &[]).refused("two officers in two roles have to sign");
    office.approve(1, "ann", "ann").expect(DONE);
    office.approve(1, "ann", "ann").refused("officer `ann` has signed this already");
    office.apply(1, &[]).refused("two officers in two roles have to sign");
    office.approve(1, "bob", "ann").refused("not by the registered key of officer `bob`");
    office.approve(1, "eve", "ann").refused("officer `eve` is not registered");
    office.approve(1, "cid", "cid").refused("role `records` has signed this already");
    office.apply(1, &[]).refused("two officers in two roles have to sign");
    office.approve(1, "bob", "bob").expect(DONE);
    office.apply(1, &[]).expect(DONE);

    let before = office.locks("segments/");
    office.sweep();
    let date = first_day_after_years(1);
    let after = office.locks("segments/");
    assert!(before.values().all(|(_, until)| *until < date));
    assert!(
        after.values().all(|(mode, until)| mode == "GOVERNANCE" && *until == date),
        "{after:?}"
    );
    // What proves them lasts longer, each kind as long as the other.
    for place in ["log/claim/", "log/checkpoints/", "policies/", "catalogues/", "manifests/"] {
        let locks = office.locks(place);
        let proofs = locks.values().filter(|(_, until)| *until > date).count();
        // The sweep's own window and its checkpoint wait for the next one.
        let own = usize::from(place.starts_with("log/"));
        assert!(proofs > 0 && proofs + own >= locks.len(), "{place}: {locks:?}");
    }
    assert_eq!(office.verify(), "PASS");
    // Nothing is left to do, and nothing is done but that the sweep says so.
    let locks = office.locks("");
    office.sweep();
    let mut again = office.locks("");
    again.retain(|name, _| locks.contains_key(name) || !name.starts_with("log/"));
    assert_eq!(again, locks);
    // Before the first policy none was in force.
    let shown = office.run(&["policy", "show", "--at", "2020-01-01T00:00:00Z"]).expect(DONE).output;
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown, "no policy was in force at 2020-01-01T00:00:00.000Z\n");

    // What is sealed from now on has its date in the log.
    office.archive("b", 2);
    office.sweep();
    assert!(office.locks("segments/").values().all(|(_, until)| *until == date));
    assert_eq!(office.retain_until(), [None, Some(date)]);
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn a_run_that_may_set_no_dates_seals_all_the_same() {
    let office = Office::new();
    office.in_force(1, &[Stream::governance("P1Y")]);
    office.archive("a", 3);
    // The dates of what the run before sealed are still to be set.
    let warned = office.archive_without_dates("b");
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("`sweep --duty lock` has to"), "{warned:?}");
    let date = first_day_after_years(1);
    assert!(office.locks("segments/").values().all(|(_, until)| *until < date));
    office.sweep();
    assert!(office.locks("segments/").values().all(|(_, until)| *until == date));
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn what_an_entry_names_is_locked_with_the_next_segments() {
    let office = Office::new();
    office.archive("a", 1);
    office.in_force(1, &[Stream::governance("P1Y")]);
    office.sweep();
    let date = first_day_after_years(1);
    office.hold();
    let lists = office.locks("lists/");
    assert!(lists.len() == 1 && lists.values().all(|(_, until)| *until < date), "{lists:?}");
    office.archive("b", 1);
    office.sweep();
    for place in ["lists/", "policies/", "log/claim/", "log/checkpoints/"] {
        let locks = office.locks(place);
        let proofs = locks.values().filter(|(_, until)| *until > date).count();
        // The sweep's own window and its checkpoint wait for the next one.
        let own = usize::from(place.starts_with("log/"));
        assert!(proofs > 0 && proofs + own >= locks.len(), "{place}: {locks:?}");
    }
}

#[test]
fn what_a_plan_calls_irreversible_is_what_the_sweep_locks() {
    let office = Office::new();
    office.in_force(1, &[Stream::compliance("P1Y")]);
    for name in ["a", "b", "c"] {
        office.archive(name, 2);
    }
    office.sweep();
    let before = office.locks("");
    let segments = office.locks("segments/");
    assert!(segments.values().all(|(mode, _)| mode == "COMPLIANCE"), "{segments:?}");

    let plan = office.plan(2, &[Stream::compliance("P3Y")]).expect(DONE);
    assert_eq!(plan.stream("app", "irreversible"), (3, office.bytes()));
    let objects = office.objects(2);
    office.approve(2, "ann", "ann").expect(DONE);
    office.approve(2, "bob", "bob").expect(DONE);
    // Three segments and their manifests.
    office.apply(2, &[]).refused("6 locks would be moved that nobody can undo");
    office.apply(2, &["--confirm-count", "3"]).refused("6 locks would be moved");
    assert_eq!(office.locks("segments/"), segments);
    office.apply(2, &["--confirm-count", "6"]).expect(DONE);
    office.sweep();
    let after = office.locks("");
    let date = first_day_after_years(3);
    assert!(office.locks("segments/").values().all(|(_, until)| *until == date));
    // Of every object of the archive, what the sweep has moved under COMPLIANCE, and nothing else.
    let irreversible = |(name, lock): &(&String, &Lock)| {
        lock.0 == "COMPLIANCE" && before.get(*name).is_none_or(|earlier| earlier.1 < lock.1)
    };
    let moved: BTreeMap<String, Lock> = after
        .iter()
        .filter(irreversible)
        .map(|(name, lock)| (name.clone(), lock.clone()))
        .collect();
    let Value::Object(said) = plan.member("irreversible") else { panic!("no object") };
    assert_eq!(said.get("count"), Some(&Value::from(moved.len())));
    // The list that officers see before they sign has the objects, their bytes and dates, and its digest is the plan's.
    assert_eq!(objects, office.listed(&moved));
    assert_eq!(said.get("sha256"), Some(&Value::from(Digest::of(objects.as_bytes()).to_string())));
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn a_shorter_policy_shortens_no_lock_and_says_so() {
    let office = Office::new();
    office.archive("a", 3);
    office.in_force(1, &[Stream::governance("P6Y")]);
    office.sweep();
    let before = office.locks("segments/");
    let plan = office.plan(2, &[Stream::governance("P2Y")]).expect(DONE);
    assert_eq!(plan.stream("app", "locked_beyond_schedule"), (1, office.bytes()));
    office.approve_both(2);
    office.apply(2, &[]).expect(DONE);
    // Nor is it tried: what is asked for is about what came since.
    let moved = office.sweep_recorded();
    let kept = ["segments/", "manifests/", "keys/period/"];
    assert!(!moved.is_empty(), "the sweep did nothing");
    assert!(moved.iter().all(|key| !kept.iter().any(|place| key.starts_with(place))), "{moved:?}");
    assert_eq!(office.locks("segments/"), before);
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn a_longer_policy_moves_locks_before_it_is_in_force() {
    let office = Office::new();
    office.archive("a", 3);
    office.in_force(1, &[Stream::governance("P1Y")]);
    office.sweep();
    office.plan_from(2, days_ahead(40), &[Stream::governance("P5Y")]).expect(DONE);
    office.approve_both(2);
    office.apply(2, &[]).expect(DONE);
    office.sweep();
    let date = first_day_after_years(5);
    assert!(office.locks("segments/").values().all(|(_, until)| *until == date));
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn a_clock_that_starts_later_gives_what_was_sealed_before_its_date() {
    let office = Office::new();
    office.archive("a", 3);
    office.in_force(1, &[Stream::from_closing()]);
    office.sweep();
    let date = first_day_after_years(6);
    assert!(office.locks("segments/").values().all(|(_, until)| *until < date));
    office.close_account();
    office.sweep();
    assert!(office.locks("segments/").values().all(|(_, until)| *until == date));
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn a_plan_is_refused_when_something_moved() {
    let office = Office::new();
    office.archive("a", 3);
    let first = office.plan(1, &[Stream::governance("P1Y")]).expect(DONE);
    office.approve_both(1);
    // Another policy comes first.
    office.keep_plan(1, "plan-kept");
    office.plan(1, &[Stream::governance("P2Y")]).expect(DONE);
    office.approve_both(1);
    office.apply(1, &[]).expect(DONE);
    let refused = office.apply_kept("plan-kept");
    assert_eq!(refused.output.code, INPUT, "{}", refused.output.stderr);
    assert!(first.text("policy") != office.policy_in_force());
    // A policy file that changed after its plan.
    office.plan(2, &[Stream::governance("P3Y")]).expect(DONE);
    office.approve_both(2);
    office.write_policy(2, today(), &[Stream::governance("P4Y")]);
    office.apply(2, &[]).refused("the plan is of another policy file");
    // Each of these is on record, and so is a plan whose approvals have lapsed.
    office.plan(2, &[Stream::governance("P3Y")]).expect(DONE);
    office.let_plan_expire(2);
    office.approve(2, "ann", "ann").refused("the plan's approvals counted until 2020-01-01");
    let refused = office.refusals();
    let whys = ["another policy was set", "of another policy file", "counted until 2020-01-01"];
    assert_eq!(refused.len(), whys.len(), "{refused:?}");
    for ((act, why), expected) in refused.iter().zip(whys) {
        assert!(act == "policy.set" && why.contains(expected), "{act}: {why}");
    }
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn what_a_policy_does_not_reach_is_counted() {
    let office = Office::new();
    office.archive("a", 3);
    let status = || office.command(&["status", "--json"]).expect(DONE);
    assert_eq!(status().number("unclassified"), 1);
    let plan = office.plan(1, &[Stream::backfilled("P1Y")]).expect(DONE);
    let warned = plan.output.stderr;
    assert!(warned.contains("`app`: 1 segment of its streams do not say when"), "{warned}");
    let approved = |officer, more: &[&str]| {
        let signed = ["--officer", officer, "--officer-key", officer];
        let approve = ["policy", "approve", "plan-1", "--policy", "policy-1.yaml", "--json"];
        office.command(&[&approve[..], &signed, more].concat())
    };
    let waits = approved("ann", &[]).expect(DONE);
    assert_eq!((waits.text("act"), waits.text("outcome")), ("policy.set".into(), "waiting".into()));
    let digest = waits.text("digest");
    // Nobody signs what is not there to be read.
    let blind = ["officers", "sign", &digest, "--officer", "bob", "--officer-key", "bob"];
    let blind = office.command(&blind).expect(INPUT);
    assert!(blind.stderr.contains("sign with `strongroom policy approve"), "{}", blind.stderr);
    approved("bob", &[]).expect(DONE);
    let entered = office.apply(1, &["--json"]).expect(DONE);
    assert_eq!((entered.text("outcome"), entered.text("digest")), ("entered".into(), digest));

    assert_eq!(status().number("unclassified"), 0);
    let shown = String::from_utf8(status().stdout).unwrap();
    let policy = office.policy_in_force();
    assert!(shown.contains(&format!("\"policy\":{{\"digest\":\"{policy}\"")), "{shown}");
    let copy = office.command_on_a_copy(&["policy", "show", "--json"]).expect(DONE);
    assert_eq!(copy.text("in_force"), policy);
    let yaml = office.command_on_a_copy(&["policy", "show", "--yaml"]).expect(DONE);
    assert!(String::from_utf8(yaml.stdout).unwrap().contains("strongroom.policy/v1"));
}

#[test]
fn a_clock_that_the_policy_does_not_know_is_refused() {
    let office = Office::new();
    office.archive("a", 3);
    office.in_force(1, &[Stream::from_closing()]);
    let event = ["clock", "record", "--stream", "app", "--event", "acount_closed"];
    let signed = ["--at", "2026-01-01T00:00:00Z", "--officer", "ann", "--officer-key", "ann"];
    let refused = office.command(&[&event[..], &signed].concat()).expect(INPUT);
    let said = &refused.stderr;
    assert!(said.contains("no policy waits for `acount_closed` of stream `app`"), "{said}");
    assert!(said.contains("`account_closed`"), "{said}");
    office.close_account();
}

#[test]
fn a_lock_ends_where_the_dates_of_stores_do_and_nothing_more_is_asked_of_it() {
    let office = Office::new();
    office.in_force_for_long(&[Stream::governance("P90Y")]);
    office.archive("a", 3);
    office.sweep();
    let last: Timestamp = "2106-02-07T06:28:15Z".parse().unwrap();
    assert!(office.locks("segments/").values().all(|(_, until)| *until == last));
    assert!(office.locks("").values().all(|(_, until)| *until <= last));
    let findings = office.findings();
    assert!(!findings.contains("sweep --duty lock"), "{findings}");
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn a_test_archive_keeps_its_short_locks_whatever_the_policy_says() {
    let office = Office::of_test_archive();
    office.archive("a", 3);
    office.in_force(1, &[Stream::compliance("P7Y")]);
    office.archive("b", 3);
    office.sweep();
    let latest = in_minutes(11);
    assert!(office.locks("").values().all(|(_, until)| *until < latest));
    assert_eq!(office.verify(), "PASS");
}
