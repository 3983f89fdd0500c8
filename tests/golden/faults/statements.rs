//! Manifests, lists of ranges, snapshots.

use strongroom_archiver::log::root_key;
use strongroom_crypto::Digest;
use strongroom_crypto::json::{self, Value};
use strongroom_crypto::origin::OriginHandle;
use strongroom_crypto::range::{OriginRange, RangeList};

use super::{Fault, Good, fault, members, swap, text, with, with_items};
use crate::archive::Golden;
use crate::judge::last_window;

fn range(origin: u8, generation: u64, start: u64, end: u64) -> OriginRange {
    let origin = OriginHandle::from_bytes([origin; 16]);
    OriginRange { origin, generation, start, end, prefix_len: 8, prefix_mac: Digest::of(b"prefix") }
}

/// Three ranges of two origins.
fn ranges() -> Vec<u8> {
    RangeList::new(vec![range(1, 0, 0, 10), range(1, 1, 0, 5), range(2, 3, 7, 7)])
        .unwrap()
        .to_value()
        .to_canonical()
}

fn manifest(golden: &Golden) -> Vec<u8> {
    golden.manifest_bytes(&golden.seals[0])
}

/// The root of the last window.
fn root(golden: &Golden) -> Vec<u8> {
    golden.object(root_key(last_window(golden).0).unwrap().as_str())
}

/// The page that this root names.
fn page(golden: &Golden) -> Vec<u8> {
    let root = text(&root(golden));
    let digest = root.split("\"sha256\":\"").nth(1).unwrap().split('"').next().unwrap();
    golden.object(&format!("index/page/{digest}.json"))
}

pub(super) fn accepted(golden: &Golden) -> Vec<Good> {
    vec![
        ("manifest_of_a_raw_segment.json".into(), manifest(golden)),
        ("range_list_of_three.json".into(), ranges()),
        ("range_list_empty.json".into(), b"[]".to_vec()),
        ("snapshot_root_of_a_window.json".into(), root(golden)),
        ("snapshot_page_of_three_segments.json".into(), page(golden)),
    ]
}

pub(super) fn faults(golden: &Golden) -> Vec<Fault> {
    [manifests(golden), lists(), snapshots(golden)].into_iter().flatten().collect()
}

fn manifests(golden: &Golden) -> Vec<Fault> {
    let good = text(&manifest(golden));
    let with_text = |from: &str, to: &str| swap(&good, from, to);
    let mut list = match json::parse(&ranges(), 1 << 16) {
        Ok(Value::Array(items)) => items,
        other => panic!("{other:?}"),
    };
    let three = with(good.as_bytes(), "ranges", list.clone());
    list.reverse();
    let digest = golden.seals[0].seal.object_sha256.to_string();
    let bytes = golden.seals[0].seal.bytes;
    let longer = with(good.as_bytes(), "bytes", bytes + 1);
    vec![
        fault(
            "manifest_ranges_unsorted.json",
            "ranges out of order",
            with(good.as_bytes(), "ranges", list),
        ),
        fault(
            "manifest_ranges_of_another_seal.json",
            "ranges that are not those of the seal",
            three,
        ),
        fault(
            "manifest_digest_upper_case.json",
            "a digest in upper case",
            with_text(&digest, &digest.to_uppercase()),
        ),
        fault("manifest_length_differs.json", "another length than the seal's", longer),
        fault("manifest_version_2.json", "another version", with(good.as_bytes(), "v", 2)),
        fault(
            "manifest_unknown_member.json",
            "a member that manifests do not have",
            with(good.as_bytes(), "note", "x"),
        ),
        fault(
            "manifest_counts_missing.json",
            "a count is missing",
            with_text("\"duplicates\":0,", ""),
        ),
        fault(
            "manifest_lock_mode_unknown.json",
            "a lock mode that there is not",
            with_text("\"GOVERNANCE\"", "\"governance\""),
        ),
        fault("manifest_not_canonical.json", "a line feed after the document", format!("{good}\n")),
        fault(
            "manifest_of_another_segment.json",
            "the manifest of another segment",
            golden.manifest_bytes(&golden.seals[1]),
        ),
    ]
}

fn lists() -> Vec<Fault> {
    let good = text(&ranges());
    let pair = RangeList::new(vec![range(1, 0, 0, 10)]).unwrap().to_value();
    let overlapping = RangeList::new(vec![range(1, 0, 5, 15)]).unwrap().to_value();
    let (Value::Array(mut twice), Value::Array(other)) = (pair, overlapping) else {
        panic!("no arrays")
    };
    twice.extend(other);
    let reversed = match json::parse(good.as_bytes(), 1 << 16) {
        Ok(Value::Array(items)) => Value::Array(items.into_iter().rev().collect()),
        other => panic!("{other:?}"),
    };
    let first = "\"end\":10,\"generation\":0";
    vec![
        fault("range_list_unsorted.json", "ranges out of order", reversed.to_canonical()),
        fault(
            "range_list_overlapping_pair.json",
            "one generation of one origin twice",
            Value::Array(twice).to_canonical(),
        ),
        fault(
            "range_list_backwards.json",
            "a range ends before it starts",
            swap(&good, "\"end\":7,\"generation\":3", "\"end\":6,\"generation\":3"),
        ),
        fault(
            "range_list_unknown_member.json",
            "a member that ranges do not have",
            swap(&good, first, &format!("\"bytes\":1,{first}")),
        ),
        fault("range_list_prefix_too_long.json", "a prefix of more than 4,096 bytes", {
            let at = good.replacen("\"prefix_len\":8", "\"prefix_len\":4097", 1);
            assert_ne!(at, good);
            at
        }),
        fault(
            "range_list_handle_short.json",
            "an origin handle of 15 bytes",
            good.replacen("\"origin\":\"01", "\"origin\":\"", 1),
        ),
        fault("range_list_null.json", "`null` in place of the list", "null"),
    ]
}

fn snapshots(golden: &Golden) -> Vec<Fault> {
    let root = root(golden);
    let changed = |name: &str, change: fn(&mut Vec<Value>)| with_items(&root, name, change);
    let page = page(golden);
    let Some(Value::Int(sealed)) = members(&root).get("sealed").cloned() else {
        panic!("no count")
    };
    vec![
        fault(
            "snapshot_root_digest_differs.json",
            "another root than the window names",
            with(&root, "sealed", sealed.get() + 1),
        ),
        fault(
            "snapshot_root_keys_unsorted.json",
            "keys out of order",
            changed("keys", |items| items.reverse()),
        ),
        fault(
            "snapshot_root_officers_unsorted.json",
            "officers out of order",
            changed("officers", |items| items.reverse()),
        ),
        fault(
            "snapshot_root_positions_unsorted.json",
            "positions out of order",
            changed("positions", |items| items.reverse()),
        ),
        fault(
            "snapshot_root_window_twice.json",
            "a shard's window twice",
            changed("windows", |items| items.push(items[0].clone())),
        ),
        fault(
            "snapshot_root_page_beyond_the_seals.json",
            "a page of seals that there were not",
            swap(&text(&root), "\"number\":0,\"sha256\"", "\"number\":1,\"sha256\""),
        ),
        fault(
            "snapshot_root_page_empty.json",
            "a page of no segments",
            swap(&text(&root), "{\"count\":3", "{\"count\":0"),
        ),
        fault(
            "snapshot_root_unknown_member.json",
            "a member that roots do not have",
            with(&root, "note", "x"),
        ),
        fault(
            "snapshot_page_segment_removed.json",
            "a page that its root does not name",
            with_items(&page, "segments", |items| drop(items.pop())),
        ),
    ]
}
