//! Claims: the next one of the golden log, and first ones of other logs.

use strongroom_crypto::ArchiveId;
use strongroom_crypto::b64;
use strongroom_crypto::claim::{Attachment, ClaimDraft, NO_CLAIM};
use strongroom_crypto::entry::{Entry, EntryKind, LogOpen, Seal, WindowClose};
use strongroom_crypto::json::{Value, text as json_text};
use strongroom_crypto::keys::{Role, RoleKey};
use strongroom_crypto::name::Shard;
use strongroom_crypto::range::{OriginRange, RangeList};
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId};

use super::{Fault, Good, fault, flipped, leaf, members, next, swap, text, with, with_items};
use crate::archive::Golden;

/// Keeps a claim's signature apart from others (`FORMAT.md`, section 7).
const SIGNED_PREFIX: &[u8] = b"strongroom/claim/v1\0";

/// An entry with what it names.
pub(super) type Item = (Entry, Option<Attachment>);
/// Those of a claim.
pub(super) type Items = Vec<Item>;

/// The range that the first origin of the golden log goes on with.
pub(super) fn range(golden: &Golden) -> OriginRange {
    let origin = golden.seals[0].ranges.as_slice()[0].origin;
    let (generation, position) = golden.state.positions(&origin).next_back().unwrap();
    let (prefix_len, prefix_mac) = (position.prefix_len, position.prefix_mac);
    OriginRange {
        origin,
        generation,
        start: position.end,
        end: position.end + 100,
        prefix_len,
        prefix_mac,
    }
}

/// An id that the golden log does not know.
pub(super) fn unknown_id(golden: &Golden) -> SegmentId {
    let mut fill = |out: &mut [u8]| out.fill(0x5a);
    let at = u64::try_from(golden.state.latest().unix_ms()).unwrap();
    SegmentId::new(at, &mut fill).unwrap()
}

/// A seal of a new segment with these ranges.
pub(super) fn seal(golden: &Golden, ranges: Vec<OriginRange>) -> (Seal, RangeList) {
    let ranges = RangeList::new(ranges).unwrap();
    let (at, id) = (golden.state.latest(), unknown_id(golden));
    let object = format!("segments/app/2026/01/02/{id}.parquet").parse().unwrap();
    let settle_until = at.saturating_add_ms(600_000);
    let old = golden.seals[0].seal.clone();
    let seal = Seal { segment_id: id, object, settle_until, ranges_sha256: ranges.digest(), ..old };
    (seal, ranges)
}

/// A seal as an item of a claim.
pub(super) fn sealing(golden: &Golden, (seal, ranges): (Seal, RangeList)) -> Item {
    (next(golden, EntryKind::SegmentSeal(Box::new(seal))), Some(ranges.into()))
}

/// The end of a window as an item of a claim.
pub(super) fn closing(golden: &Golden, number: u64) -> Item {
    let segments = golden.state.live_segments();
    let close = WindowClose {
        extended_until: None,
        index_sha256: None,
        locked: None,
        number,
        proof_until: None,
        segments,
        shard: Shard::WHOLE,
    };
    (next(golden, EntryKind::WindowClose(close)), None)
}

/// A window that says that all locks were extended until the year 9999.
pub(super) fn closing_for_ever(golden: &Golden, number: u64) -> Item {
    let (entry, _) = closing(golden, number);
    let EntryKind::WindowClose(mut close) = entry.into_kind() else { panic!("no window") };
    close.extended_until = Some(Instant::MAX);
    (next(golden, EntryKind::WindowClose(close)), None)
}

fn draft(golden: &Golden, items: Items) -> ClaimDraft {
    let place = golden.state.next_claim();
    ClaimDraft {
        archive_id: golden.state.archive_id(),
        seq: place.seq,
        prev_claim_sha256: place.prev_sha256,
        nonce: [0x11; 16],
        items,
    }
}

/// The next claim of the golden log, signed by its key.
pub(super) fn claim(golden: &Golden, items: Items) -> Vec<u8> {
    claim_by(golden, Role::Archive, items)
}

/// The same, signed by the key of a role.
pub(super) fn claim_by(golden: &Golden, role: Role, items: Items) -> Vec<u8> {
    draft(golden, items).sign(golden.keys.role(role)).unwrap().bytes().to_vec()
}

/// Signs a claim anew, whatever it says.
pub(super) fn resigned(bytes: &[u8], key: &RoleKey) -> Vec<u8> {
    let mut members = members(bytes);
    members.remove("sig");
    let message = [SIGNED_PREFIX, &Value::Object(members.clone()).to_canonical()].concat();
    members.insert("sig", b64::encode(&key.sign(&message)));
    Value::Object(members).to_canonical()
}

/// A seal and the end of a window.
fn good(golden: &Golden) -> Vec<u8> {
    let window = golden.state.next_window(Shard::WHOLE);
    claim(golden, vec![sealing(golden, seal(golden, vec![range(golden)])), closing(golden, window)])
}

