//! Orders and certificates: what goes, and what does not.

use super::decisions::{decide, event, list, place, policy, release};
use super::*;
use crate::{
    entry::{
        ClockChange, DispositionCertificate, DispositionOrder, Verdict,
        tests::{officer_act, order as one_order, policy_set},
    },
    officer::{OfficerError, tests::signatures},
};

/// Three segments under a policy whose officers are of roles `legal` and `records`.
fn sealed() -> State {
    let mut state = opened();
    let items = (1..=3).map(|n| seal_item(1, n, &[range(1, 0, n - 1, n)])).collect();
    assert_eq!(fold(&mut state, items, 1), Outcome::Valid);
    assert_eq!(decide(&mut state, 1, policy(|_| ()), &[1, 3]), Outcome::Valid);
    state
}

fn order(name: &str, ids: &[u64], change: impl FnOnce(&mut DispositionOrder)) -> EntryKind {
    let mut order = one_order(name, list(ids).digest());
    order.count = u64::try_from(ids.len()).unwrap();
    order.bytes *= order.count;
    change(&mut order);
    EntryKind::DispositionOrder(Box::new(order))
}

fn certificate(name: &str) -> Item {
    let order = name.parse().unwrap();
    let certificate = DispositionCertificate { certificate: Digest::of(b"certificate"), order };
    (Entry::new(at(2), EntryKind::DispositionCertificate(certificate)), None)
}

/// What becomes of an order of these segments by officers 1 and 3.
fn ordered(state: &mut State, name: &str, ids: &[u64]) -> Outcome {
    let (epoch, size) = (state.hold_epoch(), state.size());
    let kind = order(name, ids, |order| (order.hold_epoch, order.size) = (epoch, size));
    decide(state, 2, kind, &[1, 3])
}

/// A state with something in all its parts.
pub(super) fn decided() -> State {
    let mut state = sealed();
    assert_eq!(ordered(&mut state, "first", &[2]), Outcome::Valid);
    let next = Digest::of(b"next");
    for (kind, officers) in [
        (place("released", |_| ()), vec![1]),
        (release("released"), vec![1, 3]),
        (place("active", |place| place.list = Some(list(&[9]).digest())), vec![1]),
        (event(1, ClockChange::Later), vec![1]),
        (EntryKind::OfficerAct(officer_act(Verdict::Reject, next)), vec![1]),
    ] {
        assert_eq!(decide(&mut state, 2, kind, &officers), Outcome::Valid);
    }
    let mut recovery = officer_act(Verdict::Approve, next);
    recovery.signatures = signatures(next, &[7]);
    let recovery = Entry::new(at(2), EntryKind::OfficerAct(recovery));
    assert_eq!(fold(&mut state, vec![(recovery, None)], 5), Outcome::Valid);
    state
}

#[test]
fn what_was_decided_survives_a_snapshot() {
    let state = decided();
    let snapshot = state.snapshot().unwrap();
    let mut loaded = State::load(&snapshot.root_bytes, snapshot.root_digest).unwrap();
    for (_, page) in &snapshot.new_pages {
        loaded.load_page(page).unwrap();
    }
    assert_eq!(loaded.snapshot().unwrap().root_bytes, snapshot.root_bytes);
    assert!(loaded.segments().eq(state.segments()));
    assert_eq!(loaded.officers(), state.officers());
    assert!(loaded.holds().eq(state.holds()) && loaded.orders().eq(state.orders()));
    assert!(loaded.clocks().eq(state.clocks()) && loaded.policies() == state.policies());
    assert_eq!((loaded.hold_epoch(), loaded.holds().count()), (3, 1));
    let seals = loaded.pages.write().0;
    assert_eq!((seals.len(), seals[0].last_index), (1, 3));
}

