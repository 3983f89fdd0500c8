//! Secrets and what they open: the key hierarchy of an archive.
//!
//! A [`DataKey`] encrypts one segment and stands in it, wrapped under a [`PeriodKey`]; period and
//! origin keys are stored wrapped under the [`Kek`]. Secrets are wiped when dropped, never printed and
//! can't be copied by accident: no secret type has `Clone`.

mod file;
mod material;
mod role;
mod wrap;

pub use file::{KeyFile, KeyFileError};
pub use material::{KeyMaterial, KeyMaterialError};
pub use role::{Role, RoleKey, RoleKeyError, RolePublic, UnknownRole};
pub use wrap::{WrapError, WrappedDek};

use std::{fmt, str::FromStr};

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::{
    digest::Hasher,
    hex::{self, HexError},
};

/// Where random bytes come from. Only a program's `main` asks the operating system; a source that
/// fails ends the program there.
pub trait Entropy {
    /// Fills all of `out` with unpredictable bytes.
    fn fill(&mut self, out: &mut [u8]);
}

impl<F: FnMut(&mut [u8])> Entropy for F {
    fn fill(&mut self, out: &mut [u8]) {
        self(out);
    }
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        // On the heap, so that moving the key does not leave copies behind.
        pub struct $name(Box<[u8; 32]>);

        impl $name {
            /// Draws a new key.
            pub fn generate(entropy: &mut dyn Entropy) -> Self {
                let mut key = Self(Box::new([0; 32]));
                entropy.fill(key.0.as_mut_slice());
                key
            }

            /// Takes the 32 bytes; the caller wipes its own.
            pub fn from_bytes(bytes: &[u8; 32]) -> Self {
                Self(Box::new(*bytes))
            }

            /// The secret itself: for ciphers and key storage only.
            pub fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }

        impl ZeroizeOnDrop for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

secret! {
    /// The key-encryption key of an archive: wraps period and origin keys.
    Kek
}
secret! {
    /// Wraps the data keys of one stream or group, class and month. When its last segment is
    /// destroyed, it goes too.
    PeriodKey
}
secret! {
    /// Encrypts one segment and salts its leaves. Without it no leaf hash can be guessed.
    DataKey
}
secret! {
    /// Turns names of origins into handles that say nothing to whoever lacks it.
    OriginKey
}

/// The public name of a key: eight bytes of a digest, printed as 16 lower-case hex digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The first eight bytes of SHA-256(label || key).
    fn derive(label: &[u8], key: &[u8; 32]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(label);
        hasher.update(key);
        Self(hasher.finish().prefix())
    }

    /// The eight bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex::decode_array(text).map(Self)
    }
}

impl Kek {
    /// The public name of this key.
    pub fn id(&self) -> KeyId {
        KeyId::derive(b"strongroom/kek-id/v1\0", self.expose())
    }
}

/// HKDF-SHA-256 without salt (RFC 5869), 32 bytes of output.
pub(crate) fn derive(secret: &[u8; 32], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    // INVARIANT: HKDF refuses only outputs over 255 digests, and this is one.
    #[expect(clippy::expect_used, reason = "the length is a constant that HKDF accepts")]
    Hkdf::<Sha256>::new(None, secret).expand(info, out.as_mut_slice()).expect("one digest");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn no_secret_prints_itself() {
        let bytes = [0xa5; 32];
        assert_eq!(format!("{:?}", Kek::from_bytes(&bytes)), "Kek(..)");
        assert_eq!(format!("{:?}", PeriodKey::from_bytes(&bytes)), "PeriodKey(..)");
        assert_eq!(format!("{:?}", DataKey::from_bytes(&bytes)), "DataKey(..)");
        assert_eq!(format!("{:?}", OriginKey::from_bytes(&bytes)), "OriginKey(..)");
    }

    #[test]
    fn a_kek_is_named_by_its_digest() {
        let kek = Kek::generate(&mut |out: &mut [u8]| out.fill(7));
        assert_eq!(kek.expose(), &[7; 32]);
        let named = Digest::of(&[b"strongroom/kek-id/v1\0".as_slice(), &[7; 32]].concat());
        assert_eq!(kek.id().as_bytes(), &named.prefix());
        assert_eq!(kek.id().to_string().parse::<KeyId>().unwrap(), kek.id());
        assert!("00".parse::<KeyId>().is_err());
    }
}
