//! What officers decide: each rule is one that an entry breaks alone.

use super::*;
use crate::{
    entry::{
        ClockChange, ClockEvent, HoldPlace, Locked, OfficersSet, PolicySet, Standing, Verdict,
        tests::{clock_event, hold_place, hold_release, officer_act, policy_set},
    },
    officer::{
        OfficerError, Registry, RegistryError, Signatures,
        tests::{officer, signatures},
    },
};

/// An entry that officers signed.
pub(super) fn signed(ms: i64, kind: EntryKind, officers: &[u8]) -> Item {
    let beside = kind.list().map(|digest| known_list(digest).into());
    (signed_entry(ms, kind, officers), beside)
}

pub(super) fn signed_entry(ms: i64, mut kind: EntryKind, officers: &[u8]) -> Entry {
    let statement = statement(&kind);
    sign(&mut kind, signatures(statement, officers));
    Entry::new(at(ms), kind)
}

pub(super) fn statement(kind: &EntryKind) -> Digest {
    Digest::of(&kind.statement(ArchiveId::from_bytes([7; 16])))
}

/// The list of a digest: one of some segments of the first five, or of one segment.
fn known_list(digest: Digest) -> SegmentList {
    let some = (1..32_u64).map(|set| (1..=5).filter(|n| set >> (n - 1) & 1 == 1).collect());
    let mut lists = some.chain((0..256).map(|n| vec![n])).map(|ids: Vec<u64>| list(&ids));
    lists.find(|list| list.digest() == digest).unwrap()
}

pub(super) fn list(ids: &[u64]) -> SegmentList {
    SegmentList::new(ids.iter().map(|n| id(*n)).collect()).unwrap()
}

/// A statement that fits what the log says of its hold or clock.
pub(super) fn fitting(state: &State, mut kind: EntryKind) -> EntryKind {
    match &mut kind {
        EntryKind::HoldRelease(release) => {
            let known = state.holds().find(|(id, _)| **id == release.hold);
            release.placed = known.map_or(0, |(_, hold)| hold.placed);
        }
        EntryKind::ClockEvent(event) => {
            let same = |of, name| (of, name) == (&event.stream, &event.event);
            let known = state.clocks().find(|(of, name, _)| same(*of, *name));
            event.replaces = known.map(|(_, _, clock)| clock.index);
        }
        _ => {}
    }
    kind
}

pub(super) fn sign(kind: &mut EntryKind, signatures: Signatures) {
    *match kind {
        EntryKind::KeySet(change) => &mut change.signatures,
        EntryKind::OfficersSet(set) => &mut set.signatures,
        EntryKind::PolicySet(set) => &mut set.signatures,
        EntryKind::HoldPlace(place) => &mut place.signatures,
        EntryKind::HoldRelease(release) => &mut release.signatures,
        EntryKind::ClockEvent(event) => &mut event.signatures,
        EntryKind::OfficerAct(act) => &mut act.signatures,
        EntryKind::DispositionOrder(order) => &mut order.signatures,
        other => panic!("officers do not sign {}", other.as_str()),
    } = signatures;
}

/// Folds what officers signed, appended by the key of duty `export`.
pub(super) fn decide(state: &mut State, ms: i64, kind: EntryKind, officers: &[u8]) -> Outcome {
    let kind = fitting(state, kind);
    fold(state, vec![signed(ms, kind, officers)], 5)
}

pub(super) fn policy(change: impl FnOnce(&mut PolicySet)) -> EntryKind {
    let mut set = policy_set();
    change(&mut set);
    EntryKind::PolicySet(Box::new(set))
}

pub(super) fn place(hold: &str, change: impl FnOnce(&mut HoldPlace)) -> EntryKind {
    let mut place = hold_place(hold);
    change(&mut place);
    EntryKind::HoldPlace(place)
}

pub(super) fn release(hold: &str) -> EntryKind {
    EntryKind::HoldRelease(hold_release(hold))
}

pub(super) fn event(happened: i64, kind: ClockChange) -> EntryKind {
    EntryKind::ClockEvent(Box::new(clock_event(happened, kind)))
}

pub(super) fn officers_set(number: u64, officers: &[(u8, &str)]) -> EntryKind {
    let officers = officers.iter().map(|(n, role)| officer(*n, role)).collect();
    let (officers, signatures) = (Registry::new(officers).unwrap(), Signatures::default());
    let expires_at = at(1_000_000);
    EntryKind::OfficersSet(OfficersSet { expires_at, number, officers, signatures })
}

