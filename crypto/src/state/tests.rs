#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

mod decisions;
mod disposal;
mod race;
mod reviews;

use decisions::signed;

use super::*;
use crate::{
    claim::{
        Attachment, ClaimDraft, NO_CLAIM, UnverifiedClaim,
        tests::{archive, key},
    },
    entry::{
        Abandon, Seal, WindowClose,
        tests::{at, id, object_of, opening, seal, window},
    },
    json::{Value, object, text},
    keys::{Role, RoleKey},
    origin::OriginHandle,
    range::OriginRange,
};

const HOUR: i64 = 3_600_000;

type Item = (Entry, Option<Attachment>);

fn range(origin: u8, generation: u64, start: u64, end: u64) -> OriginRange {
    OriginRange {
        origin: OriginHandle::from_bytes([origin; 16]),
        generation,
        start,
        end,
        prefix_len: 4,
        prefix_mac: Digest::of(&[origin, u8::try_from(generation % 200).unwrap()]),
    }
}

fn sealed_at(ms: i64, n: u64, ranges: &[OriginRange]) -> (Seal, RangeList) {
    let ranges = RangeList::new(ranges.to_vec()).unwrap();
    let seal = Seal {
        object: object_of(id(n)),
        segment_id: id(n),
        ranges_sha256: ranges.digest(),
        settle_until: at(ms + 7 * 24 * HOUR),
        ..seal()
    };
    (seal, ranges)
}

fn seal_item(ms: i64, n: u64, ranges: &[OriginRange]) -> Item {
    let (seal, ranges) = sealed_at(ms, n, ranges);
    (Entry::new(at(ms), EntryKind::SegmentSeal(Box::new(seal))), Some(ranges.into()))
}

fn abandon_item(ms: i64, n: u64, until: i64) -> Item {
    let abandon = Abandon { segment_id: id(n), until: at(until) };
    (Entry::new(at(ms), EntryKind::SegmentAbandon(abandon)), None)
}

fn close_item(ms: i64, shard: &str, number: u64) -> Item {
    let shard = shard.parse().unwrap();
    (Entry::new(at(ms), EntryKind::WindowClose(window(number, shard))), None)
}

/// A change of keys that officers signed.
fn key_item(ms: i64, change: KeySet) -> Item {
    signed(ms, EntryKind::KeySet(change), &[1, 3])
}

fn first_claim() -> VerifiedClaim {
    let roles = [
        (&key(1), archive()),
        (&key(3), Role::Lock),
        (&key(4), Role::Remove),
        (&key(5), Role::Export),
    ];
    let draft = ClaimDraft {
        archive_id: ArchiveId::from_bytes([7; 16]),
        seq: 0,
        prev_claim_sha256: NO_CLAIM,
        nonce: [0; 16],
        items: vec![(opening(&roles), None)],
    };
    draft.sign(&key(1)).unwrap()
}

fn opened() -> State {
    State::open(&first_claim()).unwrap()
}

fn claim(state: &State, items: Vec<Item>, signer: &RoleKey) -> VerifiedClaim {
    let NextClaim { seq, prev_sha256: prev_claim_sha256, .. } = state.next_claim();
    let archive_id = state.archive_id();
    let draft = ClaimDraft { archive_id, seq, prev_claim_sha256, nonce: [1; 16], items };
    let bytes = draft.sign(signer).unwrap().bytes().to_vec();
    UnverifiedClaim::parse(&bytes).unwrap().verify(|id| state.registered(id)).unwrap()
}

/// Folds items as one claim of `signer` and expects the outcome of the last.
fn fold(state: &mut State, items: Vec<Item>, signer: u8) -> Outcome {
    let claim = claim(state, items, &key(signer));
    state.apply_claim(&claim).unwrap().pop().unwrap()
}

fn void(outcome: Outcome) -> Void {
    match outcome {
        Outcome::Void(reason) => reason,
        other => panic!("{other:?} is not void"),
    }
}

