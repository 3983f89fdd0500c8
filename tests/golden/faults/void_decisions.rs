//! Decisions without effect: not signed as they must be, not the next of their kind, or of what must not go.

use strongroom_crypto::Digest;
use strongroom_crypto::claim::Attachment;
use strongroom_crypto::entry::{
    ClockChange, DispositionOrder, Entry, EntryKind, KeySet, Locked, Standing, Verdict,
};
use strongroom_crypto::keys::Role;
use strongroom_crypto::name::Shard;

use super::claims::{Item, Items, claim, claim_by, closing, range, seal, sealing};
use super::decisions::{
    BOTH, act, approval, certificate, clock, hold, key_set, list_of, list_of_nothing, lists, order,
    policy, policy_digest, release, set,
};
use super::{Fault, Good, fault, next};
use crate::archive::Golden;
use crate::officers::{officers, registry, signed, signed_over};

/// Entries that officers signed, one claim of them.
fn decided(golden: &Golden, decisions: Vec<(EntryKind, &[u8])>) -> Vec<u8> {
    claim(golden, items(golden, decisions))
}

fn items(golden: &Golden, decisions: Vec<(EntryKind, &[u8])>) -> Items {
    let signed = |(kind, officers): (EntryKind, &[u8])| signed(golden, kind, officers);
    decisions.into_iter().map(|decision| plain(golden, signed(decision))).collect()
}

/// An entry as it is, with the list that it names.
fn plain(golden: &Golden, kind: EntryKind) -> Item {
    let mut lists = lists(golden).into_iter().map(|(_, list)| list);
    let beside = kind.list().and_then(|digest| lists.find(|list| list.digest() == digest));
    (next(golden, kind), beside.map(Attachment::from))
}

/// The index of an entry of the next claim.
fn nth(golden: &Golden, n: u64) -> u64 {
    golden.state.size() + n
}

pub(super) fn accepted(golden: &Golden) -> Vec<Good> {
    let mut decisions = items(golden, vec![(set(golden, 1, registry()), &BOTH)]);
    decisions.push(plain(golden, approval(golden)));
    decisions.extend(items(
        golden,
        vec![
            (policy(golden, |_| ()), &BOTH),
            (hold(golden, |_| ()), &[4]),
            (clock(golden, ClockChange::Later, 5_000, None), &[1]),
            (clock(golden, ClockChange::Earlier, 9_000, Some(nth(golden, 4))), &BOTH),
            (clock(golden, ClockChange::Reopened, 1_000, Some(nth(golden, 5))), &[1]),
            (key_set(golden), &[2, 3]),
            (release(golden, nth(golden, 3)), &BOTH),
            (act(golden, Verdict::Reject, policy_digest()), &[3]),
        ],
    ));
    decisions.push(locked(golden, policy_digest(), golden.state.size()));
    let mut disposal =
        items(golden, vec![(policy(golden, |_| ()), &BOTH), (order(golden, |_| ()), &BOTH)]);
    disposal.push(plain(golden, certificate()));
    vec![
        ("claim_of_decisions.json".into(), claim(golden, decisions)),
        ("claim_of_a_disposition.json".into(), claim_by(golden, Role::Remove, disposal)),
    ]
}

/// A window whose run locked what is sealed below a size until its dates.
fn locked(golden: &Golden, policy: Digest, size: u64) -> Item {
    let (entry, _) = closing(golden, golden.state.next_window(Shard::WHOLE));
    let EntryKind::WindowClose(mut close) = entry.into_kind() else { panic!("no window") };
    close.locked = Some(Locked { claims: golden.state.next_claim().seq, policy, size });
    close.proof_until = Some(golden.state.latest().saturating_add_ms(600_000));
    plain(golden, EntryKind::WindowClose(close))
}

pub(super) fn faults(golden: &Golden) -> Vec<Fault> {
    let all = [signatures, successions, clocks, unseen, orders, consequences];
    all.into_iter().flat_map(|faults| faults(golden)).collect()
}

