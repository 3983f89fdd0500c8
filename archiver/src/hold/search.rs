//! Segments by what their events say: of whom, with which words, or not when they happened.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strongroom_crypto::SegmentId;

use crate::log::{Keyring, LogError, Sealed};
use crate::read::{ReadError, open_sealed};
use crate::segment::{DecodeError, Decoded};
use crate::store::LockedStore;

/// The canonical columns that name who did something.
const ACTORS: [&str; 4] =
    ["actor_user_uid", "actor_user_name", "actor_credential_uid", "actor_on_behalf_of"];

/// What an event has to say; any of it is enough.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Search {
    /// Somebody who is named in it: by a word of its record, and where no column says who did it, by a part of one.
    pub actors: BTreeSet<String>,
    /// Its record contains this, byte for byte.
    pub texts: BTreeSet<String>,
}

/// What segments were found, and which could not be read: those count as found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// With such an event, and how many of those are of the times asked for.
    pub matching: BTreeMap<SegmentId, u64>,
    /// Not readable.
    pub unread: BTreeSet<SegmentId>,
    /// How many were looked through.
    pub read: u64,
    /// How many of those without such an event have the actors' texts in their records, byte for byte.
    pub near: u64,
}

impl Search {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.actors.is_empty() && self.texts.is_empty()
    }

    /// Reads the segments that `wanted` names. `in_time` says of a record whether it is of the times
    /// asked for: that only counts, and decides nothing.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn find(
        &self,
        store: &dyn LockedStore,
        keys: &Arc<Keyring>,
        seals: &[Sealed],
        wanted: impl Fn(&SegmentId) -> bool,
        in_time: impl Fn(&Decoded<'_>) -> bool,
    ) -> Result<Found, LogError> {
        let mut near = BTreeSet::new();
        let mut found = read(store, keys, seals, wanted, |id, record| {
            let meets = self.meets(record);
            if !meets && self.actors.iter().any(|actor| contains(record.raw, actor)) {
                near.insert(id);
            }
            meets.then(|| in_time(record))
        })?;
        near.retain(|id| !found.matching.contains_key(id));
        found.near = u64::try_from(near.len()).unwrap_or(u64::MAX);
        Ok(found)
    }

    fn meets(&self, record: &Decoded<'_>) -> bool {
        if self.texts.iter().any(|text| contains(record.raw, text)) {
            return true;
        }
        if self.actors.is_empty() {
            return false;
        }
        let (plain, said) = (unescaped(record.raw), |column: &&str| record.canonical(column));
        let whole = ACTORS.iter().find_map(said).is_some();
        let mut actors = self.actors.iter();
        actors.any(|actor| names(record.raw, actor, whole) || names(&plain, actor, whole))
    }
}

/// Finds the segments with events that do not say when they happened, among those that `wanted` names.
///
/// # Errors
///
/// The store's.
pub fn undated(
    store: &dyn LockedStore,
    keys: &Arc<Keyring>,
    seals: &[Sealed],
    wanted: impl Fn(&SegmentId) -> bool,
) -> Result<Found, LogError> {
    read(store, keys, seals, wanted, |_, record| record.canonical("time").is_none().then_some(true))
}