fn one(n: u8) -> Digest {
    list(&[u64::from(n)]).digest()
}

pub(super) fn digest(n: u8) -> Digest {
    Digest::of(&[n])
}

#[test]
fn each_type_needs_its_officers() {
    let mut held = opened();
    assert_eq!(decide(&mut held, 1, place("h", |_| ()), &[1]), Outcome::Valid);
    assert_eq!(decide(&mut held, 1, event(1, ClockChange::Later), &[1]), Outcome::Valid);
    let second = KeySet::add(key(9).public(), Role::Remove, at(1_000_000));
    assert_eq!(decide(&mut held, 1, EntryKind::KeySet(second), &[1, 3]), Outcome::Valid);
    let last = KeySet::revoke(key(3).id(), Role::Lock, at(1_000_000));
    let two = [
        officers_set(1, &[(1, "legal"), (3, "records")]),
        policy(|_| ()),
        release("h"),
        EntryKind::KeySet(KeySet::add(key(9).public(), Role::Lock, at(1_000_000))),
        event(0, ClockChange::Earlier),
        EntryKind::KeySet(last),
    ];
    for kind in two {
        let outcome = |officers: &[u8]| decide(&mut held.clone(), 1, kind.clone(), officers);
        for too_few in [vec![], vec![1], vec![1, 2]] {
            assert_eq!(void(outcome(&too_few)), Void::Officers(OfficerError::TwoRoles));
        }
        assert_eq!(outcome(&[2, 4]), Outcome::Valid, "{}", kind.as_str());
    }
    let one = [
        place("h", |_| ()),
        event(1, ClockChange::Later),
        event(1, ClockChange::Reopened),
        EntryKind::KeySet(KeySet::revoke(key(9).id(), Role::Remove, at(1_000_000))),
        EntryKind::OfficerAct(officer_act(Verdict::Reject, digest(1))),
    ];
    for kind in one {
        let outcome = |officers: &[u8]| decide(&mut held.clone(), 1, kind.clone(), officers);
        assert_eq!(void(outcome(&[])), Void::Officers(OfficerError::Unsigned));
        assert_eq!(outcome(&[2]), Outcome::Valid, "{}", kind.as_str());
    }
}

#[test]
fn a_signature_is_of_this_archive_this_statement_and_a_registered_officer() {
    let mut state = opened();
    let unregistered = OfficerError::Unregistered { officer: "officer-9".parse().unwrap() };
    let outcome = decide(&mut state, 1, policy(|_| ()), &[1, 3, 9]);
    assert_eq!(void(outcome), Void::Officers(unregistered));
    let refused = Void::Officers(OfficerError::Signature { officer: "officer-1".parse().unwrap() });
    let mut folded = |mut kind: EntryKind, statement: &[u8]| {
        sign(&mut kind, signatures(Digest::of(statement), &[1, 3]));
        void(fold(&mut state, vec![(Entry::new(at(1), kind), None)], 5))
    };
    let other = policy(|set| set.version = 2).statement(ArchiveId::from_bytes([7; 16]));
    assert_eq!(folded(policy(|_| ()), &other), refused);
    let elsewhere = policy(|_| ()).statement(ArchiveId::from_bytes([8; 16]));
    assert_eq!(folded(policy(|_| ()), &elsewhere), refused);
    // Nobody without a role key appends what officers signed.
    assert_eq!(decide(&mut state, 1, release("x"), &[1, 3]), {
        Outcome::Void(Void::HoldNotActive { hold: "x".parse().unwrap() })
    });
    let revoke = EntryKind::KeySet(KeySet::revoke(key(5).id(), Role::Export, at(1_000_000)));
    assert_eq!(decide(&mut state, 1, revoke, &[1, 3]), Outcome::Valid);
    let outcome = decide(&mut state, 1, policy(|_| ()), &[1, 3]);
    assert!(matches!(void(outcome), Void::Signer { .. }));
}

#[test]
fn a_statement_expires() {
    let mut state = opened();
    assert_eq!(decide(&mut state, 1, place("h", |_| ()), &[1]), Outcome::Valid);
    let (late, last) = (1_000_001, 1_000_000);
    let mut close = hold_release("h");
    close.expires_at = at(last);
    for kind in [
        policy(|_| ()),
        place("h", |_| ()),
        EntryKind::HoldRelease(close),
        event(1, ClockChange::Later),
    ] {
        let mut expired = state.clone();
        let reason = Void::Expired { at: at(late), expires_at: at(last) };
        assert_eq!(void(decide(&mut expired, late, kind.clone(), &[1, 3])), reason);
        assert_eq!(decide(&mut expired, last, kind, &[1, 3]), Outcome::Valid);
    }
}

