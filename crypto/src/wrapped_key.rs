//! Period and origin keys as they are stored: wrapped under the key-encryption key, each with
//! the name that it may be used by (`FORMAT.md`, section 11).

use std::fmt;

use zeroize::Zeroizing;

use crate::{
    b64, hex,
    id::ArchiveId,
    json::{JsonError, ObjectReader, object, text},
    keys::{Entropy, Kek, KeyId, WrapError},
    name::PeriodKeyName,
};

/// Longest wrapped key object in bytes; a real one has about 350.
pub const MAX_WRAPPED_KEY_BYTES: usize = 4_096;

/// Keeps a wrapped key from opening in any other place of the program.
const CONTEXT_LABEL: &[u8] = b"strongroom/wrap/v1\0";

/// The id of every origin key: there is one, in generations.
const ORIGIN_ID: &str = "origin";

/// Nonce, key and tag of AES-256-GCM.
const SEALED_BYTES: usize = 12 + 32 + 16;

/// Which key it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoredKey {
    /// One generation of a period key.
    Period(PeriodKeyName),
    /// One generation of the key of origin handles.
    Origin {
        /// Counts from 0.
        generation: u64,
    },
}

/// A stored key as read: nothing in it is a secret without the key-encryption key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrappedKey {
    archive_id: ArchiveId,
    key: StoredKey,
    kek_id: KeyId,
    sealed: [u8; SEALED_BYTES],
}

/// Why a stored key does not open.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WrappedKeyError {
    /// Not the structure.
    #[error("wrapped key is malformed: {0}")]
    Malformed(#[from] JsonError),
    /// Wrapped under another key-encryption key.
    #[error("key `{key}` is wrapped under KEK `{needed}`, the one at hand is `{given}`")]
    OtherKek {
        /// Which key.
        key: StoredKey,
        /// The id of the KEK that opens it.
        needed: KeyId,
        /// The id of the KEK tried.
        given: KeyId,
    },
    /// Another archive's key, or another key, in this place.
    #[error("found key `{found}` of archive `{archive_id}` in the place of `{expected}`")]
    OtherKey {
        /// The key looked for.
        expected: StoredKey,
        /// The key found.
        found: StoredKey,
        /// Its archive.
        archive_id: ArchiveId,
    },
    /// Altered, or a KEK that only has the same id.
    #[error("key `{key}`: {reason}")]
    Wrap {
        /// Which key.
        key: StoredKey,
        /// What failed.
        reason: WrapError,
    },
}

impl StoredKey {
    /// Which wrapping it is.
    pub const fn generation(self) -> u64 {
        match self {
            Self::Period(name) => name.generation,
            Self::Origin { generation } => generation,
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Period(_) => "period",
            Self::Origin { .. } => "origin",
        }
    }

    fn id(self) -> String {
        match self {
            Self::Period(name) => hex::encode(&name.id),
            Self::Origin { .. } => ORIGIN_ID.to_owned(),
        }
    }

    /// What the wrapping authenticates beside the key.
    fn context(self, archive_id: ArchiveId) -> Vec<u8> {
        let mut context = [CONTEXT_LABEL, archive_id.as_bytes()].concat();
        for name in [self.kind(), &self.id()] {
            // INVARIANT: both are of constant length, far below 2^16.
            context.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
            context.extend(name.as_bytes());
        }
        context.extend(self.generation().to_be_bytes());
        context
    }
}

/// The place below `keys/`, as in `period/<id>/<generation>`.
impl fmt::Display for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Period(name) => write!(f, "period/{name}"),
            Self::Origin { generation } => write!(f, "origin/{generation}"),
        }
    }
}

impl WrappedKey {
    /// Wraps a secret for storage.
    ///
    /// # Errors
    ///
    /// None in practice: the cipher takes every input of this length.
    pub fn wrap(
        kek: &Kek,
        archive_id: ArchiveId,
        key: StoredKey,
        secret: &[u8; 32],
        entropy: &mut dyn Entropy,
    ) -> Result<Self, WrappedKeyError> {
        let failed = |reason| WrappedKeyError::Wrap { key, reason };
        let sealed = kek.wrap(secret, &key.context(archive_id), entropy).map_err(failed)?;
        let sealed = sealed.try_into().map_err(|_| failed(WrapError::Malformed))?;
        Ok(Self { archive_id, key, kek_id: kek.id(), sealed })
    }

