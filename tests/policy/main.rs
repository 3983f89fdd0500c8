//! A policy's life through the command line: planned, approved by two officers, put in force, and
//! what the locks of the archive then are.

mod office;
mod scale;

use office::{Office, Stream, days_ahead, first_day_after_years, in_minutes, today};

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
    office.approve(1, "cid", "cid").expect(DONE);
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
    for place in ["log/claim/", "policies/", "catalogues/", "manifests/"] {
        assert!(office.locks(place).values().any(|(_, until)| *until > date), "{place}");
    }
    assert_eq!(office.verify(), "PASS");
    // Nothing is left to do, and nothing is done.
    let locks = office.locks("");
    office.sweep();
    assert_eq!(office.locks("segments/"), after);
    assert!(office.locks("").len() >= locks.len());

    // What is sealed from now on has its date in the log.
    office.archive("b", 2);
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
    let before = office.locks("segments/");
    assert!(before.values().all(|(mode, _)| mode == "COMPLIANCE"), "{before:?}");

    let plan = office.plan(2, &[Stream::compliance("P3Y")]).expect(DONE);
    assert_eq!(plan.stream("app", "irreversible"), (3, office.bytes()));
    office.approve(2, "ann", "ann").expect(DONE);
    office.approve(2, "bob", "bob").expect(DONE);
    office.apply(2, &[]).refused("3 locks would be moved that nobody can undo");
    office.apply(2, &["--confirm-count", "2"]).refused("3 locks would be moved");
    assert_eq!(office.locks("segments/"), before);
    office.apply(2, &["--confirm-count", "3"]).expect(DONE);
    office.sweep();
    let after = office.locks("segments/");
    let date = first_day_after_years(3);
    assert!(after.values().all(|(mode, until)| mode == "COMPLIANCE" && *until == date));
    assert_eq!(plan.text("irreversible_sha256"), office.digest_of_locks(&after));
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
    office.sweep();
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