#[test]
fn the_first_claim_opens_the_state() {
    let state = opened();
    assert_eq!((state.size(), state.latest(), state.live_segments()), (1, at(0), 0));
    assert_eq!(state.log_open_sha256(), Digest::of(first_claim().items()[0].leaf()));
    assert_eq!(state.registered(key(3).id()), Some(key(3).public()));
    assert!(state.is_active(archive(), key(1).id()) && !state.is_active(archive(), key(3).id()));
    assert_eq!((state.settle_ms(), state.store()), (604_800_000, "file:///archive"));
    let second = claim(&state, vec![close_item(1, "0/1", 0)], &key(1));
    assert!(matches!(State::open(&second), Err(FoldError::Opening(_))));
}

#[test]
fn a_log_for_newer_readers_is_refused() {
    let EntryKind::LogOpen(mut open) = opening(&[(&key(1), archive())]).into_kind() else {
        panic!("not a log.open")
    };
    open.min_reader = 2;
    let items = vec![(Entry::new(at(0), EntryKind::LogOpen(open)), None)];
    let archive_id = ArchiveId::from_bytes([7; 16]);
    let draft =
        ClaimDraft { archive_id, seq: 0, prev_claim_sha256: NO_CLAIM, nonce: [0; 16], items };
    let error = State::open(&draft.sign(&key(1)).unwrap()).unwrap_err();
    assert_eq!(error, FoldError::Reader { min_reader: 2 });
}

#[test]
fn claims_follow_each_other() {
    let mut state = opened();
    let next = claim(&state, vec![close_item(1, "0/1", 0)], &key(1));
    let rival = claim(&state, vec![close_item(2, "0/1", 0)], &key(1));
    let mut later = state.clone();
    later.apply_claim(&next).unwrap();
    let third = claim(&later, vec![close_item(3, "0/1", 1)], &key(1));
    assert_eq!(state.apply_claim(&third), Err(FoldError::Order { expected: 2 - 1, found: 2 }));
    state.apply_claim(&rival).unwrap();
    let error = state.apply_claim(&third).unwrap_err();
    assert!(matches!(error, FoldError::Fork { seq: 2, .. }), "{error}");
    assert_eq!(state.apply_claim(&rival), Err(FoldError::Order { expected: 2, found: 1 }));
    let mut elsewhere = opened();
    elsewhere.archive_id = ArchiveId::from_bytes([8; 16]);
    assert!(matches!(elsewhere.apply_claim(&next), Err(FoldError::Archive { .. })));
}

#[test]
fn a_writer_composes_with_a_copy_and_folds_the_rest() {
    let state = opened();
    let items = vec![seal_item(1, 1, &[range(1, 0, 0, 9)]), close_item(1, "0/1", 0)];
    let mut copy = state.clone();
    let (entry, ranges) = &items[0];
    let outcome = copy.apply(&entry.encode(), ranges.as_ref(), key(1).id());
    assert_eq!(outcome, Ok(Outcome::Valid));
    let snapshot = copy.snapshot().unwrap();
    assert_eq!(snapshot.size, 2);
    let signed = claim(&state, items, &key(1));
    let mut loaded = State::load(&snapshot.root_bytes, snapshot.root_digest).unwrap();
    for mut state in [copy, loaded.clone()] {
        assert_eq!(state.apply_claim(&signed), Ok(vec![Outcome::Valid]));
        assert_eq!((state.size(), state.next_claim().seq, state.next_claim().first), (3, 2, 3));
    }
    loaded.size = 4;
    assert_eq!(loaded.apply_claim(&signed), Err(FoldError::Shorter { seq: 1 }));
}

#[test]
fn every_role_appends_its_own_types_alone() {
    let items = |n: u64| {
        [
            seal_item(1, n, &[range(1, 0, 0, 9)]),
            abandon_item(1, n, 5),
            close_item(1, "0/1", 0),
            key_item(1, KeySet::add(key(9).public(), Role::Lock, at(1_000_000))),
        ]
    };
    for (signer, allowed) in [
        (1, [true, true, true, true]),
        (3, [false, false, true, true]),
        (4, [false, true, true, true]),
        (5, [false, false, false, true]),
    ] {
        for (item, allowed) in items(1).into_iter().zip(allowed) {
            let kind = item.0.kind().as_str().to_owned();
            let outcome = fold(&mut opened(), vec![item], signer);
            if allowed {
                assert_eq!(outcome, Outcome::Valid, "{kind} by {signer}");
            } else {
                let reason = Void::Signer { signer: key(signer).id(), kind };
                assert_eq!(outcome, Outcome::Void(reason));
            }
        }
    }
}

