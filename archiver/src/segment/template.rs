//! The shapes of a stream's records: templates and the slots they share.
//!
//! The registry belongs to a stream, not to a segment, so that a shape is worked out once. A segment numbers the
//! templates and slots that it uses by itself.

use std::collections::HashMap;

use super::canonical::Home;
use super::meaning::Meaning;
use super::path;
use super::token::{Class, Leaf, Tokens};

/// Most templates of one stream at a time (`crypto/FORMAT.md` section 4.2).
pub(crate) const MAX_TEMPLATES: usize = 4_096;
/// Most bytes of template text.
pub(super) const MAX_TEMPLATE_TEXT: usize = 8 << 20;
/// Most leaves of a record.
pub(super) const MAX_LEAVES: usize = 4_096;
/// Deepest nesting.
pub(super) const MAX_DEPTH: usize = 64;
/// Most distinct slots; a segment keeps columns only for the fullest of them.
const MAX_SLOTS: usize = 20_000;

/// A place that a template cuts a leaf from: path and class, for the k-th time in its record.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct SlotKey {
    path: String,
    class: Class,
    repetition: usize,
    /// A slot with another home is another slot, because readers look in its cells in one order.
    home: Option<Home>,
}

/// What the registry knows of a slot.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) path: String,
    pub(crate) class: Class,
    pub(crate) home: Option<Home>,
}

/// A record with its leaf values cut out.
#[derive(Debug)]
pub(crate) struct Template {
    /// All literals, one after another.
    text: Vec<u8>,
    /// Where each literal ends in `text`; one more than there are slots.
    ends: Vec<usize>,
    pub(crate) slots: Vec<usize>,
    pub(crate) meaning: Meaning,
}

impl Template {
    /// The literals in order; the last one has no slot after it.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| self.text.get(start..end).unwrap_or_default())
    }

    fn fits(&self, raw: &[u8], leaves: &[Leaf]) -> bool {
        if leaves.len() != self.slots.len() {
            return false;
        }
        let mut from = 0;
        let ends = leaves.iter().map(|leaf| (leaf.start, leaf.end)).chain([(raw.len(), raw.len())]);
        self.literals().zip(ends).all(|(literal, (start, end))| {
            let same = raw.get(from..start) == Some(literal);
            from = end;
            same
        })
    }
}

/// What is known of a record before it goes to a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Shape {
    /// Its template; `None` keeps it raw.
    pub(crate) template: Option<usize>,
    /// It is one JSON text.
    pub(crate) json: bool,
    /// Its event time in µs since 1970, where the source is known and says so.
    pub(crate) time_us: Option<i64>,
}

/// All shapes of a stream, and the tokens of the record read last.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) tokens: Tokens,
    pub(crate) templates: Vec<Template>,
    pub(crate) slots: Vec<Slot>,
    by_hash: HashMap<u64, usize>,
    by_key: HashMap<SlotKey, usize>,
    text: usize,
}

impl Registry {
    /// Works out the shape of `raw`; its tokens stay readable until the next call.
    pub(crate) fn shape(&mut self, raw: &[u8]) -> Shape {
        let mut tokens = std::mem::take(&mut self.tokens);
        let json = tokens.read(raw).is_ok();
        let template = if json { self.find(raw, &tokens) } else { None };
        let time_us = match template.and_then(|id| self.templates.get(id)) {
            Some(known) => known.meaning.time_us(raw, &tokens.leaves),
            None if json => Meaning::of(raw, &tokens).time_us(raw, &tokens.leaves),
            None => None,
        };
        self.tokens = tokens;
        Shape { template, json, time_us }
    }

    /// True when no new shape fits; whoever has no segment open on it may then start a new registry.
    pub(crate) fn is_full(&self) -> bool {
        self.templates.len() >= MAX_TEMPLATES
            || self.text >= MAX_TEMPLATE_TEXT
            || self.slots.len() >= MAX_SLOTS
    }

