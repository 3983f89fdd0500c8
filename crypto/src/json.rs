//! Canonical JSON (RFC 8785, JCS) in the strict profile of `FORMAT.md`, section 2.
//!
//! What is hashed must have one spelling: the reader refuses bytes that differ from their own
//! canonical form, so a digest of a structure and a digest of its bytes are the same thing.
//! Numbers are integers that every JSON implementation keeps exactly (RFC 7493, section 2.2).

mod members;
mod reader;

pub use members::ObjectReader;
pub use reader::parse;

use std::{cmp::Ordering, fmt::Display};

/// Greatest depth of nested arrays and objects: it bounds the stack of every reader.
pub const MAX_DEPTH: usize = 16;

/// Greatest integer that an IEEE 754 double holds exactly, together with all below it: 2^53 − 1.
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;

/// A JSON value of the profile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Int(Integer),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Members),
}

/// An integer between −(2^53 − 1) and 2^53 − 1.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Integer(i64);

impl Integer {
    /// Takes an integer in range.
    pub const fn new(value: i64) -> Option<Self> {
        if value < -MAX_INTEGER || value > MAX_INTEGER { None } else { Some(Self(value)) }
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// The members of an object: unique names in the order of RFC 8785, section 3.2.3, which is that
/// of their UTF-16 code units and differs from the order of UTF-8 bytes above U+D7FF.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Members(Vec<(String, Value)>);

impl Members {
    /// Puts a member in its place; a member of the same name is replaced.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        let place = self.0.binary_search_by(|(other, _)| order(other, &name));
        match place {
            Ok(at) => {
                if let Some(member) = self.0.get_mut(at) {
                    member.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(at).1)
    }

    /// All members in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

fn order(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// Builds an object; of two members with one name the later stands.
///
/// ```
/// use strongroom_crypto::json::object;
/// let value = object([("verdict", "PASS".into()), ("findings", Vec::<u32>::new().into())]);
/// assert_eq!(value.to_canonical(), br#"{"findings":[],"verdict":"PASS"}"#);
/// ```
pub fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let mut sorted = Members::default();
    for (name, value) in members {
        sorted.insert(name, value);
    }
    Value::Object(sorted)
}

/// A string of anything that prints itself in its one spelling.
pub fn text(value: impl Display) -> Value {
    Value::Text(value.to_string())
}

/// An array of anything that becomes a value.
pub fn array<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::Array(items.into_iter().map(Into::into).collect())
}

impl Value {
    /// The canonical bytes.
    pub fn to_canonical(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write(self, &mut out);
        out
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(Integer(value.into()))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(Integer(value.into()))
    }
}

/// What does not fit an integer of the profile becomes a decimal string.
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Integer::new(value).map_or_else(|| text(value), Self::Int)
    }
}

/// What does not fit an integer of the profile becomes a decimal string.
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        let small = i64::try_from(value).ok().and_then(Integer::new);
        small.map_or_else(|| text(value), Self::Int)
    }
}

