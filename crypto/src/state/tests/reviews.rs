//! What officers say of statements, what the recovery key does, and what fits once.

use super::decisions::{
    decide, digest, fitting, officers_set, place, release, sign, signed, statement,
};
use super::*;
use crate::state::reviews::{MAX_REJECTED_BY_ONE, MAX_REJECTED_MS};
use crate::{
    entry::{
        ClockChange, ClockEvent, OfficerAct, Verdict,
        tests::{clock_event, officer_act},
    },
    officer::{OfficerError, tests::signatures},
};

#[test]
fn the_recovery_key_stands_for_a_lost_officer_after_seven_days() {
    let week = 7 * 24 * HOUR;
    let mut state = opened();
    let mut next = officers_set(1, &[(1, "legal"), (5, "records")]);
    if let EntryKind::OfficersSet(set) = &mut next {
        set.expires_at = at(2 * week);
    }
    let approve = |kind: &EntryKind, officers: &[u8]| {
        let mut act = EntryKind::OfficerAct(officer_act(Verdict::Approve, statement(kind)));
        sign(&mut act, signatures(statement(kind), officers));
        vec![(Entry::new(at(1), act), None)]
    };
    let early = Outcome::Void(Void::Officers(OfficerError::Recovery));
    assert_eq!(decide(&mut state.clone(), week, next.clone(), &[1, 7]), early);
    assert_eq!(fold(&mut state, approve(&next, &[7]), 5), Outcome::Valid);
    assert_eq!(state.recoveries().collect::<Vec<_>>(), [(statement(&next), at(1))]);
    // The second time does not count anew, nor from later on.
    assert_eq!(fold(&mut state, approve(&next, &[7]), 5), Outcome::Valid);
    assert_eq!(decide(&mut state.clone(), week, next.clone(), &[1, 7]), early);
    let alone = Outcome::Void(Void::Officers(OfficerError::TwoRoles));
    assert_eq!(decide(&mut state.clone(), week + 1, next.clone(), &[7]), alone);
    assert_eq!(decide(&mut state.clone(), week + 1, next.clone(), &[1]), alone);
    // A no of any officer ends it.
    let mut stopped = state.clone();
    let act = EntryKind::OfficerAct(officer_act(Verdict::Reject, statement(&next)));
    assert_eq!(decide(&mut stopped, 2, act, &[3]), Outcome::Valid);
    assert_eq!(decide(&mut stopped.clone(), week + 1, next.clone(), &[1, 7]), early);
    // Two officers need no recovery.
    assert_eq!(decide(&mut stopped, week + 1, next.clone(), &[1, 3]), Outcome::Valid);
    // It stands for nobody in anything else.
    assert_eq!(fold(&mut state, approve(&release("h"), &[7]), 5), Outcome::Valid);
    let mut held = state.clone();
    assert_eq!(decide(&mut held, 2, place("h", |_| ()), &[1]), Outcome::Valid);
    let mut unplaced = release("h");
    if let EntryKind::HoldRelease(release) = &mut unplaced {
        release.expires_at = at(2 * week);
    }
    assert_eq!(decide(&mut held, week + 1, unplaced, &[1, 7]), alone);
    let unsigned = Outcome::Void(Void::Officers(OfficerError::Unsigned));
    assert_eq!(decide(&mut state.clone(), 1, place("i", |_| ()), &[7]), unsigned);
    let reject = EntryKind::OfficerAct(officer_act(Verdict::Reject, digest(1)));
    assert_eq!(decide(&mut state.clone(), 1, reject, &[7]), unsigned);
    assert_eq!(decide(&mut state, week + 1, next, &[1, 7]), Outcome::Valid);
    assert_eq!((state.officers().iter().count(), state.recoveries().count()), (2, 0));
}

#[test]
fn a_rejected_statement_is_never_entered() {
    let mut state = opened();
    assert_eq!(decide(&mut state, 1, place("h", |_| ()), &[1]), Outcome::Valid);
    let kind = fitting(&state, release("h"));
    let is_rejected = |state: &State| {
        let root = String::from_utf8(state.snapshot().unwrap().root_bytes).unwrap();
        root.contains(&statement(&kind).to_string())
    };
    for verdict in [Verdict::Refused, Verdict::Extend] {
        assert!(!is_rejected(&state));
        let act = EntryKind::OfficerAct(officer_act(verdict, statement(&kind)));
        assert_eq!(decide(&mut state, 1, act, &[4]), Outcome::Valid);
    }
    let rejected = Void::Rejected { statement: statement(&kind) };
    assert_eq!(void(decide(&mut state, 2, kind.clone(), &[1, 3])), rejected);
    // What lets nothing go is not an officer's to stop.
    let next = officers_set(1, &[(1, "legal"), (5, "records")]);
    let act = EntryKind::OfficerAct(officer_act(Verdict::Reject, statement(&next)));
    assert_eq!(decide(&mut state, 1, act, &[3]), Outcome::Valid);
    assert_eq!(decide(&mut state.clone(), 2, next, &[1, 3]), Outcome::Valid);
    // It is remembered for as long as it could be entered, with a day for the clocks.
    let day = 24 * HOUR;
    let window = |number| close_item(1_000_000 + day * i64::from(number > 0), "0/1", number);
    assert_eq!(fold(&mut state, vec![window(0)], 1), Outcome::Valid);
    assert!(is_rejected(&state));
    assert_eq!(fold(&mut state, vec![window(1)], 1), Outcome::Valid);
    assert!(is_rejected(&state));
    assert_eq!(fold(&mut state, vec![close_item(1_000_001 + day, "0/1", 2)], 1), Outcome::Valid);
    assert!(!is_rejected(&state));
}