#[test]
fn officers_follow_each_other() {
    let mut state = opened();
    let next = [(1, "legal"), (5, "records")];
    let skipped = Void::OfficersNumber { expected: 1, found: 2 };
    assert_eq!(void(decide(&mut state, 1, officers_set(2, &next), &[1, 3])), skipped);
    let alone = officers_set(1, &[(1, "legal"), (2, "legal")]);
    let too_few = RegistryError::TooFew { officers: 2 };
    assert_eq!(void(decide(&mut state, 1, alone, &[1, 3])), Void::Registry(too_few));
    // The old ones decide who comes, not the new ones.
    let outcome = decide(&mut state, 1, officers_set(1, &next), &[1, 5]);
    assert!(matches!(void(outcome), Void::Officers(OfficerError::Unregistered { .. })));
    assert_eq!(decide(&mut state, 1, officers_set(1, &next), &[1, 3]), Outcome::Valid);
    assert_eq!((state.officers_number(), state.officers().iter().count()), (1, 2));
    let removed = OfficerError::Unregistered { officer: "officer-3".parse().unwrap() };
    let outcome = decide(&mut state, 1, policy(|_| ()), &[1, 3]);
    assert_eq!(void(outcome), Void::Officers(removed));
    assert_eq!(decide(&mut state, 1, policy(|_| ()), &[1, 5]), Outcome::Valid);
}

#[test]
fn the_first_officers_of_a_test_archive_sign_for_themselves() {
    let mut state = opened();
    state.officers = Registry::default();
    let add = EntryKind::KeySet(KeySet::add(key(9).public(), Role::Lock, at(1_000_000)));
    let outcome = decide(&mut state, 1, add, &[1, 3]);
    assert!(matches!(void(outcome), Void::Officers(OfficerError::Unregistered { .. })));
    let first = || officers_set(1, &[(1, "legal"), (3, "records")]);
    let outcome = decide(&mut state, 1, first(), &[1]);
    assert_eq!(void(outcome), Void::Officers(OfficerError::TwoRoles));
    assert_eq!(decide(&mut state, 1, first(), &[1, 3]), Outcome::Valid);
    let usurped = officers_set(2, &[(5, "legal"), (6, "records")]);
    let outcome = decide(&mut state, 1, usurped, &[5, 6]);
    assert!(matches!(void(outcome), Void::Officers(OfficerError::Unregistered { .. })));
}

#[test]
fn production_keeps_three_officers_or_two_and_a_recovery_key() {
    let mut state = opened();
    state.environment = Environment::Production;
    let two = officers_set(1, &[(1, "legal"), (3, "records")]);
    let too_few = RegistryError::TooFew { officers: 3 };
    assert_eq!(void(decide(&mut state, 1, two, &[1, 3])), Void::Registry(too_few));
    let one = officers_set(1, &[(1, "legal"), (7, "recovery"), (8, "recovery")]);
    let too_few = RegistryError::TooFew { officers: 2 };
    assert_eq!(void(decide(&mut state, 1, one, &[1, 3])), Void::Registry(too_few));
    let two = officers_set(1, &[(1, "legal"), (3, "records"), (7, "recovery")]);
    assert_eq!(decide(&mut state, 1, two, &[1, 3]), Outcome::Valid);
}