#[test]
fn an_order_and_its_certificate_end_segments() {
    let mut state = sealed();
    assert_eq!(ordered(&mut state, "first", &[1, 3]), Outcome::Valid);
    assert_eq!((state.orders().count(), state.live_segments()), (1, 3));
    assert_eq!(state.order_over(&id(3)), Ok(Some("first".parse().unwrap())));
    let open = Void::OrderOpen { order: "first".parse().unwrap() };
    assert_eq!(void(ordered(&mut state, "first", &[2])), open);
    let again = Void::Ordered { id: id(3), order: "first".parse().unwrap() };
    assert_eq!(void(ordered(&mut state, "second", &[2, 3])), again);

    let none = Void::OrderNotOpen { order: "other".parse().unwrap() };
    assert_eq!(void(fold(&mut state, vec![certificate("other")], 4)), none);
    for signer in [1, 3, 5] {
        let outcome = fold(&mut state, vec![certificate("first")], signer);
        assert!(matches!(void(outcome), Void::Signer { .. }));
    }
    assert_eq!(fold(&mut state, vec![certificate("first")], 4), Outcome::Valid);
    let live: Vec<_> = state.segments().map(|segment| segment.segment_id).collect();
    assert_eq!((live, state.live_segments(), state.certified()), (vec![id(2)], 1, 1));
    let closed = Void::OrderNotOpen { order: "first".parse().unwrap() };
    assert_eq!(void(fold(&mut state, vec![certificate("first")], 4)), closed);
    assert_eq!(void(ordered(&mut state, "second", &[2, 3])), Void::NotLive { id: id(3) });

    // The last of a page takes the page along, and the next seal makes it anew.
    assert_eq!(ordered(&mut state, "second", &[2]), Outcome::Valid);
    assert_eq!(fold(&mut state, vec![certificate("second")], 4), Outcome::Valid);
    let snapshot = state.snapshot().unwrap();
    assert!(snapshot.new_pages.is_empty());
    let mut loaded = State::load(&snapshot.root_bytes, snapshot.root_digest).unwrap();
    for state in [&mut loaded, &mut state] {
        let item = seal_item(2, 4, &[range(1, 0, 3, 4)]);
        assert_eq!(fold(state, vec![item], 1), Outcome::Valid);
        assert_eq!(state.live_segments(), 1);
    }
    assert_eq!(loaded.snapshot().unwrap().root_digest, state.snapshot().unwrap().root_digest);
}

#[test]
fn what_was_sealed_behind_a_page_that_is_not_loaded_goes_like_the_rest() {
    let mut full = sealed();
    let snapshot = full.snapshot().unwrap();
    let mut resumed = State::load(&snapshot.root_bytes, snapshot.root_digest).unwrap();
    for state in [&mut full, &mut resumed] {
        let items = (4..=5).map(|n| seal_item(1, n, &[range(1, 0, n - 1, n)])).collect();
        assert_eq!(fold(state, items, 1), Outcome::Valid);
        assert_eq!(ordered(state, "o", &[4, 5]), Outcome::Valid);
        assert_eq!(fold(state, vec![certificate("o")], 4), Outcome::Valid);
        assert_eq!(state.live_segments(), 3);
    }
    assert_eq!(resumed.pages_absent().len(), 1);
    assert_eq!(resumed.snapshot().unwrap().root_digest, full.snapshot().unwrap().root_digest);
    resumed.load_page(&snapshot.new_pages[0].1).unwrap();
    assert!(resumed.segments().eq(full.segments()));
}

#[test]
fn every_rule_of_an_order_has_its_reason() {
    let state = sealed();
    let outcome = |officers: &[u8], change: &dyn Fn(&mut DispositionOrder)| {
        let mut state = state.clone();
        decide(&mut state, 2, order("o", &[1, 2], change), officers)
    };
    let refused = |change: &dyn Fn(&mut DispositionOrder)| void(outcome(&[1, 3], change));
    assert_eq!(outcome(&[1, 3], &|_| ()), Outcome::Valid);
    let order: OrderId = "o".parse().unwrap();
    let reason = Void::Expired { at: at(2), expires_at: at(1) };
    assert_eq!(refused(&|order| order.expires_at = at(1)), reason);
    let reason = Void::KeptLonger { order: order.clone(), keep_until: at(3), at: at(2) };
    assert_eq!(refused(&|order| order.keep_until = at(3)), reason);
    assert_eq!(refused(&|order| order.destroyable_from = at(3)), reason);
    let reason = Void::HoldEpoch { expected: 0, found: 1 };
    assert_eq!(refused(&|order| order.hold_epoch = 1), reason);
    let other = Digest::of(b"other");
    let reason = Void::NotInForce { policy: other, at: at(2) };
    assert_eq!(refused(&|order| order.policy = other), reason);
    let differs = |member| Void::OrderDiffers { order: order.clone(), member };
    assert_eq!(refused(&|order| order.count = 3), differs("count"));
    assert_eq!(refused(&|order| order.bytes -= 1), differs("bytes"));
    // The roles are those that the policy names.
    let role = Void::Officers(OfficerError::Role { role: "records".parse().unwrap() });
    for officers in [vec![1], vec![1, 2], vec![1, 4]] {
        assert_eq!(void(outcome(&officers, &|_| ())), role);
    }
}

