//! What officers decide: entries of each type, and the same with one fault.

use strongroom_crypto::entry::{
    ClockChange, ClockEvent, DispositionCertificate, DispositionOrder, EntryKind, HoldPlace,
    HoldRelease, KeySet, OfficerAct, OfficersSet, PolicySet, Standing, Verdict,
};
use strongroom_crypto::json::Value;
use strongroom_crypto::keys::{Role, RoleKey};
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::officer::{Registry, Signatures};
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId, b64};

use super::claims::unknown_id;
use super::{Fault, Good, fault, next, swap, text, with, with_items};
use crate::archive::Golden;
use crate::officers::{officers, registry, signed, signed_over};

/// Two officers in two roles, and those that the policy names.
pub(super) const BOTH: [u8; 2] = [1, 3];

/// Until when the signatures count.
fn expires_at(golden: &Golden) -> Instant {
    golden.state.latest().saturating_add_ms(86_400_000)
}

/// The digest of the first policy.
pub(super) fn policy_digest() -> Digest {
    Digest::of(b"policy")
}

/// The first policy of the log, changed; nobody has signed it.
pub(super) fn policy(golden: &Golden, change: impl FnOnce(&mut PolicySet)) -> EntryKind {
    let mut set = PolicySet {
        catalogue: Digest::of(b"catalogue"),
        effective: golden.state.latest(),
        expires_at: expires_at(golden),
        plan: Digest::of(b"plan"),
        policy: policy_digest(),
        pre_approved: vec!["access".parse().unwrap(), "debug".parse().unwrap()],
        roles: ["legal", "records"].map(|role| role.parse().unwrap()),
        signatures: Signatures::default(),
        supersedes: None,
        version: 1,
    };
    change(&mut set);
    EntryKind::PolicySet(Box::new(set))
}

/// A hold of the first segment and of what is new in a stream, changed.
pub(super) fn hold(golden: &Golden, change: impl FnOnce(&mut HoldPlace)) -> EntryKind {
    let mut place = HoldPlace {
        detail: Some(Digest::of(b"detail")),
        expires_at: expires_at(golden),
        hold: "hold-1".parse().unwrap(),
        list: Some(list_of(golden, &[0]).digest()),
        signatures: Signatures::default(),
        standing: Some(Standing { streams: vec!["app".parse().unwrap()] }),
    };
    change(&mut place);
    EntryKind::HoldPlace(place)
}

/// The end of that hold.
pub(super) fn release(golden: &Golden, placed: u64) -> EntryKind {
    EntryKind::HoldRelease(HoldRelease {
        detail: None,
        expires_at: expires_at(golden),
        hold: "hold-1".parse().unwrap(),
        placed,
        signatures: Signatures::default(),
    })
}

/// The next officers.
pub(super) fn set(golden: &Golden, number: u64, officers: Registry) -> EntryKind {
    let (expires_at, signatures) = (expires_at(golden), Signatures::default());
    EntryKind::OfficersSet(OfficersSet { expires_at, number, officers, signatures })
}

/// What becomes of a clock, and which entry said what was known of it.
pub(super) fn clock(
    golden: &Golden,
    kind: ClockChange,
    ago_ms: i64,
    replaces: Option<u64>,
) -> EntryKind {
    EntryKind::ClockEvent(Box::new(ClockEvent {
        event: "account-closed".parse().unwrap(),
        evidence: None,
        expires_at: expires_at(golden),
        happened: golden.state.latest().saturating_add_ms(-ago_ms),
        kind,
        replaces,
        signatures: Signatures::default(),
        stream: "app".parse().unwrap(),
    }))
}

pub(super) fn act(golden: &Golden, verdict: Verdict, digest: Digest) -> EntryKind {
    EntryKind::OfficerAct(OfficerAct {
        act: "policy.set".parse().unwrap(),
        digest,
        expires_at: expires_at(golden),
        reason: None,
        signatures: Signatures::default(),
        verdict,
    })
}

/// The first of two signatures under the first policy.
pub(super) fn approval(golden: &Golden) -> EntryKind {
    let statement = policy(golden, |_| ()).statement(golden.state.archive_id());
    let statement = Digest::of(&statement);
    signed_over(act(golden, Verdict::Approve, statement), statement, &[1])
}

/// An order that all three segments go, changed.
pub(super) fn order(golden: &Golden, change: impl FnOnce(&mut DispositionOrder)) -> EntryKind {
    let mut order = DispositionOrder {
        bytes: golden.seals.iter().map(|sealed| sealed.seal.bytes).sum(),
        count: golden.seals.len() as u64,
        destroyable_from: golden.state.latest(),
        expires_at: expires_at(golden),
        hold_epoch: 0,
        keep_until: golden.state.latest(),
        list: list_of(golden, &[0, 1, 2]).digest(),
        order: "order-1".parse().unwrap(),
        policy: policy_digest(),
        signatures: Signatures::default(),
        size: golden.state.size(),
    };
    change(&mut order);
    EntryKind::DispositionOrder(Box::new(order))
}