    fn find(&mut self, raw: &[u8], tokens: &Tokens) -> Option<usize> {
        if let Some(&id) = self.by_hash.get(&tokens.hash) {
            return self
                .templates
                .get(id)
                .is_some_and(|template| template.fits(raw, &tokens.leaves))
                .then_some(id);
        }
        if tokens.depth > MAX_DEPTH || tokens.leaves.len() > MAX_LEAVES || self.is_full() {
            return None;
        }
        let template = self.cut(raw, &tokens.leaves)?;
        self.text += template.text.len();
        self.templates.push(template);
        self.by_hash.insert(tokens.hash, self.templates.len() - 1);
        Some(self.templates.len() - 1)
    }

    fn cut(&mut self, raw: &[u8], leaves: &[Leaf]) -> Option<Template> {
        let paths = path::of_leaves(raw, leaves)?;
        let meaning = Meaning::new(raw, leaves, &paths);
        let (mut text, mut ends, mut from) = (Vec::new(), Vec::new(), 0);
        for (start, end) in
            leaves.iter().map(|leaf| (leaf.start, leaf.end)).chain([(raw.len(), raw.len())])
        {
            text.extend_from_slice(raw.get(from..start)?);
            ends.push(text.len());
            from = end;
        }
        let mut seen: HashMap<(&str, Class), usize> = HashMap::new();
        let mut slots = Vec::with_capacity(leaves.len());
        for (index, (path, leaf)) in paths.iter().zip(leaves).enumerate() {
            let repetition = seen.entry((path, leaf.class)).or_default();
            let home = meaning.homes.get(index).copied().flatten();
            let key =
                SlotKey { path: path.clone(), class: leaf.class, repetition: *repetition, home };
            *repetition += 1;
            slots.push(self.slot(key));
        }
        Some(Template { text, ends, slots, meaning })
    }

    fn slot(&mut self, key: SlotKey) -> usize {
        if let Some(&id) = self.by_key.get(&key) {
            return id;
        }
        self.slots.push(Slot { path: key.path.clone(), class: key.class, home: key.home });
        self.by_key.insert(key, self.slots.len() - 1);
        self.slots.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_one_shape_share_a_template_and_its_slots() {
        let mut registry = Registry::default();
        let first = registry.shape(br#"{"a":"x","b":1}"#);
        assert_eq!(first, registry.shape(br#"{"a":"other","b":-5}"#));
        let other = registry.shape(br#"{"b":2,"a":"x"}"#);
        assert_ne!(first.template, other.template);
        assert_eq!((registry.templates.len(), registry.slots.len()), (2, 2));
        assert!(!registry.shape(b"{").json);
    }

    #[test]
    fn a_repeated_key_is_a_slot_of_its_own() {
        let mut registry = Registry::default();
        let shape = registry.shape(br#"{"a":"x","a":"y"}"#);
        let template = &registry.templates[shape.template.unwrap()];
        assert_ne!(template.slots[0], template.slots[1]);
    }

    #[test]
    fn a_canonical_column_is_home_to_one_leaf_of_a_record() {
        let mut registry = Registry::default();
        let homes = |registry: &mut Registry, raw: &str| {
            let id = registry.shape(raw.as_bytes()).template.unwrap();
            let template = &registry.templates[id];
            template.slots.iter().filter_map(|&slot| registry.slots[slot].home).collect::<Vec<_>>()
        };
        let time = "2026-11-21T08:00:00.000000Z";
        let early = format!(
            r#"{{"auditID":"a","stage":"s","verb":"get","requestReceivedTimestamp":"{time}"}}"#
        );
        let both = early.replace('}', &format!(r#","stageTimestamp":"{time}"}}"#));
        for raw in [&early, &both] {
            let times = homes(&mut registry, raw).into_iter().filter(|home| *home == Home::Time);
            assert_eq!(times.count(), 1, "{raw}");
        }
    }

    #[test]
    fn distinct_keys_without_end_stop_at_the_cap() {
        let mut registry = Registry::default();
        let kept = (0..MAX_TEMPLATES + 100)
            .filter(|n| registry.shape(format!("{{\"k{n}\":1}}").as_bytes()).template.is_some())
            .count();
        assert_eq!(kept, MAX_TEMPLATES);
        assert!(registry.is_full());
    }
}