#[test]
fn an_order_is_given_under_the_policy_in_force() {
    let mut state = sealed();
    let digest = Digest::of(b"later");
    let later = policy(|set| {
        (set.version, set.policy, set.effective) = (2, digest, at(3));
        (set.supersedes, set.roles) =
            (Some(policy_set().policy), ["legal", "risk"].map(|role| role.parse().unwrap()));
    });
    assert_eq!(decide(&mut state, 2, later, &[1, 3]), Outcome::Valid);
    let mut given = |ms, policy, officers: &[u8]| {
        let kind = order("o", &[1], |order| order.policy = policy);
        decide(&mut state, ms, kind, officers)
    };
    let early = Void::NotInForce { policy: digest, at: at(2) };
    assert_eq!(void(given(2, digest, &[1, 4])), early);
    let old = policy_set().policy;
    assert_eq!(void(given(3, old, &[1, 3])), Void::NotInForce { policy: old, at: at(3) });
    assert_eq!(given(3, digest, &[1, 4]), Outcome::Valid);
}

#[test]
fn the_policy_alone_approves_what_it_names() {
    let mut state = opened();
    // Of the third nobody said how long it is kept, and the fourth is kept longer.
    let kept = [Some(at(2)), Some(at(2)), None, Some(at(3))];
    let items = (1..).zip(kept).map(|(n, retain_until)| {
        let (mut seal, ranges) = sealed_at(1, n, &[range(1, 0, n - 1, n)]);
        seal.class = if n == 2 { "kept" } else { "brief" }.parse().unwrap();
        seal.retain_until = retain_until;
        (Entry::new(at(1), EntryKind::SegmentSeal(Box::new(seal))), Some(ranges.into()))
    });
    assert_eq!(fold(&mut state, items.collect(), 1), Outcome::Valid);
    let approves = policy(|set| set.pre_approved = vec!["brief".parse().unwrap()]);
    assert_eq!(decide(&mut state, 1, approves, &[1, 3]), Outcome::Valid);
    let unsigned = |ids: &[u64]| vec![signed(2, order("o", ids, |_| ()), &[])];
    let unsure = fold(&mut sealed(), unsigned(&[1]), 4);
    assert_eq!(void(unsure), Void::Officers(OfficerError::Unsigned));
    let kept = Void::NotPreApproved { class: "kept".parse().unwrap() };
    assert_eq!(void(fold(&mut state, unsigned(&[1, 2]), 4)), kept);
    for (id, keep_until) in [(3, Instant::MAX), (4, at(3))] {
        let order = "o".parse().unwrap();
        let kept = Void::KeptLonger { order, keep_until, at: at(2) };
        assert_eq!(void(fold(&mut state, unsigned(&[id]), 4)), kept);
    }
    for signer in [1, 3, 5] {
        let outcome = fold(&mut state, unsigned(&[1]), signer);
        assert!(matches!(void(outcome), Void::Signer { .. }));
    }
    assert_eq!(fold(&mut state, unsigned(&[1]), 4), Outcome::Valid);
}

#[test]
fn what_is_held_is_not_ordered() {
    let mut state = sealed();
    let listed = |n: u64| {
        place("listed", |place| (place.list, place.standing) = (Some(list(&[n]).digest()), None))
    };
    // Under a standing hold when it was sealed.
    assert_eq!(decide(&mut state, 1, place("standing", |_| ()), &[1]), Outcome::Valid);
    let (mut seal, ranges) = sealed_at(1, 4, &[range(1, 0, 3, 4)]);
    (seal.hold_epoch, seal.holds) = (1, vec!["standing".parse().unwrap()]);
    let entry = Entry::new(at(1), EntryKind::SegmentSeal(Box::new(seal)));
    assert_eq!(fold(&mut state, vec![(entry, Some(ranges.into()))], 1), Outcome::Valid);
    // By a list: too late for what is ordered, and not for the others.
    assert_eq!(ordered(&mut state, "early", &[1]), Outcome::Valid);
    assert_eq!(decide(&mut state, 2, listed(1), &[1]), Outcome::Valid);
    assert_eq!(decide(&mut state, 2, listed(2), &[1]), Outcome::Valid);
    let held = |n, hold: &str| Void::Held { id: id(n), hold: hold.parse().unwrap() };
    assert_eq!(void(ordered(&mut state, "o", &[2, 3])), held(2, "listed"));
    assert_eq!(void(ordered(&mut state, "o", &[3, 4])), held(4, "standing"));
    let segment = state.segment(&id(2)).unwrap().unwrap().clone();
    assert_eq!(state.holds_over(&segment), Ok(vec!["listed".parse().unwrap()]));
    let late = state.segment(&id(1)).unwrap().unwrap();
    assert_eq!(state.holds_over(late), Ok(Vec::new()));
    assert_eq!(fold(&mut state, vec![certificate("early")], 4), Outcome::Valid);
    for hold in ["standing", "listed"] {
        assert_eq!(decide(&mut state, 2, release(hold), &[1, 3]), Outcome::Valid);
    }
    assert_eq!(state.holds_over(&segment), Ok(Vec::new()));
    let old = decide(&mut state.clone(), 2, order("o", &[2, 3], |o| o.hold_epoch = 3), &[1, 3]);
    assert_eq!(void(old), Void::HoldEpoch { expected: 5, found: 3 });
    assert_eq!(ordered(&mut state, "o", &[2, 3, 4]), Outcome::Valid);
}

