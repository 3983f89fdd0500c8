//! Keys: wrapped ones, key material, the key file, the verifier key.

use strongroom_crypto::ArchiveId;
use strongroom_crypto::keys::{Kek, KeyMaterial};
use strongroom_crypto::wrapped_key::{StoredKey, WrappedKey};

use super::{Fault, Good, fault, flipped, swap, text};
use crate::archive::Golden;

const ORIGIN: StoredKey = StoredKey::Origin { generation: 0 };

fn wrapped(golden: &Golden) -> Vec<u8> {
    golden.object("keys/origin/0")
}

/// A key wrapped anew.
fn rewrapped(kek: &Kek, archive_id: ArchiveId, key: StoredKey) -> Vec<u8> {
    let mut entropy = |out: &mut [u8]| out.fill(0x5a);
    WrappedKey::wrap(kek, archive_id, key, &[7; 32], &mut entropy).unwrap().encode()
}

/// The key material of the first segment, as it stands in its footer's metadata.
pub(super) fn material(golden: &Golden) -> String {
    let bytes = golden.segment(&golden.seals[0]);
    let begin = b"{\"keyMaterialType\"";
    let at = bytes
        .windows(begin.len())
        .position(|window| window == begin)
        .expect("key material in the clear");
    let end = bytes[at..].iter().position(|byte| *byte == b'}').unwrap();
    text(&bytes[at..=at + end])
}

pub(super) fn accepted(golden: &Golden) -> Vec<Good> {
    vec![
        ("wrapped_key_of_origins.json".into(), wrapped(golden)),
        ("key_material_of_a_segment.json".into(), material(golden).into_bytes()),
        ("key_file_of_the_archive.txt".into(), golden.keys.to_text().as_bytes().to_vec()),
        ("vkey_of_the_log.txt".into(), format!("{}\n", golden.vkey).into_bytes()),
    ]
}

pub(super) fn faults(golden: &Golden) -> Vec<Fault> {
    [stored(golden), materials(golden), files(golden), verifiers(golden)]
        .into_iter()
        .flatten()
        .collect()
}

