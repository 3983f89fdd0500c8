//! Which origin and generation the content of a file belongs to, and where to read on in it.
//!
//! A path is only where content was last seen. The content itself is known by its first bytes: the
//! log keeps, for each origin and generation, a keyed digest of them. The key is the caller's.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What the log knows of one generation of an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPrefix {
    /// The name its records are filed under.
    pub origin: String,
    /// Which content of that name, counted from 0.
    pub generation: u64,
    /// How many decoded bytes of it are archived.
    pub position: u64,
    /// How many of its first bytes `mac` covers, at most [`super::PREFIX_BYTES`].
    pub prefix_len: usize,
    /// The digest of those bytes.
    pub mac: [u8; 32],
}

/// What is known of a file before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputFacts<'a> {
    /// The origin its path would have it be.
    pub origin: &'a str,
    /// How many bytes it decodes to.
    pub decoded_len: u64,
}

/// Where the content of one file belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The place of the file among the inputs.
    pub input: usize,
    /// The name to file its records under; after a rotation not the one its path would give.
    pub origin: String,
    /// Which content of that name.
    pub generation: u64,
    /// The decoded offset to read on from.
    pub start: u64,
}

impl StoredPrefix {
    /// Whether a file holds this content, or more of it. `mac_of_prefix` digests so many of the
    /// file's first decoded bytes, or nothing if the file is shorter.
    fn is_held_by(
        &self,
        decoded_len: u64,
        mac_of_prefix: impl FnOnce(usize) -> Option<[u8; 32]>,
    ) -> bool {
        decoded_len >= self.position
            && decoded_len >= self.prefix_len as u64
            && mac_of_prefix(self.prefix_len) == Some(self.mac)
    }
}

/// Assigns the files of one source, given what is `stored` of the same source. `mac` digests so many
/// of an input's first decoded bytes, or nothing if it is shorter.
///
/// A file continues, in this order of preference: the newest generation of its own origin that it
/// still holds; content that its own path no longer holds, which is what rotation by renaming
/// leaves behind; else it is new content. No content is continued by two files, so a copy beside
/// its original is an origin of its own.
///
/// The assignments are sorted by origin and generation: the rotated file that completes a
/// generation comes before the fresh one that begins the next.
pub fn assign(
    inputs: &[InputFacts<'_>],
    stored: &[StoredPrefix],
    mut mac: impl FnMut(usize, usize) -> Option<[u8; 32]>,
) -> Vec<Assignment> {
    let known = Known::new(stored);
    let mut taken = HashSet::new();
    let mut held: Vec<Option<usize>> = Vec::with_capacity(inputs.len());
    for (input, facts) in inputs.iter().enumerate() {
        let own = known.newest_first(facts.origin).iter().copied().find(|place| {
            stored.get(*place).is_some_and(|stored| {
                stored.is_held_by(facts.decoded_len, |length| mac(input, length))
            })
        });
        taken.extend(own);
        held.push(own);
    }
    let mut assignments = Vec::with_capacity(inputs.len());
    for (input, (facts, own)) in inputs.iter().zip(held).enumerate() {
        let continued = own.or_else(|| {
            let moved = known.moved(facts, &taken, |length| mac(input, length));
            taken.extend(moved);
            moved
        });
        let continued = continued.and_then(|place| stored.get(place)).map(|stored| Assignment {
            input,
            origin: stored.origin.clone(),
            generation: stored.generation,
            start: stored.position,
        });
        assignments.push(continued.unwrap_or_else(|| {
            let newest = known.newest_first(facts.origin).first();
            let newest = newest.and_then(|place| stored.get(*place));
            // Its own newest generation is not held, or it would have been continued.
            let generation = newest.map_or(0, |newest| newest.generation.saturating_add(1));
            Assignment { input, origin: facts.origin.to_owned(), generation, start: 0 }
        }));
    }
    assignments.sort_by(|a, b| (&a.origin, a.generation).cmp(&(&b.origin, b.generation)));
    assignments
}

/// What is stored, by name and by content.
struct Known<'a> {
    stored: &'a [StoredPrefix],
    by_origin: HashMap<&'a str, Vec<usize>>,
    by_content: HashMap<(usize, [u8; 32]), Vec<usize>>,
    /// The lengths that digests cover. Nearly always one, for files soon pass the longest.
    lengths: BTreeSet<Reverse<usize>>,
}