/// A claim of an entry that no version knows yet.
fn unknown(golden: &Golden, crit: bool) -> Vec<u8> {
    let (close, _) = closing(golden, 0);
    let known = swap(&text(&close.encode()), "\"window.close\"", "\"window.open\"");
    let entry = swap(&known, "\"crit\":true", &format!("\"crit\":{crit}"));
    claim(golden, vec![(Entry::parse(entry.as_bytes()).unwrap(), None)])
}

/// A first claim: the golden log's, changed.
fn first(golden: &Golden, key: &RoleKey, change: impl FnOnce(&mut ClaimDraft, LogOpen)) -> Vec<u8> {
    let entry = Entry::parse(&leaf(golden, "log.open")).unwrap();
    let EntryKind::LogOpen(open) = entry.kind().clone() else { panic!("no log.open") };
    let archive_id = golden.state.archive_id();
    let items = vec![(entry, None)];
    let mut draft =
        ClaimDraft { archive_id, seq: 0, prev_claim_sha256: NO_CLAIM, nonce: [0x11; 16], items };
    change(&mut draft, *open);
    draft.sign(key).unwrap().bytes().to_vec()
}

pub(super) fn accepted(golden: &Golden) -> Vec<Good> {
    vec![
        ("claim_first_of_the_log.json".into(), golden.claims[0].bytes().to_vec()),
        ("claim_next_of_the_log.json".into(), good(golden)),
        ("claim_unknown_type_not_critical.json".into(), unknown(golden, false)),
    ]
}

pub(super) fn faults(golden: &Golden) -> Vec<Fault> {
    [signatures(golden), details(golden), shape(golden), places(golden), firsts(golden)]
        .into_iter()
        .flatten()
        .collect()
}

fn signatures(golden: &Golden) -> Vec<Fault> {
    let good = good(golden);
    let archive = golden.keys.role(Role::Archive);
    let Some(Value::Text(sig)) = members(&good).get("sig").cloned() else { panic!("no signature") };
    let flipped = with(&good, "sig", b64::encode(&flipped(&b64::decode(&sig).unwrap(), 40)));
    let both = |change: fn(&mut Vec<Value>)| {
        with_items(&with_items(&good, "entries", change), "details", change)
    };
    let swapped = both(|items| items.reverse());
    let removed = both(|items| drop(items.pop()));
    let stranger = RoleKey::from_seed(&[0x42; 32]);
    let strange = with(&good, "key_id", json_text(stranger.id()));
    vec![
        fault("claim_signature_flipped.json", "one bit of the signature", flipped),
        fault(
            "claim_signature_of_another_key.json",
            "signed by another key than it names",
            resigned(&good, golden.keys.role(Role::Lock)),
        ),
        fault(
            "claim_signer_unknown.json",
            "signed by a key that the log does not register",
            resigned(&strange, &stranger),
        ),
        fault(
            "claim_entry_reordered.json",
            "two entries and their details changed places",
            swapped,
        ),
        fault("claim_entry_removed.json", "the last entry taken out", removed),
        fault(
            "claim_nonce_changed.json",
            "another nonce than was signed",
            with(&good, "nonce", "22".repeat(16)),
        ),
        fault(
            "claim_signature_short.json",
            "a signature of 63 bytes",
            with(&good, "sig", b64::encode(&[7; 63])),
        ),
        fault(
            "claim_signature_with_the_wrong_prefix.json",
            "signed without the prefix of claims",
            {
                let mut members = members(&good);
                members.remove("sig");
                let message = Value::Object(members).to_canonical();
                with(&good, "sig", b64::encode(&archive.sign(&message)))
            },
        ),
    ]
}

fn details(golden: &Golden) -> Vec<Fault> {
    let good = good(golden);
    let archive = golden.keys.role(Role::Archive);
    let signed =
        |change: fn(&mut Vec<Value>)| resigned(&with_items(&good, "details", change), archive);
    let other = RangeList::new(vec![OriginRange { end: range(golden).end + 1, ..range(golden) }])
        .unwrap()
        .to_value();
    let other = with_items(&good, "details", |items| items[0] = other);
    vec![
        fault(
            "claim_details_missing.json",
            "a seal without its ranges",
            signed(|items| items[0] = Value::Null),
        ),
        fault(
            "claim_details_of_another_seal.json",
            "ranges that are not those of the seal's digest",
            resigned(&other, archive),
        ),
        fault(
            "claim_details_beside_a_window.json",
            "ranges beside an entry that has none",
            signed(|items| items[1] = items[0].clone()),
        ),
        fault(
            "claim_details_too_few.json",
            "fewer details than entries",
            signed(|items| drop(items.pop())),
        ),
        fault(
            "claim_details_unknown_member.json",
            "a range with a member that ranges do not have",
            {
                let text = swap(
                    &text(&good),
                    "\"details\":[[{\"end\"",
                    "\"details\":[[{\"bytes\":1,\"end\"",
                );
                resigned(text.as_bytes(), archive)
            },
        ),
    ]
}

