//! Entries, and with them the JSON of everything that is hashed.

use strongroom_crypto::b64;
use strongroom_crypto::entry::{Abandon, Attest, Attested, Entry, EntryKind};
use strongroom_crypto::keys::RoleKey;

use super::decisions::{BOTH, key_set};
use super::{Fault, Good, fault, leaf, next, swap, text, with_items};
use crate::archive::Golden;
use crate::officers::signed;

/// The good entry that most faults are made of, as text.
fn seal(golden: &Golden) -> String {
    text(&leaf(golden, "segment.seal"))
}

/// An attempt on locks that two withstood and one did not.
pub(super) fn attest(golden: &Golden) -> Entry {
    let checks = [
        ("delete-governance", Attested::Held),
        ("delete-compliance", Attested::Held),
        ("bypass-governance", Attested::Broken),
    ];
    let checks = checks.map(|(name, outcome)| (name.parse().unwrap(), outcome));
    let attest = Attest::new(checks.into()).unwrap();
    next(golden, EntryKind::Attest(attest))
}

pub(super) fn accepted(golden: &Golden) -> Vec<Good> {
    let abandon =
        Abandon { segment_id: golden.seals[0].seal.segment_id, until: golden.state.latest() };
    let unknown = swap(&text(&leaf(golden, "window.close")), "\"window.close\"", "\"window.open\"");
    vec![
        ("entry_log_open.json".into(), leaf(golden, "log.open")),
        ("entry_segment_seal.json".into(), leaf(golden, "segment.seal")),
        (
            "entry_segment_abandon.json".into(),
            next(golden, EntryKind::SegmentAbandon(abandon)).encode(),
        ),
        ("entry_window_close.json".into(), leaf(golden, "window.close")),
        ("entry_unknown_type.json".into(), unknown.into_bytes()),
        ("entry_attest.json".into(), attest(golden).encode()),
    ]
}