#[test]
fn policies_supersede_each_other() {
    let mut state = opened();
    let set = |version: u64, n: u8, effective: i64, before: Option<u8>| {
        policy(|set| {
            (set.version, set.policy, set.effective) = (version, digest(n), at(effective));
            set.supersedes = before.map(digest);
        })
    };
    let unknown = Void::Supersedes { policy: digest(1) };
    assert_eq!(void(decide(&mut state, 1, set(3, 1, 10, Some(9)), &[1, 3])), unknown);
    assert_eq!(decide(&mut state, 1, set(3, 1, 10, None), &[1, 3]), Outcome::Valid);
    let old = Void::PolicyVersion { latest: 3, found: 3 };
    assert_eq!(void(decide(&mut state, 1, set(3, 2, 20, Some(1)), &[1, 3])), old);
    let skipped = Void::Supersedes { policy: digest(2) };
    assert_eq!(void(decide(&mut state, 1, set(4, 2, 20, None), &[1, 3])), skipped);
    assert_eq!(decide(&mut state, 1, set(4, 2, 20, Some(1)), &[1, 3]), Outcome::Valid);
    assert_eq!(decide(&mut state, 1, set(9, 3, 15, Some(2)), &[1, 3]), Outcome::Valid);
    assert_eq!(decide(&mut state, 1, set(10, 4, 30, Some(3)), &[1, 3]), Outcome::Valid);
    // The third takes effect before the second, which so never does.
    let in_force = |ms| state.policy_in_force(at(ms)).map(|policy| policy.version);
    let expected = [(9, None), (10, Some(3)), (14, Some(3)), (15, Some(9)), (20, Some(9))];
    for (ms, version) in expected.into_iter().chain([(30, Some(10))]) {
        assert_eq!(in_force(ms), version, "{ms}");
    }
    let pending = |ms| {
        let pending = state.pending_policies(at(ms));
        pending.into_iter().map(|policy| policy.version).collect::<Vec<_>>()
    };
    assert_eq!((pending(0), pending(10)), (vec![3, 9, 10], vec![9, 10]));
    assert_eq!((pending(15), pending(30)), (vec![10], vec![]));
    assert_eq!(state.policies().len(), 4);
}

#[test]
fn a_hold_widens_and_ends_once() {
    let mut state = opened();
    let streams = |names: &[&str]| {
        let streams = names.iter().map(|name| name.parse().unwrap()).collect();
        Some(Standing { streams })
    };
    let not_active = Void::HoldNotActive { hold: "h".parse().unwrap() };
    assert_eq!(void(decide(&mut state, 1, release("h"), &[1, 3])), not_active);
    let steps = [
        (Some(one(1)), None, 1, None),
        (None, streams(&["b"]), 1, streams(&["b"])),
        (Some(one(2)), streams(&["a"]), 2, streams(&["a", "b"])),
        (Some(one(2)), streams(&[]), 2, streams(&[])),
        (Some(one(3)), streams(&["c"]), 3, streams(&[])),
    ];
    for (nth, (list, standing, lists, expected)) in steps.into_iter().enumerate() {
        let kind = place("h", |place| (place.list, place.standing) = (list, standing));
        assert_eq!(decide(&mut state, 1, kind, &[1]), Outcome::Valid);
        let (_, hold) = state.holds().next().unwrap();
        assert_eq!((hold.lists.len(), hold.standing.clone()), (lists, expected), "{nth}");
    }
    // What it holds already is no news, and may come with other details.
    for (list, standing) in
        [(Some(one(1)), None), (None, streams(&["x"])), (Some(one(3)), streams(&[]))]
    {
        let kind = place("h", |place| (place.list, place.standing) = (list, standing));
        assert_eq!(decide(&mut state, 1, kind, &[1]), Outcome::Valid);
    }
    assert_eq!(state.hold_epoch(), 5);
    // Who releases it has to know of the last placing.
    let mut early = hold_release("h");
    (early.hold, early.placed) = ("h".parse().unwrap(), 5);
    let outcome = fold(&mut state, vec![signed(1, EntryKind::HoldRelease(early), &[1, 3])], 5);
    assert_eq!(void(outcome), Void::HoldWidened { hold: "h".parse().unwrap(), placed: 9 });
    assert_eq!(decide(&mut state, 1, release("h"), &[1, 3]), Outcome::Valid);
    assert_eq!((state.hold_epoch(), state.holds().count()), (6, 0));
    assert_eq!(void(decide(&mut state, 1, release("h"), &[1, 3])), not_active);
    let released = Void::HoldReleased { hold: "h".parse().unwrap() };
    assert_eq!(void(decide(&mut state, 1, place("h", |_| ()), &[1])), released);
    for n in 0..u8::try_from(MAX_HOLD_LISTS).unwrap() {
        let kind = place("many", |place| place.list = Some(one(n)));
        assert_eq!(decide(&mut state, 1, kind, &[1]), Outcome::Valid);
    }
    let kind = place("many", |place| place.list = Some(one(255)));
    let full = Void::Full { what: "lists of one hold", limit: MAX_HOLD_LISTS };
    assert_eq!(void(decide(&mut state, 1, kind, &[1])), full);
}

