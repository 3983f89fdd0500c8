//! What a record says of itself: whose event it is, when it happened, and which leaves the canonical columns come from.
//!
//! It follows from the record's bytes alone, whatever the segment's layout and however the source was framed, so that a
//! reader finds what the writer found.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use super::canonical::{self, Columns, Home, Kind};
use super::form;
use super::path::{self, Step};
use super::template::{MAX_DEPTH, MAX_LEAVES, Registry};
use super::token::{Leaf, Tokens};

/// What the leaves of a record are to the canonical columns. The default is that of a record that is not recognised.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Meaning {
    pub(crate) kind: Option<Kind>,
    /// The home of each leaf.
    pub(crate) homes: Vec<Option<Home>>,
    /// Which leaves the derived columns are computed from.
    pub(crate) derived: [Option<usize>; 4],
    /// Which leaf is the event's time.
    time: Option<usize>,
    /// Which leaves are the event's native id.
    native_id: Vec<usize>,
}

impl Meaning {
    /// The meaning of a record whose leaves have these paths.
    pub(crate) fn new(raw: &[u8], leaves: &[Leaf], paths: &[String]) -> Self {
        let known = canonical::recognise(paths).filter(|kind| is_plain(*kind, raw, leaves));
        let Some(kind) = known else { return Self::default() };
        let place = |name: &str| paths.iter().position(|path| path == name);
        let time = canonical::time_path(kind).iter().find_map(|name| place(name));
        let homes = paths.iter().zip(leaves).enumerate().map(|(index, (path, leaf))| {
            if Some(index) == time {
                Some(Home::Time)
            } else {
                canonical::home(kind, path, leaf.class)
            }
        });
        Self {
            kind: Some(kind),
            homes: homes.collect(),
            derived: canonical::derived_paths(kind).map(place),
            time,
            native_id: canonical::native_id_paths(kind)
                .iter()
                .filter_map(|name| place(name))
                .collect(),
        }
    }

    /// The meaning of a record, which leaves its leaves in `tokens`.
    pub(crate) fn read(raw: &[u8], tokens: &mut Tokens) -> Self {
        // Lines of text are told apart before anything is read.
        let object = raw.trim_ascii_start().first() == Some(&b'{');
        if !object || tokens.read(raw).is_err() {
            return Self::default();
        }
        Self::of(raw, tokens)
    }

    /// The meaning of a record whose tokens were read.
    pub(crate) fn of(raw: &[u8], tokens: &Tokens) -> Self {
        if tokens.depth > MAX_DEPTH || tokens.leaves.len() > MAX_LEAVES {
            return Self::default();
        }
        path::of_leaves(raw, &tokens.leaves)
            .map_or_else(Self::default, |paths| Self::new(raw, &tokens.leaves, &paths))
    }

    /// The event's time in µs since 1970, if it says so in a form that we read.
    pub(crate) fn time_us(&self, raw: &[u8], leaves: &[Leaf]) -> Option<i64> {
        let leaf = leaves.get(self.time?)?;
        let (value, fraction) = form::instant(raw.get(leaf.start..leaf.end)?)?;
        value.checked_mul(1_000_000 / fraction.per_second())
    }
}

/// Whether readers of JSON agree on the members that decide: none is there twice, none is spelled with an escape.
fn is_plain(kind: Kind, raw: &[u8], leaves: &[Leaf]) -> bool {
    let mut seen = HashSet::new();
    let named = |stack: &[Step<'_>]| {
        let Some((Step::Name(name), above)) = stack.split_last() else { return Some(()) };
        let escaped = name.contains(&b'\\');
        let decoded = if escaped { plain_name(name) } else { Some(name.to_vec()) };
        let Some(decoded) = decoded.filter(|_| above.len() < MAX_STEPS) else { return Some(()) };
        let mut path = path::render(above)?;
        path::push_name(&decoded, &mut path)?;
        let same = !kind.leads(&path) || !escaped && seen.insert(path);
        same.then_some(())
    };
    path::walk(raw, leaves, |_| Some(()), named).is_some()
}

/// Most steps of a path that decides about a canonical column.
const MAX_STEPS: usize = 4;

/// The name that escapes spell, if it is one of letters and digits only: all members that decide are.
fn plain_name(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(text.len());
    while let Some((&first, rest)) = text.split_first() {
        let (byte, rest) = match first {
            b'\\' => {
                let (digits, rest) = rest.strip_prefix(b"u")?.split_at_checked(4)?;
                let unit = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                (u8::try_from(unit).ok()?, rest)
            }
            byte => (byte, rest),
        };
        name.push(byte);
        text = rest;
    }
    name.iter().all(u8::is_ascii_alphanumeric).then_some(name)
}

/// The native ids of a segment.
#[derive(Debug, Default)]
pub(crate) struct NativeIds {
    seen: HashSet<u64>,
    hash: RandomState,
}

impl NativeIds {
    /// Takes the native id of the next record; true if it was there before.
    pub(crate) fn repeats(&mut self, meaning: &Meaning, leaves: &[Leaf], raw: &[u8]) -> bool {
        if meaning.native_id.is_empty() {
            return false;
        }
        let text =
            |&index: &usize| leaves.get(index).and_then(|leaf| raw.get(leaf.start..leaf.end));
        let id: Vec<&[u8]> = meaning.native_id.iter().filter_map(text).collect();
        !self.seen.insert(self.hash.hash_one(id))
    }
}

