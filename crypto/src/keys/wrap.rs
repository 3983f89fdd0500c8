//! Keys under keys: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D).

use std::fmt;

use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{Aead as _, Payload},
};
use zeroize::Zeroizing;

use super::{DataKey, Entropy, Kek, PeriodKey};
use crate::id::{ArchiveId, SegmentId};

/// A wrapped secret: nonce, 32 bytes of ciphertext, tag.
const SEALED_BYTES: usize = 12 + 32 + 16;
/// Keeps the key of details from being that of anything else.
const DETAIL_LABEL: &[u8] = b"strongroom/detail-key/v1";

/// Why a key could not be wrapped or unwrapped.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WrapError {
    /// The bytes have the wrong length or name no segment.
    #[error("malformed wrapped key")]
    Malformed,
    /// The key belongs to another archive.
    #[error("wrapped key is of archive `{found}`, not `{expected}`")]
    Archive {
        /// The archive at hand.
        expected: ArchiveId,
        /// The archive that the wrapped key names.
        found: ArchiveId,
    },
    /// The key belongs to another segment.
    #[error("wrapped key is of segment `{found}`, not `{expected}`")]
    Segment {
        /// The segment at hand.
        expected: SegmentId,
        /// The segment that the wrapped key names.
        found: SegmentId,
    },
    /// The wrapping key or the context is another one, or the bytes were altered.
    #[error("wrapped key does not open with this key and context")]
    Open,
    /// The context is longer than the cipher allows (64 GiB).
    #[error("context of a wrapped key is too long")]
    Context,
}

/// A data key wrapped under its period key, naming the archive and segment it belongs to. These bytes
/// stand in the segment: an outside KMS client gets nothing else.
#[derive(Clone, Eq, PartialEq)]
pub struct WrappedDek {
    archive: ArchiveId,
    segment: SegmentId,
    sealed: [u8; SEALED_BYTES],
}

impl WrappedDek {
    /// The length of its bytes.
    pub const BYTES: usize = 16 + 16 + SEALED_BYTES;

    /// Reads archive id, segment id, nonce, ciphertext and tag.
    ///
    /// # Errors
    ///
    /// Refuses any other length and a segment id that is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WrapError> {
        let (archive, rest) = bytes.split_first_chunk::<16>().ok_or(WrapError::Malformed)?;
        let (segment, sealed) = rest.split_first_chunk::<16>().ok_or(WrapError::Malformed)?;
        Ok(Self {
            archive: ArchiveId::from_bytes(*archive),
            segment: SegmentId::from_bytes(*segment).map_err(|_| WrapError::Malformed)?,
            sealed: sealed.try_into().map_err(|_| WrapError::Malformed)?,
        })
    }

    /// The bytes that [`WrappedDek::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.archive.as_bytes().as_slice(), self.segment.as_bytes(), &self.sealed].concat()
    }

    /// The archive it names.
    pub fn archive(&self) -> ArchiveId {
        self.archive
    }

    /// The segment it names.
    pub fn segment(&self) -> SegmentId {
        self.segment
    }
}

impl fmt::Debug for WrappedDek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wrapped = f.debug_struct("WrappedDek");
        wrapped.field("archive", &self.archive).field("segment", &self.segment);
        wrapped.finish_non_exhaustive()
    }
}

impl PeriodKey {
    /// Wraps the data key of a segment.
    ///
    /// # Errors
    ///
    /// None in practice: the cipher takes every input of this length.
    pub fn wrap(
        &self,
        dek: &DataKey,
        archive: ArchiveId,
        segment: SegmentId,
        entropy: &mut dyn Entropy,
    ) -> Result<WrappedDek, WrapError> {
        let sealed = seal(self.expose(), dek.expose(), &dek_context(archive, segment), entropy)?;
        let sealed = sealed.try_into().map_err(|_| WrapError::Malformed)?;
        Ok(WrappedDek { archive, segment, sealed })
    }