/// That it was carried out.
pub(super) fn certificate() -> EntryKind {
    let certificate = Digest::of(b"certificate");
    let order = "order-1".parse().unwrap();
    EntryKind::DispositionCertificate(DispositionCertificate { certificate, order })
}

/// The list of some of the segments.
pub(super) fn list_of(golden: &Golden, segments: &[usize]) -> SegmentList {
    let ids = segments.iter().map(|nth| golden.seals[*nth].seal.segment_id);
    SegmentList::new(ids.collect()).unwrap()
}

/// A list of a segment that the log does not know.
pub(super) fn list_of_nothing(golden: &Golden) -> SegmentList {
    SegmentList::new(vec![unknown_id(golden)]).unwrap()
}

/// The lists that entries of the vectors name.
pub(super) fn lists(golden: &Golden) -> [(&'static str, SegmentList); 3] {
    [
        ("list_of_one_segment.json", list_of(golden, &[0])),
        ("list_of_three_segments.json", list_of(golden, &[0, 1, 2])),
        ("list_of_an_unknown_segment.json", list_of_nothing(golden)),
    ]
}

pub(super) fn accepted(golden: &Golden) -> Vec<Good> {
    let (x, archive) = (Digest::of(b"x"), golden.keys.role(Role::Archive));
    let standing = |place: &mut HoldPlace| {
        (place.list, place.standing) = (None, Some(Standing { streams: Vec::new() }));
    };
    let revoke = KeySet::revoke(archive.id(), Role::Archive, expires_at(golden));
    let entries: Vec<(&str, EntryKind, &[u8])> = vec![
        ("entry_key_set_add.json", key_set(golden), &BOTH),
        ("entry_key_set_revoke.json", EntryKind::KeySet(revoke), &[4]),
        ("entry_officers_set.json", set(golden, 1, officers(&[(1, "legal"), (4, "risk")])), &BOTH),
        ("entry_policy_set.json", policy(golden, |_| ()), &BOTH),
        ("entry_policy_set_of_a_later_version.json", later(golden), &BOTH),
        ("entry_hold_place.json", hold(golden, |_| ()), &[1]),
        ("entry_hold_place_standing.json", hold(golden, standing), &[1]),
        ("entry_hold_release.json", release(golden, 7), &[2, 4]),
        ("entry_clock_event_later.json", clock(golden, ClockChange::Later, 5_000, None), &[1]),
        (
            "entry_clock_event_earlier.json",
            clock(golden, ClockChange::Earlier, 9_000, Some(7)),
            &BOTH,
        ),
        (
            "entry_clock_event_reopened.json",
            clock(golden, ClockChange::Reopened, 1_000, Some(8)),
            &[1],
        ),
        ("entry_officer_act_reject.json", act(golden, Verdict::Reject, x), &[1]),
        ("entry_officer_act_extend.json", act(golden, Verdict::Extend, x), &[1]),
        ("entry_officer_act_refused.json", act(golden, Verdict::Refused, x), &[]),
        ("entry_disposition_order.json", order(golden, |_| ()), &BOTH),
        ("entry_disposition_order_unsigned.json", order(golden, |_| ()), &[]),
        ("entry_disposition_certificate.json", certificate(), &[]),
    ];
    let entries = entries.into_iter().map(|(name, kind, officers)| {
        (name.to_owned(), next(golden, signed(golden, kind, officers)).encode())
    });
    let approval = next(golden, approval(golden)).encode();
    let approval = ("entry_officer_act_approve.json".to_owned(), approval);
    let lists = lists(golden).map(|(name, list)| (name.to_owned(), list.encode()));
    entries.chain([approval]).chain(lists).collect()
}

/// A policy that supersedes the first.
fn later(golden: &Golden) -> EntryKind {
    policy(golden, |set| {
        (set.version, set.supersedes) = (2, Some(policy_digest()));
        (set.policy, set.pre_approved) = (Digest::of(b"later"), Vec::new());
    })
}

/// A new key.
pub(super) fn key_set(golden: &Golden) -> EntryKind {
    let public = RoleKey::from_seed(&[0x42; 32]).public();
    EntryKind::KeySet(KeySet::add(public, Role::Lock, expires_at(golden)))
}

pub(super) fn faults(golden: &Golden) -> Vec<Fault> {
    [registries(golden), words(golden), signatures(golden), lists_refused(golden)]
        .into_iter()
        .flatten()
        .collect()
}

/// Canonical bytes of an entry that officers signed.
fn good(golden: &Golden, kind: EntryKind) -> Vec<u8> {
    next(golden, signed(golden, kind, &BOTH)).encode()
}

fn registries(golden: &Golden) -> Vec<Fault> {
    let set = good(golden, set(golden, 1, registry()));
    let publics: Vec<String> =
        registry().iter().map(|officer| b64::encode(officer.public.as_bytes())).collect();
    let open = super::leaf(golden, "log.open");
    vec![
        fault(
            "entry_officers_set_unsorted.json",
            "officers out of order",
            with_items(&set, "officers", |officers| officers.reverse()),
        ),
        fault(
            "entry_officers_set_officer_twice.json",
            "an officer twice",
            with_items(&set, "officers", |officers| officers.insert(0, officers[0].clone())),
        ),
        fault(
            "entry_officers_set_key_twice.json",
            "one key under two ids",
            swap(&text(&set), &publics[1], &publics[0]),
        ),
        fault(
            "entry_log_open_officers_of_one_role.json",
            "officers of one role alone",
            with_items(&open, "officers", |officers| officers.truncate(2)),
        ),
    ]
}

/// Members of other types with a word, a number or a combination that there is not.
fn words(golden: &Golden) -> Vec<Fault> {
    let policy = good(golden, policy(golden, |_| ()));
    let hold = good(golden, hold(golden, |_| ()));
    let changed =
        |kind: EntryKind, from: &str, to: &str| swap(&text(&good(golden, kind)), from, to);
    vec![
        fault(
            "entry_policy_set_roles_equal.json",
            "one role twice",
            with_items(&policy, "roles", |roles| roles[1] = roles[0].clone()),
        ),
        fault(
            "entry_policy_set_roles_of_three.json",
            "three roles",
            with_items(&policy, "roles", |roles| roles.push("risk".into())),
        ),
        fault(
            "entry_policy_set_pre_approved_unsorted.json",
            "classes out of order",
            with_items(&policy, "pre_approved", |classes| classes.reverse()),
        ),
        fault(
            "entry_hold_place_of_nothing.json",
            "a hold of no list and no stream",
            with(&with(&hold, "list", Value::Null), "standing", Value::Null),
        ),
        fault(
            "entry_clock_event_kind_unknown.json",
            "a kind of event that there is not",
            changed(
                clock(golden, ClockChange::Later, 5_000, None),
                "\"kind\":\"later\"",
                "\"kind\":\"never\"",
            ),
        ),
        fault(
            "entry_officer_act_verdict_unknown.json",
            "a verdict that there is not",
            changed(act(golden, Verdict::Reject, Digest::of(b"x")), "\"reject\"", "\"maybe\""),
        ),
        fault(
            "entry_disposition_order_count_negative.json",
            "a count below 0",
            changed(order(golden, |_| ()), "\"count\":3", "\"count\":-1"),
        ),
    ]
}

fn signatures(golden: &Golden) -> Vec<Fault> {
    let good = good(golden, policy(golden, |_| ()));
    let changed = |change: fn(&mut Vec<Value>)| with_items(&good, "signatures", change);
    vec![
        fault(
            "entry_signatures_unsorted.json",
            "signatures out of order",
            changed(|signatures| signatures.reverse()),
        ),
        fault(
            "entry_signatures_officer_twice.json",
            "an officer signed twice",
            changed(|signatures| signatures.insert(0, signatures[0].clone())),
        ),
        fault(
            "entry_signatures_of_nine.json",
            "more than 8 signatures",
            changed(|signatures| {
                let Value::Object(one) = signatures[0].clone() else { panic!("no signature") };
                let signature = |number: usize| {
                    let mut signature = one.clone();
                    signature.insert("officer", format!("officer-{number}"));
                    Value::Object(signature)
                };
                *signatures = (1..=9).map(signature).collect();
            }),
        ),
        fault(
            "entry_signature_short.json",
            "a signature of 63 bytes",
            changed(|signatures| {
                let Value::Object(one) = &mut signatures[0] else { panic!("no signature") };
                one.insert("sig", b64::encode(&[7; 63]));
            }),
        ),
    ]
}

fn lists_refused(golden: &Golden) -> Vec<Fault> {
    let ids: Vec<SegmentId> = list_of(golden, &[0, 1, 2]).as_slice().to_vec();
    let spelled = |ids: &[&SegmentId]| {
        let quoted: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
        format!("[{}]", quoted.join(","))
    };
    vec![
        fault("list_unsorted.json", "ids out of order", spelled(&[&ids[1], &ids[0]])),
        fault("list_segment_twice.json", "an id twice", spelled(&[&ids[0], &ids[0]])),
        fault("list_empty.json", "no ids", "[]"),
    ]
}
