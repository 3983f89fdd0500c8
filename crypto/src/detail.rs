//! What an entry must not say: names, matters, queries. It stands beside the log, encrypted, and can
//! be erased without the log losing anything (`FORMAT.md`, section 11).

use crate::{
    b64,
    id::ArchiveId,
    json::{JsonError, ObjectReader, object, text},
    keys::{Entropy, Kek, KeyId, WrapError},
};

/// Longest detail in bytes: the file that an officer may attach to a matter is not one.
pub const MAX_DETAIL_BYTES: usize = 1 << 20;
/// Longest sealed detail: base64 and the members around it.
pub const MAX_SEALED_BYTES: usize = MAX_DETAIL_BYTES / 2 * 3;

const LABEL: &str = "strongroom/detail/v1\0";

/// Why a detail is not to be had.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DetailError {
    /// Not the structure.
    #[error("detail is malformed: {0}")]
    Malformed(#[from] JsonError),
    /// Another archive's.
    #[error("detail is of archive `{found}`, not `{expected}`")]
    Archive {
        /// The archive at hand.
        expected: ArchiveId,
        /// The one that it names.
        found: ArchiveId,
    },
    /// Sealed under another key.
    #[error("detail is sealed under KEK `{found}`, the one at hand is `{expected}`")]
    Kek {
        /// The key at hand.
        expected: KeyId,
        /// The key that it names.
        found: KeyId,
    },
    /// It does not open.
    #[error("detail: {0}")]
    Wrap(#[from] WrapError),
    /// It is too long to be kept.
    #[error("a detail has at most {MAX_DETAIL_BYTES} bytes")]
    Long,
}

/// Seals a detail of a kind (`hold`, `officers`, …). Its digest stands in the entry.
///
/// # Errors
///
/// Refuses more than [`MAX_DETAIL_BYTES`].
pub fn seal(
    kek: &Kek,
    archive: ArchiveId,
    kind: &str,
    plain: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, DetailError> {
    if plain.len() > MAX_DETAIL_BYTES {
        return Err(DetailError::Long);
    }
    let sealed = kek.seal_detail(plain, &context(archive, kind), entropy)?;
    Ok(object([
        ("archive_id", text(archive)),
        ("kek_id", text(kek.id())),
        ("kind", kind.into()),
        ("sealed", b64::encode(&sealed).into()),
        ("v", 1.into()),
    ])
    .to_canonical())
}

/// Opens a detail of this archive and kind.
///
/// # Errors
///
/// [`DetailError`].
pub fn open(
    kek: &Kek,
    archive: ArchiveId,
    kind: &str,
    bytes: &[u8],
) -> Result<zeroize::Zeroizing<Vec<u8>>, DetailError> {
    let mut members = ObjectReader::from_bytes(bytes, MAX_SEALED_BYTES)?;
    members.exactly("v", 1)?;
    let found = members.parsed("archive_id")?;
    let named: KeyId = members.parsed("kek_id")?;
    if members.text("kind")? != kind {
        return Err(members.refused("kind", "another than was asked for").into());
    }
    let sealed = b64::decode(&members.text("sealed")?)
        .map_err(|error| members.refused("sealed", error.to_string()))?;
    members.finish()?;
    if found != archive {
        return Err(DetailError::Archive { expected: archive, found });
    }
    if named != kek.id() {
        return Err(DetailError::Kek { expected: kek.id(), found: named });
    }
    Ok(kek.open_detail(&sealed, &context(archive, kind))?)
}

fn context(archive: ArchiveId, kind: &str) -> Vec<u8> {
    [LABEL.as_bytes(), archive.as_bytes(), kind.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(n: u8) -> ArchiveId {
        ArchiveId::from_bytes([n; 16])
    }

    #[test]
    fn a_detail_opens_for_its_own_archive_and_kind_alone() {
        let kek = Kek::from_bytes(&[1; 32]);
        let sealed =
            seal(&kek, archive(2), "hold", b"matter 7", &mut |out: &mut [u8]| out.fill(3)).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"matter"));
        assert_eq!(open(&kek, archive(2), "hold", &sealed).unwrap().as_slice(), b"matter 7");
        let other = open(&kek, archive(4), "hold", &sealed).unwrap_err();
        assert!(matches!(other, DetailError::Archive { .. }));
        assert!(open(&kek, archive(2), "officers", &sealed).is_err());
        let stranger = Kek::from_bytes(&[9; 32]);
        let other = open(&stranger, archive(2), "hold", &sealed).unwrap_err();
        assert!(matches!(other, DetailError::Kek { .. }));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(open(&kek, archive(2), "hold", &altered).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_detail_has_a_bound() {
        let kek = Kek::from_bytes(&[1; 32]);
        let mut entropy = |out: &mut [u8]| out.fill(3);
        let longest = vec![0; MAX_DETAIL_BYTES];
        let sealed = seal(&kek, archive(2), "hold", &longest, &mut entropy).unwrap();
        assert!(sealed.len() <= MAX_SEALED_BYTES);
        let longer = vec![0; MAX_DETAIL_BYTES + 1];
        assert_eq!(seal(&kek, archive(2), "hold", &longer, &mut entropy), Err(DetailError::Long));
    }
}