/// Reads segments. `meets` says of an event that is looked for whether it is to be counted.
fn read(
    store: &dyn LockedStore,
    keys: &Arc<Keyring>,
    seals: &[Sealed],
    wanted: impl Fn(&SegmentId) -> bool,
    mut meets: impl FnMut(SegmentId, &Decoded<'_>) -> Option<bool>,
) -> Result<Found, LogError> {
    let mut found = Found::default();
    for sealed in seals.iter().filter(|sealed| wanted(&sealed.seal.segment_id)) {
        let id = sealed.seal.segment_id;
        let reader = match open_sealed(store, keys, sealed) {
            Ok(reader) => reader,
            Err(ReadError::Log(error)) => return Err(error),
            Err(_) => {
                found.unread.insert(id);
                continue;
            }
        };
        found.read = found.read.saturating_add(1);
        let mut matching = None;
        let read = reader.for_each(|record| -> Result<(), DecodeError> {
            if let Some(counts) = meets(id, record) {
                let count = matching.get_or_insert(0_u64);
                *count = count.saturating_add(u64::from(counts));
            }
            Ok(())
        });
        if read.is_err() {
            found.unread.insert(id);
        } else if let Some(count) = matching {
            found.matching.insert(id, count);
        }
    }
    Ok(found)
}

fn contains(record: &[u8], text: &str) -> bool {
    !text.is_empty() && record.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Whether a record has this in it, in capitals or not; as a `whole` word, if no letter or digit of ASCII goes on beside it.
fn names(record: &[u8], actor: &str, whole: bool) -> bool {
    let ends = |byte: Option<&u8>| !whole || byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let actor = actor.as_bytes();
    let named = |(start, part): (usize, &[u8])| {
        let before = start.checked_sub(1).and_then(|place| record.get(place));
        part.eq_ignore_ascii_case(actor) && ends(before) && ends(record.get(start + part.len()))
    };
    !actor.is_empty() && record.windows(actor.len()).enumerate().any(named)
}

/// A record with the escapes of JSON undone, wherever they stand: a name may be spelled with them.
fn unescaped(record: &[u8]) -> Cow<'_, [u8]> {
    if !record.contains(&b'\\') {
        return Cow::Borrowed(record);
    }
    let mut plain = Vec::with_capacity(record.len());
    let mut rest = record;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after.split_first()) {
            (b'\\', Some((b'u', digits))) => {
                let (units, after) = units(digits);
                let text = char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}'));
                plain.extend_from_slice(text.collect::<String>().as_bytes());
                rest = after;
            }
            (b'\\', Some((escaped, after))) => {
                let is_space = matches!(escaped, b'b' | b'f' | b'n' | b'r' | b't');
                plain.push(if is_space { b' ' } else { *escaped });
                rest = after;
            }
            _ => plain.push(first),
        }
    }
    Cow::Owned(plain)
}

/// The UTF-16 units of escapes that follow each other, from the digits of the first one on, and what comes after them.
fn units(mut rest: &[u8]) -> (Vec<u16>, &[u8]) {
    let mut units = Vec::new();
    while let Some((digits, after)) = rest.split_at_checked(4) {
        let unit =
            std::str::from_utf8(digits).ok().and_then(|hex| u16::from_str_radix(hex, 16).ok());
        let Some(unit) = unit else { break };
        units.push(unit);
        rest = after;
        match rest.strip_prefix(b"\\u") {
            Some(next) => rest = next,
            None => break,
        }
    }
    (units, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_whole_word_in_capitals_or_not() {
        let record = br#"{"user":"CORP\ann.smith","id":"arn:aws:iam::1:user/Ann","x":"scanned"}"#;
        for name in ["ann", "Ann.Smith", "ann.SMITH", "corp", "user/ann", "1"] {
            assert!(names(record, name, true), "{name}");
        }
        for name in ["an", "nn", "scan", "", "iam:1"] {
            assert!(!names(record, name, true), "{name}");
        }
        assert!(names(record, "scan", false) && !names(record, "", false));
        assert!(names(b"ann", "ann", true) && !names(b"an", "ann", true));
        // Beside what is not ASCII it is not known what a word is.
        assert!(names("\u{738b}ann\u{4f1f}".as_bytes(), "ann", true));
    }

    #[test]
    fn a_name_may_be_spelled_with_escapes() {
        for (record, plain) in [
            (r"a\/b\tc", "a/b c"),
            (r"J\u00f6rg\u0041", "J\u{f6}rgA"),
            (r"\ud83d\ude00!", "\u{1f600}!"),
            (r"\ud83d", "\u{fffd}"),
            (r"CORP\\ann", r"CORP\ann"),
            (r"\u00", "00"),
            (r"\uxyzw", "xyzw"),
            (r"\", r"\"),
        ] {
            assert_eq!(unescaped(record.as_bytes()).as_ref(), plain.as_bytes(), "{record}");
        }
    }
}