    /// Unwraps the data key of this segment of this archive.
    ///
    /// # Errors
    ///
    /// Refuses a key that names another archive or segment, and one that does not open.
    pub fn unwrap(
        &self,
        wrapped: &WrappedDek,
        archive: ArchiveId,
        segment: SegmentId,
    ) -> Result<DataKey, WrapError> {
        if wrapped.archive != archive {
            return Err(WrapError::Archive { expected: archive, found: wrapped.archive });
        }
        if wrapped.segment != segment {
            return Err(WrapError::Segment { expected: segment, found: wrapped.segment });
        }
        let dek = open(self.expose(), &wrapped.sealed, &dek_context(archive, segment))?;
        Ok(DataKey::from_bytes(&dek))
    }
}

impl Kek {
    /// Wraps a secret: nonce, ciphertext and tag. `context` is authenticated, not stored; it says what
    /// the secret is, so that one stored key can't stand in for another.
    ///
    /// # Errors
    ///
    /// Refuses only a context over the cipher's limit of 64 GiB.
    pub fn wrap(
        &self,
        secret: &[u8; 32],
        context: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, WrapError> {
        seal(self.expose(), secret, context, entropy)
    }

    /// Unwraps a secret that was wrapped with the same context.
    ///
    /// # Errors
    ///
    /// Refuses any other length, key or context, and altered bytes.
    pub fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Zeroizing<[u8; 32]>, WrapError> {
        let wrapped = wrapped.try_into().map_err(|_| WrapError::Malformed)?;
        open(self.expose(), wrapped, context)
    }

    /// Seals a text of any length: nonce, ciphertext and tag. Its key is derived for details alone,
    /// so that random nonces are not drawn from the budget of those that wrap keys.
    pub(crate) fn seal_detail(
        &self,
        plain: &[u8],
        context: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, WrapError> {
        seal(&super::derive(self.expose(), DETAIL_LABEL), plain, context, entropy)
    }

    /// Opens what [`Kek::seal_detail`] sealed.
    pub(crate) fn open_detail(
        &self,
        sealed: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        open_any(&super::derive(self.expose(), DETAIL_LABEL), sealed, context)
    }
}

fn dek_context(archive: ArchiveId, segment: SegmentId) -> [u8; 32] {
    let mut context = [0; 32];
    let ids = archive.as_bytes().iter().chain(segment.as_bytes());
    context.iter_mut().zip(ids).for_each(|(byte, id)| *byte = *id);
    context
}

fn seal(
    key: &[u8; 32],
    secret: &[u8],
    context: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, WrapError> {
    let mut nonce = [0; 12];
    entropy.fill(&mut nonce);
    let payload = Payload { msg: secret, aad: context };
    let sealed = Aes256Gcm::new(key.into()).encrypt(&nonce.into(), payload);
    let sealed = sealed.map_err(|_| WrapError::Context)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn open(
    key: &[u8; 32],
    sealed: &[u8; SEALED_BYTES],
    context: &[u8],
) -> Result<Zeroizing<[u8; 32]>, WrapError> {
    let plain = open_any(key, sealed, context)?;
    let secret = plain.as_slice().try_into().map_err(|_| WrapError::Malformed)?;
    Ok(Zeroizing::new(secret))
}

fn open_any(
    key: &[u8; 32],
    sealed: &[u8],
    context: &[u8],
) -> Result<Zeroizing<Vec<u8>>, WrapError> {
    let (nonce, sealed) = sealed.split_first_chunk::<12>().ok_or(WrapError::Malformed)?;
    let payload = Payload { msg: sealed, aad: context };
    let plain = Aes256Gcm::new(key.into()).decrypt(nonce.into(), payload);
    Ok(Zeroizing::new(plain.map_err(|_| WrapError::Open)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(n: u8) -> ArchiveId {
        ArchiveId::from_bytes([n; 16])
    }

    fn segment(n: u8) -> SegmentId {
        SegmentId::new(1, &mut |out: &mut [u8]| out.fill(n)).unwrap()
    }

    fn entropy() -> impl FnMut(&mut [u8]) {
        |out: &mut [u8]| out.fill(9)
    }

    #[test]
    fn a_data_key_opens_for_its_own_segment_alone() {
        let period = PeriodKey::from_bytes(&[1; 32]);
        let dek = DataKey::from_bytes(&[2; 32]);
        let wrapped = period.wrap(&dek, archive(3), segment(4), &mut entropy()).unwrap();
        let read = WrappedDek::from_bytes(&wrapped.to_bytes()).unwrap();
        assert_eq!(read, wrapped);
        assert_eq!(wrapped.to_bytes().len(), WrappedDek::BYTES);
        assert_eq!(period.unwrap(&read, archive(3), segment(4)).unwrap().expose(), &[2; 32]);

        let refused = period.unwrap(&read, archive(5), segment(4)).unwrap_err();
        assert!(matches!(refused, WrapError::Archive { .. }));
        let refused = period.unwrap(&read, archive(3), segment(5)).unwrap_err();
        assert!(matches!(refused, WrapError::Segment { .. }));
        let other = PeriodKey::from_bytes(&[6; 32]);
        assert_eq!(other.unwrap(&read, archive(3), segment(4)).unwrap_err(), WrapError::Open);
        // Renaming the bytes does not help: the names are authenticated.
        let renamed = WrappedDek { archive: archive(5), ..read };
        assert_eq!(period.unwrap(&renamed, archive(5), segment(4)).unwrap_err(), WrapError::Open);
    }

    #[test]
    fn no_altered_wrapped_key_opens() {
        let period = PeriodKey::from_bytes(&[1; 32]);
        let dek = DataKey::from_bytes(&[2; 32]);
        let bytes = period.wrap(&dek, archive(3), segment(4), &mut entropy()).unwrap().to_bytes();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let opened = WrappedDek::from_bytes(&altered)
                .and_then(|wrapped| period.unwrap(&wrapped, archive(3), segment(4)));
            assert!(opened.is_err(), "byte {at}");
        }
        assert!(WrappedDek::from_bytes(&bytes[1..]).is_err());
        assert!(WrappedDek::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
        assert!(WrappedDek::from_bytes(&[]).is_err());
    }

    #[test]
    fn a_kek_opens_only_the_same_context() {
        let kek = Kek::from_bytes(&[1; 32]);
        let wrapped = kek.wrap(&[2; 32], b"period a/1", &mut entropy()).unwrap();
        assert_eq!(wrapped.len(), SEALED_BYTES);
        assert_eq!(*kek.unwrap(&wrapped, b"period a/1").unwrap(), [2; 32]);
        assert_eq!(kek.unwrap(&wrapped, b"period a/2").unwrap_err(), WrapError::Open);
        assert_eq!(kek.unwrap(&wrapped[1..], b"period a/1").unwrap_err(), WrapError::Malformed);
        let other = Kek::from_bytes(&[3; 32]);
        assert_eq!(other.unwrap(&wrapped, b"period a/1").unwrap_err(), WrapError::Open);
    }

    #[test]
    fn the_bytes_are_those_of_another_implementation() {
        // AES-256-GCM by OpenSSL: key 01*32, nonce 09*12, plaintext 02*32, aad "context".
        let kek = Kek::from_bytes(&[1; 32]);
        let wrapped = kek.wrap(&[2; 32], b"context", &mut entropy()).unwrap();
        assert_eq!(
            crate::hex::encode(&wrapped),
            "090909090909090909090909c60d25cccc3204c37d56484dacdf87159bc57cf8369d36e4355a324bec55fdff05d86552fabd1813d90e1e991ffeef68"
        );
    }
}