#[test]
fn keys_come_and_go_once() {
    let mut state = opened();
    let (id, role) = (key(9).id(), archive());
    let add = || KeySet::add(key(9).public(), archive(), at(1_000_000));
    assert_eq!(
        void(fold(&mut state, vec![key_item(1, KeySet::revoke(id, role, at(1_000_000)))], 5)),
        Void::KeyNotActive { id, role }
    );
    assert_eq!(fold(&mut state, vec![key_item(1, add())], 5), Outcome::Valid);
    assert_eq!(fold(&mut state, vec![close_item(1, "0/1", 0)], 9), Outcome::Valid);
    assert_eq!(void(fold(&mut state, vec![key_item(1, add())], 5)), Void::KeyKnown { id, role });
    assert_eq!(
        fold(&mut state, vec![key_item(1, KeySet::revoke(id, role, at(1_000_000)))], 5),
        Outcome::Valid
    );
    let after = fold(&mut state, vec![close_item(1, "0/1", 1)], 9);
    assert!(matches!(void(after), Void::Signer { .. }));
    assert_eq!(void(fold(&mut state, vec![key_item(1, add())], 5)), Void::KeyKnown { id, role });
    let again = fold(&mut state, vec![key_item(1, KeySet::revoke(id, role, at(1_000_000)))], 5);
    assert_eq!(void(again), Void::KeyNotActive { id, role });
    // A key that revokes itself has no effect from the next entry on.
    let own = KeySet::revoke(key(5).id(), Role::Export, at(1_000_000));
    let both =
        vec![key_item(1, own), key_item(1, KeySet::revoke(key(3).id(), Role::Lock, at(1_000_000)))];
    assert!(matches!(void(fold(&mut state, both, 5)), Void::Signer { .. }));
}

#[test]
fn every_rule_of_a_seal_has_its_reason() {
    let covered = [range(1, 0, 0, 9)];
    let refused = |change: &dyn Fn(&mut Seal)| {
        let (mut seal, ranges) = sealed_at(5, 1, &covered);
        change(&mut seal);
        let entry = Entry::new(at(5), EntryKind::SegmentSeal(Box::new(seal)));
        void(fold(&mut opened(), vec![(entry, Some(ranges.into()))], 1))
    };
    let reason = Void::Settled { id: id(1), at: at(5), settle_until: at(5) };
    assert_eq!(refused(&|seal| seal.settle_until = at(5)), reason);
    assert_eq!(refused(&|seal| seal.hold_epoch = 1), Void::Holds { id: id(1) });
    let held = refused(&|seal| seal.holds = vec!["h".parse().unwrap()]);
    assert_eq!(held, Void::Holds { id: id(1) });

    let mut state = opened();
    for nothing in [vec![], vec![range(1, 0, 0, 0)]] {
        let outcome = fold(&mut state, vec![seal_item(1, 1, &nothing)], 1);
        assert_eq!(void(outcome), Void::NothingCovered { id: id(1) });
    }
    let outcome = fold(&mut state, vec![seal_item(1, 1, &[range(1, 0, 1, 9)])], 1);
    assert!(matches!(void(outcome), Void::Position { expected: 0, found: 1, .. }));
    let outcome = fold(&mut state, vec![seal_item(1, 1, &[range(1, 1, 0, 9)])], 1);
    assert!(matches!(void(outcome), Void::Generation { expected: 0, found: 1, .. }));
    assert_eq!(fold(&mut state, vec![seal_item(1, 1, &covered)], 1), Outcome::Valid);
    assert_eq!(state.segment(&id(1)).unwrap().unwrap().index, 5);
    let outcome = fold(&mut state, vec![seal_item(1, 1, &covered)], 1);
    assert!(matches!(void(outcome), Void::Position { expected: 9, found: 0, .. }));
    let outcome = fold(&mut state, vec![seal_item(1, 1, &[range(1, 0, 9, 10)])], 1);
    assert_eq!(void(outcome), Void::Sealed { id: id(1) });
    assert_eq!((state.live_segments(), state.size()), (1, 8));
}