#[test]
fn a_clock_event_fits_once_and_far_back_takes_two() {
    let (day, mut state) = (24 * HOUR, opened());
    let told = |state: &mut State, ms, happened, kind, replaces, officers: &[u8]| {
        let mut told = clock_event(happened, kind);
        (told.replaces, told.expires_at) = (replaces, at(999 * day));
        fold(state, vec![signed(ms, EntryKind::ClockEvent(Box::new(told)), officers)], 5)
    };
    let far = 40 * day;
    let alone = Outcome::Void(Void::Officers(OfficerError::TwoRoles));
    let later = ClockChange::Later;
    assert_eq!(told(&mut state.clone(), far, far - 31 * day - 1, later, None, &[1]), alone);
    assert_eq!(told(&mut state, far, far - 31 * day, later, None, &[1]), Outcome::Valid);
    let index = state.size() - 1;
    let replaced = |last| {
        let ClockEvent { stream, event, .. } = clock_event(0, later);
        Void::ClockReplaced { stream, event, last }
    };
    for replaces in [None, Some(index - 1)] {
        let outcome = told(&mut state, far, far, later, replaces, &[1]);
        assert_eq!(void(outcome), replaced(Some(index)));
    }
    // A running one only moves later by it, however far back that is.
    assert_eq!(
        told(&mut state, 99 * day, far - 30 * day, later, Some(index), &[1]),
        Outcome::Valid
    );
    let index = state.size() - 1;
    let undone = told(&mut state, 99 * day, far, ClockChange::Reopened, Some(index), &[1]);
    assert_eq!(undone, Outcome::Valid);
    let index = state.size() - 1;
    assert_eq!(told(&mut state, 99 * day, far + 1, later, Some(index), &[1]), alone);
    assert_eq!(told(&mut state, 99 * day, far + 1, later, Some(index), &[1, 3]), Outcome::Valid);
}

#[test]
fn an_act_is_the_officers_own() {
    let mut state = opened();
    let act = |verdict| EntryKind::OfficerAct(officer_act(verdict, digest(1)));
    let entry = |verdict, statement, officers: &[u8]| {
        let mut kind = act(verdict);
        sign(&mut kind, signatures(statement, officers));
        (Entry::new(at(1), kind), None)
    };
    // Who approves signs the statement itself, and who says anything else says it here.
    let approval = entry(Verdict::Approve, digest(1), &[1]);
    assert_eq!(fold(&mut state, vec![approval], 5), Outcome::Valid);
    let refused = Void::Officers(OfficerError::Signature { officer: "officer-1".parse().unwrap() });
    assert_eq!(void(decide(&mut state, 1, act(Verdict::Approve), &[1])), refused);
    for verdict in [Verdict::Reject, Verdict::Extend, Verdict::Refused] {
        assert_eq!(void(fold(&mut state, vec![entry(verdict, digest(1), &[1])], 5)), refused);
        assert_eq!(decide(&mut state, 1, act(verdict), &[1]), Outcome::Valid);
    }
    // A program may say that it refused somebody, and nothing else.
    for (signer, may) in [(1, true), (3, false), (4, true), (5, false)] {
        let outcome =
            fold(&mut state, vec![(Entry::new(at(1), act(Verdict::Refused)), None)], signer);
        assert_eq!(outcome == Outcome::Valid, may, "{signer}: {outcome:?}");
        let outcome =
            fold(&mut state, vec![(Entry::new(at(1), act(Verdict::Reject)), None)], signer);
        assert_eq!(void(outcome), Void::Officers(OfficerError::Unsigned));
    }
}

#[test]
fn nobody_alone_takes_the_word_of_the_others() {
    let mut state = opened();
    let reject = |n: u64, expires_at: Instant, officer: u8| {
        let digest = Digest::of(&n.to_be_bytes());
        let act = OfficerAct { expires_at, ..officer_act(Verdict::Reject, digest) };
        signed(1, EntryKind::OfficerAct(act), &[officer])
    };
    let year = at(1).saturating_add_ms(MAX_REJECTED_MS);
    let later = at(2).saturating_add_ms(MAX_REJECTED_MS);
    let beyond = Void::Extended { until: later, latest: year };
    assert_eq!(void(fold(&mut state, vec![reject(1, later, 1)], 5)), beyond);
    let most = u64::try_from(MAX_REJECTED_BY_ONE).unwrap();
    for first in (0..most).step_by(500) {
        let items = (first..first + 500).map(|n| reject(n, year, 1)).collect();
        assert_eq!(fold(&mut state, items, 5), Outcome::Valid);
    }
    let what = "rejected statements of one officer";
    let full = Void::Full { what, limit: MAX_REJECTED_BY_ONE };
    assert_eq!(void(fold(&mut state, vec![reject(most, year, 1)], 5)), full);
    // What was rejected already takes no more room, and another officer has room of the own.
    assert_eq!(fold(&mut state, vec![reject(0, year, 1)], 5), Outcome::Valid);
    assert_eq!(fold(&mut state, vec![reject(most, year, 3)], 5), Outcome::Valid);
}