/// Works out what the records of a segment say, as the writer did.
#[derive(Debug, Default)]
pub struct Meanings {
    registry: Registry,
    ids: NativeIds,
}

/// What a record says of the event that it is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Said {
    /// When it happened, µs since 1970.
    pub time_us: Option<i64>,
    /// Its native id was in a record before.
    pub repeats: bool,
}

impl Meanings {
    /// What the next record says.
    pub fn read(&mut self, raw: &[u8]) -> Said {
        let ids = &mut self.ids;
        with(&mut self.registry, raw, |meaning, leaves| Said {
            time_us: meaning.time_us(raw, leaves),
            repeats: ids.repeats(meaning, leaves, raw),
        })
    }

    /// The canonical columns of a record, in file order: those that it would have in the shredded layout.
    pub(super) fn columns(&mut self, raw: &[u8]) -> Vec<(&'static str, String)> {
        let mut columns = Columns::new();
        with(&mut self.registry, raw, |meaning, leaves| columns.push(meaning, leaves, raw, 0));
        columns.texts(0)
    }
}

/// Calls `read` with the meaning of a record and its leaves.
fn with<R>(registry: &mut Registry, raw: &[u8], read: impl FnOnce(&Meaning, &[Leaf]) -> R) -> R {
    if raw.trim_ascii_start().first() != Some(&b'{') {
        return read(&Meaning::default(), &[]);
    }
    if registry.is_full() {
        *registry = Registry::default();
    }
    let shape = registry.shape(raw);
    let leaves = &registry.tokens.leaves;
    match shape.template.and_then(|id| registry.templates.get(id)) {
        Some(template) => read(&template.meaning, leaves),
        None if shape.json => read(&Meaning::of(raw, &registry.tokens), leaves),
        None => read(&Meaning::default(), &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"auditID":"a","stage":"s","verb":"get","user":{"username":"u"},"sourceIPs":["10.0.0.1"],"note":"x","stageTimestamp":"2026-11-21T08:00:00.000000Z"}"#;

    fn meaning(raw: &str) -> Meaning {
        Meaning::read(raw.as_bytes(), &mut Tokens::default())
    }

    /// The event with `from` in place of `to`.
    fn altered(from: &str, to: &str) -> Meaning {
        let text = EVENT.replacen(from, to, 1);
        assert_ne!(text, EVENT);
        assert!(Tokens::default().read(text.as_bytes()).is_ok(), "{text}");
        meaning(&text)
    }

    #[test]
    fn what_readers_of_json_disagree_about_is_not_recognised() {
        assert_eq!(meaning(EVENT).kind, Some(Kind::Kubernetes));
        for (from, to) in [
            (r#""note":"x""#, r#""verb":"delete""#),
            (r#""note":"x""#, r#""verb":null"#),
            (r#""note":"x""#, r#""user":{}"#),
            (r#""note":"x""#, r#""user":{"uid":"7"}"#),
            (r#""note":"x""#, r#""sourceIPs":[]"#),
            (r#""note":"x""#, r#""auditID":{"x":1}"#),
            (r#""note":"x""#, r#""ver\u0062":"delete""#),
            (r#""note":"x""#, r#""\u0076erb":null"#),
            (r#""note":"x""#, r#""\u0075ser":{"username":"root"}"#),
            (r#""note":"x""#, r#""responseStatus":{"c\u006fde":200}"#),
            (r#""note":"x""#, r#""respons\u0065Status":{"code":200}"#),
            (r#""username":"u""#, r#""username":"u","username":"root""#),
            (r#""username":"u""#, r#""username":"u","usern\u0061me":"root""#),
            (r#""verb""#, r#""ver\u0062""#),
            (r#""stageTimestamp""#, r#""requestReceivedTimestamp":1,"st\u0061geTimestamp""#),
        ] {
            assert_eq!(altered(from, to), Meaning::default(), "{from} -> {to}");
        }
    }

    #[test]
    fn members_that_decide_nothing_may_be_spelled_as_they_like() {
        for (from, to) in [
            (r#""note":"x""#, r#""note":"x","note":"y""#),
            (r#""note":"x""#, r#""not\u0065":"x""#),
            (r#""note":"x""#, r#""note":{"verb":1,"verb":2}"#),
            (r#""note":"x""#, r#""note":[{"user":1},{"user":2}]"#),
            (r#""note":"x""#, r#""user\"][\"username":"x""#),
            (r#""note":"x""#, r#""\ud83d\ude00":"x""#),
            (r#""verb":"get""#, r#""verb":"g\u0065t""#),
            (r#""username":"u""#, r#""username":"u","groups":[],"groups":[]"#),
        ] {
            assert_eq!(altered(from, to).kind, Some(Kind::Kubernetes), "{from} -> {to}");
        }
    }

    #[test]
    fn a_meaning_is_worked_out_once_or_each_time_and_is_the_same() {
        let (mut meanings, mut tokens) = (Meanings::default(), Tokens::default());
        for raw in [EVENT, "no JSON", "{}", "{", "", "  [1]", EVENT] {
            let once = Meaning::read(raw.as_bytes(), &mut tokens);
            let time = once.time_us(raw.as_bytes(), &tokens.leaves);
            assert_eq!(meanings.read(raw.as_bytes()).time_us, time, "{raw}");
        }
        assert!(meanings.read(EVENT.as_bytes()).repeats);
        assert!(!meanings.read(EVENT.replace("\"a\"", "\"b\"").as_bytes()).repeats);
    }
}
