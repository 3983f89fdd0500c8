//! Makes every vector from the golden archive: good bytes, and the same with one fault.

mod claims;
mod decisions;
mod entries;
mod keys;
mod published;
mod segments;
mod statements;
mod void_decisions;
mod voids;

use strongroom_crypto::entry::{Entry, EntryKind};
use strongroom_crypto::json::{self, Members, Value};
use strongroom_crypto::list::SegmentList;

use super::archive::Golden;

/// Bad bytes, named by what is wrong with them.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) name: String,
    pub(crate) wrong: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// A good vector: its name and its bytes.
type Good = (String, Vec<u8>);

/// What a vector is to be read as.
const KINDS: [&str; 18] = [
    "entry",
    "claim_first",
    "claim",
    "manifest",
    "range_list",
    "list",
    "checkpoint",
    "note",
    "tile",
    "bundle",
    "tlog_proof",
    "wrapped_key",
    "snapshot_root",
    "snapshot_page",
    "segment",
    "key_material",
    "key_file",
    "vkey",
];

/// The kind of a vector.
pub(crate) fn kind(name: &str) -> &'static str {
    KINDS.into_iter().find(|kind| name.starts_with(kind)).expect("a vector of a known kind")
}

/// Every bad vector, in the order of the list.
pub(crate) fn all(golden: &Golden) -> Vec<Fault> {
    let parts = [
        entries::faults(golden),
        decisions::faults(golden),
        claims::faults(golden),
        voids::faults(golden),
        void_decisions::faults(golden),
        statements::faults(golden),
        published::faults(golden),
        keys::faults(golden),
        segments::faults(golden),
    ];
    parts.into_iter().flatten().collect()
}

/// The key material of the first segment.
pub(crate) fn key_material(golden: &Golden) -> String {
    keys::material(golden)
}

/// The lists that have to be at hand for the claims: good vectors too.
pub(crate) fn lists(golden: &Golden) -> impl Iterator<Item = SegmentList> {
    decisions::lists(golden).into_iter().map(|(_, list)| list)
}

/// Every good vector.
pub(crate) fn accepted(golden: &Golden) -> Vec<Good> {
    let parts = [
        entries::accepted(golden),
        decisions::accepted(golden),
        claims::accepted(golden),
        void_decisions::accepted(golden),
        statements::accepted(golden),
        published::accepted(golden),
        keys::accepted(golden),
        segments::accepted(golden),
    ];
    parts.into_iter().flatten().collect()
}

fn fault(name: &str, wrong: &'static str, bytes: impl Into<Vec<u8>>) -> Fault {
    Fault { name: name.to_owned(), wrong, bytes: bytes.into() }
}

/// `text` with one piece in place of another, which must be there once.
fn swap(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` in {text}");
    text.replace(from, to)
}

/// Bytes that are text.
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The members of canonical JSON.
fn members(bytes: &[u8]) -> Members {
    match json::parse(bytes, 1 << 24) {
        Ok(Value::Object(members)) => members,
        other => panic!("{other:?}"),
    }
}

/// Canonical JSON with one member set.
fn with(bytes: &[u8], name: &str, value: impl Into<Value>) -> Vec<u8> {
    let mut members = members(bytes);
    members.insert(name, value);
    Value::Object(members).to_canonical()
}

/// Canonical JSON with the items of an array member changed.
fn with_items(bytes: &[u8], name: &str, change: impl FnOnce(&mut Vec<Value>)) -> Vec<u8> {
    let mut members = members(bytes);
    let Some(Value::Array(mut items)) = members.remove(name) else {
        panic!("`{name}` is no array")
    };
    change(&mut items);
    members.insert(name, items);
    Value::Object(members).to_canonical()
}

/// One byte changed.
fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

/// The leaf of the golden log's first entry of a type.
fn leaf(golden: &Golden, kind: &str) -> Vec<u8> {
    let mut leaves = golden.leaves().into_iter();
    let found =
        leaves.find(|leaf| Entry::parse(leaf).is_ok_and(|entry| entry.kind().as_str() == kind));
    found.unwrap_or_else(|| panic!("no `{kind}`")).to_vec()
}

/// An entry a second after the golden log's latest.
fn next(golden: &Golden, kind: EntryKind) -> Entry {
    Entry::new(golden.state.latest().saturating_add_ms(1_000), kind)
}