#[test]
fn a_seal_knows_the_holds_and_policies_of_the_log() {
    let mut state = opened();
    let seal = |state: &mut State, stream: &str, holds: &[&str], epoch: u64, policy| {
        let (mut seal, ranges) = sealed_at(1, 1, &[range(1, 0, 0, 9)]);
        (seal.stream, seal.hold_epoch, seal.policy) = (stream.parse().unwrap(), epoch, policy);
        seal.object = format!("segments/{stream}/{}.parquet", id(1)).parse().unwrap();
        seal.holds = holds.iter().map(|id| id.parse().unwrap()).collect();
        let entry = Entry::new(at(1), EntryKind::SegmentSeal(Box::new(seal)));
        fold(state, vec![(entry, Some(ranges.into()))], 1)
    };
    let of_a = Standing { streams: vec!["a".parse().unwrap()] };
    assert_eq!(
        decide(&mut state, 1, place("a", |hold| hold.standing = Some(of_a)), &[1]),
        Outcome::Valid
    );
    let listed = place("l", |hold| (hold.list, hold.standing) = (Some(one(1)), None));
    assert_eq!(decide(&mut state, 1, listed, &[1]), Outcome::Valid);
    let wrong = Outcome::Void(Void::Holds { id: id(1) });
    for (stream, holds, epoch) in [
        ("a", vec!["a"], 1),
        ("b", vec!["a"], 2),
        ("a", vec!["l"], 2),
        ("a", vec!["x"], 2),
        // Who seals does not choose which holds there are.
        ("a", vec![], 2),
    ] {
        assert_eq!(seal(&mut state.clone(), stream, &holds, epoch, None), wrong, "{holds:?}");
    }
    let unknown = Void::SealPolicy { id: id(1), policy: digest(1) };
    let outcome = seal(&mut state.clone(), "a", &["a"], 2, Some(digest(1)));
    assert_eq!(void(outcome), unknown);
    assert_eq!(
        decide(&mut state, 1, policy(|set| set.policy = digest(1)), &[1, 3]),
        Outcome::Valid
    );
    assert_eq!(seal(&mut state.clone(), "a", &["a"], 2, Some(digest(1))), Outcome::Valid);
    // One of no streams is of all.
    assert_eq!(decide(&mut state, 1, place("all", |_| ()), &[1]), Outcome::Valid);
    assert_eq!(seal(&mut state, "b", &["all"], 3, None), Outcome::Valid);
}

#[test]
fn a_clock_goes_by_what_is_known() {
    use ClockChange::{Earlier, Later, Reopened};
    let mut state = opened();
    let mut tell = |happened: i64, kind| decide(&mut state, 50, event(happened, kind), &[1, 3]);
    let misfit = |kind: ClockChange| {
        let ClockEvent { stream, event, .. } = clock_event(0, kind);
        Outcome::Void(Void::Clock { stream, event, kind: kind.as_str() })
    };
    let future = Void::NotYetHappened { happened: at(51), at: at(50) };
    assert_eq!(void(tell(51, Later)), future);
    assert_eq!(tell(5, Earlier), misfit(Earlier));
    assert_eq!(tell(5, Reopened), misfit(Reopened));
    assert_eq!(tell(10, Later), Outcome::Valid);
    assert_eq!(tell(9, Later), misfit(Later));
    assert_eq!(tell(10, Earlier), misfit(Earlier));
    assert_eq!(tell(9, Reopened), misfit(Reopened));
    assert_eq!(tell(20, Later), Outcome::Valid);
    assert_eq!(tell(15, Earlier), Outcome::Valid);
    assert_eq!(tell(30, Reopened), Outcome::Valid);
    // What was undone cannot be said again, also not of the instant at which it was.
    for (happened, kind) in [(31, Reopened), (29, Earlier), (20, Later), (30, Later)] {
        assert_eq!(tell(happened, kind), misfit(kind), "{happened}");
    }
    let reopened = state.clocks().map(|(_, _, clock)| (clock.happened, clock.reopened));
    assert_eq!(reopened.collect::<Vec<_>>(), [(at(30), true)]);
    assert_eq!(decide(&mut state, 50, event(40, Later), &[1]), Outcome::Valid);
    let (stream, name, clock) = state.clocks().next().unwrap();
    assert_eq!((stream.as_str(), name.as_str()), ("s", "account-closed"));
    assert_eq!(
        clock,
        Clock {
            happened: at(40),
            index: state.size() - 1,
            recorded: clock.recorded,
            reopened: false
        }
    );
}