fn shape(golden: &Golden) -> Vec<Fault> {
    let good = good(golden);
    let archive = golden.keys.role(Role::Archive);
    let empty = with(&with(&good, "entries", Vec::<Value>::new()), "details", Vec::<Value>::new());
    let long = with_items(&good, "entries", |items| {
        let entry = text(&closing(golden, 0).0.encode());
        let entry = swap(&entry, "\"window.close\"", &format!("\"{}\"", "x".repeat(4_096)));
        items[1] = Value::Object(members(entry.as_bytes()));
    });
    let many = closing(golden, golden.state.next_window(Shard::WHOLE)).0.encode();
    let many = Value::Array(vec![Value::Object(members(&many)); 1_001]);
    let many =
        with(&with(&good, "entries", many), "details", Value::Array(vec![Value::Null; 1_001]));
    let mut unsigned = members(&good);
    unsigned.remove("sig");
    vec![
        fault("claim_empty.json", "no entries", resigned(&empty, archive)),
        fault("claim_of_too_many_entries.json", "1,001 entries", resigned(&many, archive)),
        fault(
            "claim_entry_too_long.json",
            "an entry of more than 4,096 bytes",
            resigned(&long, archive),
        ),
        fault("claim_unsigned.json", "no signature", Value::Object(unsigned).to_canonical()),
        fault(
            "claim_unknown_member.json",
            "a member that claims do not have",
            resigned(&with(&good, "note", "x"), archive),
        ),
        fault("claim_version_2.json", "another version", resigned(&with(&good, "v", 2), archive)),
        fault(
            "claim_nonce_short.json",
            "a nonce of 15 bytes",
            resigned(&with(&good, "nonce", "11".repeat(15)), archive),
        ),
        fault(
            "claim_not_canonical.json",
            "white space",
            swap(&text(&good), "{\"archive_id\"", "{ \"archive_id\""),
        ),
        fault(
            "claim_critical_unknown_type.json",
            "a critical entry of an unknown type: nothing may be decided after it",
            unknown(golden, true),
        ),
    ]
}

/// Claims that are not the next of this log.
fn places(golden: &Golden) -> Vec<Fault> {
    let archive = golden.keys.role(Role::Archive);
    let items = || vec![closing(golden, golden.state.next_window(Shard::WHOLE))];
    let changed = |change: fn(&mut ClaimDraft)| {
        let mut draft = draft(golden, items());
        change(&mut draft);
        draft.sign(archive).unwrap().bytes().to_vec()
    };
    vec![
        fault(
            "claim_of_another_archive.json",
            "another archive's claim",
            changed(|draft| draft.archive_id = ArchiveId::from_bytes([7; 16])),
        ),
        fault(
            "claim_out_of_order.json",
            "a claim is left out before it",
            changed(|draft| draft.seq += 1),
        ),
        fault(
            "claim_repeated.json",
            "the place of the claim before",
            changed(|draft| draft.seq -= 1),
        ),
        fault(
            "claim_of_a_fork.json",
            "it follows another claim than the one before",
            changed(|draft| draft.prev_claim_sha256 = Digest::of(b"fork")),
        ),
        fault(
            "claim_in_the_first_place.json",
            "a later claim in place 0",
            changed(|draft| draft.seq = 0),
        ),
    ]
}

/// First claims that open no log for this program.
fn firsts(golden: &Golden) -> Vec<Fault> {
    let archive = golden.keys.role(Role::Archive);
    let reopened = |change: fn(&mut LogOpen)| {
        first(golden, archive, |draft, mut open| {
            change(&mut open);
            let at = draft.items[0].0.at();
            draft.items[0].0 = Entry::new(at, EntryKind::LogOpen(Box::new(open)));
        })
    };
    let window = closing(golden, 0);
    vec![
        fault(
            "claim_first_without_log_open.json",
            "another entry in place of `log.open`",
            first(golden, archive, |draft, _| draft.items = vec![window.clone()]),
        ),
        fault(
            "claim_first_of_two_entries.json",
            "an entry after `log.open`",
            first(golden, archive, |draft, _| draft.items.push(window)),
        ),
        fault(
            "claim_first_with_a_predecessor.json",
            "a claim before the first",
            first(golden, archive, |draft, _| draft.prev_claim_sha256 = Digest::of(b"before")),
        ),
        fault(
            "claim_first_of_another_archive.json",
            "`log.open` of another archive",
            reopened(|open| open.archive_id = ArchiveId::from_bytes([7; 16])),
        ),
        fault(
            "claim_first_signed_by_another_role.json",
            "signed by a key that is registered, but not to archive",
            first(golden, golden.keys.role(Role::Lock), |_, _| {}),
        ),
        fault(
            "claim_first_signed_by_a_stranger.json",
            "signed by a key that it does not register",
            first(golden, &RoleKey::from_seed(&[0x42; 32]), |_, _| {}),
        ),
        fault(
            "claim_first_for_newer_readers.json",
            "it needs reader version 2",
            reopened(|open| open.min_reader = 2),
        ),
    ]
}