#[test]
fn a_seal_without_its_ranges_is_not_decided() {
    let mut state = opened();
    let (seal, _) = sealed_at(1, 1, &[range(1, 0, 0, 9)]);
    let needed = Undecided::Ranges { id: id(1), ranges_sha256: seal.ranges_sha256 };
    let entry = Entry::new(at(1), EntryKind::SegmentSeal(Box::new(seal)));
    let other = Attachment::from(RangeList::new(vec![range(1, 0, 0, 8)]).unwrap());
    for ranges in [None, Some(&other)] {
        assert_eq!(state.check(&entry, ranges, key(1).id()), Err(needed.clone()));
        assert_eq!(state.apply(&entry.encode(), ranges, key(1).id()), Err(needed.clone()));
    }
    assert_eq!(state.size(), 1);
}

#[test]
fn an_abandoned_upload_stays_abandoned() {
    let day = 24 * HOUR;
    let mut state = opened();
    let covered = [range(1, 0, 0, 9)];
    assert_eq!(fold(&mut state, vec![abandon_item(1, 1, day)], 4), Outcome::Valid);
    let gone = Void::Abandoned { id: id(1) };
    assert_eq!(void(fold(&mut state, vec![seal_item(2, 1, &covered)], 1)), gone);
    assert_eq!(void(fold(&mut state, vec![abandon_item(2, 1, day)], 1)), gone);
    assert_eq!(fold(&mut state, vec![seal_item(2, 2, &covered)], 1), Outcome::Valid);
    let outcome = fold(&mut state, vec![abandon_item(2, 2, day)], 1);
    assert_eq!(void(outcome), Void::Sealed { id: id(2) });

    // No settling lock can end later that was set by then.
    let latest = at(2 + 7 * day);
    let outcome = fold(&mut state, vec![abandon_item(2, 3, 3 + 7 * day)], 4);
    assert_eq!(void(outcome), Void::Extended { until: at(3 + 7 * day), latest });

    assert_eq!(fold(&mut state, vec![close_item(2 * day - 1, "0/1", 0)], 1), Outcome::Valid);
    assert!(state.is_abandoned(&id(1)));
    assert_eq!(fold(&mut state, vec![close_item(2 * day, "0/1", 1)], 1), Outcome::Valid);
    assert!(!state.is_abandoned(&id(1)));
    // Forgotten, and void by its own settling lock at every time that is still accepted.
    let (mut late, ranges) = sealed_at(day, 1, &[range(2, 0, 0, 9)]);
    late.settle_until = at(day);
    let late = Entry::new(at(day), EntryKind::SegmentSeal(Box::new(late)));
    assert!(matches!(
        void(fold(&mut state, vec![(late, Some(ranges.into()))], 1)),
        Void::Settled { .. }
    ));
}

#[test]
fn windows_are_numbered_by_shard_without_gaps() {
    let mut state = opened();
    let mut close = |shard: &str, number| fold(&mut state, vec![close_item(1, shard, number)], 1);
    let shard: Shard = "1/2".parse().unwrap();
    let next = |expected, found| Outcome::Void(Void::Window { shard, expected, found });
    assert_eq!(close("1/2", 1), next(0, 1));
    assert_eq!(close("1/2", 0), Outcome::Valid);
    assert_eq!(close("1/2", 0), next(1, 0));
    assert_eq!(close("0/2", 0), Outcome::Valid);
    assert_eq!(close("1/2", 1), Outcome::Valid);
    assert_eq!(close("1/2", 3), next(2, 3));
    assert_eq!(state.next_window(shard), 2);
}

