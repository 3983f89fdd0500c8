//! What the log publishes: notes, checkpoints, tiles, bundles, proofs.

use strongroom_crypto::b64;
use strongroom_crypto::checkpoint::Checkpoint;
use strongroom_crypto::merkle::prove_inclusion;
use strongroom_crypto::note::{self, SigningKey};
use strongroom_crypto::tile::{decode_bundle, encode_bundle};
use strongroom_crypto::tlog_proof::TlogProof;

use super::{Fault, Good, fault, flipped, swap, text};
use crate::archive::Golden;

/// A key of the log's name that is not the log's.
fn stranger(golden: &Golden) -> SigningKey {
    SigningKey::from_seed(golden.vkey.name(), &[0x42; 32]).unwrap()
}

fn object(golden: &Golden, kind: &str) -> Vec<u8> {
    golden.object(&format!("log/tile/{kind}/000.p/{}", golden.head.size))
}

fn proof(golden: &Golden, note: &str) -> TlogProof {
    let path = prove_inclusion(&golden.tree(), 1, golden.head.size).unwrap();
    TlogProof::new(1, path, note).unwrap()
}

pub(super) fn accepted(golden: &Golden) -> Vec<Good> {
    let head = golden.head.note.clone();
    let text = head.split_once("\n\n").unwrap().0.to_owned() + "\n";
    let two = note::sign(&text, &[&stranger(golden), golden.keys.log()]).unwrap();
    vec![
        ("checkpoint_head".into(), head.clone().into_bytes()),
        ("note_with_another_signature".into(), two.into_bytes()),
        ("tile_level_0".into(), object(golden, "0")),
        ("bundle_of_all_entries".into(), object(golden, "entries")),
        ("tlog_proof_of_entry_1".into(), proof(golden, &head).to_string().into_bytes()),
    ]
}

pub(super) fn faults(golden: &Golden) -> Vec<Fault> {
    [checkpoints(golden), notes(golden), tiles(golden), proofs(golden)]
        .into_iter()
        .flatten()
        .collect()
}

/// Texts that the log's own key signed.
fn checkpoints(golden: &Golden) -> Vec<Fault> {
    let head = Checkpoint::open(golden.head.note.as_bytes(), &golden.vkey).unwrap();
    let (good, size) = (head.to_string(), format!("\n{}\n", head.size()));
    let signed = |text: &str| note::sign(text, &[golden.keys.log()]).unwrap();
    let sized = |to: &str| signed(&swap(&good, &size, to));
    let root = b64::encode(head.root().as_bytes());
    let rooted = |to: &str| signed(&swap(&good, &root, to));
    let other = swap(&good, golden.vkey.name(), "strongroom/00000000000000000000000000000000");
    vec![
        fault("checkpoint_extension_line", "a fourth line", signed(&format!("{good}extension\n"))),
        fault("checkpoint_two_lines", "no root", signed(&swap(&good, &format!("{root}\n"), ""))),
        fault("checkpoint_size_leading_zero", "a leading zero in the size", sized("\n06\n")),
        fault("checkpoint_size_negative", "a size below 0", sized("\n-6\n")),
        fault("checkpoint_size_hexadecimal", "a size that is not decimal", sized("\n0x6\n")),
        fault(
            "checkpoint_root_short",
            "a root of 31 bytes",
            rooted(&b64::encode(&head.root().as_bytes()[1..])),
        ),
        fault(
            "checkpoint_root_unpadded",
            "base64 without padding",
            rooted(root.trim_end_matches('=')),
        ),
        fault("checkpoint_of_another_log", "the origin of another log", signed(&other)),
        fault(
            "checkpoint_signed_by_another_key",
            "signed by a key of the same name",
            note::sign(&good, &[&stranger(golden)]).unwrap(),
        ),
        fault(
            "checkpoint_root_altered",
            "another root than was signed",
            swap(&golden.head.note, &root, &b64::encode(&[7; 32])),
        ),
    ]
}

