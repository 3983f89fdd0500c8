//! Names of origins in places that live for ever: keyed, so that they say nothing without the key.

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    digest::Digest,
    hex::{self, HexError},
    keys::OriginKey,
    record::{FieldTooLong, put_str16},
};

const PREFIX_LABEL: &[u8] = b"strongroom/prefix/v1\0";

/// Stands for an origin in manifests and entries; printed as 32 lower-case hex digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OriginHandle([u8; 16]);

impl OriginHandle {
    /// Takes the 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for OriginHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for OriginHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OriginHandle({self})")
    }
}

impl FromStr for OriginHandle {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex::decode_array(text).map(Self)
    }
}

impl OriginKey {
    /// HMAC-SHA-256(key, str16 stream || str16 origin), first 16 bytes.
    ///
    /// # Errors
    ///
    /// Refuses names over 65,535 bytes.
    pub fn handle(&self, stream: &str, origin: &str) -> Result<OriginHandle, FieldTooLong> {
        let mut input = Vec::new();
        put_str16(&mut input, "stream", stream.as_bytes())?;
        put_str16(&mut input, "origin", origin.as_bytes())?;
        Ok(OriginHandle(self.mac(&[&input]).prefix()))
    }

    /// HMAC-SHA-256(key, "strongroom/prefix/v1\0" || str16 stream || prefix): tells whether a file
    /// still begins as it did, without saying how. Who can add files to another stream cannot try
    /// out guesses.
    ///
    /// # Errors
    ///
    /// Refuses a stream's name over 65,535 bytes.
    pub fn prefix_mac(&self, stream: &str, prefix: &[u8]) -> Result<Digest, FieldTooLong> {
        let mut name = Vec::new();
        put_str16(&mut name, "stream", stream.as_bytes())?;
        Ok(self.mac(&[PREFIX_LABEL, &name, prefix]))
    }

    fn mac(&self, parts: &[&[u8]]) -> Digest {
        // HMAC fills a short key up to the block of the hash with zeros (RFC 2104).
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(self.expose()).for_each(|(byte, key)| *byte = *key);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        for part in parts {
            mac.update(part);
        }
        Digest::from_bytes(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_another_implementation() {
        // Computed with Python's hmac.
        let key = OriginKey::from_bytes(&[5; 32]);
        let handle = key.handle("kubernetes", "file:audit.log").unwrap();
        assert_eq!(handle.to_string(), "a789172b955fd95e7556b3d5a0af247f");
        assert_eq!(handle.to_string().parse::<OriginHandle>(), Ok(handle));
        assert_eq!(
            key.prefix_mac("kubernetes", b"first line\n").unwrap().to_string(),
            "be058032527e18c25b31fd1fc8240ad46ca184ba20ca7805a9744eb1654e5d01"
        );
    }

    #[test]
    fn names_do_not_run_into_each_other() {
        let key = OriginKey::from_bytes(&[5; 32]);
        assert_ne!(key.handle("ab", "c").unwrap(), key.handle("a", "bc").unwrap());
        let other = OriginKey::from_bytes(&[6; 32]);
        assert_ne!(key.handle("a", "b").unwrap(), other.handle("a", "b").unwrap());
        assert!(key.handle(&"x".repeat(65_536), "").is_err());
        assert!(key.handle("", &"x".repeat(65_536)).is_err());
    }
}