#[test]
fn locks_are_extended_by_a_settling_period_at_most() {
    let mut state = opened();
    let settle_ms = i64::try_from(state.settle_ms()).unwrap();
    let mut close = |extended: i64| {
        let (shard, extended_until) = ("0/1".parse().unwrap(), Some(at(extended)));
        let close = WindowClose { extended_until, ..window(0, shard) };
        let entry = Entry::new(at(HOUR), EntryKind::WindowClose(close));
        (fold(&mut state, vec![(entry, None)], 1), state.extended_until())
    };
    let (until, latest) = (at(HOUR + settle_ms + 1), at(HOUR + settle_ms));
    let refused = Outcome::Void(Void::Extended { until, latest });
    assert_eq!(close(HOUR + settle_ms + 1), (refused, None));
    assert_eq!(close(HOUR + settle_ms), (Outcome::Valid, Some(latest)));
}

#[test]
fn a_clock_may_be_a_day_behind_and_no_more() {
    let mut state = opened();
    let latest = 48 * HOUR;
    assert_eq!(fold(&mut state, vec![close_item(latest, "0/1", 0)], 1), Outcome::Valid);
    let behind = latest - 24 * HOUR;
    assert_eq!(fold(&mut state, vec![close_item(behind, "0/1", 1)], 1), Outcome::Valid);
    let outcome = fold(&mut state, vec![close_item(behind - 1, "0/1", 2)], 1);
    assert_eq!(void(outcome), Void::ClockBehind { at: at(behind - 1), latest: at(latest) });
    assert_eq!(state.latest(), at(latest));
}

#[test]
fn the_log_opens_once_and_what_is_malformed_is_void() {
    let mut state = opened();
    let again = opening(&[(&key(1), archive())]);
    assert_eq!(void(fold(&mut state, vec![(again, None)], 1)), Void::OpenAgain);
    for leaf in [b"{}".as_slice(), b"[]", b"{\"at\":1}", b"x"] {
        let outcome = state.apply(leaf, None, key(1).id()).unwrap();
        assert!(matches!(void(outcome), Void::Malformed(_)));
    }
    assert_eq!(state.size(), 6);
}

#[test]
fn an_unknown_type_has_no_effect_and_if_critical_ends_decisions() {
    let mut state = opened();
    let unknown = |crit: bool| {
        let members = [
            ("at", text(at(99 * HOUR))),
            ("crit", crit.into()),
            ("type", "hold.notice".into()),
            ("v", 1.into()),
        ];
        Entry::parse(&object(members).to_canonical()).unwrap()
    };
    let before = state.snapshot().unwrap();
    let mut gone = state.clone();
    let add = KeySet::add(key(9).public(), archive(), at(1_000_000));
    assert_eq!(fold(&mut gone, vec![key_item(1, add)], 5), Outcome::Valid);
    assert_eq!(
        fold(
            &mut gone,
            vec![key_item(1, KeySet::revoke(key(9).id(), archive(), at(1_000_000)))],
            5
        ),
        Outcome::Valid
    );
    let revoked = fold(&mut gone, vec![(unknown(true), None)], 9);
    assert!(matches!(void(revoked), Void::Signer { .. }));
    let outcome = fold(&mut state, vec![(unknown(false), None)], 5);
    assert_eq!(outcome, Outcome::Unknown { crit: false });
    assert_eq!((state.latest(), state.unknown_critical()), (at(0), None));
    assert_ne!(state.snapshot().unwrap().root_digest, before.root_digest);
    let outcome = fold(&mut state, vec![(unknown(true), None)], 1);
    assert_eq!(outcome, Outcome::Unknown { crit: true });
    assert_eq!(state.unknown_critical(), Some(2));
    assert_eq!(state.snapshot().unwrap_err(), SnapshotError::UnknownCritical { index: 2 });
    assert_eq!(fold(&mut state, vec![close_item(1, "0/1", 0)], 1), Outcome::Valid);
    assert_eq!(state.unknown_critical(), Some(2));
}