/// An act of a time that the log has gone past.
fn dated_back(golden: &Golden) -> Vec<u8> {
    let before = golden.state.latest().saturating_add_ms(-1);
    let place = signed(golden, hold(golden, |_| ()), &[4]);
    let (_, beside) = plain(golden, place.clone());
    claim(golden, vec![(Entry::new(before, place), beside)])
}

/// A no that the log would have to remember for too long.
fn rejected_for_ever(golden: &Golden) -> Vec<u8> {
    let mut kind = act(golden, Verdict::Reject, policy_digest());
    if let EntryKind::OfficerAct(act) = &mut kind {
        act.expires_at = golden.state.latest().saturating_add_ms(400 * 86_400_000);
    }
    decided(golden, vec![(kind, &[3])])
}

fn signatures(golden: &Golden) -> Vec<Fault> {
    let by = |officers: &[u8]| decided(golden, vec![(policy(golden, |_| ()), officers)]);
    let other = policy(golden, |set| set.version = 2).statement(golden.state.archive_id());
    let other = signed_over(policy(golden, |_| ()), Digest::of(&other), &BOTH);
    let latest = golden.state.latest();
    let expired = policy(golden, |set| set.expires_at = latest);
    vec![
        fault(
            "claim_void_key_set_unsigned.json",
            "a key registered by nobody",
            claim(golden, vec![plain(golden, key_set(golden))]),
        ),
        fault(
            "claim_void_act_dated_back.json",
            "an act of officers before the log's greatest time",
            dated_back(golden),
        ),
        fault(
            "claim_void_rejected_for_ever.json",
            "a no that counts for over a year",
            rejected_for_ever(golden),
        ),
        fault("claim_void_one_signature.json", "one signature where two are needed", by(&[1])),
        fault("claim_void_one_role_twice.json", "two officers of one role", by(&[1, 2])),
        fault(
            "claim_void_officer_unregistered.json",
            "a signature of somebody who is no officer",
            by(&[1, 3, 9]),
        ),
        fault(
            "claim_void_signature_over_another_statement.json",
            "signatures over another statement",
            claim(golden, vec![plain(golden, other)]),
        ),
        fault(
            "claim_void_signatures_expired.json",
            "a statement that counted until before",
            decided(golden, vec![(expired, &BOTH)]),
        ),
        fault(
            "claim_void_refusal_by_another_duty.json",
            "a refusal told by a program that refuses nobody",
            claim_by(
                golden,
                Role::Export,
                vec![plain(golden, act(golden, Verdict::Refused, policy_digest()))],
            ),
        ),
    ]
}

/// What has to follow what was decided before.
fn successions(golden: &Golden) -> Vec<Fault> {
    let first = || (policy(golden, |_| ()), &BOTH[..]);
    let second = |version: u64, supersedes: Option<Digest>| {
        let policy = policy(golden, |set| {
            set.policy = Digest::of(b"later");
            (set.version, set.supersedes) = (version, supersedes);
        });
        decided(golden, vec![first(), (policy, &BOTH)])
    };
    let placed = || (hold(golden, |_| ()), &[1][..]);
    let one_role = officers(&[(1, "legal"), (2, "legal")]);
    vec![
        fault(
            "claim_void_officers_number_skipped.json",
            "a registry is left out",
            decided(golden, vec![(set(golden, 2, registry()), &BOTH)]),
        ),
        fault(
            "claim_void_officers_of_one_role.json",
            "officers of one role alone",
            decided(golden, vec![(set(golden, 1, one_role), &BOTH)]),
        ),
        fault(
            "claim_void_policy_version.json",
            "the version of the policy before",
            second(1, Some(policy_digest())),
        ),
        fault(
            "claim_void_policy_supersedes.json",
            "it supersedes another policy than the newest",
            second(2, Some(Digest::of(b"other"))),
        ),
        fault(
            "claim_void_hold_placed_again.json",
            "a hold placed after its release",
            decided(golden, vec![placed(), (release(golden, nth(golden, 0)), &BOTH), placed()]),
        ),
        fault(
            "claim_void_hold_not_active.json",
            "a hold released that was never placed",
            decided(golden, vec![(release(golden, 0), &BOTH)]),
        ),
        fault(
            "claim_void_hold_released_as_it_was.json",
            "a hold released that was widened since",
            decided(golden, vec![placed(), (release(golden, 0), &BOTH)]),
        ),
    ]
}

