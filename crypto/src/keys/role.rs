//! The keys of duties. Each role signs its own kinds of entries, and the log knows the public sides.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::{Entropy, KeyId};

/// A duty that holds a key of its own. Sorted by spelling, as entries and roots are.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Seals segments and keeps the log.
    Archive,
    /// Issues exports.
    Export,
    /// Sets and lifts legal-hold flags.
    Hold,
    /// Extends locks.
    Lock,
    /// Destroys what was ordered to be destroyed.
    Remove,
}

/// A word that names no role.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a role (archive, lock, hold, remove or export), found `{found}`")]
pub struct UnknownRole {
    found: String,
}

impl Role {
    /// Every role, in the order of the key file.
    pub const ALL: [Self; 5] = [Self::Archive, Self::Lock, Self::Hold, Self::Remove, Self::Export];

    /// The word for it in key files and the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Lock => "lock",
            Self::Hold => "hold",
            Self::Remove => "remove",
            Self::Export => "export",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| UnknownRole { found: text.chars().take(40).collect() })
    }
}

/// An Ed25519 key that signs for a role; wiped when dropped.
pub struct RoleKey(SigningKey);

/// The public side of a [`RoleKey`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RolePublic(VerifyingKey);

/// Why a public key or a signature was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RoleKeyError {
    /// Not a point of the curve, or one of small order.
    #[error("not a usable Ed25519 public key")]
    Public,
    /// The signature is not by this key over this message.
    #[error("signature does not verify against role key `{key}`")]
    Signature {
        /// The key.
        key: KeyId,
    },
}

impl RoleKey {
    /// Draws a new key.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    /// Takes the 32-byte seed (RFC 8032 private key).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public side.
    pub fn public(&self) -> RolePublic {
        RolePublic(self.0.verifying_key())
    }

    /// The public name of this key.
    pub fn id(&self) -> KeyId {
        self.public().id()
    }

    /// Signs a message (RFC 8032, pure Ed25519). Callers sign only messages that begin with a label of
    /// their own, so that one can't stand in for another.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// The secret, for the key file alone.
    pub(super) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }
}

impl fmt::Debug for RoleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoleKey({})", self.id())
    }
}

impl RolePublic {
    /// Takes the 32 bytes of an Ed25519 public key.
    ///
    /// # Errors
    ///
    /// Refuses bytes that are no point of the curve and keys of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, RoleKeyError> {
        match VerifyingKey::from_bytes(bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(key)),
            _ => Err(RoleKeyError::Public),
        }
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public name of this key.
    pub fn id(&self) -> KeyId {
        KeyId::derive(b"strongroom/role-key-id/v1\0", self.as_bytes())
    }

    /// Checks a signature strictly: one signature has one spelling.
    ///
    /// # Errors
    ///
    /// Refuses a signature by another key, over another message, or malleable.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), RoleKeyError> {
        let checked = self.0.verify_strict(message, &Signature::from_bytes(signature));
        checked.map_err(|_| RoleKeyError::Signature { key: self.id() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn signatures_are_those_of_rfc_8032() {
        // Section 7.1, test 2: one byte, 0x72.
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        let key = RoleKey::from_seed(&hex::decode_array(seed).unwrap());
        assert_eq!(hex::encode(key.public().as_bytes()), public);
        assert_eq!(hex::encode(&key.sign(&[0x72])), signature);
        let read = RolePublic::from_bytes(&hex::decode_array(public).unwrap()).unwrap();
        assert_eq!(read.id(), key.id());
        read.verify(&[0x72], &key.sign(&[0x72])).unwrap();
        assert!(read.verify(&[0x73], &key.sign(&[0x72])).is_err());
        for bit in 0..512 {
            let mut altered = key.sign(&[0x72]);
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(read.verify(&[0x72], &altered).is_err());
        }
    }

    #[test]
    fn weak_and_impossible_public_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(RolePublic::from_bytes(&identity), Err(RoleKeyError::Public));
        assert_eq!(RolePublic::from_bytes(&[0; 32]), Err(RoleKeyError::Public));
        let mut impossible = [0; 32];
        impossible[0] = 2;
        assert_eq!(RolePublic::from_bytes(&impossible), Err(RoleKeyError::Public));
    }

    #[test]
    fn roles_read_as_they_print() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse::<Role>(), Ok(role));
        }
        let mut sorted = Role::ALL;
        sorted.sort();
        assert!(sorted.map(Role::as_str).is_sorted());
        assert!("Archive".parse::<Role>().is_err());
        let key = RoleKey::generate(&mut |out: &mut [u8]| out.fill(0xa5));
        assert_eq!(format!("{key:?}"), format!("RoleKey({})", key.id()));
    }
}
