//! The keys of signed notes and their text form, the vkey.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use zeroize::Zeroizing;

use super::NoteError;
use crate::{b64, digest::Hasher, hex};

/// The signature type byte of plain Ed25519 in key ids and vkeys.
const ED25519: u8 = 0x01;

/// Who may have signed a note: a name, an Ed25519 key and the id computed from both.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl VerifierKey {
    /// Names a public key.
    ///
    /// # Errors
    ///
    /// Refuses a malformed name, bytes that are no point of the curve and keys of small order.
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        let key = VerifyingKey::from_bytes(public)
            .map_err(|_| NoteError::VerifierKey("not an Ed25519 public key"))?;
        if key.is_weak() {
            return Err(NoteError::VerifierKey("Ed25519 public key of small order"));
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, &key), key })
    }

    /// The name, in logs the origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256(name || 0x0A || 0x01 || public key), first four bytes, big-endian.
    pub fn key_id(&self) -> u32 {
        self.id
    }

    /// The 32 bytes of the public key.
    pub fn public_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    pub(super) fn is_called(&self, name: &str, id: u32) -> bool {
        self.name == name && self.id == id
    }

    pub(super) fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let signature = Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.key.verify_strict(text, &signature).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut encoded = vec![ED25519];
        encoded.extend_from_slice(self.key.as_bytes());
        let id = hex::encode(&self.id.to_be_bytes());
        write!(f, "{}+{id}+{}", self.name, b64::encode(&encoded))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(vkey: &str) -> Result<Self, NoteError> {
        let refuse = NoteError::VerifierKey;
        let (name, rest) = vkey.split_once('+').ok_or(refuse("expected name+id+key"))?;
        let (id, encoded) = rest.split_once('+').ok_or(refuse("expected name+id+key"))?;
        let id = hex::decode_array(id).map_err(|_| refuse("id is not 8 hex digits"))?;
        let encoded = b64::decode(encoded).map_err(|_| refuse("key is not base64"))?;
        let Some((&ED25519, public)) = encoded.split_first() else {
            return Err(refuse("not an Ed25519 key of type 0x01"));
        };
        let public = public.try_into().map_err(|_| refuse("key has the wrong length"))?;
        let key = Self::new(name, public)?;
        if key.id == u32::from_be_bytes(id) {
            Ok(key)
        } else {
            Err(refuse("id does not fit the key"))
        }
    }
}

/// A named Ed25519 key that signs notes; its seed is wiped when it is dropped.
pub struct SigningKey {
    verifier: VerifierKey,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// Takes the 32-byte seed (RFC 8032 private key).
    ///
    /// # Errors
    ///
    /// Refuses a malformed name.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        Ok(Self { verifier: VerifierKey::new(name, key.verifying_key().as_bytes())?, key })
    }

    /// The public side.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(super) fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.key.sign(text).to_bytes()
    }

    /// The secret, for the key file alone.
    pub(crate) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("name", &self.verifier.name).finish_non_exhaustive()
    }
}

/// Key names are not empty and have no Unicode space, plus sign or control character.
pub(crate) fn check_name(name: &str) -> Result<(), NoteError> {
    let foreign = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(foreign) {
        return Err(NoteError::Name { name: name.chars().take(64).collect() });
    }
    Ok(())
}

fn key_id(name: &str, key: &VerifyingKey) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(name.as_bytes());
    hasher.update(&[b'\n', ED25519]);
    hasher.update(key.as_bytes());
    u32::from_be_bytes(hasher.finish().prefix())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn a_vkey_prints_as_it_was_read() {
        let key: VerifierKey = VKEY.parse().unwrap();
        assert_eq!((key.name(), key.to_string().as_str()), ("example.com/foo", VKEY));
        let own = SigningKey::from_seed("example.org/log", &[7; 32]).unwrap();
        let printed = own.verifier().to_string();
        assert_eq!(&printed.parse::<VerifierKey>().unwrap(), own.verifier());
    }

    #[test]
    fn malformed_vkeys_are_refused() {
        let (head, key) = VKEY.rsplit_once('+').unwrap();
        let mut raw = b64::decode(key).unwrap();
        raw[0] = 0x04;
        let cosigner = format!("{head}+{}", b64::encode(&raw));
        let short = format!("{head}+{}", b64::encode(&raw[..32]));
        let zero = format!("{head}+{}", b64::encode(&[&[1_u8][..], &[0; 32]].concat()));
        for vkey in [
            "",
            "example.com/foo",
            head,
            &VKEY.replace("530d903a", "530d903b"),
            &VKEY.replace("530d903a", "530D903A"),
            &VKEY.replace("foo", "bar"),
            &VKEY.replace("example.com/foo", ""),
            &VKEY.replace("example.com/foo", "a b"),
            &VKEY.replace("U2k", "U2l"),
            &format!("{VKEY}\n"),
            &cosigner,
            &short,
            &zero,
        ] {
            assert!(vkey.parse::<VerifierKey>().is_err(), "{vkey}");
        }
    }

    #[test]
    fn a_signing_key_does_not_print_its_seed() {
        let key = SigningKey::from_seed("example.org/log", &[0xa5; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey { name: \"example.org/log\", .. }");
    }
}