#[test]
fn a_page_is_read_only_where_its_ids_or_its_end_demand_it() {
    let mut state = opened();
    let covered = |n: u64| [range(1, 0, n, n + 1)];
    let items =
        |from: u64, to: u64| (from..to).map(|n| seal_item(1, n, &covered(n))).collect::<Vec<_>>();
    fold(&mut state, items(0, 600), 1);
    let snapshot = state.snapshot().unwrap();
    assert_eq!(snapshot.new_pages.len(), 2);
    let mut loaded = State::load(&snapshot.root_bytes, snapshot.root_digest).unwrap();
    assert_eq!(loaded.pages_absent().iter().map(|page| page.count).collect::<Vec<_>>(), [512, 88]);
    assert!(loaded.snapshot().unwrap().new_pages.is_empty());
    assert!(loaded.segment(&id(700)).unwrap().is_none());
    assert!(matches!(loaded.segment(&id(3)), Err(Undecided::Pages(pages)) if pages[0].number == 0));

    let fresh = claim(&loaded, items(600, 601), &key(1));
    assert_eq!(loaded.apply_claim(&fresh), Ok(vec![Outcome::Valid]));
    let needed = loaded.pages_needed_for_snapshot();
    assert_eq!(needed.iter().map(|page| page.number).collect::<Vec<_>>(), [1]);
    assert_eq!(loaded.snapshot().unwrap_err(), SnapshotError::Pages(needed));
    let known = claim(&loaded, vec![abandon_item(1, 3, 9), abandon_item(1, 4, 9)], &key(1));
    let before = loaded.size();
    let error = loaded.apply_claim(&known).unwrap_err();
    assert!(matches!(error, FoldError::Undecided(Undecided::Pages(pages)) if pages.len() == 1));
    assert_eq!(loaded.size(), before);
    for (_, bytes) in &snapshot.new_pages {
        loaded.load_page(bytes).unwrap();
        assert!(matches!(loaded.load_page(bytes), Err(RootError::UnknownPage { .. })));
    }
    let outcomes = loaded.apply_claim(&known).unwrap();
    assert_eq!(void(outcomes[0].clone()), Void::Sealed { id: id(3) });
    assert_eq!(loaded.snapshot().unwrap().new_pages.len(), 1);
    assert_eq!(loaded.segments().count(), 601);
}

#[test]
fn an_altered_root_or_page_is_refused() {
    let mut state = disposal::decided();
    fold(&mut state, vec![abandon_item(1, 999, 9 * HOUR), close_item(1, "0/1", 0)], 1);
    let snapshot = state.snapshot().unwrap();
    for at in (0..snapshot.root_bytes.len()).step_by(7) {
        let mut altered = snapshot.root_bytes.clone();
        altered[at] ^= 1;
        let error = State::load(&altered, snapshot.root_digest).unwrap_err();
        assert!(matches!(error, RootError::Digest { .. }));
    }
    let Ok(Value::Object(members)) = crate::json::parse(&snapshot.root_bytes, MAX_ROOT_BYTES)
    else {
        panic!("not an object")
    };
    for (name, _) in members.iter() {
        let mut fewer = members.clone();
        fewer.remove(name);
        let bytes = Value::Object(fewer).to_canonical();
        let error = State::load(&bytes, Digest::of(&bytes)).unwrap_err();
        assert_eq!(error.to_string(), format!("snapshot is malformed: `{name}` is missing"));
        if let Some(Value::Array(items)) = members.get(name) {
            let mut twice = members.clone();
            twice.insert(name, [items.as_slice(), items.as_slice()].concat());
            let bytes = Value::Object(twice).to_canonical();
            let error = State::load(&bytes, Digest::of(&bytes)).unwrap_err().to_string();
            assert!(error.contains("not sorted"), "{name}: {error}");
        }
    }
    // A page with the digest of the root, but other content than the root says.
    let (digest, page) = &snapshot.new_pages[0];
    let other = String::from_utf8(page.clone()).unwrap().replace("00000001\"", "00000009\"");
    let root = String::from_utf8(snapshot.root_bytes.clone()).unwrap();
    let root = root.replace(&digest.to_string(), &Digest::of(other.as_bytes()).to_string());
    let mut forged = State::load(root.as_bytes(), Digest::of(root.as_bytes())).unwrap();
    let error = forged.load_page(other.as_bytes()).unwrap_err();
    assert!(matches!(error, RootError::OtherPage { .. }), "{error}");
    assert!(matches!(forged.load_page(page), Err(RootError::UnknownPage { .. })));
}