/// What does not fit an integer of the profile becomes a decimal string.
impl From<usize> for Value {
    fn from(value: usize) -> Self {
        // INVARIANT: no supported target has pointers of more than 64 bits.
        Self::from(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Members> for Value {
    fn from(value: Members) -> Self {
        Self::Object(value)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        array(items)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Why bytes are not the structure they should be. Offsets instead of content: what is refused
/// may be someone's data.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JsonError {
    /// More bytes than the structure may have.
    #[error("{found} bytes of JSON where at most {limit} are allowed")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length found.
        found: usize,
    },
    /// Not UTF-8.
    #[error("invalid UTF-8 at byte {at}")]
    Utf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// Not JSON.
    #[error("not JSON at byte {at}")]
    Syntax {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// Half of a surrogate pair: no UTF-8 string can hold it.
    #[error("lone surrogate at byte {at}")]
    Surrogate {
        /// Offset of the escape.
        at: usize,
    },
    /// A number outside the profile.
    #[error("the number at byte {at} is not an integer within ±(2^53−1)")]
    Number {
        /// Offset of the number.
        at: usize,
    },
    /// More nested than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} at byte {at}")]
    Depth {
        /// Offset of the bracket too many.
        at: usize,
    },
    /// A name that occurs twice in one object.
    #[error("the member at byte {at} occurs twice")]
    Duplicate {
        /// Offset of the second name.
        at: usize,
    },
    /// JSON with a second spelling: the first byte that differs from the canonical form.
    #[error("not canonical at byte {at}")]
    NotCanonical {
        /// Offset of the first difference.
        at: usize,
    },
    /// A member that is absent.
    #[error("`{member}` is missing")]
    Missing {
        /// Path of the member.
        member: String,
    },
    /// A member that the structure does not have.
    #[error("`{member}` is unknown")]
    Unknown {
        /// Path of the member.
        member: String,
    },
    /// A member of another kind.
    #[error("`{member}` is not {expected}")]
    Kind {
        /// Path of the member.
        member: String,
        /// What it should be, with its article.
        expected: &'static str,
    },
    /// A member whose value is refused by its type.
    #[error("`{member}`: {reason}")]
    Refused {
        /// Path of the member.
        member: String,
        /// Why.
        reason: String,
    },
}

impl JsonError {
    /// A member refused for a reason of its own.
    pub fn refused(member: impl Into<String>, reason: impl Display) -> Self {
        Self::Refused { member: member.into(), reason: reason.to_string() }
    }
}

/// Recursion is as deep as the value: at most [`MAX_DEPTH`] for what was parsed, and for what the
/// program builds as deep as its own nesting.
fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(number) => out.extend_from_slice(number.get().to_string().as_bytes()),
        Value::Text(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (nth, item) in items.iter().enumerate() {
                if nth > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            for (nth, (name, value)) in members.iter().enumerate() {
                if nth > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write(value, out);
            }
            out.push(b'}');
        }
    }
}

/// RFC 8785, section 3.2.2.2: the short escape where there is one, else `\u00xx` in lower case,
/// and everything from U+0020 on as it is.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            0x00..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    fn refused(bytes: &[u8]) -> JsonError {
        parse(bytes, LIMIT).unwrap_err()
    }

    #[test]
    fn members_stand_in_the_order_of_utf_16_as_in_rfc_8785_section_3_2_3() {
        let value = object([
            ("\u{20ac}", "Euro Sign".into()),
            ("\r", "Carriage Return".into()),
            ("\u{fb33}", "Hebrew Letter Dalet With Dagesh".into()),
            ("1", "One".into()),
            ("\u{1f600}", "Emoji: Grinning Face".into()),
            ("\u{80}", "Control".into()),
            ("\u{f6}", "Latin Small Letter O With Diaeresis".into()),
        ]);
        let Value::Object(members) = &value else { panic!("not an object") };
        let order: Vec<_> = members.iter().map(|(name, _)| name).collect();
        let published = ["\r", "1", "\u{80}", "\u{f6}", "\u{20ac}", "\u{1f600}", "\u{fb33}"];
        assert_eq!(order, published);
        let bytes = value.to_canonical();
        assert_eq!(parse(&bytes, LIMIT), Ok(value));
    }

    #[test]
    fn the_string_of_rfc_8785_section_3_2_2_has_the_published_bytes() {
        let value = Value::from("\u{20ac}$\u{f}\nA'B\"\\\\\"/");
        let published = "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"";
        assert_eq!(value.to_canonical(), published.as_bytes());
        assert_eq!(parse(published.as_bytes(), LIMIT), Ok(value));
    }

    #[test]
    fn every_code_point_up_to_the_escapes_survives() {
        let all: String = (0..0x100).filter_map(char::from_u32).collect();
        let bytes = Value::from(all.as_str()).to_canonical();
        assert_eq!(parse(&bytes, LIMIT), Ok(Value::from(all)));
    }

    #[test]
    fn canonical_documents_are_read_as_they_are() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "-1",
            "9007199254740991",
            "-9007199254740991",
            "\"\"",
            "[]",
            "{}",
            "[[],{},null]",
            "{\"\":0}",
            "\"\u{7f}\u{2028}\u{10ffff}\"",
            "{\"a\":{\"b\":[1,2,3]},\"c\":\"\\u001f\"}",
        ] {
            let value = parse(text.as_bytes(), LIMIT).unwrap();
            assert_eq!(value.to_canonical(), text.as_bytes());
        }
    }

    #[test]
    fn a_second_spelling_is_refused() {
        for text in [
            " 1",
            "1 ",
            "[1, 2]",
            "{\"a\": 1}",
            "{\"b\":1,\"a\":2}",
            "\"\\u0041\"",
            "\"\\/\"",
            "\"\\u000A\"",
            "\"\\u000a\"",
            "\"\\u001F\"",
            "\"\\u20ac\"",
            "\"\\ud83d\\ude00\"",
            "01",
            "-01",
            "00",
            "\n{}",
        ] {
            assert!(parse(text.as_bytes(), LIMIT).is_err(), "{text}");
        }
        assert_eq!(refused(b"{\"b\":1,\"a\":2}"), JsonError::NotCanonical { at: 7 });
    }

    #[test]
    fn numbers_outside_the_profile_are_refused() {
        for text in [
            "-0",
            "1.0",
            "0.5",
            "1e3",
            "1E3",
            "9007199254740992",
            "-9007199254740992",
            "18446744073709551616",
            "-",
            "+1",
            "NaN",
            "Infinity",
            "0x1",
        ] {
            assert!(parse(text.as_bytes(), LIMIT).is_err(), "{text}");
        }
        assert_eq!(refused(b"[1.0]"), JsonError::Number { at: 1 });
        assert_eq!(refused(b"-0"), JsonError::Number { at: 0 });
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "nul",
            "tru",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{a:1}",
            "{1:1}",
            "\"",
            "\"a",
            "\"\\",
            "\"\\u00",
            "\"\\x\"",
            "'a'",
            "]",
            "[1}",
            "\"\n\"",
            "\"\u{1}\"",
            "nulll",
            "1,2",
            "{}{}",
            "\u{feff}1",
        ] {
            assert!(parse(text.as_bytes(), LIMIT).is_err(), "{text}");
        }
        assert_eq!(refused(b"{}x"), JsonError::Syntax { at: 2 });
        assert_eq!(refused(b"\"\xff\""), JsonError::Utf8 { at: 1 });
        assert_eq!(refused(b"\"\xed\xa0\x80\""), JsonError::Utf8 { at: 1 });
    }

    #[test]
    fn lone_surrogates_and_repeated_members_are_named() {
        for text in ["\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\ud800\\u0041\"", "\"\\ud800x\""] {
            let error = refused(text.as_bytes());
            assert_eq!(error, JsonError::Surrogate { at: 1 }, "{text}");
        }
        assert_eq!(refused(b"{\"a\":1,\"a\":1}"), JsonError::Duplicate { at: 7 });
    }

    #[test]
    fn depth_16_is_read_and_17_is_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(16).as_bytes(), LIMIT).is_ok());
        assert_eq!(refused(nested(17).as_bytes()), JsonError::Depth { at: 16 });
        assert_eq!(refused("[".repeat(100_000).as_bytes()), JsonError::Depth { at: 16 });
        assert_eq!(parse(b"[1]", 2), Err(JsonError::TooLong { limit: 2, found: 3 }));
    }

    #[test]
    fn integers_beyond_the_profile_become_strings_and_come_back() {
        for number in [0, 1, 9_007_199_254_740_991, 9_007_199_254_740_992, u64::MAX] {
            let value = object([("n", number.into())]);
            let mut reader = ObjectReader::new(value).unwrap();
            assert_eq!(reader.u64("n"), Ok(number));
        }
        for text in ["7", "9007199254740991", "09007199254740992", "18446744073709551616", "x"] {
            let mut reader = ObjectReader::new(object([("n", text.into())])).unwrap();
            assert!(reader.u64("n").is_err(), "{text}");
        }
        assert_eq!(Value::from(i64::MIN), Value::from("-9223372036854775808"));
    }
}