    /// Reads the stored bytes.
    ///
    /// # Errors
    ///
    /// Refuses everything but the structure in its one spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, WrappedKeyError> {
        let mut members = ObjectReader::from_bytes(bytes, MAX_WRAPPED_KEY_BYTES)?;
        members.exactly("v", 1)?;
        let generation = members.u64("generation")?;
        let key = match members.text("kind")?.as_str() {
            "period" => StoredKey::Period(PeriodKeyName { id: members.hex("id")?, generation }),
            "origin" => {
                if members.text("id")? != ORIGIN_ID {
                    return Err(members.refused("id", "not `origin`").into());
                }
                StoredKey::Origin { generation }
            }
            _ => return Err(members.refused("kind", "neither `period` nor `origin`").into()),
        };
        let wrapped = Self {
            archive_id: members.parsed("archive_id")?,
            key,
            kek_id: members.parsed("kek_id")?,
            sealed: members.base64("wrapped")?,
        };
        members.finish()?;
        Ok(wrapped)
    }

    /// The canonical bytes: what is stored.
    pub fn encode(&self) -> Vec<u8> {
        object([
            ("archive_id", text(self.archive_id)),
            ("generation", self.key.generation().into()),
            ("id", self.key.id().into()),
            ("kek_id", text(self.kek_id)),
            ("kind", self.key.kind().into()),
            ("v", 1.into()),
            ("wrapped", b64::encode(&self.sealed).into()),
        ])
        .to_canonical()
    }

    /// Which key it says it is.
    pub const fn key(&self) -> StoredKey {
        self.key
    }

    /// Which KEK opens it.
    pub const fn kek_id(&self) -> KeyId {
        self.kek_id
    }

    /// Opens the key that was looked for. The place where it was found proves nothing, so the
    /// caller says which one it expects.
    ///
    /// # Errors
    ///
    /// Refuses another archive's key, another key, another KEK and altered bytes.
    pub fn unwrap(
        &self,
        kek: &Kek,
        archive_id: ArchiveId,
        expected: StoredKey,
    ) -> Result<Zeroizing<[u8; 32]>, WrappedKeyError> {
        if self.archive_id != archive_id || self.key != expected {
            let (found, archive_id) = (self.key, self.archive_id);
            return Err(WrappedKeyError::OtherKey { expected, found, archive_id });
        }
        if self.kek_id != kek.id() {
            let (needed, given) = (self.kek_id, kek.id());
            return Err(WrappedKeyError::OtherKek { key: expected, needed, given });
        }
        kek.unwrap(&self.sealed, &expected.context(archive_id))
            .map_err(|reason| WrappedKeyError::Wrap { key: expected, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARCHIVE: ArchiveId = ArchiveId::from_bytes([7; 16]);
    const ORIGIN: StoredKey = StoredKey::Origin { generation: 3 };
    const PERIOD: StoredKey = StoredKey::Period(PeriodKeyName { id: [0xab; 16], generation: 1 });

    fn kek(n: u8) -> Kek {
        Kek::from_bytes(&[n; 32])
    }

    fn wrap(key: StoredKey) -> WrappedKey {
        let mut entropy = |out: &mut [u8]| out.fill(9);
        WrappedKey::wrap(&kek(1), ARCHIVE, key, &[2; 32], &mut entropy).unwrap()
    }

    #[test]
    fn a_key_opens_under_its_own_name_alone() {
        for key in [PERIOD, ORIGIN] {
            let read = WrappedKey::parse(&wrap(key).encode()).unwrap();
            assert_eq!(read, wrap(key));
            assert_eq!(read.unwrap(&kek(1), ARCHIVE, key).as_deref(), Ok(&[2; 32]));
        }
        let next = StoredKey::Origin { generation: 4 };
        for (archive, expected) in
            [(ARCHIVE, PERIOD), (ARCHIVE, next), (ArchiveId::from_bytes([8; 16]), ORIGIN)]
        {
            let refused = wrap(ORIGIN).unwrap(&kek(1), archive, expected);
            assert!(matches!(refused, Err(WrappedKeyError::OtherKey { .. })));
        }
        let renamed = WrappedKey { key: next, ..wrap(ORIGIN) };
        let refused = renamed.unwrap(&kek(1), ARCHIVE, next);
        assert_eq!(refused, Err(WrappedKeyError::Wrap { key: next, reason: WrapError::Open }));
    }

    #[test]
    fn another_kek_is_refused_with_both_names() {
        let error = wrap(PERIOD).unwrap(&kek(2), ARCHIVE, PERIOD).unwrap_err().to_string();
        assert!(error.contains(&kek(1).id().to_string()), "{error}");
        assert!(error.contains(&kek(2).id().to_string()), "{error}");
        assert!(error.contains("period/abababababababababababababababab/1"), "{error}");
    }

    #[test]
    fn the_context_has_the_bytes_of_the_format() {
        let expected = [
            b"strongroom/wrap/v1\0".as_slice(),
            &[7; 16],
            b"\x00\x06origin\x00\x06origin",
            &[0, 0, 0, 0, 0, 0, 0, 3],
        ];
        assert_eq!(ORIGIN.context(ARCHIVE), expected.concat());
    }

    #[test]
    fn every_altered_byte_is_refused() {
        let bytes = wrap(PERIOD).encode();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let opened = WrappedKey::parse(&altered)
                .and_then(|wrapped| wrapped.unwrap(&kek(1), ARCHIVE, PERIOD));
            assert!(opened.is_err(), "byte {at}");
        }
        let origin = String::from_utf8(wrap(ORIGIN).encode()).unwrap();
        let other = origin.replace("\"id\":\"origin\"", "\"id\":\"0rigin\"");
        assert!(matches!(WrappedKey::parse(other.as_bytes()), Err(WrappedKeyError::Malformed(_))));
    }
}