#[test]
fn a_claim_that_lacks_a_list_or_a_page_changes_nothing() {
    let mut state = sealed();
    let (of_hold, first, own) = (list(&[3]), list(&[2]), list(&[1]));
    let hold = place("h", |place| (place.list, place.standing) = (Some(of_hold.digest()), None));
    assert_eq!(decide(&mut state, 1, hold, &[1]), Outcome::Valid);
    assert_eq!(ordered(&mut state, "first", &[2]), Outcome::Valid);
    let snapshot = state.snapshot().unwrap();
    state = State::load(&snapshot.root_bytes, snapshot.root_digest).unwrap();
    let items = vec![
        signed(2, order("o", &[1], |order| order.hold_epoch = 1), &[1, 3]),
        certificate("o"),
        certificate("first"),
    ];
    let next = claim(&state, items, &key(4));
    // Its own list stands in the claim; those of the state have to be had from elsewhere.
    let mut needed = vec![of_hold.digest(), first.digest()];
    needed.sort();
    let before = (state.size(), state.next_claim());
    let lists = FoldError::Undecided(Undecided::Lists(needed));
    assert_eq!(state.apply_claim(&next), Err(lists));
    state.add_list(of_hold.clone());
    let missing = FoldError::Undecided(Undecided::Lists(vec![first.digest()]));
    assert_eq!(state.apply_claim(&next), Err(missing));
    state.add_list(first);
    let error = state.apply_claim(&next).unwrap_err();
    assert!(matches!(error, FoldError::Undecided(Undecided::Pages(pages)) if pages.len() == 1));
    assert_eq!((state.size(), state.next_claim(), state.hold_epoch()), (before.0, before.1, 1));
    state.load_page(&snapshot.new_pages[0].1).unwrap();
    assert_eq!(state.apply_claim(&next), Ok(vec![Outcome::Valid; 3]));
    assert_eq!((state.live_segments(), state.list(own.digest())), (1, Ok(&own)));
    // What is void for another reason asks for nothing.
    let bogus = order("p", &[9], |order| order.hold_epoch = 1);
    let outcome = decide(&mut state, 2, bogus, &[1]);
    assert!(matches!(void(outcome), Void::Officers(_)));
}

#[test]
fn what_the_officers_did_not_see_they_did_not_order() {
    let mut state = sealed();
    let size = state.size();
    let given = |state: &State, ids: &[u64], size| {
        let kind = order("o", ids, |order| order.size = size);
        decide(&mut state.clone(), 2, kind, &[1, 3])
    };
    assert_eq!(given(&state, &[1, 2], size), Outcome::Valid);
    let unseen = |n, size| Outcome::Void(Void::Unseen { id: id(n), size });
    assert_eq!(given(&state, &[1, 2], 2), unseen(2, 2));
    let order: OrderId = "o".parse().unwrap();
    let longer = Void::OrderSize { order, most: size, found: size + 1 };
    assert_eq!(void(given(&state, &[1, 2], size + 1)), longer);
    // Of another stream, a clock changes nothing.
    let mut other = event(1, ClockChange::Later);
    if let EntryKind::ClockEvent(event) = &mut other {
        event.stream = "t".parse().unwrap();
    }
    assert_eq!(decide(&mut state, 1, other, &[1]), Outcome::Valid);
    assert_eq!(given(&state, &[1, 2], size), Outcome::Valid);
    assert_eq!(decide(&mut state, 1, event(1, ClockChange::Later), &[1]), Outcome::Valid);
    assert_eq!(given(&state, &[1, 2], size), unseen(1, size));
    assert_eq!(given(&state, &[1, 2], state.size()), Outcome::Valid);
}

#[test]
fn one_officer_stops_an_order_that_others_signed() {
    let mut state = sealed();
    let kind = || order("o", &[1], |_| ());
    let statement = Digest::of(&kind().statement(state.archive_id()));
    let act = officer_act(Verdict::Reject, statement);
    assert_eq!(decide(&mut state, 2, EntryKind::OfficerAct(act), &[4]), Outcome::Valid);
    let rejected = Void::Rejected { statement };
    assert_eq!(void(decide(&mut state, 2, kind(), &[1, 3])), rejected);
    assert_eq!(void(fold(&mut state, vec![signed(2, kind(), &[])], 4)), rejected);
    assert_eq!(decide(&mut state, 2, order("p", &[1], |_| ()), &[1, 3]), Outcome::Valid);
}