fn notes(golden: &Golden) -> Vec<Fault> {
    let good = &golden.head.note;
    let (body, signatures) = good.split_once("\n\n").unwrap();
    let encoded = signatures.trim_end().rsplit(' ').next().unwrap();
    let bytes = b64::decode(encoded).unwrap();
    let resigned = |bytes: &[u8]| swap(good, encoded, &b64::encode(bytes));
    vec![
        fault("note_bad_signature", "one bit of the signature", resigned(&flipped(&bytes, 20))),
        fault("note_signature_empty", "a key id without a signature", resigned(&bytes[..4])),
        fault("note_key_id_of_another_key", "the id of another key", resigned(&flipped(&bytes, 0))),
        fault(
            "note_no_blank_line",
            "no blank line before the signatures",
            format!("{body}\n{signatures}"),
        ),
        fault("note_no_signature", "no signature line", format!("{body}\n\n")),
        fault("note_no_final_line_feed", "no line feed at the end", good.trim_end().to_owned()),
        fault("note_carriage_return", "a carriage return", good.replacen('\n', "\r\n", 1)),
        fault("note_hyphen_for_dash", "a hyphen in place of the dash", swap(good, "\u{2014}", "-")),
        fault(
            "note_trailing_space",
            "a space after the signature",
            format!("{} \n", good.trim_end()),
        ),
        fault("note_signed_twice", "the same signature twice", format!("{good}{signatures}")),
        fault(
            "note_unpadded_signature",
            "base64 without padding",
            swap(good, encoded, encoded.trim_end_matches('=')),
        ),
        fault(
            "note_of_65_signatures",
            "more than 64 signatures",
            format!("{body}\n\n{}", signatures.repeat(65)),
        ),
    ]
}

fn tiles(golden: &Golden) -> Vec<Fault> {
    let (tile, bundle) = (object(golden, "0"), object(golden, "entries"));
    let width = u16::try_from(golden.head.size).unwrap();
    let entries: Vec<&[u8]> = decode_bundle(&bundle, width).unwrap();
    let last = bundle.len() - entries.last().unwrap().len() - 1;
    let mut overrun = bundle.clone();
    overrun[last] += 1;
    let mut swapped = entries.clone();
    swapped.swap(1, 2);
    let fewer = encode_bundle(&entries[..entries.len() - 1]).unwrap();
    vec![
        fault("tile_short", "one byte too few", &tile[..tile.len() - 1]),
        fault("tile_of_another_width", "a hash too many", [tile.as_slice(), &[7; 32]].concat()),
        fault("tile_hash_flipped", "one bit of a hash", flipped(&tile, 40)),
        fault("bundle_length_overrun", "the last length points beyond the end", overrun),
        fault(
            "bundle_bytes_left_over",
            "a byte after the last entry",
            [bundle.as_slice(), &[0]].concat(),
        ),
        fault("bundle_entry_missing", "the last entry is missing", fewer),
        fault("bundle_entry_flipped", "one bit of an entry", flipped(&bundle, 60)),
        fault(
            "bundle_entries_swapped",
            "two entries changed places",
            encode_bundle(&swapped).unwrap(),
        ),
    ]
}

fn proofs(golden: &Golden) -> Vec<Fault> {
    let good = proof(golden, &golden.head.note).to_string();
    let (head, rest) = good.split_once("\n\n").unwrap();
    let hash = head.lines().nth(2).unwrap();
    let fewer = good.replacen(&format!("{hash}\n"), "", 1);
    let more = good.replacen(hash, &format!("{hash}\n{hash}"), 1);
    let foreign = note::sign(
        &format!("{}\n", golden.head.note.split_once("\n\n").unwrap().0),
        &[&stranger(golden)],
    );
    vec![
        fault(
            "tlog_proof_wrong_index",
            "the index of another entry",
            swap(&good, "index 1\n", "index 2\n"),
        ),
        fault(
            "tlog_proof_index_beyond_the_log",
            "an index beyond the log",
            swap(&good, "index 1\n", "index 6\n"),
        ),
        fault(
            "tlog_proof_index_leading_zero",
            "a leading zero in the index",
            swap(&good, "index 1\n", "index 01\n"),
        ),
        fault("tlog_proof_hash_missing", "a hash too few", fewer),
        fault("tlog_proof_hash_too_many", "a hash too many", more),
        fault(
            "tlog_proof_hash_short",
            "a hash of 31 bytes",
            good.replacen(hash, &b64::encode(&[7; 31]), 1),
        ),
        fault(
            "tlog_proof_no_header",
            "another first line",
            swap(&good, "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ),
        fault("tlog_proof_no_checkpoint", "no checkpoint", head.to_owned()),
        fault(
            "tlog_proof_checkpoint_of_another_key",
            "a checkpoint that the log's key did not sign",
            proof(golden, &foreign.unwrap()).to_string(),
        ),
        fault(
            "tlog_proof_extra_empty",
            "an extra line without data",
            swap(&text(good.as_bytes()), "index 1\n", "extra \nindex 1\n"),
        ),
        fault(
            "tlog_proof_checkpoint_altered",
            "another size than was signed",
            format!("{head}\n\n{}", rest.replacen("\n6\n", "\n7\n", 1)),
        ),
    ]
}
