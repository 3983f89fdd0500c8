//! Claims whose signature holds and whose entry is void: a leaf without effect.

use strongroom_crypto::entry::{Abandon, Entry, EntryKind};
use strongroom_crypto::keys::Role;
use strongroom_crypto::name::Shard;
use strongroom_crypto::range::OriginRange;
use strongroom_crypto::time::Instant;

use super::claims::{claim, claim_by, closing, closing_for_ever, range, resigned, seal, sealing};
use super::entries::attest;
use super::{Fault, fault, leaf, next, swap, text};
use crate::archive::Golden;

pub(super) fn faults(golden: &Golden) -> Vec<Fault> {
    [seals(golden), others(golden), too_much(golden)].into_iter().flatten().collect()
}

fn seals(golden: &Golden) -> Vec<Fault> {
    let good = range(golden);
    let of = |ranges: Vec<OriginRange>| claim(golden, vec![sealing(golden, seal(golden, ranges))]);
    let changed = |change: fn(&mut strongroom_crypto::entry::Seal, &Golden)| {
        let (mut seal, ranges) = seal(golden, vec![good]);
        change(&mut seal, golden);
        claim(golden, vec![sealing(golden, (seal, ranges))])
    };
    let twice = || sealing(golden, seal(golden, vec![good]));
    vec![
        fault(
            "claim_void_seal_leaves_a_gap.json",
            "a range begins after the folded position",
            of(vec![OriginRange { start: good.start + 1, ..good }]),
        ),
        fault(
            "claim_void_seal_overlaps.json",
            "a range begins before the folded position",
            of(vec![OriginRange { start: good.start - 1, ..good }]),
        ),
        fault(
            "claim_void_seal_begins_within.json",
            "a new generation does not begin at 0",
            of(vec![OriginRange { generation: 1, ..good }]),
        ),
        fault(
            "claim_void_generation_skipped.json",
            "a generation is left out",
            of(vec![OriginRange { generation: 2, start: 0, ..good }]),
        ),
        fault(
            "claim_void_seal_of_nothing.json",
            "no range has a byte",
            of(vec![OriginRange { end: good.start, ..good }]),
        ),
        fault("claim_void_seal_of_no_range.json", "no ranges", of(Vec::new())),
        fault(
            "claim_void_seal_twice.json",
            "the same ranges twice in one claim",
            claim(golden, vec![twice(), twice()]),
        ),
        fault(
            "claim_void_segment_live.json",
            "the id of a live segment",
            changed(|seal, golden| {
                let live = &golden.seals[0].seal;
                (seal.segment_id, seal.object) = (live.segment_id, live.object.clone());
            }),
        ),
        fault(
            "claim_void_after_settling.json",
            "sealed after its settling lock",
            changed(|seal, golden| seal.settle_until = golden.state.latest()),
        ),
        fault(
            "claim_void_hold_epoch.json",
            "another hold epoch than the log's",
            changed(|seal, _| seal.hold_epoch = 1),
        ),
        fault(
            "claim_void_hold_unknown.json",
            "a hold that the log does not know",
            changed(|seal, _| seal.holds = vec!["h1".parse().unwrap()]),
        ),
    ]
}

/// What would keep others from their work.
fn too_much(golden: &Golden) -> Vec<Fault> {
    let too_long = Abandon {
        segment_id: seal(golden, vec![range(golden)]).0.segment_id,
        until: golden.state.latest().saturating_add_ms(400 * 86_400_000),
    };
    let (extending, _) = closing(golden, golden.state.next_window(Shard::WHOLE));
    let EntryKind::WindowClose(mut extending) = extending.into_kind() else { panic!("no window") };
    extending.extended_until = Some(golden.state.latest());
    let extending = vec![(next(golden, EntryKind::WindowClose(extending)), None)];
    vec![
        fault(
            "claim_void_window_extended_by_another_duty.json",
            "a key that moves no locks says that they were moved",
            claim_by(golden, Role::Hold, extending),
        ),
        fault(
            "claim_void_abandoned_for_ever.json",
            "abandoned for longer than a settling period",
            claim(golden, vec![(next(golden, EntryKind::SegmentAbandon(too_long)), None)]),
        ),
    ]
}

fn others(golden: &Golden) -> Vec<Fault> {
    let window = golden.state.next_window(Shard::WHOLE);
    let abandon =
        Abandon { segment_id: golden.seals[0].seal.segment_id, until: golden.state.latest() };
    let (close, _) = closing(golden, window);
    let old = Entry::new(
        Instant::from_unix_ms(golden.state.latest().unix_ms() - 86_400_001).unwrap(),
        close.into_kind(),
    );
    let open = Entry::parse(&leaf(golden, "log.open")).unwrap();
    let archive = golden.keys.role(Role::Archive);
    let malformed = swap(
        &text(&claim(golden, vec![closing(golden, window)])),
        "\"shard\":\"0/1\"",
        "\"shard\":\"1/1\"",
    );
    vec![
        fault(
            "claim_void_entry_malformed.json",
            "an entry that is not the structure of its type",
            resigned(malformed.as_bytes(), archive),
        ),
        fault(
            "claim_void_clock_behind.json",
            "more than 24 hours before the log's greatest time",
            claim(golden, vec![(old, None)]),
        ),
        fault(
            "claim_void_window_repeated.json",
            "the number of the window before",
            claim(golden, vec![closing(golden, window - 1)]),
        ),
        fault(
            "claim_void_window_skipped.json",
            "a window is left out",
            claim(golden, vec![closing(golden, window + 1)]),
        ),
        fault(
            "claim_void_window_extended_too_far.json",
            "locks extended further than a settling period",
            claim(golden, vec![closing_for_ever(golden, window)]),
        ),
        fault(
            "claim_void_live_segment_abandoned.json",
            "a live segment abandoned",
            claim(golden, vec![(next(golden, EntryKind::SegmentAbandon(abandon)), None)]),
        ),
        fault(
            "claim_void_signer_may_not.json",
            "a window closed by a key that is not for it",
            claim_by(golden, Role::Export, vec![closing(golden, window)]),
        ),
        fault(
            "claim_void_attest_by_another_duty.json",
            "locks attested by a key that is not for it",
            claim(golden, vec![(attest(golden), None)]),
        ),
        fault(
            "claim_void_log_opened_again.json",
            "a second `log.open`",
            claim(golden, vec![(open, None)]),
        ),
    ]
}