fn stored(golden: &Golden) -> Vec<Fault> {
    let good = text(&wrapped(golden));
    let (kek, archive) = (golden.keys.kek(), golden.state.archive_id());
    let sealed = good.split("\"wrapped\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let bytes = strongroom_crypto::b64::decode(&sealed).unwrap();
    let resealed = |bytes: &[u8]| swap(&good, &sealed, &strongroom_crypto::b64::encode(bytes));
    let period = golden.object(&format!("keys/period/{}", golden.seals[0].seal.period_key));
    vec![
        fault(
            "wrapped_key_other_kek.json",
            "wrapped under another KEK",
            rewrapped(&Kek::from_bytes(&[9; 32]), archive, ORIGIN),
        ),
        fault(
            "wrapped_key_of_another_archive.json",
            "another archive's key",
            rewrapped(kek, ArchiveId::from_bytes([7; 16]), ORIGIN),
        ),
        fault(
            "wrapped_key_of_another_generation.json",
            "another generation of the key",
            rewrapped(kek, archive, StoredKey::Origin { generation: 1 }),
        ),
        fault(
            "wrapped_key_in_another_place.json",
            "a period key in the place of the origin key",
            period,
        ),
        fault(
            "wrapped_key_flipped.json",
            "one bit of the wrapped key",
            resealed(&flipped(&bytes, 30)),
        ),
        fault("wrapped_key_short.json", "a wrapped key of 59 bytes", resealed(&bytes[1..])),
        fault(
            "wrapped_key_kind_unknown.json",
            "a kind that there is not",
            swap(&good, "\"kind\":\"origin\"", "\"kind\":\"subject\""),
        ),
        fault(
            "wrapped_key_id_of_no_origin.json",
            "an origin key with an id of its own",
            swap(&good, "\"id\":\"origin\"", "\"id\":\"0rigin\""),
        ),
        fault(
            "wrapped_key_unknown_member.json",
            "a member that wrapped keys do not have",
            swap(&good, ",\"v\":1", ",\"note\":1,\"v\":1"),
        ),
    ]
}

fn materials(golden: &Golden) -> Vec<Fault> {
    let good = material(golden);
    let with = |from: &str, to: &str| swap(&good, from, to);
    let material = KeyMaterial::parse(&good).unwrap();
    let master = format!("{}/{}", material.period(), material.generation());
    vec![
        fault(
            "key_material_double_wrapping.json",
            "a key wrapped twice",
            with("\"doubleWrapping\":false", "\"doubleWrapping\":true"),
        ),
        fault(
            "key_material_of_a_column.json",
            "the key of a column",
            with("\"isFooterKey\":true", "\"isFooterKey\":false"),
        ),
        fault(
            "key_material_of_another_kms.json",
            "another KMS",
            with("\"kmsInstanceID\":\"DEFAULT\"", "\"kmsInstanceID\":\"other\""),
        ),
        fault(
            "key_material_unknown_member.json",
            "a member that it does not have",
            with("\"isFooterKey\":true", "\"isFooterKey\":true,\"note\":true"),
        ),
        fault(
            "key_material_member_twice.json",
            "a member occurs twice",
            with("\"isFooterKey\":true", "\"isFooterKey\":true,\"isFooterKey\":true"),
        ),
        fault(
            "key_material_without_generation.json",
            "a period key without its generation",
            with(&master, material.period()),
        ),
        fault(
            "key_material_wrapped_key_short.json",
            "a wrapped key of the wrong length",
            with("\"wrappedDEK\":\"", "\"wrappedDEK\":\"AAAA"),
        ),
        fault("key_material_not_json.json", "not JSON", &good[1..]),
    ]
}

fn files(golden: &Golden) -> Vec<Fault> {
    let good = golden.keys.to_text();
    let lines: Vec<&str> = good.lines().collect();
    let without = |at: usize| {
        let (before, after) = (&lines[..at], &lines[at + 1..]);
        [before, after, &[""]].concat().join("\n")
    };
    let mut swapped = lines.clone();
    swapped.swap(5, 6);
    vec![
        fault("key_file_without_header.txt", "no header", without(0)),
        fault("key_file_without_kek.txt", "no KEK", without(3)),
        fault("key_file_roles_swapped.txt", "two roles changed places", swapped.join("\n") + "\n"),
        fault("key_file_secret_short.txt", "a secret of 31 bytes", {
            let kek = lines[3].to_owned();
            good.replace(&kek, &format!("kek {}", strongroom_crypto::b64::encode(&[7; 31])))
        }),
        fault(
            "key_file_trailing_line.txt",
            "a line after the last key",
            format!("{}role extra\n", good.as_str()),
        ),
    ]
}

fn verifiers(golden: &Golden) -> Vec<Fault> {
    let good = golden.vkey.to_string();
    let parts: Vec<&str> = good.splitn(3, '+').collect();
    let [name, id, key] = parts[..] else { panic!("{good}") };
    let mut bytes = strongroom_crypto::b64::decode(key).unwrap();
    let short = strongroom_crypto::b64::encode(&bytes[..32]);
    bytes[0] = 2;
    let other = strongroom_crypto::b64::encode(&bytes);
    vec![
        fault(
            "vkey_id_of_another_key.txt",
            "an id that is not the key's",
            format!("{name}+00000000+{key}\n"),
        ),
        fault("vkey_type_unknown.txt", "a key of another type", format!("{name}+{id}+{other}\n")),
        fault("vkey_short.txt", "a key of 31 bytes", format!("{name}+{id}+{short}\n")),
        fault("vkey_without_id.txt", "no id", format!("{name}+{key}\n")),
        fault(
            "vkey_name_with_a_space.txt",
            "a name with a space",
            format!("strong room+{id}+{key}\n"),
        ),
    ]
}
