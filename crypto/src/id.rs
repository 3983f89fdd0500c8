//! Names of archives and segments.

use std::{fmt, str::FromStr};

use crate::{hex, keys::Entropy};

/// Names one archive, which is one tenant, one log and one prefix of a bucket. Random; printed as
/// 32 lower-case hex digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ArchiveId([u8; 16]);

/// Names one segment: a UUID of version 7 (RFC 9562, section 5.7), printed in lower case with hyphens.
/// Ids of later milliseconds sort later.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SegmentId([u8; 16]);

/// Why an id was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdError {
    /// Not an archive id.
    #[error("expected an archive id of 32 lower-case hex digits, found `{found}`")]
    Archive {
        /// What was found.
        found: String,
    },
    /// Not a segment id.
    #[error("expected a segment id, a lower-case UUID of version 7, found `{found}`")]
    Segment {
        /// What was found.
        found: String,
    },
    /// A time that a UUID of version 7 can't hold.
    #[error("{unix_ms} ms is beyond the year 10889, where segment ids end")]
    Time {
        /// Milliseconds since 1970.
        unix_ms: u64,
    },
}

/// How much of a refused id an error repeats, in characters: one UUID and a little more.
const MAX_ECHO_CHARS: usize = 40;

/// Milliseconds have 48 bits in a UUID of version 7.
const MAX_UNIX_MS: u64 = 0xffff_ffff_ffff;

impl ArchiveId {
    /// Draws a new id.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut id = [0; 16];
        entropy.fill(&mut id);
        Self(id)
    }

    /// Takes the 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl SegmentId {
    /// Draws a new id for the given millisecond since 1970.
    ///
    /// # Errors
    ///
    /// Refuses a time over 48 bits.
    pub fn new(unix_ms: u64, entropy: &mut dyn Entropy) -> Result<Self, IdError> {
        if unix_ms > MAX_UNIX_MS {
            return Err(IdError::Time { unix_ms });
        }
        let [_, _, time @ ..] = unix_ms.to_be_bytes();
        let mut random = [0; 10];
        entropy.fill(&mut random);
        let [version, second, variant, rest @ ..] = random;
        let mut id = [0; 16];
        let parts = time.into_iter().chain([version & 0x0f | 0x70, second, variant & 0x3f | 0x80]);
        for (byte, part) in id.iter_mut().zip(parts.chain(rest)) {
            *byte = part;
        }
        Ok(Self(id))
    }

    /// Takes the 16 bytes.
    ///
    /// # Errors
    ///
    /// Refuses another version or variant of UUID.
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, IdError> {
        let [_, _, _, _, _, _, version, _, variant, ..] = bytes;
        if version >> 4 == 7 && variant >> 6 == 2 {
            Ok(Self(bytes))
        } else {
            Err(IdError::Segment { found: hex::encode(&bytes) })
        }
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The millisecond since 1970 that it was drawn for.
    pub fn unix_ms(&self) -> u64 {
        self.0.iter().take(6).fold(0, |ms, byte| ms << 8 | u64::from(*byte))
    }
}

impl fmt::Display for ArchiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for ArchiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArchiveId({self})")
    }
}

impl FromStr for ArchiveId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let refuse = |_| IdError::Archive { found: echo(text) };
        hex::decode_array(text).map(Self).map_err(refuse)
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SegmentId({self})")
    }
}

impl FromStr for SegmentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let refuse = || IdError::Segment { found: echo(text) };
        let digits = text.replace('-', "");
        let id = hex::decode_array(&digits).map_err(|_| refuse())?;
        let id = Self::from_bytes(id).map_err(|_| refuse())?;
        // One spelling: hyphens elsewhere do not print back.
        if id.to_string() == text { Ok(id) } else { Err(refuse()) }
    }
}

fn echo(text: &str) -> String {
    text.chars().take(MAX_ECHO_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_id_carries_its_time_like_the_example_of_rfc_9562() {
        // Appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F at 2022-02-22T19:22:22Z.
        let random = [0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f];
        let id = SegmentId::new(1_645_557_742_000, &mut |out: &mut [u8]| {
            out.copy_from_slice(&random);
        });
        let id = id.unwrap();
        assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
        assert_eq!(id.unix_ms(), 1_645_557_742_000);
        assert_eq!(id.to_string().parse::<SegmentId>().unwrap(), id);
        assert_eq!(SegmentId::from_bytes(*id.as_bytes()).unwrap(), id);
    }

    #[test]
    fn any_entropy_gives_version_7_and_later_ids_sort_later() {
        let mut last: Option<SegmentId> = None;
        for (ms, fill) in [(0, 0xff_u8), (1, 0x00), (MAX_UNIX_MS, 0xa5)] {
            let id = SegmentId::new(ms, &mut |out: &mut [u8]| out.fill(fill)).unwrap();
            assert_eq!(id.to_string().parse::<SegmentId>().unwrap(), id);
            assert!(last.is_none_or(|last| last < id));
            last = Some(id);
        }
        assert!(SegmentId::new(MAX_UNIX_MS + 1, &mut |out: &mut [u8]| out.fill(0)).is_err());
    }

    #[test]
    fn other_spellings_and_other_uuids_are_refused() {
        for text in [
            "",
            "017f22e279b07cc398c4dc0c0c07398f",
            "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
            "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3-18c4-dc0c0c07398f",
            "017f22e27-9b0-7cc3-98c4-dc0c0c07398f",
            "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        ] {
            assert!(text.parse::<SegmentId>().is_err(), "{text}");
        }
        let id = ArchiveId::generate(&mut |out: &mut [u8]| out.fill(0xab));
        assert_eq!(id.to_string(), "ab".repeat(16));
        assert_eq!(id.to_string().parse::<ArchiveId>().unwrap(), id);
        assert!("AB".repeat(16).parse::<ArchiveId>().is_err());
        assert!("ab".repeat(15).parse::<ArchiveId>().is_err());
    }
}