/// What has to fit what is known of a clock, and what one officer alone may not do.
fn clocks(golden: &Golden) -> Vec<Fault> {
    vec![
        fault(
            "claim_void_clock_earlier_than_nothing.json",
            "an event corrected that was never told",
            decided(golden, vec![(clock(golden, ClockChange::Earlier, 9_000, None), &BOTH)]),
        ),
        fault(
            "claim_void_clock_replayed.json",
            "an event that replaces another than the last",
            decided(
                golden,
                vec![
                    (clock(golden, ClockChange::Later, 5_000, None), &[1]),
                    (clock(golden, ClockChange::Later, 4_000, None), &[1]),
                ],
            ),
        ),
        fault(
            "claim_void_clock_far_back.json",
            "a clock started over 31 days back by one officer",
            decided(golden, vec![(clock(golden, ClockChange::Later, 32 * 86_400_000, None), &[1])]),
        ),
        fault(
            "claim_void_last_key_revoked.json",
            "the last key of a role revoked by one officer",
            decided(golden, vec![(last_key(golden), &[1])]),
        ),
    ]
}

/// The end of the one key of duty `lock`.
fn last_key(golden: &Golden) -> EntryKind {
    let expires_at = golden.state.latest().saturating_add_ms(600_000);
    let id = golden.keys.role(Role::Lock).id();
    EntryKind::KeySet(KeySet::revoke(id, Role::Lock, expires_at))
}

/// Orders of what the officers did not see as it is.
fn unseen(golden: &Golden) -> Vec<Fault> {
    let policy = || (policy(golden, |_| ()), &BOTH[..]);
    let order = |change: fn(&mut DispositionOrder, &Golden)| {
        (order(golden, |order| change(order, golden)), &BOTH[..])
    };
    let statement = order(|_, _| ()).0.statement(golden.state.archive_id());
    let rejection = act(golden, Verdict::Reject, Digest::of(&statement));
    let told = clock(golden, ClockChange::Later, 5_000, None);
    vec![
        fault(
            "claim_void_order_within_grace.json",
            "segments go within their grace",
            decided(
                golden,
                vec![
                    policy(),
                    order(|order, golden| {
                        order.destroyable_from = golden.state.latest().saturating_add_ms(1_001);
                    }),
                ],
            ),
        ),
        fault(
            "claim_void_order_of_a_longer_log.json",
            "more entries seen than there are",
            decided(golden, vec![policy(), order(|order, golden| order.size = nth(golden, 2))]),
        ),
        fault(
            "claim_void_order_of_unseen_segments.json",
            "a segment sealed after the officers looked",
            decided(
                golden,
                vec![
                    policy(),
                    order(|order, golden| {
                        order.size = golden.state.segments().next().unwrap().index;
                    }),
                ],
            ),
        ),
        fault(
            "claim_void_order_after_a_clock_event.json",
            "a clock of its stream set after the officers looked",
            decided(golden, vec![policy(), (told, &[1]), order(|_, _| ())]),
        ),
        fault(
            "claim_void_order_rejected.json",
            "an order that an officer rejected",
            decided(golden, vec![policy(), (rejection, &[2]), order(|_, _| ())]),
        ),
    ]
}

