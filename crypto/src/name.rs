//! The names that stand in entries: each has one spelling, and none can hold personal data or
//! leave its place in a key or a path.

use std::{fmt, str::FromStr};

use crate::{decimal, digest::Hasher, hex, time::Instant};

/// A string that is not the name it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected {expected}")]
pub struct NameError {
    expected: &'static str,
}

/// A word of `[a-z0-9][a-z0-9._-]{0,62}`: fits a path segment, a label and a file name everywhere.
fn is_word(text: &str) -> bool {
    let inner = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    match text.as_bytes() {
        [b'a'..=b'z' | b'0'..=b'9', rest @ ..] => rest.len() <= 62 && rest.iter().all(inner),
        _ => false,
    }
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(String);

        impl $name {
            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if is_word(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { expected: $expected })
                }
            }
        }
    };
}

word! {
    /// A stream: the events of one configured kind, `[a-z0-9][a-z0-9._-]{0,62}`.
    StreamName, "a stream name of 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit"
}

word! {
    /// A record class, spelled like a stream. Its meaning is the policy's.
    ClassName, "a record class of 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit"
}

word! {
    /// A legal hold's opaque id, spelled like a stream.
    HoldId, "a hold id of 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit"
}

word! {
    /// A check of the store's locks, spelled like a stream.
    CheckName, "a check of 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit"
}

word! {
    /// An officer's opaque id, spelled like a stream.
    OfficerId, "an officer's id of 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit"
}

word! {
    /// What an officer answers for, such as `legal`, spelled like a stream.
    OfficerRole, "an officer's role of 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit"
}

word! {
    /// What starts a clock, such as `account-closed`, spelled like a stream.
    EventName, "an event of 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit"
}

word! {
    /// What an officer decided about, such as `policy.set`, spelled like a stream.
    ActName, "an act of 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit"
}

word! {
    /// A disposition order's opaque id, spelled like a stream.
    OrderId, "an order's id of 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit"
}

/// Longest key that every S3 store takes, in bytes.
const MAX_OBJECT_KEY_BYTES: usize = 1_024;

/// Where an object lies below the archive's prefix: `/`-separated parts of RFC 3986 unreserved
/// characters and `%`, none of them empty, `.` or `..`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ObjectKey {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
        let part = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(plain);
        if text.len() <= MAX_OBJECT_KEY_BYTES && text.split('/').all(part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError { expected: "an object key of plain parts between slashes" })
        }
    }
}

/// Keeps the digest that names a period key from being one of anything else.
const PERIOD_LABEL: &[u8] = b"strongroom/period/v1\0";

/// One generation of one period key: `<32 hex digits>/<generation>`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PeriodKeyName {
    /// Derived from stream, class and month (`FORMAT.md`, section 11).
    pub id: [u8; 16],
    /// Counts re-wrappings from 0.
    pub generation: u64,
}

impl PeriodKeyName {
    /// Names the key of a stream and class for the month, in UTC, that `day` lies in.
    pub fn of(stream: &StreamName, class: &ClassName, day: Instant, generation: u64) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(PERIOD_LABEL);
        for name in [stream.as_str(), class.as_str()] {
            // INVARIANT: a name has at most 63 bytes.
            hasher.update(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
            hasher.update(name.as_bytes());
        }
        let (year, month, _) = day.date();
        hasher.update(format!("{year:04}-{month:02}").as_bytes());
        let digest = hasher.finish();
        let mut id = [0; 16];
        id.iter_mut().zip(digest.as_bytes()).for_each(|(byte, of)| *byte = *of);
        Self { id, generation }
    }
}

impl fmt::Display for PeriodKeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", hex::encode(&self.id), self.generation)
    }
}

impl FromStr for PeriodKeyName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/');
        parts
            .and_then(|(id, generation)| hex::decode_array(id).ok().zip(decimal::parse(generation)))
            .map(|(id, generation)| Self { id, generation })
            .ok_or(NameError { expected: "a period key as `<32 hex digits>/<generation>`" })
    }
}

/// Greatest number of shards: it bounds the windows that the state keeps, and is far above the
/// number of workers that one log can serve.
pub const MAX_SHARDS: u16 = 1_024;

/// One of `of` workers that share the streams: `index/of`, index from 0 (the index of a
/// Kubernetes indexed Job).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Shard {
    index: u16,
    of: u16,
}

