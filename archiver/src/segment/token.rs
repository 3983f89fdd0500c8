//! Cuts one JSON record into its leaf values, in one strict pass (RFC 8259).
//!
//! The pass accepts exactly the JSON texts of RFC 8259 that are valid UTF-8, so "is it JSON" and "where are its leaves"
//! are one decision. Depth is a heap stack, never recursion: a hostile record costs memory linear in its length.

/// What kind of JSON value a leaf is; `null` and empty containers are not leaves but literal text.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Class {
    /// A string; the leaf is the text between the quotes, escapes as they stand.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl Class {
    /// The code in the segment's definitions.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Number => 1,
            Self::Boolean => 2,
        }
    }
}

/// One leaf value: the bytes `start..end` of the record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) class: Class,
    /// The text contains a backslash, so it is not its own value.
    pub(crate) escaped: bool,
}

/// The leaves of one record and a hash of everything between them. Reused from record to record.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) leaves: Vec<Leaf>,
    /// Hash of the bytes outside the leaves: equal for records of one template.
    pub(crate) hash: u64,
    /// Greatest nesting of containers.
    pub(crate) depth: usize,
    /// Open containers: true for an object.
    open: Vec<bool>,
    /// Where the literal that is being collected began.
    literal: usize,
}

/// The record is not one JSON text.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct NotJson;

type Scan<T> = Result<T, NotJson>;

impl Tokens {
    /// Reads `raw`.
    ///
    /// # Errors
    ///
    /// [`NotJson`] if `raw` is anything but one JSON text in UTF-8, with white space around it at most.
    pub(crate) fn read(&mut self, raw: &[u8]) -> Scan<()> {
        self.leaves.clear();
        self.open.clear();
        (self.hash, self.depth, self.literal) = (raw.first().map_or(0, |&b| u64::from(b)), 0, 0);
        if std::str::from_utf8(raw).is_err() {
            return Err(NotJson);
        }
        let mut at = skip_space(raw, 0);
        loop {
            at = self.value(raw, at)?;
            at = match self.after_value(raw, at)? {
                Some(next) => next,
                None => break,
            };
        }
        self.mix(raw, raw.len());
        Ok(())
    }

    /// Reads one value that begins at `at`, or opens a container and reads on to its first value.
    fn value(&mut self, raw: &[u8], mut at: usize) -> Scan<usize> {
        loop {
            match raw.get(at).copied().ok_or(NotJson)? {
                b'"' => {
                    let (end, escaped) = string_end(raw, at + 1)?;
                    self.leaf(raw, Leaf { start: at + 1, end, class: Class::Text, escaped });
                    return Ok(end + 1);
                }
                b'{' => {
                    let inside = skip_space(raw, at + 1);
                    if raw.get(inside) == Some(&b'}') {
                        self.depth = self.depth.max(self.open.len() + 1);
                        return Ok(inside + 1);
                    }
                    self.push(true);
                    at = key(raw, inside)?;
                }
                b'[' => {
                    let inside = skip_space(raw, at + 1);
                    if raw.get(inside) == Some(&b']') {
                        self.depth = self.depth.max(self.open.len() + 1);
                        return Ok(inside + 1);
                    }
                    self.push(false);
                    at = inside;
                }
                b'-' | b'0'..=b'9' => {
                    let end = number_end(raw, at)?;
                    self.leaf(raw, Leaf { start: at, end, class: Class::Number, escaped: false });
                    return Ok(end);
                }
                first => return self.word(raw, at, first),
            }
        }
    }

    fn word(&mut self, raw: &[u8], at: usize, first: u8) -> Scan<usize> {
        let (word, is_leaf): (&[u8], bool) = match first {
            b't' => (b"true", true),
            b'f' => (b"false", true),
            b'n' => (b"null", false),
            _ => return Err(NotJson),
        };
        let end = at + word.len();
        if raw.get(at..end) != Some(word) {
            return Err(NotJson);
        }
        if is_leaf {
            self.leaf(raw, Leaf { start: at, end, class: Class::Boolean, escaped: false });
        }
        Ok(end)
    }

    /// Closes containers and finds the next value; `None` at the end of the text.
    fn after_value(&mut self, raw: &[u8], mut at: usize) -> Scan<Option<usize>> {
        loop {
            at = skip_space(raw, at);
            let Some(&in_object) = self.open.last() else {
                return if at == raw.len() { Ok(None) } else { Err(NotJson) };
            };
            match (raw.get(at).copied().ok_or(NotJson)?, in_object) {
                (b',', true) => return key(raw, skip_space(raw, at + 1)).map(Some),
                (b',', false) => return Ok(Some(skip_space(raw, at + 1))),
                (b'}', true) | (b']', false) => {
                    self.open.pop();
                    at += 1;
                }
                _ => return Err(NotJson),
            }
        }
    }

    fn push(&mut self, object: bool) {
        self.open.push(object);
        self.depth = self.depth.max(self.open.len());
    }

    fn leaf(&mut self, raw: &[u8], leaf: Leaf) {
        self.mix(raw, leaf.start);
        self.literal = leaf.end;
        self.leaves.push(leaf);
    }