fn orders(golden: &Golden) -> Vec<Fault> {
    let ordered = |change: fn(&mut DispositionOrder, &Golden), officers: &[u8]| {
        let order = order(golden, |order| change(order, golden));
        decided(golden, vec![(policy(golden, |_| ()), &BOTH), (order, officers)])
    };
    let held = |epoch: u64| {
        let order = order(golden, |order| order.hold_epoch = epoch);
        let hold = hold(golden, |_| ());
        decided(golden, vec![(policy(golden, |_| ()), &BOTH), (hold, &[1]), (order, &BOTH)])
    };
    let twice = order(golden, |order| {
        order.order = "order-2".parse().unwrap();
        order.list = list_of(golden, &[0]).digest();
        (order.count, order.bytes) = (1, golden.seals[0].seal.bytes);
    });
    let twice =
        vec![(policy(golden, |_| ()), &BOTH[..]), (order(golden, |_| ()), &BOTH), (twice, &BOTH)];
    let nobody = items(golden, vec![(policy(golden, |_| ()), &BOTH), (order(golden, |_| ()), &[])]);
    vec![
        fault("claim_void_order_of_a_held_segment.json", "a held segment goes", held(1)),
        fault("claim_void_order_hold_epoch.json", "holds of before were looked at", held(0)),
        fault(
            "claim_void_order_of_an_unknown_segment.json",
            "a segment that is not live goes",
            ordered(
                |order, golden| (order.count, order.list) = (1, list_of_nothing(golden).digest()),
                &BOTH,
            ),
        ),
        fault(
            "claim_void_order_before_keep_until.json",
            "segments go before their date",
            ordered(
                |order, golden| order.keep_until = golden.state.latest().saturating_add_ms(1_001),
                &BOTH,
            ),
        ),
        fault(
            "claim_void_order_of_another_count.json",
            "another number of segments than the list's",
            ordered(|order, _| order.count = 2, &BOTH),
        ),
        fault(
            "claim_void_order_by_one_officer.json",
            "one of the policy's roles did not sign",
            ordered(|_, _| (), &[1]),
        ),
        fault(
            "claim_void_order_by_another_role.json",
            "a role signed that the policy does not name",
            ordered(|_, _| (), &[1, 4]),
        ),
        fault(
            "claim_void_order_without_a_policy.json",
            "no policy is in force",
            decided(golden, vec![(order(golden, |_| ()), &BOTH)]),
        ),
        fault(
            "claim_void_order_of_a_class_not_pre_approved.json",
            "nobody signed, and the policy does not approve it",
            claim_by(golden, Role::Remove, nobody),
        ),
        fault(
            "claim_void_order_of_an_ordered_segment.json",
            "a segment that another order names",
            decided(golden, twice),
        ),
    ]
}

/// What rests on decisions.
fn consequences(golden: &Golden) -> Vec<Fault> {
    let policy = items(golden, vec![(policy(golden, |_| ()), &BOTH)]);
    let after = |item: Item| claim(golden, policy.iter().cloned().chain([item]).collect());
    let standing = hold(golden, |place| {
        (place.list, place.standing) = (None, Some(Standing { streams: Vec::new() }));
    });
    let mut held = items(golden, vec![(standing, &[1])]);
    let mut unheld = held.clone();
    held.push(sealing(golden, seal(golden, vec![range(golden)])));
    let (mut left_out, of) = seal(golden, vec![range(golden)]);
    left_out.hold_epoch += 1;
    unheld.push(sealing(golden, (left_out, of)));
    let (mut other, ranges) = seal(golden, vec![range(golden)]);
    other.policy = Some(policy_digest());
    // The policy stands at the size of the log, and the window behind it.
    let beyond = golden.state.size() + 2;
    vec![
        fault(
            "claim_void_certificate_without_order.json",
            "a certificate of no open order",
            claim_by(golden, Role::Remove, vec![plain(golden, certificate())]),
        ),
        fault(
            "claim_void_seal_hold_epoch_stale.json",
            "sealed before a hold and claimed after it",
            claim(golden, held),
        ),
        fault(
            "claim_void_seal_leaves_a_hold_out.json",
            "sealed after a standing hold that it does not name",
            claim(golden, unheld),
        ),
        fault(
            "claim_void_seal_policy_unknown.json",
            "sealed under a policy that the log does not know",
            claim(golden, vec![sealing(golden, (other, ranges))]),
        ),
        fault(
            "claim_void_window_locked_by_another_policy.json",
            "locks by a policy that is not the newest",
            after(locked(golden, Digest::of(b"other"), 0)),
        ),
        fault(
            "claim_void_window_locked_beyond_the_log.json",
            "locks of what is not sealed yet",
            after(locked(golden, policy_digest(), beyond)),
        ),
    ]
}
