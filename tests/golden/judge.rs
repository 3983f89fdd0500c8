//! What a reader says of a vector. The beginning of its name tells what it is to be read as.

use strongroom_archiver::log::root_key;
use strongroom_crypto::Digest;
use strongroom_crypto::checkpoint::Checkpoint;
use strongroom_crypto::claim::{UnverifiedClaim, VerifiedClaim};
use strongroom_crypto::entry::{Entry, EntryKind};
use strongroom_crypto::json;
use strongroom_crypto::keys::{KeyFile, KeyMaterial};
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::manifest::Manifest;
use strongroom_crypto::merkle::leaf_hash;
use strongroom_crypto::note::{UnverifiedNote, VerifierKey};
use strongroom_crypto::range::RangeList;
use strongroom_crypto::state::{Outcome, State};
use strongroom_crypto::tile::{TileCoordinate, TileReader};
use strongroom_crypto::tlog_proof::TlogProof;
use strongroom_crypto::wrapped_key::{StoredKey, WrappedKey};

use super::archive::Golden;
use super::{faults, reading};

/// What a good vector yields, or why a bad one is refused.
pub(crate) type Verdict = Result<String, String>;

type Reader = fn(&Golden, &str, &[u8]) -> Verdict;

/// Readers by the beginning of a name; the first that fits reads.
const READERS: [(&str, Reader); 18] = [
    ("entry", entry),
    ("claim_first", claim_first),
    ("claim", claim),
    ("manifest", manifest),
    ("range_list", range_list),
    ("list", list),
    ("checkpoint", checkpoint),
    ("note", note),
    ("tile", tile),
    ("bundle", bundle),
    ("tlog_proof", tlog_proof),
    ("wrapped_key", wrapped_key),
    ("snapshot_root", snapshot_root),
    ("snapshot_page", snapshot_page),
    ("segment", segment),
    ("key_material", key_material),
    ("key_file", key_file),
    ("vkey", vkey),
];

/// Reads a vector.
pub(crate) fn judge(golden: &Golden, name: &str, bytes: &[u8]) -> Verdict {
    let reader = READERS.iter().find(|(beginning, _)| name.starts_with(beginning));
    let (_, read) = reader.unwrap_or_else(|| panic!("`{name}` begins with no kind of vector"));
    read(golden, name, bytes)
}

fn why(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn utf_8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(why)
}

fn entry(_: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let entry = Entry::parse(bytes).map_err(why)?;
    Ok(format!("leaf {}", leaf_hash(&entry.encode())))
}

/// The first claim of some log.
fn claim_first(_: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let claim =
        UnverifiedClaim::parse(bytes).and_then(UnverifiedClaim::verify_first).map_err(why)?;
    let state = State::open(&claim).map_err(why)?;
    Ok(format!("log.open {}", state.log_open_sha256()))
}

/// The next claim of the golden log, with the lists at hand that there are vectors of.
fn claim(golden: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let mut state = golden.state.clone();
    faults::lists(golden).for_each(|list| state.add_list(list));
    let claim = UnverifiedClaim::parse(bytes).map_err(why)?;
    let claim: VerifiedClaim = claim.verify(|id| state.registered(id)).map_err(why)?;
    for outcome in state.apply_claim(&claim).map_err(why)? {
        if let Outcome::Void(reason) = outcome {
            return Err(format!("void: {reason}"));
        }
    }
    state.snapshot().map_err(why)?;
    Ok(format!("claim {}", claim.digest()))
}

/// The manifest of the first segment.
fn manifest(golden: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let manifest = Manifest::parse(bytes).map_err(why)?;
    manifest.check_seal(&golden.seals[0].seal).map_err(why)?;
    Ok(format!("events {}", manifest.events.root))
}

fn range_list(_: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let value = json::parse(bytes, 1 << 20).map_err(why)?;
    Ok(format!("ranges_sha256 {}", RangeList::from_value(value).map_err(why)?.digest()))
}

fn list(_: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let list = SegmentList::parse(bytes).map_err(why)?;
    Ok(format!("segments {} digest {}", list.as_slice().len(), list.digest()))
}

fn checkpoint(golden: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let head = Checkpoint::open(bytes, &golden.vkey).map_err(why)?;
    Ok(format!("size {} root {}", head.size(), head.root()))
}