#[test]
fn locks_are_by_the_newest_policy_and_of_what_is_sealed() {
    let mut state = opened();
    let mut number = 0;
    let mut close = |state: &mut State, policy: u8, size: u64, proof_until: i64| {
        let locked = Some(Locked { claims: 0, policy: digest(policy), size });
        let proof_until = Some(at(proof_until));
        let close = WindowClose { locked, proof_until, ..window(number, Shard::WHOLE) };
        let entry = Entry::new(at(1), EntryKind::WindowClose(close));
        let outcome = fold(state, vec![(entry, None)], 3);
        number += u64::from(outcome == Outcome::Valid);
        outcome
    };
    let not_newest = Outcome::Void(Void::LockedPolicy { policy: digest(1) });
    assert_eq!(close(&mut state, 1, 0, 9), not_newest);
    assert_eq!(
        decide(&mut state, 1, policy(|set| set.policy = digest(1)), &[1, 3]),
        Outcome::Valid
    );
    assert_eq!(state.size(), 3);
    let beyond = Void::LockedSize { least: 0, most: 3, found: 4 };
    assert_eq!(void(close(&mut state, 1, 4, 9)), beyond);
    assert_eq!(close(&mut state, 1, 4, 9), Outcome::Valid);
    let fewer = Void::LockedSize { least: 4, most: 5, found: 3 };
    assert_eq!(void(close(&mut state, 1, 3, 9)), fewer);
    assert_eq!(close(&mut state, 1, 6, 7), Outcome::Valid);
    // What a run would leave alone for ever, or could never reach.
    let next = state.next_claim().seq;
    let said = |claims, proof_until| {
        let locked = Some(Locked { claims, policy: digest(1), size: 6 });
        let close = WindowClose {
            locked,
            proof_until,
            ..window(state.next_window(Shard::WHOLE), Shard::WHOLE)
        };
        Entry::new(at(1), EntryKind::WindowClose(close))
    };
    let say = |entry: Entry, signer| fold(&mut state.clone(), vec![(entry, None)], signer);
    assert_eq!(say(said(next, None), 3), Outcome::Valid);
    let found = next + 1;
    assert_eq!(void(say(said(found, None), 3)), Void::LockedSize { least: 0, most: next, found });
    assert!(matches!(void(say(said(0, Some(Instant::MAX)), 3)), Void::Extended { .. }));
    assert!(matches!(void(say(said(0, None), 4)), Void::Signer { .. }));
    // Nor may a key that moves no locks say that they were moved.
    let extended_until = Some(at(1));
    let moved =
        WindowClose { extended_until, ..window(state.next_window(Shard::WHOLE), Shard::WHOLE) };
    let extended = || Entry::new(at(1), EntryKind::WindowClose(moved));
    assert_eq!(say(extended(), 3), Outcome::Valid);
    assert!(matches!(void(say(extended(), 4)), Void::Signer { .. }));
    let second = policy(|set| {
        (set.policy, set.version, set.supersedes) = (digest(2), 2, Some(digest(1)));
    });
    assert_eq!(decide(&mut state, 1, second, &[1, 3]), Outcome::Valid);
    assert_eq!(close(&mut state, 1, 6, 9), not_newest);
    assert_eq!(close(&mut state, 2, 0, 8), Outcome::Valid);
    assert_eq!(state.locked(), Some(Locked { claims: 0, policy: digest(2), size: 0 }));
    assert_eq!(state.proof_until(), Some(at(9)));
    assert_eq!(fold(&mut state, vec![close_item(1, "0/1", number)], 3), Outcome::Valid);
    assert_eq!(state.locked(), Some(Locked { claims: 0, policy: digest(2), size: 0 }));
}

#[test]
fn an_act_is_not_dated_back() {
    let mut state = opened();
    assert_eq!(fold(&mut state, vec![close_item(9, "0/1", 0)], 1), Outcome::Valid);
    let behind = Void::ActBehind { at: at(8), latest: at(9) };
    assert_eq!(void(decide(&mut state, 8, place("h", |_| ()), &[1])), behind);
    assert_eq!(decide(&mut state, 9, place("h", |_| ()), &[1]), Outcome::Valid);
    // What nobody signs may be of a clock that is somewhat slow.
    assert_eq!(fold(&mut state, vec![close_item(8, "0/1", 1)], 1), Outcome::Valid);
}