impl<'a> Known<'a> {
    fn new(stored: &'a [StoredPrefix]) -> Self {
        let mut by_origin: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut by_content: HashMap<_, Vec<usize>> = HashMap::new();
        let mut lengths = BTreeSet::new();
        for (place, prefix) in stored.iter().enumerate() {
            by_origin.entry(&prefix.origin).or_default().push(place);
            // Every file begins with no bytes, so they are no evidence of anything.
            if prefix.prefix_len > 0 {
                by_content.entry((prefix.prefix_len, prefix.mac)).or_default().push(place);
                lengths.insert(Reverse(prefix.prefix_len));
            }
        }
        for places in by_origin.values_mut() {
            places.sort_by_key(|place| Reverse(stored.get(*place).map(|prefix| prefix.generation)));
        }
        Self { stored, by_origin, by_content, lengths }
    }

    /// The generations stored under a name, the newest first.
    fn newest_first(&self, origin: &str) -> &[usize] {
        self.by_origin.get(origin).map_or(&[], Vec::as_slice)
    }

    /// The content that a file holds and no path of its own does. The longest prefix is the best
    /// evidence; of contents that begin alike, the file continues the one it holds most of.
    fn moved(
        &self,
        facts: &InputFacts<'_>,
        taken: &HashSet<usize>,
        mut mac: impl FnMut(usize) -> Option<[u8; 32]>,
    ) -> Option<usize> {
        self.lengths.iter().filter(|length| length.0 as u64 <= facts.decoded_len).find_map(
            |length| {
                let content = (length.0, mac(length.0)?);
                let places = self.by_content.get(&content)?.iter().copied();
                let free = places.filter(|place| !taken.contains(place)).filter(|place| {
                    self.stored
                        .get(*place)
                        .is_some_and(|stored| facts.decoded_len >= stored.position)
                });
                free.max_by_key(|place| {
                    let stored = self.stored.get(*place);
                    stored.map(|s| (s.position, s.generation, Reverse(s.origin.as_str())))
                })
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stands in for a keyed digest; the contents of these tests are short.
    fn digest(bytes: &[u8]) -> [u8; 32] {
        let mut mac = [u8::try_from(bytes.len()).unwrap(); 32];
        for (at, byte) in bytes.iter().enumerate() {
            mac[at % 31] = mac[at % 31].wrapping_mul(31).wrapping_add(*byte);
        }
        mac
    }

    fn stored(origin: &str, generation: u64, content: &str) -> StoredPrefix {
        let prefix = content.get(..8).unwrap_or(content);
        StoredPrefix {
            origin: origin.to_owned(),
            generation,
            position: content.len() as u64,
            prefix_len: prefix.len(),
            mac: digest(prefix.as_bytes()),
        }
    }

    /// Files and what is stored in; `file -> origin#generation@start` out.
    fn plan(files: &[(&str, &str)], stored: &[StoredPrefix]) -> Vec<String> {
        let inputs: Vec<_> = files
            .iter()
            .map(|(origin, content)| InputFacts { origin, decoded_len: content.len() as u64 })
            .collect();
        let mac = |input: usize, length: usize| files[input].1.as_bytes().get(..length).map(digest);
        assign(&inputs, stored, mac)
            .iter()
            .map(|a| format!("{} -> {}#{}@{}", files[a.input].0, a.origin, a.generation, a.start))
            .collect()
    }

    const FIRST: &str = "first content, line one\n";
    const SECOND: &str = "second content\n";
    const THIRD: &str = "the third content\n";

    #[test]
    fn a_file_that_grows_is_read_on() {
        let known = [stored("a", 0, FIRST)];
        let grown = format!("{FIRST}more\n");
        assert_eq!(plan(&[("a", &grown)], &known), ["a -> a#0@24"]);
        assert_eq!(plan(&[("a", FIRST)], &known), ["a -> a#0@24"]);
        assert_eq!(plan(&[("a", FIRST)], &[]), ["a -> a#0@0"]);
    }

    #[test]
    fn a_truncated_or_replaced_file_is_the_next_generation() {
        let known = [stored("a", 3, FIRST), stored("a", 2, SECOND)];
        for content in
            ["", "first", "first content", THIRD, "other content, longer than the first\n"]
        {
            assert_eq!(plan(&[("a", content)], &known), ["a -> a#4@0"], "{content}");
        }
    }

    #[test]
    fn an_older_content_put_back_is_the_older_generation() {
        let known = [stored("a", 0, FIRST), stored("a", 1, SECOND)];
        assert_eq!(plan(&[("a", FIRST)], &known), ["a -> a#0@24"]);
    }

    #[test]
    fn a_renamed_file_continues_and_comes_before_the_fresh_one() {
        let known = [stored("log", 0, FIRST)];
        let rotated = format!("{FIRST}last line\n");
        assert_eq!(
            plan(&[("log", SECOND), ("log.1", &rotated)], &known),
            ["log.1 -> log#0@24", "log -> log#1@0"]
        );
        // The next run: nothing is new, and nothing moves.
        let known = [stored("log", 0, &rotated), stored("log", 1, SECOND)];
        assert_eq!(
            plan(&[("log", SECOND), ("log.1", &rotated)], &known),
            ["log.1 -> log#0@34", "log -> log#1@15"]
        );
        // And the next rotation.
        assert_eq!(
            plan(&[("log", THIRD), ("log.1", SECOND), ("log.2", &rotated)], &known),
            ["log.2 -> log#0@34", "log.1 -> log#1@15", "log -> log#2@0"]
        );
        // The rotated file alone, before the fresh one is there.
        assert_eq!(plan(&[("log.1", SECOND)], &known), ["log.1 -> log#1@15"]);
    }

    #[test]
    fn rotated_files_that_were_origins_themselves_move_up_one_by_one() {
        let known = [stored("log", 0, FIRST), stored("log.1", 0, SECOND)];
        assert_eq!(
            plan(&[("log", THIRD), ("log.1", FIRST), ("log.2", SECOND)], &known),
            ["log.1 -> log#0@24", "log -> log#1@0", "log.2 -> log.1#0@15"]
        );
    }

    #[test]
    fn generations_that_begin_alike_are_told_apart_by_what_is_held_of_them() {
        let long = format!("{FIRST}and a second line\n");
        let known = [stored("log", 0, &long), stored("log", 1, FIRST)];
        assert_eq!(
            plan(&[("log", FIRST), ("log.1", &long)], &known),
            ["log.1 -> log#0@42", "log -> log#1@24"]
        );
    }

    #[test]
    fn a_copy_beside_its_original_is_an_origin_of_its_own() {
        let known = [stored("a", 0, FIRST)];
        assert_eq!(plan(&[("a", FIRST), ("b", FIRST)], &known), ["a -> a#0@24", "b -> b#0@0"]);
        assert_eq!(plan(&[("a", FIRST), ("b", FIRST)], &[]), ["a -> a#0@0", "b -> b#0@0"]);
        // Two copies of what a rotation left: one continues it, the other is new.
        assert_eq!(
            plan(&[("a", SECOND), ("b", FIRST), ("c", FIRST)], &known),
            ["b -> a#0@24", "a -> a#1@0", "c -> c#0@0"]
        );
    }

    #[test]
    fn a_prefix_or_a_position_longer_than_the_file_does_not_match() {
        let known = [stored("a", 0, FIRST)];
        assert_eq!(plan(&[("b", "first")], &known), ["b -> b#0@0"]);
        assert_eq!(plan(&[("b", "first content")], &known), ["b -> b#0@0"]);
    }

    #[test]
    fn an_empty_prefix_is_evidence_for_its_own_path_alone() {
        let known = [stored("a", 0, "")];
        assert_eq!(plan(&[("b", FIRST)], &known), ["b -> b#0@0"]);
        assert_eq!(plan(&[("a", FIRST)], &known), ["a -> a#0@0"]);
    }
}