pub(super) fn faults(golden: &Golden) -> Vec<Fault> {
    [
        spelling(golden),
        numbers(golden),
        shape(golden),
        values(golden),
        names(golden),
        keys(golden),
        attests(golden),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn attests(golden: &Golden) -> Vec<Fault> {
    let attest = text(&attest(golden).encode());
    let with = |from: &str, to: &str| swap(&attest, from, to);
    let held = "\"held\":[\"delete-compliance\",\"delete-governance\"]";
    let broken = "\"broken\":[\"bypass-governance\"]";
    vec![
        fault(
            "entry_attest_check_in_two_lists.json",
            "a check with two outcomes",
            with(broken, "\"broken\":[\"delete-governance\"]"),
        ),
        fault(
            "entry_attest_checks_unsorted.json",
            "checks out of order",
            with(held, "\"held\":[\"delete-governance\",\"delete-compliance\"]"),
        ),
        fault(
            "entry_attest_check_name.json",
            "a check that is no name",
            with(broken, "\"broken\":[\"Bypass\"]"),
        ),
        fault(
            "entry_attest_of_nothing.json",
            "no check at all",
            swap(&with(broken, "\"broken\":[]"), held, "\"held\":[]"),
        ),
    ]
}

/// JSON that has another spelling, or none.
fn spelling(golden: &Golden) -> Vec<Fault> {
    let seal = seal(golden);
    let with = |from: &str, to: &str| swap(&seal, from, to);
    let mut invalid = with("\"stream\":\"app\"", "\"stream\":\"a?p\"").into_bytes();
    let at = invalid.iter().position(|byte| *byte == b'?').unwrap();
    invalid[at] = 0xff;
    let order = ("\"hold_epoch\":0,\"holds\":[]", "\"holds\":[],\"hold_epoch\":0");
    let deep = format!("\"holds\":{}{}", "[".repeat(16), "]".repeat(16));
    let hold = format!("\"{}\",", "h".repeat(60)).repeat(60);
    let long = format!("\"holds\":[{}]", hold.trim_end_matches(','));
    vec![
        fault("entry_empty.json", "no bytes", ""),
        fault("entry_not_json.json", "not JSON", "seal"),
        fault("entry_array.json", "not an object", "[]"),
        fault("entry_cut_off.json", "the last byte is missing", &seal.as_bytes()[..seal.len() - 1]),
        fault("entry_line_feed.json", "a line feed after the document", format!("{seal}\n")),
        fault(
            "entry_byte_order_mark.json",
            "a byte order mark before the document",
            format!("\u{feff}{seal}"),
        ),
        fault(
            "entry_white_space.json",
            "a space between tokens",
            with("\"holds\":[]", "\"holds\": []"),
        ),
        fault("entry_not_canonical.json", "members out of order", with(order.0, order.1)),
        fault(
            "entry_member_twice.json",
            "a member occurs twice",
            with("\"late\":false", "\"late\":false,\"late\":false"),
        ),
        fault(
            "entry_escape_not_shortest.json",
            "a letter as an escape",
            with("\"app\"", "\"\\u0061pp\""),
        ),
        fault("entry_lone_surrogate.json", "half a surrogate pair", with("\"app\"", "\"\\ud800\"")),
        fault("entry_invalid_utf_8.json", "a byte that is not UTF-8", invalid),
        fault("entry_too_deep.json", "nested deeper than 16", with("\"holds\":[]", &deep)),
        fault("entry_too_long.json", "more than 4,096 bytes", with("\"holds\":[]", &long)),
    ]
}

/// Numbers with a second spelling or a second value.
fn numbers(golden: &Golden) -> Vec<Fault> {
    let seal = seal(golden);
    let epoch = |to: &str| swap(&seal, "\"hold_epoch\":0", &format!("\"hold_epoch\":{to}"));
    vec![
        fault("entry_float.json", "a fraction", epoch("0.5")),
        fault("entry_float_of_a_whole_number.json", "a whole number with a fraction", epoch("1.0")),
        fault("entry_exponent.json", "an exponent", epoch("1e2")),
        fault("entry_negative_zero.json", "`-0`", epoch("-0")),
        fault("entry_leading_zero.json", "a leading zero", epoch("01")),
        fault("entry_negative_count.json", "a count below 0", epoch("-1")),
        fault("entry_number_beyond_53_bits.json", "2^53 as a number", epoch("9007199254740992")),
        fault(
            "entry_small_number_as_text.json",
            "a number as text that is none beyond 2^53-1",
            epoch("\"7\""),
        ),
        fault(
            "entry_number_beyond_64_bits.json",
            "2^64 as text",
            epoch("\"18446744073709551616\""),
        ),
    ]
}

/// Other members than the type has.
fn shape(golden: &Golden) -> Vec<Fault> {
    let seal = seal(golden);
    let with = |from: &str, to: &str| swap(&seal, from, to);
    let open = leaf(golden, "log.open");
    vec![
        fault(
            "entry_unknown_member.json",
            "a member that the type does not have",
            with("\"late\":false", "\"late\":false,\"later\":true"),
        ),
        fault(
            "entry_unknown_member_inside.json",
            "the same in an inner object",
            with("\"events\":{\"count\"", "\"events\":{\"bytes\":1,\"count\""),
        ),
        fault("entry_missing_member.json", "a member is missing", with("\"late\":false,", "")),
        fault(
            "entry_null_where_none_may_be.json",
            "`null` for a member that may not be",
            with("\"stream\":\"app\"", "\"stream\":null"),
        ),
        fault(
            "entry_other_kind_of_value.json",
            "a number where `true` or `false` stands",
            with("\"late\":false", "\"late\":0"),
        ),
        fault(
            "entry_crit_false.json",
            "a type that changes the state with `crit: false`",
            with("\"crit\":true", "\"crit\":false"),
        ),
        fault(
            "entry_log_open_format_2.json",
            "a log of another format",
            swap(&text(&open), "\"format\":1", "\"format\":2"),
        ),
        fault(
            "entry_log_open_keys_unsorted.json",
            "keys out of order",
            with_items(&open, "keys", |keys| keys.reverse()),
        ),
        fault(
            "entry_log_open_key_twice.json",
            "a key twice",
            with_items(&open, "keys", |keys| keys.insert(0, keys[0].clone())),
        ),
    ]
}

/// Times and digests in a second spelling or out of range.
fn values(golden: &Golden) -> Vec<Fault> {
    let text_of = seal(golden);
    let seal = &golden.seals[0].seal;
    let with = |from: &str, to: &str| swap(&text_of, from, to);
    let until = format!("\"settle_until\":\"{}\"", seal.settle_until);
    let settle = |to: &str| with(&until, &format!("\"settle_until\":\"{to}\""));
    let digest = seal.manifest_sha256.to_string();
    let receive = format!("\"min\":\"{}\"}},\"retain_until\"", seal.receive_time.min());
    vec![
        fault(
            "entry_time_without_milliseconds.json",
            "a time without its three digits",
            settle("2026-01-02T12:00:00Z"),
        ),
        fault(
            "entry_time_with_offset.json",
            "a time in another zone",
            settle("2026-01-02T12:00:00.000+00:00"),
        ),
        fault(
            "entry_time_impossible.json",
            "the 30th of February",
            settle("2026-02-30T12:00:00.000Z"),
        ),
        fault(
            "entry_time_range_backwards.json",
            "`min` after `max`",
            with(&receive, "\"min\":\"9999-12-31T23:59:59.999Z\"},\"retain_until\""),
        ),
        fault(
            "entry_digest_upper_case.json",
            "a digest in upper case",
            with(&digest, &digest.to_uppercase()),
        ),
        fault("entry_digest_short.json", "a digest of 31 bytes", with(&digest, &digest[2..])),
    ]
}

/// Names in a second spelling or out of their alphabet.
fn names(golden: &Golden) -> Vec<Fault> {
    let text_of = seal(golden);
    let with = |from: &str, to: &str| swap(&text_of, from, to);
    let id = format!("\"segment_id\":\"{}\"", golden.seals[0].seal.segment_id);
    let other_version = id.replacen("-7", "-4", 1);
    let window = text(&leaf(golden, "window.close"));
    vec![
        fault(
            "entry_segment_id_not_version_7.json",
            "a segment id that is no UUID of version 7",
            with(&id, &other_version),
        ),
        fault(
            "entry_object_key_dot_dot.json",
            "an object key with `..`",
            with("\"segments/app/", "\"segments/../"),
        ),
        fault(
            "entry_object_key_with_a_space.json",
            "an object key with a space",
            with("\"segments/app/", "\"segments/a p/"),
        ),
        fault(
            "entry_stream_upper_case.json",
            "a stream's name in upper case",
            with("\"stream\":\"app\"", "\"stream\":\"App\""),
        ),
        fault(
            "entry_class_empty.json",
            "an empty record class",
            with("\"class\":\"unclassified\"", "\"class\":\"\""),
        ),
        fault(
            "entry_holds_unsorted.json",
            "holds out of order",
            with("\"holds\":[]", "\"holds\":[\"b\",\"a\"]"),
        ),
        fault(
            "entry_hold_twice.json",
            "a hold twice",
            with("\"holds\":[]", "\"holds\":[\"a\",\"a\"]"),
        ),
        fault("entry_shard_out_of_range.json", "shard 1 of 1", swap(&window, "\"0/1\"", "\"1/1\"")),
        fault(
            "entry_shard_of_too_many.json",
            "one of 1,025 shards",
            swap(&window, "\"0/1\"", "\"0/1025\""),
        ),
    ]
}

/// Public keys.
fn keys(golden: &Golden) -> Vec<Fault> {
    let good = text(&next(golden, signed(golden, key_set(golden), &BOTH)).encode());
    let key = RoleKey::from_seed(&[0x42; 32]);
    let public = b64::encode(key.public().as_bytes());
    let other = RoleKey::from_seed(&[0x43; 32]);
    let mut point = [0; 32];
    point[0] = 1;
    let small = b64::encode(&point);
    let unpadded = public.trim_end_matches('=').to_owned();
    vec![
        fault(
            "entry_key_id_of_another_key.json",
            "a key id that is not its key's",
            swap(&good, &key.id().to_string(), &other.id().to_string()),
        ),
        fault(
            "entry_public_key_of_small_order.json",
            "a public key of small order",
            swap(&good, &public, &small),
        ),
        fault(
            "entry_public_key_unpadded.json",
            "base64 without padding",
            swap(&good, &public, &unpadded),
        ),
        fault(
            "entry_role_unknown.json",
            "a role that there is not",
            swap(&good, "\"role\":\"lock\"", "\"role\":\"admin\""),
        ),
        fault(
            "entry_key_action_unknown.json",
            "an action that there is not",
            swap(&good, "\"action\":\"add\"", "\"action\":\"renew\""),
        ),
    ]
}