fn note(golden: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let known = std::slice::from_ref(&golden.vkey);
    let note = UnverifiedNote::parse(bytes).and_then(|note| note.verify(known)).map_err(why)?;
    Ok(format!("text {}", Digest::of(note.text().as_bytes())))
}

/// The tile of level 0 of the golden log.
fn tile(golden: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let fetch = |_: &TileCoordinate| -> Result<Vec<u8>, String> { Ok(bytes.to_vec()) };
    let tiles = TileReader::open(golden.head.size, &golden.head.root, fetch).map_err(why)?;
    Ok(format!("tree of {}", tiles.size()))
}

/// The entries of the golden log.
fn bundle(golden: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let fetch = |tile: &TileCoordinate| -> Result<Vec<u8>, String> {
        Ok(golden.object(&format!("log/{tile}")))
    };
    let tiles = TileReader::open(golden.head.size, &golden.head.root, fetch).map_err(why)?;
    let width = u16::try_from(golden.head.size).unwrap();
    let coordinate = TileCoordinate::entries(0, width).map_err(why)?;
    let entries = tiles.check_bundle(&coordinate, bytes).map_err(why)?;
    Ok(format!("entries {}", entries.len()))
}

/// A proof of the golden log's second entry.
fn tlog_proof(golden: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let proof: TlogProof = utf_8(bytes)?.parse().map_err(why)?;
    let head = proof.verify(&leaf_hash(golden.leaves()[1]), &golden.vkey).map_err(why)?;
    Ok(format!("entry {} of {}", proof.index(), head.size()))
}

/// What lies in the place of the origin key.
fn wrapped_key(golden: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let wrapped = WrappedKey::parse(bytes).map_err(why)?;
    let expected = StoredKey::Origin { generation: 0 };
    let secret =
        wrapped.unwrap(golden.keys.kek(), golden.state.archive_id(), expected).map_err(why)?;
    Ok(format!("secret {}", Digest::of(&*secret)))
}

/// The index and the stated digest of the golden log's last window.
pub(crate) fn last_window(golden: &Golden) -> (u64, Digest) {
    let windows = (0..).zip(golden.leaves()).filter_map(|(index, leaf)| {
        match Entry::parse(leaf).ok()?.kind() {
            EntryKind::WindowClose(close) => Some((index, close.index_sha256?)),
            _ => None,
        }
    });
    windows.last().unwrap()
}

/// The root of that window. One that was altered on purpose is read as if the window vouched for it.
fn snapshot_root(golden: &Golden, name: &str, bytes: &[u8]) -> Verdict {
    let (_, stated) = last_window(golden);
    let expected = if name.contains("digest_differs") { stated } else { Digest::of(bytes) };
    let state = State::load(bytes, expected).map_err(why)?;
    Ok(format!("size {}", state.size()))
}

/// A page that this root names.
fn snapshot_page(golden: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let (index, stated) = last_window(golden);
    let root = golden.object(root_key(index).unwrap().as_str());
    let mut state = State::load(&root, stated).map_err(why)?;
    state.load_page(bytes).map_err(why)?;
    Ok(format!("segments {}", state.segments().count()))
}

/// The first segment.
fn segment(golden: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let sealed = &golden.seals[0];
    // What the Parquet library says changes with its version.
    let ours = |error: String| error.split(": ").next().unwrap_or_default().to_owned();
    let opened = golden.decrypt(sealed, bytes.to_vec()).map_err(ours)?;
    Ok(format!("events {}", reading::root(golden, sealed.seal.stream.as_str(), &opened)))
}

fn key_material(_: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let material = KeyMaterial::parse(utf_8(bytes)?).map_err(why)?;
    Ok(format!("period key {}/{}", material.period(), material.generation()))
}

fn key_file(_: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let file = KeyFile::parse(utf_8(bytes)?).map_err(why)?;
    Ok(format!("archive {} KEK {}", file.archive_id(), file.kek().id()))
}

fn vkey(_: &Golden, _: &str, bytes: &[u8]) -> Verdict {
    let text = utf_8(bytes)?;
    let key: VerifierKey = text.strip_suffix('\n').unwrap_or(text).parse().map_err(why)?;
    Ok(format!("id {:08x}", key.key_id()))
}