impl Shard {
    /// The only worker.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Takes an index below `of`, and `of` up to [`MAX_SHARDS`].
    pub const fn new(index: u16, of: u16) -> Option<Self> {
        if index < of && of <= MAX_SHARDS { Some(Self { index, of }) } else { None }
    }

    /// Which of them, from 0.
    pub const fn index(self) -> u16 {
        self.index
    }

    /// How many there are.
    pub const fn of(self) -> u16 {
        self.of
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text| decimal::parse(text).and_then(|number| u16::try_from(number).ok());
        text.split_once('/')
            .and_then(|(index, of)| Self::new(number(index)?, number(of)?))
            .ok_or(NameError { expected: "a shard as `I/N` with 0 <= I < N <= 1024" })
    }
}

/// What the archive is for. A test archive caps its locks at ten minutes and says so in verdicts.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Environment {
    /// Real duties.
    Production,
    /// Trials.
    Test,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Production => "production",
            Self::Test => "test",
        })
    }
}

impl FromStr for Environment {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "production" => Ok(Self::Production),
            "test" => Ok(Self::Test),
            _ => Err(NameError { expected: "`production` or `test`" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is<T: FromStr + fmt::Display>(text: &str) -> bool {
        let name = text.parse::<T>();
        assert!(name.as_ref().map_or(true, |name| name.to_string() == text), "{text}");
        name.is_ok()
    }

    #[test]
    fn words_are_short_plain_and_lower_case() {
        for text in ["a", "0", "kubernetes-audit", "a.b_c", &"a".repeat(63)] {
            assert!(
                is::<StreamName>(text) && is::<ClassName>(text) && is::<HoldId>(text),
                "{text}"
            );
        }
        for text in ["", "A", "-a", ".", "_a", "a/b", "a b", "a\n", "\u{e9}", &"a".repeat(64)] {
            assert!(!is::<StreamName>(text), "{text}");
        }
    }

    #[test]
    fn an_object_key_cannot_leave_its_prefix() {
        for text in ["a", "segments/s/2026/11/21/x.parquet", "a%2Fb/~c", "..."] {
            assert!(is::<ObjectKey>(text), "{text}");
        }
        for text in ["", "/a", "a/", "a//b", "a/../b", ".", "a\\b", "a b", "\u{e9}", "a?b", "a\0"] {
            assert!(!is::<ObjectKey>(text), "{text}");
        }
        assert!(is::<ObjectKey>(&"a".repeat(1_024)) && !is::<ObjectKey>(&"a".repeat(1_025)));
    }

    #[test]
    fn compound_names_have_one_spelling() {
        let id = "00112233445566778899aabbccddeeff";
        assert!(is::<PeriodKeyName>(&format!("{id}/0")));
        for text in [id.to_owned(), format!("{id}/"), format!("{id}/00"), format!("{id}/0/0")] {
            assert!(!is::<PeriodKeyName>(&text), "{text}");
        }
        for text in ["0/1", "1023/1024"] {
            assert!(is::<Shard>(text), "{text}");
        }
        for text in ["", "1/1", "0/0", "0", "00/1", "0/1025", "-1/2", "0/65537", "+0/1"] {
            assert!(!is::<Shard>(text), "{text}");
        }
    }

    #[test]
    fn a_period_key_is_named_by_stream_class_and_month() {
        let name = |stream: &str, class: &str, day: &str| {
            let day = format!("{day}T23:59:59.999Z").parse().unwrap();
            PeriodKeyName::of(&stream.parse().unwrap(), &class.parse().unwrap(), day, 2)
        };
        let input = b"strongroom/period/v1\0\0\x01s\0\x0cunclassified2026-02";
        let digest = hex::encode(&crate::digest::Digest::of(input).as_bytes()[..16]);
        let named = name("s", "unclassified", "2026-02-28").to_string();
        assert_eq!(named, format!("{digest}/2"));
        assert_eq!(named, name("s", "unclassified", "2026-02-01").to_string());
        assert_ne!(named, name("s", "unclassified", "2026-03-01").to_string());
        assert_ne!(name("ab", "c", "2026-02-01"), name("a", "bc", "2026-02-01"));
    }

    #[test]
    fn an_archive_is_for_one_thing_or_the_other() {
        assert!(!is::<Environment>("prod") && is::<Environment>("test"));
    }
}