    /// Adds the literal that ends at `end` to the hash.
    fn mix(&mut self, raw: &[u8], end: usize) {
        const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
        let literal = raw.get(self.literal..end).unwrap_or_default();
        let (words, rest) = literal.as_chunks::<8>();
        let mut hash = self.hash;
        for word in words {
            hash = (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME);
        }
        let mut last = u64::try_from(literal.len()).unwrap_or(0) << 56;
        for &byte in rest {
            last = (last << 8) | u64::from(byte);
        }
        self.hash = (hash.rotate_left(23) ^ last).wrapping_mul(PRIME);
    }
}

/// Reads a member name and its colon; returns where the value begins.
fn key(raw: &[u8], at: usize) -> Scan<usize> {
    if raw.get(at) != Some(&b'"') {
        return Err(NotJson);
    }
    let (end, _) = string_end(raw, at + 1)?;
    let colon = skip_space(raw, end + 1);
    if raw.get(colon) != Some(&b':') {
        return Err(NotJson);
    }
    Ok(skip_space(raw, colon + 1))
}

fn skip_space(raw: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = raw.get(at) {
        at += 1;
    }
    at
}

/// Finds the closing quote of a string whose text begins at `at`; tells whether it has escapes.
pub(crate) fn string_end(raw: &[u8], mut at: usize) -> Scan<(usize, bool)> {
    let mut escaped = false;
    loop {
        at = plain_end(raw, at);
        match raw.get(at).copied().ok_or(NotJson)? {
            b'"' => return Ok((at, escaped)),
            b'\\' => {
                escaped = true;
                at = match raw.get(at + 1).copied().ok_or(NotJson)? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at + 2,
                    b'u' => {
                        let digits = raw.get(at + 2..at + 6).ok_or(NotJson)?;
                        if !digits.iter().all(u8::is_ascii_hexdigit) {
                            return Err(NotJson);
                        }
                        at + 6
                    }
                    _ => return Err(NotJson),
                };
            }
            _ => return Err(NotJson),
        }
    }
}

/// Skips bytes that need no attention in a string: eight at a time, then one by one.
fn plain_end(raw: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    while let Some(word) = raw.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * 0x22);
        let slash = word ^ (ONES * 0x5c);
        // The lowest set bit is exact: a borrow can only spoil bytes above the first hit.
        let hit = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let hit = hit & HIGH;
        if hit != 0 {
            return at + usize::try_from(hit.trailing_zeros() / 8).unwrap_or(0);
        }
        at += 8;
    }
    while raw.get(at).is_some_and(|&b| b != b'"' && b != b'\\' && b >= 0x20) {
        at += 1;
    }
    at
}

fn number_end(raw: &[u8], mut at: usize) -> Scan<usize> {
    let digits = |mut at: usize| -> Scan<usize> {
        let from = at;
        while raw.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at == from { Err(NotJson) } else { Ok(at) }
    };
    if raw.get(at) == Some(&b'-') {
        at += 1;
    }
    at = if raw.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    if raw.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = raw.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = raw.get(at) {
            at += 1;
        }
        at = digits(at)?;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(text: &str) -> Option<Vec<&str>> {
        let mut tokens = Tokens::default();
        tokens.read(text.as_bytes()).ok()?;
        Some(tokens.leaves.iter().map(|l| text.get(l.start..l.end).unwrap()).collect())
    }

    #[test]
    fn leaves_are_the_scalar_values_without_null() {
        let text =
            r#" {"a":"x","b":[1,-2.5e+3,{"c":true,"d":null}],"e":{},"f":[ ],"g":"\u00e9\""} "#;
        assert_eq!(leaves(text).unwrap(), ["x", "1", "-2.5e+3", "true", r#"\u00e9\""#]);
        assert_eq!(leaves("7").unwrap(), ["7"]);
        assert_eq!(leaves("null").unwrap(), Vec::<&str>::new());
    }

    #[test]
    fn what_rfc_8259_does_not_allow_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[1,]",
            "{\"a\":}",
            "{\"a\"}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "tru",
            "nul",
            "\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\t\"",
            "{\"a\":1,}",
            "[1 2]",
            "1 2",
            "{\"a\":1}}",
            "[}",
            "NaN",
            "'a'",
            "\"a\u{1}bcdefghijk\"",
        ] {
            assert_eq!(leaves(text), None, "{text}");
        }
        assert!(Tokens::default().read(b"\"\xff\"").is_err());
    }

    #[test]
    fn a_string_ends_right_at_every_distance_and_beside_bytes_that_look_alike() {
        for length in 0..40 {
            for odd in ["!", "#", "\u{e9}", "[", "]", "\u{7f}", " "] {
                let inner = odd.repeat(length);
                assert_eq!(leaves(&format!("[\"{inner}\",1]")).unwrap(), [inner.as_str(), "1"]);
            }
        }
    }

    #[test]
    fn depth_is_counted_and_never_recursed() {
        let mut tokens = Tokens::default();
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        tokens.read(deep.as_bytes()).unwrap();
        assert_eq!(tokens.depth, 100_000);
    }

    #[test]
    fn records_of_one_shape_share_a_hash_and_others_do_not() {
        let mut tokens = Tokens::default();
        let mut hash = |text: &str| {
            tokens.read(text.as_bytes()).unwrap();
            tokens.hash
        };
        assert_eq!(hash(r#"{"a":"x","b":1}"#), hash(r#"{"a":"yyyy","b":22}"#));
        assert_ne!(hash(r#"{"a":"x","b":1}"#), hash(r#"{"a":"x", "b":1}"#));
        assert_ne!(hash(r#"{"a":"x","b":1}"#), hash(r#"{"a":"x","c":1}"#));
    }
}
