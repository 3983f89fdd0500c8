//! The content addresses used everywhere (FIPS 180-4): SHA-256, and SHA-512 beside it for objects.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256, Sha512};

use crate::hex;

/// A SHA-256 digest, printed as lower-case hex.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Takes a digest computed or stored elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first `N` bytes, for names shorter than a digest.
    pub(crate) fn prefix<const N: usize>(&self) -> [u8; N] {
        const { assert!(N <= 32, "a digest has 32 bytes") };
        let mut prefix = [0; N];
        prefix.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        prefix
    }
}

/// SHA-256 over bytes that arrive in pieces.
#[derive(Clone, Debug, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Starts over nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything appended.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// A SHA-512 digest, printed as lower-case hex: the second witness of an object's bytes.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Sha512Digest([u8; 64]);

impl Sha512Digest {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha512::digest(bytes).into())
    }

    /// Takes a digest computed or stored elsewhere.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The raw digest.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl fmt::Display for Sha512Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Sha512Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha512Digest({self})")
    }
}

/// A string that is not a digest.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected {digits} lower-case hex digits, found `{found}`")]
pub struct ParseDigestError {
    digits: usize,
    found: String,
}

/// How much of a refused string an error repeats, in characters: one digest and a little more.
const MAX_ECHO_CHARS: usize = 132;

impl ParseDigestError {
    fn new(digits: usize, text: &str) -> Self {
        Self { digits, found: text.chars().take(MAX_ECHO_CHARS).collect() }
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::decode_array(text).map(Self).map_err(|_| ParseDigestError::new(64, text))
    }
}

impl FromStr for Sha512Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::decode_array(text).map(Self).map_err(|_| ParseDigestError::new(128, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_nothing_is_the_published_vector() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), text);
        assert_eq!(text.parse::<Digest>().unwrap(), Digest::of(b""));
    }

    #[test]
    fn digests_of_abc_are_the_published_vectors() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), text);
        let text = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                    2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(Sha512Digest::of(b"abc").to_string(), text);
        assert_eq!(text.parse::<Sha512Digest>().unwrap(), Sha512Digest::of(b"abc"));
    }

    #[test]
    fn pieces_hash_like_the_whole() {
        let mut hasher = Hasher::new();
        hasher.update(b"a");
        hasher.update(b"");
        hasher.update(b"bc");
        assert_eq!(hasher.finish(), Digest::of(b"abc"));
    }

    #[test]
    fn upper_case_hex_is_refused_so_that_an_address_has_one_spelling() {
        let text = Digest::of(b"").to_string().to_uppercase();
        assert!(text.parse::<Digest>().is_err());
        let text = "0".repeat(1_000);
        let error = text.parse::<Digest>().unwrap_err().to_string();
        assert!(error.len() < 200, "{error}");
    }
}
